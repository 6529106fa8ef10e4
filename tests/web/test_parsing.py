"""Reading requests: what can be read in two ways is refused, and the answer repeats none of it."""

import json
from contextlib import contextmanager

import pytest
from flask import Flask
from marshmallow import Schema, fields

from token_service.web import parsing
from token_service.web.refusing import Refuse

FORM = "application/x-www-form-urlencoded"
app = Flask(__name__)


class PairSchema(Schema):
    token = fields.String(required=True)
    scope = fields.String()


@contextmanager
def request(body=b"", content_type=FORM, query=""):
    with app.test_request_context(
        "/", method="POST", data=body, content_type=content_type, query_string=query
    ):
        yield


def refusal_of(read):
    with pytest.raises(Refuse) as refused:
        read()
    return refused.value


# --- forms ---


def test_a_form_gives_each_parameter_once_and_no_empty_ones():
    with request(b"token=a%2Bb+c&scope=&hint=%C3%A9"):
        assert parsing.form() == {"token": "a+b c", "hint": "é"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        FORM + "; charset=latin-1",
    ],
)
def test_another_content_type_than_a_form_in_utf_8_is_415(content_type):
    with request(b"token=x", content_type):
        assert refusal_of(parsing.form).fault.status == 415


def test_the_charset_may_be_said_in_any_case():
    with request(b"token=x", FORM + '; charset="UTF-8"'):
        assert parsing.form() == {"token": "x"}


def test_parameters_in_the_url_are_refused_even_if_they_are_right():
    with request(b"token=x", query="token=x"):
        assert refusal_of(parsing.form).fault.code == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        b"token=a&token=a",
        b"token=a&token=",
        b"token=%ff",
        b"token=\xff",
        b"token=%c0%80",  # an overlong NUL
        b"token=%ed%a0%80",  # a lone surrogate
        b"scope=a%00b",
        b"a%00b=c",
        b"scope=" + b"a" * (parsing.MAX_VALUE_LENGTH + 1),
        b"&".join(b"a%d=b" % number for number in range(parsing.MAX_FIELDS + 1)),
    ],
)
def test_a_doubtful_form_is_refused(body):
    with request(body):
        assert refusal_of(parsing.form).fault.code == "invalid_request"


def test_a_token_may_be_longer_than_any_token_is():
    with request(b"token=" + b"a" * (parsing.MAX_VALUE_LENGTH + 1)):
        assert len(parsing.form()["token"]) == parsing.MAX_VALUE_LENGTH + 1


# --- JSON ---


def json_body(body, content_type="application/json"):
    with request(body, content_type):
        return parsing.json_body(PairSchema())


def test_a_json_body_becomes_what_the_schema_makes_of_it():
    assert json_body(b'{"token": "x", "scope": null}') == {"token": "x"}
    assert json_body(b'{"token": "\xf0\x9f\x98\x80"}') == {"token": "\N{GRINNING FACE}"}


@pytest.mark.parametrize("content_type", [FORM, "", "application/json; charset=utf-16"])
def test_another_content_type_than_json_in_utf_8_is_415(content_type):
    assert refusal_of(lambda: json_body(b"{}", content_type)).fault.status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b'{"token": "x"}}',
        b'{"token": "x", "token": "y"}',
        b'{"token": {"a": 1, "a": 2}}',
        b'{"token": NaN}',
        b'{"token": Infinity}',
        b'{"token": -Infinity}',
        b'{"token": 1e999}',
        b'{"token": ' + b"1" * 1001 + b"}",
        b'{"token": 0.' + b"1" * 1001 + b"}",
        b'{"token": "\\ud800"}',
        b'{"token": "a\\u0000b"}',
        b'{"a\\u0000b": "c"}',
        b'{"token": "\xff"}',
        b"\xef\xbb\xbf" + b'{"token": "x"}',
        '{"token": "x"}'.encode("utf-16"),
        b'{"token": ' + b"[" * 32 + b"]" * 32 + b"}",
        b"[" * 50_000,
        b'{"token": "x", "scope": "' + b"a" * (parsing.MAX_VALUE_LENGTH + 1) + b'"}',
    ],
)
def test_doubtful_json_is_refused(body):
    assert refusal_of(lambda: json_body(body)).fault.code == "invalid_request"


