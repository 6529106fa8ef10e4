"""A client manages its own registration (RFC 7592), and nobody else does."""

from dataclasses import replace
from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.registration.building import (
    REDIRECT,
    Registration,
    bearer,
    events,
    registered,
    rewrite,
    stored,
    told_faults,
)
from tests.services.building import AUTHOR
from tests.world.world import World
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.services import client_registration
from token_service.storage import epochs

SAFER: dict[str, Any] = {
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
    "tls_client_certificate_bound_access_tokens": True,
    "require_auth_time": True,
    "subject_type": "pairwise",
    "backchannel_logout_session_required": True,
    "frontchannel_logout_session_required": True,
}
SECRETS = {"client_secret", "client_secret_expires_at"}


def without(told: Any, *names: str) -> dict[str, Any]:
    return {name: value for name, value in dict(told).items() if name not in names}


class TestReading:
    def test_tells_what_the_registration_told_but_the_secret(self, open_world: World) -> None:
        made = registered(open_world)
        assert made.read() == without(made.told, *SECRETS)

    def test_reading_twice_tells_the_same(self, open_world: World) -> None:
        made = registered(open_world)
        assert made.read() == made.read()


class TestUpdating:
    def test_replaces_what_was_registered(self, open_world: World) -> None:
        made = registered(open_world, logo_uri="https://notes.example/logo.png", default_max_age=9)
        after = made.updated(redirect_uris=["https://other.example/back"], client_name="Other")
        assert after.told["redirect_uris"] == ["https://other.example/back"]
        assert after.told["client_name"] == "Other"
        assert not {"logo_uri", "default_max_age"} & after.told.keys()
        assert after.read() == after.told
        assert made.stored.metadata.default_max_age is None

    def test_what_was_read_can_be_sent_back_and_changes_nothing(self, open_world: World) -> None:
        """Security bar D23: every flag, the safe ones and those of ours."""
        made = registered(open_world, **SAFER)
        before = made.stored
        after = made.put(made.read())
        assert after.status_code == 200, after.text
        now = made.stored
        assert now.metadata == before.metadata
        assert (now.secrets, now.epoch, now.scope) == (before.secrets, before.epoch, before.scope)
        assert without(after.get_json(), "registration_access_token") == without(
            made.told, "registration_access_token", *SECRETS
        )

    def test_what_makes_it_safer_stays_until_it_is_stated_otherwise(
        self, open_world: World
    ) -> None:
        made = registered(open_world, token_endpoint_auth_method="client_secret_post", **SAFER)
        after = made.updated(redirect_uris=[REDIRECT])
        assert {name: after.told[name] for name in SAFER} == SAFER
        assert after.told["token_endpoint_auth_method"] == "client_secret_post"
        other = {name: False for name, value in SAFER.items() if value is True}
        last = after.updated(redirect_uris=[REDIRECT], subject_type="public", **other)
        assert {name: last.told[name] for name in other} == other
        assert last.told["subject_type"] == "public"

    def test_what_an_operator_set_is_not_the_clients_to_change(self, open_world: World) -> None:
        made = registered(open_world)
        ours = {"allowed_origins": ("https://app.example.test",), "pkce_required": False}
        rewrite(open_world, made.client_id, metadata=replace(made.metadata, **ours))
        made.updated(
            redirect_uris=[REDIRECT],
            allowed_origins=["https://evil.example"],
            consent_required=False,
        )
        assert made.metadata.allowed_origins == ("https://app.example.test",)
        assert made.metadata.consent_required
        assert made.metadata.dynamic
        assert not made.metadata.permitted
        assert not made.metadata.pkce_required

    def test_the_secret_stays(self, open_world: World) -> None:
        made = registered(open_world)
        after = made.updated(
            redirect_uris=[REDIRECT],
            token_endpoint_auth_method="client_secret_post",
            client_secret=made.told["client_secret"],
        )
        assert not SECRETS & after.told.keys()
        assert len(made.stored.secrets) == 1
        form = {
            "grant_type": "client_credentials",
            "client_id": made.client_id,
            "client_secret": made.told["client_secret"],
        }
        answer = open_world.http.post("/oauth2/token", data=form)
        assert_refused(answer, 400, "unauthorized_client")

    def test_a_secret_is_made_where_one_comes_to_be_needed(self, open_world: World) -> None:
        made = registered(open_world, token_endpoint_auth_method="none")
        after = made.updated(
            redirect_uris=[REDIRECT], token_endpoint_auth_method="client_secret_basic"
        )
        assert after.told["client_secret_expires_at"] == 0
        answer = open_world.token(after.app, grant_type="client_credentials")
        assert_refused(answer, 400, "unauthorized_client")
        last = after.updated(redirect_uris=[REDIRECT], token_endpoint_auth_method="none")
        assert last.stored.secrets == ()
        assert last.stored.kind == "public"

    def test_a_client_that_becomes_public_needs_pkce(self, world_on: Any, databases: Any) -> None:
        world = world_on(
            databases,
            TOKEN_SERVICE_REGISTRATION_MODE="open",
            TOKEN_SERVICE_REGISTRATION_PKCE_REQUIRED="false",
        )
        made = registered(world)
        assert not made.metadata.pkce_required
        made.updated(redirect_uris=[REDIRECT], token_endpoint_auth_method="none")
        assert made.metadata.pkce_required

    @pytest.mark.parametrize(
        ("members", "code", "faults"),
        [
            ({"client_id": "other"}, "invalid_client_metadata", ["client_id"]),
            ({"client_id": None}, "invalid_client_metadata", ["client_id"]),
            ({"client_secret": "tss_wrong"}, "invalid_client_metadata", ["client_secret"]),
            ({"client_secret": 7}, "invalid_client_metadata", ["client_secret"]),
            ({"redirect_uris": []}, "invalid_redirect_uri", ["redirect_uris"]),
            ({"redirect_uris": ["data:x"]}, "invalid_redirect_uri", ["redirect_uris[0]"]),
            ({"jwks": {}}, "invalid_client_metadata", ["jwks"]),
        ],
    )
    def test_a_wrong_update_changes_nothing(
        self, open_world: World, members: dict[str, Any], code: str, faults: list[str]
    ) -> None:
        made = registered(open_world)
        before = made.stored
        document = {"client_id": made.client_id, "redirect_uris": [REDIRECT]} | members
        answer = made.put(document)
        assert_refused(answer, 400, code)
        assert told_faults(answer) == faults
        assert made.stored == before

    def test_it_gets_no_more_than_when_it_registered(self, open_world: World) -> None:
        """Security bar K11."""
        made = registered(open_world)
        after = made.updated(
            redirect_uris=[REDIRECT], scope="openid admin read", permissions=["impersonate"]
        )
        assert after.told["scope"] == "openid"
        assert after.stored.permissions == frozenset()
        assert not after.stored.first_party

    def test_it_is_on_the_record_before_and_after(self, open_world: World) -> None:
        made = registered(open_world)
        after = made.updated(redirect_uris=["https://other.example/back"], client_name="Notes")
        [_, event] = events(open_world, made.client_id)
        assert (event.event, event.actor) == (Event.CLIENT_CHANGED, f"client:{made.client_id}")
        assert event.details == {
            "before": {"redirect_uris": [REDIRECT]},
            "after": {"redirect_uris": ["https://other.example/back"]},
        }
        assert after.told["registration_access_token"] not in str(event)


