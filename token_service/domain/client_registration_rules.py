"""Registering a client: a whole metadata document becomes a registration, or all of its faults.

The document is that of RFC 7591 section 2 and OpenID Connect Dynamic Client Registration section 2.
Members that nobody knows are ignored, and so are language-tagged ones (`client_name#de`).
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from token_service.domain import client_metadata_forms as forms
from token_service.domain import scopes
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.client_registration_faults import REDIRECTS, contradictions
from token_service.domain.clients import OFFLINE_SCOPE, AuthenticationMethod, Client
from token_service.domain.policy_changes import Fault, Faulty
from token_service.domain.refusals import Refusal
from token_service.domain.registration_terms import CODE, REFRESH, Registration, Terms

_METADATA = frozenset(one.name for one in fields(ClientMetadata)) - {"dynamic", "permitted"}
_METHOD, _METHODS_ALGORITHM = "token_endpoint_auth_method", "token_endpoint_auth_signing_alg"
_ALWAYS = frozenset({"client_name", "scope", "grant_types", _METHOD})

_KEPT = frozenset(
    {
        _METHOD,
        _METHODS_ALGORITHM,
        "tls_client_certificate_bound_access_tokens",
        "dpop_bound_access_tokens",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "request_object_signing_alg",
        "require_auth_time",
        "subject_type",
        "backchannel_logout_session_required",
        "frontchannel_logout_session_required",
    }
)
"""What makes a client safer, and so is not reset by leaving it out, only by saying so."""


def registration(document: Mapping[str, object], terms: Terms) -> Registration | Faulty:
    """The registration that the document asks for, null being absent; `Faulty` with every fault.

    The reason is `invalid_redirect_uri` where an address to be sent back to is among the faults.
    """
    stated = {
        name: value
        for name, value in document.items()
        if value is not None and name in terms.members | forms.NOT_IGNORED.keys()
    }
    found = forms.faults(stated, terms.members & stated.keys())
    if found:
        return faulty(*found)
    made = _made(stated, terms)
    contradicting = list(contradictions(stated, made, terms))
    return faulty(*contradicting) if contradicting else made


def faulty(*found: Fault) -> Faulty:
    """The refusal of a document with these faults (RFC 7591 section 3.2.2)."""
    is_redirect = any(fault.field.startswith(REDIRECTS) for fault in found)
    reason = Refusal.INVALID_REDIRECT_URI if is_redirect else Refusal.INVALID_CLIENT_METADATA
    return Faulty(reason, faults=tuple(sorted(found, key=lambda fault: fault.field)))


def imposed(made: Registration, held: ClientMetadata) -> ClientMetadata:
    """The metadata of a client that says nothing about what is ours: that is as it is held.

    A public client needs PKCE, whatever the client was before (RFC 9700 section 2.1.1).
    """
    is_public = made.authentication is AuthenticationMethod.NONE
    ours = {name: getattr(held, name) for name in forms.OURS}
    ours["pkce_required"] = held.pkce_required or is_public
    return replace(made.metadata, dynamic=held.dynamic, permitted=held.permitted, **ours)


def document_of(client: Client) -> dict[str, Any]:
    """What is registered of a client, as JSON: every value in force, those by default included."""
    metadata = client.metadata
    values = {name: getattr(metadata, name) for name in sorted(_METADATA)}
    if CODE not in client.grant_types:
        values["response_types"] = ()
    return {
        "client_name": client.name,
        "token_endpoint_auth_method": client.authentication.value,
        "grant_types": sorted(client.grant_types),
        "scope": client.scope,
    } | {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None
    }


def replacement(client: Client, document: Mapping[str, object]) -> dict[str, object]:
    """The document by which a client replaces its whole registration (RFC 7592 section 2.2).

    What it leaves out goes back to its default, except for what makes it safer, which stays as it
    is until it is stated otherwise: a client that does not know a switch never turns it off.
    """
    held = document_of(client)
    # The algorithm belongs to the method.
    names = _KEPT - {_METHODS_ALGORITHM} if document.get(_METHOD) else _KEPT
    return {name: held[name] for name in names if name in held} | dict(document)


def merged(client: Client, change: Mapping[str, object]) -> dict[str, object]:
    """The document after a change of single members.

    Null takes one back to its default; what every client has (`_ALWAYS`) then stays as it is.
    """
    held = {name: one for name, one in document_of(client).items() if name != "response_types"}
    stated = {name: one for name, one in change.items() if one is not None or name not in _ALWAYS}
    return held | stated


def _made(stated: Mapping[str, Any], terms: Terms) -> Registration:
    grant_types = frozenset(stated.get("grant_types", [CODE]))
    values = {name: value for name, value in stated.items() if name in _METADATA}
    values.setdefault("response_types", ["code"] if CODE in grant_types else [])
    method = stated.get(_METHOD, AuthenticationMethod.SECRET_BASIC)
    known = method in list(AuthenticationMethod)
    return Registration(
        name=stated.get("client_name"),
        authentication=AuthenticationMethod(method) if known else AuthenticationMethod.NONE,
        grant_types=grant_types,
        scope=_scope(stated.get("scope"), grant_types, terms),
        metadata=ClientMetadata.of(values),
    )


def _scope(stated: str | None, grant_types: frozenset[str], terms: Terms) -> str:
    """What is asked for, as far as it may be had (RFC 7591 section 2: a server may replace it)."""
    if stated is not None:
        asked = scopes.names(stated)
        return scopes.canonical(asked if terms.scopes is None else asked & terms.scopes)
    default = terms.scopes or frozenset()
    return scopes.canonical(default if REFRESH in grant_types else default - {OFFLINE_SCOPE})
