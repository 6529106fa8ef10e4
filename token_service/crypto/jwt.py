"""Signs and verifies every JWT (RFC 7519, RFC 8725). Nothing else imports PyJWT.

PyJWT does the algorithms, except for signing by ES256, of which two results are right and one is
ours. Everything around them is stricter than a library can be, because each accepted token was made
here: three members in the header, one spelling of every token, and keys and algorithms that come
from the keyring alone. Times, audience and issuer are the domain's.
"""

import functools
import hashlib
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from token_service.crypto import opaque
from token_service.crypto.jwk import PublicKey
from token_service.crypto.keyring import SIGNING_ALGORITHMS, Keyring, SigningKey, VerifyingKey
from token_service.domain.keys import Algorithm

MAX_LENGTH = 8192
LONGEST_ANSWER = 32_768
"""Of a JWT that only carries an answer, and that nobody presents: a profile may be long."""

MAX_DEPTH = 32

_MAX_HEADER_LENGTH = 512
_HEADER_MEMBERS = {"alg", "kid", "typ"}
_KID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_INTEGERS = range(-(2**63), 2**64)
_ALGORITHMS = {name: jwt.get_algorithm_by_name(name) for name in SIGNING_ALGORITHMS}
_NESTING = (dict, list)
_ECDSA = ec.ECDSA(SHA256())
_FOREIGN_ALGORITHMS: dict[str, Any] = {
    **{str(name): algorithm for name, algorithm in _ALGORITHMS.items()},
    # The fully specified name of RFC 9864: no other curve is meant by either here.
    "Ed25519": _ALGORITHMS[Algorithm.EDDSA],
    "HS256": jwt.get_algorithm_by_name("HS256"),
}
# Lengths of r and s, and the order of the curve (RFC 7518 section 3.4, SEC 2 section 2.4.2).
_P256_LENGTH = 32
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class UnknownKey(Exception):
    """A JWT in good form names a key that the keyring has never seen.

    Another worker may have signed it with a key that is newer than this keyring: the caller
    confirms its configuration once, at a limited rate, and then refuses.
    """

    def __init__(self, kid: str) -> None:
        super().__init__(f"unknown key {kid}")
        self.kid = kid


class Verified(NamedTuple):
    """Claims that one of our keys has signed. They may be expired, or meant for somebody else."""

    claims: dict[str, object]
    kid: str


