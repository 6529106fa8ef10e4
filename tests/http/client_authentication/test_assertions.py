"""Clients that sign an assertion: private_key_jwt and client_secret_jwt (RFC 7523)."""

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest

from tests.http.administration import change_client, rotate_secret
from tests.http.building import assert_refused, signed_in
from tests.http.client_authentication.proving import (
    ENDPOINTS,
    FORM,
    Prover,
    failures,
    jwk,
    private_key,
    public_forms,
    send,
    with_key,
    with_shared_secret,
)
from tests.world.world import ISSUER, App, Time, World
from token_service.crypto import opaque
from token_service.domain.client_assertions import TYPE
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod

WRONG = "wrong_client_assertion"
METHOD = ("wrong_authentication_method", None)
REPLAYED = ("client_assertion_replayed", None)


def refused(prover: Prover, assertion: str, *reasons: tuple[str, object]) -> None:
    """The same answer to whatever is wrong, and its own reason in the audit log."""
    before = len(failures(prover.world))
    answer = prover.ask(assertion)
    assert_refused(answer, 401, "invalid_client")
    assert "assertion" not in answer.get_json()["error_description"]
    assert failures(prover.world)[before:] == list(reasons)


# What is good.


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
def test_a_key_proves_its_client_at_every_endpoint(world: World, path: str, algorithm: str) -> None:
    assert with_key(world, algorithm).ask(path=path).status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_shared_secret_proves_its_client_at_every_endpoint(world: World, path: str) -> None:
    assert with_shared_secret(world).ask(path=path).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": f"{ISSUER}/oauth2/token"},
        {"aud": [ISSUER]},
        {"iat": None},
        {"other": {"more": ["than", 1, None]}},
    ],
)
def test_what_an_assertion_may_say(world: World, changes: dict[str, Any]) -> None:
    prover = with_key(world)
    assert prover.ask(prover.assertion(**changes)).status_code == 200


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", None])
def test_what_it_may_call_itself(world: World, typ: str | None) -> None:
    prover = with_key(world)
    assert prover.ask(prover.assertion({"typ": typ})).status_code == 200


def test_the_client_may_be_named_beside_it(world: World) -> None:
    prover = with_key(world)
    assert prover.ask(client_id=prover.client_id).status_code == 200
    other = with_key(world)
    assert_refused(prover.ask(client_id=other.client_id), 400, "invalid_request")


def test_a_client_refreshes_with_it(world: World) -> None:
    who = signed_in(world)
    keys = {"keys": [jwk("ES256", private_key("ES256"), kid="k1")]}
    change_client(
        world,
        who.app,
        authentication="private_key_jwt",
        registration=json.dumps(ClientMetadata(jwks=keys).stored()),
    )
    prover = Prover(world, who.app.client_id, "ES256", private_key("ES256"))
    form = {"grant_type": "refresh_token", "refresh_token": who.tokens.refresh}
    assert_refused(world.try_refresh(who.app, who.tokens.refresh), 401, "invalid_client")
    assert prover.ask(**form).status_code == 200


# One method, and only the registered one.


def test_no_two_ways_at_once(world: World) -> None:
    prover, service = with_key(world), world.client("service")
    proof = {"client_assertion_type": TYPE, "client_assertion": prover.assertion()}
    for headers, form in (
        (service.basic, proof),
        (App(prover.client_id, "x").basic, proof),
        ({}, proof | {"client_id": prover.client_id, "client_secret": "x"}),
    ):
        answer = world.http.post(ENDPOINTS[0], data=FORM | form, headers=headers)
        assert_refused(answer, 400, "invalid_request")
    # None of them has used it up.
    assert prover.ask(proof["client_assertion"]).status_code == 200


