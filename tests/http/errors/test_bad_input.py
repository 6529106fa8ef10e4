"""Bad input is the sender's fault: a 4xx, the same on every database, and nothing is spent.

One world meets a whole corpus, and the answers are compared as tables, so that a failure shows
every body that was answered otherwise.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.http.building import SignedIn, live_at, signed_in
from tests.http.errors import corpus
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World

FORM = "application/x-www-form-urlencoded"
PATIENT = {
    "TOKEN_SERVICE_POLICY_LOCKOUT_FAILURES": "100",
    "TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES": "1000000",
}


@pytest.fixture
def who(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> Iterator[SignedIn]:
    """Somebody whose session must survive it all, where failures are not slowed down."""
    signed = signed_in(world_on(databases, **PATIENT))
    before = live_at(signed)
    yield signed
    # A token that was spent would be inactive, though its retry is still answered.
    assert live_at(signed) == before
    assert signed.refreshed()
    assert set(signed.happened) <= {("sign_in_failed", "wrong_credentials")}


def credentials(who: SignedIn) -> dict[str, str]:
    """The client's, in the body."""
    return {"client_id": who.app.client_id, "client_secret": str(who.app.secret)}


def good_bodies(who: SignedIn) -> dict[str, dict[str, str]]:
    """What each endpoint of `/v1` would gladly take; none of it is sent as it is."""
    tokens = who.tokens
    return {
        "/v1/sign-in": {
            **credentials(who),
            "identifier": who.person.email,
            "password": who.person.password,
            "tenant_id": who.tenant_id,
            "scope": "openid",
        },
        "/v1/sign-in/continue": {
            **credentials(who),
            "ticket": f"tst_{'A' * 111}",
            "end_sid": tokens.sid,
        },
        "/v1/token/refresh": {
            **credentials(who),
            "refresh_token": tokens.refresh,
            "scope": "openid",
        },
        "/v1/token/validate": {"token": tokens.access, "audience": who.app.client_id},
        "/v1/token/introspect": {"token": tokens.access, "token_type_hint": "access_token"},
        "/v1/token/invalidate": {"token": tokens.access},
        "/v1/password-resets": {"identifier": "nobody@example.test"},
        "/v1/password-resets/complete": {
            "token": f"tsp_{'A' * 90}",
            "new_password": "horses batteries staples",
        },
    }


def good_forms(who: SignedIn) -> dict[str, dict[str, str]]:
    """The same for the OAuth endpoints."""
    token = who.tokens.refresh
    return {
        "/oauth2/token": {"grant_type": "refresh_token", "refresh_token": token, "scope": "openid"},
        "/oauth2/introspect": {"token": token, "token_type_hint": "refresh_token"},
        "/oauth2/revoke": {"token": token, "token_type_hint": "refresh_token"},
        "/oauth2/par": {"response_type": "code", "scope": "openid", "state": "s"},
    }


V1 = (
    "sign-in",
    "sign-in/continue",
    "token/refresh",
    "token/validate",
    "token/introspect",
    "token/invalidate",
    "password-resets/complete",
)
OAUTH = ("token", "introspect", "revoke", "par")
json_endpoints = pytest.mark.parametrize("path", [f"/v1/{name}" for name in V1])
form_endpoints = pytest.mark.parametrize("path", [f"/oauth2/{name}" for name in OAUTH])


def answers(
    who: SignedIn, path: str, bodies: Mapping[str, bytes], content_type: str
) -> dict[str, tuple[int, str]]:
    """Status and code for each body, by what is wrong with it."""
    found = {}
    for what, body in bodies.items():
        answer = who.world.http.post(path, data=body, content_type=content_type)
        told = answer.get_json(silent=True) or {}
        found[what] = (answer.status_code, told.get("code") or told.get("error"))
    return found


def all_refused(bodies: Mapping[str, bytes]) -> dict[str, tuple[int, str]]:
    """That each of them is the sender's fault."""
    return dict.fromkeys(bodies, (400, "invalid_request"))


