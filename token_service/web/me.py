"""`/v1/me`: a person's own account and the profile that is theirs to change."""

from dataclasses import replace

from flask import Response

from token_service.domain.refusals import Refused
from token_service.services import profiles
from token_service.services.changes import Author
from token_service.services.configuration import Snapshot
from token_service.services.profiles import Own, Unfit
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import malformed, refusal
from token_service.web.schemas.profile import OwnSchema, ProfilePatchSchema

blueprint = Blueprint("me", __name__, url_prefix="/v1/me", description="One's own account")

_OWN = OwnSchema()
_PATCH = ProfilePatchSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.UNAVAILABLE,
)


@blueprint.get("")
@blueprint.described(answer=OwnSchema, faults=_FAULTS, security=(BEARER,))
@on_current
def show(snapshot: Snapshot) -> Response:
    """The account that the token is of."""
    person = guards.person(snapshot)
    own = _found(profiles.read(parts().database, person.account_id))
    if person.impersonator is not None:
        # A backend of one tenant is not to learn of the others through somebody who is there too.
        own = replace(own, tenants=(person.tenant_id,))
    return answers.json(_OWN.dump(own))


@blueprint.patch("")
@blueprint.described(
    body=ProfilePatchSchema,
    answer=OwnSchema,
    faults=(*_FAULTS, errors.IMPERSONATION_NOT_ALLOWED),
    security=(BEARER,),
)
@on_current
def change(snapshot: Snapshot) -> Response:
    """Change the profile; saying it twice is fine."""
    here = parts()
    person = guards.owner(snapshot)
    patch: dict[str, object] = parsing.json_body(_PATCH)
    author = Author(f"account:{person.account_id}", origin())
    changed = profiles.change(here.database, here.clock, person.account_id, patch, author)
    if isinstance(changed, Unfit):
        raise malformed("The profile cannot be kept.", {"profile": changed.faults})
    return answers.json(_OWN.dump(_found(changed)))


def _found(own: Own | Refused) -> Own:
    if isinstance(own, Refused):
        raise refusal(own, errors.BEARER)
    return own
