"""Tokens that are made at the same time: who is signed when, and what one that fails does."""

from typing import Any

import pytest

from tests.crypto.building import NOW, signing_key, standing_keyring
from token_service.crypto import jwt
from token_service.crypto.drafts import Drafting, signed, signed_together
from token_service.crypto.jwt import Draft, draft

TYPE = "at+jwt"


class Fault(Exception):
    pass


def named(name: str, longest: int = jwt.MAX_LENGTH) -> Draft:
    return draft(signing_key(), {"sub": name}, TYPE, longest)


def making(*names: str) -> Drafting[list[str]]:
    tokens = []
    for name in names:
        tokens.append((yield named(name)))
    return tokens


def failing_after(*names: str) -> Drafting[list[str]]:
    yield from making(*names)
    raise Fault


def subject(token: str) -> Any:
    verified = jwt.verify(standing_keyring(), token, typ=TYPE, now=NOW)
    assert verified is not None
    return verified.claims["sub"]


def subjects(tokens: list[str]) -> list[Any]:
    return [subject(token) for token in tokens]


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is drafted, and what is signed, in the order of time."""
    happened: list[str] = []
    sign = Draft.token

    def signing(one: Draft) -> str:
        token = sign(one)
        happened.append(f"sign {subject(token)}")
        return token

    monkeypatch.setattr(Draft, "token", signing)
    return happened


def test_one_alone_gets_each_of_its_tokens() -> None:
    assert subjects(signed(making("a", "b", "c"))) == ["a", "b", "c"]
    assert signed(making()) == []


def test_several_get_their_own_however_many_they_want() -> None:
    wanted = [("a1", "a2", "a3"), (), ("c1",), ("d1", "d2")]
    outcomes = signed_together(making(*names) for names in wanted)
    assert [subjects(one.result()) for one in outcomes] == [list(names) for names in wanted]
    assert signed_together([]) == []


def test_all_are_drafted_before_one_is_signed(order: list[str]) -> None:
    def told(name: str) -> Drafting[str]:
        order.append(f"draft {name}")
        token = yield named(name)
        order.append(f"answer {name}")
        return token

    signed_together([told("a"), told("b")])
    assert order == ["draft a", "draft b", "sign a", "sign b", "answer a", "answer b"]


def test_one_that_fails_stops_no_other() -> None:
    outcomes = signed_together(
        [failing_after(), making("b"), failing_after("c1"), making("d", "e")]
    )
    for place in (0, 2):
        with pytest.raises(Fault):
            outcomes[place].result()
    assert subjects(outcomes[1].result()) == ["b"]
    assert subjects(outcomes[3].result()) == ["d", "e"]


def test_one_that_cannot_be_signed_stops_no_other() -> None:
    def too_long() -> Drafting[str]:
        return (yield named("a", longest=50))

    outcomes = signed_together([too_long(), making("b")])
    with pytest.raises(ValueError, match="longer than 50"):
        outcomes[0].result()
    assert subjects(outcomes[1].result()) == ["b"]


def test_an_error_of_one_alone_is_raised() -> None:
    with pytest.raises(Fault):
        signed(failing_after("a"))
