import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import jwt as pyjwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.crypto.building import (
    DAY,
    NOW,
    SIGNING,
    forged,
    header_of,
    key_row,
    keyring_of,
    signing_key,
    standing_keyring,
    standing_row,
)
from token_service.crypto import opaque
from token_service.crypto.jwt import MAX_LENGTH, SignatureCache, UnknownKey, Verified, sign, verify
from token_service.domain.keys import Algorithm

CLAIMS = {
    "iss": "https://id.example",
    "sub": "u1",
    "aud": ["api"],
    "exp": 2_000_000_000,
    "iat": 1_900_000_000,
    "act": {"sub": "a1"},
    "name": "Zoë \U0001f600",
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


def verified(token, *, typ="at+jwt", now=NOW, keyring=None, cache=None):
    return verify(keyring or standing_keyring(), token, typ=typ, now=now, cache=cache)


class TestRoundTrip:
    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_what_is_signed_is_verified(self, algorithm):
        key = signing_key(algorithm)
        token = sign(key, CLAIMS, "at+jwt")
        assert verified(token) == Verified(CLAIMS, key.kid)

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_the_header_is_exactly_alg_kid_and_typ(self, algorithm):
        key = signing_key(algorithm)
        header = json.loads(opaque.decode(sign(key, CLAIMS, "at+jwt").split(".")[0]) or b"")
        assert header == {"alg": algorithm, "kid": key.kid, "typ": "at+jwt"}

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_a_stranger_verifies_it_with_the_published_keys(self, algorithm):
        published = pyjwt.PyJWKSet.from_dict(standing_keyring().jwks(NOW))
        key = signing_key(algorithm)
        token = sign(key, {"aud": "api", "exp": 2**33}, "at+jwt")
        claims = pyjwt.decode(token, published[key.kid], [algorithm], audience="api")
        assert claims == {"aud": "api", "exp": 2**33}

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_a_token_of_a_stranger_with_our_key_is_verified(self, algorithm):
        key = signing_key(algorithm)
        assert verified(forged(key, header_of(key), CLAIMS)) == Verified(CLAIMS, key.kid)

    @settings(deadline=None)
    @given(st.dictionaries(st.text(st.characters(codec="utf-8")), JSON, max_size=6))
    def test_all_claims_that_can_be_signed_come_back(self, claims):
        token = sign(signing_key("EdDSA"), claims, "at+jwt")
        assert verified(token) == Verified(claims, signing_key("EdDSA").kid)

    @pytest.mark.parametrize("exp", [0, -1, 1, 2**40])
    def test_times_are_not_judged_here(self, exp):
        token = sign(signing_key(), {"exp": exp, "nbf": 2**40, "iat": 2**40}, "at+jwt")
        assert verified(token) is not None

    def test_claims_are_the_callers_own(self):
        token, cache = sign(signing_key(), CLAIMS, "at+jwt"), SignatureCache(4)
        first = verified(token, cache=cache)
        assert first is not None
        first.claims["act"]["sub"] = "root"
        first.claims["scope"] = "admin"
        assert verified(token, cache=cache) == Verified(CLAIMS, first.kid)


class TestSign:
    @pytest.mark.parametrize(
        "value", [NOW, 2**64, -(2**63) - 1, "\ud800", b"x", {1: 2}, object(), {"a"}]
    )
    def test_what_is_no_json_is_not_signed(self, value):
        with pytest.raises(TypeError):
            sign(signing_key(), {"a": value}, "at+jwt")

    def test_what_would_be_too_long_to_verify_is_not_signed(self):
        room = MAX_LENGTH - len(sign(signing_key(), {"a": ""}, "at+jwt"))
        fitting = sign(signing_key(), {"a": "x" * (room * 3 // 4)}, "at+jwt")
        assert MAX_LENGTH - 4 < len(fitting) <= MAX_LENGTH
        assert verified(fitting) is not None
        with pytest.raises(ValueError, match="longer than 8192"):
            sign(signing_key(), {"a": "x" * room}, "at+jwt")

    def test_what_is_nested_too_deep_to_verify_is_not_signed(self):
        claims: dict[str, object] = {}
        for _ in range(31):
            claims = {"a": claims}
        assert verified(sign(signing_key(), claims, "at+jwt")) is not None
        for deeper in ({"a": claims}, {"a": [claims]}):
            with pytest.raises(ValueError, match="nested"):
                sign(signing_key(), deeper, "at+jwt")


class TestKeysInForce:
    def test_an_unknown_key_is_told_apart_so_that_a_stale_worker_can_reload(self):
        newer = keyring_of(key_row())
        token = sign(newer.signing_key("ES256", NOW), CLAIMS, "at+jwt")
        with pytest.raises(UnknownKey) as caught:
            verified(token)
        assert caught.value.kid == newer.signing_key("ES256", NOW).kid

    def test_a_key_verifies_until_it_is_gone(self):
        row = key_row()
        keyring = keyring_of(row)
        token = sign(keyring.signing_key("ES256", NOW), CLAIMS, "at+jwt")
        last = row.gone_at - timedelta(microseconds=1)
        assert verified(token, keyring=keyring, now=last) is not None
        assert verified(token, keyring=keyring, now=row.gone_at) is None

    def test_a_revoked_key_is_refused_and_is_not_unknown(self):
        row = key_row()
        token = sign(keyring_of(row).signing_key("ES256", NOW), CLAIMS, "at+jwt")
        bad = keyring_of(replace(row, revoked_at=NOW, revoked_reason="key_compromised"))
        assert verified(token, keyring=bad) is None

    def test_a_key_that_is_not_active_yet_verifies(self):
        row = key_row(activates_at=NOW + DAY)
        keyring = keyring_of(row)
        token = sign(keyring.signing_key("ES256", row.activates_at), CLAIMS, "at+jwt")
        assert verified(token, keyring=keyring, now=NOW) is not None

    def test_a_token_of_another_type_is_refused(self):
        for typ in ("JWT", "logout+jwt", "statuslist+jwt", "AT+JWT", "application/at+jwt", ""):
            token = sign(signing_key(), CLAIMS, typ)
            assert verified(token) is None
            assert verified(token, typ=typ) is not None


class TestSignatureCache:
    def test_a_second_look_checks_no_signature(self, monkeypatch):
        token, cache = sign(signing_key(), CLAIMS, "at+jwt"), SignatureCache(4)
        first = verified(token, cache=cache)
        monkeypatch.setattr("token_service.crypto.jwt._is_signed", None)
        assert verified(token, cache=cache) == first
        with pytest.raises(TypeError):
            verified(token)

    def test_a_revocation_is_honoured_at_once(self):
        row, cache = key_row(), SignatureCache(4)
        keyring = keyring_of(row)
        token = sign(keyring.signing_key("ES256", NOW), CLAIMS, "at+jwt")
        assert verified(token, keyring=keyring, cache=cache) is not None
        revoked = keyring_of(replace(row, revoked_at=NOW, revoked_reason="key_compromised"))
        assert verified(token, keyring=revoked, cache=cache) is None
        with pytest.raises(UnknownKey):
            verified(token, keyring=keyring_of(), cache=cache)

    def test_a_key_that_is_gone_is_gone_from_the_cache_too(self):
        row, cache = key_row(), SignatureCache(4)
        keyring = keyring_of(row)
        token = sign(keyring.signing_key("ES256", NOW), CLAIMS, "at+jwt")
        assert verified(token, keyring=keyring, cache=cache) is not None
        assert verified(token, keyring=keyring, cache=cache, now=row.gone_at) is None

    def test_another_type_is_refused_on_a_hit(self):
        token, cache = sign(signing_key(), CLAIMS, "at+jwt"), SignatureCache(4)
        assert verified(token, cache=cache) is not None
        assert verified(token, cache=cache, typ="JWT") is None

    def test_another_key_under_the_same_name_is_not_believed(self):
        cache = SignatureCache(4)
        old, new = (standing_keyring().verifying_key(signing_key(a).kid, NOW) for a in SIGNING[:2])
        cache.add("token", old)
        assert cache.holds("token", old)
        assert not cache.holds("token", new)
        assert not cache.holds("token", replace(new, kid=old.kid))

    def test_refused_tokens_are_not_remembered(self):
        cache = SignatureCache(4)
        token = sign(signing_key(), CLAIMS, "at+jwt")
        wrong = forged(signing_key(), header_of(signing_key()), b'{"a":1,"a":2}')
        for bad in (token[:-4] + "AAAA", wrong):
            assert verified(bad, cache=cache) is None
            assert verified(bad, cache=cache) is None
        assert len(cache) == 0

    def test_the_least_recently_used_go_first(self):
        cache = SignatureCache(2)
        key = standing_keyring().verifying_key(standing_row(Algorithm.ES256).kid, NOW)
        cache.add("a", key)
        cache.add("b", key)
        assert cache.holds("a", key)
        cache.add("c", key)
        assert [cache.holds(token, key) for token in "abc"] == [True, False, True]
        assert len(cache) == 2

    def test_it_stays_within_its_capacity_under_threads(self):
        cache = SignatureCache(8)
        key = signing_key("EdDSA")
        tokens = [sign(key, {"n": n}, "at+jwt") for n in range(40)]

        def look(n):
            return verified(tokens[n % 40], cache=cache).claims["n"] == n % 40

        with ThreadPoolExecutor(8) as executor:
            assert all(executor.map(look, range(400)))
        assert len(cache) == 8

    def test_a_cache_without_room_remembers_nothing(self):
        cache = SignatureCache(0)
        assert verified(sign(signing_key(), CLAIMS, "at+jwt"), cache=cache) is not None
        assert len(cache) == 0
