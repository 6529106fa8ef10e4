"""OAuth clients: what each kind may do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from token_service.domain import scopes
from token_service.domain.client_metadata import NO_METADATA, ClientMetadata


class ClientKind(StrEnum):
    """What a client is; decides its defaults when it is created."""

    APP = "app"
    PUBLIC = "public"
    SERVICE = "service"
    RESOURCE_SERVER = "resource_server"
    BACKEND = "backend"
    ADMIN = "admin"


class AuthenticationMethod(StrEnum):
    """How a client proves who it is (RFC 7591 section 2, `token_endpoint_auth_method`).

    `client_secret` is ours: by Basic or in the body, as the client likes.
    """

    SECRET = "client_secret"
    SECRET_BASIC = "client_secret_basic"
    SECRET_POST = "client_secret_post"
    SECRET_JWT = "client_secret_jwt"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS = "tls_client_auth"
    SELF_SIGNED_TLS = "self_signed_tls_client_auth"
    NONE = "none"


class Permission(StrEnum):
    """What a client may do at `/v1` beyond its own tokens, or a person to others' sessions."""

    SESSIONS_READ = "sessions:read"
    SESSIONS_REVOKE = "sessions:revoke"
    SESSION_POLICY_WRITE = "session-policy:write"
    IMPERSONATE = "impersonate"


ROLE_PERMISSIONS = frozenset(
    {Permission.SESSIONS_READ, Permission.SESSIONS_REVOKE, Permission.SESSION_POLICY_WRITE}
)
"""Those that a tenant may give to a role; impersonation is a trusted backend's alone."""


