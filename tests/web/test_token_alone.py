"""A body that holds a token and nothing else is read without a parser, and never otherwise."""

import pytest

from token_service.web import json_text
from token_service.web.plain_bodies import token_alone

JSON = {"CONTENT_TYPE": "application/json"}
SPACES = ["", " ", "\t", "\n", "\r\n", "  \n\t"]
OTHERS = ["\v", "\f", "\0", "\u00a0", "\ufeff", "x"]


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("space", SPACES + OTHERS)
def test_what_stands_around_it_is_what_json_allows(space: str, place: int) -> None:
    parts = ["", "{", '"token"', ":", '"aZ0._-"', "}", ""]
    body = ("".join(parts[: place + 1]) + space + "".join(parts[place + 1 :])).encode()
    found = token_alone(JSON, body)
    assert (found is not None) == (space in SPACES)
    if found is not None:
        assert json_text.json_object(body) == {"token": found}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        '{"token": ""}',
        '{"token": "a", "token": "b"}',
        '{"token": "a", "audience": "b"}',
        '{"audience": "b", "token": "a"}',
        '{"token": "a"}{"token": "b"}',
        '{"token": "a\\u0062"}',
        '{"to\\u006ben": "a"}',
        '{"token": "a b"}',
        '{"token": "\u00e9"}',
        '{"token": "a", }',
        '{"token": a}',
        "{'token': 'a'}",
        '["token", "a"]',
        '{"Token": "a"}',
    ],
)
def test_anything_else_is_left_to_the_parser(body: str) -> None:
    assert token_alone(JSON, body.encode()) is None


@pytest.mark.parametrize(
    "kind",
    ["", "application/x-www-form-urlencoded", "text/json", "application/json; charset=ascii"],
)
def test_so_is_another_kind_of_body(kind: str) -> None:
    body = b'{"token": "a"}'
    assert token_alone({"CONTENT_TYPE": kind}, body) is None
    assert token_alone({}, body) is None
    for same in ("application/json;charset=UTF-8", "APPLICATION/JSON"):
        assert token_alone({"CONTENT_TYPE": same}, body) == "a"
