"""Addresses that must not be registered (security bar A4, A5, H13), and those that may be."""

from typing import Any

import pytest

from tests.http.building import assert_refused
from tests.http.registration.building import (
    REDIRECT,
    SMALL,
    number_of_clients,
    registered,
    told_faults,
    try_register,
)
from tests.world.world import World

BAD = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "\tjavascript:alert(1)",
    "java\tscript:alert(1)",
    "javascript://app.example.test/%0aalert(1)",
    "data:text/html,x",
    "DATA:text/html;base64,eA==",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://app.example.test/x",
    "about:blank",
    "http://app.example.test/callback",
    "http://127.0.0.1.evil.example/",
    "HTTP://app.example.test/",
    "//app.example.test/callback",
    "/callback",
    "callback",
    "https:",
    "https://",
    "https:///callback",
    "https://user@app.example.test/callback",
    "https://app.example.test@evil.example/",
    "https://app.example.test\\@evil.example/",
    "https://app.example.test/call back",
    "https://app.example.test/\r\nSet-Cookie: a=b",
    " https://app.example.test/callback",
    "https://app.example.test/callback ",
    "https://app.example.test/call\u0000back",
    "https://\u0430pp.example.test/",
    "https://*.example.test/callback",
    "https://app.example.test:99999/",
    "https://app.example.test/" + "a" * 2000,
    "",
]
FRAGMENTS = ["https://app.example.test/callback#", "https://app.example.test/callback#x"]
PAGES = [
    "initiate_login_uri",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "jwks_uri",
    "sector_identifier_uri",
    "backchannel_logout_uri",
    "frontchannel_logout_uri",
]


@pytest.mark.parametrize("member", ["redirect_uris", "post_logout_redirect_uris"])
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_where_people_are_never_sent(open_world: World, member: str, application_type: str) -> None:
    for bad in [*BAD, *FRAGMENTS]:
        uris = [REDIRECT, bad]
        document = dict(SMALL) | {"application_type": application_type, member: uris}
        answer = try_register(open_world, document)
        assert_refused(answer, 400, "invalid_redirect_uri")
        assert told_faults(answer)[0].startswith(member), bad
    assert number_of_clients(open_world) == 0


@pytest.mark.parametrize("member", PAGES)
def test_what_is_never_a_link_or_a_request_of_ours(open_world: World, member: str) -> None:
    for bad in BAD:
        answer = try_register(open_world, dict(SMALL) | {member: bad})
        assert answer.status_code == 400, bad
        if "\0" not in bad:
            assert_refused(answer, 400, "invalid_client_metadata")
            assert told_faults(answer) == [member]
    assert number_of_clients(open_world) == 0


def test_request_uris_are_addresses_too(open_world: World) -> None:
    for bad in BAD:
        answer = try_register(open_world, dict(SMALL) | {"request_uris": [bad]})
        assert_refused(answer, 400, "invalid_client_metadata")
    assert number_of_clients(open_world) == 0


@pytest.mark.parametrize(
    ("application_type", "uri"),
    [
        ("web", "https://app.example.test/callback%23x"),
        ("web", "https://app.example.test:8443/callback?a=b&c=d"),
        ("native", "http://127.0.0.1/callback"),
        ("native", "http://[::1]:4711/callback"),
        ("native", "com.example.app:/callback"),
        ("native", "com.example.app://callback"),
    ],
)
def test_where_people_may_be_sent(open_world: World, application_type: str, uri: str) -> None:
    made = registered(open_world, application_type=application_type, redirect_uris=[uri])
    assert made.told["redirect_uris"] == [uri]


@pytest.mark.parametrize("uri", ["com.example.app:/callback", "myapp:/callback"])
def test_a_scheme_of_its_own_is_for_native_applications(open_world: World, uri: str) -> None:
    answer = try_register(open_world, dict(SMALL) | {"redirect_uris": [uri]})
    assert_refused(answer, 400, "invalid_redirect_uri")


@pytest.mark.parametrize("value", [None, "text", 7, {}, [7], [[REDIRECT]], [REDIRECT, REDIRECT]])
def test_a_list_is_a_list_of_texts(open_world: World, value: Any) -> None:
    answer = try_register(open_world, dict(SMALL) | {"redirect_uris": value})
    assert_refused(answer, 400, "invalid_redirect_uri")
    assert told_faults(answer) == ["redirect_uris"]
