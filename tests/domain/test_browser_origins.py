"""Origins as browsers write them (RFC 6454 section 6.2)."""

import pytest

from token_service.domain.browser_origins import is_origin


@pytest.mark.parametrize(
    "text",
    ["https://a.example", "http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"],
)
def test_an_origin(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "a.example",
        "https://",
        "https://a.example/",
        "https://a.example/x",
        "https://a.example?x",
        "https://A.example",
        "HTTPS://a.example",
        "https://u@a.example",
        "https://a.example:",
        "https://a.example:123456",
        "https://a.example, https://b.example",
        "https://a.example https://b.example",
        "https://*.example",
        "ftp://a.example",
        "file://",
        "https://ö.example",
        "https://a.example\n",
        "https://" + "a" * 300,
    ],
)
def test_what_is_none(text: str) -> None:
    assert not is_origin(text)
