"""The metadata documents (RFC 8414, OpenID Connect Discovery) tell one truth."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.http.building import signed_in
from tests.world.databases import SqliteFiles
from tests.world.world import ISSUER, World
from token_service.domain.client_metadata import ClientMetadata

PATH = "/.well-known/oauth-authorization-server"
OPENID_PATH = "/.well-known/openid-configuration"
BOTH = [PATH, OPENID_PATH]
ALGORITHMS = {"ES256", "RS256", "EdDSA", "PS256"}


def test_it_names_the_issuer_and_what_there_is(world: World) -> None:
    found = world.http.get(PATH).get_json()
    assert found["issuer"] == ISSUER
    assert set(found["grant_types_supported"]) == {
        "authorization_code",
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
    every = {
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "none",
    }
    for endpoint in ("token", "introspection", "revocation"):
        signing = found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert set(signing) == ALGORITHMS | {"HS256"}
    assert set(found["token_endpoint_auth_methods_supported"]) == every
    assert set(found["revocation_endpoint_auth_methods_supported"]) == every
    assert set(found["introspection_endpoint_auth_methods_supported"]) == every - {"none"}
    assert found["response_types_supported"] == ["code"]
    assert found["response_modes_supported"] == ["query", "form_post"]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True


def test_both_documents_state_the_same_facts(world: World) -> None:
    first, second = (world.http.get(path) for path in BOTH)
    assert first.data == second.data
    assert {one.content_type for one in (first, second)} == {"application/json"}


def test_everything_that_it_names_is_there(world: World) -> None:
    found = world.http.get(PATH).get_json()
    addresses = {name: one for name, one in found.items() if name.endswith(("_endpoint", "_uri"))}
    assert set(addresses) == {
        "authorization_endpoint",
        "pushed_authorization_request_endpoint",
        "token_endpoint",
        "device_authorization_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "jwks_uri",
    }
    for address in addresses.values():
        assert address.startswith(ISSUER)
        assert world.http.get(urlsplit(address).path).status_code in {200, 400, 401, 405}


def test_nothing_else_is_there(world: World) -> None:
    for path in ("/oauth2/pushed", "/.well-known/webfinger"):
        assert world.http.get(path).status_code == 404


@pytest.mark.parametrize("path", BOTH)
def test_it_may_be_kept(world: World, path: str) -> None:
    first = world.http.get(path)
    assert "max-age" in first.headers["Cache-Control"]
    again = world.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", BOTH)
def test_no_header_of_a_request_is_believed(world: World, path: str) -> None:
    """Whoever could write the issuer into a cache would own every client (RFC 8414 section 6.2)."""
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example;proto=http",
    }
    assert world.http.get(path, headers=evil).data == world.http.get(path).data


def test_where_the_issuer_has_a_path_it_stands_in_either_place(
    world_on: Callable[..., World], sqlite_files: SqliteFiles
) -> None:
    """RFC 8414 sections 3.1 and 5; a proxy takes the path off for the other form."""
    world = world_on(sqlite_files, TOKEN_SERVICE_ISSUER=f"{ISSUER}/of/one")
    documents = {
        path: world.http.get(path).data
        for path in (*BOTH, f"{PATH}/of/one", f"{OPENID_PATH}/of/one")
    }
    assert len(set(documents.values())) == 1
    found = world.http.get(f"{OPENID_PATH}/of/one").get_json()
    assert found["issuer"] == f"{ISSUER}/of/one"
    assert found["userinfo_endpoint"] == f"{ISSUER}/of/one/oauth2/userinfo"
    assert world.http.get(f"{PATH}/of/two").status_code == 404


def test_the_algorithms_are_those_of_the_published_keys(world: World) -> None:
    """HS256 and none are not among them: an ID token proves something to everybody or to nobody."""
    found = world.http.get(OPENID_PATH).get_json()
    published = {one["alg"] for one in world.http.get("/.well-known/jwks.json").get_json()["keys"]}
    assert published == ALGORITHMS
    for name in ("id_token", "userinfo", "introspection"):
        assert set(found[f"{name}_signing_alg_values_supported"]) == ALGORITHMS


def test_rs256_is_there_whatever_the_settings_say(
    world_on: Callable[..., World], sqlite_files: SqliteFiles
) -> None:
    """OpenID Connect Discovery section 3: it must be among the algorithms of ID tokens."""
    world = world_on(sqlite_files, TOKEN_SERVICE_KEYS_ALGORITHMS="ES256")
    found = world.http.get(OPENID_PATH).get_json()
    assert found["id_token_signing_alg_values_supported"] == ["ES256", "RS256"]


def test_every_scope_can_be_given(world: World) -> None:
    found = world.http.get(OPENID_PATH).get_json()
    who = signed_in(world)
    for scope in found["scopes_supported"]:
        assert world.sign_in(who.person, who.app, scope=scope).body["scope"] == scope


def test_both_kinds_of_subject_are_given(world: World) -> None:
    found = world.http.get(OPENID_PATH).get_json()
    assert set(found["subject_types_supported"]) == {"public", "pairwise"}
    person = world.person(world.tenant())
    subjects = set()
    for kind in found["subject_types_supported"]:
        app = world.client(metadata=ClientMetadata(subject_type=kind))
        tokens = world.sign_in(person, app)
        subjects.add(world.introspect(app, tokens.access)["sub"])
    assert len(subjects) == 2
    assert person.account_id in subjects


def test_what_is_said_of_claims(world: World) -> None:
    found = world.http.get(OPENID_PATH).get_json()
    assert found["claim_types_supported"] == ["normal"]
    assert found["acr_values_supported"] == ["1"]
    told = {"sub", "email", "email_verified", "phone_number", "address", "name", "updated_at"}
    assert told <= set(found["claims_supported"])
    assert len(found["claims_supported"]) == len(set(found["claims_supported"]))
