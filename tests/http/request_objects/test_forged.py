"""Forgeries of request objects (RFC 8725 section 3): the header decides nothing."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.http.client_authentication.proving import jwk, private_key, public_forms
from tests.http.pushed.building import refusals
from tests.http.request_objects.signing import (
    Signer,
    assert_not_taken,
    assert_taken,
    hand_made,
    signer,
)
from tests.world.browser import Browser, redeemed
from tests.world.world import World
from token_service.crypto import opaque

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def segment(content: object) -> str:
    """A part of a JWT."""
    return opaque.encode(json.dumps(content).encode())


def with_signature(one: Signer, signature: bytes, **header: Any) -> str:
    """The right claims under any header and signature."""
    stated = {"alg": one.algorithm, "kid": one.kid} | header
    return f"{segment(stated)}.{segment(one.claims())}.{opaque.encode(signature)}"


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", " none", ""])
def test_no_algorithm_is_none(world: World, alg: str) -> None:
    one = signer(world)
    for signature in (b"", b"\0", bytes(64)):
        assert_not_taken(one, with_signature(one, signature, alg=alg), "algorithm")
    real = hand_made({"alg": alg, "kid": "k1"}, one.claims(), "ES256", one.key)
    assert_not_taken(one, real, "algorithm")


def test_not_even_for_a_client_that_has_registered_it(world: World) -> None:
    one = signer(world, request_object_signing_alg="none")
    assert_not_taken(one, with_signature(one, b"", alg="none"), "algorithm")
    assert_not_taken(one, one.signed(), "algorithm")


def test_a_stripped_signature(world: World) -> None:
    one = signer(world)
    signed = one.signed().rpartition(".")[0]
    assert_not_taken(one, f"{signed}.", "signature")
    assert_not_taken(one, signed, "malformed")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_no_secret_is_a_signature(world: World, algorithm: str) -> None:
    one = signer(world, algorithm)
    for secret in [*public_forms(algorithm, one.key), (one.app.secret or "").encode()]:
        for alg, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            signed = f"{segment({'alg': alg, 'kid': 'k1'})}.{segment(one.claims())}"
            tag = hmac.new(secret, signed.encode(), digest).digest()
            assert_not_taken(one, f"{signed}.{opaque.encode(tag)}", "algorithm")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
def test_another_key_of_the_same_kind(world: World, algorithm: str) -> None:
    one = signer(world, algorithm)
    stranger = Signer(world, one.app, algorithm, private_key(algorithm, 2))
    assert_taken(one, one.signed())
    assert_not_taken(stranger, stranger.signed(), "signature")
    assert_not_taken(stranger, stranger.signed({"kid": None}), "signature")


@pytest.mark.parametrize(
    "header",
    ["jwk", "jku", "x5u", "x5c"],
)
def test_a_key_that_it_brings_along_or_points_to(world: World, header: str) -> None:
    one = signer(world)
    key = private_key("ES256", 2)
    brought: dict[str, Any] = {
        "jwk": jwk("ES256", key, kid="k1"),
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/certificate",
        "x5c": [base64.b64encode(b"x").decode()],
    }
    stranger = Signer(world, one.app, "ES256", key)
    assert_not_taken(stranger, stranger.signed({header: brought[header]}), "signature")
    assert_not_taken(
        stranger, stranger.signed({header: brought[header], "kid": "new"}), "unknown_key"
    )
    # In a header that the client itself has signed, it is only of no account.
    assert_taken(one, one.signed({header: brought[header]}))


@pytest.mark.parametrize(
    "more", [{"crit": ["exp"]}, {"b64": False}, {"zip": "DEF"}, {"enc": "A128GCM"}]
)
def test_what_has_to_be_understood(world: World, more: dict[str, Any]) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed(more), "malformed")


@pytest.mark.parametrize(
    "typ",
    ["at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt", "secevent+jwt", 1, ["jwt"]],
)
def test_another_kind_of_jwt(world: World, typ: object) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed({"typ": typ}), "type")


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "OAuth-AuthZ-Req+JWT", "JWT", "jwt", None])
def test_what_it_may_call_itself(world: World, typ: str | None) -> None:
    one = signer(world)
    assert_taken(one, one.signed({"typ": typ}))


def test_a_registered_algorithm_is_the_only_one(world: World) -> None:
    one = signer(world, "RS256", request_object_signing_alg="PS256")
    assert_not_taken(one, one.signed(), "algorithm")
    pss = Signer(world, one.app, "PS256", one.key)
    assert_taken(pss, pss.signed())


@pytest.mark.parametrize("alg", ["RS384", "RS512", "ES384", "ES256K", "es256", "RSA1_5", "dir"])
def test_other_algorithms(world: World, alg: str) -> None:
    one = signer(world)
    assert_not_taken(one, one.signed({"alg": alg}), "algorithm")


def test_an_algorithm_of_another_kind_of_key(world: World) -> None:
    one = signer(world)
    for alg in ("RS256", "PS256", "EdDSA"):
        assert_not_taken(one, one.signed({"alg": alg}), "unknown_key")


def test_the_other_padding_under_the_same_name(world: World) -> None:
    one = signer(world, "RS256")
    signed = f"{segment({'alg': 'RS256', 'kid': 'k1'})}.{segment(one.claims())}"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = one.key.sign(signed.encode(), pss, hashes.SHA256())
    assert_not_taken(one, f"{signed}.{opaque.encode(signature)}", "signature")


@pytest.mark.parametrize("r", [0, 1, P256_ORDER - 1, P256_ORDER, 2**256 - 1])
def test_psychic_signatures(world: World, r: int) -> None:
    one = signer(world)
    for s in (0, 1, P256_ORDER):
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert_not_taken(one, with_signature(one, signature), "signature")


def test_der_and_other_lengths(world: World) -> None:
    one = signer(world)
    header, claims, signature = one.signed().split(".")
    raw = opaque.decode(signature) or b""
    for changed in (raw[:63], raw[:32], raw + b"\0", b"\0" + raw, raw[32:] + raw[:32]):
        assert_not_taken(one, f"{header}.{claims}.{opaque.encode(changed)}", "signature")


def test_other_claims_under_the_same_signature(world: World) -> None:
    one = signer(world)
    header, _, signature = one.signed().split(".")
    other = segment(one.claims(scope="openid email"))
    assert_not_taken(one, f"{header}.{other}.{signature}", "signature")


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"x"', b'{"iss":"a","iss":"b"}', b"\xff", b"\xef\xbb\xbf{}", b"{"],
)
def test_claims_that_can_be_read_in_two_ways(world: World, payload: bytes) -> None:
    one = signer(world)
    header = segment({"alg": "ES256", "kid": "k1"})
    token = f"{header}.{opaque.encode(payload)}.{opaque.encode(bytes(64))}"
    assert_not_taken(one, token, "malformed")


def test_a_second_spelling(world: World) -> None:
    one = signer(world)
    token = one.signed()
    for other in (f"{token}=", f"{token}.", f" {token}", f"{token}\n", token.replace(".", "..", 1)):
        assert_not_taken(one, other, "malformed")


def test_tokens_of_ours_are_no_requests(world: World) -> None:
    one, browser = signer(world), Browser(world)
    back = browser.sign_in(one.app, world.person(world.tenant()))
    tokens = redeemed(world, one.app, back.code)
    for token in (tokens.access, str(tokens.body["id_token"])):
        assert one.pushes(token).status_code == 400
    assert {one[1]["fault"] for one in refusals(world)} <= {"type", "issuer", "algorithm"}


def test_a_key_that_signs_nothing(world: World) -> None:
    one = signer(world)
    for member in ({"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "ES384"}):
        held = {"keys": [jwk("ES256", one.key, kid="k1", **member)]}
        other = signer(world, jwks=held)
        assert_not_taken(other, other.signed(), "unknown_key")
