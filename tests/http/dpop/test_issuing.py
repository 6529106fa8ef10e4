"""Tokens that are bound to the key of a proof (RFC 9449 sections 5 and 6)."""

import json

import pytest

from tests.http.building import assert_refused
from tests.http.dpop.proving import (
    BOUND,
    Key,
    claims_of,
    client_token,
    decoded,
    encoded,
    events_of_client,
    outcome,
    reasons_of,
    refreshed,
    sign_in,
    signed_in_with,
)
from tests.world.world import ISSUER, App, Time, World, tokens_of
from token_service.domain.client_metadata import ClientMetadata

WRONG_KEY = ("refresh_wrong_key", "")
ENDED = ("refresh_replayed", "replayed")


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_a_proof_binds_the_access_token_whatever_the_algorithm(
    world: World, algorithm: str
) -> None:
    key, service = Key.of(algorithm), world.client("service")
    answer = client_token(world, service, key)
    assert outcome(answer) == (200, "DPoP")
    token = answer.get_json()["access_token"]
    assert claims_of(token)["cnf"] == {"jkt": key.thumbprint}
    told = world.introspect(service, token)
    assert (told["cnf"], told["token_type"]) == ({"jkt": key.thumbprint}, "DPoP")
    assert world.validate(token)["cnf"] == {"jkt": key.thumbprint}


def test_the_fully_specified_name_of_the_algorithm_is_good_too(world: World) -> None:
    """RFC 9864: `Ed25519` for what was `EdDSA`."""
    key, service = Key.of("EdDSA"), world.client("service")
    header, payload, _ = key.proof().split(".")
    renamed = encoded(json.dumps(decoded(header) | {"alg": "Ed25519"}).encode())
    headers = {"DPoP": key.signed(renamed, payload)}
    answer = world.token(service, headers, grant_type="client_credentials")
    assert outcome(answer) == (200, "DPoP")


def test_without_a_proof_nothing_is_bound(world: World) -> None:
    service = world.client("service")
    answer = client_token(world, service)
    assert outcome(answer) == (200, "Bearer")
    assert "cnf" not in claims_of(answer.get_json()["access_token"])


