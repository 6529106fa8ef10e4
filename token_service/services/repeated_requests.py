"""Applications that ask with the same challenge again: what must be new each time protects nobody
if it is a constant (RFC 9700 section 2.1.1)."""

from datetime import datetime, timedelta

from token_service.crypto import authorization_codes
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.services import recording
from token_service.storage import used_assertions
from token_service.storage.database import Transaction

_REMEMBERED = timedelta(days=1)


def notice(tx: Transaction, request: AuthorizationRequest, origin: Origin, now: datetime) -> None:
    """Put on record that the client was given a code for the same challenge before, within a day;
    once for each challenge. Without a challenge it is the nonce that counts.

    It is not refused: whoever reloads the application's link asks the same in good faith.
    """
    what = "nonce" if request.code_challenge is None else "code_challenge"
    value = request.code_challenge or request.nonce
    if value is None:
        return
    until, asked = now + _REMEMBERED, authorization_codes.mark(what, request.client_id, value)
    if used_assertions.spend(tx, asked, until):
        return
    if not used_assertions.spend(tx, authorization_codes.mark("told", what, asked), until):
        return
    event = AuditEvent(
        event=Event.REQUEST_REPEATED,
        origin=origin,
        actor=f"client:{request.client_id}",
        client_id=request.client_id,
        details={"same": what},
    )
    recording.record(tx, event, now)
