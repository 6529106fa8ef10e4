"""What a browser says of itself in client hints (User-Agent Client Hints, RFC 8942).

The headers are structured fields (RFC 9651, before that RFC 8941). One that is not well formed, or
longer than any browser makes it, is as good as absent. They are claims, as the user agent is.
"""

import re
from dataclasses import dataclass

from werkzeug.datastructures import Headers

_LONGEST = 400
"""Characters of a header; the brands of a browser take about a hundred."""
_LONGEST_NAME = 80

_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_BARE_ITEM = rf"(?:{_STRING}|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|-?[0-9]+(?:\.[0-9]+)?|\?[01])"
_PARAMETERS = rf"(?:; *[a-z*][a-z0-9_.*-]*(?:={_BARE_ITEM})?)*"
_STRING_ITEM = re.compile(rf"({_STRING}){_PARAMETERS}", re.ASCII)
_TRUE_ITEM = re.compile(rf"\?1{_PARAMETERS}", re.ASCII)
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_ESCAPED = re.compile(r'\\(["\\])')

_ENGINE = "Chromium"
_BROWSERS = {
    "Google Chrome": "Chrome",
    "Microsoft Edge": "Edge",
    "YaBrowser": "Yandex Browser",
    "Yandex": "Yandex Browser",
    "Android WebView": "Chrome Mobile WebView",
}
"""Brands that are known, and told by user agents, under another name."""
_SYSTEMS = {
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Chromium OS": "Chrome OS",
    "Fuchsia": "Fuchsia",
    "iOS": "iOS",
    "Linux": "Linux",
    "macOS": "macOS",
    "Windows": "Windows",
}
_FIRST_WINDOWS_11 = 13
"""Of the platform's version; from 1 on it is Windows 10, and 0 is an older one."""


@dataclass(frozen=True, slots=True)
class ClientHints:
    """Names as people know them; "" where nothing is said. `mobile` is the browser's own word."""

    browser: str = ""
    os: str = ""
    model: str = ""
    mobile: bool = False


def client_hints(headers: Headers) -> ClientHints:
    """What the hints among the headers of a request say."""
    platform = _SYSTEMS.get(_string(headers.get("Sec-CH-UA-Platform", "")), "")
    version = _string(headers.get("Sec-CH-UA-Platform-Version", ""))
    return ClientHints(
        browser=_browser(_strings(headers.get("Sec-CH-UA", ""))),
        os=_windows(version) if platform == "Windows" else platform,
        model=_string(headers.get("Sec-CH-UA-Model", ""))[:_LONGEST_NAME].strip(),
        mobile=_is_true(headers.get("Sec-CH-UA-Mobile", "")),
    )


def _browser(brands: list[str]) -> str:
    """The brand that says most. Browsers shuffle them, so their order decides nothing."""
    real = sorted(brand for brand in brands if not _is_grease(brand))
    named = [brand for brand in real if brand != _ENGINE]
    chosen = next((brand for brand in named if brand in _BROWSERS), None)
    if chosen is None:
        chosen = (named or real or [""])[0]
    return _BROWSERS.get(chosen, chosen)[:_LONGEST_NAME].strip()


def _is_grease(brand: str) -> bool:
    """Whether the brand is there only so that nobody counts on a closed list: `Not/A)Brand`."""
    return "".join(filter(str.isalpha, brand)).lower() in ("", "notabrand")


def _windows(version: str) -> str:
    major = version.partition(".")[0]
    if not re.fullmatch(r"[0-9]{1,4}", major) or int(major) == 0:
        return "Windows"
    return "Windows 11" if int(major) >= _FIRST_WINDOWS_11 else "Windows 10"


def _strings(header: str) -> list[str]:
    """A list of strings (RFC 9651 section 3.1) without their parameters; [] where it is none."""
    text, position, found = _fit(header), 0, []
    while match := _STRING_ITEM.match(text, position):
        found.append(_unquoted(match[1]))
        if match.end() == len(text):
            return found
        comma = _COMMA.match(text, match.end())
        if comma is None:
            break
        position = comma.end()
    return []


def _string(header: str) -> str:
    """A string (RFC 9651 section 3.3.3); "" where it is none."""
    match = _STRING_ITEM.fullmatch(_fit(header))
    return _unquoted(match[1]) if match else ""


def _is_true(header: str) -> bool:
    """Whether it is the boolean true (RFC 9651 section 3.3.6)."""
    return _TRUE_ITEM.fullmatch(_fit(header)) is not None


def _fit(header: str) -> str:
    return header.strip(" ") if len(header) <= _LONGEST else ""


def _unquoted(string: str) -> str:
    return _ESCAPED.sub(r"\1", string[1:-1])