class TestTheToken:
    def test_an_update_renews_it(self, open_world: World) -> None:
        """Security bar M21."""
        first = registered(open_world)
        second = first.updated(redirect_uris=[REDIRECT])
        third = second.updated(redirect_uris=[REDIRECT])
        tokens = [one.told["registration_access_token"] for one in (first, second, third)]
        assert len(set(tokens)) == 3
        assert third.get().status_code == 200
        assert_refused(first.get(), 401, "invalid_token")

    def test_who_lost_the_answer_asks_again_and_gets_the_same(self, open_world: World) -> None:
        made = registered(open_world)
        lost = made.updated(redirect_uris=[REDIRECT], client_name="One")
        again = made.updated(redirect_uris=[REDIRECT], client_name="One")
        assert again.told == lost.told
        assert made.read() == lost.told

    def test_the_one_before_is_dead_once_its_successor_was_used_for_an_update(
        self, open_world: World
    ) -> None:
        made = registered(open_world)
        made.updated(redirect_uris=[REDIRECT]).updated(redirect_uris=[REDIRECT])
        document = {"client_id": made.client_id, "redirect_uris": ["https://evil.example/"]}
        assert_refused(made.put(document), 401, "invalid_token")
        assert_refused(made.delete(), 401, "invalid_token")
        assert made.metadata.redirect_uris == (REDIRECT,)

    @pytest.mark.parametrize("method", ["get", "put", "delete"])
    def test_anothers_is_refused_and_nothing_told(self, open_world: World, method: str) -> None:
        """Security bar M21: an unknown client looks the same."""
        mine, other = registered(open_world), registered(open_world)
        before = mine.stored
        mine_by_other = ask(mine, method, other.bearer)
        nobodys = ask(Registration(open_world, gone(mine)), method, other.bearer)
        assert_refused(mine_by_other, 401, "invalid_token")
        assert_refused(nobodys, 401, "invalid_token")
        assert mine_by_other.get_json() == nobodys.get_json()
        challenge = "WWW-Authenticate"
        assert mine_by_other.headers[challenge] == nobodys.headers[challenge]
        assert mine.stored == before
        [_, event] = events(open_world, mine.client_id)
        assert event.event == Event.CLIENT_AUTHENTICATION_FAILED
        assert event.reason == Refusal.WRONG_REGISTRATION_TOKEN

    @pytest.mark.parametrize("method", ["get", "put", "delete"])
    def test_none_is_refused(self, open_world: World, method: str) -> None:
        made = registered(open_world)
        assert_refused(ask(made, method, {}), 401, "invalid_token")
        assert_refused(ask(made, method, made.app.basic), 401, "invalid_token")

    @pytest.mark.parametrize("token", ["x", "tsm_" + "A" * 49, "tsm_" + "A" * 5000])
    def test_garbage_is_refused(self, open_world: World, token: str) -> None:
        assert_refused(registered(open_world).get(headers=bearer(token)), 401, "invalid_token")

    def test_a_flood_does_not_fill_the_log(self, open_world: World) -> None:
        made = registered(open_world)
        for _ in range(30):
            assert_refused(made.get(headers=bearer("x")), 401, "invalid_token")
        free = open_world.parts.settings.throttle.source_failures
        assert len(events(open_world, made.client_id)) <= 1 + free
        assert made.get().status_code == 200

    @pytest.mark.parametrize("client_id", ["dynamic-x%00", "a%2Fb", "x" * 300, "%C3%A9"])
    def test_an_id_that_nobody_can_have_looks_like_one_that_nobody_has(
        self, open_world: World, client_id: str
    ) -> None:
        answer = open_world.http.get(f"/oauth2/register/{client_id}", headers=bearer("x"))
        assert answer.status_code in (401, 404)

    def test_it_manages_no_client_of_ours(self, open_world: World) -> None:
        app, made = open_world.client(), registered(open_world)
        answer = open_world.http.get(f"/oauth2/register/{app.client_id}", headers=made.bearer)
        assert_refused(answer, 401, "invalid_token")

    def test_a_disabled_client_manages_nothing(self, open_world: World) -> None:
        made = registered(open_world)
        client_registration.disable(
            open_world.database, open_world.parts.clock, made.client_id, AUTHOR
        )
        for method in ("get", "put", "delete"):
            assert_refused(ask(made, method, made.bearer), 401, "invalid_token")
        assert events(open_world, made.client_id)[-1].reason == Refusal.CLIENT_DISABLED
        assert stored(open_world, made.client_id) is not None

    def test_who_registered_before_it_was_switched_off_still_manages(
        self, open_world: World
    ) -> None:
        made = registered(open_world)
        off = open_world.second_worker()
        assert off.parts.settings.registration.mode == "off"
        assert off.http.get(made.path, headers=made.bearer).status_code == 200
        assert off.http.delete(made.path, headers=made.bearer).status_code == 204
        off.close()


