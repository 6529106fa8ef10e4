"""What is behind a `sector_identifier_uri`: whether it vouches for a client's redirect URIs."""

import json

from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.failures import Unavailable
from token_service.domain.policy_changes import Fault
from token_service.outbound.fetching import Failure, Fetcher, NotFetched

_FIELD = "sector_identifier_uri"
_JSON = "application/json"


def sector_fault(fetcher: Fetcher, metadata: ClientMetadata) -> Fault | None:
    """What is wrong with the sector (OpenID Connect Dynamic Client Registration section 5).

    The document is an array with every redirect URI of the client; else a client could enter the
    sector of another one and see the same `sub`. Never called within a transaction.
    Raises `Unavailable`.
    """
    if metadata.sector_identifier_uri is None:
        return None
    answer = fetcher.get(metadata.sector_identifier_uri, accept=_JSON)
    if answer == NotFetched(Failure.BUSY):
        raise Unavailable("outbound: too many requests on their way")
    if isinstance(answer, NotFetched) or (answer.status, answer.media_type) != (200, _JSON):
        # Which it was would tell whoever asks about our network.
        return Fault(_FIELD, "must lead to a JSON document that can be fetched")
    if not set(metadata.redirect_uris) <= _listed(answer.body):
        return Fault(_FIELD, "must lead to a JSON array with every one of the redirect_uris")
    return None


def _listed(body: bytes) -> set[str]:
    """The texts in a JSON array; none in anything else."""
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    return {one for one in listed if isinstance(one, str)} if isinstance(listed, list) else set()
