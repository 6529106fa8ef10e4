"""Proofs are read: what a key may be, and what a nonce tells (the rest: tests/http/dpop)."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.http.dpop.proving import Key, encoded, rsa_key
from token_service.crypto import dpop, jwk
from token_service.crypto.refresh_tokens import OpaqueKey, OpaqueKeys

FIRST, SECOND = OpaqueKey.derive(1, b"1" * 32), OpaqueKey.derive(2, b"2" * 32)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_a_proof_tells_the_thumbprint_of_its_key(algorithm):
    key = Key.of(algorithm)
    proof = dpop.parse(key.proof(jti="one"))
    assert proof is not None
    assert proof.key == key.thumbprint
    assert proof.claims.jti == "one"


def test_what_is_remembered_tells_keys_and_ids_apart():
    first, second = Key(), Key()
    made = [(first, "a"), (first, "b"), (second, "a"), (second, "b")]
    prints = {dpop.parse(key.proof(jti=jti)).fingerprint for key, jti in made}
    assert len(prints) == 4
    assert {len(one) for one in prints} == {43}
    assert dpop.parse(first.proof(jti="a")).fingerprint in prints


@pytest.mark.parametrize(("bits", "good"), [(1024, False), (2048, True), (4096, True)])
def test_an_rsa_key_is_of_a_sound_size(bits, good):
    assert (dpop.parse(Key(rsa_key(bits), "PS256").proof()) is not None) is good


@pytest.mark.parametrize("exponent", [1, 2, 4, 65536, 2**33 + 1])
def test_an_rsa_key_has_a_sound_exponent(exponent):
    material = dict(Key.of("PS256").jwk, e=jwk._unsigned(exponent))
    assert dpop.parse(Key.of("PS256").proof(header={"jwk": material})) is None


def test_a_key_has_one_spelling():
    """Another one of the same key would have another thumbprint."""
    key = Key.of("PS256")
    numbers = key.private.public_key().public_numbers()
    padded = b"\0" + numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    assert isinstance(key.private, rsa.RSAPrivateKey)
    assert dpop.parse(key.proof(header={"jwk": dict(key.jwk, n=encoded(padded))})) is None
    assert dpop.parse(key.proof(header={"jwk": dict(key.jwk, n=key.jwk["n"] + "=")})) is None


def test_a_nonce_names_its_key_and_is_of_its_slice():
    keys = OpaqueKeys.of([FIRST], SECOND)
    made = {dpop.nonce(key, one) for key in (FIRST, SECOND) for one in (7, 8)}
    assert len(made) == 4
    assert dpop.key_of_nonce(keys, dpop.nonce(FIRST, 7)) == FIRST
    assert dpop.key_of_nonce(keys, dpop.nonce(SECOND, 7)) == SECOND
    unknown = OpaqueKeys.of([], SECOND)
    assert dpop.key_of_nonce(unknown, dpop.nonce(FIRST, 7)) is None


@pytest.mark.parametrize("text", ["", "a", "é", "A" * 45, "A" * 47, "A" * 10_000, "=" * 46])
def test_what_is_no_nonce_names_no_key(text):
    assert dpop.key_of_nonce(OpaqueKeys.of([FIRST], SECOND), text) is None
