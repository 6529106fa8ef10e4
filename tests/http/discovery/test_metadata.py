"""`/.well-known/oauth-authorization-server` (RFC 8414) tells the truth."""

from urllib.parse import urlsplit

from tests.world.world import ISSUER, World

PATH = "/.well-known/oauth-authorization-server"


def test_it_names_the_issuer_and_what_there_is(world: World) -> None:
    found = world.http.get(PATH).get_json()
    assert found["issuer"] == ISSUER
    assert set(found["grant_types_supported"]) == {
        "authorization_code",
        "client_credentials",
        "refresh_token",
    }
    every = {"client_secret_basic", "client_secret_post", "none"}
    assert set(found["token_endpoint_auth_methods_supported"]) == every
    assert set(found["revocation_endpoint_auth_methods_supported"]) == every
    assert set(found["introspection_endpoint_auth_methods_supported"]) == every - {"none"}
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"] == ["query", "form_post"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True


def test_everything_that_it_names_is_there(world: World) -> None:
    found = world.http.get(PATH).get_json()
    addresses = {name: one for name, one in found.items() if name.endswith(("_endpoint", "_uri"))}
    assert set(addresses) == {
        "authorization_endpoint",
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "jwks_uri",
    }
    for address in addresses.values():
        assert address.startswith(ISSUER)
        assert world.http.get(urlsplit(address).path).status_code in {200, 400, 405}


def test_nothing_else_is_there(world: World) -> None:
    for path in ("/oauth2/userinfo", "/.well-known/openid-configuration"):
        assert world.http.get(path).status_code == 404


def test_it_may_be_kept(world: World) -> None:
    first = world.http.get(PATH)
    assert "max-age" in first.headers["Cache-Control"]
    again = world.http.get(PATH, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
