"""Which metadata documents may be registered, as tables; and what an update never resets."""

from dataclasses import replace
from typing import Any

import pytest

from token_service.domain import client_metadata_forms as forms
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.client_registration_rules import (
    document_of,
    imposed,
    merged,
    registration,
    replacement,
)
from token_service.domain.clients import AuthenticationMethod, Client, ClientKind
from token_service.domain.policy_changes import Faulty
from token_service.domain.refusals import Refusal
from token_service.domain.registration_terms import Registration, Terms, operators, strangers

ALGORITHMS = ("ES256", "RS256")
STRANGERS = strangers(ALGORITHMS)
OPERATORS = operators(ALGORITHMS)
REDIRECT = "https://app.example.test/callback"
MODULUS = "A" * 342
RSA = {"kty": "RSA", "n": MODULUS, "e": "AQAB"}
EC = {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}
KEYS = {"keys": [EC]}


def made(terms: Terms = STRANGERS, **members: object) -> Registration:
    found = registration({"redirect_uris": [REDIRECT]} | members, terms)
    assert isinstance(found, Registration), found
    return found


def faults(terms: Terms = STRANGERS, **members: object) -> list[str]:
    found = registration({"redirect_uris": [REDIRECT]} | members, terms)
    return [fault.field for fault in found.faults] if isinstance(found, Faulty) else []


@pytest.mark.parametrize(
    ("members", "named"),
    [
        # Keys: one way of giving them, and those that are needed.
        ({"jwks": KEYS, "jwks_uri": "https://app.example.test/keys"}, ["jwks"]),
        ({"token_endpoint_auth_method": "private_key_jwt"}, ["jwks"]),
        ({"token_endpoint_auth_method": "self_signed_tls_client_auth"}, ["jwks"]),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS}, []),
        ({"require_signed_request_object": True}, ["jwks"]),
        ({"request_object_signing_alg": "ES256"}, ["jwks"]),
        ({"request_object_signing_alg": "none", "jwks": KEYS}, ["request_object_signing_alg"]),
        ({"request_object_signing_alg": "HS256", "jwks": KEYS}, ["request_object_signing_alg"]),
        # Methods.
        ({"token_endpoint_auth_method": "client_secret_jwt"}, []),
        (
            {
                "token_endpoint_auth_method": "client_secret_jwt",
                "token_endpoint_auth_signing_alg": "RS256",
            },
            ["token_endpoint_auth_signing_alg"],
        ),
        ({"token_endpoint_auth_method": "client_secret"}, ["token_endpoint_auth_method"]),
        ({"token_endpoint_auth_method": "tls_client_auth"}, ["token_endpoint_auth_method"]),
        (
            {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.test"},
            [],
        ),
        (
            {
                "token_endpoint_auth_method": "tls_client_auth",
                "tls_client_auth_san_dns": "a.test",
                "tls_client_auth_san_uri": "https://a.test",
            },
            ["token_endpoint_auth_method"],
        ),
        ({"tls_client_auth_subject_dn": "CN=a"}, ["token_endpoint_auth_method"]),
        ({"token_endpoint_auth_signing_alg": "ES256"}, ["token_endpoint_auth_signing_alg"]),
        ({"token_endpoint_auth_signing_alg": "none"}, ["token_endpoint_auth_signing_alg"]),
        (
            {
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": KEYS,
                "token_endpoint_auth_signing_alg": "HS256",
            },
            ["token_endpoint_auth_signing_alg"],
        ),
        # Grants and answers.
        ({"grant_types": ["refresh_token"], "response_types": []}, ["grant_types"]),
        ({"grant_types": ["refresh_token", "password"]}, ["grant_types"]),
        ({"response_types": []}, ["response_types"]),
        ({"response_types": ["code", "token"]}, ["response_types"]),
        ({"response_modes": ["fragment"]}, ["response_modes"]),
        ({"response_modes": []}, ["response_modes"]),
        ({"redirect_uris": None}, ["redirect_uris"]),
        (
            {
                "redirect_uris": None,
                "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
            },
            [],
        ),
        # Subjects.
        ({"subject_type": "pairwise"}, []),
        (
            {"subject_type": "pairwise", "redirect_uris": [REDIRECT, "https://b.test/"]},
            ["sector_identifier_uri"],
        ),
        ({"subject_type": "secret"}, ["subject_type"]),
        # Algorithms of ours: those that there are keys for.
        ({"id_token_signed_response_alg": "none"}, ["id_token_signed_response_alg"]),
        ({"id_token_signed_response_alg": "HS256"}, ["id_token_signed_response_alg"]),
        ({"userinfo_signed_response_alg": "EdDSA"}, ["userinfo_signed_response_alg"]),
        ({"introspection_signed_response_alg": "ES256"}, []),
        # Protection that there is not must not be left out in silence.
        ({"id_token_encrypted_response_alg": "RSA-OAEP"}, ["id_token_encrypted_response_alg"]),
        # Forms.
        ({"default_max_age": True}, ["default_max_age"]),
        ({"default_max_age": 31_536_001}, ["default_max_age"]),
        ({"require_auth_time": "true"}, ["require_auth_time"]),
        ({"client_name": ""}, ["client_name"]),
        ({"client_name": "a\u202eb"}, ["client_name"]),
        ({"contacts": ["a\nb"]}, ["contacts"]),
        ({"contacts": [str(one) for one in range(51)]}, ["contacts"]),
        ({"software_id": "x" * 2001}, ["software_id"]),
        ({"scope": "openid  email"}, ["scope"]),
    ],
)
def test_every_fault_is_named(members: dict[str, object], named: list[str]) -> None:
    assert faults(**members) == named


