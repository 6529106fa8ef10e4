"""The forms that a setting can have: each function makes a value of what was given, or says None.

Beside each stands, in words, what it allows.
"""

import ipaddress
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

ISSUER = "an absolute http(s) URL without query, fragment, user or trailing slash"
DATABASE_URL = "a SQLAlchemy URL: sqlite:///path or postgresql://user:password@host/name"
SMTP_URL = "smtp://user:password@host:port, or smtps:// for TLS from the start"
SENDER = "an e-mail address"
HOST = "an IP address or a host name"
NETWORKS = "IP addresses or networks such as 10.0.0.0/8, but not all of them"
FOLDER = "the path of a folder, without a question mark"
PATH = "a path"
HEADER = "the name of a header, such as Client-Cert"
CERTIFICATES = "the path of a PEM file with certificates"

# One driver for each database, whatever name of it an operator knows.
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


def whole(raw: object, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`; in a variable, its decimal digits."""
    if isinstance(raw, str) and re.fullmatch(r"-?[0-9]{1,18}", raw):
        raw = int(raw)
    # A bool is an int in Python; `port = true` is an accident.
    if isinstance(raw, bool) or not isinstance(raw, int):
        return None
    return raw if low <= raw <= high else None


def number(raw: object, low: float, high: float) -> float | None:
    """A number from `low` to `high`, with or without decimals."""
    if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", raw):
        raw = float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw) if low <= raw <= high else None


def switch(raw: object) -> bool | None:
    """true or false, and nothing that merely looks like it."""
    if isinstance(raw, str):
        return {"true": True, "false": False}.get(raw)
    return raw if isinstance(raw, bool) else None


def path(raw: str) -> Path | None:
    """An absolute path, from the working directory unless it is one already."""
    return Path.cwd() / raw if raw and "\0" not in raw else None


def header(raw: str) -> str | None:
    return raw if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", raw) else None


def certificates(raw: str) -> Path | None:
    """The absolute path of a file, which TLS can read."""
    found = path(raw)
    if found is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(found)
    except OSError:
        return None
    return found


def folder(raw: str) -> Path | None:
    """An absolute path. A question mark would end the path in a SQLite URL."""
    return Path.cwd() / raw if raw and "?" not in raw else None


def issuer(raw: str) -> str | None:
    """RFC 8414 section 2; clients compare it byte by byte, so it is not tidied up but refused."""
    if not re.fullmatch(r"https?://[!-~]+", raw) or re.search(r"[?#@\\]|/$", raw):
        return None
    try:
        parts = urlsplit(raw)
        return raw if parts.hostname and parts.port != 0 else None
    except ValueError:
        return None


def database_url(raw: str) -> str | None:
    """The URL with the driver that this service uses; host, path and query stay as they are."""
    scheme, separator, rest = raw.partition("://")
    if not separator or scheme not in _DRIVERS:
        return None
    if scheme.startswith("sqlite") and rest and not rest.startswith("/"):
        return None  # sqlite://file.db: one slash short, its file would be taken for a host
    return f"{_DRIVERS[scheme]}://{rest}"


def smtp_url(raw: str) -> str | None:
    try:
        parts = urlsplit(raw)
        return (
            raw
            if parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
            else None
        )
    except ValueError:
        return None


def sender(raw: str) -> str | None:
    return raw if re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", raw) else None


def host(raw: str) -> str | None:
    return raw if re.fullmatch(r"[A-Za-z0-9.:_-]+", raw) else None


def network(raw: str) -> str | None:
    """`10.0.0.7` -> `10.0.0.7/32`. Not 0.0.0.0/0: whoever trusts all proxies trusts each client."""
    try:
        parsed = ipaddress.ip_network(raw)
    except ValueError:
        return None
    return str(parsed) if parsed.prefixlen > 0 else None


def without_password(address: str) -> str:
    """`postgresql+psycopg://user:***@host/name`; a password in the query is hidden as well."""
    address = re.sub(r"://([^:/?@]*):.*@", r"://\1:***@", address)
    return re.sub(r"((?:password|passwd|pwd)=)[^&]*", r"\1***", address, flags=re.IGNORECASE)