class SignatureCache:
    """Remembers which tokens were verified, at most `capacity`, the least recently used go first.

    An entry says only: this very token, by its SHA-256, carries a valid signature of the key with
    this fingerprint. That stays true for ever, so an entry outlives keyrings and needs no clearing;
    whether the key is still in force is asked of the keyring each time. Tokens are not kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._fingerprints: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._fingerprints)

    def holds(self, token: str, key: VerifyingKey) -> bool:
        """Whether the token was verified with this key before."""
        digest = _digest(token)
        with self._lock:
            if self._fingerprints.get(digest) != key.fingerprint:
                return False
            self._fingerprints.move_to_end(digest)
            return True

    def add(self, token: str, key: VerifyingKey) -> None:
        """Called after the signature and the form of the claims were found right."""
        digest = _digest(token)
        with self._lock:
            self._fingerprints[digest] = key.fingerprint
            self._fingerprints.move_to_end(digest)
            while len(self._fingerprints) > self._capacity:
                self._fingerprints.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """A JWT that lacks nothing but its signature; `signed` is what the signature is of."""

    key: SigningKey = field(repr=False)
    signed: str = field(repr=False)
    longest: int

    def token(self) -> str:
        """The JWT, at most `longest` characters; raises ValueError."""
        token = f"{self.signed}.{opaque.encode(_signature(self.key, self.signed.encode()))}"
        if len(token) > self.longest:
            raise ValueError(f"the token is longer than {self.longest} characters")
        return token


def sign(key: SigningKey, claims: Mapping[str, object], typ: str, longest: int = MAX_LENGTH) -> str:
    """The claims as a signed JWT of type `typ` (RFC 9068 section 2.1: `at+jwt`).

    Raises ValueError or TypeError for claims that `verify` would refuse: too long, nested too deep,
    or with something in them that is not JSON. Instants are numbers; a datetime is refused.
    """
    return draft(key, claims, typ, longest).token()


def draft(
    key: SigningKey, claims: Mapping[str, object], typ: str, longest: int = MAX_LENGTH
) -> Draft:
    """The claims as a JWT that is to be signed; raises as `sign` does, but for the length."""
    payload = orjson.dumps(dict(claims), option=orjson.OPT_PASSTHROUGH_DATETIME)
    # Nothing is nested deeper than there are brackets, and those are counted faster.
    brackets = payload.count(b"{") + payload.count(b"[")
    if brackets > MAX_DEPTH and not _is_shallow(orjson.loads(payload), MAX_DEPTH):
        raise ValueError(f"claims are nested deeper than {MAX_DEPTH}")
    signed = f"{_header_segment(key.algorithm, key.kid, typ)}.{opaque.encode(payload)}"
    return Draft(key, signed, longest)


def verify(
    keyring: Keyring,
    token: str,
    *,
    typ: str,
    now: datetime,
    cache: SignatureCache | None = None,
) -> Verified | None:
    """The claims of a JWT of exactly this type that a key in force at `now` has signed, or None.

    Raises UnknownKey if nothing but the key is wrong before the signature. No input raises anything
    else; KeyUnreadable tells of a keyring without its key-encryption key.
    """
    segments = _segments(token, _MAX_HEADER_LENGTH)
    header = None if segments is None else _header(segments.header)
    if segments is None or header is None or header.typ != typ:
        return None
    key = keyring.verifying_key(header.kid, now)
    if key is not None and cache is not None and cache.holds(token, key):
        return Verified(orjson.loads(opaque.decode(segments.payload) or b""), header.kid)
    parts = _decoded(segments)
    if parts is None:
        return None
    if key is None:
        if keyring.knows(header.kid):
            return None
        raise UnknownKey(header.kid)
    # The algorithm is our key's; the header may only agree (RFC 8725 section 3.1).
    if header.algorithm != key.algorithm:
        return None
    claims = _json_object(parts.payload) if _is_signed(parts, key) else None
    if claims is None:
        return None
    if cache is not None:
        cache.add(token, key)
    return Verified(claims, header.kid)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A JWT that somebody else has made, taken apart: what it says of itself is proved by nothing
    until `is_signed_by` has said yes."""

    header: dict[str, object]
    claims: dict[str, object] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    def is_signed_by(self, algorithm: str, key: PublicKey | bytes) -> bool:
        """Whether the key made the signature; for HS256 the key is the secret's bytes.

        The caller has chosen the key, and proved that the algorithm is one for keys of its kind:
        that a public key is no secret is decided there, not here (RFC 8725 section 3.1).
        """
        return bool(_FOREIGN_ALGORITHMS[algorithm].verify(self.signed, key, self.signature))


def foreign(token: str, longest_header: int) -> Foreign | None:
    """A JWT of somebody else in good form, or None; the bound is of the header as it is encoded.

    Extensions that must be understood are refused, because none is (RFC 7515 section 4.1.11).
    """
    segments = _segments(token, longest_header)
    parts = None if segments is None else _decoded(segments)
    if segments is None or parts is None:
        return None
    encoded = opaque.decode(segments.header)
    header = None if encoded is None else _json_object(encoded)
    claims = _json_object(parts.payload)
    if header is None or claims is None or "crit" in header:
        return None
    return Foreign(header, claims, parts.signed, parts.signature)


class _Segments(NamedTuple):
    """A compact serialisation, taken apart (RFC 7515 section 3.1); all of it is still encoded."""

    header: str
    payload: str
    signature: str


class _Parts(NamedTuple):
    """What its segments say, but for the header, and what was signed."""

    payload: bytes
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Header:
    algorithm: str
    kid: str
    typ: str