def test_two_assertions_are_a_repeated_parameter(world: World) -> None:
    prover = with_key(world)
    first, second = prover.assertion(), prover.assertion()
    body = f"grant_type=client_credentials&client_assertion_type={TYPE}"
    body += f"&client_assertion={first}&client_assertion={second}"
    form = "application/x-www-form-urlencoded"
    answer = world.http.post(ENDPOINTS[0], data=body, content_type=form)
    assert_refused(answer, 400, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_whoever_is_registered_for_a_key_has_no_other_way(world: World, path: str) -> None:
    secret = "s" * 43
    prover = with_key(world)
    signer = Prover(world, prover.client_id, "HS256", secret, None)
    asked = [
        world.http.post(path, data=FORM, headers=App(prover.client_id, secret).basic),
        world.http.post(path, data=FORM | {"client_id": prover.client_id, "client_secret": secret}),
        world.http.post(path, data=FORM | {"client_id": prover.client_id}),
        signer.ask(path=path),
    ]
    for answer in asked:
        assert_refused(answer, 401, "invalid_client")
    assert set(failures(world)) == {METHOD}


@pytest.mark.parametrize("kind", ["service", "public"])
def test_whoever_is_registered_for_no_key_cannot_bring_one(world: World, kind: str) -> None:
    app = world.client(kind)
    for algorithm, key in (("ES256", private_key("ES256")), ("HS256", app.secret or "x" * 32)):
        refused(prover := Prover(world, app.client_id, algorithm, key), prover.assertion(), METHOD)


def test_a_shared_secret_is_good_for_signing_alone(world: World) -> None:
    prover = with_shared_secret(world)
    app = App(prover.client_id, prover.key)
    assert_refused(world.token(app, grant_type="client_credentials"), 401, "invalid_client")
    assert failures(world) == [METHOD]


def test_a_registered_algorithm_is_the_only_one(world: World) -> None:
    rsa = with_key(world, "RS256", token_endpoint_auth_signing_alg="PS256")
    refused(rsa, rsa.assertion(), (WRONG, "algorithm"))
    pss = Prover(world, rsa.client_id, "PS256", rsa.key)
    assert pss.ask().status_code == 200


def test_a_client_with_bound_tokens_signs_as_its_profile_says(world: World) -> None:
    """FAPI 2.0 Security Profile section 5.4, unless another algorithm is registered."""
    bound = {"dpop_bound_access_tokens": True}
    rsa = with_key(world, "RS256", **bound)
    refused(rsa, rsa.assertion(), (WRONG, "algorithm"))
    path = "/oauth2/introspect"
    assert Prover(world, rsa.client_id, "PS256", rsa.key).ask(path=path).status_code == 200
    stated = with_key(world, "RS256", token_endpoint_auth_signing_alg="RS256", **bound)
    assert stated.ask(path=path).status_code == 200


def test_a_key_that_states_its_algorithm_is_good_for_no_other(world: World) -> None:
    key = private_key("RS256")
    prover = with_key(world, "RS256", jwks={"keys": [jwk("RS256", key, kid="k1", alg="RS256")]})
    assert prover.ask().status_code == 200
    pss = Prover(world, prover.client_id, "PS256", key)
    refused(pss, pss.assertion(), (WRONG, "unknown_key"))


# What is refused.


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"iss": None}, "issuer"),
        ({"iss": "other"}, "issuer"),
        ({"iss": ["x"]}, "issuer"),
        ({"aud": None}, "audience"),
        ({"aud": ""}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": f"{ISSUER}/"}, "audience"),
        ({"aud": ISSUER[:-1]}, "audience"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": [ISSUER, "https://other.example"]}, "audience"),
        ({"aud": [ISSUER, f"{ISSUER}/oauth2/token"]}, "audience"),
        ({"aud": {"x": ISSUER}}, "audience"),
        ({"exp": None}, "lifetime"),
        ({"exp": "9999999999"}, "lifetime"),
        ({"exp": True}, "lifetime"),
        ({"exp": 10**18}, "lifetime"),
        ({"exp": -1}, "expired"),
        ({"jti": None}, "no_id"),
        ({"jti": ""}, "no_id"),
        ({"jti": 1}, "no_id"),
        ({"iat": "now"}, "not_yet"),
        ({"nbf": [1]}, "not_yet"),
    ],
)
def test_claims_that_are_wrong(world: World, changes: dict[str, Any], fault: str) -> None:
    prover = with_key(world)
    refused(prover, prover.assertion(**changes), (WRONG, fault))


