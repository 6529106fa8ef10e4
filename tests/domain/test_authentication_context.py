"""How well somebody has proved who they are (`acr`)."""

import pytest

from token_service.domain.authentication_context import reached, satisfies


@pytest.mark.parametrize(("methods", "expected"), [(("pwd",), "1"), ((), None)])
def test_what_is_reached(methods: tuple[str, ...], expected: str | None) -> None:
    assert reached(methods) == expected


@pytest.mark.parametrize(
    ("methods", "asked", "expected"),
    [
        (("pwd",), ("1",), True),
        (("pwd",), ("2", "1"), True),
        (("pwd",), ("2",), False),
        (("pwd",), ("urn:example:loa:3",), False),
        (("pwd",), (), False),
        ((), ("1",), False),
    ],
)
def test_what_satisfies(methods: tuple[str, ...], asked: tuple[str, ...], expected: bool) -> None:
    assert satisfies(methods, asked) is expected
