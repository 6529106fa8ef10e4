"""Client credentials (RFC 6749 section 4.4): a token for the client itself, and nothing else."""

import jwt
from werkzeug.test import TestResponse

from tests.http.administration import disable_client, disable_tenant, enable_client, enable_tenant
from tests.http.building import assert_refused, signed_in
from tests.world.world import ISSUER, App, Time, World


def try_token(world: World, app: App, **form: str) -> TestResponse:
    """Ask for one."""
    return world.token(app, grant_type="client_credentials", **form)


def claims_of(token: str) -> dict[str, object]:
    """What the token says, unverified."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_the_answer_has_no_session_and_nothing_to_refresh(world: World) -> None:
    body = try_token(world, world.client("service")).get_json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "read")


def test_the_token_speaks_for_the_client(world: World) -> None:
    service = world.client("service", audiences=("https://api.example.test",))
    claims = claims_of(world.client_token(service))
    assert claims.keys() == {"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti"}
    assert (claims["iss"], claims["aud"]) == (ISSUER, "https://api.example.test")
    assert claims["sub"] == claims["client_id"] == service.client_id


def test_a_client_of_a_tenant_gets_tokens_of_that_tenant(world: World) -> None:
    tenant = world.tenant(access_token_lifetime=300)
    answer = try_token(world, world.client("service", tenant_id=tenant)).get_json()
    assert claims_of(answer["access_token"])["tenantId"] == tenant
    assert answer["expires_in"] == 300


def test_it_is_valid_until_it_expires(world: World, time: Time) -> None:
    service = world.client("service")
    token = world.client_token(service)
    time.pass_(seconds=899)
    assert world.validate(token)["active"]
    assert world.introspect(service, token)["sub"] == service.client_id
    time.pass_(seconds=1)
    assert world.validate(token) == {"active": False}


def test_an_administrators_client_gets_the_scope_of_one(world: World) -> None:
    assert try_token(world, world.client("admin")).get_json()["scope"] == "admin"


def test_scopes_are_those_of_the_client(world: World) -> None:
    service = world.client("service")
    assert try_token(world, service, scope="write read").get_json()["scope"] == "read write"
    for scope in ("admin", "read admin", "openid", '"', "read\nwrite", "ö"):
        assert_refused(try_token(world, service, scope=scope), 400, "invalid_scope")


def test_a_client_without_this_grant_is_told_so(world: World) -> None:
    for kind in ("app", "resource_server"):
        assert_refused(try_token(world, world.client(kind)), 400, "unauthorized_client")


def test_a_client_without_credentials_has_none_to_show(world: World) -> None:
    assert_refused(try_token(world, world.client("public")), 401, "invalid_client")


def test_a_client_that_may_not_refresh_is_told_so(world: World) -> None:
    who, service = signed_in(world), world.client("service")
    for token in (who.tokens.refresh, "garbage"):
        assert_refused(world.try_refresh(service, token), 400, "unauthorized_client")
    assert who.refreshed()


def test_there_is_no_other_grant_here(world: World) -> None:
    service, credentials = world.client("service"), {"username": "u", "password": "p"}
    for grant_type in (
        "password",
        "implicit",
        "Client_Credentials",
        "client_credentials ",
    ):
        answer = world.token(service, grant_type=grant_type, **credentials)
        assert_refused(answer, 400, "unsupported_grant_type")


def test_a_grant_type_is_needed(world: World) -> None:
    assert_refused(world.token(world.client("service"), grant_type=""), 400, "invalid_request")
    assert_refused(world.token(world.client("service"), scope="read"), 400, "invalid_request")


def test_tokens_of_a_disabled_client_are_dead_on_every_worker_for_good(
    world: World, second_worker: World
) -> None:
    service = world.client("service")
    token = world.client_token(service)
    assert second_worker.validate(token)["active"]
    disable_client(world, service)
    for worker in (world, second_worker):
        assert not worker.validate(token)["active"]
        assert_refused(try_token(worker, service), 401, "invalid_client")
    enable_client(world, service)
    for worker in (world, second_worker):
        assert not worker.validate(token)["active"]
        assert worker.validate(worker.client_token(service))["active"]


def test_tokens_of_a_disabled_tenant_are_dead_on_every_worker(
    world: World, second_worker: World
) -> None:
    tenant = world.tenant()
    service = world.client("service", tenant_id=tenant)
    token = world.client_token(service)
    assert second_worker.validate(token)["active"]
    disable_tenant(world, tenant)
    for worker in (world, second_worker):
        assert not worker.validate(token)["active"]
        assert_refused(try_token(worker, service), 401, "invalid_client")


def test_enabling_a_tenant_brings_no_token_of_its_clients_back(world: World) -> None:
    tenant = world.tenant()
    service = world.client("service", tenant_id=tenant)
    token = world.client_token(service)
    disable_tenant(world, tenant)
    enable_tenant(world, tenant)
    assert not world.validate(token)["active"]
    assert world.validate(world.client_token(service))["active"]