ADMIN_SCOPE = "admin"
OFFLINE_SCOPE = "offline_access"
_ID = re.compile(r"[A-Za-z0-9._~-]{1,255}")
_AUDIENCE = re.compile(r"[!-~]{1,255}")
_ACCOUNT_ID = re.compile(r"[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """The keyed hash of a secret; two may be live while one replaces the other."""

    hash: str
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Client:
    """A registered client application. `tenant_id` None: it belongs to the environment.

    `policy` holds the limits that it states: each can tighten the tenant's, none loosen one.
    `shared_secret_encrypted` is there only where the client signs with its secret, and
    `registration_token_hash` where it manages its own registration.
    """

    client_id: str
    name: str
    kind: ClientKind
    tenant_id: str | None
    authentication: AuthenticationMethod
    secrets: tuple[ClientSecret, ...] = field(repr=False)
    grant_types: frozenset[str]
    scope: str
    default_scope: str
    audiences: tuple[str, ...]
    resource_identifier: str | None
    permissions: frozenset[Permission]
    first_party: bool
    signing_algorithm: str | None
    enabled: bool
    epoch: int
    policy: Mapping[str, Any] = field(default_factory=dict)
    metadata: ClientMetadata = NO_METADATA
    shared_secret_encrypted: bytes | None = field(default=None, repr=False)
    registration_token_hash: str | None = field(default=None, repr=False)

    @property
    def is_anybodys(self) -> bool:
        """Whether anybody can ask in the client's name, or could register it."""
        return self.is_public or self.metadata.dynamic

    @property
    def is_public(self) -> bool:
        """Whether the client has no credentials (RFC 6749 section 2.1)."""
        return self.authentication is AuthenticationMethod.NONE

    @property
    def shows_a_certificate(self) -> bool:
        """Whether its connection proves who it is (RFC 8705 section 2)."""
        return self.authentication in (
            AuthenticationMethod.TLS,
            AuthenticationMethod.SELF_SIGNED_TLS,
        )

    @property
    def has_secret(self) -> bool:
        """Whether it shares a secret with this service."""
        return self.authentication in (
            AuthenticationMethod.SECRET,
            AuthenticationMethod.SECRET_BASIC,
            AuthenticationMethod.SECRET_POST,
            AuthenticationMethod.SECRET_JWT,
        )

    def authenticates_by(self, method: str) -> bool:
        """Whether it may prove who it is in this way (RFC 7591, `token_endpoint_auth_method`)."""
        if self.authentication is AuthenticationMethod.SECRET:
            return method in ("client_secret_basic", "client_secret_post")
        return method == self.authentication

    @property
    def may_refresh(self) -> bool:
        """Whether it may use refresh tokens (RFC 6749 section 6)."""
        return "refresh_token" in self.grant_types

    @property
    def rotates(self) -> bool:
        """Whether a use of its refresh token gives another one (RFC 9700 section 2.2.2).

        Only a confidential client whose access tokens are bound to a key may keep its own, for whom
        rotation protects nothing and loses sessions (FAPI 2.0 section 5.3.2.1).
        """
        metadata = self.metadata
        return metadata.rotation or self.is_public or not metadata.binds_access_tokens

    @cached_property
    def scope_names(self) -> frozenset[str]:
        """All scopes that the client may ever be given."""
        return scopes.names(self.scope)

    @property
    def audience(self) -> tuple[str, ...]:
        """The audience of its tokens where the request names no resource; never empty."""
        return self.audiences or (self.client_id,)

    def is_meant(self, audience: tuple[str, ...]) -> bool:
        """Whether a token with this audience is for this client as a resource server."""
        return (self.resource_identifier or self.client_id) in audience

    def may(self, permission: Permission) -> bool:
        """Whether the client holds the permission."""
        return permission in self.permissions


def well_formed_id(client_id: str) -> bool:
    """Whether a client may have this id: unreserved characters of a URL, 1 to 255 of them.

    Never one that looks like an account's id: `sub` is the client's id in a client-credentials
    token, and a resource server would take it for that account (RFC 9068 section 5).
    """
    return _ID.fullmatch(client_id) is not None and _ACCOUNT_ID.fullmatch(client_id) is None


def well_formed_audience(identifier: str) -> bool:
    """Whether a resource server may be named so: printable ASCII without spaces, 1 to 255."""
    return _AUDIENCE.fullmatch(identifier) is not None


def scopes_allowed(kind: ClientKind, scope: str) -> bool:
    """Whether clients of the kind may be registered with the scope.

    Scopes are granted to clients, whoever signs in: with `admin` for an application, each of its
    users would be an administrator.
    """
    return kind is ClientKind.ADMIN or ADMIN_SCOPE not in scopes.names(scope)


def granted_scope(client: Client, requested: str | None) -> str | None:
    """The scope for a new grant: the client's default, or the request where it is allowed.

    None where the request is malformed or asks for a scope that the client may not have.
    """
    if requested is None:
        return client.default_scope
    if not scopes.well_formed(requested) or not scopes.names(requested) <= client.scope_names:
        return None
    return scopes.canonical(scopes.names(requested))


@dataclass(frozen=True, slots=True)
class KindDefaults:
    """What a new client of a kind gets unless its creator says otherwise."""

    authentication: AuthenticationMethod
    grant_types: frozenset[str]
    scope: str
    default_scope: str
    permissions: frozenset[Permission]
    first_party: bool


_USER_SCOPE = "address email offline_access openid phone profile"
_USER_GRANTS = frozenset({"authorization_code", "refresh_token"})
_SECRET, _NONE = AuthenticationMethod.SECRET, AuthenticationMethod.NONE

DEFAULTS: dict[ClientKind, KindDefaults] = {
    ClientKind.APP: KindDefaults(
        _SECRET, _USER_GRANTS, _USER_SCOPE, "openid profile", frozenset(), True
    ),
    ClientKind.PUBLIC: KindDefaults(
        _NONE, _USER_GRANTS, _USER_SCOPE, "openid profile", frozenset(), True
    ),
    ClientKind.SERVICE: KindDefaults(
        _SECRET, frozenset({"client_credentials"}), "read write", "read", frozenset(), False
    ),
    ClientKind.RESOURCE_SERVER: KindDefaults(_SECRET, frozenset(), "", "", frozenset(), False),
    ClientKind.BACKEND: KindDefaults(
        _SECRET,
        # A backend refreshes what it holds while it acts as a person.
        frozenset({"client_credentials", "refresh_token"}),
        "read",
        "read",
        frozenset(
            {
                Permission.SESSIONS_READ,
                Permission.SESSIONS_REVOKE,
                Permission.IMPERSONATE,
            }
        ),
        False,
    ),
    ClientKind.ADMIN: KindDefaults(
        _SECRET,
        frozenset({"client_credentials"}),
        ADMIN_SCOPE,
        ADMIN_SCOPE,
        frozenset(),
        False,
    ),
}
