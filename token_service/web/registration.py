"""`/oauth2/register`: clients register themselves (RFC 7591) and manage that (RFC 7592)."""

from collections.abc import Mapping

from flask import Blueprint, Response, request

from token_service.domain.client_metadata_forms import OURS
from token_service.domain.client_registration_rules import document_of
from token_service.domain.clients import well_formed_id
from token_service.domain.policy_changes import Faulty
from token_service.domain.refusals import Refused
from token_service.services import self_registration
from token_service.services.self_registration import Information, Registrar
from token_service.web import access_tokens, answers, errors, parsing
from token_service.web.origin import origin
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal

blueprint = Blueprint("registration", __name__, url_prefix="/oauth2/register")

_NEVER_EXPIRES = 0
_MOST_TOLD = 10


@blueprint.post("")
def register() -> Response:
    """RFC 7591 section 3: the answer is the only one that tells the secret."""
    here = _registrar()
    if here.rules.mode == "off":
        raise Refuse(errors.NOT_FOUND)
    permit = _bearer() if "Authorization" in request.headers else None
    if permit is None and here.rules.mode == "token":
        raise Refuse(errors.TOKEN_MISSING)
    return _told(self_registration.register(here, parsing.json_patch(), permit), 201)


@blueprint.get("/<client_id>")
def read(client_id: str) -> Response:
    """RFC 7592 section 2.1."""
    return _told(self_registration.read(_registrar(), _known_form(client_id), _bearer()))


@blueprint.put("/<client_id>")
def update(client_id: str) -> Response:
    """RFC 7592 section 2.2."""
    token = _bearer()
    here, document = _registrar(), parsing.json_patch()
    return _told(self_registration.update(here, _known_form(client_id), token, document))


@blueprint.delete("/<client_id>")
def delete(client_id: str) -> Response:
    """RFC 7592 section 2.3."""
    refused = self_registration.delete(_registrar(), _known_form(client_id), _bearer())
    if refused is not None:
        raise _refusal(refused)
    return answers.nothing()


def _bearer() -> str:
    """A permit or a registration access token: neither is ever bound to a key."""
    shown = access_tokens.presented()
    if shown.scheme != "Bearer":
        raise Refuse(errors.INVALID_TOKEN)
    return shown.token


def _registrar() -> Registrar:
    here = parts()
    return Registrar(
        here.database,
        here.clock,
        here.gate.throttle,
        here.registration,
        here.fetcher,
        here.keys.encryption,
        origin(),
    )


def _known_form(client_id: str) -> str:
    """What cannot be a client's id looks like one that nobody has."""
    if not well_formed_id(client_id):
        raise Refuse(errors.INVALID_TOKEN)
    return client_id


def _told(answer: Information | Refused, status: int = 200) -> Response:
    if isinstance(answer, Refused):
        raise _refusal(answer)
    return answers.json(_document(answer), status)


def _document(found: Information) -> Mapping[str, object]:
    """RFC 7591 section 3.2.1: all that is registered, what was not asked for included."""
    client_id = found.client.client_id
    told: dict[str, object] = {
        "client_id": client_id,
        "client_id_issued_at": int(found.issued_at.timestamp()),
        "registration_access_token": found.registration_token,
        "registration_client_uri": f"{parts().settings.issuer}{blueprint.url_prefix}/{client_id}",
    }
    if found.secret is not None:
        told |= {"client_secret": found.secret, "client_secret_expires_at": _NEVER_EXPIRES}
    registered = document_of(found.client)
    return told | {name: one for name, one in registered.items() if name not in OURS}


def _refusal(refused: Refused) -> Refuse:
    if not isinstance(refused, Faulty):
        return refusal(refused, errors.REGISTRATION)
    told = "; ".join(f"{fault.field} {fault.message}" for fault in refused.faults[:_MOST_TOLD])
    fault = errors.REGISTRATION.fault(refused.reason).saying(f"{told}.")
    return Refuse(fault, reason=refused.reason)
