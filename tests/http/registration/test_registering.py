"""Registering a client (RFC 7591 section 3): by whom, and what comes of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.registration.building import (
    OPEN,
    PATH,
    REDIRECT,
    SMALL,
    bearer,
    events,
    number_of_clients,
    permit,
    registered,
    stored,
    told_faults,
    try_register,
)
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import ISSUER, Time, World
from token_service.domain.clients import AuthenticationMethod
from token_service.domain.events import Event

OF_OURS = {
    "pkce_required",
    "consent_required",
    "rotation",
    "allowed_origins",
    "dynamic",
    "permitted",
}


class TestWhatIsTold:
    def test_the_answer_has_credentials_and_every_value_in_force(self, open_world: World) -> None:
        """RFC 7591 section 3.2.1: all registered metadata, defaults included."""
        answer = try_register(open_world, {"redirect_uris": [REDIRECT]})
        told = answer.get_json()
        client_id = told["client_id"]
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        assert told["client_id_issued_at"] == int(open_world.parts.clock.now().timestamp())
        assert told["client_secret"].startswith("tss_")
        assert told["client_secret_expires_at"] == 0
        assert told["registration_access_token"].startswith("tsm_")
        assert told["registration_client_uri"] == f"{ISSUER}{PATH}/{client_id}"
        assert told["client_name"] == client_id
        assert told["redirect_uris"] == [REDIRECT]
        assert told["token_endpoint_auth_method"] == "client_secret_basic"
        assert told["grant_types"] == ["authorization_code"]
        assert told["response_types"] == ["code"]
        assert told["application_type"] == "web"
        assert told["subject_type"] == "public"
        assert told["id_token_signed_response_alg"] == "RS256"
        assert told["scope"] == "address email openid phone profile"
        assert not OF_OURS & told.keys()

    def test_what_was_asked_for_is_registered(self, open_world: World) -> None:
        asked: dict[str, Any] = {
            "redirect_uris": ["com.example.notes:/back", "http://127.0.0.1/back"],
            "application_type": "native",
            "client_name": "Notizen",
            "client_uri": "https://notes.example/",
            "logo_uri": "https://notes.example/logo.png",
            "contacts": ["ops@notes.example"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
            "scope": "openid offline_access",
            "id_token_signed_response_alg": "ES256",
            "require_pushed_authorization_requests": True,
            "dpop_bound_access_tokens": True,
            "default_max_age": 600,
            "default_acr_values": ["1"],
            "post_logout_redirect_uris": ["com.example.notes:/out"],
            "backchannel_logout_uri": "https://notes.example/out",
            "software_id": "notes",
        }
        told = registered(open_world, **asked).told
        assert {name: told[name] for name in asked} == asked | {"scope": "offline_access openid"}
        assert "client_secret" not in told
        assert "client_secret_expires_at" not in told

    def test_the_secret_works_and_neither_it_nor_the_token_is_kept(self, open_world: World) -> None:
        made = registered(open_world)
        answer = open_world.token(made.app, grant_type="client_credentials")
        assert_refused(answer, 400, "unauthorized_client")
        row = str(open_world.sql("SELECT * FROM clients"))
        assert made.client_id in row
        assert made.told["client_secret"] not in row
        assert made.told["registration_access_token"] not in row
        assert made.told["client_secret"] not in str(events(open_world, made.client_id))
        assert made.told["registration_access_token"] not in str(events(open_world, made.client_id))

    def test_unknown_and_language_tagged_members_are_ignored(self, open_world: World) -> None:
        told = registered(open_world, **{"client_name#de": "Notizen", "x_unknown": [1]}).told
        assert told["client_name"] == "Notes"
        assert not {"client_name#de", "x_unknown"} & told.keys()

    def test_null_is_as_if_it_was_not_there(self, open_world: World) -> None:
        told = registered(open_world, scope=None, jwks=None, logo_uri=None).told
        assert told["scope"] == "address email openid phone profile"
        assert not {"jwks", "logo_uri"} & told.keys()

    def test_it_is_on_the_record(self, open_world: World) -> None:
        made = registered(open_world)
        [event] = events(open_world, made.client_id)
        assert (event.event, event.actor) == (Event.CLIENT_CREATED, f"client:{made.client_id}")
        assert event.details["permit"] is False
        assert event.details["redirect_uris"] == [REDIRECT]


class TestNobodyLookedAtIt:
    def test_it_is_never_one_of_ours(self, open_world: World) -> None:
        """Security bar A20, M19, K11."""
        asked = {
            "consent_required": False,
            "dynamic": False,
            "permitted": True,
            "first_party": True,
            "permissions": ["sessions:read", "impersonate"],
            "kind": "admin",
            "tenant_id": "0" * 32,
            "allowed_origins": ["https://evil.example"],
            "pkce_required": False,
            "rotation": False,
            "audiences": ["billing"],
        }
        client = registered(open_world, **asked).stored
        assert client.kind == "app"
        assert not client.first_party
        assert client.permissions == frozenset()
        assert (client.tenant_id, client.audiences) == (None, ())
        assert client.metadata.dynamic
        assert not client.metadata.permitted
        assert client.metadata.consent_required
        assert client.metadata.pkce_required
        assert client.metadata.rotation
        assert client.metadata.allowed_origins == ()

    def test_passwords_are_not_for_it(self, open_world: World) -> None:
        tenant = open_world.tenant()
        person, made = open_world.person(tenant), registered(open_world)
        assert_refused(open_world.try_sign_in(person, made.app), 403, "client_not_allowed")

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            ("openid admin", "openid"),
            ("openid email sessions:read read", "email openid"),
            ("profile", "profile"),
            ("openid offline_access", "offline_access openid"),
        ],
    )
    def test_it_gets_no_scope_but_those_about_a_person(
        self, open_world: World, asked: str, given: str
    ) -> None:
        made = registered(open_world, scope=asked)
        assert made.told["scope"] == given
        assert made.stored.scope == given

    def test_a_scope_of_which_nothing_can_be_had_is_refused(self, open_world: World) -> None:
        answer = try_register(open_world, dict(SMALL) | {"scope": "admin read"})
        assert_refused(answer, 400, "invalid_client_metadata")
        assert told_faults(answer) == ["scope"]
        assert number_of_clients(open_world) == 0

    def test_offline_access_comes_with_refresh_tokens_only(self, open_world: World) -> None:
        """Security bar M19."""
        assert "offline_access" not in registered(open_world).stored.scope
        both = ["authorization_code", "refresh_token"]
        assert "offline_access" in registered(open_world, grant_types=both).stored.scope

    def test_where_it_asks_for_nothing_it_learns_who_and_no_more(self, open_world: World) -> None:
        assert registered(open_world).stored.default_scope == "openid"

    @pytest.mark.parametrize("grant_type", ["client_credentials", "password", "implicit"])
    def test_a_grant_that_is_not_for_strangers_is_refused(
        self, open_world: World, grant_type: str
    ) -> None:
        document = dict(SMALL) | {"grant_types": ["authorization_code", grant_type]}
        answer = try_register(open_world, document)
        assert_refused(answer, 400, "invalid_client_metadata")
        assert told_faults(answer) == ["grant_types"]

    def test_pkce_may_be_left_to_confidential_clients_by_a_setting(
        self, world_on: Any, databases: Postgres | SqliteFiles
    ) -> None:
        world = world_on(databases, **OPEN, TOKEN_SERVICE_REGISTRATION_PKCE_REQUIRED="false")
        assert not registered(world).metadata.pkce_required
        public = registered(world, token_endpoint_auth_method="none")
        assert public.metadata.pkce_required


class TestWhoMay:
    def test_nobody_where_it_is_off(self, world: World) -> None:
        assert_refused(try_register(world), 404, "invalid_request")
        assert_refused(try_register(world, permit=permit(world)), 404, "invalid_request")
        assert number_of_clients(world) == 0

    def test_it_is_off_unless_an_operator_says_otherwise(self, world: World) -> None:
        assert world.parts.settings.registration.mode == "off"

    @pytest.mark.parametrize("path", ["oauth-authorization-server", "openid-configuration"])
    def test_discovery_tells_where_exactly_if_there_is_somewhere(
        self, world: World, open_world: World, permit_world: World, path: str
    ) -> None:
        found = [
            one.http.get(f"/.well-known/{path}").get_json().get("registration_endpoint")
            for one in (world, open_world, permit_world)
        ]
        assert found == [None, ISSUER + PATH, ISSUER + PATH]

    def test_without_a_permit_where_one_is_needed(self, permit_world: World) -> None:
        answer = try_register(permit_world)
        assert_refused(answer, 401, "invalid_token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert number_of_clients(permit_world) == 0

    @pytest.mark.parametrize("presented", ["tsi_unknown", "x", "tsm_" + "A" * 49])
    def test_with_something_that_is_no_permit(self, permit_world: World, presented: str) -> None:
        assert_refused(try_register(permit_world, permit=presented), 401, "invalid_token")
        assert number_of_clients(permit_world) == 0

    def test_a_permit_is_good_for_as_many_clients_as_it_says(self, permit_world: World) -> None:
        two = permit(permit_world, uses=2)
        made = [registered(permit_world, two) for _ in range(2)]
        assert_refused(try_register(permit_world, permit=two), 401, "invalid_token")
        assert number_of_clients(permit_world) == 2
        assert events(permit_world, made[0].client_id)[0].details["permit"] is True

    def test_a_permit_ends_by_its_time(self, permit_world: World, time: Time) -> None:
        short = permit(permit_world, uses=9, minutes=5)
        time.pass_(minutes=4, seconds=59)
        registered(permit_world, short)
        time.pass_(seconds=1)
        assert_refused(try_register(permit_world, permit=short), 401, "invalid_token")

    def test_a_wrong_document_uses_nothing(self, permit_world: World) -> None:
        one = permit(permit_world)
        wrong = dict(SMALL) | {"redirect_uris": ["javascript:alert(1)"]}
        assert_refused(try_register(permit_world, wrong, one), 400, "invalid_redirect_uri")
        registered(permit_world, one)

    def test_a_permit_is_kept_as_a_hash(self, permit_world: World) -> None:
        made = permit(permit_world)
        [row] = permit_world.sql("SELECT * FROM initial_access_tokens")
        assert made not in str(row)
        assert made.removeprefix("tsi_")[:43] not in str(row)

    def test_a_wrong_permit_is_refused_where_none_is_needed(self, open_world: World) -> None:
        assert_refused(try_register(open_world, permit="tsi_wrong"), 401, "invalid_token")

    def test_a_permit_is_no_token_and_a_token_no_permit(self, permit_world: World) -> None:
        both = permit(permit_world, uses=2)
        made = registered(permit_world, both)
        assert_refused(made.get(headers=bearer(both)), 401, "invalid_token")
        token = made.told["registration_access_token"]
        assert_refused(try_register(permit_world, permit=token), 401, "invalid_token")


class TestLimits:
    def test_a_source_that_registers_without_end_is_told_to_wait(
        self, world_on: Any, databases: Postgres | SqliteFiles, time: Time
    ) -> None:
        world = world_on(databases, **OPEN, TOKEN_SERVICE_REGISTRATION_PER_SOURCE="2")
        registered(world)
        assert try_register(world, {}).status_code == 400
        time.pass_(minutes=20)
        answer = try_register(world)
        assert_refused(answer, 429, "temporarily_unavailable")
        assert answer.headers["Retry-After"] == "2400"
        elsewhere = {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}}
        assert try_register(world, **elsewhere).status_code == 201
        assert try_register(world, permit=permit(world)).status_code == 201
        time.pass_(minutes=40)
        registered(world)

    def test_there_are_only_so_many(self, world_on: Any, databases: Postgres | SqliteFiles) -> None:
        world = world_on(databases, **OPEN, TOKEN_SERVICE_REGISTRATION_MOST_CLIENTS="2")
        world.client()
        first = registered(world)
        registered(world)
        assert_refused(try_register(world), 403, "access_denied")
        registered(world, permit(world))
        assert_refused(try_register(world), 403, "access_denied")
        assert first.delete().status_code == 204
        assert_refused(try_register(world), 403, "access_denied")
        assert number_of_clients(world) == 3


def test_a_node_with_a_wrong_clock_registers_nobody(
    world_on: Any, databases: Postgres | SqliteFiles, tmp_path: Path
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+3600")
    world = world_on(databases, **OPEN, TOKEN_SERVICE_TEST_DATABASE_CLOCK=str(clock))
    assert_refused(try_register(world), 503, "temporarily_unavailable")
    assert number_of_clients(world) == 0


class TestMethods:
    @pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
    def test_a_secret_is_made_for_who_needs_one(self, open_world: World, method: str) -> None:
        made = registered(open_world, token_endpoint_auth_method=method)
        assert made.told["client_secret"]
        assert made.stored.authentication == method

    def test_only_the_registered_method_will_do(self, open_world: World) -> None:
        made = registered(open_world, token_endpoint_auth_method="client_secret_post")
        assert made.stored.authentication is AuthenticationMethod.SECRET_POST

    def test_a_public_client_has_no_secret(self, open_world: World) -> None:
        made = registered(open_world, token_endpoint_auth_method="none")
        assert made.stored.kind == "public"
        assert made.stored.secrets == ()

    def test_who_signs_with_its_secret_has_one_that_can_be_read_again(
        self, open_world: World
    ) -> None:
        made = registered(open_world, token_endpoint_auth_method="client_secret_jwt")
        assert made.told["client_secret"].startswith("tss_")
        assert made.stored.secrets == ()
        assert made.stored.shared_secret_encrypted is not None
        assert made.told["client_secret"].encode() not in made.stored.shared_secret_encrypted
        stays = made.updated(redirect_uris=[REDIRECT], client_secret=made.told["client_secret"])
        assert stays.stored.shared_secret_encrypted == made.stored.shared_secret_encrypted
        assert "client_secret" not in stays.told
        moved = stays.updated(
            redirect_uris=[REDIRECT], token_endpoint_auth_method="client_secret_basic"
        )
        assert moved.stored.shared_secret_encrypted is None
        answer = open_world.token(moved.app, grant_type="client_credentials")
        assert_refused(answer, 400, "unauthorized_client")

    @pytest.mark.parametrize("method", ["tls_client_auth", "self_signed_tls_client_auth"])
    def test_certificates_are_not_registered_where_nobody_hands_them_on(
        self, open_world: World, method: str
    ) -> None:
        answer = try_register(open_world, dict(SMALL) | {"token_endpoint_auth_method": method})
        assert_refused(answer, 400, "invalid_client_metadata")
        assert "token_endpoint_auth_method" in told_faults(answer)

    def test_keys_that_no_proof_can_be_made_with_are_refused(self, open_world: World) -> None:
        key = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
        document = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}}
        answer = try_register(open_world, dict(SMALL) | document)
        assert_refused(answer, 400, "invalid_client_metadata")
        assert told_faults(answer) == ["token_endpoint_auth_method"]

    @pytest.mark.parametrize("method", ["client_secret", "password", "", "CLIENT_SECRET_BASIC"])
    def test_a_method_that_there_is_not_is_refused(self, open_world: World, method: str) -> None:
        answer = try_register(open_world, dict(SMALL) | {"token_endpoint_auth_method": method})
        assert_refused(answer, 400, "invalid_client_metadata")
        assert told_faults(answer) == ["token_endpoint_auth_method"]


class TestBadBodies:
    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"data": b"{", "content_type": "application/json"}, 400, "invalid_request"),
            ({"data": b"[]", "content_type": "application/json"}, 400, "invalid_request"),
            (
                {"data": b'{"a":1,"a":2}', "content_type": "application/json"},
                400,
                "invalid_request",
            ),
            ({"data": {"client_name": "x"}}, 415, "invalid_request"),
            ({"json": SMALL, "query_string": {"client_name": "x"}}, 400, "invalid_request"),
            ({"json": {"logo_uri": "https://a.example/\0"}}, 400, "invalid_request"),
        ],
    )
    def test_what_cannot_be_read_registers_nothing(
        self, open_world: World, changes: dict[str, Any], status: int, code: str
    ) -> None:
        assert_refused(open_world.http.post(PATH, **changes), status, code)
        assert number_of_clients(open_world) == 0

    def test_every_fault_is_named_and_nothing_repeated(self, open_world: World) -> None:
        wrong = {
            "redirect_uris": [REDIRECT],
            "client_name": "Evil\u202eeman",
            "application_type": "desktop",
            "default_max_age": -1,
            "logo_uri": 7,
            "jwks": {"keys": [{"kty": "oct", "k": "c2VjcmV0"}]},
            "userinfo_encrypted_response_alg": "RSA-OAEP",
        }
        answer = try_register(open_world, wrong)
        assert_refused(answer, 400, "invalid_client_metadata")
        assert told_faults(answer) == sorted(wrong.keys() - {"redirect_uris"})
        assert "c2VjcmV0" not in answer.text
        assert "desktop" not in answer.text

    def test_other_methods_are_not_offered(self, open_world: World) -> None:
        assert open_world.http.get(PATH).status_code == 405
        assert open_world.http.post(f"{PATH}/app").status_code == 405


def test_an_operator_cannot_take_an_id_that_ends_with_its_client(open_world: World) -> None:
    made = registered(open_world)
    assert made.client_id.startswith("dynamic-")
    assert stored(open_world, made.client_id) is not None
