"""As whom a client knows an account: everybody by one name, or each sector by its own.

OpenID Connect Core section 8. A pairwise subject is the same for every client of a sector, so that
the applications of one party find their people again, and tells nothing to another party.
"""

from urllib.parse import urlsplit

from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import Client

PREFIX = "p:"
"""Begins a pairwise subject: no client's id has a colon in it, no account's id either, so that no
subject can be taken for another kind of name (RFC 9068 section 5)."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_pairwise(client: Client) -> bool:
    """Whether the client knows accounts by names that only its sector has."""
    return client.metadata.subject_type == "pairwise"


def sector(client: Client) -> str:
    """Whose pairwise subjects the client is given (OpenID Connect Core section 8.1).

    The host of `sector_identifier_uri`, else the one host of the redirect URIs. A client with
    neither is a sector of its own: a native application that is called by a scheme or on loopback
    names no party, and one with several hosts names no single one. A host has no `=` in it, so
    no client's sector can be a host.
    """
    host = _host_of(client.metadata)
    return host if host else f"client={client.client_id}"


def _host_of(metadata: ClientMetadata) -> str | None:
    if metadata.sector_identifier_uri is not None:
        return urlsplit(metadata.sector_identifier_uri).hostname
    hosts = {urlsplit(uri).hostname for uri in metadata.redirect_uris}
    host = hosts.pop() if len(hosts) == 1 else None
    if metadata.application_type == "native" and host in _LOOPBACK:
        return None
    return host


def for_itself_alone(client: Client, audience: tuple[str, ...]) -> bool:
    """Whether an access token with this audience is for nobody but the client that it is given to.

    A resource server is another party, which knows an account by its id.
    """
    return set(audience) <= {client.client_id, client.resource_identifier}
