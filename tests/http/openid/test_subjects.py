"""`sub`: one name for everybody, or for each sector another (OpenID Connect Core section 8)."""

from dataclasses import replace
from typing import Any

import jwt

from tests.http.administration import disable_account
from tests.http.building import EVERYWHERE, SignedIn, assert_dead, live_at, signed_in
from tests.http.openid.building import by_openid, id_claims, metadata
from tests.world.world import App, World


def pairwise(world: World, host: str, **changes: Any) -> App:
    """A client that knows nobody by the name that others use."""
    members = metadata(subject_type="pairwise", redirect_uris=(f"https://{host}/callback",))
    return world.client(metadata=members, **changes)


def entered(who: SignedIn, app: App) -> SignedIn:
    """The same person at another application, by OpenID Connect."""
    found = replace(who, app=app, tokens=who.world.sign_in(who.person, app))
    by_openid(found)
    return found.refreshed()


def subjects(who: SignedIn) -> set[str]:
    """Every `sub` that the application is told, wherever it looks."""
    world, tokens = who.world, who.tokens
    userinfo = world.http.get("/oauth2/userinfo", headers=tokens.bearer).get_json()
    unread = jwt.decode(tokens.access, options={"verify_signature": False})
    return {
        id_claims(who)["sub"],
        userinfo["sub"],
        unread["sub"],
        world.introspect(who.app, tokens.access)["sub"],
        world.introspect(who.app, tokens.refresh)["sub"],
        world.validate(tokens.access)["sub"],
    }


def test_a_public_subject_is_the_account_for_every_client(world: World) -> None:
    who = signed_in(world)
    first, second = entered(who, world.client()), entered(who, world.client())
    assert subjects(first) == subjects(second) == {who.account_id}


def test_two_clients_of_two_parties_know_two_names(world: World) -> None:
    who = signed_in(world)
    (first,) = subjects(entered(who, pairwise(world, "one.example")))
    (second,) = subjects(entered(who, pairwise(world, "two.example")))
    assert len({first, second, who.account_id}) == 3
    for subject in (first, second):
        assert subject.isascii()
        assert len(subject) <= 255
        assert who.account_id not in subject


def test_clients_of_one_sector_know_one_name(world: World) -> None:
    who = signed_in(world)
    by_host = entered(who, pairwise(world, "one.example"))
    beside_it = entered(who, pairwise(world, "one.example"))
    of_its_sector = world.client(
        metadata=metadata(
            subject_type="pairwise",
            redirect_uris=("https://a.example/", "https://b.example/"),
            sector_identifier_uri="https://one.example/sector.json",
        )
    )
    assert subjects(by_host) == subjects(beside_it) == subjects(entered(who, of_its_sector))


def test_two_people_are_never_one(world: World) -> None:
    app = pairwise(world, "one.example")
    assert (
        subjects(entered(signed_in(world), app)) & subjects(entered(signed_in(world), app)) == set()
    )


def test_it_is_the_same_on_every_worker_and_after_every_sign_in(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    app = pairwise(world, "one.example")
    first = subjects(entered(who, app))
    again = replace(entered(who, app), world=second_worker)
    assert subjects(again.refreshed()) == first


def test_it_survives_a_rename(world: World) -> None:
    who = signed_in(world)
    app = pairwise(world, "one.example")
    before = subjects(entered(who, app))
    world.sql(
        "UPDATE account_names SET name = 'new@example.test', display = 'new@example.test'"
        " WHERE account_id = :id AND kind = 'email'",
        id=who.account_id,
    )
    renamed = replace(who, person=replace(who.person, email="new@example.test"))
    assert subjects(entered(renamed, app)) == before


def test_a_name_that_is_given_again_brings_no_subject_along(world: World) -> None:
    """Whoever gets an old name is somebody else, and the old tokens are dead."""
    who = signed_in(world)
    app = pairwise(world, "one.example")
    old = entered(who, app)
    before = subjects(old)
    disable_account(world, who.person)
    world.sql("DELETE FROM account_names WHERE account_id = :id", id=who.account_id)
    heir = world.person(who.tenant_id)
    world.sql(
        "UPDATE account_names SET name = :name, display = :name"
        " WHERE account_id = :id AND kind = 'email'",
        name=who.person.email.lower(),
        id=heir.account_id,
    )
    successor = replace(who, person=replace(heir, email=who.person.email))
    after = entered(successor, app)
    assert subjects(after) & (before | {who.account_id}) == set()
    assert_dead(old)


def test_a_resource_server_knows_the_account(world: World) -> None:
    """It is another party: the token is for it, and it knows the account by its id."""
    api = world.client("resource_server")
    who = signed_in(world)
    app = pairwise(world, "one.example", audiences=(api.client_id,))
    found = entered(who, app)
    assert world.introspect(api, found.tokens.access)["sub"] == who.account_id
    of_client = world.introspect(app, found.tokens.access)["sub"]
    assert of_client == id_claims(found)["sub"] != who.account_id


def test_the_own_endpoints_know_whose_token_it_is(world: World) -> None:
    who = signed_in(world)
    found = entered(who, pairwise(world, "one.example"))
    assert live_at(found) == EVERYWHERE
    headers = world.http.get("/v1/token/validate", headers=found.tokens.bearer).headers
    assert {headers["X-Token-Subject"]} == subjects(found)
    world.invalidate(token=found.tokens.access)
    assert_dead(found)


def test_another_deployment_has_other_names(world: World, second_worker: World) -> None:
    """The key is the pepper's: who knows neither computes nobody's subject."""
    other = world.second_worker(
        {"TOKEN_SERVICE_PEPPER": "another pepper of forty characters, long"}
    )
    keys = {one.parts.configuration.current().subject_key for one in (world, second_worker, other)}
    assert len(keys) == 2
    other.close()
