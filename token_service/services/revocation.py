"""Giving tokens back and ending sessions by them: done before it is answered, on every node."""

from datetime import timedelta

from token_service.clock import Clock
from token_service.domain import claims
from token_service.domain.claims import AccessClaims
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantKey, Session
from token_service.services import issuing, recording
from token_service.services.configuration import Snapshot, prove_clock, prove_current
from token_service.services.endings import Cause, end_grant, end_session
from token_service.services.named_tokens import session_token, verified
from token_service.services.refreshing import grant_key, parsed
from token_service.storage import grants, revoked_tokens, sessions
from token_service.storage.database import Database, InTransaction


def revoke(
    database: Database, clock: Clock, snapshot: Snapshot, caller: Client, token: str, origin: Origin
) -> Refused | None:
    """Token revocation (RFC 7009) by the token's own client: ends the grant behind it.

    Either token of the grant will do, also an older refresh token or an expired access token: who
    gives a token back means the whole of it. A token that is none, or another client's, is answered
    like success by the caller, and nothing happens (RFC 7009 section 2.2).
    """
    # No statement below would notice that the caller was disabled a moment ago.
    prove_current(database, clock, snapshot)
    found = _named(database, clock, snapshot, token)
    if isinstance(found, Refused):
        return found
    if isinstance(found, AccessClaims):
        if found.client_id != caller.client_id:
            return Refused(Refusal.FOREIGN_CLIENT)
        _revoke_client_token(database, clock, found, origin)
        return None
    key, tenant_id = found
    cause = Cause(Refusal.REVOKED, f"client:{caller.client_id}", origin)
    with database.transaction() as tx:
        sessions.lock(tx, key.account_id, key.sid)
        now = clock.now()
        read = grants.read(database, InTransaction(tx), key, tenant_id, snapshot.force_relogin)
        if read is None:
            return Refused(Refusal.UNKNOWN_TOKEN)
        if read.state.client_id != caller.client_id:
            return Refused(Refusal.FOREIGN_CLIENT)
        end_grant(tx, read.state, cause, now)
    return None


def invalidate(
    database: Database, clock: Clock, snapshot: Snapshot, token: str, origin: Origin
) -> Refused | None:
    """End the session of a token, by possession of it; saying it twice is fine.

    An expired access token still ends its session: who signs out late must not be told that it is
    done while the refresh token lives on.
    """
    # No statement below would notice that the token's key was revoked a moment ago.
    prove_current(database, clock, snapshot)
    found = _named(database, clock, snapshot, token)
    if isinstance(found, Refused):
        return found
    if isinstance(found, AccessClaims):
        _revoke_client_token(database, clock, found, origin)
        return None
    key, tenant_id = found
    with database.transaction() as tx:
        session = sessions.lock(tx, key.account_id, key.sid)
        if session is not None:
            cause = _signed_out(session, origin)
            end_session(tx, key.account_id, key.sid, cause, clock.now(), tenant_id=tenant_id)
    return None


def _signed_out(session: Session, origin: Origin) -> Cause:
    """Whose token it is signs out: the account, or the client that acted as it."""
    if session.impersonator is not None:
        return Cause(Refusal.ENDED_BY_BACKEND, f"client:{session.impersonator}", origin)
    return Cause(Refusal.SIGNED_OUT, f"account:{session.account_id}", origin)


def _named(
    database: Database, clock: Clock, snapshot: Snapshot, token: str
) -> tuple[GrantKey, str] | AccessClaims | Refused:
    """The grant and tenant that a token names, or the claims of a token without a session."""
    if presented := parsed(database, clock, snapshot, token):
        return grant_key(presented), presented.locator.tenant_id
    access = verified(database, clock, snapshot, token)
    if isinstance(access, Refused):
        return access
    if access.sid is None:
        is_ours = issuing.epochs_in(access.jti) is not None
        return access if is_ours else Refused(Refusal.UNKNOWN_TOKEN)
    named = session_token(snapshot, access, clock.now())
    return (named.key, named.tenant_id) if named else Refused(Refusal.UNKNOWN_TOKEN)


def _revoke_client_token(
    database: Database, clock: Clock, access: AccessClaims, origin: Origin
) -> None:
    # A node that is an hour ahead would take the token for expired, and revoke nothing.
    prove_clock(database, clock)
    expires_at = claims.moment(access.expires_at) + timedelta(seconds=claims.LEEWAY_SECONDS)
    with database.transaction() as tx:
        now = clock.now()
        if expires_at <= now:
            return
        revoked_tokens.add(tx, access.jti, expires_at)
        event = AuditEvent(
            event=Event.TOKEN_REVOKED,
            origin=origin,
            actor=f"client:{access.client_id}",
            reason=Refusal.REVOKED,
            client_id=access.client_id,
        )
        recording.record(tx, event, now)
