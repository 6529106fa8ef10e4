"""What a log-out request comes to, and where it leads."""

import pytest

from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.logout_requests import (
    LogoutRequest,
    NextStep,
    frame_uri,
    leads_back,
    next_step,
    with_parameters,
)

NOTHING, ASK, SIGN_OUT = NextStep.NOTHING, NextStep.ASK, NextStep.SIGN_OUT


@pytest.mark.parametrize(
    ("named", "own", "before", "after"),
    [
        (None, None, NOTHING, NOTHING),
        ("a", "a", SIGN_OUT, SIGN_OUT),
        ("a", "b", ASK, SIGN_OUT),
        ("a", None, ASK, SIGN_OUT),
        (None, "a", ASK, SIGN_OUT),
    ],
)
def test_who_is_asked(
    named: str | None, own: str | None, before: NextStep, after: NextStep
) -> None:
    assert next_step(named, own, confirmed=False) is before
    assert next_step(named, own, confirmed=True) is after


@pytest.mark.parametrize(
    ("uri", "leads"),
    [
        ("https://a.example/out", True),
        ("com.example.app:/out", True),
        ("https://a.example/out/", False),
        ("https://a.example", False),
        ("", False),
    ],
)
def test_where_it_may_lead(uri: str, leads: bool) -> None:
    uris = ("https://a.example/out", "com.example.app:/out")
    assert leads_back(ClientMetadata(post_logout_redirect_uris=uris), uri) is leads
    assert not leads_back(ClientMetadata(), uri)


@pytest.mark.parametrize(
    ("uri", "parameters", "whole"),
    [
        ("https://a.example/", [], "https://a.example/"),
        ("https://a.example/", [("state", "a b")], "https://a.example/?state=a+b"),
        (
            "https://a.example/?x=1",
            [("s", "&=?#\r\n")],
            "https://a.example/?x=1&s=%26%3D%3F%23%0D%0A",
        ),
        ("com.example:/out", [("state", "é")], "com.example:/out?state=%C3%A9"),
    ],
)
def test_parameters_are_added(uri: str, parameters: list[tuple[str, str]], whole: str) -> None:
    assert with_parameters(uri, parameters) == whole


def test_which_frame_tells_a_client() -> None:
    uri = "https://a.example/front"
    assert frame_uri(ClientMetadata(), "https://id.example", "5") is None
    plain = ClientMetadata(frontchannel_logout_uri=uri)
    assert frame_uri(plain, "https://id.example", "5") == uri
    told = ClientMetadata(frontchannel_logout_uri=uri, frontchannel_logout_session_required=True)
    whole = f"{uri}?iss=https%3A%2F%2Fid.example&sid=5"
    assert frame_uri(told, "https://id.example", "5") == whole


def test_a_hint_is_in_no_log() -> None:
    assert "secret" not in repr(LogoutRequest(id_token_hint="secret"))
