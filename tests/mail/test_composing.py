"""Messages: plain text with the link whole, and headers that an address cannot add to."""

import pytest

from tests.mail.building import LINK, SENDER, letter, parsed
from token_service.domain.letters import Undeliverable
from token_service.mail.composing import compose


def test_a_message_is_plain_text_with_the_link_on_one_line():
    composed = compose(letter(), SENDER)
    data = composed.message.as_bytes()
    message = parsed(data)
    assert message.get_content_type() == "text/plain"
    assert LINK in message.get_content().splitlines()
    assert LINK.encode() in data
    assert "10 minutes" in message.get_content()


def test_the_headers_say_from_whom_to_whom_and_when():
    message = compose(letter(), SENDER).message
    assert (message["From"], message["To"]) == (SENDER, "ada@example.test")
    assert message["Subject"] == "Set a new password"
    assert message["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert message["Message-ID"] == f"<{'0' * 32}.1@id.example>"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.test",
        "ada@example.test\r\nBcc: eve@example.test",
        "ada@example.test\nSubject: x",
        "ada,eve@example.test",
        "ada@example.test,eve",
        "eve@example.test>,<ada@example.test",
        "<ada@example.test>",
        "ada <ada@example.test>",
        'ada"@example.test',
        "ada@example.test;eve",
        "ada@example.test(comment",
        "\0@example.test",
        "\ud800@example.test",
    ],
    ids=ascii,
)
def test_what_is_more_or_less_than_an_address_gets_no_letter(address):
    with pytest.raises(Undeliverable) as refused:
        compose(letter(address), SENDER).message.as_bytes()
    assert "example" not in str(refused.value)


def test_a_value_with_line_breaks_stays_in_the_body():
    message = compose(letter(minutes="1\r\nBcc: eve@example.test\r\n\r\n"), SENDER).message
    assert message["Bcc"] is None
    assert parsed(message.as_bytes())["Bcc"] is None
