"""Asking about a token: validate and introspect. Reads only, and never moves an expiry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from token_service.clock import Clock
from token_service.crypto import jwt
from token_service.domain import claims
from token_service.domain.claims import AccessClaims
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import (
    GrantKey,
    GrantState,
    GrantTerms,
    grant_end,
    grant_refusal,
)
from token_service.services import issuing, refreshing, subjects
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.storage import grants, revoked_tokens
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database


@dataclass(frozen=True, slots=True)
class Inspection:
    """A live token: whose it is, and what may be said of it; `grant` and `terms` are those of a
    session's token.

    `confirmation` is what an access token demands of whoever uses it; who only asks about it need
    not have it. `claims` are those of RFC 7662 section 2.2 and ours, without `active`. `account_id`
    is None for a client-credentials token; `impersonator` is the client that acts as the account,
    if one does.
    """

    kind: Literal["access_token", "refresh_token"]
    account_id: str | None
    client_id: str
    sid: str | None
    tenant_id: str | None
    audience: tuple[str, ...]
    scope: str
    claims: Mapping[str, Any]
    impersonator: str | None = None
    grant: GrantKey | None = None
    terms: GrantTerms | None = None
    confirmation: Confirmation = UNBOUND


def validate(
    database: Database, clock: Clock, snapshot: Snapshot, token: str, audience: str | None
) -> Inspection | Refused:
    """Whether an access token is live now; whoever holds it may ask.

    With `audience`, a token that is not meant for it is refused (RFC 9068 section 4).
    """
    found = inspect(database, clock, snapshot, token)
    if isinstance(found, Inspection) and audience is not None and audience not in found.audience:
        return Refused(Refusal.WRONG_AUDIENCE)
    return found


def introspect(
    database: Database, clock: Clock, snapshot: Snapshot, caller: Client, token: str
) -> Inspection | Refused:
    """Token introspection (RFC 7662) for an authenticated client.

    A caller learns of its own tokens and of access tokens meant for it as a resource server, and
    one of a tenant of no other tenant's; any other token looks inactive, so that introspection is
    no oracle (RFC 7662 section 4). A client is told of its own tokens under the subject by which it
    knows the account.
    """
    if token.startswith("tsr_"):
        return _inspect_refresh_token(database, clock, snapshot, caller, token)
    found = inspect(database, clock, snapshot, token)
    if isinstance(found, Refused):
        return found
    if found.client_id == caller.client_id:
        return _as_known_to(snapshot, caller, found)
    foreign = found.tenant_id is not None and caller.tenant_id not in (None, found.tenant_id)
    if foreign or not caller.is_meant(found.audience):
        return Refused(Refusal.WRONG_AUDIENCE)
    return found


def _as_known_to(snapshot: Snapshot, caller: Client, found: Inspection) -> Inspection:
    if found.account_id is None:
        return found
    subject = subjects.subject(snapshot, caller, found.account_id)
    return replace(found, claims={**found.claims, "sub": subject})


def inspect(
    database: Database, clock: Clock, snapshot: Snapshot, token: str
) -> Inspection | Refused:
    """Whether an access token is live now, on every node at once: the database is always asked."""
    access = verified(database, clock, snapshot, token)
    if isinstance(access, Refused):
        return access
    if not claims.in_time(access, clock.now()):
        # Said only by a node whose clock is right: one that is an hour ahead answers 503 instead.
        return certain_refusal(database, clock, snapshot, Refusal.EXPIRED)
    if access.sid is None:
        return _inspect_client_token(database, clock, snapshot, access)
    return _inspect_session_token(database, clock, snapshot, access)


def verified(
    database: Database, clock: Clock, snapshot: Snapshot, token: str
) -> AccessClaims | Refused:
    """The claims of an access token that this service signed, however old it is."""
    try:
        found = jwt.verify(
            snapshot.keyring,
            token,
            typ=claims.TYPE,
            now=clock.now(),
            cache=snapshot.signatures,
        )
    except jwt.UnknownKey:
        return certain_refusal(database, clock, snapshot, Refusal.KEY_NOT_IN_FORCE)
    access = claims.access_claims(snapshot.issuer, found.claims) if found else None
    return access or Refused(Refusal.UNKNOWN_TOKEN)


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A session's access token, with the grant that it names."""

    access: AccessClaims
    key: GrantKey
    tenant_id: str


def session_token(snapshot: Snapshot, access: AccessClaims, now: datetime) -> SessionToken | None:
    """The grant that an access token names; None where its claims contradict its locator."""
    locator = issuing.locator_in(snapshot, access.jti, now)
    if locator is None or (locator.sid, locator.tenant_id) != (access.sid, access.tenant_id):
        return None
    key = GrantKey(locator.account_id, locator.sid, locator.grant_id)
    return SessionToken(access, key, locator.tenant_id)


