"""Client credentials in a request: one method, one client, and no byte of them read twice."""

import base64

import pytest

from token_service.oauth.credentials import Given, Method, Misuse, Presented, presented


def basic(pair):
    data = pair if isinstance(pair, bytes) else pair.encode()
    return "Basic " + base64.b64encode(data).decode()


def test_basic_is_form_urlencoded_inside():
    """RFC 6749 section 2.3.1."""
    assert presented(Given(basic("a%20b+c:%2B%25%C3%A9"), None, None)) == Presented(
        Method.BASIC, "a b c", "+%é"
    )


def test_the_scheme_may_be_in_any_case_and_a_secret_may_contain_colons():
    given = presented(Given(basic("a:b:c").replace("Basic", "bAsIc"), None, None))
    assert given == Presented(Method.BASIC, "a", "b:c")


def test_the_body_names_a_client_with_or_without_a_secret():
    assert presented(Given(None, "a", "b")) == Presented(Method.POST, "a", "b")
    assert presented(Given(None, "a", None)) == Presented(Method.NONE, "a", None)
    assert presented(Given(None, None, None)) is Misuse.NOTHING
    assert presented(Given(None, None, "b")) is Misuse.NOTHING


def test_the_body_may_repeat_the_name_and_nothing_else():
    assert presented(Given(basic("a:b"), "a", None)) == Presented(Method.BASIC, "a", "b")
    assert presented(Given(basic("a:b"), "c", None)) is Misuse.TWO_CLIENTS
    assert presented(Given(basic("a:b"), "a", "b")) is Misuse.TWO_METHODS


def test_two_headers_joined_by_a_server_are_told_apart_from_one():
    assert presented(Given(f"{basic('a:b')},{basic('c:d')}", None, None)) is Misuse.TWO_HEADERS
    assert presented(Given(f"{basic('a:b')}, Bearer x", None, None)) is Misuse.TWO_HEADERS


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YQ",
        "Basic YTpi=",
        "Basic YT\u00e9pi",
        "Bearer abc",
        "Digest abc",
        basic("no colon"),
        basic(":secret only"),
        basic(b"\xff\xfe:b"),
        basic("a%ff:b"),
        basic("a%00:b"),
        basic(b"a:\x00"),
        "Basic " + "A" * 65_536,
    ],
)
def test_what_is_no_basic_authentication_is_malformed(header):
    assert presented(Given(header, None, None)) is Misuse.MALFORMED
    assert presented(Given(header, "a", None)) is Misuse.MALFORMED


def test_a_secret_is_in_no_representation():
    assert "b" not in repr(presented(Given(None, "a", "b"))).replace("Presented", "").replace(
        "client_id", ""
    ).replace("method", "")
