"""Writing letters as files, for development and tests; and nowhere at all, said once."""

import logging
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from token_service.domain.letters import Letter, NotDelivered
from token_service.mail.composing import compose

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderCarrier:
    """One `.eml` file a letter, named by its time; only its owner can read the links in there."""

    folder: Path
    sender: str

    def deliver(self, letter: Letter) -> None:
        """Put a complete file in place."""
        message = compose(letter, self.sender).message
        name = f"{letter.written_at:%Y%m%dT%H%M%S}-{letter.reference}.eml"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(prefix=".", dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(message.as_bytes())
            Path(unfinished).replace(self.folder / name)
        except OSError as error:
            raise NotDelivered(f"mail: the folder cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class NoCarrier:
    """Drops every letter: neither mail.smtp_url nor mail.folder is set."""

    said: Event = field(default_factory=Event)

    def deliver(self, letter: Letter) -> None:
        """Drop it, and the first time say so."""
        if not self.said.is_set():
            self.said.set()
            logger.warning("mail: letters are dropped: set mail.smtp_url (or mail.folder)")
