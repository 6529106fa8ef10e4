"""Addresses of web pages and endpoints that somebody states: which of them may be stored.

What is stored may become a link, a picture's source or a request of ours, so nothing is tidied up:
an address that two parsers could read in two ways is refused.
"""

import re
from urllib.parse import SplitResult, urlsplit

MAX_LENGTH = 2000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CHARACTERS = re.compile(r"[!#-;=?-\[\]_a-z~]+", re.ASCII)
"""The characters of RFC 3986: no tab, NUL or backslash is left for a browser to drop or turn."""
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)


def fault(address: str, *, loopback: bool = False) -> str | None:
    """What is wrong with an absolute https URL; None: nothing.

    With `loopback`, which is for development, plain http to this machine will do.
    """
    parts = split(address)
    if parts is None:
        return "must be an absolute URL in characters of RFC 3986"
    if parts.scheme == "https" or (loopback and parts.scheme == "http" and is_loopback(parts)):
        return None
    return "must be an https URL"


def origin_fault(origin: str, *, loopback: bool = False) -> str | None:
    """The same for an origin as browsers send it: scheme, host and perhaps a port."""
    wrong = fault(origin, loopback=loopback)
    if wrong is not None:
        return wrong
    parts = urlsplit(origin)
    is_bare = origin == f"{parts.scheme}://{parts.netloc.lower()}"
    return None if is_bare else "must be an origin: scheme, host and port in lower case, no path"


def split(address: str) -> SplitResult | None:
    """The parts of an absolute URL with a host and without a user; None for anything else."""
    if len(address) > MAX_LENGTH or not _CHARACTERS.fullmatch(address):
        return None
    try:
        parts = urlsplit(address)
        # Reading the port may raise as well.
        is_whole = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    host = re.sub(r":[0-9]*\Z", "", parts.netloc)
    return parts if is_whole and _HOST.fullmatch(host) else None


def is_loopback(parts: SplitResult) -> bool:
    """Whether the host is this machine, by the names that mean nothing else."""
    return parts.hostname in _LOOPBACK