@pytest.mark.parametrize(
    ("claim", "seconds", "fault"),
    [
        ("exp", -9, None),
        ("exp", -10, "expired"),
        ("exp", -60, "expired"),
        ("exp", 310, None),
        ("exp", 311, "lifetime"),
        ("exp", 48 * 3600, "lifetime"),
        ("iat", 10, None),
        ("iat", 11, "not_yet"),
        ("iat", 60, "not_yet"),
        ("nbf", 10, None),
        ("nbf", 60, "not_yet"),
    ],
)
def test_ten_seconds_of_difference_are_accepted_and_sixty_refused(
    world: World, claim: str, seconds: int, fault: str | None
) -> None:
    prover = with_key(world)
    now = world.parts.clock.now().timestamp()
    assertion = prover.assertion(**{claim: now + seconds})
    if fault is None:
        assert prover.ask(assertion).status_code == 200
    else:
        refused(prover, assertion, (WRONG, fault))


def test_an_audience_of_two_kinds_is_not_for_who_binds_tokens_to_keys(world: World) -> None:
    """FAPI 2.0 Security Profile section 5.3.2.1: the issuer as a string, nothing else."""
    prover = with_key(world, dpop_bound_access_tokens=True)
    for audience in ([ISSUER], f"{ISSUER}/oauth2/token"):
        refused(prover, prover.assertion(aud=audience), (WRONG, "audience"))
    proved = prover.ask(path="/oauth2/revoke", token="of nobody")
    assert proved.status_code == 200


@pytest.mark.parametrize(
    "typ",
    ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", "token-introspection+jwt", 1],
)
def test_another_kind_of_jwt_is_no_assertion(world: World, typ: object) -> None:
    prover = with_key(world)
    header = {"typ": typ}
    claims = prover.claims()
    token = hand_made(prover, {"alg": "ES256", "kid": "k1"} | header, claims)
    refused(prover, token, (WRONG, "type"))


def hand_made(prover: Prover, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A JWT with a header that no library would make, signed with the client's key."""
    signed = ".".join(opaque.encode(json.dumps(one).encode()) for one in (header, claims))
    algorithm = jwt.get_algorithm_by_name(prover.algorithm)
    signature = algorithm.sign(signed.encode(), algorithm.prepare_key(prover.key))
    return f"{signed}.{opaque.encode(signature)}"


def test_tokens_of_ours_are_no_assertions(world: World) -> None:
    who = signed_in(world)
    for token in (who.tokens.access, who.tokens.refresh):
        assert_refused(send(world, token), 401, "invalid_client")


@pytest.mark.parametrize(
    "type_", ["", "jwt", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"]
)
def test_another_type_of_assertion(world: World, type_: str) -> None:
    form = {"client_assertion_type": type_, "client_assertion": with_key(world).assertion()}
    answer = world.http.post(ENDPOINTS[0], data=FORM | form)
    assert_refused(answer, 401, "invalid_client")
    only = world.http.post(ENDPOINTS[0], data=FORM | {"client_assertion_type": TYPE})
    assert_refused(only, 401, "invalid_client")


def test_an_unknown_client_looks_like_a_wrong_proof(world: World) -> None:
    prover = with_key(world)
    unknown = Prover(world, "unknown", "ES256", prover.key)
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2))
    answers = [unknown.ask(), stranger.ask()]
    assert {one.status_code for one in answers} == {401}
    assert len({one.data for one in answers}) == 1
    assert failures(world) == [(WRONG, "signature")]


def test_a_client_that_is_disabled(world: World) -> None:
    prover = with_key(world)
    world.sql("UPDATE clients SET enabled = false")
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    refused(prover, prover.assertion(), ("client_disabled", None))


# Once.


def test_an_assertion_is_good_once_on_all_workers(world: World, second_worker: World) -> None:
    prover = with_key(world)
    assertion = prover.assertion()
    assert prover.ask(assertion).status_code == 200
    for worker in (world, second_worker):
        for path in ENDPOINTS:
            assert_refused(prover.at(worker).ask(assertion, path), 401, "invalid_client")
    assert failures(world) == [REPLAYED] * 6
    again = world.second_worker()
    assert_refused(prover.at(again).ask(assertion), 401, "invalid_client")
    again.close()


