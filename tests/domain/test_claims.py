"""Claims read back strictly: a right signature says nothing about the types under it."""

import json
from datetime import UTC, datetime

import pytest

from tests.domain.building import NOW
from token_service.domain.claims import access_claims, in_time, instant, moment

ISSUER = "https://id.example.test"
ISSUED = instant(NOW)
CLAIMS = {
    "iss": ISSUER,
    "sub": "subject",
    "aud": "resource",
    "exp": ISSUED + 900,
    "iat": ISSUED,
    "jti": "token-1",
    "client_id": "app",
    "scope": "openid",
    "sid": "a" * 32,
    "tenantId": "b" * 32,
}
MISSING = object()

NUMBERS = [
    MISSING,
    None,
    "",
    "1772366400",
    "soon",
    True,
    False,
    1772366400.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    -(2**63),
    253_402_300_800,
    2**63,
    10**400,
    [1772366400],
    {"seconds": 1772366400},
]
TEXTS = [None, True, 0, 1, 1.5, [], ["text"], {}, {"text": 1}]
OPTIONAL_TEXTS = [True, 0, 1.5, [], ["text"], {}]
ISSUERS = [
    MISSING,
    None,
    "",
    True,
    [ISSUER],
    {"iss": ISSUER},
    ISSUER[:-1],
    ISSUER[1:],
    ISSUER + "/",
    ISSUER + ".evil.test",
    ISSUER + " ",
    ISSUER.upper(),
    "http://id.example.test",
]
AUDIENCES = [
    MISSING,
    None,
    "",
    [],
    [""],
    [None],
    ["resource", None],
    ["resource", 1],
    ["resource", ""],
    [["resource"]],
    {"resource": True},
    True,
    1,
]

WRONG = [
    *(("exp", value) for value in NUMBERS),
    *(("iat", value) for value in NUMBERS),
    *(("nbf", value) for value in NUMBERS if value is not MISSING),
    *((name, value) for name in ("sub", "client_id", "jti") for value in [MISSING, "", *TEXTS]),
    *(("scope", value) for value in [MISSING, *TEXTS]),
    *((name, value) for name in ("sid", "tenantId") for value in OPTIONAL_TEXTS),
    *(("iss", value) for value in ISSUERS),
    *(("aud", value) for value in AUDIENCES),
]


def with_claim(name, value):
    changed = {**CLAIMS, name: value}
    return {one: kept for one, kept in changed.items() if kept is not MISSING}


@pytest.mark.parametrize(
    ("name", "value"), WRONG, ids=lambda value: "" if value is MISSING else str(value)[:20]
)
def test_a_claim_of_a_wrong_type_is_refused(name, value):
    assert access_claims(ISSUER, with_claim(name, value)) is None


def test_numbers_that_json_can_carry_and_python_cannot_count_with():
    text = json.dumps(CLAIMS).replace(str(ISSUED + 900), "1e999")
    assert access_claims(ISSUER, json.loads(text)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["resource"]},
        {"aud": ["resource", "another"]},
        {"scope": ""},
        {"sid": None},
        {"sid": None, "tenantId": None},
        {"nbf": ISSUED},
        {"iat": 0},
        {"exp": 253_402_300_799},
        {"roles": [1, None, {"deep": []}]},
    ],
)
def test_right_claims_are_read(changes):
    claims = {**CLAIMS, **changes}
    access = access_claims(ISSUER, claims)
    assert access is not None
    assert (access.subject, access.client_id, access.jti) == ("subject", "app", "token-1")
    assert (access.issued_at, access.expires_at) == (claims["iat"], claims["exp"])
    assert (access.sid, access.tenant_id) == (claims["sid"], claims["tenantId"])
    assert access.scope == claims["scope"]
    assert access.claims == claims


@pytest.mark.parametrize(
    ("aud", "audience"),
    [("one", ("one",)), (["one"], ("one",)), (["one", "two"], ("one", "two"))],
)
def test_the_audience_is_a_tuple_however_it_was_written(aud, audience):
    access = access_claims(ISSUER, {**CLAIMS, "aud": aud})
    assert access is not None
    assert access.audience == audience


def test_a_token_without_a_session_has_neither_sid_nor_tenant():
    claims = {name: value for name, value in CLAIMS.items() if name not in ("sid", "tenantId")}
    access = access_claims(ISSUER, claims)
    assert access is not None
    assert (access.sid, access.tenant_id) == (None, None)


@pytest.mark.parametrize(
    ("changes", "seconds", "expected"),
    [
        ({}, 0, True),
        ({}, 899.999999, True),
        ({}, 900, False),
        ({}, 900.000001, False),
        ({}, -60, True),
        ({}, -60.000001, False),
        ({"nbf": ISSUED + 100}, 40, True),
        ({"nbf": ISSUED + 100}, 39.999999, False),
        ({"nbf": ISSUED - 100}, -60.000001, False),
        ({"nbf": 0}, 0, True),
        ({"nbf": 0}, -61, False),
        ({"exp": ISSUED}, 0, False),
        ({"exp": ISSUED - 1}, -2, True),
        ({"exp": 0}, 0, False),
    ],
)
def test_expiry_is_exact_and_the_beginning_has_a_minute_of_leeway(changes, seconds, expected):
    access = access_claims(ISSUER, {**CLAIMS, **changes})
    assert access is not None
    asked_at = datetime.fromtimestamp(ISSUED, UTC) + seconds * (moment(1) - moment(0))
    assert in_time(access, asked_at) is expected


def test_a_numeric_date_is_rounded_down():
    assert instant(NOW.replace(microsecond=999_999)) == ISSUED
    assert moment(ISSUED) == NOW
    assert moment(ISSUED).tzinfo is UTC
