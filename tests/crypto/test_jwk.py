"""Vectors of RFC 7638 section 3.1, RFC 8037 appendix A and RFC 7515 appendix A.3."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from token_service.crypto import opaque
from token_service.crypto.jwk import jwk_of, key_of, public_members, thumbprint

RSA_JWK = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY"
        "368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f"
        "M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
ED25519_JWK = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
EC_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


def test_thumbprints_are_those_of_the_standards():
    assert thumbprint(RSA_JWK) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(ED25519_JWK) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    ("jwk", "kind"),
    [
        (RSA_JWK, rsa.RSAPublicKey),
        (ED25519_JWK, ed25519.Ed25519PublicKey),
        (EC_JWK, ec.EllipticCurvePublicKey),
    ],
)
def test_a_jwk_becomes_a_key_and_again_a_jwk(jwk, kind):
    key = key_of(jwk)
    assert isinstance(key, kind)
    assert jwk_of(key) == public_members(jwk)


def test_the_signature_of_rfc_8037_verifies():
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = opaque.decode(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    key = key_of(ED25519_JWK)
    assert isinstance(key, ed25519.Ed25519PublicKey)
    assert signature is not None
    key.verify(signature, signed)


def test_coordinates_keep_their_leading_zeros():
    keys = (ec.derive_private_key(n, ec.SECP256R1()).public_key() for n in range(1, 5000))
    key = next(key for key in keys if key.public_numbers().x < 2**248)
    jwk = jwk_of(key)
    assert len(jwk["x"]) == len(jwk["y"]) == 43
    assert key_of(jwk) == key


def test_a_public_key_has_no_private_part():
    private = EC_JWK | {"d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI", "kid": "1"}
    assert public_members(private) == EC_JWK


@pytest.mark.parametrize(
    "jwk",
    [
        EC_JWK | {"y": EC_JWK["x"]},
        EC_JWK | {"x": EC_JWK["x"] + "="},
        ED25519_JWK | {"x": "AA"},
        {"kty": "oct", "k": "AA"},
        {"kty": "RSA", "e": "AQAB"},
    ],
)
def test_a_jwk_that_is_no_key_is_an_error(jwk):
    with pytest.raises((LookupError, ValueError)):
        key_of(jwk)