def test_the_same_id_in_another_assertion_is_the_same(world: World) -> None:
    prover = with_key(world)
    assert prover.ask(prover.assertion(jti="one")).status_code == 200
    refused(prover, prover.assertion(jti="one", other=1), REPLAYED)
    other = with_key(world)
    assert other.ask(other.assertion(jti="one")).status_code == 200


def test_an_assertion_is_remembered_for_as_long_as_it_is_good(world: World, time: Time) -> None:
    prover = with_key(world)
    now = world.parts.clock.now().timestamp()
    assertion = prover.assertion(exp=now + 300)
    assert prover.ask(assertion).status_code == 200
    [row] = world.sql("SELECT expires_at FROM used_assertions")
    assert row.expires_at / 1e6 >= now + 310 + 10
    time.pass_(seconds=309)
    refused(prover, assertion, REPLAYED)
    time.pass_(seconds=1)
    refused(prover, assertion, (WRONG, "expired"))


def test_what_is_refused_is_not_used_up(world: World) -> None:
    prover = with_key(world)
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2))
    refused(stranger, stranger.assertion(jti="one"), (WRONG, "signature"))
    assert prover.ask(prover.assertion(jti="one")).status_code == 200


def test_a_request_that_runs_twice_uses_its_assertion_once(
    world: World, second_worker: World
) -> None:
    """The second worker's copy of the configuration is behind: its view runs again."""
    prover = with_key(world)
    assert prover.at(second_worker).ask().status_code == 200
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    assertion = prover.assertion()
    assert prover.at(second_worker).ask(assertion).status_code == 200
    assert failures(world) == []
    refused(prover, assertion, REPLAYED)


def test_no_assertion_is_stored_or_told(world: World) -> None:
    prover = with_key(world)
    assertion = prover.assertion(jti="a-very-special-id")
    prover.ask(assertion)
    prover.ask(assertion)
    stored = str(world.sql("SELECT * FROM used_assertions")) + str(
        world.sql("SELECT * FROM audit_events")
    )
    assert "a-very-special-id" not in stored
    assert assertion.rpartition(".")[2] not in stored


# Forgeries (RFC 8725 section 3): the header decides nothing.


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_the_public_key_is_no_secret(world: World, algorithm: str) -> None:
    prover = with_key(world, algorithm)
    both = world.client(
        "service",
        client_id="both",
        authentication=AuthenticationMethod.SECRET_JWT,
        secrets=(),
        metadata=ClientMetadata(jwks={"keys": [jwk(algorithm, prover.key, kid="k1")]}),
    )
    for client_id, fault in ((prover.client_id, METHOD), (both.client_id, None)):
        forger = Prover(world, client_id, algorithm, prover.key)
        for secret in public_forms(algorithm, prover.key):
            for alg, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
                header = {"alg": alg, "kid": "k1"}
                signed = ".".join(
                    opaque.encode(json.dumps(one).encode()) for one in (header, forger.claims())
                )
                tag = hmac.new(secret, signed.encode(), digest).digest()
                answer = forger.ask(f"{signed}.{opaque.encode(tag)}")
                assert answer.status_code in (401, 429)
        assert fault is None or set(failures(world)) == {fault}


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": "ES256K"},
        {"alg": "RS256"},
        {"alg": "es256"},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A128GCM", "alg": "dir"},
        {"kid": 1},
        {"kid": "k2"},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1"},
        {"kid": "k" * 5000},
    ],
)
def test_headers_that_are_refused_whatever_is_signed(world: World, header: dict[str, Any]) -> None:
    prover = with_key(world)
    token = hand_made(prover, {"alg": "ES256", "kid": "k1"} | header, prover.claims())
    assert_refused(prover.ask(token), 401, "invalid_client")
    unsigned = token.rpartition(".")[0]
    for forged in (f"{unsigned}.", unsigned, f"{token}.", f"{token}.e30", f"{unsigned}.AA"):
        assert_refused(prover.ask(forged), 401, "invalid_client")


