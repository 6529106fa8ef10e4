"""FAPI 2.0 Security Profile with `private_key_jwt` and DPoP."""

import time
from typing import Any

import pytest
import requests
from joserfc.jwk import RSAKey

from tests.journeys.conformance.bound import VERIFIER, BoundParty
from tests.journeys.conformance.party import CALLBACK, challenge
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.visitor import Callback, Page, Visitor
from tests.world.world import World

ALLOWED = {"PS256", "ES256", "EdDSA", "Ed25519"}
RSA = RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture(scope="package")
def party(world: World, provider: Provider) -> BoundParty:
    """A client that is what FAPI wants, with an elliptic curve key."""
    return BoundParty.known(world, provider)


@pytest.fixture(scope="package")
def visitor(provider: Provider) -> Visitor:
    """A browser in which somebody signs in once."""
    return Visitor(provider.person)


def error_of(answer: requests.Response) -> str:
    """The error in an answer of good form (RFC 6749 section 5.2)."""
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.status_code in (400, 401)
    assert answer.json()["error_description"].isascii()
    return str(answer.json()["error"])


def test_discovery_end_point_verification(provider: Provider) -> None:
    found = provider.metadata
    assert found["authorization_response_iss_parameter_supported"] is True
    assert isinstance(found["require_pushed_authorization_requests"], bool)
    assert "S256" in found["code_challenge_methods_supported"]
    assert "plain" not in found["code_challenge_methods_supported"]
    assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]
    for name in ("token_endpoint_auth_signing", "id_token_signing", "dpop_signing"):
        assert ALLOWED & set(found[f"{name}_alg_values_supported"])


HAPPY: dict[str, dict[str, str | None]] = {
    "happy-flow": {},
    "without-state-success": {"state": None},
    "without-nonce-success": {"nonce": None},
    "with-64-char-nonce-success": {"nonce": "n" * 64},
    "with-long-nonce": {"nonce": "n" * 384},
    "with-long-state": {"state": "s" * 1000},
    "ensure-other-scope-order-succeeds": {"scope": "profile openid"},
    "test-claims-parameter-idtoken-identity-claims": {
        "claims": '{"id_token":{"given_name":{"essential":true},"family_name":null}}'
    },
}


@pytest.mark.parametrize("module", HAPPY)
def test_a_flow_succeeds(party: BoundParty, visitor: Visitor, module: str) -> None:
    asked = party.asking(**HAPPY[module])
    body = party.tokens(party.redeem(party.coded(visitor, asked)))
    assert body["token_type"].lower() == "dpop"
    claims = party.id_token(body, asked.get("nonce")).claims
    if "claims" in asked:
        assert (claims["given_name"], claims["family_name"]) == ("Ada", "King")
    assert party.resource(body["access_token"]).json()["sub"] == claims["sub"]


ASSERTIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "as issuer": ({}, True),
    "iat and nbf 8 seconds in the future": ({"iat": +8, "nbf": +8}, True),
    "iat and nbf over 60 seconds in the future": ({"iat": +70, "nbf": +70}, False),
    "exp 5 minutes in the past": ({"iat": -600, "exp": -300}, False),
    "no sub": ({"sub": None}, False),
    "wrong sub": ({"sub": "somebody-else"}, False),
    "wrong aud": ({"aud": "https://other.example"}, False),
    "PAR endpoint as aud": ({"aud": "pushed_authorization_request"}, False),
    "token endpoint as aud": ({"aud": "token"}, False),
    "array as aud": ({"aud": ["issuer", "https://other.example"]}, False),
}


@pytest.mark.parametrize("case", ASSERTIONS)
def test_client_assertions_at_the_par_endpoint(party: BoundParty, case: str) -> None:
    changes, is_good = ASSERTIONS[case]
    answer = party.push(party.asking(), **stated(party.provider, changes))
    if is_good:
        assert answer.status_code == 201
    else:
        assert error_of(answer) in ("invalid_client", "invalid_request")