def _segments(token: str, longest_header: int) -> _Segments | None:
    """Exactly three; a header that is longer than it may be is refused unread."""
    if len(token) > MAX_LENGTH or not token.isascii() or token.count(".") != 2:
        return None
    segments = _Segments._make(token.split("."))
    return None if len(segments.header) > longest_header else segments


def _decoded(segments: _Segments) -> _Parts | None:
    """Each must be in the one canonical spelling."""
    payload, signature = opaque.decode(segments.payload), opaque.decode(segments.signature)
    if payload is None or signature is None:
        return None
    return _Parts(payload, f"{segments.header}.{segments.payload}".encode(), signature)


@functools.lru_cache(maxsize=128)
def _header(segment: str) -> _Header | None:
    """A header of exactly alg, kid and typ. So there is no `crit`, no `b64`, no `zip`, and nothing
    that brings a key along or tells where to fetch one (`jwk`, `jku`, `x5c`, `x5u`)."""
    data = opaque.decode(segment)
    members = None if data is None else _json_object(data)
    if members is None or members.keys() != _HEADER_MEMBERS:
        return None
    algorithm, kid, typ = members["alg"], members["kid"], members["typ"]
    if not isinstance(algorithm, str) or not isinstance(kid, str) or not isinstance(typ, str):
        return None
    if algorithm not in _ALGORITHMS or _KID.fullmatch(kid) is None:
        return None
    return _Header(algorithm, kid, typ)


@functools.lru_cache(maxsize=128)
def _header_segment(algorithm: str, kid: str, typ: str) -> str:
    return opaque.encode(orjson.dumps({"alg": algorithm, "kid": kid, "typ": typ}))


def _is_signed(parts: _Parts, key: VerifyingKey) -> bool:
    if key.algorithm == Algorithm.ES256 and not _is_in_lower_half(parts.signature):
        return False
    algorithm = _ALGORITHMS[Algorithm(key.algorithm)]
    return algorithm.verify(parts.signed, key.public_key, parts.signature)


def _signature(key: SigningKey, signed: bytes) -> bytes:
    """For ES256 the one of the two signatures r|s and r|(n - s) that has the smaller s.

    Both verify, so anybody could turn one token into a second with the same claims. We make and
    accept the smaller one only: one token is one string.
    """
    if key.algorithm != Algorithm.ES256:
        return _ALGORITHMS[Algorithm(key.algorithm)].sign(signed, key.private_key)
    private_key = cast("ec.EllipticCurvePrivateKey", key.private_key)
    r, s = decode_dss_signature(private_key.sign(signed, _ECDSA))
    smaller = min(s, _P256_ORDER - s)
    return r.to_bytes(_P256_LENGTH, "big") + smaller.to_bytes(_P256_LENGTH, "big")


def _is_in_lower_half(signature: bytes) -> bool:
    s = signature[_P256_LENGTH:]
    return len(s) == _P256_LENGTH and int.from_bytes(s, "big") <= _P256_ORDER // 2


def _json_object(data: bytes) -> dict[str, object] | None:
    """A JSON object in UTF-8 (RFC 8259, RFC 7493) that every parser reads in the same way, or None.

    orjson refuses NaN, infinities, numbers that overflow, lone surrogates, byte order marks and
    bombs, but keeps the last of two equal names and rounds large integers; so json looks for these.
    """
    try:
        value = orjson.loads(data)
        if not isinstance(value, dict) or not _is_shallow(value, MAX_DEPTH):
            return None
        json.loads(data, object_pairs_hook=_distinct, parse_int=_bounded)
    except ValueError:
        return None
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice in an object")
    return members


def _bounded(digits: str) -> int:
    number = int(digits)
    if number not in _INTEGERS:
        raise ValueError("an integer has more than 64 bits")
    return number


def _is_shallow(value: object, depth: int) -> bool:
    """Whether no more than `depth` objects and arrays lie within each other."""
    if not isinstance(value, _NESTING):
        return True
    members = value.values() if isinstance(value, dict) else value
    inner = [member for member in members if isinstance(member, _NESTING)]
    return depth > 0 and all(_is_shallow(member, depth - 1) for member in inner)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
