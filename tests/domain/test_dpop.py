"""What a DPoP proof must say, as tables (RFC 9449 section 4.3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.building import NOW
from token_service.domain.dpop import (
    NONCE_SLICE,
    TOLERANCE,
    Expected,
    ProofClaims,
    normalised,
    proof_claims,
    proof_refusal,
    remembered_for,
    slices,
    url_of,
)
from token_service.domain.refusals import Refusal

URL = "https://id.example.test/oauth2/token"
AT = NOW.timestamp()
PROOF = ProofClaims("jti", "POST", URL, AT, None, None)
EXPECTED = Expected("POST", URL, None, frozenset(), nonce_required=False)
NONCES = frozenset({"new", "old"})

REQUEST, TOKEN = Refusal.PROOF_FOR_ANOTHER_REQUEST, Refusal.PROOF_FOR_ANOTHER_TOKEN
LATE, NONCE = Refusal.PROOF_OUT_OF_TIME, Refusal.NONCE_NEEDED
TABLE = [
    ({}, {}, None),
    ({"method": "GET"}, {}, REQUEST),
    ({"method": "post"}, {}, REQUEST),
    ({"url": URL + "/"}, {}, REQUEST),
    ({"url": "no URL"}, {}, REQUEST),
    ({"url": "no URL"}, {"url": "no URL"}, REQUEST),
    ({"url": URL + "?a#b"}, {}, None),
    ({"issued_at": AT - TOLERANCE}, {}, None),
    ({"issued_at": AT + TOLERANCE}, {}, None),
    ({"issued_at": AT - TOLERANCE - 0.001}, {}, LATE),
    ({"issued_at": AT + TOLERANCE + 0.001}, {}, LATE),
    ({}, {"token_hash": "hash"}, TOKEN),
    ({"token_hash": "another"}, {"token_hash": "hash"}, TOKEN),
    ({"token_hash": "hash"}, {"token_hash": "hash"}, None),
    ({}, {"nonce_required": True, "nonces": NONCES}, NONCE),
    ({"nonce": "another"}, {"nonce_required": True, "nonces": NONCES}, NONCE),
    ({"nonce": "another"}, {"nonces": NONCES}, NONCE),
    ({"nonce": "old"}, {"nonce_required": True, "nonces": NONCES}, None),
    ({"nonce": "new", "issued_at": 0}, {"nonces": NONCES}, None),
    ({"nonce": "new", "method": "GET"}, {"nonces": NONCES}, REQUEST),
]


@pytest.mark.parametrize(("proof", "expected", "refusal"), TABLE)
def test_the_first_thing_that_is_wrong_is_the_reason(proof, expected, refusal):
    found = proof_refusal(replace(PROOF, **proof), replace(EXPECTED, **expected), NOW)
    assert found == refusal


def test_ten_seconds_pass_and_sixty_do_not():
    assert 10 < TOLERANCE < 60


@pytest.mark.parametrize("away", [-TOLERANCE, 0, TOLERANCE])
def test_a_proof_is_remembered_until_every_node_refuses_it(away):
    proof = replace(PROOF, issued_at=AT + away)
    later = NOW + timedelta(seconds=remembered_for(proof, NOW))
    # Two nodes may differ from the database by five seconds each.
    assert proof_refusal(proof, EXPECTED, later - timedelta(seconds=10)) == LATE


@pytest.mark.parametrize("into", [0, 1, NONCE_SLICE - 1])
def test_a_nonce_is_good_in_its_slice_and_the_next_and_remembered_longer(into):
    begin = NOW - timedelta(seconds=NOW.timestamp() % NONCE_SLICE)
    now = begin + timedelta(seconds=into)
    given = slices(now)[0]
    good = [
        second
        for second in range(-2 * NONCE_SLICE, 4 * NONCE_SLICE)
        if given in slices(begin + timedelta(seconds=second))
    ]
    assert (good[0], good[-1]) == (-NONCE_SLICE, 2 * NONCE_SLICE - 1)
    proof = replace(PROOF, nonce="new")
    for other in slices(now):
        later = now + timedelta(seconds=remembered_for(proof, now) - 10)
        assert other not in slices(later)


SAME = [
    ("https://a.test", "https://a.test/"),
    ("HTTPS://A.test/x", "https://a.test/x"),
    ("https://a.test:443/x", "https://a.test/x"),
    ("http://a.test:80/x", "http://a.test/x"),
    ("http://a.test:8000/x", "http://a.test:8000/x"),
    ("https://a.test/x?y=z", "https://a.test/x"),
    ("https://a.test/x#y", "https://a.test/x"),
    ("https://a.test/%7Ex", "https://a.test/~x"),
    ("https://a.test/%2f", "https://a.test/%2F"),
    ("https://a.test/a/./b", "https://a.test/a/b"),
    ("https://a.test/a/../b", "https://a.test/b"),
    ("https://a.test/../b", "https://a.test/b"),
    ("https://a.test/a/..", "https://a.test/"),
    ("https://a.test/a/.", "https://a.test/a/"),
    ("https://a.test/a/%2E%2e/b", "https://a.test/b"),
    ("https://[::1]:8000/x", "https://[::1]:8000/x"),
]
NO_URL = [
    "",
    "/x",
    "a.test/x",
    "ftp://a.test/x",
    "https://",
    "https:///x",
    "https://u@a.test/x",
    "https://u:p@a.test/x",
    "https://a.test:x/",
    "https://a.test:99999/",
    "https://[::1/",
    "https://a.test/x y",
    "https://a.test/\n",
    "https://a.test/é",
    "https://ä.test/",
    "https://a.test\\x",
    "https://a.test/\\x",
    "javascript:alert(1)",
]


@pytest.mark.parametrize(("url", "one"), SAME)
def test_one_address_has_one_spelling(url, one):
    assert normalised(url) == one
    assert normalised(one) == one


@pytest.mark.parametrize("url", NO_URL)
def test_what_is_no_address_is_none(url):
    assert normalised(url) is None


def test_different_addresses_stay_different():
    urls = [
        "https://a.test/x",
        "https://a.test/x/",
        "https://a.test/X",
        "https://a.test//x",
        "https://a.test/%2Fx",
        "https://a.test:8443/x",
        "http://a.test/x",
        "https://b.test/x",
        "https://a.test/x;y",
    ]
    assert len({normalised(url) for url in urls}) == len(urls)


def test_our_own_address_is_by_the_issuer_and_encoded():
    assert url_of("https://id.test/here", "/oauth2/token") == "https://id.test/here/oauth2/token"
    assert url_of("https://id.test", "/v1/é b") == "https://id.test/v1/%C3%A9%20b"


GOOD = {"jti": "a", "htm": "POST", "htu": URL, "iat": 1}


@pytest.mark.parametrize("name", GOOD)
def test_a_claim_that_is_missing_makes_it_no_proof(name):
    assert proof_claims(GOOD) is not None
    assert proof_claims({key: value for key, value in GOOD.items() if key != name}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 257},
        {"htm": ["POST"]},
        {"htu": "x" * 2049},
        {"iat": "1"},
        {"iat": True},
        {"iat": -1},
        {"iat": 1e300},
        {"ath": 1},
        {"nonce": ["a"]},
    ],
)
def test_a_claim_of_a_wrong_type_or_size_makes_it_no_proof(wrong):
    assert proof_claims(GOOD | wrong) is None
