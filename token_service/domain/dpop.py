"""DPoP proofs (RFC 9449): what one says, and what is wrong with it for a request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from token_service.domain.refusals import Refusal

TYPE = "dpop+jwt"
ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "PS256")
"""For signatures of proofs, as FAPI 2.0 Security Profile section 5.4 says; `Ed25519` is the name of
RFC 9864 for what `EdDSA` means here."""

TOLERANCE = 30
"""Seconds that `iat` may be away from now, either way: a clock that is 10 seconds off passes with
time left for the journey, one that is 60 off does not."""

NONCE_SLICE = 120
"""Seconds for which new nonces are the same. Each is good in its own slice and in the next."""

_NODES_APART = 15
_MAX_INSTANT = 253_402_300_799
_LONGEST_ID = 256
_LONGEST_URL = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_HOST = re.compile(r"[a-z0-9._:-]+", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProofClaims:
    """The claims of a proof (RFC 9449 section 4.2), with their types checked."""

    jti: str
    method: str
    url: str
    issued_at: float
    token_hash: str | None
    nonce: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the request demands of its proof.

    `url` is the one that the client called, without query and fragment. `token_hash` is that of the
    access token that comes with it (`ath`), None where none does. `nonces` are those that are good
    now; with `nonce_required` the proof has one of them.
    """

    method: str
    url: str
    token_hash: str | None
    nonces: frozenset[str]
    nonce_required: bool


def proof_claims(claims: Mapping[str, Any]) -> ProofClaims | None:
    """The claims of a proof, read strictly; None where one is missing or of a wrong type."""
    texts = [claims.get(name) for name in ("jti", "htm", "htu")]
    issued_at, token_hash, nonce = claims.get("iat"), claims.get("ath"), claims.get("nonce")
    if not all(isinstance(text, str) and text for text in texts):
        return None
    jti, method, url = map(str, texts)
    if len(jti) > _LONGEST_ID or len(url) > _LONGEST_URL:
        return None
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        return None
    if not 0 <= issued_at <= _MAX_INSTANT:
        return None
    if not isinstance(token_hash, str | None) or not isinstance(nonce, str | None):
        return None
    return ProofClaims(jti, method, url, issued_at, token_hash, nonce)


def proof_refusal(proof: ProofClaims, expected: Expected, now: datetime) -> Refusal | None:
    """What is wrong with a proof that its key has signed, or None (RFC 9449 section 4.3).

    A nonce of ours says when the proof was made better than the client's clock does (section 8), so
    with one `iat` is not looked at. One that is not good is never overlooked: it is answered with a
    good one. Whether the proof was used before is not known here.
    """
    if proof.method != expected.method:
        return Refusal.PROOF_FOR_ANOTHER_REQUEST
    url = normalised(proof.url)
    if url is None or url != normalised(expected.url):
        return Refusal.PROOF_FOR_ANOTHER_REQUEST
    if expected.token_hash is not None and proof.token_hash != expected.token_hash:
        return Refusal.PROOF_FOR_ANOTHER_TOKEN
    if proof.nonce is None and not expected.nonce_required:
        away = abs(proof.issued_at - now.timestamp())
        return Refusal.PROOF_OUT_OF_TIME if away > TOLERANCE else None
    return None if proof.nonce in expected.nonces else Refusal.NONCE_NEEDED


def remembered_for(proof: ProofClaims, now: datetime) -> float:
    """Seconds from now after which no node would accept the proof anyway, whatever its clock."""
    if proof.nonce is not None:
        return 3 * NONCE_SLICE + _NODES_APART
    return proof.issued_at - now.timestamp() + TOLERANCE + _NODES_APART


def slices(now: datetime) -> tuple[int, int, int]:
    """The slices whose nonces are good: the current one, the one before, and the next.

    The next, because the node that gave a nonce may be some seconds ahead.
    """
    current = int(now.timestamp()) // NONCE_SLICE
    return current, current - 1, current + 1


def normalised(url: str) -> str | None:
    """An http(s) URL without query and fragment in its one spelling; None for what is none.

    Syntax-based and scheme-based normalisation (RFC 3986 sections 6.2.2 and 6.2.3), as RFC 9449
    section 4.3 wants it, so that two ways to write one address are not taken for two.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _DEFAULT_PORTS or "@" in parts.netloc:
        return None
    if _HOST.fullmatch(host) is None:
        return None
    if not url.isascii() or not url.isprintable() or _PATH.fullmatch(parts.path) is None:
        return None
    authority = f"[{host}]" if ":" in host else host
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        authority += f":{port}"
    return f"{parts.scheme}://{authority}{_without_dots(_ENCODED.sub(_plain, parts.path)) or '/'}"


def url_of(issuer: str, path: str) -> str:
    """The URL by which clients know one of our paths; the path is as the server has decoded it.

    By the issuer, never by a `Host` header: whoever sends a request writes that as they like.
    """
    return issuer + quote(path, safe="/!$&'()*+,;=:@~")


def _plain(encoded: re.Match[str]) -> str:
    character = chr(int(encoded[1], 16))
    return character if character in _UNRESERVED else encoded[0].upper()


def _without_dots(path: str) -> str:
    """The path without `.` and `..` segments (RFC 3986 section 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
