"""What may be wrong with a registration as a whole: what there is not, or contradicts itself."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

from token_service.domain import web_addresses
from token_service.domain.client_assertions import KEY_ALGORITHMS, SECRET_ALGORITHMS
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.policy_changes import Fault
from token_service.domain.redirects import redirect_uri_fault
from token_service.domain.registration_terms import (
    CLIENT_CREDENTIALS,
    CODE,
    REFRESH,
    Registration,
    Terms,
)

REDIRECTS = ("redirect_uris", "post_logout_redirect_uris")
_ADDRESSES = (
    "initiate_login_uri",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "jwks_uri",
    "sector_identifier_uri",
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
)
_SIGNED = (
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "introspection_signed_response_alg",
)
_TLS_SUBJECTS = tuple(
    one.name for one in fields(ClientMetadata) if one.name.startswith("tls_client_auth_s")
)
_BY_KEY = frozenset({AuthenticationMethod.PRIVATE_KEY_JWT, AuthenticationMethod.SELF_SIGNED_TLS})


def contradictions(
    stated: Mapping[str, object], made: Registration, terms: Terms
) -> Iterator[Fault]:
    """All faults of a registration whose single values are well-formed, as far as `stated`."""
    yield from _unmet(stated, made, terms)
    yield from _disagreements(made)
    yield from _addresses(made.metadata, terms)
    yield from _keys(made)


def _unmet(stated: Mapping[str, object], made: Registration, terms: Terms) -> Iterator[Fault]:
    """What is asked for and is not to be had here, or only with something that is missing."""
    methods = sorted(one.value for one in terms.methods)
    if stated.get("token_endpoint_auth_method", methods[0]) not in methods:
        yield Fault("token_endpoint_auth_method", "must be one of " + ", ".join(methods))
    if not made.grant_types <= terms.grant_types:
        told = "must be a list out of " + ", ".join(sorted(terms.grant_types))
        yield Fault("grant_types", told)
    for name in _SIGNED:
        if name in stated and stated[name] not in terms.signing_algorithms:
            yield Fault(name, "must be one of " + ", ".join(terms.signing_algorithms))
    if terms.scopes is not None and not made.scope:
        yield Fault("scope", "must name one of " + ", ".join(sorted(terms.scopes)))
    asks_for_codes = CODE in made.grant_types
    if terms.redirects_needed and asks_for_codes and not made.metadata.redirect_uris:
        yield Fault("redirect_uris", "is needed with the grant type authorization_code")


def _disagreements(made: Registration) -> Iterator[Fault]:
    """Members that contradict each other."""
    metadata, asks_for_codes = made.metadata, CODE in made.grant_types
    is_public = made.authentication is AuthenticationMethod.NONE
    if asks_for_codes != bool(metadata.response_types):
        yield Fault("response_types", "must be code exactly with the grant type authorization_code")
    if made.grant_types == {REFRESH}:
        yield Fault("grant_types", "must have one that gives refresh tokens")
    if asks_for_codes and not metadata.response_modes:
        yield Fault("response_modes", "must not be empty")
    if is_public:
        if CLIENT_CREDENTIALS in made.grant_types:
            yield Fault("grant_types", "must not be client_credentials for a public client")
        if not metadata.pkce_required:
            yield Fault("pkce_required", "must be true for a public client")
    if not metadata.rotation and (is_public or not metadata.binds_access_tokens):
        # FAPI 2.0 section 5.3.2.1.
        yield Fault("rotation", "must be true unless refresh tokens are bound to a key")
    if metadata.subject_type == "pairwise" and not metadata.sector_identifier_uri:
        # OpenID Connect Core section 8.1: else nobody knows which host is the sector.
        hosts = {_host(uri) for uri in metadata.redirect_uris}
        if len(hosts) > 1:
            yield Fault("sector_identifier_uri", "is needed for redirect URIs of several hosts")


def _host(uri: str) -> str | None:
    parts = web_addresses.split(uri)
    return None if parts is None else parts.hostname


def _addresses(metadata: ClientMetadata, terms: Terms) -> Iterator[Fault]:
    """Each address that must not be stored: it would become a link, a redirect or a request."""
    for name in REDIRECTS:
        for index, uri in enumerate(getattr(metadata, name)):
            if wrong := _redirect_fault(uri, metadata):
                yield Fault(f"{name}[{index}]", wrong)
    for name in _ADDRESSES:
        stated = getattr(metadata, name)
        wrong = web_addresses.fault(stated, loopback=terms.loopback) if stated is not None else None
        if wrong:
            yield Fault(name, wrong)
    for index, uri in enumerate(metadata.request_uris):
        if wrong := web_addresses.fault(uri, loopback=terms.loopback):
            yield Fault(f"request_uris[{index}]", wrong)
    for index, origin in enumerate(metadata.allowed_origins):
        if wrong := web_addresses.origin_fault(origin, loopback=terms.loopback):
            yield Fault(f"allowed_origins[{index}]", wrong)


def _redirect_fault(uri: str, metadata: ClientMetadata) -> str | None:
    """In the words of a sentence about the member."""
    wrong = redirect_uri_fault(uri, metadata.application_type)
    return None if wrong is None else f"is wrong: {wrong[0].lower()}{wrong[1:].removesuffix('.')}"


def _keys(made: Registration) -> Iterator[Fault]:
    """Whether the client can prove who it is by what it registers."""
    metadata, method = made.metadata, made.authentication
    has_keys = metadata.jwks is not None or metadata.jwks_uri is not None
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        yield Fault("jwks", "must not be given together with jwks_uri")
    needs_keys = (
        method in _BY_KEY
        or metadata.require_signed_request_object
        or metadata.request_object_signing_alg is not None
    )
    if needs_keys and not has_keys:
        yield Fault("jwks", "or jwks_uri is needed by what else is registered")
    subjects = [name for name in _TLS_SUBJECTS if getattr(metadata, name) is not None]
    if len(subjects) != (1 if method is AuthenticationMethod.TLS else 0):
        # RFC 8705 section 2.1.2: exactly one of them names the certificate.
        told = "needs exactly one of the tls_client_auth_ members for a subject, and no other does"
        yield Fault("token_endpoint_auth_method", f"tls_client_auth {told}")
    algorithm = metadata.token_endpoint_auth_signing_alg
    allowed = {
        AuthenticationMethod.PRIVATE_KEY_JWT: KEY_ALGORITHMS,
        AuthenticationMethod.SECRET_JWT: SECRET_ALGORITHMS,
    }
    if algorithm is not None and algorithm not in allowed.get(method, ()):
        yield Fault("token_endpoint_auth_signing_alg", "does not fit token_endpoint_auth_method")
