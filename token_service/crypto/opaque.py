"""The only maker of randomness, and what opaque values share: encoding, hashing, comparing.

Every random value of the service comes from the operating system's generator through this file;
only asymmetric key pairs are generated elsewhere (`keyring`, by OpenSSL).
"""

import binascii
import hashlib
import hmac
import itertools
import os
import secrets
import zlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

MAX_GRANT_ID = 2**63 - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_events = itertools.count(secrets.randbits(40))
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def new_id(now: datetime) -> str:
    """A new identifier of an account, tenant or session: 32 lowercase hexadecimal characters.

    The layout is a UUIDv7 (RFC 9562 section 5.7) without hyphens: 48 bits of Unix milliseconds, so
    that new rows land together in an index, then 74 random bits. It names a row and is no secret.
    """
    # As secrets.randbits(74), which asks the operating system in the same way and takes longer.
    return _uuid7(now, int.from_bytes(os.urandom(10)) >> 6)


def new_event_id(now: datetime) -> str:
    """The same for an audit event: those of one process sort in the order they were made in.

    A counter leads the random part (RFC 9562 section 6.2, method 1), so that events of one
    millisecond, or of a clock that stands still, keep their order.
    """
    counter = next(_events) % 2**42
    return _uuid7(now, counter << 32 | secrets.randbits(32))


def _uuid7(now: datetime, tail: int) -> str:
    """48 bits of Unix milliseconds, then 74 bits around the version and the variant."""
    milliseconds = (now - _EPOCH) // _MILLISECOND
    version_and_high = 0x7 << 12 | tail >> 62
    variant_and_low = 0b10 << 62 | tail & (2**62 - 1)
    value = milliseconds << 80 | version_and_high << 64 | variant_and_low
    return value.to_bytes(16, "big").hex()


def new_grant_id() -> int:
    """A random grant id, 1 <= id < 2**63."""
    return secrets.randbelow(MAX_GRANT_ID) + 1


def new_bytes(length: int) -> bytes:
    """`length` random bytes."""
    return secrets.token_bytes(length)


def new_letters(alphabet: str, length: int) -> str:
    """`length` random letters, each with the same chance."""
    return "".join(secrets.choice(alphabet) for _ in range(length))


def new_secret(prefix: str) -> str:
    """A new secret for a person or a configuration file to carry, of 256 random bits.

    The form is `prefix` (such as `tss_`), 43 characters of base64url, and a checksum of 6: secret
    scanners find it by `<prefix>[A-Za-z0-9_-]{49}` and drop false alarms with `checksum`.
    """
    body = prefix + encode(new_bytes(32))
    return body + checksum(body)


def checksum(body: str) -> str:
    """The 6 characters that end a secret: base64url of the CRC-32 of what comes before them.

    It proves nothing, anybody can compute it: it tells a secret from a look-alike, offline.
    """
    return encode(zlib.crc32(body.encode()).to_bytes(4, "big"))


def keyed_hash(pepper: bytes, purpose: str, secret: str) -> str:
    """What the database keeps in place of `secret`: HMAC-SHA-256 in base64url, 43 characters.

    A fast hash is right for secrets of 128 random bits or more, and for shorter ones only while
    they are good for minutes and guesses are throttled. The purpose's length goes first, so that no
    pair of purpose and secret can pass for another pair. Any text is hashed, lone surrogates
    included: it came from a request, and a wrong secret is no error.
    """
    label = purpose.encode()
    message = len(label).to_bytes(2, "big") + label + secret.encode("utf-8", "surrogatepass")
    return encode(keyed_digest(pepper, message))


def digest(purpose: bytes, text: str) -> bytes:
    """SHA-256 of what a client sent, 32 bytes: under it, what was found out of that is found again
    when the same comes again. No text of one purpose has the digest of one of another."""
    return hashlib.sha256(purpose + b"\0" + text.encode("utf-8", "surrogatepass")).digest()


def keyed_digest(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104), 32 bytes; a key's own part of the work is done once."""
    keyed = _keyed(key).copy()
    keyed.update(message)
    return keyed.finalize()


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> HMAC:
    return HMAC(key, SHA256())


def same(left: str, right: str) -> bool:
    """Whether two texts are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(
        left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    )


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes | None:
    """The bytes that `encode` gives as exactly this text, or None.

    The round trip refuses padding, `+` and `/`, white space, impossible lengths and unused bits
    that are set: a credential with two spellings would slip past a denylist that knows only one.
    Callers bound the length before.
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"==")
    except ValueError:
        return None
    return data if encode(data) == text else None
