"""Authorization codes: issued for a sign-in, and used up once for a grant under its session."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter

from token_service.clock import Clock
from token_service.crypto import addressed, opaque, refresh_tokens
from token_service.crypto import authorization_codes as codes
from token_service.crypto.locators import Locator
from token_service.domain.accounts import Account
from token_service.domain.authorization_codes import (
    LIFETIME,
    AuthorizationCode,
    CodeUse,
    code_refusal,
)
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation, chain_binding
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantKey, GrantTerms, Session
from token_service.services import (
    consents,
    issuing,
    openid_claims,
    recording,
    session_grants,
    session_limiting,
)
from token_service.services.configuration import Snapshot, certain_refusal, genuine, prove
from token_service.services.endings import Cause, end_grant
from token_service.services.issuing import Holder, IssuedTokens
from token_service.services.opening import (
    NewlyOpened,
    Place,
    ends_of,
    open_grant,
    place_of,
)
from token_service.storage import (
    accounts,
    authorization_codes,
    branches,
    configuration,
    grants,
    sessions,
)
from token_service.storage.database import Database, InTransaction, Transaction

GRANT_TYPE = "authorization_code"

_BURNS = frozenset({Refusal.WRONG_REDIRECT_URI, Refusal.WRONG_VERIFIER, Refusal.WRONG_KEY})
"""What its own client may get wrong once: whoever tries verifiers has one attempt."""


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """The sign-in that a code stands for, in the tenant that it is for."""

    account_id: str
    sid: str
    tenant_id: str
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class Redemption:
    """A code as its client presents it (RFC 6749 section 4.1.3).

    `verifier` is the code verifier of RFC 7636; `resource` one of the audiences that the code was
    asked for (RFC 8707 section 2.2); `confirmation` what the client has proved to hold.
    """

    client: Client
    code: str = field(repr=False)
    redirect_uri: str | None
    verifier: str | None = field(repr=False)
    origin: Origin
    resource: str | None = None
    confirmation: Confirmation = UNBOUND


@dataclass(frozen=True, slots=True)
class _Held:
    """The code with account and session locked, in this order."""

    snapshot: Snapshot
    tx: Transaction
    command: Redemption
    code: AuthorizationCode
    account: Account
    session: Session
    now: datetime


def issue(
    snapshot: Snapshot,
    tx: Transaction,
    request: AuthorizationRequest,
    signed_in: SignedInAs,
    now: datetime,
) -> str:
    """A new code for what was asked for. The caller has proved in `tx` that the sign-in lives."""
    code_id, secret = opaque.new_id(now), addressed.new_secret()
    stored = AuthorizationCode(
        account_id=signed_in.account_id,
        code_id=code_id,
        sid=signed_in.sid,
        tenant_id=signed_in.tenant_id,
        client_id=request.client_id,
        secret_hash=codes.hash_of(secret),
        # Its client knows the state, and nobody else is to find it in the database.
        request=replace(request, state=None),
        auth_time=signed_in.auth_time,
        expires_at=now + timedelta(seconds=LIFETIME),
        used_at=None,
        grant_id=opaque.new_grant_id(),
    )
    authorization_codes.add(tx, stored)
    key = snapshot.keyring.opaque_keys(now).current.locator_key
    return codes.issue(key, signed_in.account_id, code_id, secret)


def redeem(
    database: Database, clock: Clock, snapshot: Snapshot, command: Redemption
) -> IssuedTokens | Refused:
    """Use a code up and open its grant; account, client, tenant and session are looked at anew.

    Another client's attempt spends nothing. A wrong verifier, redirect URI or key uses the code
    up. The second use ends all that came of the first one (OAuth 2.1 section 4.1.3).
    """
    if GRANT_TYPE not in command.client.grant_types:
        return certain_refusal(database, clock, snapshot, Refusal.GRANT_NOT_ALLOWED)
    presented = genuine(database, clock, snapshot, codes, command.code)
    if presented is None:
        return Refused(Refusal.UNKNOWN_CODE)
    use = CodeUse(
        client_id=command.client.client_id,
        secret_hash=presented.secret_hash,
        redirect_uri=command.redirect_uri,
        challenge=None if command.verifier is None else codes.challenge_of(command.verifier),
        key=command.confirmation.key,
    )
    with database.transaction() as tx:
        account = accounts.lock(tx, presented.account_id)
        code = authorization_codes.read(tx, presented.account_id, presented.code_id)
        session = sessions.lock(tx, code.account_id, code.sid) if code else None
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        if account is None or code is None or session is None:
            return Refused(Refusal.UNKNOWN_CODE)
        held = _Held(snapshot, tx, command, code, account, session, now)
        return _redeemed(held, use)


def _redeemed(held: _Held, use: CodeUse) -> IssuedTokens | Refused:
    refusal = code_refusal(held.code, use, held.now)
    if refusal is Refusal.UNKNOWN_CODE:
        return Refused(refusal)
    if refusal is Refusal.CODE_REPLAYED:
        return _replayed(held)
    if refusal is not None and refusal not in _BURNS:
        return _refused(held, refusal)
    if not authorization_codes.use_up(held.tx, held.code, held.now):
        return _refused(held, Refusal.EXPIRED)
    if refusal is not None:
        return _refused(held, refusal)
    opened = _opened(held)
    return _refused(held, opened) if isinstance(opened, Refusal) else opened


def _opened(held: _Held) -> IssuedTokens | Refusal:
    """Open the grant under the session, if the world is still as it was when the code was made."""
    snapshot, tx, code, now = held.snapshot, held.tx, held.code, held.now
    client, session = held.command.client, held.session
    place = place_of(snapshot, held.account, client, code.tenant_id, tx)
    if isinstance(place, Refused):
        return place.reason
    terms = _terms(held)
    audience = terms.audiences or client.audience
    if held.command.resource is not None and held.command.resource not in audience:
        return Refusal.INVALID_TARGET
    ends_at, end = ends_of(
        place, session.authenticated_at, session.capped_at, now, remembered=session.remembered
    )
    if _is_over(held, end):
        return Refusal.SIGN_IN_OVER
    if not _is_allowed(held):
        return Refusal.CONSENT_WITHDRAWN
    if not _has_room(held, place):
        return Refusal.SESSION_LIMIT
    locator = Locator(code.account_id, code.sid, code.tenant_id, code.grant_id)
    key = GrantKey(code.account_id, code.sid, code.grant_id)
    session_grants.make_room(snapshot, tx, key, held.command.origin, now)
    scope = code.request.scope
    opened = NewlyOpened(client, scope, place, locator, held.command.origin, ends_at, terms)
    token = open_grant(snapshot, tx, opened, opaque.new_bytes(refresh_tokens.SECRET_LENGTH), now)
    recording.record(tx, _event(held, Event.GRANT_OPENED), now)
    resource = held.command.resource
    holder = Holder(
        locator=locator,
        client=client,
        policy=place.rules.policy_for(remembered=session.remembered),
        scope=scope,
        terms=terms._replace(audiences=(resource,)) if resource else terms,
        methods=session.methods,
        absolute_end=end,
        nonce=code.request.nonce,
        about=openid_claims.for_id_token(tx, client, terms, code.account_id),
        confirmation=held.command.confirmation,
    )
    return issuing.session_tokens(snapshot, holder, token if client.may_refresh else None, now)


def _terms(held: _Held) -> GrantTerms:
    request = held.code.request
    return GrantTerms(
        auth_time=held.code.auth_time,
        confirmation=chain_binding(held.command.client, held.command.confirmation),
        audiences=request.resources or None,
        requested_claims=request.claims,
        openid=request.is_openid,
    )


def _is_over(held: _Held, end: datetime | None) -> bool:
    """Whether the sign-in that the code stands for is over by now."""
    account, session = held.account, held.session
    return (
        not account.enabled
        or session.ended_at is not None
        or session.account_epoch != account.epoch
        or session.environment_epoch != held.snapshot.epoch
        or (end is not None and held.now >= end)
    )


def _is_allowed(held: _Held) -> bool:
    """Whether the person still allows what the code was given for."""
    code, client, request = held.code, held.command.client, held.code.request
    return consents.is_allowed(
        held.tx, code.account_id, client, code.tenant_id, request.scope, request.claims
    )


def _has_room(held: _Held, place: Place) -> bool:
    """Whether the limits of tenant and client leave room; others end for it where they say so."""
    code, client, origin = held.code, held.command.client, held.command.origin
    evicted = session_limiting.evicted_by_grant(
        held.tx, held.snapshot, held.account, client, place.tenant, code.sid, held.now
    )
    if evicted is None:
        return False
    session_limiting.evict(held.tx, code.account_id, evicted, held.session.device, origin, held.now)
    return True


def _replayed(held: _Held) -> Refused:
    """End what came of the code, in whichever tenants: one of the two who presented it is not its
    client, and may have gone on to another tenant with what it gave."""
    tx, code = held.tx, held.code
    key = GrantKey(code.account_id, code.sid, code.grant_id)
    ending = {key.grant_id} | branches.opened_from(tx, key)
    cause = Cause(Refusal.CODE_REPLAYED, f"client:{code.client_id}", held.command.origin)
    not_ended = grants.states_of(tx, key.account_id, [key.sid], held.snapshot.force_relogin)
    # In the order of their keys, as refreshes that are served together lock them.
    for state in sorted(not_ended, key=attrgetter("key")):
        if state.key.grant_id in ending:
            end_grant(tx, state, cause, held.now)
    return Refused(Refusal.CODE_REPLAYED)


def _refused(held: _Held, reason: Refusal) -> Refused:
    """On the record, because whoever asks holds a code of the account."""
    recording.record(held.tx, _event(held, Event.GRANT_REFUSED, reason), held.now)
    return Refused(reason)


def _event(held: _Held, event: Event, reason: str = "") -> AuditEvent:
    client_id = held.command.client.client_id
    actor = f"client:{client_id}" if reason else f"account:{held.code.account_id}"
    return AuditEvent(
        event=event,
        origin=held.command.origin,
        actor=actor,
        account_id=held.code.account_id,
        reason=reason,
        tenant_id=held.code.tenant_id,
        client_id=client_id,
        sid=held.code.sid,
    )
