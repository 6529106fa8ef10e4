"""Making tokens: the one place where an access token gets its claims."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from token_service.crypto import jwt, locators, opaque, refresh_tokens
from token_service.crypto.drafts import Drafting, signed
from token_service.crypto.locators import Locator
from token_service.domain import claims, scopes
from token_service.domain.clients import Client
from token_service.domain.confirmations import UNBOUND, Confirmation, TokenType
from token_service.domain.keys import Algorithm
from token_service.domain.openid_claims import OPENID_SCOPE
from token_service.domain.policies import Policy
from token_service.domain.sessions import GrantState, GrantTerms, access_token_end
from token_service.domain.tenants import Tenant
from token_service.services import id_tokens, subjects
from token_service.services.configuration import Snapshot
from token_service.services.id_tokens import Authentication

_JTI_RANDOM_BYTES = 12


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """The answer to a sign-in, a refresh or a client-credentials request.

    `expires_in` is in seconds. `refresh_token`, `sid`, `tenant_id` and `account_id` are None for
    client credentials. `previous_refresh_token` is the successor of a token that was used to enter
    another tenant; its chain goes on beside the new one. `id_token` is there where the grant came
    by an OpenID Connect authentication. `device_token` is that by which the account knows the
    device in which somebody has just signed in.
    """

    access_token: str = field(repr=False)
    expires_in: int
    scope: str
    refresh_token: str | None = field(default=None, repr=False)
    sid: str | None = None
    tenant_id: str | None = None
    account_id: str | None = None
    previous_refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    token_type: TokenType = "Bearer"
    device_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Holder:
    """For whom a session's access token is, and what bounds it.

    `impersonator` is the client that acts as the account, if one does. `nonce` and `about` are for
    the ID token, where there is one (`id_tokens.Authentication`). `confirmation` is what the access
    token is bound to, which is for whoever asks for it to prove, each time.
    """

    locator: Locator
    client: Client
    policy: Policy
    scope: str
    terms: GrantTerms
    methods: tuple[str, ...]
    absolute_end: datetime | None
    impersonator: str | None = None
    nonce: str | None = None
    about: Mapping[str, object] = field(default_factory=dict, repr=False)
    confirmation: Confirmation = UNBOUND


def holder(
    locator: Locator,
    client: Client,
    policy: Policy,
    scope: str,
    state: GrantState,
    about: Mapping[str, object],
    confirmation: Confirmation = UNBOUND,
) -> Holder:
    """The holder that a stored grant describes."""
    return Holder(
        locator=locator,
        client=client,
        policy=policy,
        scope=scope,
        terms=state.terms,
        methods=state.methods,
        absolute_end=state.grant_absolute_end(policy),
        impersonator=state.impersonator,
        about=about,
        confirmation=confirmation,
    )


def session_tokens(
    snapshot: Snapshot, held: Holder, refresh_token: str | None, now: datetime
) -> IssuedTokens:
    """An access token of a session (RFC 9068) beside its refresh token, if there is to be one, and
    beside an ID token where the grant came by an OpenID Connect authentication.

    `jti` begins with the sealed locator, so an online check reads exactly its grant.
    """
    return signed(making_session_tokens(snapshot, held, refresh_token, now))


def making_session_tokens(
    snapshot: Snapshot, held: Holder, refresh_token: str | None, now: datetime
) -> Drafting[IssuedTokens]:
    """The same, to be signed."""
    locator, client = held.locator, held.client
    issued_at = claims.instant(now)
    expires_at = claims.instant(access_token_end(held.policy, now, held.absolute_end))
    audience = held.terms.audiences or client.audience
    subject = subjects.of_access_token(snapshot, client, locator.account_id, audience)
    body = _common(snapshot, client, subject, audience, held.scope, issued_at, expires_at)
    body |= bound_to(held.confirmation)
    body["jti"] = _session_jti(snapshot, locator, now)
    body["sid"] = locator.sid
    body["tenantId"] = locator.tenant_id
    body |= _authentication(held)
    access_token = yield _draft(snapshot, client, body, now)
    lifetime = expires_at - issued_at
    return IssuedTokens(
        access_token=access_token,
        expires_in=lifetime,
        scope=held.scope,
        refresh_token=refresh_token,
        sid=locator.sid,
        tenant_id=locator.tenant_id,
        account_id=locator.account_id,
        id_token=(yield from _making_id_token(snapshot, held, access_token, lifetime, now)),
        token_type=held.confirmation.token_type,
    )


def require_key(snapshot: Snapshot, client: Client, now: datetime) -> None:
    """For whoever spends something on a client's access token, before it is spent on nothing.

    Raises `NoKey`, or `KeyUnreadable`, where none could be signed now.
    """
    snapshot.keyring.signing_key(_algorithm(snapshot, client), now)


def _making_id_token(
    snapshot: Snapshot, held: Holder, access_token: str, lifetime: int, now: datetime
) -> Drafting[str | None]:
    """None but for an OpenID Connect authentication; whoever is impersonated has proved nothing.

    At a refresh it tells the sign-in that the grant is from, and no nonce (OpenID Connect Core
    section 12.2).
    """
    asked = held.terms.openid and OPENID_SCOPE in scopes.names(held.scope)
    if not asked or held.impersonator is not None:
        return None
    locator = held.locator
    authentication = Authentication(
        client=held.client,
        account_id=locator.account_id,
        sid=locator.sid,
        tenant_id=locator.tenant_id,
        auth_time=held.terms.auth_time,
        methods=held.methods,
        nonce=held.nonce,
        about=held.about,
    )
    return (yield from id_tokens.making(snapshot, authentication, access_token, lifetime, now))


def bound_to(confirmation: Confirmation) -> dict[str, object]:
    """The claim `cnf` of a bound token (RFC 9449 section 6, RFC 8705 section 3.1)."""
    return {"cnf": confirmation.members} if confirmation.stored else {}


def _authentication(held: Holder) -> dict[str, object]:
    """How the account proved who it is, or else who acts as it (RFC 8693 section 4.1).

    Whoever is impersonated has proved nothing: with an `auth_time`, a resource server that asks for
    a fresh sign-in would believe that there was one.
    """
    if held.impersonator is not None:
        return {"act": actor(held.impersonator)}
    return {"auth_time": claims.instant(held.terms.auth_time), "amr": list(held.methods)}


def actor(client_id: str) -> dict[str, str]:
    """The claim `act` of a client that acts as an account (RFC 8693 section 4.1)."""
    return {"sub": client_id}


def making_client_token(
    snapshot: Snapshot, client: Client, scope: str, confirmation: Confirmation, now: datetime
) -> Drafting[IssuedTokens]:
    """An access token for client credentials (RFC 6749 section 4.4): no session, no refresh.

    `sub` is the client id, which no account id can equal: those are 32 hexadecimal characters, and
    such client ids are not given out.
    """
    issued_at = claims.instant(now)
    tenant = snapshot.tenant(client.tenant_id) if client.tenant_id else None
    if tenant is not None:
        policy = snapshot.rules_of(tenant, client).policy
    else:
        policy = snapshot.policy.tightened(client.policy)
    expires_at = issued_at + policy.access_lifetime
    body = _common(
        snapshot, client, client.client_id, client.audience, scope, issued_at, expires_at
    )
    body["jti"] = client_jti(client, tenant)
    body |= bound_to(confirmation)
    if client.tenant_id:
        body["tenantId"] = client.tenant_id
    return IssuedTokens(
        access_token=(yield _draft(snapshot, client, body, now)),
        expires_in=expires_at - issued_at,
        scope=scope,
        token_type=confirmation.token_type,
    )


def refresh_token(
    snapshot: Snapshot,
    locator: Locator,
    secret: bytes,
    *,
    generation: int,
    key_number: int,
    now: datetime,
) -> str:
    """The refresh token of one generation; the same arguments always give the same token."""
    keys = snapshot.keyring.opaque_keys(now)
    return refresh_tokens.issue(
        keys, locator=locator, generation=generation, key_number=key_number, secret=secret
    )


def locator_in(snapshot: Snapshot, jti: str, now: datetime) -> Locator | None:
    """The locator that a session token's `jti` begins with, or None."""
    data = opaque.decode(jti)
    if data is None or len(data) != locators.LOCATOR_LENGTH + _JTI_RANDOM_BYTES:
        return None
    keys = snapshot.keyring.opaque_keys(now)
    return locators.unseal(keys.locator_keys, data[: locators.LOCATOR_LENGTH])