def stated(provider: Provider, changes: dict[str, Any]) -> dict[str, Any]:
    """The claims with numbers as seconds from now, and names of endpoints as their addresses."""
    now, names = int(time.time()), {"issuer": provider.issuer}
    names |= {one: provider.endpoint(one) for one in ("token", "pushed_authorization_request")}

    def value(one: Any) -> Any:
        if isinstance(one, list):
            return [value(each) for each in one]
        if isinstance(one, str):
            return names.get(one, one)
        return now + one if isinstance(one, int) else one

    return {name: value(one) for name, one in changes.items()}


@pytest.mark.parametrize(("algorithm", "is_good"), [("PS256", True), ("RS256", False)])
def test_ensure_signed_client_assertion_with_rs256_fails(
    world: World, provider: Provider, algorithm: str, is_good: bool
) -> None:
    party = BoundParty.known(world, provider, RSA)
    form = party.asking() | {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": party.assertion({}, algorithm),
    }
    answer = requests.post(provider.endpoint("pushed_authorization_request"), data=form, timeout=10)
    if is_good:
        assert answer.status_code == 201
    else:
        assert error_of(answer) == "invalid_client"


REFUSED: dict[str, tuple[dict[str, str | None], set[str]]] = {
    "ensure-pkce-required": (
        {"code_challenge": None, "code_challenge_method": None},
        {"invalid_request"},
    ),
    "plain-pkce-rejected": (
        {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
        {"invalid_request"},
    ),
    "redirect-uri-in-par-required": ({"redirect_uri": None}, {"invalid_request"}),
    "unregistered-redirect-uri": (
        {"redirect_uri": f"{CALLBACK}/more"},
        {"invalid_request", "invalid_redirect_uri"},
    ),
    "response-type-token-fails": (
        {"response_type": "token"},
        {"unsupported_response_type", "invalid_request", "unauthorized_client"},
    ),
    "response-type-code-id-token-fails": (
        {"response_type": "code id_token"},
        {"unsupported_response_type", "invalid_request", "unauthorized_client"},
    ),
    "request-uri-in-par": (
        {"request_uri": "urn:ietf:params:oauth:request_uri:x"},
        {"invalid_request"},
    ),
}


@pytest.mark.parametrize("module", REFUSED)
def test_a_pushed_request_is_refused(party: BoundParty, module: str) -> None:
    changes, errors = REFUSED[module]
    assert error_of(party.push(party.asking(**changes))) in errors


def test_par_reject_invalid_http_verb(party: BoundParty) -> None:
    url = party.provider.endpoint("pushed_authorization_request")
    _, credentials = party.credentials()
    for method in ("GET", "PUT"):
        asked = party.asking() | credentials
        assert requests.request(method, url, params=asked, timeout=10).status_code in (
            400,
            404,
            405,
        )


def test_par_request_uris(world: World, party: BoundParty, provider: Provider) -> None:
    """Bound to the client, good until something is authorized, and not any more after that."""
    asked = party.asking()
    carried = party.pushed(asked)
    fresh = Visitor(provider.person)
    other = BoundParty.known(world, provider)
    foreign = carried | {"client_id": other.held["client_id"]}
    assert is_refused(party.send(fresh, foreign))
    url = provider.endpoint("authorization")
    for _ in range(2):
        assert "/sign-in" in requests.get(url, params=carried, timeout=10).url
    code = party.answered(party.send(fresh, carried), asked)["code"]
    assert is_refused(party.send(fresh, carried))
    assert party.tokens(party.redeem(code))


def is_refused(back: Callback | Page) -> bool:
    """A page that says no, or an error without a code."""
    if isinstance(back, Page):
        return back.status == 400
    return "error" in back.parameters and "code" not in back.parameters


def test_an_unpushed_request_fails(party: BoundParty, visitor: Visitor) -> None:
    assert is_refused(party.send(visitor, party.asking()))


def test_user_rejects_authentication(party: BoundParty, provider: Provider) -> None:
    refusing = Visitor(provider.person, consent="cancel")
    asked = party.asking(prompt="consent", state="s" * 128)
    back = party.answered(party.send(refusing, party.pushed(asked)), asked)
    assert back["error"] == "access_denied"


@pytest.mark.parametrize("verifier", ["", VERIFIER[::-1]], ids=["required", "incorrect"])
def test_ensure_code_verifier(party: BoundParty, visitor: Visitor, verifier: str) -> None:
    answer = party.redeem(party.coded(visitor, party.asking()), code_verifier=verifier)
    assert error_of(answer) in ("invalid_grant", "invalid_request")


def test_ensure_holder_of_key_required(party: BoundParty, visitor: Visitor) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": party.coded(visitor, party.asking()),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    error = error_of(party.token(form, DPoP=""))
    assert error in ("invalid_request", "invalid_grant", "invalid_dpop_proof")


def test_ensure_authorization_code_is_bound_to_client(
    world: World, party: BoundParty, visitor: Visitor, provider: Provider
) -> None:
    other = BoundParty.known(world, provider)
    code = party.coded(visitor, party.asking())
    assert error_of(other.redeem(code)) == "invalid_grant"


def test_ensure_client_id_in_token_endpoint(
    world: World, party: BoundParty, visitor: Visitor, provider: Provider
) -> None:
    """An assertion in another client's name, by the key of the first one."""
    code, other = party.coded(visitor, party.asking()), BoundParty.known(world, provider)
    pretending = BoundParty(provider, other.held, party.key, party.proving)
    assert error_of(pretending.redeem(code)) in ("invalid_client", "invalid_grant")


def test_attempt_reuse_authorization_code(party: BoundParty, visitor: Visitor) -> None:
    code = party.coded(visitor, party.asking())
    body = party.tokens(party.redeem(code))
    assert error_of(party.redeem(code)) == "invalid_grant"
    assert party.resource(body["access_token"]).status_code == 401


@pytest.mark.parametrize("by", ["header", "parameter"])
def test_dpop_auth_code_binding(
    party: BoundParty, visitor: Visitor, provider: Provider, by: str
) -> None:
    """A code asked for with a key, by `dpop_jkt` or a proof, is good with that key alone."""

    def code() -> str:
        if by == "parameter":
            return party.coded(visitor, party.asking(dpop_jkt=party.proving.thumbprint()))
        proof = party.proof(provider.endpoint("pushed_authorization_request"))
        return party.coded(visitor, party.asking(), DPoP=proof)

    assert party.tokens(party.redeem(code()))
    stranger = BoundParty(provider, party.held, party.key)
    assert error_of(stranger.redeem(code())) in ("invalid_grant", "invalid_dpop_proof")


def test_ensure_mismatched_dpop_jkt_fails(party: BoundParty, provider: Provider) -> None:
    proof = party.proof(provider.endpoint("pushed_authorization_request"))
    asked = party.asking(dpop_jkt=challenge("another key"))
    assert error_of(party.push(asked, {"DPoP": proof})) in ("invalid_request", "invalid_dpop_proof")


def test_refresh_token(party: BoundParty, visitor: Visitor) -> None:
    """With the token before the last one as well, for whoever lost the answer; never without the
    client's authentication, nor without a proof."""
    asked = party.asking(scope="openid offline_access", prompt="consent")
    first = party.tokens(party.redeem(party.coded(visitor, asked)))
    form = {
        "grant_type": "refresh_token",
        "refresh_token": first["refresh_token"],
        "scope": "openid",
    }
    for _ in range(2):
        again = party.tokens(party.token(form))
        assert party.resource(again["access_token"]).status_code == 200
    form["refresh_token"] = again["refresh_token"]
    address = party.provider.endpoint("token")
    nobody = requests.post(address, data=form, headers={"DPoP": party.proof(address)}, timeout=10)
    assert error_of(nobody) in ("invalid_client", "invalid_grant", "invalid_request")
    unproved = party.token(form, DPoP="")
    assert error_of(unproved) in ("invalid_request", "invalid_grant", "invalid_dpop_proof")
    assert party.tokens(party.token(form))


PROOFS: dict[str, tuple[dict[str, Any], bool]] = {
    "correct": ({}, True),
    "iat 10 seconds before": ({"iat": -10}, True),
    "iat 10 seconds after": ({"iat": +10}, True),
    "nbf and exp": ({"nbf": -10, "exp": +60}, True),
    "more claims": ({"tx_id_key": "one"}, True),
    "more in the header": ({"header": {"tx_id": 1}}, True),
    "htu with query and fragment": ({"htu": "{}?a=b#c"}, True),
    "typ missing": ({"header": {"typ": None}}, False),
    "typ wrong": ({"header": {"typ": "dpop+jwt+wrongyousee"}}, False),
    "jwk missing": ({"header": {"jwk": None}}, False),
    "alg none": ({"header": {"alg": "none"}}, False),
    "jti missing": ({"jti": None}, False),
    "htm missing": ({"htm": None}, False),
    "htm wrong": ({"htm": "PUT"}, False),
    "htu missing": ({"htu": None}, False),
    "htu of another URL": ({"htu": "https://other.example/userinfo"}, False),
    "iat missing": ({"iat": None}, False),
    "iat one hour in the future": ({"iat": +3600}, False),
    "iat one hour in the past": ({"iat": -3600}, False),
    "ath missing": ({"ath": None}, False),
    "ath wrong": ({"ath": challenge("another token")}, False),
    "no JWT": ({"proof": "one.two"}, False),
    "none at all": ({"proof": ""}, False),
    "none at all, as Bearer": ({"proof": "", "scheme": "Bearer"}, False),
    "scheme in capitals": ({"scheme": "DPOP"}, True),
    "scheme in small letters": ({"scheme": "dpop"}, True),
}


@pytest.fixture(scope="package")
def access_token(party: BoundParty, visitor: Visitor) -> str:
    """One for all proofs."""
    body = party.tokens(party.redeem(party.coded(visitor, party.asking())))
    return str(body["access_token"])


@pytest.mark.parametrize("case", PROOFS)
def test_dpop_negative_tests(party: BoundParty, access_token: str, case: str) -> None:
    changes, is_good = PROOFS[case]
    moved = stated(party.provider, changes)
    if changes.get("htu"):
        moved["htu"] = changes["htu"].format(party.provider.endpoint("userinfo"))
    answer = party.resource(access_token, **moved)
    assert answer.status_code == (200 if is_good else 401)


def test_dpop_proofs_of_other_keys(
    provider: Provider, party: BoundParty, access_token: str
) -> None:
    """Another key, a private one in the header, a broken signature, one proof twice, two proofs."""
    url, stranger = provider.endpoint("userinfo"), BoundParty(provider, party.held, party.key)
    assert stranger.resource(access_token).status_code == 401
    private = {"jwk": party.proving.as_dict(private=True)}
    assert party.resource(access_token, header=private).status_code == 401
    proof = party.proof(url, "GET", access_token)
    head, body, signature = proof.split(".")
    broken = f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    assert party.resource(access_token, proof=broken).status_code == 401
    assert party.resource(access_token, proof=proof).status_code == 200
    assert party.resource(access_token, proof=proof).status_code == 401
    two = f"{party.proof(url, 'GET', access_token)},{party.proof(url, 'GET', access_token)}"
    assert party.resource(access_token, proof=two).status_code in (400, 401)


def test_dpop_proofs_with_rs256(world: World, provider: Provider, visitor: Visitor) -> None:
    party = BoundParty.known(world, provider)
    party.proving = RSA
    body = party.tokens(party.redeem(party.coded(visitor, party.asking())))
    token = str(body["access_token"])
    assert party.resource(token).status_code == 200
    assert party.resource(token, header={"alg": "RS256"}).status_code == 401


def test_no_access_token_in_the_url(party: BoundParty, access_token: str) -> None:
    url = party.provider.endpoint("userinfo")
    answer = requests.get(url, params={"access_token": access_token}, timeout=10)
    assert answer.status_code in (400, 401)
