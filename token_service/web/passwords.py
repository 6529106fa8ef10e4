"""Passwords: changed by their owner, set anew by a mailed link."""

from flask import Response

from token_service.domain.passwords import Unsuitable
from token_service.domain.refusals import Refused
from token_service.services import changing_password, password_resets
from token_service.services.changes import Author
from token_service.services.changing_password import PasswordChange
from token_service.services.configuration import Snapshot
from token_service.services.password_resets import Completion
from token_service.services.refreshing import Refresh
from token_service.web import answers, errors, guards, parsing, password_faults
from token_service.web.api import BEARER, NOBODY, Blueprint
from token_service.web.current import on_current
from token_service.web.guards import Person
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import refusal
from token_service.web.schemas.passwords import (
    ChangePasswordRequest,
    ChangePasswordSchema,
    CompleteResetRequest,
    CompleteResetSchema,
    OwnTokensSchema,
    RequestResetSchema,
)

blueprint = Blueprint("passwords", __name__, url_prefix="/v1", description="Passwords")

_CHANGE = ChangePasswordSchema()
_REQUEST_RESET = RequestResetSchema()
_COMPLETE_RESET = CompleteResetSchema()


@blueprint.post("/me/password")
@blueprint.described(
    body=ChangePasswordSchema,
    answer=OwnTokensSchema,
    faults=(
        errors.INVALID_REQUEST,
        errors.UNSUITABLE_PASSWORD,
        errors.INVALID_GRANT,
        errors.UNAUTHORIZED_CLIENT,
        errors.INVALID_TOKEN,
        errors.INVALID_CREDENTIALS,
        errors.INVALID_CLIENT,
        errors.INSUFFICIENT_SCOPE,
        errors.IMPERSONATION_NOT_ALLOWED,
        errors.THROTTLED,
        errors.UNAVAILABLE,
    ),
    security=(BEARER,),
)
@on_current
def change(snapshot: Snapshot) -> Response:
    """Change one's own password; the session that asks goes on with fresh tokens."""
    person = guards.owner(snapshot)
    request: ChangePasswordRequest = parsing.json_body(_CHANGE)
    command = PasswordChange(
        key=person.grant,
        tenant_id=person.tenant_id,
        scope=person.scope,
        current=request.current_password,
        new=request.new_password,
        refresh=_refresh(snapshot, person, request),
        origin=origin(),
        confirmation=person.confirmation,
    )
    here = parts()
    changed = changing_password.change(here.database, here.clock, snapshot, here.gate, command)
    if isinstance(changed, Unsuitable):
        raise password_faults.refusal(changed)
    if isinstance(changed, Refused):
        stage = errors.PASSWORD_CHANGE if command.refresh is None else errors.PASSWORD_AND_REFRESH
        raise refusal(changed, stage)
    here.postman.call()
    return answers.tokens(changed, "password_change")


@blueprint.post("/password-resets")
@blueprint.described(
    body=RequestResetSchema,
    answer=202,
    faults=(errors.INVALID_REQUEST, errors.THROTTLED, errors.UNAVAILABLE),
    security=(NOBODY,),
)
@on_current
def request_reset(snapshot: Snapshot) -> Response:
    """Have a link for a new password mailed; the answer is the same for every name."""
    identifier: str = parsing.json_body(_REQUEST_RESET)
    here = parts()
    refused = password_resets.request(
        here.database, here.clock, snapshot, here.gate, identifier, origin()
    )
    if refused is not None:
        raise refusal(refused, errors.RESET)
    here.postman.call()
    return answers.accepted()


@blueprint.post("/password-resets/complete")
@blueprint.described(
    body=CompleteResetSchema,
    answer=204,
    faults=(
        errors.INVALID_REQUEST,
        errors.UNSUITABLE_PASSWORD,
        errors.VOID_LINK,
        errors.UNAVAILABLE,
    ),
    security=(NOBODY,),
)
@on_current
def complete_reset(snapshot: Snapshot) -> Response:
    """Set a new password by the token of a link; every session of the account ends."""
    request: CompleteResetRequest = parsing.json_body(_COMPLETE_RESET)
    here = parts()
    command = Completion(request.token, request.new_password, origin())
    refused = password_resets.complete(here.database, here.clock, snapshot, here.gate, command)
    if isinstance(refused, Unsuitable):
        raise password_faults.refusal(refused)
    if refused is not None:
        raise refusal(refused, errors.RESET)
    here.postman.call()
    return answers.nothing()


@blueprint.post("/accounts/<account_id>/password-reset")
@blueprint.described(
    answer=202,
    faults=(
        errors.INVALID_TOKEN,
        errors.INSUFFICIENT_SCOPE,
        errors.NOT_FOUND,
        errors.NO_ADDRESS,
        errors.ACCOUNT_DISABLED,
        errors.UNAVAILABLE,
    ),
    security=(BEARER,),
)
@on_current
def send_reset(snapshot: Snapshot, account_id: str) -> Response:
    """Have a link mailed in the owner's place; no password is chosen or seen by anybody else."""
    administrator = guards.administrator_for(snapshot, account_id)
    here = parts()
    author = Author(administrator.actor, origin())
    refused = password_resets.send(here.database, here.clock, account_id, author)
    if refused is not None:
        raise refusal(refused, errors.SENDING)
    here.postman.call()
    return answers.accepted()


def _refresh(snapshot: Snapshot, person: Person, request: ChangePasswordRequest) -> Refresh | None:
    if request.refresh_token is None or request.client is None:
        return None
    client = guards.client_in_body(snapshot, request.client)
    return Refresh(client, request.refresh_token, None, origin(), person.confirmation)
