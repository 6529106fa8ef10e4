"""Where a request comes from: the client's address behind our own proxies, and the request's id."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from flask import g, has_request_context, request

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.domain.events import Origin
from token_service.web.parts import parts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Networks = tuple[str, ...]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_LONGEST_USER_AGENT = 400
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SIGNS_OF_A_PROXY = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")


def origin() -> Origin:
    """Address, user agent and id of this request, found once."""
    known = g.get("origin")
    if known is None:
        known = g.origin = Origin(client_address(), user_agent(), request_id())
    return cast(Origin, known)


def origin_of(environ: "WSGIEnvironment", trusted: Networks, clock: Clock) -> Origin:
    """The same of a request that Flask does not handle."""
    request_id = given_id(environ, trusted) or opaque.new_id(clock.now())
    return Origin(address_of(environ, trusted), agent_of(environ), request_id)


def client_address() -> str:
    """The client's IP address; `X-Forwarded-For` counts only from configured proxies."""
    return address_of(request.environ, parts().settings.server.trusted_proxies)


def address_of(environ: "WSGIEnvironment", trusted: Networks) -> str:
    """The same by what the server says of the request."""
    peer = str(environ.get("REMOTE_ADDR", ""))
    if not trusted:
        return peer
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    return behind_proxies(peer, forwarded.split(",") if forwarded else [], trusted)


def behind_proxies(peer: str, forwarded: Sequence[str], trusted: Networks) -> str:
    """The right-most address that is not one of our proxies.

    Everything to the left of it was written by that client, who may write what it likes. Where
    even our own proxy's word is no address, the proxy itself is all that is known.
    """
    address = peer
    for hop in reversed(forwarded):
        if not _is_in(address, trusted):
            break
        stated = _address(hop.strip())
        if stated is None:
            break
        address = stated
    return address


def is_from_proxy() -> bool:
    """Whether one of our proxies has sent the request on: then its headers are the proxy's word."""
    trusted = parts().settings.server.trusted_proxies
    return bool(trusted) and _is_in(request.environ.get("REMOTE_ADDR", ""), trusted)


def is_local() -> bool:
    """Whether the request was made on this machine, by somebody who meant this service.

    A proxy on this machine is loopback as well, so signs of one end the confidence. A page in a
    browser here can have its own host name resolve to us (DNS rebinding): then `Host` is that name.
    """
    if not _is_loopback(client_address()) or _host_name() not in _LOCAL_NAMES:
        return False
    if parts().settings.server.trusted_proxies:
        return True
    return not any(header in request.headers for header in _SIGNS_OF_A_PROXY)


def user_agent() -> str:
    """The `User-Agent`, cut, and without what a database or a terminal might stumble over."""
    return agent_of(request.environ)


def agent_of(environ: "WSGIEnvironment") -> str:
    """The same by what the server says of the request."""
    text = str(environ.get("HTTP_USER_AGENT", ""))[:_LONGEST_USER_AGENT]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else " " for char in text)


def request_id() -> str:
    """The id in the answer, in errors, in the log and in audit events of this request.

    A proxy of ours may have given one already; nobody else chooses what stands in our log.
    """
    known = g.get("request_id")
    if known is None:
        here = parts()
        known = given_id(request.environ, here.settings.server.trusted_proxies)
        known = g.request_id = known or opaque.new_id(here.clock.now())
    return str(known)


def id_of_current_request() -> str | None:
    """The id of the request that this thread handles, if it handles one."""
    return request_id() if has_request_context() else None


def given_id(environ: "WSGIEnvironment", trusted: Networks) -> str | None:
    """The id that one of our proxies has given the request."""
    if not trusted or not _is_in(environ.get("REMOTE_ADDR", ""), trusted):
        return None
    given = environ.get("HTTP_X_REQUEST_ID", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def _host_name() -> str:
    host = request.environ.get("HTTP_HOST", "")
    return re.sub(r":[0-9]{1,5}\Z", "", host).lower()


@lru_cache(maxsize=1024)
def _is_in(address: str, networks: Networks) -> bool:
    try:
        parsed = _parsed(address)
    except ValueError:
        return False
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def _is_loopback(address: str) -> bool:
    try:
        return _parsed(address).is_loopback
    except ValueError:
        return False


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return mapped or parsed


def _address(hop: str) -> str | None:
    """An address as proxies write it: some add the port, in brackets if it is IPv6."""
    with_port = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+", hop)
    text = next(filter(None, with_port.groups())) if with_port else hop
    try:
        return str(_parsed(text))
    except ValueError:
        return None
