"""Letters to send, and a mail server that keeps what it gets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from token_service.domain.letters import Letter, LetterKind

SENDER = "accounts@id.example"
LINK = "https://id.example/password-reset?token=tsp_" + "x" * 90


def letter(recipient: str = "ada@example.test", **values: str) -> Letter:
    """A letter with a link."""
    filled = {"issuer": "https://id.example", "link": LINK, "minutes": "10"} | values
    written_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Letter("0" * 32 + ".1", LetterKind.PASSWORD_RESET, recipient, filled, written_at)


def parsed(data: bytes) -> EmailMessage:
    """A message as a mail program reads it."""
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@dataclass
class Received:
    """What a mail server was given, and how it answers."""

    answers: Mapping[str, str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        answer = self.answers.get("RCPT", "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        answer = self.answers.get("DATA", "250 OK")
        if answer.startswith("250"):
            self.envelopes.append(envelope)
        return answer

    def authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        # Else it would leave the answer to us.
        return AuthResult(success=data.password == b"s3cret/@", handled=False)


class _Server(Controller):
    """One on a port that is free."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(received: Received, **options: Any) -> Iterator[int]:
    """A server on this machine while the block runs; its port."""
    controller = _Server(
        received,
        hostname="127.0.0.1",
        port=0,
        authenticator=received.authenticate,
        auth_require_tls=False,
        **options,
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
