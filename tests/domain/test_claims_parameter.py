"""The `claims` parameter (OpenID Connect Core section 5.5)."""

import pytest

from token_service.domain.claims_parameter import (
    MAX_LENGTH,
    NOTHING,
    ClaimRequest,
    requested,
)


def test_the_example_of_the_specification() -> None:
    found = requested(
        """{
        "userinfo": {
            "given_name": {"essential": true},
            "nickname": null,
            "email": {"essential": true},
            "email_verified": {"essential": true},
            "picture": null,
            "http://example.info/claims/groups": null
        },
        "id_token": {
            "auth_time": {"essential": true},
            "acr": {"values": ["urn:mace:incommon:iap:silver"]}
        }
    }"""
    )
    assert found is not None
    assert found.userinfo["given_name"] == ClaimRequest(essential=True)
    assert found.userinfo["nickname"] == ClaimRequest()
    assert found.id_token["acr"] == ClaimRequest(values=("urn:mace:incommon:iap:silver",))
    assert found.scopes == {"profile", "email"}
    assert found.essential_acr == ()


@pytest.mark.parametrize(
    "text", ["{}", '{"userinfo":{}}', '{"userinfo":null,"id_token":null}', '{"other":[1]}']
)
def test_what_asks_for_nothing(text: str) -> None:
    assert requested(text) == NOTHING


def test_absence_asks_for_nothing() -> None:
    assert requested(None) == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"x"',
        "{",
        '{"userinfo":[]}',
        '{"userinfo":"email"}',
        '{"id_token":{"email":true}}',
        '{"id_token":{"email":"a"}}',
        '{"id_token":{"email":[]}}',
        '{"id_token":{"email":{"essential":"true"}}}',
        '{"id_token":{"email":{"essential":1}}}',
        '{"id_token":{"acr":{"values":"1"}}}',
        '{"id_token":{"acr":{"values":[]}}}',
        '{"id_token":{"acr":{"values":null}}}',
        '{"id_token":{"acr":{"value":"1","values":["1"]}}}',
        '{"id_token":{"acr":{"values":[' + ",".join("1" * 21) + "]}}}",
        '{"id_token":{"email":null,"email":null}}',
        '{"id_token":{"acr":{"value":NaN}}}',
        '{"userinfo":' * 50_000,
        '{"x":"' + "a" * MAX_LENGTH + '"}',
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    assert requested(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id_token":{"acr":{"essential":true,"values":["2","1"]}}}', ("2", "1")),
        ('{"id_token":{"acr":{"essential":true,"value":"2"}}}', ("2",)),
        ('{"id_token":{"acr":{"essential":false,"value":"2"}}}', ()),
        ('{"id_token":{"acr":{"essential":true}}}', ()),
        ('{"userinfo":{"acr":{"essential":true,"value":"2"}}}', ()),
    ],
)
def test_an_essential_acr(text: str, expected: tuple[str, ...]) -> None:
    found = requested(text)
    assert found is not None
    assert found.essential_acr == expected


def test_the_subject_that_is_wanted() -> None:
    found = requested('{"id_token":{"sub":{"value":"248289761001"}}}')
    assert found is not None
    assert found.wanted_subject == ("248289761001",)
    assert NOTHING.wanted_subject == ()


@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        ((), "x", True),
        (("x",), "x", True),
        (("x", "y"), "y", True),
        (("x",), "y", False),
        ((1,), True, False),
        ((True,), True, True),
        (("1",), 1, False),
    ],
)
def test_which_values_are_accepted(
    values: tuple[object, ...], value: object, expected: bool
) -> None:
    assert ClaimRequest(values=values).accepts(value) is expected