class TestDeleting:
    def test_nothing_of_the_client_works_anywhere(self, open_world: World) -> None:
        second_worker, tenant = open_world.second_worker(), open_world.tenant()
        person, made = open_world.person(tenant), registered(open_world)
        # Passwords are not for such a client, so its grant is made as if it was one of ours.
        rewrite(
            open_world,
            made.client_id,
            first_party=True,
            grant_types=frozenset({"authorization_code", "refresh_token"}),
        )
        tokens = open_world.sign_in(person, made.app)
        other = open_world.sign_in(person, open_world.client())
        assert second_worker.is_live(tokens)
        assert made.delete().status_code == 204
        for worker in (open_world, second_worker):
            assert not worker.is_live(tokens)
            assert worker.is_live(other)
            assert_refused(worker.try_refresh(made.app, tokens.refresh), 401, "invalid_client")
            answer = worker.http.get(made.path, headers=made.bearer)
            assert_refused(answer, 401, "invalid_token")
        assert stored(open_world, made.client_id) is None
        backend = open_world.client("backend")
        listed = open_world.http.get(
            f"/v1/accounts/{person.account_id}/sessions", headers=backend.basic
        )
        assert [one["sid"] for one in listed.get_json()["items"]] == [other.sid]
        second_worker.close()

    def test_it_is_on_the_record_with_what_was_registered(self, open_world: World) -> None:
        made = registered(open_world)
        assert made.delete().status_code == 204
        event = events(open_world, made.client_id)[-1]
        assert (event.event, event.actor) == (Event.CLIENT_DELETED, f"client:{made.client_id}")
        assert event.details["redirect_uris"] == [REDIRECT]
        with open_world.database.reading() as tx:
            raised = epochs.owner_reason(tx, f"client:{made.client_id}", 1)
        assert raised is not None
        assert raised.reason == Refusal.CLIENT_DISABLED

    def test_once_is_enough(self, open_world: World) -> None:
        made = registered(open_world)
        assert made.delete().status_code == 204
        assert_refused(made.delete(), 401, "invalid_token")


def ask(made: Registration, method: str, headers: Any) -> Any:
    """One of the three requests, by these headers."""
    if method == "put":
        document = {"client_id": made.client_id, "redirect_uris": [REDIRECT]}
        return made.put(document, headers=headers)
    return made.get(headers=headers) if method == "get" else made.delete(headers=headers)


def gone(made: Registration) -> dict[str, Any]:
    """The same with an id that nobody has."""
    uri = made.told["registration_client_uri"]
    return {**made.told, "registration_client_uri": uri[:-4] + "0000"}
