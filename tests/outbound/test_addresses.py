"""What may be reached: tables of addresses and of URLs."""

import pytest

from token_service.outbound.addresses import is_public
from token_service.outbound.targets import Target


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1"]
)
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        # IPv4 (RFC 6890): this machine, private, shared, link-local, documentation, benchmarks.
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        # Multicast, reserved, broadcast.
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        # IPv6.
        "::",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "100::1",
        # IPv4 inside of IPv6: mapped, translated, compatible, NAT64, 6to4, Teredo.
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        # No addresses.
        "",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
    ],
)
def test_all_others_are_refused(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.example", Target("https", "a.example", 443, "/")),
        ("https://a.example?x=1", Target("https", "a.example", 443, "/?x=1")),
        ("https://A.Example:8443/k?x=1", Target("https", "a.example", 8443, "/k?x=1")),
        ("http://127.0.0.1:80/k", Target("http", "127.0.0.1", 80, "/k")),
        ("https://[2A00::1]/k", Target("https", "2a00::1", 443, "/k")),
        ("https://a.example/@b.example", Target("https", "a.example", 443, "/@b.example")),
    ],
)
def test_urls(url, target):
    assert Target.of(url) == target


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://A.example/k", "a.example"),
        ("https://a.example:443/k", "a.example"),
        ("http://a.example:443/k", "a.example:443"),
        ("https://[2A00::1]:8443/", "[2a00::1]:8443"),
    ],
)
def test_the_host_header(url, authority):
    assert Target.of(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "https:/a.example/",
        "https:///k",
        "https://user@a.example/",
        "https://user:secret@a.example/",
        "https://a.example@127.0.0.1/",
        "https://a.example\\@127.0.0.1/",
        "https://a.example#@127.0.0.1/",
        "https://a.example/k#fragment",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a.example:+443/",
        "https://a.example:/",
        "https://-a.example/",
        "https://a.example./",
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://a.example/ x",
        "https://a.example/\r\nHost: b.example",
        "https://a.example/\0",
        "https://bücher.example/",
        "https://a.example/ü",
        "https://127。0。0。1/",
        " https://a.example/",
        "https://a.example/\n",
        "https://a.example/" + "k" * 2048,
        f"https://{'a' * 254}/",
    ],
)
def test_what_is_no_url_to_fetch(url):
    assert Target.of(url) is None
