"""Handing letters to an SMTP server: the only importer of smtplib."""

import ipaddress
import smtplib
import ssl
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

from token_service.domain.letters import Letter, NotDelivered, Undeliverable
from token_service.mail.composing import Composed, compose

_SECONDS = 10.0
"""For each step of a delivery: some eight of them stay below the delay of the next attempt."""
_SUBMISSION, _SUBMISSIONS = 587, 465


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where letters are handed over; `encrypted` from the first byte on (`smtps`), else STARTTLS
    where the server offers it."""

    host: str
    port: int
    encrypted: bool
    user: str
    password: str = field(repr=False)

    @classmethod
    def of_url(cls, url: str) -> Self:
        """`smtp://user:password@host:port` (587) or `smtps://` (465), percent-encoded."""
        parts = urlsplit(url)
        encrypted = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (_SUBMISSIONS if encrypted else _SUBMISSION),
            encrypted=encrypted,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )


@dataclass(frozen=True, slots=True)
class SmtpCarrier:
    """One connection a letter: a person's letters are few, and a kept one would grow stale."""

    server: SmtpServer
    sender: str
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def deliver(self, letter: Letter) -> None:
        """Hand it over; a server that says "never" (5xx) to this letter is believed."""
        composed = compose(letter, self.sender)
        try:
            with self._connected() as connection:
                self._send(connection, composed)
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable("mail: the server does not take such an address") from error
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            raise _refusal(min(codes)) from refused
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            # The server's words may repeat an address; the kind of error is enough for the log.
            raise NotDelivered(f"mail: {type(error).__name__}") from error

    def _connected(self) -> smtplib.SMTP:
        server = self.server
        if server.encrypted:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_SECONDS, context=self.trust)
        return smtplib.SMTP(server.host, server.port, timeout=_SECONDS)

    def _send(self, connection: smtplib.SMTP, composed: Composed) -> None:
        server, protected = self.server, self.server.encrypted
        connection.ehlo_or_helo_if_needed()
        if not protected and connection.has_extn("starttls"):
            connection.starttls(context=self.trust)
            connection.ehlo()
            protected = True
        if server.user:
            if not protected and not _is_here(server.host):
                raise NotDelivered("mail: the server offers no encryption to send a password over")
            connection.login(server.user, server.password)
        connection.send_message(composed.message, composed.sender, [composed.recipient])


def _refusal(code: int) -> Exception:
    kind = Undeliverable if 500 <= code < 600 else NotDelivered
    return kind(f"mail: the server answered {code}")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