def client_jti(client: Client, tenant: Tenant | None) -> str:
    """Epochs and a random part: a token from before the client or its tenant was disabled stays
    dead for good."""
    epochs = b"".join(epoch.to_bytes(8) for epoch in client_epochs(client, tenant))
    return opaque.encode(epochs + opaque.new_bytes(16))


def client_epochs(client: Client, tenant: Tenant | None) -> tuple[int, int]:
    """The epochs in force of a client and of the tenant that it belongs to; 0 for none."""
    return client.epoch, tenant.epoch if tenant else 0


def epochs_in(jti: str) -> tuple[int, int] | None:
    """Those that a client-credentials token's `jti` was made under, or None."""
    data = opaque.decode(jti)
    if data is None or len(data) != 32:
        return None
    return int.from_bytes(data[:8]), int.from_bytes(data[8:16])


def _session_jti(snapshot: Snapshot, locator: Locator, now: datetime) -> str:
    key = snapshot.keyring.opaque_keys(now).current.locator_key
    return opaque.encode(locators.seal(key, locator) + opaque.new_bytes(_JTI_RANDOM_BYTES))


def _common(
    snapshot: Snapshot,
    client: Client,
    subject: str,
    audience: tuple[str, ...],
    scope: str,
    issued_at: int,
    expires_at: int,
) -> dict[str, object]:
    return {
        "iss": snapshot.issuer,
        "sub": subject,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client.client_id,
        "scope": scope,
        "iat": issued_at,
        "exp": expires_at,
    }


def _draft(snapshot: Snapshot, client: Client, body: dict[str, object], now: datetime) -> jwt.Draft:
    key = snapshot.keyring.signing_key(_algorithm(snapshot, client), now)
    return jwt.draft(key, body, claims.TYPE)


def signs_slowly(snapshot: Snapshot, client: Client) -> bool:
    """Whether the client's access tokens take a hundred times as long to sign as others."""
    return is_slow(_algorithm(snapshot, client))


def is_slow(algorithm: str) -> bool:
    """A signature by RSA takes most of a millisecond, by elliptic curves some 20 us."""
    return algorithm == Algorithm.RS256


def _algorithm(snapshot: Snapshot, client: Client) -> str:
    """That of the client's access tokens."""
    return client.signing_algorithm or snapshot.signing_algorithm
