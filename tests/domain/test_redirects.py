"""Redirect URIs: what may be registered, and that only the very same text is meant."""

import pytest

from token_service.domain.redirects import matching, origin_of, redirect_uri_fault

URI = "https://app.example/cb"
MUTANTS = [
    "https://app.example/cb/",
    "https://app.example//cb",
    "https://app.example/",
    "https://app.example",
    "https://app.example/cb/..;/x",
    "https://app.example/cb/%2e%2e/",
    "https://app.example/cb/../cb",
    "https://app.example/CB",
    "https://APP.example/cb",
    "HTTPS://app.example/cb",
    "https://app.example/cb?",
    "https://app.example/cb?x=1",
    "https://app.example/cb;p=1",
    "https://app.example/cb#",
    "https://app.example/cb#f",
    "https://app.example/cb%23",
    "https://app.example:443/cb",
    "https://app.example:8443/cb",
    "https://app.example./cb",
    "https://user@app.example/cb",
    "https://app.example@evil.example/cb",
    "https://a@b@app.example/cb",
    "https://app.example\\@evil.example/cb",
    "https:\\\\app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/cb\n",
    " https://app.example/cb",
    "https://app.example/cb ",
    "https://app.example/%63b",
    "https://app.example/c%62",
    "https://\u0430pp.example/cb",
    "https:/app.example/cb",
    "https:app.example/cb",
    "//app.example/cb",
    "/cb",
    "http://app.example/cb",
    "https://evil.app.example/cb",
    "https://app.example.evil.example/cb",
    "https://evil.example/https://app.example/cb",
    "https://app.examplex/cb",
    "https://app.example/cbx",
    "https://app.example/cb\0",
    "",
]


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_only_the_very_same_text_is_meant(mutant, application_type):
    assert matching([URI], URI, application_type) == URI
    assert matching([URI], mutant, application_type) is None


@pytest.mark.parametrize("port", ["", ":1", ":80", ":1024", ":54321", ":65535"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_port_of_a_loopback_address_is_free_for_a_native_application(host, port):
    requested = f"http://{host}{port}/cb?x=1"
    for registered in (f"http://{host}/cb?x=1", f"http://{host}:8080/cb?x=1"):
        assert matching([registered], requested, "native") == requested
        expected = requested if requested == registered else None
        assert matching([registered], requested, "web") == expected


@pytest.mark.parametrize(
    "requested",
    [
        "http://127.0.0.1:1024/other",
        "http://127.0.0.1:1024/cb/",
        "http://127.0.0.1:1024/cb?x",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:1:2/cb",
        "http://[::1]:1024/cb",
        "http://localhost:1024/cb",
        "http://127.0.0.2:1024/cb",
        "http://127.1:1024/cb",
        "http://2130706433:1024/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:1024@evil.example/cb",
        "http://localhost@evil.example/cb",
        "https://127.0.0.1:1024/cb",
        "http://127.0.0.1:1024\\@evil.example/cb",
    ],
)
def test_nothing_but_the_port_is_free(requested):
    assert matching(["http://127.0.0.1/cb"], requested, "native") is None


def test_the_exception_is_for_addresses_not_for_names():
    registered = ["http://localhost:3000/cb", "https://app.example/cb", "com.example.app:/cb"]
    assert matching(registered, "http://localhost:3000/cb", "native")
    assert matching(registered, "http://localhost:3001/cb", "native") is None
    assert matching(registered, "https://app.example:1/cb", "native") is None


@pytest.mark.parametrize(
    "uri",
    [
        URI,
        "https://app.example",
        "https://app.example:8443/a/b?tenant=1&x=%20",
        "https://xn--pp-xla.example/cb",
        "https://[2001:db8::1]/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:9000/cb",
        "http://localhost:3000/cb",
        "https://app.example/cb%23",
    ],
)
def test_these_may_be_registered(uri):
    assert redirect_uri_fault(uri, "web") is None
    assert redirect_uri_fault(uri, "native") is None


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app://cb/x", "a.b:x"])
def test_schemes_of_their_own_are_for_native_applications(uri):
    assert redirect_uri_fault(uri, "native") is None
    assert redirect_uri_fault(uri, "web")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/cb",
        "//app.example/cb",
        "app.example/cb",
        "https:",
        "https://",
        "https:///cb",
        "https:/app.example/cb",
        "https:app.example/cb",
        "http://app.example/cb",
        "http://localhost.evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.1/cb",
        "http://0.0.0.0/cb",
        "https://app.example/cb#",
        "https://app.example/cb#x",
        "https://user@app.example/cb",
        "https://user:pass@app.example/cb",
        "https://app.example:0/cb",
        "https://app.example:65536/cb",
        "https://app.example:/cb",
        "https://app.example./cb",
        "https://a..example/cb",
        "https://*.app.example/cb",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://app.example/a/../cb",
        "https://app.example/a/./cb",
        "https://app.example/a/%2e%2E/cb",
        "https://app.example/cb/..",
        "https://app.example/..;/cb",
        "https://app.example/cb%2",
        "https://app.example/cb%zz",
        "https://app.example\\cb",
        "https://app.example/c b",
        "https://app.example/cb\t",
        "https://app.example/cb\0",
        "https://\u0430pp.example/cb",
        "https://app.example/<cb>",
        'https://app.example/"cb',
        "https://app.example/" + "a" * 2000,
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "\tjavascript:alert(1)",
        "java\tscript:alert(1)",
        "\0javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "vbscript:x",
        "blob:https://app.example/x",
        "about:blank",
        "myapp:/cb",
        "myapp://cb",
        "urn:ietf:wg:oauth:2.0:oob",
        "com.example.app:",
        "com.example.app:/a/../b",
        ".:x",
    ],
)
@pytest.mark.parametrize("application_type", ["web", "native"])
def test_these_may_not(uri, application_type):
    assert redirect_uri_fault(uri, application_type)


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        (URI, "https://app.example"),
        ("https://app.example:8443/a?b", "https://app.example:8443"),
        ("http://[::1]:9000/cb", "http://[::1]:9000"),
        ("com.example.app:/cb", "com.example.app:"),
        ("com.example.app://cb", "com.example.app:"),
    ],
)
def test_a_policy_names_the_origin(uri, origin):
    assert origin_of(uri) == origin