def test_a_sign_in_takes_a_proof_and_binds_a_public_clients_chain(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    assert who.tokens.body["token_type"] == "DPoP"
    assert claims_of(who.tokens.access)["cnf"] == {"jkt": key.thumbprint}
    next_ = refreshed(world, who.app, who.tokens.refresh, key)
    assert outcome(next_) == (200, "DPoP")
    assert claims_of(next_.get_json()["access_token"])["cnf"] == {"jkt": key.thumbprint}
    assert who.happened == []


def test_a_refresh_in_json_takes_a_proof_for_its_own_address(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    body = {"client_id": who.app.client_id, "refresh_token": who.tokens.refresh}
    url = f"{ISSUER}/v1/token/refresh"
    elsewhere = world.http.post("/v1/token/refresh", json=body, headers=key.shown())
    assert_refused(elsewhere, 400, "invalid_dpop_proof")
    answer = world.http.post("/v1/token/refresh", json=body, headers=key.shown(url=url))
    assert outcome(answer) == (200, "DPoP")


def test_a_sign_in_with_a_bad_proof_opens_nothing(world: World) -> None:
    who, key = signed_in_with(world, None), Key()
    answer = sign_in(world, who.person, who.app, key, htm="GET")
    assert_refused(answer, 400, "invalid_dpop_proof")
    assert who.happened == []


def test_a_bound_chain_is_useless_without_its_key_and_nothing_is_spent(world: World) -> None:
    """RFC 9449 section 5: a stolen refresh token of a public client."""
    key = Key()
    who = signed_in_with(world, key)
    for thief in (Key(), None):
        assert_refused(refreshed(world, who.app, who.tokens.refresh, thief), 400, "invalid_grant")
    assert who.happened == [WRONG_KEY, WRONG_KEY]
    assert world.is_live(who.tokens)
    assert outcome(refreshed(world, who.app, who.tokens.refresh, key)) == (200, "DPoP")


def test_a_thief_without_the_key_does_not_learn_why_the_session_ended(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    world.http.delete(
        f"/v1/accounts/{who.account_id}/sessions/{who.tokens.sid}", headers=who.backend.basic
    )
    plain = refreshed(world, who.app, who.tokens.refresh).get_json()
    told = refreshed(world, who.app, who.tokens.refresh, key).get_json()
    assert plain["error_description"] == "The refresh token is not valid."
    assert told["error_description"] != plain["error_description"]


def test_a_lost_answer_is_given_again_to_the_same_key(world: World) -> None:
    key = Key()
    who = signed_in_with(world, key)
    first = refreshed(world, who.app, who.tokens.refresh, key).get_json()
    again = refreshed(world, who.app, who.tokens.refresh, key).get_json()
    assert again["refresh_token"] == first["refresh_token"]
    assert claims_of(again["access_token"])["cnf"] == {"jkt": key.thumbprint}
    assert who.happened == []


@pytest.mark.parametrize("knows_a_key", [True, False])
def test_a_spent_token_without_the_key_is_a_replay_even_inside_the_window(
    world: World, knows_a_key: bool
) -> None:
    key = Key()
    who = signed_in_with(world, key)
    refreshed(world, who.app, who.tokens.refresh, key)
    thief = Key() if knows_a_key else None
    assert_refused(refreshed(world, who.app, who.tokens.refresh, thief), 400, "invalid_grant")
    assert who.happened == [ENDED]


def test_a_chain_that_began_without_a_key_is_bound_by_the_first_use_with_one(
    world: World,
) -> None:
    """RFC 9449 section 5: whatever a public client gets for a proof is bound to its key."""
    who, key = signed_in_with(world, None), Key()
    bound = refreshed(world, who.app, who.tokens.refresh, key).get_json()["refresh_token"]
    assert_refused(refreshed(world, who.app, bound), 400, "invalid_grant")
    assert_refused(refreshed(world, who.app, bound, Key()), 400, "invalid_grant")
    assert outcome(refreshed(world, who.app, bound, key)) == (200, "DPoP")
    assert who.happened == [WRONG_KEY, WRONG_KEY]


@pytest.mark.parametrize("owner_has_a_key", [True, False])
def test_a_thief_who_binds_the_chain_to_a_key_of_his_own_loses_it_at_the_owners_next_use(
    world: World, owner_has_a_key: bool
) -> None:
    who, thief = signed_in_with(world, None), Key()
    stolen = refreshed(world, who.app, who.tokens.refresh, thief).get_json()["refresh_token"]
    owner = Key() if owner_has_a_key else None
    assert_refused(refreshed(world, who.app, who.tokens.refresh, owner), 400, "invalid_grant")
    assert who.happened == [ENDED]
    assert_refused(refreshed(world, who.app, stolen, thief), 400, "invalid_grant")
    assert not world.is_live(who.tokens)


def test_a_confidential_clients_chain_is_bound_to_the_client_and_its_tokens_to_each_key(
    world: World,
) -> None:
    first, second = Key(), Key()
    who = signed_in_with(world, first, "app")
    answer = refreshed(world, who.app, who.tokens.refresh, second)
    assert claims_of(answer.get_json()["access_token"])["cnf"] == {"jkt": second.thumbprint}
    last = refreshed(world, who.app, answer.get_json()["refresh_token"])
    assert outcome(last) == (200, "Bearer")
    assert who.happened == []


def test_a_client_that_has_bound_tokens_only_gets_none_without_a_proof(world: World) -> None:
    """RFC 9449 section 5.2, `dpop_bound_access_tokens`."""
    service = world.client("service", metadata=BOUND)
    assert_refused(client_token(world, service), 400, "invalid_dpop_proof")
    assert reasons_of(world, service) == ["proof_missing"]
    assert outcome(client_token(world, service, Key())) == (200, "DPoP")
    who = signed_in_with(world, Key(), metadata=BOUND)
    assert_refused(refreshed(world, who.app, who.tokens.refresh), 400, "invalid_dpop_proof")
    assert_refused(sign_in(world, who.person, who.app, None), 400, "invalid_dpop_proof")
    assert world.is_live(who.tokens)
    assert who.happened == []


def test_a_public_client_that_anybody_can_name_fills_no_log(world: World) -> None:
    app = world.client("public", metadata=BOUND)
    answer = world.token(app, grant_type="refresh_token", refresh_token="tsr_x")
    assert_refused(answer, 400, "invalid_dpop_proof")
    assert events_of_client(world, app) == []


def test_the_client_authenticates_before_its_proof_is_looked_at(world: World) -> None:
    service = world.client("service")
    wrong = App(service.client_id, "tss_wrong")
    assert_refused(client_token(world, wrong, Key(), htm="GET"), 401, "invalid_client")
    assert reasons_of(world, service) == []


def test_entering_another_tenant_keeps_the_key(world: World) -> None:
    key = Key()
    here, there = world.tenant(), world.tenant()
    person, app = world.person(here, there, default=here), world.client("public")
    tokens = tokens_of(sign_in(world, person, app, key))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens.refresh,
        "tenant_id": there,
    }
    assert_refused(world.token(app, **form), 400, "invalid_grant")
    entered = world.token(app, key.shown(), **form)
    assert outcome(entered) == (200, "DPoP")
    body = entered.get_json()
    again = world.token(app, key.shown(), **form).get_json()
    assert again["refresh_token"] == body["refresh_token"]
    for token in (body["refresh_token"], body["previous_refresh_token"]):
        assert_refused(refreshed(world, app, token), 400, "invalid_grant")
        assert outcome(refreshed(world, app, token, key)) == (200, "DPoP")


def test_a_thief_who_enters_a_tenant_with_a_key_of_his_own_binds_both_chains(
    world: World,
) -> None:
    here, there = world.tenant(), world.tenant()
    person, app, thief = world.person(here, there, default=here), world.client("public"), Key()
    tokens = tokens_of(sign_in(world, person, app, None))
    form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh, "tenant_id": there}
    body = world.token(app, thief.shown(), **form).get_json()
    assert_refused(refreshed(world, app, body["refresh_token"]), 400, "invalid_grant")
    assert_refused(refreshed(world, app, tokens.refresh), 400, "invalid_grant")
    assert world.event_names(person.account_id)[-1] == "refresh_replayed"


def test_an_old_row_of_a_chain_whose_key_was_lost_ends_by_time_as_any(
    world: World, time: Time
) -> None:
    key = Key()
    who = signed_in_with(world, key, policy={"idle_timeout": 60})
    time.pass_(seconds=61)
    assert_refused(refreshed(world, who.app, who.tokens.refresh), 400, "invalid_grant")
    assert who.happened == [WRONG_KEY]
    assert_refused(refreshed(world, who.app, who.tokens.refresh, key), 400, "invalid_grant")
    assert who.happened[-1] == ("session_ended", "idle_timeout")


def test_a_sign_in_that_waits_is_completed_with_a_proof(world: World) -> None:
    key = Key()
    policy = {"max_sessions": 1, "max_sessions_action": "ask"}
    who = signed_in_with(world, None, policy=policy)
    waiting = sign_in(world, who.person, who.app, key).get_json()
    body = {
        "ticket": waiting["ticket"],
        "end_sid": who.tokens.sid,
        "client_id": who.app.client_id,
    }
    headers = key.shown(url=f"{ISSUER}/v1/sign-in/continue")
    answer = world.http.post("/v1/sign-in/continue", json=body, headers=headers)
    assert outcome(answer) == (200, "DPoP")
    token = answer.get_json()["refresh_token"]
    assert_refused(refreshed(world, who.app, token), 400, "invalid_grant")


def test_who_acts_as_somebody_can_have_bound_tokens_too(world: World) -> None:
    tenant_id, key = world.tenant(), Key()
    person = world.person(tenant_id)
    backend = world.client("backend", metadata=ClientMetadata(dpop_bound_access_tokens=True))
    body = {"account_id": person.account_id, "tenant_id": tenant_id, "reason": "a ticket"}
    refused = world.http.post("/v1/impersonations", json=body, headers=backend.basic)
    assert_refused(refused, 400, "invalid_dpop_proof")
    headers = backend.basic | key.shown(url=f"{ISSUER}/v1/impersonations")
    answer = world.http.post("/v1/impersonations", json=body, headers=headers)
    assert answer.status_code == 201
    assert claims_of(answer.get_json()["access_token"])["cnf"] == {"jkt": key.thumbprint}