@json_endpoints
def test_what_is_not_one_json_object_is_refused(who: SignedIn, path: str) -> None:
    bodies = corpus.json_bodies(good_bodies(who)[path])
    assert answers(who, path, bodies, "application/json") == all_refused(bodies)


@json_endpoints
def test_a_field_with_what_is_no_text_is_refused(who: SignedIn, path: str) -> None:
    bodies = corpus.json_values(good_bodies(who)[path])
    assert answers(who, path, bodies, "application/json") == all_refused(bodies)


@form_endpoints
def test_what_is_not_one_form_is_refused(who: SignedIn, path: str) -> None:
    bodies = corpus.form_bodies(good_forms(who)[path] | credentials(who))
    assert answers(who, path, bodies, FORM) == all_refused(bodies)


JSON_STATUSES = {
    "/v1/password-resets": {"identifier": 202},
    "/v1/password-resets/complete": {"token": 400, "new_password": 400},
    "/v1/sign-in": {
        "client_id": 401,
        "client_secret": 401,
        "identifier": 401,
        "password": 401,
        "tenant_id": 403,
        "scope": 400,
    },
    "/v1/sign-in/continue": {
        "client_id": 401,
        "client_secret": 401,
        "ticket": 400,
        "end_sid": 400,
    },
    "/v1/token/refresh": {
        "client_id": 401,
        "client_secret": 401,
        "refresh_token": 400,
        "scope": 400,
    },
    "/v1/token/validate": {"token": 200, "audience": 200},
    "/v1/token/invalidate": {"token": 400},
}


@pytest.mark.parametrize("path", JSON_STATUSES)
def test_odd_texts_are_wrong_and_nothing_worse(who: SignedIn, path: str) -> None:
    good, expected = good_bodies(who)[path], JSON_STATUSES[path]
    for field, status in expected.items():
        bodies = {
            what: json.dumps({**good, field: text}).encode()
            for what, text in corpus.ODD_TEXTS.items()
        }
        found = answers(who, path, bodies, "application/json")
        assert {what: one[0] for what, one in found.items()} == dict.fromkeys(bodies, status), field


FORM_STATUSES = {
    "/oauth2/token": {
        "grant_type": 400,
        "refresh_token": 400,
        "scope": 400,
        "client_id": 401,
        "client_secret": 401,
    },
    "/oauth2/introspect": {"token": 200, "client_id": 401, "client_secret": 401},
    "/oauth2/revoke": {"token": 200, "client_id": 401, "client_secret": 401},
    "/oauth2/par": {"scope": 400, "state": 400, "client_id": 401, "client_secret": 401},
}


@form_endpoints
def test_odd_texts_in_a_form_are_wrong_and_nothing_worse(who: SignedIn, path: str) -> None:
    good = good_forms(who)[path] | credentials(who)
    for parameter, status in FORM_STATUSES[path].items():
        found = {
            what: who.world.http.post(path, data={**good, parameter: text}).status_code
            for what, text in corpus.ODD_TEXTS.items()
        }
        assert found == dict.fromkeys(corpus.ODD_TEXTS, status), parameter


# Around the body.


@json_endpoints
def test_only_json_in_utf_8_is_json(who: SignedIn, path: str) -> None:
    body = json.dumps(good_bodies(who)[path])
    for content_type in (
        FORM,
        "text/json",
        "text/plain",
        "",
        "application/json; charset=utf-16",
        "application/jsonx",
        "multipart/form-data; boundary=x",
    ):
        answer = who.world.http.post(path, data=body, content_type=content_type)
        assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported_media_type")


