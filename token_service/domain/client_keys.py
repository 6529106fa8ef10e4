"""Key sets that clients publish (RFC 7517): public keys only, of kinds that we can use."""

import re
from collections.abc import Mapping
from typing import cast

MOST_KEYS = 20
_LONGEST_MEMBER = 2000
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_LEAST_RSA_DIGITS = 342
"""Characters of base64url of 2048 bits, the least that RFC 7518 section 3.3 allows."""

_MEMBERS = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}


def key_set_fault(value: object) -> str | None:
    """What is wrong with a `jwks` (RFC 7591 section 2); never what the value is.

    A private key in it is refused: whoever sent it has told us what nobody but them may know.
    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_KEYS:
        return f"must be a JWK Set with 1 to {MOST_KEYS} keys"
    if not all(isinstance(key, Mapping) for key in keys):
        return "must hold JSON Web Keys"
    if any(_PRIVATE & key.keys() or key.get("kty") == "oct" for key in keys):
        return "must hold public keys only"
    if not all(_is_public_key(key) for key in keys):
        return "must hold keys of type EC, OKP or RSA (2048 bits or more) in good form"
    identifiers = [key["kid"] for key in keys if "kid" in key]
    if len(set(identifiers)) != len(identifiers):
        return "must not give one kid to two keys"
    return None


def _is_public_key(key: Mapping[str, object]) -> bool:
    members = _MEMBERS.get(str(key.get("kty")), ())
    texts = [key.get(name) for name in (*members, *({"kid", "alg", "use", "crv"} & key.keys()))]
    if not members or not all(isinstance(one, str) and _is_short(one) for one in texts):
        return False
    if not all(_BASE64URL.fullmatch(cast(str, key[name])) for name in members):
        return False
    return key["kty"] != "RSA" or len(cast(str, key["n"])) >= _LEAST_RSA_DIGITS


def _is_short(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_MEMBER
