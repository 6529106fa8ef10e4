"""What an authorization request may say, and what becomes of one that says something else."""

from dataclasses import replace

import pytest

from token_service.domain.authorization_requests import (
    AuthorizationRequest,
    Delivery,
    RequestRefused,
    Target,
    Unredirectable,
    authorization_request,
)
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod, Client, ClientKind

URI = "https://app.example/cb"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
TENANT, OTHER = "1" * 32, "2" * 32


def client(metadata=None, **changes):
    values = {
        "client_id": "app",
        "name": "App",
        "kind": ClientKind.APP,
        "tenant_id": None,
        "authentication": AuthenticationMethod.SECRET,
        "secrets": (),
        "grant_types": frozenset({"authorization_code"}),
        "scope": "email openid profile",
        "default_scope": "openid profile",
        "audiences": ("https://api.example", "files"),
        "resource_identifier": None,
        "permissions": frozenset(),
        "first_party": True,
        "signing_algorithm": None,
        "enabled": True,
        "epoch": 1,
        "metadata": ClientMetadata(**({"redirect_uris": (URI,)} | (metadata or {}))),
    }
    return Client(**(values | changes))


def read(who=None, delivery=None, **changes):
    """Read a request that is right but for the changes; None leaves a parameter out."""
    parameters = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": URI,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "s",
    } | changes
    given = {name: value for name, value in parameters.items() if value is not None}
    return authorization_request(given, who or client(), delivery or Delivery())


def error_of(outcome):
    assert isinstance(outcome, RequestRefused), outcome
    assert outcome.target.redirect_uri == URI
    assert outcome.target.state == "s"
    return outcome.error


def test_a_right_request_is_read_whole():
    claims = '{"userinfo": {"email": {"essential": true}, "name": null}, "other": {}}'
    request = read(
        scope="profile openid email",
        nonce="n",
        prompt="login consent",
        max_age="60",
        login_hint="ada",
        acr_values="a b",
        ui_locales="de-CH en",
        claims=claims,
        resource="files https://api.example files",
        tenant_id=TENANT,
        dpop_jkt=CHALLENGE,
        response_mode="form_post",
        unknown="ignored",
    )
    assert request == AuthorizationRequest(
        client_id="app",
        redirect_uri=URI,
        response_mode="form_post",
        scope="email openid profile",
        state="s",
        nonce="n",
        code_challenge=CHALLENGE,
        prompt=("login", "consent"),
        max_age=60,
        login_hint="ada",
        acr_values=("a", "b"),
        ui_locales=("de-CH", "en"),
        claims=claims,
        resources=("files", "https://api.example"),
        tenant_id=TENANT,
        dpop_jkt=CHALLENGE,
    )
    assert AuthorizationRequest.of(request.stored()) == request
    assert request.target == Target(URI, "form_post", "s")


def test_what_is_left_out_comes_from_the_client():
    held = {"default_max_age": 30, "default_acr_values": ("x",)}
    request = read(client(held, tenant_id=TENANT))
    assert (request.scope, request.max_age, request.acr_values, request.tenant_id) == (
        *("openid profile", 30, ("x",)),
        TENANT,
    )
    assert "state" not in read(state=None).stored()


@pytest.mark.parametrize("who", [None, client(enabled=False)])
def test_an_unknown_client_is_told_to_the_person_only(who):
    outcome = authorization_request({"redirect_uri": URI}, who)
    assert outcome is Unredirectable.UNKNOWN_CLIENT


@pytest.mark.parametrize("uri", [URI + "/", "https://evil.example/", "javascript:alert(1)"])
def test_a_foreign_redirect_uri_is_told_to_the_person_only(uri):
    for wrong in ({}, {"response_type": "token"}, {"prompt": "none"}, {"scope": '"'}):
        assert read(redirect_uri=uri, **wrong) is Unredirectable.REDIRECT_URI_UNKNOWN


def test_the_redirect_uri_may_be_left_out_where_only_one_can_be_meant():
    request = read(redirect_uri=None, scope="profile")
    assert (request.redirect_uri, request.redirect_uri_given) == (URI, False)
    missing = Unredirectable.REDIRECT_URI_MISSING
    assert read(redirect_uri=None, scope="openid") is missing
    several = client({"redirect_uris": (URI, URI + "2")})
    assert read(several, redirect_uri=None, scope="profile") is missing
    assert read(client({"redirect_uris": ()}), redirect_uri=None, scope="profile") is missing


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        *(
            ({"response_type": kind}, "unsupported_response_type")
            for kind in (
                *("token", "id_token", "id_token token", "code token", "code id_token"),
                *("code id_token token", "none", "CODE"),
            )
        ),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "x"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "http://127.0.0.1/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"scope": "profile admin"}, "invalid_scope"),
        ({"scope": 'openid "'}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "A"}, "invalid_request"),
        ({"code_challenge": "A" * 129}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1] + "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1] + "~"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "01"}, "invalid_request"),
        ({"max_age": "9" * 10}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
        ({"nonce": "n" * 513}, "invalid_request"),
        ({"claims": "x"}, "invalid_request"),
        ({"claims": "[]"}, "invalid_request"),
        ({"claims": '{"userinfo": []}'}, "invalid_request"),
        ({"claims": '{"userinfo": {"email": true}}'}, "invalid_request"),
        ({"claims": '{"userinfo": {}, "userinfo": {}}'}, "invalid_request"),
        ({"claims": '{"userinfo": {"a": {"values": [NaN]}}}'}, "invalid_request"),
        ({"claims": "[" * 8000}, "invalid_request"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"resource": "files https://other.example"}, "invalid_target"),
        ({"tenant_id": "x"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
)
def test_what_is_wrong_is_told_to_the_application(changes, error):
    assert error_of(read(**changes)) == error


def test_what_openid_connect_does_not_know_is_ignored():
    assert read(scope="openid admin x").scope == "openid"
    assert read(max_age="0").max_age == 0
    assert read(prompt="select_account").prompt == ("select_account",)


def test_only_an_exempt_confidential_client_goes_without_a_challenge():
    exempt = client({"pkce_required": False})
    without = {"code_challenge": None, "code_challenge_method": None}
    assert read(exempt, **without).code_challenge is None
    assert read(exempt).code_challenge == CHALLENGE
    assert error_of(read(exempt, code_challenge=None)) == "invalid_request"
    public = replace(exempt, authentication=AuthenticationMethod.NONE)
    assert error_of(read(public, **without)) == "invalid_request"


def test_a_client_is_held_to_what_it_registered():
    none = client(grant_types=frozenset())
    assert error_of(read(none)) == "unauthorized_client"
    assert error_of(read(client({"response_types": ()}))) == "unauthorized_client"
    only_query = client({"response_modes": ("query",)})
    assert error_of(read(only_query, response_mode="form_post")) == "invalid_request"
    of_tenant = client(tenant_id=TENANT)
    assert error_of(read(of_tenant, tenant_id=OTHER)) == "invalid_request"


def test_who_has_to_push_or_sign_has_to():
    for demand, delivery in (
        ("require_pushed_authorization_requests", Delivery(pushed=True)),
        ("require_signed_request_object", Delivery(signed=True)),
    ):
        who = client({demand: True})
        assert error_of(read(who)) == "invalid_request"
        assert isinstance(read(who, delivery), AuthorizationRequest)


def test_an_error_is_answered_in_the_mode_that_was_asked_for():
    assert read(response_mode="form_post", prompt="x").target.response_mode == "form_post"
    assert read(response_mode="fragment").target.response_mode == "query"
