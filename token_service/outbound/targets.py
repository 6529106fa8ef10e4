"""The URLs that may be fetched, read once and strictly."""

import re
from dataclasses import dataclass
from typing import Self

_LONGEST = 2048
_PORTS = {"http": 80, "https": 443}
# One expression says what is host, what port and what path: where two parsers of one URL disagree,
# one of them checks a host and the other one connects to another.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][!$%&'()*+,./0-9:;=?@A-Z_a-z~\-]*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes; `path` with the query, `host` without the brackets of IPv6."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> Self | None:
        """None for what is no http(s) URL, or has a user, a fragment or a backslash in it."""
        found = _URL.fullmatch(url) if len(url) <= _LONGEST else None
        if found is None:
            return None
        scheme, path = found["scheme"], found["path"] or "/"
        port = int(found["port"] or _PORTS[scheme])
        if not 0 < port <= 65_535:
            return None
        host = found["host"].lower().strip("[]")
        return cls(scheme, host, port, path if path.startswith("/") else f"/{path}")

    @property
    def authority(self) -> str:
        """As the `Host` header has it (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"
