"""`GET /v1/token/validate`: a gateway asks with the request's own `Authorization` header."""

from werkzeug.test import TestResponse

from tests.http.building import assert_refused, signed_in
from tests.world.world import Time, World

INVALID = 'Bearer realm="token-service", error="invalid_token"'


def asked(world: World, headers: dict[str, str] | None = None, query: str = "") -> TestResponse:
    """What the gateway is told."""
    return world.http.get(f"/v1/token/validate{query}", headers=headers)


def test_a_live_token_gets_200_with_the_identity_in_headers_and_no_body(world: World) -> None:
    who = signed_in(world)
    answer = asked(world, who.tokens.bearer)
    assert (answer.status_code, answer.data) == (200, b"")
    identity = {name: value for name, value in answer.headers if name.startswith("X-Token-")}
    assert identity == {
        "X-Token-Subject": who.account_id,
        "X-Token-Client": who.app.client_id,
        "X-Token-Session": who.tokens.sid,
        "X-Token-Tenant": who.tenant_id,
        "X-Token-Scope": "openid profile",
        "X-Token-Actor": "",
        "X-Token-Expires": str(world.validate(who.tokens.access)["exp"]),
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_header_is_there_also_where_it_has_nothing_to_say(world: World) -> None:
    """A header that was left out would let the one through that the caller made up."""
    token = world.client_token(world.client("service"))
    forged = {"Authorization": f"Bearer {token}", "X-Token-Session": "made up"}
    answer = asked(world, forged)
    assert answer.status_code == 200
    assert answer.headers.getlist("X-Token-Session") == [""]
    assert answer.headers.getlist("X-Token-Tenant") == [""]


def test_a_token_that_is_not_live_gets_401(world: World, time: Time) -> None:
    who = signed_in(world)
    time.pass_(seconds=900)
    answer = asked(world, who.tokens.bearer)
    assert_refused(answer, 401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == INVALID
    assert not [name for name, _ in answer.headers if name.startswith("X-Token-")]


def test_without_a_token_the_challenge_names_no_error(world: World) -> None:
    """RFC 6750 section 3.1."""
    answer = asked(world)
    assert_refused(answer, 401, "invalid_token")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="token-service"'


def test_the_scheme_is_read_in_any_case(world: World) -> None:
    token = signed_in(world).tokens.access
    for header in (f"bearer {token}", f"BEARER {token}", f"Bearer   {token} "):
        assert asked(world, {"Authorization": header}).status_code == 200


MALFORMED = (
    "Bearer",
    "Bearer ",
    "Basic",
    "Basic !!!",
    "Basic Og==",
    "Token abc",
    "Bearer a b",
    "Bearer \xc3\xb6",
    "Bearer \x7f",
    "Bearer " + "x" * 60_000,
    " ",
)


def test_a_malformed_header_is_401_and_never_an_error_of_ours(world: World) -> None:
    for header in MALFORMED:
        answer = asked(world, {"Authorization": header})
        assert_refused(answer, 401, "invalid_token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_two_tokens_are_one_too_many(world: World) -> None:
    bearer = signed_in(world).tokens.bearer["Authorization"]
    answer = asked(world, {"Authorization": f"{bearer}, {bearer}"})
    assert_refused(answer, 400, "invalid_request")


def test_a_token_in_the_address_is_no_token(world: World) -> None:
    token = signed_in(world).tokens.access
    for query in (f"?access_token={token}", f"?token={token}", f"?Authorization=Bearer%20{token}"):
        assert_refused(asked(world, query=query), 401, "invalid_token")


def test_a_refresh_token_is_no_access_token(world: World) -> None:
    who = signed_in(world)
    answer = asked(world, {"Authorization": f"Bearer {who.tokens.refresh}"})
    assert_refused(answer, 401, "invalid_token")
    assert who.refreshed()


def test_an_audience_can_be_demanded_whatever_else_the_address_says(world: World) -> None:
    api = world.client("resource_server")
    app = world.client(audiences=(api.client_id,))
    tokens = world.sign_in(world.person(world.tenant()), app)
    right = f"?audience={api.client_id}&path=%2Forders"
    assert asked(world, tokens.bearer, right).status_code == 200
    assert_refused(asked(world, tokens.bearer, "?audience=another"), 401, "invalid_token")


def test_an_audience_that_cannot_be_read_in_one_way_is_refused(world: World) -> None:
    who = signed_in(world)
    for query in ("?audience=a&audience=b", "?audience=%00", "?audience=%ff"):
        assert_refused(asked(world, who.tokens.bearer, query), 400, "invalid_request")
