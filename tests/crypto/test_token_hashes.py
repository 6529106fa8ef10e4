"""`at_hash` and `c_hash` (OpenID Connect Core section 3.1.3.6), against values from elsewhere."""

import pytest

from token_service.crypto.keyring import SIGNING_ALGORITHMS
from token_service.crypto.token_hashes import half_hash

EXAMPLE = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"


def test_the_example_of_the_specification() -> None:
    """The access token and its hash in OpenID Connect Core appendix A.3 (RS256)."""
    assert half_hash("RS256", EXAMPLE) == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        # printf %s TOKEN | openssl dgst -sha256 -binary | head -c 16 | basenc --base64url
        ("ES256", "77QmUPtjPfzWtF2AnpK9RQ"),
        ("PS256", "77QmUPtjPfzWtF2AnpK9RQ"),
        # ... openssl dgst -sha512 -binary | head -c 32 ...
        ("EdDSA", "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"),
    ],
)
def test_each_algorithm(algorithm: str, expected: str) -> None:
    assert half_hash(algorithm, EXAMPLE) == expected


def test_there_is_one_for_every_algorithm_that_signs() -> None:
    assert all(half_hash(algorithm, EXAMPLE) for algorithm in SIGNING_ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["HS256", "none", "HKDF-SHA256", ""])
def test_nothing_else_has_one(algorithm: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        half_hash(algorithm, EXAMPLE)
