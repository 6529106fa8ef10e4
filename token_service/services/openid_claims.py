"""What an application learns of an account, in ID tokens and from the userinfo endpoint."""

import logging
from collections.abc import Mapping
from datetime import datetime

from token_service.domain import claims_parameter
from token_service.domain.claims_parameter import ClaimRequest, RequestedClaims
from token_service.domain.clients import Client
from token_service.domain.failures import KeyUnreadable, NoKey, Unavailable
from token_service.domain.openid_claims import (
    SCOPE_OF,
    claims_about,
    claims_of_scope,
)
from token_service.domain.sessions import GrantTerms
from token_service.services.configuration import Snapshot
from token_service.storage import identities
from token_service.storage.database import Database, Transaction

logger = logging.getLogger(__name__)


def for_userinfo(
    database: Database, client: Client, scope: str, terms: GrantTerms, account_id: str
) -> dict[str, object] | None:
    """The claims of the token's scope, and those of the `claims` parameter; None: no such account.

    `sub` is not among them (`subjects`).
    """
    with database.reading() as tx:
        identity = identities.read(tx, account_id)
    if identity is None:
        return None
    about, allowed = claims_about(identity), claims_of_scope(scope)
    by_scope = {name: value for name, value in about.items() if name in allowed}
    return by_scope | _by_name(about, _wanted(client, _asked(terms).userinfo))


def for_id_token(
    tx: Transaction, client: Client, terms: GrantTerms, account_id: str
) -> dict[str, object]:
    """The account's claims that the grant's request wants in the ID token; nearly always none, and
    then nothing is read.

    What the scopes stand for is told by the userinfo endpoint (OpenID Connect Core section 5.4).
    """
    wanted = _wanted_in_id_token(client, terms)
    identity = identities.read(tx, account_id) if wanted else None
    return {} if identity is None else _by_name(claims_about(identity), wanted)


def for_refreshed(
    database: Database,
    snapshot: Snapshot,
    client: Client,
    terms: GrantTerms,
    account_id: str,
    now: datetime,
) -> dict[str, object] | None:
    """The same where the refresh token has been used already; None: no ID token can be made now.

    A refresh may do without one (OpenID Connect Core section 12.2), and no transaction could take
    the use back.
    """
    if not terms.openid:
        return {}
    try:
        snapshot.keyring.signing_key(client.metadata.id_token_signed_response_alg, now)
        if not _wanted_in_id_token(client, terms):
            return {}
        with database.reading() as tx:
            return for_id_token(tx, client, terms, account_id)
    except (NoKey, KeyUnreadable, Unavailable) as error:
        logger.warning("a refresh gives no ID token: %s", error)
        return None


def _wanted_in_id_token(client: Client, terms: GrantTerms) -> dict[str, ClaimRequest]:
    return _wanted(client, _asked(terms).id_token) if terms.requested_claims else {}


def _asked(terms: GrantTerms) -> RequestedClaims:
    return claims_parameter.requested(terms.requested_claims) or claims_parameter.NOTHING


def _wanted(client: Client, asked: Mapping[str, ClaimRequest]) -> dict[str, ClaimRequest]:
    """Those that the client may have at all: a scope that was taken from it takes its claims."""
    return {name: one for name, one in asked.items() if SCOPE_OF.get(name) in client.scope_names}


def _by_name(about: Mapping[str, object], wanted: Mapping[str, ClaimRequest]) -> dict[str, object]:
    return {
        name: about[name]
        for name, one in wanted.items()
        if name in about and one.accepts(about[name])
    }