@pytest.mark.parametrize(
    "keys",
    [
        {},
        [],
        {"keys": {}},
        {"keys": []},
        {"keys": [7]},
        {"keys": [EC] * 21},
        {"keys": [EC | {"d": "AAAA"}]},
        {"keys": [RSA | {"p": "AAAA"}]},
        {"keys": [EC, {"kty": "oct", "k": "AAAA"}]},
        {"keys": [{"kty": "oct"}]},
        {"keys": [RSA | {"n": "A" * 341}]},
        {"keys": [RSA | {"n": 7}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA"}]},
        {"keys": [EC | {"x": "A+A="}]},
        {"keys": [EC | {"kid": "a"}, EC | {"kid": "a"}]},
        {"keys": [EC | {"kid": 7}]},
        {"keys": [{"kty": "new", "x": "AAAA"}]},
    ],
)
def test_a_key_set_that_is_none_or_tells_a_secret_is_refused(keys: object) -> None:
    assert faults(jwks=keys) == ["jwks"]


@pytest.mark.parametrize(
    "key", [RSA, EC, {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}, EC | {"kid": "a", "use": "sig"}]
)
def test_public_keys_are_registered_as_they_are(key: dict[str, str]) -> None:
    assert made(jwks={"keys": [key]}).metadata.jwks == {"keys": [key]}


def test_a_fault_of_a_redirect_has_a_reason_of_its_own() -> None:
    found = registration({"redirect_uris": ["data:x"], "logo_uri": "data:x"}, STRANGERS)
    assert isinstance(found, Faulty)
    assert found.reason is Refusal.INVALID_REDIRECT_URI
    assert [fault.field for fault in found.faults] == ["logo_uri", "redirect_uris[0]"]
    other = registration({"redirect_uris": [REDIRECT], "logo_uri": "data:x"}, STRANGERS)
    assert isinstance(other, Faulty)
    assert other.reason is Refusal.INVALID_CLIENT_METADATA


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"pkce_required": False}, []),
        (
            {"pkce_required": False, "token_endpoint_auth_method": "none"},
            ["pkce_required"],
        ),
        ({"rotation": False}, ["rotation"]),
        ({"rotation": False, "dpop_bound_access_tokens": True}, []),
        (
            {
                "rotation": False,
                "dpop_bound_access_tokens": True,
                "token_endpoint_auth_method": "none",
            },
            ["rotation"],
        ),
        ({"allowed_origins": ["https://app.example.test:8443"]}, []),
        ({"allowed_origins": ["https://app.example.test/"]}, ["allowed_origins[0]"]),
        ({"allowed_origins": ["https://App.example.test"]}, ["allowed_origins[0]"]),
        ({"allowed_origins": ["null"]}, ["allowed_origins[0]"]),
        ({"allowed_origins": ["*"]}, ["allowed_origins[0]"]),
        (
            {"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"},
            ["grant_types"],
        ),
        ({"scope": "read admin"}, []),
        ({"redirect_uris": None}, []),
    ],
)
def test_what_operators_may_say_besides(members: dict[str, object], named: list[str]) -> None:
    assert faults(OPERATORS, **members) == named


