"""On which terms a client is registered: by strangers, or by whoever runs the service."""

from dataclasses import dataclass

from token_service.domain import client_metadata_forms as forms
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import OFFLINE_SCOPE, AuthenticationMethod
from token_service.domain.device_authorizations import GRANT_TYPE as DEVICE

CODE = "authorization_code"
REFRESH = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"

STRANGERS_PREFIX = "dynamic-"
"""How the ids of clients begin that register themselves, and of no others: so none is given twice,
and what ended with one never comes back with another."""

STRANGERS_SCOPES = frozenset({"openid", "profile", "email", "phone", "address", OFFLINE_SCOPE})
"""All that a client which nobody of ours has registered can ever be given."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be registered: methods, grant types and algorithms that there are.

    `members` are the names that count, `scopes` those that may be had (None: any);
    `signing_algorithms` are ours. With `redirects_needed`, whoever asks for codes says where
    they go. `loopback` lets plain http to this machine in, for development.
    """

    methods: frozenset[AuthenticationMethod]
    grant_types: frozenset[str]
    signing_algorithms: tuple[str, ...]
    members: frozenset[str]
    scopes: frozenset[str] | None
    redirects_needed: bool
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """What a metadata document comes to; `name` None: it has none."""

    name: str | None
    authentication: AuthenticationMethod
    grant_types: frozenset[str]
    scope: str
    metadata: ClientMetadata


_METHODS = frozenset(AuthenticationMethod) - {
    # Ours, for clients that may use either of two methods: no specification knows the name.
    AuthenticationMethod.SECRET,
}


def strangers(
    signing_algorithms: tuple[str, ...],
    *,
    absent: frozenset[AuthenticationMethod] = frozenset(),
    loopback: bool = False,
) -> Terms:
    """The terms for clients that register themselves (RFC 7591): nothing of what is ours."""
    return Terms(
        methods=_METHODS - absent,
        grant_types=frozenset({CODE, REFRESH, DEVICE}),
        signing_algorithms=signing_algorithms,
        members=frozenset(forms.FORMS) - forms.OURS,
        scopes=STRANGERS_SCOPES,
        redirects_needed=True,
        loopback=loopback,
    )


def operators(
    signing_algorithms: tuple[str, ...],
    *,
    absent: frozenset[AuthenticationMethod] = frozenset(),
    loopback: bool = False,
) -> Terms:
    """The terms for whoever runs the service: everything that there is."""
    return Terms(
        methods=frozenset(AuthenticationMethod) - absent,
        grant_types=frozenset({CODE, REFRESH, DEVICE, CLIENT_CREDENTIALS}),
        signing_algorithms=signing_algorithms,
        members=frozenset(forms.FORMS),
        scopes=None,
        redirects_needed=False,
        loopback=loopback,
    )
