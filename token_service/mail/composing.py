"""A letter as an e-mail message (RFC 5322): plain text, and headers that nobody can add to."""

from dataclasses import dataclass
from email import policy
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from token_service.domain.letters import Letter, Undeliverable
from token_service.texts.catalogue import catalogue

# A link stays on one line, whatever its length: a person may read the file, or copy it from there.
_POLICY = policy.SMTP.clone(max_line_length=998, cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Composed:
    """A message with its envelope: exactly one recipient, whatever its address looks like."""

    message: EmailMessage
    sender: str
    recipient: str


def compose(letter: Letter, sender: str) -> Composed:
    """The message of a letter. Raises `Undeliverable` for an address that no mail can have.

    The address is a header of its own type: one that hides a second recipient or another header is
    not an address.
    """
    try:
        recipient = Address(addr_spec=letter.recipient)
    except (HeaderParseError, ValueError, IndexError) as error:
        raise Undeliverable("mail: the recipient's address has no form that mail knows") from error
    texts = "letters", letter.kind
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(addr_spec=sender)
    message["To"] = recipient
    message["Subject"] = catalogue().filled(*texts, "subject", values=letter.values)
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.reference}@{sender.rpartition('@')[2]}>"
    # RFC 3834: no answering machine writes back.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(catalogue().filled(*texts, "body", values=letter.values).lstrip())
    return Composed(message, sender, recipient.addr_spec)