def test_json_within_the_limits_is_read():
    deep = b'{"token": "x", "scope": "' + b"a" * parsing.MAX_VALUE_LENGTH + b'"}'
    assert len(json_body(deep)["scope"]) == parsing.MAX_VALUE_LENGTH


@pytest.mark.parametrize("value", [5, True, 1.5, ["x"], {"a": "x"}])
def test_another_type_than_text_is_named_by_its_field(value):
    refused = refusal_of(lambda: json_body(json.dumps({"token": value}).encode()))
    assert refused.errors == {"token": ["Not a valid string."]}


def test_missing_and_unknown_fields_are_named():
    refused = refusal_of(lambda: json_body(b'{"tokn": "x"}'))
    assert refused.errors == {
        "token": ["Missing data for required field."],
        "tokn": ["Unknown field."],
    }


def test_null_counts_as_absent_and_the_empty_text_is_none():
    for sent, fault in ((b"null", "Missing data for required field."), (b'""', "Empty.")):
        refused = refusal_of(lambda sent=sent: json_body(b'{"token": ' + sent + b"}"))
        assert refused.errors == {"token": [fault]}


@pytest.mark.parametrize("name", ["tss_" + "A" * 49, "<script>", "a b", "", "é"])
def test_a_name_that_may_be_a_secret_or_markup_is_not_repeated(name):
    refused = refusal_of(lambda: json_body(json.dumps({"token": "x", name: "y"}).encode()))
    assert refused.errors == {"(unnamed)": ["Unknown field."]}


# --- parameters in the URL ---


def test_a_query_is_read_as_strictly():
    with request(query="token=x"):
        assert parsing.query(PairSchema()) == {"token": "x"}
    for query in ("token=x&token=x", "token=%ff", "token=x&other=y", ""):
        with request(query=query):
            assert refusal_of(lambda: parsing.query(PairSchema())).fault.code == "invalid_request"


def test_one_parameter_among_others():
    with request(query="scope=a&other=b"):
        assert parsing.query_parameter("scope") == "a"
        assert parsing.query_parameter("token") is None


# --- identifiers ---


def test_an_identifier_is_32_lowercase_hexadecimal_characters():
    assert parsing.is_identifier("0123456789abcdef" * 2)
    for other in ("", "0" * 31, "0" * 33, "0" * 32 + "\n", "A" * 32, "g" * 32, "\u0660" * 32):
        assert not parsing.is_identifier(other)
    assert not parsing.is_identifier("01234567-89ab-cdef-0123-456789abcdef")


# --- forms that need no decoding ---

PIECES = [
    "a",
    "token=x.y-z_~",
    "b=",
    "=c",
    "d=e=f",
    "g",
    "",
    "a=1",
    "h=%41",
    "i=+",
    "j=\u00e9",
    "k=;",
]


@pytest.mark.parametrize("first", PIECES)
@pytest.mark.parametrize("second", PIECES)
def test_a_form_says_the_same_by_whichever_way_it_is_read(first, second):
    body = f"{first}&{second}".encode()
    plain = parsing._plain_pairs(body)
    assert plain in (None, parsing._pairs(body))
    is_plain = all(piece.count("=") == 1 and piece.isascii() for piece in (first, second))
    assert (plain is not None) == (is_plain and not {"h=%41", "i=+", "k=;"} & {first, second})


def test_a_plain_form_may_have_as_many_parameters_as_any():
    def form_of(number):
        return "&".join(f"n{place}=v" for place in range(number)).encode()

    assert len(parsing.form_parameters(form_of(parsing.MAX_FIELDS))) == parsing.MAX_FIELDS
    assert refusal_of(lambda: parsing.form_parameters(form_of(parsing.MAX_FIELDS + 1)))
