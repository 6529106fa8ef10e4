"""Asking about tokens: validate and introspect. Reads only, and never moves an expiry.

One token is a batch of one: the same functions decide about each.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

from token_service.clock import Clock
from token_service.domain import claims
from token_service.domain.claims import AccessClaims
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import (
    GrantKey,
    GrantState,
    GrantTerms,
    Rules,
    grant_end,
    grant_refusal,
)
from token_service.services import issuing, named_tokens, subjects
from token_service.services.configuration import Snapshot, prove
from token_service.services.garbage import Watch
from token_service.services.named_tokens import (
    ClientToken,
    Doubtful,
    Named,
    RefreshToken,
    SessionToken,
)
from token_service.storage import inspection as stored
from token_service.storage.database import Asks, Database, answered
from token_service.storage.inspection import Found

_OF_A_GRANT = (SessionToken, RefreshToken)

Asked: TypeAlias = Named | Doubtful | Refused
"""What a token says of itself, before anybody else was asked."""


class Inspection(NamedTuple):
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
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    token: str,
    audience: str | None,
    watch: Watch | None = None,
) -> Inspection | Refused:
    """Whether an access token is live now; whoever holds it may ask.

    With `audience`, a token that is not meant for it is refused (RFC 9068 section 4). With `watch`,
    garbage is counted, and beyond the limit it is `is_throttled`.
    """
    return validate_all(database, clock, snapshot, (token,), audience, watch)[0]


def validate_all(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tokens: Sequence[str],
    audience: str | None,
    watch: Watch | None = None,
) -> list[Inspection | Refused]:
    """The same for several tokens, in their order; all are throttled, or none is."""
    found = _inspect_all(database, clock, snapshot, tokens, watch)
    return found if audience is None else [_meant_for(audience, one) for one in found]


def introspect(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    caller: Client,
    token: str,
    watch: Watch | None = None,
) -> Inspection | Refused:
    """Token introspection (RFC 7662) for an authenticated client.

    A caller learns of its own tokens and of access tokens meant for it as a resource server, and
    one of a tenant of no other tenant's; any other token looks inactive, so that introspection is
    no oracle (RFC 7662 section 4). A client is told of its own tokens under the subject by which it
    knows the account. To ask about a refresh token is not to use it: it ends and spends nothing.
    """
    return introspect_all(database, clock, snapshot, caller, (token,), watch)[0]


def introspect_all(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    caller: Client,
    tokens: Sequence[str],
    watch: Watch | None = None,
) -> list[Inspection | Refused]:
    """The same for several tokens, in their order; all are throttled, or none is."""
    now = clock.now()
    asked = [named_tokens.any_token(snapshot, token, now) for token in tokens]
    found = _looked_up(database, clock, snapshot, asked, watch)
    return [as_told_to(caller, snapshot, one) for one in found]


def inspect(
    database: Database, clock: Clock, snapshot: Snapshot, token: str
) -> Inspection | Refused:
    """Whether an access token is live now, on every node at once: the database is always asked."""
    return _inspect_all(database, clock, snapshot, (token,))[0]


def _inspect_all(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tokens: Sequence[str],
    watch: Watch | None = None,
) -> list[Inspection | Refused]:
    now = clock.now()
    asked = [named_tokens.access_token(snapshot, token, now) for token in tokens]
    return _looked_up(database, clock, snapshot, asked, watch)


def is_throttled(found: Inspection | Refused) -> TypeGuard[Refused]:
    """Whether nothing is said, as who asks has sent too much garbage."""
    return isinstance(found, Refused) and found.reason is Refusal.SOURCE_THROTTLED


class Look(NamedTuple):
    """What the database says of some tokens, under a configuration and at a time that are right."""

    found: Found
    now: datetime


def look(database: Database, clock: Clock, snapshot: Snapshot, asked: Sequence[Asked]) -> Look:
    """Look all of them up by one statement, which begins now; of none, only prove the snapshot.

    Raises `StaleConfiguration` or `Unavailable`.
    """
    with database.query() as tx:
        return answered(tx, looking(database, clock, snapshot, asked))


def looking(
    database: Database, clock: Clock, snapshot: Snapshot, asked: Sequence[Asked]
) -> Asks[Look]:
    """The same, asked by whoever runs it."""
    jtis = {one.access.jti for one in asked if isinstance(one, ClientToken)}
    keys = {one.key: one.tenant_id for one in asked if isinstance(one, _OF_A_GRANT)}
    now = clock.now()
    found = yield from stored.asking(database, keys, jtis, snapshot.force_relogin)
    prove(snapshot, found.version, now)
    return Look(found, now)


def _meant_for(audience: str, found: Inspection | Refused) -> Inspection | Refused:
    if isinstance(found, Refused) or audience in found.audience:
        return found
    return Refused(Refusal.WRONG_AUDIENCE)


def as_told_to(
    caller: Client, snapshot: Snapshot, found: Inspection | Refused
) -> Inspection | Refused:
    """What the caller of `introspect` learns of what was found."""
    if isinstance(found, Refused):
        return found
    if found.client_id == caller.client_id:
        return _as_known_to(snapshot, caller, found)
    if found.kind == "refresh_token":
        return Refused(Refusal.FOREIGN_CLIENT)
    foreign = found.tenant_id is not None and caller.tenant_id not in (None, found.tenant_id)
    if foreign or not caller.is_meant(found.audience):
        return Refused(Refusal.WRONG_AUDIENCE)
    return found


def _as_known_to(snapshot: Snapshot, caller: Client, found: Inspection) -> Inspection:
    if found.account_id is None:
        return found
    subject = subjects.subject(snapshot, caller, found.account_id)
    if found.claims["sub"] == subject:
        return found
    return found._replace(claims={**found.claims, "sub": subject})


def _looked_up(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    asked: Sequence[Asked],
    watch: Watch | None,
) -> list[Inspection | Refused]:
    """What is known of the tokens, by one statement for all; garbage alone needs none.

    Only garbage alone is throttled: good tokens are answered whatever else their caller sends.
    """
    refused = [one for one in asked if isinstance(one, Refused)]
    if len(refused) == len(asked):
        throttled = watch.count(len(refused)) if watch else None
        return [throttled or one for one in refused]
    seen = look(database, clock, snapshot, asked)
    if refused and watch:
        watch.count(len(refused))
    return [decided(snapshot, one, seen) for one in asked]


def decided(snapshot: Snapshot, named: Asked, seen: Look) -> Inspection | Refused:
    """What becomes of one token, by what was found."""
    found, now = seen
    match named:
        case Refused():
            return named
        case Doubtful():
            return Refused(named.reason)
        case ClientToken():
            return _of_client(snapshot, named.access, found)
    state = found.states.get(named.key)
    if state is None:
        return Refused(Refusal.UNKNOWN_TOKEN)
    client = snapshot.client(state.client_id)
    rules = snapshot.rules(state.tenant_id, client) if client else None
    if rules is None:
        return Refused(Refusal.UNKNOWN_CLIENT)
    if refusal := grant_refusal(state, rules, now):
        return Refused(refusal)
    if isinstance(named, SessionToken):
        return _of_session(named.access, state)
    return _of_refresh_token(snapshot, named, state, rules)


def _of_session(access: AccessClaims, state: GrantState) -> Inspection | Refused:
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


def _of_client(snapshot: Snapshot, access: AccessClaims, found: Found) -> Inspection | Refused:
    client = snapshot.client(access.client_id)
    if access.jti in found.revoked:
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


def _of_refresh_token(
    snapshot: Snapshot, named: RefreshToken, state: GrantState, rules: Rules
) -> Inspection | Refused:
    presented = named.presented
    current = (state.generation, state.key_number, state.secret_hash)
    if (presented.generation, presented.key_number, presented.secret_hash) != current:
        return Refused(Refusal.UNKNOWN_TOKEN)
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
            "sub": state.key.account_id,
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
