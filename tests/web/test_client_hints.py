"""Client hints: structured fields, strictly read, and never longer than a browser makes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from token_service.web.client_hints import ClientHints, client_hints
from token_service.web.devices import combined

CHROME = '"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"'
NAMES = ("", "-Platform", "-Platform-Version", "-Model", "-Mobile")


def hints(**said: str) -> ClientHints:
    """`platform_version="..."` is the header Sec-CH-UA-Platform-Version; `ua` is Sec-CH-UA."""
    headers = Headers()
    for name, value in said.items():
        suffix = "" if name == "ua" else "-" + name.title().replace("_", "-")
        headers.add(f"Sec-CH-UA{suffix}", value)
    return client_hints(headers)


def test_no_hints_say_nothing():
    assert hints() == ClientHints()


def test_what_a_browser_sends():
    told = hints(
        ua=CHROME,
        platform='"Windows"',
        platform_version='"15.0.0"',
        model='""',
        mobile="?0",
    )
    assert told == ClientHints("Chrome", "Windows 11", "", False)
    told = hints(ua=CHROME, platform='"Android"', model='"Pixel 7"', mobile="?1")
    assert told == ClientHints("Chrome", "Android", "Pixel 7", True)


@pytest.mark.parametrize(
    ("brands", "browser"),
    [
        (CHROME, "Chrome"),
        ('"Not/A)Brand";v="8","Chromium";v="126","Google Chrome";v="126"', "Chrome"),
        ('" Not A;Brand";v="99", "Microsoft Edge";v="96", "Chromium";v="96"', "Edge"),
        ('"(Not(A:Brand";v="8", "Chromium";v="98", "Opera";v="84"', "Opera"),
        ('"Brave";v="124", "Chromium";v="124", "Not?A_Brand";v="99"', "Brave"),
        ('"Chromium";v="124", "YaBrowser";v="24.4", "Not:A-Brand";v="8"', "Yandex Browser"),
        ('"Android WebView";v="124", "Not=A?Brand";v="8"', "Chrome Mobile WebView"),
        ('"Chromium";v="1", "Microsoft Edge WebView2";v="1", "Microsoft Edge";v="1"', "Edge"),
        ('"Chromium";v="124", "Not-A.Brand";v="99"', "Chromium"),
        ('"Not-A.Brand";v="99"', ""),
        ('"Zebra";v="1", "Ape";v="2", "Chromium";v="3"', "Ape"),
        ('"Ape";v="2", "Chromium";v="3", "Zebra";v="1"', "Ape"),
        (r'"A \"B\" \\";v="1"', r'A "B" \\'[:-1]),
        ('  "Opera"  ', "Opera"),
        ('"Opera" ,\t"Chromium"', "Opera"),
        ('"Opera";a;b=tok/en;c=?0;d=-1.5;e="x"', "Opera"),
        ('"Opera"; v="1"', "Opera"),
    ],
)
def test_the_brand_that_says_most_is_the_browser(brands, browser):
    assert hints(ua=brands).browser == browser


@pytest.mark.parametrize(
    "brands",
    [
        "",
        " ",
        ",",
        "Opera",
        '"Opera',
        'Opera"',
        '"Opera",',
        ',"Opera"',
        '"Opera",,"Chromium"',
        '"Opera" "Chromium"',
        '"Opera";',
        '"Opera";V="1"',
        '"Opera";v=',
        '"Opera";v="1',
        '"Opera" ;v="1"',
        '("Opera" "Chromium")',
        '"Opera", 5',
        '"Op\tera"',
        '"Op\x7fera"',
        '"Opér\xe4"',
        r'"Op\era"',
        "?1",
        '"' + "x" * 400 + '"',
        '"Opera",' * 200 + '"Opera"',
    ],
)
def test_a_list_that_is_not_well_formed_is_as_good_as_absent(brands):
    assert hints(ua=brands) == ClientHints()


@pytest.mark.parametrize(
    ("platform", "version", "system"),
    [
        ('"Windows"', '"13.0.0"', "Windows 11"),
        ('"Windows"', '"12.9.9"', "Windows 10"),
        ('"Windows"', '"1.0.0"', "Windows 10"),
        ('"Windows"', '"0.3.0"', "Windows"),
        ('"Windows"', '""', "Windows"),
        ('"Windows"', "15", "Windows"),
        ('"Windows"', '"٣١"', "Windows"),
        ('"Windows"', '"99999999999999999999"', "Windows"),
        ('"macOS"', '"14.4.1"', "macOS"),
        ('"Chromium OS"', '"1"', "Chrome OS"),
        ('"Chrome OS"', '"1"', "Chrome OS"),
        ('"Linux"', '"6.8"', "Linux"),
        ('"Unknown"', '"15"', ""),
        ('"TempleOS"', '"15"', ""),
        ("Windows", '"15"', ""),
        ('"Windows", "Linux"', '"15"', ""),
    ],
)
def test_windows_11_shows_by_the_version_of_the_platform_only(platform, version, system):
    assert hints(platform=platform, platform_version=version).os == system


@pytest.mark.parametrize(
    ("mobile", "is_mobile"),
    [("?1", True), (" ?1 ", True), ("?1;a=1", True), ("?0", False), ("1", False), ("?1?", False)],
)
def test_mobile_is_a_boolean(mobile, is_mobile):
    assert hints(mobile=mobile).mobile is is_mobile


@pytest.mark.parametrize("model", ["Pixel 7", "Pixel 7\xe9", '"Pixel\x01"', "?1", '"' + "x" * 500])
def test_a_model_that_is_no_string_is_none(model):
    assert hints(model=model).model == ""


def test_names_fit_their_columns():
    told = hints(ua='"' + "b" * 300 + '"', model='"' + "m" * 300 + '"')
    assert (told.browser, told.model) == ("b" * 80, "m" * 80)


@given(st.lists(st.text(st.characters(exclude_characters="\r\n"), max_size=60), max_size=5))
def test_whatever_is_sent_gives_texts_that_can_be_stored(values):
    headers = Headers(
        [(f"Sec-CH-UA{name}", value) for name, value in zip(NAMES, values, strict=False)]
    )
    told = client_hints(headers)
    for text in (told.browser, told.os, told.model):
        assert len(text) <= 80
        assert text.isascii()
        assert text.isprintable()


WINDOWS_CHROME = ("Chrome", "Windows", "")
ANDROID_CHROME = ("Chrome Mobile", "Android", "K")


@pytest.mark.parametrize(
    ("told", "by_hints", "device"),
    [
        (WINDOWS_CHROME, ClientHints(), WINDOWS_CHROME),
        (WINDOWS_CHROME, ClientHints("Chrome", "Windows 11"), ("Chrome", "Windows 11", "")),
        (WINDOWS_CHROME, ClientHints("Brave", "Windows"), ("Brave", "Windows", "")),
        (WINDOWS_CHROME, ClientHints("Chromium", ""), WINDOWS_CHROME),
        (("", "", ""), ClientHints("Chromium", "Linux"), ("Chromium", "Linux", "")),
        (("Chrome", "Ubuntu", ""), ClientHints("Chrome", "Linux"), ("Chrome", "Ubuntu", "")),
        (WINDOWS_CHROME, ClientHints("Chrome", "Linux"), ("Chrome", "Linux", "")),
        (ANDROID_CHROME, ClientHints(), ("Chrome Mobile", "Android", "")),
        (
            ANDROID_CHROME,
            ClientHints("Chrome", "Android", "", True),
            ("Chrome Mobile", "Android", "Smartphone"),
        ),
        (
            ANDROID_CHROME,
            ClientHints("Chrome", "Android", "Pixel 7", True),
            ("Chrome Mobile", "Android", "Pixel 7"),
        ),
        (
            ("Safari", "iOS", "iPhone"),
            ClientHints(mobile=True),
            ("Safari", "iOS", "iPhone"),
        ),
    ],
)
def test_hints_win_where_they_say_more(told, by_hints, device):
    assert combined(told, by_hints) == device
