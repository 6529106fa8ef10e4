"""What a request object must say of itself, and what it comes to as parameters."""

from datetime import UTC, datetime, timedelta

import pytest

from token_service.domain.request_objects import (
    Expected,
    ObjectFault,
    algorithms,
    fault,
    fault_of_type,
    parameters_of,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
T = int(NOW.timestamp())
ISSUER = "https://id.example.test"
GOOD = {"iss": "app", "aud": ISSUER, "nbf": T, "exp": T + 60, "client_id": "app"}
ORDINARY = Expected("app", ISSUER)
FETCHED = Expected("app", ISSUER, bounded=False)
STRICT = Expected("app", ISSUER, strict=True)


def without(*names):
    return {name: value for name, value in GOOD.items() if name not in names}


@pytest.mark.parametrize(
    ("claims", "expected", "found"),
    [
        (GOOD, ORDINARY, None),
        (GOOD, FETCHED, None),
        (GOOD, STRICT, None),
        (without("client_id"), ORDINARY, None),
        (without("nbf"), ORDINARY, None),
        (without("nbf"), STRICT, ObjectFault.LIFETIME),
        (without("exp"), ORDINARY, ObjectFault.LIFETIME),
        (without("exp"), STRICT, ObjectFault.LIFETIME),
        (without("exp", "nbf"), FETCHED, None),
        (GOOD | {"exp": "x"}, FETCHED, ObjectFault.LIFETIME),
        (GOOD | {"exp": T - 10}, FETCHED, ObjectFault.EXPIRED),
        (GOOD | {"exp": T + 10**7}, FETCHED, None),
        (GOOD | {"exp": T + 10**7}, STRICT, ObjectFault.LIFETIME),
        (GOOD | {"nbf": T - 3610}, FETCHED, ObjectFault.EXPIRED),
        (without("iss"), ORDINARY, ObjectFault.ISSUER),
        (GOOD | {"sub": "app"}, ORDINARY, ObjectFault.SUBJECT),
        (GOOD | {"sub": "somebody"}, ORDINARY, None),
        (GOOD | {"aud": [ISSUER]}, ORDINARY, None),
        (GOOD | {"aud": ["x", ISSUER]}, ORDINARY, None),
        (GOOD | {"aud": ISSUER + "/"}, ORDINARY, ObjectFault.AUDIENCE),
        (without("aud"), ORDINARY, ObjectFault.AUDIENCE),
        (GOOD | {"client_id": "other"}, ORDINARY, ObjectFault.CLIENT),
        (GOOD | {"request": "x"}, ORDINARY, ObjectFault.NESTED),
        (GOOD | {"request_uri": ""}, ORDINARY, ObjectFault.NESTED),
    ],
)
def test_what_it_says_of_itself(claims, expected, found):
    assert fault(claims, expected, NOW) is found


def test_the_edges_of_its_time():
    hour = timedelta(minutes=60)
    for ends, found in ((hour, None), (hour + timedelta(seconds=11), ObjectFault.LIFETIME)):
        claims = without("nbf") | {"exp": T + ends.total_seconds()}
        assert fault(claims, ORDINARY, NOW) is found
    assert fault(GOOD, ORDINARY, NOW + timedelta(seconds=69)) is None
    assert fault(GOOD, ORDINARY, NOW + timedelta(seconds=70)) is ObjectFault.EXPIRED
    assert fault(GOOD, ORDINARY, NOW - timedelta(seconds=10)) is None
    assert fault(GOOD, ORDINARY, NOW - timedelta(seconds=11)) is ObjectFault.NOT_YET


@pytest.mark.parametrize(
    ("claims", "parameters"),
    [
        (GOOD, {"client_id": "app"}),
        ({"state": "s", "x": "y"}, {"client_id": "app", "state": "s", "x": "y"}),
        ({"state": "", "max_age": 0}, {"client_id": "app", "max_age": "0"}),
        ({"claims": {"id_token": None}}, {"client_id": "app", "claims": '{"id_token": null}'}),
        ({"claims": "{}"}, {"client_id": "app", "claims": "{}"}),
        ({"resource": ["a", "b"]}, {"client_id": "app", "resource": "a b"}),
        ({"resource": []}, {"client_id": "app"}),
        ({"x": [1], "y": {"z": 1}, "w": None, "v": 1.5}, {"client_id": "app"}),
        ({"iat": 1, "jti": "j", "sub": "s"}, {"client_id": "app"}),
        ({"scope": ["openid"]}, None),
        ({"scope": None}, None),
        ({"max_age": 1.5}, None),
        ({"max_age": False}, None),
        ({"claims": []}, None),
        ({"resource": ["a", 1]}, None),
        ({"resource": ["a\0"]}, None),
        ({"resource": {"a": 1}}, None),
        ({"state": "a\0"}, None),
        ({"x": "\0"}, None),
    ],
)
def test_its_claims_as_parameters(claims, parameters):
    assert parameters_of(claims, "app") == parameters


@pytest.mark.parametrize(
    ("typ", "found"),
    [
        (None, None),
        ("JWT", None),
        ("oauth-authz-req+jwt", None),
        ("application/oauth-authz-req+jwt", None),
        ("at+jwt", ObjectFault.TYPE),
        ("", ObjectFault.TYPE),
        (1, ObjectFault.TYPE),
    ],
)
def test_what_it_calls_itself(typ, found):
    assert fault_of_type(typ) is found


@pytest.mark.parametrize(
    ("registered", "allowed"),
    [
        (None, {"ES256", "RS256", "PS256", "EdDSA"}),
        ("PS256", {"PS256"}),
        ("none", set()),
        ("HS256", set()),
        ("", set()),
    ],
)
def test_by_which_algorithms_it_may_be_signed(registered, allowed):
    assert set(algorithms(registered)) == allowed
    assert set(algorithms(registered, strict=True)) == (
        allowed - {"RS256"} if registered is None else allowed
    )