def test_a_key_that_comes_along_proves_nothing(world: World) -> None:
    prover, forger = with_key(world), private_key("ES256", 2)
    brought = {
        "jwk": jwk("ES256", forger),
        "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x5u",
        "x5c": ["MIIB"],
    }
    for kid in ("k1", None):
        stranger = Prover(world, prover.client_id, "ES256", forger, kid)
        refused(stranger, stranger.assertion(brought), (WRONG, "signature"))
    # They are ignored, not refused: some libraries send `x5c` with everything.
    assert prover.ask(prover.assertion(brought)).status_code == 200


def test_spellings_of_one_token(world: World) -> None:
    prover = with_key(world)
    token = prover.assertion()
    for other in (f"{token}=", f" {token}", f"{token}\n", token.replace(".", "..", 1)):
        assert_refused(prover.ask(other), 401, "invalid_client")
    assert prover.ask(token).status_code == 200


def test_an_endless_token_is_refused_by_its_length(world: World) -> None:
    prover = with_key(world)
    answer = prover.ask(prover.assertion(padding="x" * 9_000))
    assert_refused(answer, 400, "invalid_request")


def test_a_set_of_keys_with_anything_in_it(world: World) -> None:
    """What is no key of ours is passed over; the right one is found among them."""
    key = private_key("ES256")
    odd: list[Any] = [
        1,
        {},
        {"kty": ["EC"]},
        {"kty": "oct", "k": "AA", "kid": "k1"},
        {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "k1"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k1"},
        jwk("ES256", private_key("ES256", 2), kid="k1", use="enc"),
        jwk("ES256", private_key("ES256", 2), kid="k1", key_ops=["encrypt"]),
        jwk("ES256", key, kid="k1"),
    ]
    prover = with_key(world, jwks={"keys": odd})
    assert prover.ask().status_code == 200
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2))
    refused(stranger, stranger.assertion(), (WRONG, "signature"))


# Secrets that clients sign with.


def test_a_shared_secret_is_replaced_like_any_other(
    world: World, second_worker: World, time: Time
) -> None:
    old = with_shared_secret(world)
    assert old.at(second_worker).ask().status_code == 200
    rotated = rotate_secret(world, App(old.client_id, old.key), hours=1)
    new = Prover(world, old.client_id, "HS256", rotated.secret, None)
    time.pass_(minutes=59, seconds=59)
    for worker in (world, second_worker):
        assert old.at(worker).ask().status_code == 200
        assert new.at(worker).ask().status_code == 200
    time.pass_(seconds=1)
    for worker in (world, second_worker):
        refused(old.at(worker), old.assertion(), (WRONG, "signature"))
        assert new.at(worker).ask().status_code == 200


def test_a_shared_secret_is_stored_encrypted_and_for_its_client_alone(world: World) -> None:
    prover, other = with_shared_secret(world), with_shared_secret(world)
    rows = world.sql("SELECT * FROM clients")
    assert prover.key not in str(rows)
    assert prover.key.encode() not in b"".join(bytes(row.shared_secret_encrypted) for row in rows)
    world.sql(
        "UPDATE clients SET shared_secret_encrypted = (SELECT shared_secret_encrypted FROM clients"
        " WHERE client_id = :one) WHERE client_id = :other",
        one=prover.client_id,
        other=other.client_id,
    )
    world.sql("UPDATE environment SET configuration_version = configuration_version + 1")
    moved = Prover(world, other.client_id, "HS256", prover.key, None)
    assert moved.ask().status_code == 503


# Guessing.


def test_many_wrong_assertions_are_told_to_wait(world: World) -> None:
    prover, other = with_key(world), with_key(world)
    free = world.parts.settings.throttle.source_failures
    stranger = Prover(world, prover.client_id, "ES256", private_key("ES256", 2))
    for _ in range(free):
        assert stranger.ask().status_code == 401
    assert_refused(stranger.ask(), 429, "temporarily_unavailable")
    assert prover.ask().status_code == 200
    assert other.ask().status_code == 200
