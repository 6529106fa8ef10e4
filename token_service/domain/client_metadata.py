"""Client metadata: what a client says of itself when it is registered (RFC 7591 section 2).

Only what no other part of a `Client` holds. Field names are those of the specifications, so that a
registration reads and writes them as they are. Whether a value may stand here is decided where it
comes in, never where it is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from token_service.domain import stored_forms

ApplicationType: TypeAlias = Literal["web", "native"]
SubjectType: TypeAlias = Literal["public", "pairwise"]


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The metadata of one client; every default is what absence means (URLs are absolute).

    Times are in seconds. `pkce_required`, `consent_required` and `rotation` are ours: the first may
    be switched off for a confidential client of a profile that knows no PKCE; the second has the
    person asked, whoever runs the client; the third may be switched off for a confidential client
    whose refresh tokens are bound to a key (FAPI 2.0 section 5.3.2.1). `dynamic` marks a client
    that has registered itself, `permitted` one that had a permit of ours for it.
    """

    # Redirects (RFC 6749 section 3.1.2, OpenID Connect Dynamic Client Registration section 2).
    application_type: ApplicationType = "web"
    redirect_uris: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ("code",)
    response_modes: tuple[str, ...] = ("query", "form_post")
    initiate_login_uri: str | None = None
    pkce_required: bool = True

    # What people see.
    client_uri: str | None = None
    logo_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    contacts: tuple[str, ...] = ()
    software_id: str | None = None
    software_version: str | None = None
    consent_required: bool = False
    dynamic: bool = False
    permitted: bool = False

    # Keys and authentication.
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    token_endpoint_auth_signing_alg: str | None = None
    tls_client_auth_subject_dn: str | None = None
    tls_client_auth_san_dns: str | None = None
    tls_client_auth_san_uri: str | None = None
    tls_client_auth_san_ip: str | None = None
    tls_client_auth_san_email: str | None = None
    tls_client_certificate_bound_access_tokens: bool = False
    dpop_bound_access_tokens: bool = False
    rotation: bool = True

    # Authorization requests (RFC 9126 section 6, RFC 9101 section 10.5).
    require_pushed_authorization_requests: bool = False
    require_signed_request_object: bool = False
    request_object_signing_alg: str | None = None
    request_uris: tuple[str, ...] = ()
    default_max_age: int | None = None
    require_auth_time: bool = False
    default_acr_values: tuple[str, ...] = ()

    # ID tokens, userinfo and introspection.
    subject_type: SubjectType = "public"
    sector_identifier_uri: str | None = None
    id_token_signed_response_alg: str = "RS256"
    userinfo_signed_response_alg: str | None = None
    introspection_signed_response_alg: str | None = None

    # Log-out (OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout).
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False

    # Whoever may ask from a browser's script (CORS): exact origins.
    allowed_origins: tuple[str, ...] = ()

    @property
    def binds_access_tokens(self) -> bool:
        """Whether its access tokens are good for nobody but the holder of a key (RFC 9449 section
        5.2, RFC 8705 section 3.4)."""
        return self.dpop_bound_access_tokens or self.tls_client_certificate_bound_access_tokens

    @property
    def is_anonymous(self) -> bool:
        """Whether anybody at all may have registered it."""
        return self.dynamic and not self.permitted

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `stored` gave; a name that is unknown here raises TypeError."""
        return cls(**stored_forms.values(stored))

    def stored(self) -> dict[str, Any]:
        """As JSON: only what differs from the defaults."""
        return stored_forms.stored(self)


NO_METADATA = ClientMetadata()
"""A client that never sends anybody here: everything is as absence means it."""
