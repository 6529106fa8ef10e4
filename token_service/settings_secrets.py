"""The secrets that the service cannot be without: their form, what is too weak, and the first ones.

Weak means what an attacker would try first: values from documents and examples, words, patterns.
"""

import base64
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from token_service.settings_sources import SettingsError

KEY_BYTES = 32
SHORTEST_PEPPER = 32

KEYS_ALLOWED = (
    "32 random bytes in base64, base64url or hexadecimal; several with commas between them, the "
    "first one encrypts (make one: openssl rand -base64 32)"
)
PEPPER_ALLOWED = "at least 32 random characters (make one: openssl rand -base64 32)"
METRICS_TOKEN_ALLOWED = "empty or at least 16 characters out of A-Z a-z 0-9 - . _ ~ + / ="

_WORDS = re.compile(
    r"change[-_ ]?me|secret|password|passw0rd|example|default|token[-_ ]?service|insecure"
    r"|placeholder|replace|do[-_ ]not[-_ ]use|12345678|abcdefgh|qwerty",
    re.IGNORECASE,
)
_FEWEST_DISTINCT = 10


@dataclass(frozen=True, slots=True)
class MadeSecrets:
    """What `secrets.json` of a data folder holds."""

    path: Path
    key_encryption_keys: tuple[bytes, ...] = field(repr=False)
    pepper: bytes = field(repr=False)


def key_encryption_keys(text: str) -> tuple[bytes, ...] | None:
    """The keys of a list (commas or white space between them); None if one of them is none."""
    keys = [_key(part) for part in text.replace(",", " ").split()]
    complete = tuple(key for key in keys if key is not None)
    return complete if complete and len(set(complete)) == len(keys) else None


def _key(text: str) -> bytes | None:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text)
    if re.fullmatch(r"[A-Za-z0-9+/_-]{43}=?", text):
        return base64.urlsafe_b64decode(text[:43].replace("+", "-").replace("/", "_") + "=")
    return None


def pepper(text: str) -> bytes | None:
    """The text itself as bytes; None if it is too short."""
    return text.encode("ascii") if len(text) >= SHORTEST_PEPPER else None


def metrics_token(text: str) -> str | None:
    """A token that fits into an Authorization header (RFC 6750 section 2.1), or None."""
    return text if re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}=*", text) else None


def why_weak(secret: bytes) -> str | None:
    """What makes a secret guessable, to be said after "must be random, but it"; None if nothing."""
    if _WORDS.search(secret.decode("latin-1")):
        return "holds a well-known word"
    if any(secret[step:] == secret[:-step] for step in range(1, len(secret) // 2 + 1)):
        return "repeats itself"
    if len({(after - before) % 256 for before, after in pairwise(secret)}) == 1:
        return "is a plain sequence"
    if len(set(secret)) < _FEWEST_DISTINCT:
        return f"has fewer than {_FEWEST_DISTINCT} different bytes"
    return None


def why_weak_key(key: bytes) -> str | None:
    """As `why_weak`, for a key-encryption key."""
    # 32 random bytes are never all printable (odds of 1 to 10^13), a typed sentence always is.
    if all(32 <= byte < 127 for byte in key):
        return "is a typed text"
    as_written = base64.urlsafe_b64encode(key).rstrip(b"=")
    return why_weak(key) or why_weak(as_written) or why_weak(key.hex().encode())


def made_once(folder: Path, new_secret: Callable[[int], bytes]) -> MadeSecrets:
    """The secrets in `secrets.json` of the data folder.

    Whoever comes first makes them (folder 0700, file 0600); all who start at the same time read
    the same values.
    """
    path = folder / "secrets.json"
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _publish(path, _fresh(new_secret))
        return _read(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be made or read: {error.strerror}") from None


def _read(path: Path) -> MadeSecrets:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        keys = key_encryption_keys(content["key_encryption_key"])
        pepper_bytes = pepper(content["pepper"])
    except (ValueError, KeyError, TypeError, AttributeError):
        keys = pepper_bytes = None
    if keys is None or pepper_bytes is None:
        # Not made anew: what the database holds was encrypted under the secrets that are gone.
        raise SettingsError(f"{path}: holds no secrets; restore it, or start with an empty folder")
    return MadeSecrets(path, keys, pepper_bytes)


def _fresh(new_secret: Callable[[int], bytes]) -> str:
    names = ("key_encryption_key", "pepper")
    made = {name: base64.urlsafe_b64encode(new_secret(KEY_BYTES)).decode() for name in names}
    return json.dumps(made, indent=2) + "\n"


def _publish(path: Path, content: str) -> None:
    """Puts a complete file in place, unless somebody else was faster.

    A link appears at once and never replaces: nobody reads half a file, and no process goes on
    with secrets that another one has overwritten. What is encrypted under a key that a power cut
    took away is lost, hence fsync.
    """
    handle, draft = tempfile.mkstemp(prefix=".secrets-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        Path(draft).unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
