"""Whose address counts: the client's own word never does, our proxies' word does."""

import pytest
from flask import Flask, request

from token_service.web.origin import behind_proxies, user_agent

OURS = ("10.0.0.0/8", "fd00::/8")
app = Flask(__name__)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody of ours stands between: whatever is claimed, the peer is the client.
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("192.0.2.1", ["10.0.0.1"], "192.0.2.1"),
        # One proxy of ours: what it added, at the right, counts; the rest the client wrote.
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1", " 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9", "198.51.100.1"], "198.51.100.1"),
        # Two of ours, one behind the other.
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        # Only ours: the left-most of them.
        ("10.0.0.1", ["10.0.0.3", "10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        # No address at all: the last that is known.
        ("10.0.0.1", ["198.51.100.1", "unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1", "<script>", "10.0.0.2"], "10.0.0.2"),
        ("", ["198.51.100.1"], ""),
        # As some proxies write them.
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", ["[2001:DB8::1]:4711"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_not_ours(peer, forwarded, client):
    assert behind_proxies(peer, forwarded, OURS) == client


def test_without_proxies_nobody_is_believed():
    assert behind_proxies("10.0.0.1", ["198.51.100.1"], ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("A" * 1000, "A" * 400),
    ],
)
def test_a_user_agent_is_cut_and_has_no_control_characters(sent, kept):
    with app.test_request_context("/", environ_overrides={"HTTP_USER_AGENT": sent}):
        assert user_agent() == kept
        assert request.headers["User-Agent"] == sent
