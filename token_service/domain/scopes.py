"""Scopes: space-separated lists of names (RFC 6749 section 3.3), kept in canonical order."""

import re

_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}(?: [\x21\x23-\x5B\x5D-\x7E]{1,128}){0,63}")


def well_formed(scope: str) -> bool:
    """Whether the text has the syntax of RFC 6749 section 3.3 (at most 64 names)."""
    return _SCOPE.fullmatch(scope) is not None


def names(scope: str) -> frozenset[str]:
    """The single names in a scope."""
    return frozenset(scope.split())


def canonical(members: frozenset[str]) -> str:
    """The one spelling of a set of names: sorted, separated by one space."""
    return " ".join(sorted(members))


def narrowed(requested: str | None, granted: str, allowed: frozenset[str]) -> str | None:
    """The scope of a new access token, or None where the request asks for more than was granted.

    Without a request it is all that was granted and is still allowed to the client (RFC 6749
    section 6): a scope withdrawn from the client is gone at the next refresh.
    """
    possible = names(granted) & allowed
    if requested is None:
        return canonical(possible)
    if not well_formed(requested) or not names(requested) <= possible:
        return None
    return canonical(names(requested))