def test_strangers_say_nothing_of_what_is_ours() -> None:
    assert not STRANGERS.members & forms.OURS
    assert OPERATORS.members - STRANGERS.members == forms.OURS


def test_every_member_of_the_metadata_has_a_form() -> None:
    known = {name for name in ClientMetadata.__slots__ if name not in ("dynamic", "permitted")}
    others = {"client_name", "scope", "grant_types", "token_endpoint_auth_method"}
    assert forms.FORMS.keys() == known | others


def client(**changes: Any) -> Client:
    values: dict[str, Any] = {
        "client_id": "app",
        "name": "App",
        "kind": ClientKind.APP,
        "tenant_id": None,
        "authentication": AuthenticationMethod.SECRET_BASIC,
        "secrets": (),
        "grant_types": frozenset({"authorization_code"}),
        "scope": "openid",
        "default_scope": "openid",
        "audiences": (),
        "resource_identifier": None,
        "permissions": frozenset(),
        "first_party": False,
        "signing_algorithm": None,
        "enabled": True,
        "epoch": 1,
        "metadata": ClientMetadata(redirect_uris=(REDIRECT,)),
    }
    return Client(**(values | changes))


SWITCHES = [name for name, form in forms.FORMS.items() if form is forms.FORMS["rotation"]]


@pytest.mark.parametrize("name", sorted(set(SWITCHES) - forms.OURS))
def test_no_switch_is_reset_by_leaving_it_out(name: str) -> None:
    """Security bar D23: a new switch fails here until somebody has thought about it."""
    on = replace(ClientMetadata(redirect_uris=(REDIRECT,)), **{name: True})
    held = client(metadata=on)
    document = replacement(held, {"redirect_uris": [REDIRECT]})
    assert document[name] is True
    assert replacement(held, {"redirect_uris": [REDIRECT], name: False})[name] is False


@pytest.mark.parametrize("method", ["private_key_jwt", "client_secret_post", "none"])
def test_no_method_is_reset_by_leaving_it_out(method: str) -> None:
    held = client(authentication=AuthenticationMethod(method))
    assert replacement(held, {})["token_endpoint_auth_method"] == method


def test_an_algorithm_goes_with_its_method() -> None:
    metadata = ClientMetadata(token_endpoint_auth_signing_alg="ES256")
    held = client(authentication=AuthenticationMethod.PRIVATE_KEY_JWT, metadata=metadata)
    assert replacement(held, {})["token_endpoint_auth_signing_alg"] == "ES256"
    document = replacement(held, {"token_endpoint_auth_method": "none"})
    assert "token_endpoint_auth_signing_alg" not in document


def test_a_change_leaves_all_others_and_null_takes_one_back() -> None:
    metadata = ClientMetadata(redirect_uris=(REDIRECT,), logo_uri="https://a.test/", rotation=False)
    held = client(metadata=metadata)
    document = merged(held, {"logo_uri": None, "client_name": None, "tos_uri": "https://b.test/"})
    assert document["client_name"] == "App"
    assert document["rotation"] is False
    assert document["redirect_uris"] == [REDIRECT]
    assert (document["logo_uri"], document["tos_uri"]) == (None, "https://b.test/")


def test_a_document_comes_to_what_it_was_made_of() -> None:
    metadata = ClientMetadata(redirect_uris=(REDIRECT,), jwks=KEYS, default_max_age=0)
    found = registration(document_of(client(metadata=metadata)), OPERATORS)
    assert isinstance(found, Registration)
    assert (found.name, found.scope) == ("App", "openid")
    assert found.metadata == metadata


def test_what_is_ours_is_imposed() -> None:
    held = ClientMetadata(dynamic=True, permitted=True, consent_required=True, pkce_required=False)
    confidential = imposed(made(), held)
    assert (confidential.dynamic, confidential.consent_required) == (True, True)
    assert confidential.permitted
    assert not confidential.pkce_required
    assert imposed(made(token_endpoint_auth_method="none"), held).pkce_required