@json_endpoints
def test_parameters_in_the_address_are_refused(who: SignedIn, path: str) -> None:
    body = good_bodies(who)[path]
    for query in ("token=x", "client_id=x", "a", f"refresh_token={who.tokens.refresh}"):
        answer = who.world.http.post(f"{path}?{query}", json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


def test_a_body_that_is_too_large_is_refused_before_it_is_read(who: SignedIn) -> None:
    for path, body in good_bodies(who).items():
        answer = who.world.http.post(path, json={**body, "padding": "x" * corpus.BIG})
        assert (answer.status_code, answer.get_json()["code"]) == (413, "request_too_large")
    for path, form in good_forms(who).items():
        answer = who.world.http.post(path, data={**form, "padding": "x" * corpus.BIG})
        assert (answer.status_code, answer.get_json()["error"]) == (413, "invalid_request")


def test_a_compressed_body_is_not_unpacked(who: SignedIn) -> None:
    body = gzip.compress(json.dumps(good_bodies(who)["/v1/token/refresh"]).encode())
    headers = {"Content-Encoding": "gzip"}
    sent = {"data": body, "content_type": "application/json", "headers": headers}
    assert who.world.http.post("/v1/token/refresh", **sent).status_code in {400, 415}


@json_endpoints
def test_null_counts_as_absent_and_the_empty_text_is_none(who: SignedIn, path: str) -> None:
    good = good_bodies(who)[path]
    required = next(iter(set(good) & {"password", "refresh_token", "ticket", "token"}))
    for nothing in (None, ""):
        answer = who.world.http.post(path, json={**good, required: nothing})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
        said = answer.get_json()["errors"][required]
        assert (said == ["Empty."]) is (nothing == "")


def test_an_audience_that_is_empty_is_not_any_audience(who: SignedIn) -> None:
    http, token = who.world.http, who.tokens.access
    for path, body in (
        ("/v1/token/validate", {"token": token}),
        ("/v1/token/validate/batch", {"tokens": [token]}),
    ):
        answer = http.post(path, json={**body, "audience": ""}, headers=who.backend.basic)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")
    answer = http.get("/v1/token/validate?audience=", headers=who.tokens.bearer)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request")


def test_what_a_request_asks_for_in_vain_is_refused_and_does_nothing(who: SignedIn) -> None:
    """It may have been meant to narrow what is done."""
    of_account = f"/v1/accounts/{who.account_id}/sessions"
    own = f"/v1/me/sessions/{who.tokens.sid}"
    person, backend = who.tokens.bearer, who.backend.basic
    for method, path, headers, body in (
        ("DELETE", f"{of_account}?sid={who.tokens.sid}", backend, None),
        ("DELETE", f"{of_account}?tenant_id={who.tenant_id}", backend, None),
        ("DELETE", of_account, backend, {"sid": who.tokens.sid}),
        ("DELETE", f"{of_account}/{who.tokens.sid}?zzz", backend, None),
        ("DELETE", "/v1/me/sessions", person, {"keep_current": True}),
        ("DELETE", "/v1/me/sessions?keep_current=", person, None),
        ("DELETE", f"{own}?keep_current=true", person, None),
        ("POST", "/v1/me/sessions/ping", person, {"zzz": 1}),
        ("POST", "/v1/me/sessions/ping?zzz=1", person, None),
        ("GET", "/v1/me?zzz=1", person, None),
        ("GET", f"{of_account}?limit=", backend, None),
    ):
        answer = who.world.http.open(path, method=method, headers=headers, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_request"), path


def test_a_fault_is_named_by_field_and_never_by_what_was_sent(who: SignedIn) -> None:
    body = {"client_id": 1, "refresh_token": ["a secret of mine"], "<b>": "another secret"}
    answer = who.world.http.post("/v1/token/refresh", json=body)
    assert set(answer.get_json()["errors"]) == {"client_id", "refresh_token", "(unnamed)"}
    assert "secret of mine" not in answer.text
    assert "<b>" not in answer.text


def test_identifiers_in_the_path_are_looked_at_before_the_database(who: SignedIn) -> None:
    odd = [text for text in corpus.ODD_TEXTS.values() if "/" not in text and len(text) < 1_000]
    for text in (*odd, "%00", "%ff", "%ed%a0%80", "{" + who.tokens.sid + "}", "urn:uuid:x"):
        for path, headers in (
            (f"/v1/accounts/{text}/sessions", who.backend.basic),
            (f"/v1/accounts/{who.account_id}/sessions/{text}", who.backend.basic),
            (f"/v1/me/sessions/{text}", who.tokens.bearer),
        ):
            method = "GET" if path.endswith("sessions") else "DELETE"
            answer = who.world.http.open(path, method=method, headers=headers)
            assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found"), path
