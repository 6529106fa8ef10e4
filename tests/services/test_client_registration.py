"""Clients, as an administrator registers and switches them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from jwt.algorithms import ECAlgorithm

from tests.http.client_authentication.proving import jwk, private_key
from tests.services.building import (
    AUTHOR,
    at_once,
    authenticates,
    changes,
    configuration_version,
    last_change,
    pepper_of,
    signed_in,
    why_dead,
)
from tests.world.world import Time, World
from token_service.crypto import opaque
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import DEFAULTS, AuthenticationMethod, Client, ClientKind
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal, Refused
from token_service.services import client_registration
from token_service.services.client_registration import NewClient, Registered
from token_service.storage import configuration, epochs

HOUR = timedelta(hours=1)


def try_register(world: World, **fields: Any) -> Registered | Refused:
    new = NewClient(**({"kind": ClientKind.SERVICE, "name": "Reports"} | fields))
    return client_registration.register(
        world.database,
        world.parts.clock,
        pepper_of(world),
        new,
        AUTHOR,
        world.parts.keys.encryption,
    )


def register(world: World, **fields: Any) -> Registered:
    made = try_register(world, **fields)
    assert isinstance(made, Registered)
    return made


def rotate(world: World, client_id: str, overlap: timedelta) -> Registered | Refused:
    return client_registration.rotate_secret(
        world.database, world.parts.clock, pepper_of(world), client_id, overlap, AUTHOR
    )


def rotated(world: World, client_id: str, overlap: timedelta) -> str:
    made = rotate(world, client_id, overlap)
    assert isinstance(made, Registered)
    assert made.secret is not None
    return made.secret


def read(world: World, client_id: str) -> Client:
    with world.database.reading() as tx:
        found = configuration.read_client(tx, client_id)
    assert found is not None
    return found


METHOD = AuthenticationMethod
PUBLIC = jwk("ES256", private_key("ES256"), kid="k1")
PRIVATE = json.loads(ECAlgorithm.to_jwk(private_key("ES256")))
KEYS, CERTIFIED = {"keys": [PUBLIC]}, {"keys": [PUBLIC | {"x5c": ["MIIB"]}]}
URI = "https://client.example/jwks"


class TestAuthentication:
    @pytest.mark.parametrize(
        ("method", "metadata"),
        [
            (METHOD.SECRET_BASIC, {}),
            (METHOD.SECRET_POST, {}),
            (METHOD.SECRET_JWT, {}),
            (METHOD.SECRET_JWT, {"token_endpoint_auth_signing_alg": "HS256"}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": KEYS}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks_uri": URI}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": KEYS, "token_endpoint_auth_signing_alg": "ES256"}),
            (METHOD.TLS, {"tls_client_auth_san_dns": "client.example"}),
            (METHOD.SELF_SIGNED_TLS, {"jwks": CERTIFIED}),
            (METHOD.SELF_SIGNED_TLS, {"jwks_uri": URI}),
        ],
    )
    def test_what_a_method_needs(
        self, world: World, method: AuthenticationMethod, metadata: dict[str, Any]
    ) -> None:
        made = register(world, authentication=method, metadata=ClientMetadata(**metadata))
        assert read(world, made.client.client_id) == made.client
        assert made.client.authentication is method
        assert (made.secret is None) != made.client.has_secret
        has_hash, has_sealed = bool(made.client.secrets), bool(made.client.shared_secret_encrypted)
        assert has_sealed == (method is METHOD.SECRET_JWT)
        assert has_hash == (made.client.has_secret and not has_sealed)

    @pytest.mark.parametrize(
        ("method", "metadata"),
        [
            (METHOD.NONE, {}),
            (METHOD.PRIVATE_KEY_JWT, {}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": KEYS, "jwks_uri": URI}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": {"keys": []}}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": {"keys": [PRIVATE]}}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": {"keys": [PUBLIC, PRIVATE]}}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": {"keys": [PUBLIC, {"kty": "oct", "k": "AA"}]}}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks_uri": "file:///etc/passwd"}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": KEYS, "token_endpoint_auth_signing_alg": "HS256"}),
            (METHOD.PRIVATE_KEY_JWT, {"jwks": KEYS, "token_endpoint_auth_signing_alg": "none"}),
            (METHOD.SECRET_JWT, {"token_endpoint_auth_signing_alg": "ES256"}),
            (METHOD.SECRET_BASIC, {"token_endpoint_auth_signing_alg": "HS256"}),
            (METHOD.SECRET_BASIC, {"jwks": {"keys": [PRIVATE]}}),
            (METHOD.TLS, {}),
            (METHOD.TLS, {"tls_client_auth_san_dns": "a", "tls_client_auth_san_uri": "b"}),
            (METHOD.SELF_SIGNED_TLS, {"jwks": KEYS}),
        ],
    )
    def test_what_it_cannot_be_registered_with(
        self, world: World, method: AuthenticationMethod, metadata: dict[str, Any]
    ) -> None:
        refused = try_register(world, authentication=method, metadata=ClientMetadata(**metadata))
        assert refused == Refused(Refusal.INVALID_AUTHENTICATION)


class TestRegistering:
    @pytest.mark.parametrize("kind", list(ClientKind))
    def test_a_kind_decides_what_was_not_said(self, world: World, kind: ClientKind) -> None:
        made = register(world, kind=kind).client
        defaults = DEFAULTS[kind]
        assert read(world, made.client_id) == made
        assert made.grant_types == defaults.grant_types
        assert made.scope == defaults.scope
        assert made.default_scope == defaults.default_scope
        assert made.permissions == defaults.permissions
        assert made.authentication == defaults.authentication

    def test_the_secret_authenticates_and_is_not_stored(self, world: World) -> None:
        made = register(world)
        assert made.secret is not None
        assert made.secret.startswith("tss_")
        assert opaque.checksum(made.secret[:-6]) == made.secret[-6:]
        assert authenticates(world, made.client.client_id, made.secret)
        assert not authenticates(world, made.client.client_id, made.secret[:-1])
        assert made.secret not in repr(made)
        assert made.secret not in str(made.client.secrets[0].hash)

    def test_a_public_client_has_none(self, world: World) -> None:
        made = register(world, kind=ClientKind.PUBLIC)
        assert made.secret is None
        assert made.client.secrets == ()
        assert made.client.authentication is AuthenticationMethod.NONE

    def test_ids_are_readable_and_differ(self, world: World) -> None:
        kind = ClientKind.RESOURCE_SERVER
        first, second = register(world, kind=kind).client, register(world, kind=kind).client
        assert first.client_id.startswith("resource-server-")
        assert len(first.client_id) == len("resource-server-") + 8
        assert first.client_id != second.client_id

    @pytest.mark.parametrize("client_id", ["billing", "a.b_c~d-E9", "x" * 255, "f" * 31, "f" * 33])
    def test_an_id_may_be_chosen(self, world: World, client_id: str) -> None:
        assert register(world, client_id=client_id).client.client_id == client_id

    @pytest.mark.parametrize(
        "client_id",
        ["", "a b", "a:b", "a/b", "a%20b", "\u00e9", "x" * 256, "billing\n", "0" * 32, "AB" * 16],
    )
    def test_an_id_that_needs_escaping_or_looks_like_an_accounts_is_refused(
        self, world: World, client_id: str
    ) -> None:
        assert try_register(world, client_id=client_id) == Refused(Refusal.MALFORMED)

    def test_a_taken_id_is_refused(self, world: World) -> None:
        register(world, client_id="billing")
        assert try_register(world, client_id="billing") == Refused(Refusal.TAKEN)
        assert len(changes(world)) == 1

    @pytest.mark.parametrize("name", ["", "a\nb", " a", "n" * 201])
    def test_a_name_that_nobody_could_read_is_refused(self, world: World, name: str) -> None:
        assert try_register(world, name=name) == Refused(Refusal.MALFORMED)

    @pytest.mark.parametrize("audience", ["", "a b", "x" * 256, "\u00e9"])
    def test_a_malformed_audience_is_refused(self, world: World, audience: str) -> None:
        assert try_register(world, audiences=(audience,)) == Refused(Refusal.MALFORMED)
        assert try_register(world, resource_identifier=audience) == Refused(Refusal.MALFORMED)

    def test_audiences_scope_and_tenant_are_kept(self, world: World) -> None:
        tenant = world.tenant()
        made = register(
            world,
            tenant_id=tenant,
            scope="write read",
            default_scope="read",
            audiences=("https://api.example.test/v1", "other"),
            resource_identifier="https://own.example.test",
        ).client
        assert read(world, made.client_id) == made
        assert (made.tenant_id, made.scope, made.default_scope) == (tenant, "read write", "read")
        assert made.audience == ("https://api.example.test/v1", "other")

    def test_the_default_scope_stays_within_a_narrower_scope(self, world: World) -> None:
        assert register(world, scope="read export").client.default_scope == "read"
        assert register(world, scope="export").client.default_scope == "export"

    def test_an_unknown_tenant_is_refused(self, world: World) -> None:
        assert try_register(world, tenant_id="0" * 32) == Refused(Refusal.UNKNOWN_TENANT)

    def test_a_default_scope_beyond_the_scope_is_refused(self, world: World) -> None:
        refused = try_register(world, scope="read", default_scope="read write")
        assert refused == Refused(Refusal.INVALID_SCOPE)

    @pytest.mark.parametrize("scope", ['re"ad', "re\\ad", "\u00e9"])
    def test_a_malformed_scope_is_refused(self, world: World, scope: str) -> None:
        assert try_register(world, scope=scope) == Refused(Refusal.INVALID_SCOPE)

    @pytest.mark.parametrize("kind", [kind for kind in ClientKind if kind is not ClientKind.ADMIN])
    def test_only_an_administration_client_gets_the_scope_admin(
        self, world: World, kind: ClientKind
    ) -> None:
        """Scopes go to clients, whoever signs in: each user of it would be an administrator."""
        assert try_register(world, kind=kind, scope="read admin") == Refused(Refusal.INVALID_SCOPE)

    def test_it_is_on_the_record_without_the_secret(self, world: World) -> None:
        made = register(world)
        event = last_change(world)
        assert (event.event, event.client_id) == (Event.CLIENT_CREATED, made.client.client_id)
        assert event.details == {"kind": "service", "scope": "read write"}

    def test_pages_follow_each_other(self, world: World) -> None:
        for number in range(3):
            register(world, client_id=f"client-{number}")
        first = client_registration.page(world.database, "", 2)
        rest = client_registration.page(world.database, first[-1].client_id, 2)
        assert [one.client_id for one in first + rest] == ["client-0", "client-1", "client-2"]


class TestSwitching:
    def test_disabling_ends_grants_and_enabling_brings_none_back(self, world: World) -> None:
        app, person = world.client(), world.person(world.tenant())
        token = signed_in(world, person.email, person.password, app.client_id)
        database, clock = world.database, world.parts.clock

        client_registration.disable(database, clock, app.client_id, AUTHOR)
        assert why_dead(world, token) is Refusal.CLIENT_DISABLED
        assert app.secret is not None
        assert not authenticates(world, app.client_id, app.secret)

        client_registration.enable(database, clock, app.client_id, AUTHOR)
        assert why_dead(world, token) is Refusal.CLIENT_DISABLED
        assert authenticates(world, app.client_id, app.secret)

    def test_it_says_why_in_the_log_and_beside_the_epoch(self, world: World) -> None:
        app = world.client()
        client_registration.disable(world.database, world.parts.clock, app.client_id, AUTHOR)
        event = last_change(world)
        assert (event.event, event.reason) == (Event.CLIENT_CHANGED, Refusal.CLIENT_DISABLED)
        with world.database.reading() as tx:
            raised = epochs.owner_reason(tx, f"client:{app.client_id}", 1)
        assert raised is not None
        assert raised.reason is Refusal.CLIENT_DISABLED

    def test_saying_it_twice_changes_nothing(self, world: World) -> None:
        app = world.client()
        database, clock = world.database, world.parts.clock
        first = client_registration.disable(database, clock, app.client_id, AUTHOR)
        recorded = changes(world)
        assert client_registration.disable(database, clock, app.client_id, AUTHOR) == first
        assert changes(world) == recorded

    def test_an_unknown_client_is_refused(self, world: World) -> None:
        database, clock = world.database, world.parts.clock
        refused = Refused(Refusal.UNKNOWN_CLIENT)
        assert client_registration.disable(database, clock, "nobody", AUTHOR) == refused
        assert client_registration.enable(database, clock, "nobody", AUTHOR) == refused
        assert rotate(world, "nobody", HOUR) == refused


class TestRotatingSecrets:
    def test_both_work_until_the_deadline_and_then_the_new_one(
        self, world: World, time: Time
    ) -> None:
        made = register(world)
        client_id, old = made.client.client_id, str(made.secret)
        new = rotated(world, client_id, HOUR)
        assert authenticates(world, client_id, old)
        assert authenticates(world, client_id, new)
        time.pass_(minutes=59, seconds=59)
        assert authenticates(world, client_id, old)
        time.pass_(seconds=1)
        assert not authenticates(world, client_id, old)
        assert authenticates(world, client_id, new)

    def test_without_an_overlap_the_old_one_ends_at_once(self, world: World) -> None:
        made = register(world)
        new = rotated(world, made.client.client_id, timedelta())
        assert not authenticates(world, made.client.client_id, str(made.secret))
        assert authenticates(world, made.client.client_id, new)

    def test_at_most_two_live(self, world: World) -> None:
        made = register(world)
        client_id = made.client.client_id
        second, third = rotated(world, client_id, HOUR), rotated(world, client_id, HOUR)
        assert not authenticates(world, client_id, str(made.secret))
        assert authenticates(world, client_id, second)
        assert authenticates(world, client_id, third)
        assert len(read(world, client_id).secrets) == 2

    def test_of_two_at_the_same_time_neither_overwrites_the_other(self, world: World) -> None:
        made = register(world)
        client_id = made.client.client_id
        for _ in range(5):
            first, second = at_once(
                lambda: rotated(world, client_id, HOUR), lambda: rotated(world, client_id, HOUR)
            )
            assert authenticates(world, client_id, first)
            assert authenticates(world, client_id, second)

    def test_a_second_rotation_never_lengthens_a_deadline(self, world: World, time: Time) -> None:
        made = register(world)
        client_id = made.client.client_id
        second = rotated(world, client_id, HOUR)
        rotated(world, client_id, timedelta(minutes=1))
        time.pass_(minutes=1)
        assert not authenticates(world, client_id, second)

    def test_a_public_client_has_nothing_to_rotate(self, world: World) -> None:
        public = world.client("public")
        refused = Refused(Refusal.WRONG_AUTHENTICATION_METHOD)
        assert rotate(world, public.client_id, HOUR) == refused

    def test_it_is_on_the_record_and_the_workers_are_told(self, world: World) -> None:
        made = register(world)
        version = configuration_version(world)
        rotated(world, made.client.client_id, HOUR)
        event = last_change(world)
        assert (event.event, event.client_id) == (Event.CLIENT_CHANGED, made.client.client_id)
        assert event.details == {"secret": "rotated", "overlap_seconds": 3600}
        assert configuration_version(world) == version + 1
