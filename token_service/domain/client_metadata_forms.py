"""What a value in a client's metadata must look like by itself, and in which words it is refused.

The names are those of RFC 7591 section 2 and of the specifications that add to it; the tables here
are the whole list of what is understood, and everything else is ignored (RFC 7591 section 2).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, cast

from token_service.domain import scopes
from token_service.domain.authorization_requests import RESPONSE_MODES
from token_service.domain.client_assertions import KEY_ALGORITHMS, SECRET_ALGORITHMS
from token_service.domain.client_keys import key_set_fault
from token_service.domain.policy_changes import Fault, Range
from token_service.domain.tenants import well_formed_name

Form: TypeAlias = Callable[[object], str | None]
"""What is wrong with a value, or None; never what the value is."""

MOST_ENTRIES = 50
LONGEST_TEXT = 2000


def _text(value: object) -> str | None:
    is_fit = isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()
    return None if is_fit else f"must be a text of 1 to {LONGEST_TEXT} printable characters"


def _name(value: object) -> str | None:
    is_fit = isinstance(value, str) and well_formed_name(value)
    return None if is_fit else "must be 1 to 200 printable characters"


def _scope(value: object) -> str | None:
    is_fit = isinstance(value, str) and (not value or scopes.well_formed(value))
    return None if is_fit else "must be scopes with one space between them"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _one_of(*values: str) -> Form:
    def form(value: object) -> str | None:
        is_fit = isinstance(value, str) and value in values
        return None if is_fit else "must be one of " + ", ".join(values)

    return form


def _texts(value: object) -> str | None:
    if not isinstance(value, list) or len(value) > MOST_ENTRIES or any(map(_text, value)):
        return f"must be a list of at most {MOST_ENTRIES} texts"
    return None if len(set(value)) == len(value) else "must name nothing twice"


def _some_of(*values: str) -> Form:
    def form(value: object) -> str | None:
        wrong = _texts(value)
        if wrong is None and not set(cast("list[str]", value)) <= set(values):
            wrong = "must be a list out of " + ", ".join(values)
        return wrong

    return form


FORMS: Mapping[str, Form] = {
    "client_name": _name,
    "scope": _scope,
    "grant_types": _texts,
    "token_endpoint_auth_method": _text,
    "application_type": _one_of("web", "native"),
    "redirect_uris": _texts,
    "response_types": _some_of("code"),
    "response_modes": _some_of(*RESPONSE_MODES),
    "initiate_login_uri": _text,
    "pkce_required": _switch,
    "client_uri": _text,
    "logo_uri": _text,
    "policy_uri": _text,
    "tos_uri": _text,
    "contacts": _texts,
    "software_id": _text,
    "software_version": _text,
    "consent_required": _switch,
    "jwks": key_set_fault,
    "jwks_uri": _text,
    "token_endpoint_auth_signing_alg": _one_of(*KEY_ALGORITHMS, *SECRET_ALGORITHMS),
    "tls_client_auth_subject_dn": _text,
    "tls_client_auth_san_dns": _text,
    "tls_client_auth_san_uri": _text,
    "tls_client_auth_san_ip": _text,
    "tls_client_auth_san_email": _text,
    "tls_client_certificate_bound_access_tokens": _switch,
    "dpop_bound_access_tokens": _switch,
    "rotation": _switch,
    "require_pushed_authorization_requests": _switch,
    "require_signed_request_object": _switch,
    "request_object_signing_alg": _one_of(*KEY_ALGORITHMS),
    "request_uris": _texts,
    "default_max_age": Range(0, 31_536_000).fault,
    "require_auth_time": _switch,
    "default_acr_values": _texts,
    "subject_type": _one_of("public", "pairwise"),
    "sector_identifier_uri": _text,
    "id_token_signed_response_alg": _text,
    "userinfo_signed_response_alg": _text,
    "introspection_signed_response_alg": _text,
    "post_logout_redirect_uris": _texts,
    "backchannel_logout_uri": _text,
    "backchannel_logout_session_required": _switch,
    "frontchannel_logout_uri": _text,
    "frontchannel_logout_session_required": _switch,
    "allowed_origins": _texts,
}

OURS = frozenset({"pkce_required", "consent_required", "rotation", "allowed_origins"})
"""What no specification has, and only whoever runs the service decides about."""

NOT_IGNORED = {
    "id_token_encrypted_response_alg": "encrypted ID tokens are not supported",
    "userinfo_encrypted_response_alg": "encrypted answers are not supported",
    "introspection_encrypted_response_alg": "encrypted answers are not supported",
    "request_object_encryption_alg": "encrypted request objects are not supported",
}
"""Members that ask for protection which there is not: whoever asks must not go on without it."""


def faults(document: Mapping[str, object], names: Iterable[str]) -> list[Fault]:
    """Everything that is wrong with single values of the named members."""
    found = [Fault(name, FORMS[name](document[name]) or "") for name in names if name in document]
    unmet = [Fault(name, told) for name, told in NOT_IGNORED.items() if document.get(name)]
    return [fault for fault in found if fault.message] + unmet
