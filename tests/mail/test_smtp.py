"""Handing letters to a mail server: encryption, passwords, and what its answers mean."""

import socket
import ssl
from ipaddress import ip_address

import pytest
from cryptography import x509

from tests.mail.building import LINK, SENDER, Received, letter, mail_server, parsed
from tests.outbound.building import authority
from token_service.domain.letters import NotDelivered, Undeliverable
from token_service.mail.smtp import SmtpCarrier, SmtpServer


def carrier(port, url="smtp://127.0.0.1", trust=None):
    server = SmtpServer.of_url(f"{url}:{port}")
    return SmtpCarrier(server, SENDER, trust) if trust else SmtpCarrier(server, SENDER)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A server's TLS, and a client's that trusts it."""
    here = x509.IPAddress(ip_address("127.0.0.1"))
    ours = authority(tmp_path_factory.mktemp("tls"), here)
    return ours.server, ssl.create_default_context(cafile=ours.ca_file)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, False, "", "")),
        ("smtps://mail.example", SmtpServer("mail.example", 465, True, "", "")),
        ("smtp://mail.example:25", SmtpServer("mail.example", 25, False, "", "")),
        (
            "smtps://ada%40id:s3cret%2F%40@[::1]:4650",
            SmtpServer("::1", 4650, True, "ada@id", "s3cret/@"),
        ),
    ],
)
def test_the_address_of_a_server(url, server):
    assert SmtpServer.of_url(url) == server
    assert "s3cret" not in repr(SmtpServer.of_url(url))


def test_a_letter_arrives_for_its_recipient_and_nobody_else():
    received = Received()
    with mail_server(received) as port:
        carrier(port).deliver(letter())
    [envelope] = received.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, ["ada@example.test"])
    assert LINK in parsed(envelope.content).get_content()


def test_encryption_is_used_where_it_is_offered(tls):
    server, client = tls
    received = Received()
    with mail_server(received, tls_context=server, require_starttls=True) as port:
        carrier(port, trust=client).deliver(letter())
    assert len(received.envelopes) == 1


def test_encryption_from_the_start_with_a_password(tls):
    server, client = tls
    received = Received()
    with mail_server(received, ssl_context=server) as port:
        carrier(port, "smtps://ada:s3cret%2F%40@127.0.0.1", client).deliver(letter())
    assert received.logins == [(b"ada", b"s3cret/@")]
    assert len(received.envelopes) == 1


@pytest.mark.parametrize("option", ["tls_context", "ssl_context"])
def test_a_server_that_cannot_prove_who_it_is_gets_nothing(tls, option):
    received = Received()
    scheme = "smtp" if option == "tls_context" else "smtps"
    with mail_server(received, **{option: tls[0]}) as port, pytest.raises(NotDelivered):
        carrier(port, f"{scheme}://ada:s3cret%2F%40@127.0.0.1").deliver(letter())
    assert received.logins == received.envelopes == []


def test_a_password_goes_over_the_network_encrypted_only(monkeypatch):
    monkeypatch.setattr("token_service.mail.smtp._is_here", lambda host: False)
    received = Received()
    with mail_server(received) as port, pytest.raises(NotDelivered, match="no encryption"):
        carrier(port, "smtp://ada:s3cret%2F%40@127.0.0.1").deliver(letter())
    assert received.logins == received.envelopes == []


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("a.b", False)],
)
def test_which_server_is_on_this_machine(host, is_here):
    from token_service.mail.smtp import _is_here

    assert _is_here(host) is is_here


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "meaning"),
    [("550 no such user", Undeliverable), ("451 later, ada@example.test", NotDelivered)],
)
def test_what_the_server_says_is_believed(step, answer, meaning):
    received = Received({step: answer})
    with mail_server(received) as port, pytest.raises(meaning) as refused:
        carrier(port).deliver(letter())
    assert "ada" not in str(refused.value)
    assert received.envelopes == []


def test_a_wrong_password_is_no_verdict_about_the_letter():
    refused = pytest.raises(NotDelivered, match="SMTPAuthenticationError")
    with mail_server(Received()) as port, refused:
        carrier(port, "smtp://ada:wrong@127.0.0.1").deliver(letter())


def test_an_address_that_the_server_does_not_take_is_undeliverable():
    with mail_server(Received(), enable_SMTPUTF8=False) as port, pytest.raises(Undeliverable):
        carrier(port).deliver(letter("d\u00f6rte@example.test"))


def test_a_server_that_is_away_is_tried_again_later():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NotDelivered):
            carrier(taken.getsockname()[1]).deliver(letter())


def test_a_server_that_says_nothing_holds_nobody_for_long(monkeypatch):
    monkeypatch.setattr("token_service.mail.smtp._SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotDelivered):
        carrier(silent.getsockname()[1]).deliver(letter())
