"""Redirect URIs: which may be registered, and which request means a registered one.

Compared as text, character by character (RFC 9700 section 4.1.3): whoever compares what a parser
makes of two texts is deceived by what another parser makes of them.
"""

import re
from collections.abc import Iterable

from token_service.domain.client_metadata import ApplicationType

MAX_LENGTH = 2000

_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARTS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.\-]*):(?P<rest>.*)")
_WEB = re.compile(
    r"//(?P<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?)"
    r"(?P<port>:[1-9][0-9]{0,4})?(?P<tail>[/?].*)?"
)
_LOOPBACK = re.compile(
    r"(?P<origin>http://(?:127\.0\.0\.1|\[::1\]))(?P<port>:[1-9][0-9]{0,4})?(?P<tail>[/?].*)?"
)
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:[/?;]|\Z)", re.IGNORECASE)
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "[::1]", "localhost"})
_MAX_PORT = 65535


def redirect_uri_fault(uri: str, application_type: ApplicationType) -> str | None:
    """What is wrong with a redirect URI that is to be registered, for a person; None: nothing.

    `https`, or plain `http` to this very machine. A native application may also have a scheme of
    its own, a domain name the other way round (RFC 8252 section 7.1): without the dot it could be
    one that browsers act on, such as `javascript` or `data`.
    """
    if len(uri) > MAX_LENGTH or not _CHARACTERS.fullmatch(uri) or _PERCENT.search(uri):
        return "It has characters that a URI has not, or is too long."
    if "#" in uri:
        return "It has a fragment."
    parts = _PARTS.fullmatch(uri)
    if parts is None:
        return "It is not absolute, or its scheme is not in lower case."
    if parts["scheme"] in ("http", "https"):
        return _web_fault(parts["scheme"], parts["rest"])
    if application_type != "native":
        return "Its scheme is not https."
    if "." not in parts["scheme"] or not parts["rest"]:
        return "Its scheme is not a domain name the other way round."
    return "Its path has dots for directories." if _DOT_SEGMENT.search(parts["rest"]) else None


def matching(
    registered: Iterable[str], requested: str, application_type: ApplicationType
) -> str | None:
    """The requested URI if it is one of the registered ones, else None.

    The one exception: a native application listens on whichever port of this machine is free, so
    the port of a loopback address does not count (RFC 8252 section 7.3).
    """
    if requested in (known := tuple(registered)):
        return requested
    if application_type != "native":
        return None
    portless = _without_port(requested)
    if portless is None or portless not in (_without_port(one) for one in known):
        return None
    return requested


def origin_of(uri: str) -> str:
    """What a content security policy calls the target of a registered URI: its origin, or the
    scheme with its colon where a native application has its own."""
    scheme, _, rest = uri.partition(":")
    match = _WEB.fullmatch(rest) if scheme in ("http", "https") else None
    if match is None:
        return f"{scheme}:"
    return f"{scheme}://{match['host']}{match['port'] or ''}"


def _web_fault(scheme: str, rest: str) -> str | None:
    match = _WEB.fullmatch(rest)
    if match is None or ".." in match["host"]:
        return "It has no host name in lower case, or more than one before its path."
    if scheme == "http" and match["host"] not in _LOOPBACK_HOSTS:
        return "Plain http is for addresses of the same machine only."
    if match["port"] and int(match["port"][1:]) > _MAX_PORT:
        return "There is no such port."
    if _DOT_SEGMENT.search(match["tail"] or ""):
        return "Its path has dots for directories."
    return None


def _without_port(uri: str) -> str | None:
    """A loopback address without its port; None for any other URI."""
    match = _LOOPBACK.fullmatch(uri)
    if match is None or (match["port"] and int(match["port"][1:]) > _MAX_PORT):
        return None
    return match["origin"] + (match["tail"] or "")