def _inspect_session_token(
    database: Database, clock: Clock, snapshot: Snapshot, access: AccessClaims
) -> Inspection | Refused:
    named = session_token(snapshot, access, clock.now())
    if named is None:
        return certain_refusal(database, clock, snapshot, Refusal.UNKNOWN_TOKEN)
    state = live_state(database, clock, snapshot, named.key, named.tenant_id)
    if isinstance(state, Refused):
        return state
    if state.client_id != access.client_id:
        return Refused(Refusal.FOREIGN_CLIENT)
    return Inspection(
        kind="access_token",
        account_id=state.key.account_id,
        client_id=access.client_id,
        sid=access.sid,
        tenant_id=access.tenant_id,
        audience=access.audience,
        scope=access.scope,
        claims={**access.claims, "token_type": access.confirmation.token_type},
        confirmation=access.confirmation,
        impersonator=state.impersonator,
        grant=state.key,
        terms=state.terms,
    )


def live_state(
    database: Database, clock: Clock, snapshot: Snapshot, key: GrantKey, tenant_id: str
) -> GrantState | Refused:
    """One grant by one statement, or why it is over."""
    with database.query() as tx:
        now = clock.now()
        read = grants.read(database, tx, key, tenant_id, snapshot.force_relogin)
    if read is None:
        return certain_refusal(database, clock, snapshot, Refusal.UNKNOWN_TOKEN)
    state = read.state
    prove(snapshot, Versioned(state.configuration_version, read.database_now), now)
    client = snapshot.client(state.client_id)
    rules = snapshot.rules(state.tenant_id, client) if client else None
    if rules is None:
        return Refused(Refusal.UNKNOWN_CLIENT)
    refusal = grant_refusal(state, rules, now)
    return Refused(refusal) if refusal else state


def _inspect_client_token(
    database: Database, clock: Clock, snapshot: Snapshot, access: AccessClaims
) -> Inspection | Refused:
    with database.query() as tx:
        now = clock.now()
        revoked, version = revoked_tokens.is_revoked(database, tx, access.jti)
    prove(snapshot, version, now)
    client = snapshot.client(access.client_id)
    if revoked:
        return Refused(Refusal.REVOKED)
    if client is None or not client.enabled:
        return Refused(Refusal.CLIENT_DISABLED)
    tenant = snapshot.tenant(client.tenant_id) if client.tenant_id else None
    if client.tenant_id != access.tenant_id or (tenant is not None and not tenant.enabled):
        return Refused(Refusal.TENANT_DISABLED)
    if issuing.epochs_in(access.jti) != issuing.client_epochs(client, tenant):
        return Refused(Refusal.REVOKED)
    return Inspection(
        kind="access_token",
        account_id=None,
        client_id=access.client_id,
        sid=None,
        tenant_id=access.tenant_id,
        audience=access.audience,
        scope=access.scope,
        claims={**access.claims, "token_type": access.confirmation.token_type},
        confirmation=access.confirmation,
    )


def _inspect_refresh_token(
    database: Database, clock: Clock, snapshot: Snapshot, caller: Client, token: str
) -> Inspection | Refused:
    """A refresh token, for its own client only; asking is not using: it ends and spends nothing."""
    presented = refreshing.parsed(database, clock, snapshot, token)
    if presented is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    key, tenant_id = refreshing.grant_key(presented), presented.locator.tenant_id
    state = live_state(database, clock, snapshot, key, tenant_id)
    if isinstance(state, Refused):
        return state
    current = (state.generation, state.key_number, state.secret_hash)
    if (presented.generation, presented.key_number, presented.secret_hash) != current:
        return Refused(Refusal.UNKNOWN_TOKEN)
    rules = snapshot.rules(state.tenant_id, caller)
    if state.client_id != caller.client_id or rules is None:
        return Refused(Refusal.FOREIGN_CLIENT)
    return Inspection(
        kind="refresh_token",
        account_id=state.key.account_id,
        client_id=state.client_id,
        sid=state.key.sid,
        tenant_id=state.tenant_id,
        audience=(snapshot.issuer,),
        scope=state.scope,
        impersonator=state.impersonator,
        claims={
            "iss": snapshot.issuer,
            "sub": subjects.subject(snapshot, caller, state.key.account_id),
            "aud": snapshot.issuer,
            "client_id": state.client_id,
            "scope": state.scope,
            "exp": claims.instant(grant_end(state, rules.policy_for(remembered=state.remembered))),
            "iat": claims.instant(state.used_at),
            "sid": state.key.sid,
            "tenantId": state.tenant_id,
            "token_type": "refresh_token",
        }
        | ({"act": issuing.actor(state.impersonator)} if state.impersonator else {}),
    )
