"""The thread beside the request threads that sends letters; any number of processes at once."""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from token_service.clock import Clock
from token_service.crypto import reset_tokens
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.failures import Unavailable
from token_service.domain.letters import (
    Carrier,
    Letter,
    LetterKind,
    NotDelivered,
    QueuedLetter,
    Undeliverable,
    is_given_up,
    next_attempt,
)
from token_service.domain.refusals import Refusal
from token_service.services import recording
from token_service.services.configuration import Configuration, Snapshot, prove
from token_service.storage import accounts, configuration, letters, password_resets
from token_service.storage.database import Database, InTransaction, Transaction

logger = logging.getLogger(__name__)

_BREATH_SECONDS = 0.2
"""Between a call and the letter: an answer that is just leaving must not take longer because there
is a letter to send, or it would tell that there is an account."""


@dataclass(frozen=True, slots=True)
class PostOffice:
    """What the postman works with; `reset_lifetime` is how long a link in a letter is good."""

    database: Database
    clock: Clock
    configuration: Configuration
    carrier: Carrier
    reset_lifetime: timedelta


class Postman(threading.Thread):
    """Does its rounds until it is stopped: when called, and every few seconds for what others
    wrote or what is to be tried again."""

    def __init__(self, office: PostOffice, interval_seconds: float) -> None:
        super().__init__(name="postman", daemon=True)
        self._office = office
        self._interval_seconds = interval_seconds
        self._called = threading.Event()
        self._stopping = threading.Event()

    def call(self) -> None:
        """Say that a letter was written here, so that nobody waits for the next round."""
        self._called.set()

    def stop(self) -> None:
        """End after the letter at hand; `join` waits for that."""
        self._stopping.set()
        self._called.set()

    def run(self) -> None:
        """Round after round; what goes wrong in one is logged, and the next one tries again."""
        while not self._stopping.is_set():
            self.do_round()
            if self._called.wait(self._interval_seconds):
                self._called.clear()
                self._stopping.wait(_BREATH_SECONDS)

    def do_round(self) -> None:
        """Send what is due, until nothing is or the post cannot be reached."""
        try:
            while not self._stopping.is_set() and _send_next(self._office):
                pass
        except NotDelivered as not_delivered:
            logger.warning("postman: put off: %s", not_delivered)
        except Unavailable as unavailable:
            logger.warning("postman: put off: %s", unavailable.private)
        except Exception:
            logger.exception("postman: a round failed")


def _send_next(office: PostOffice) -> bool:
    """Send the letter that is due for longest; False where none is.

    It is taken in one transaction and delivered outside of any: whoever waits for a mail server
    holds no lock. A postman that dies in between leaves it to the next attempt, so that a letter
    may come twice and is never lost.
    """
    taken = office.configuration.on_current(partial(_take, office))
    if taken is None:
        return False
    queued, letter = taken
    if letter is not None:
        try:
            office.carrier.deliver(letter)
        except Undeliverable as undeliverable:
            logger.warning("postman: a letter is given up: %s", undeliverable)
            _give_up(office, queued)
            return True
    with office.database.transaction() as tx:
        letters.drop(tx, queued.account_id, queued.letter_id)
    return True


def _take(office: PostOffice, snapshot: Snapshot) -> tuple[QueuedLetter, Letter | None] | None:
    """The next letter and what is to be delivered of it: None for one that goes nowhere."""
    with office.database.transaction() as tx:
        now = office.clock.now()
        version = configuration.version(office.database, InTransaction(tx))
        prove(snapshot, version, now)
        queued = letters.lock_due(tx, now)
        if queued is None:
            return None
        if is_given_up(queued, now):
            logger.warning("postman: a letter is given up: too old")
            _record_given_up(tx, queued, Refusal.TOO_OLD, now)
            return queued, None
        letters.take(tx, queued, next_attempt(queued.attempts, now))
        return queued, _written(office, snapshot, tx, queued, now)


def _written(
    office: PostOffice, snapshot: Snapshot, tx: Transaction, queued: QueuedLetter, now: datetime
) -> Letter | None:
    """The letter in full. A link is made here and nowhere else: only its hash is ever stored."""
    values = {"issuer": snapshot.issuer, **queued.details}
    if queued.kind is LetterKind.PASSWORD_RESET:
        if not _may_be_reset(tx, queued):
            return None
        key = snapshot.keyring.opaque_keys(now).current.locator_key
        made = reset_tokens.new(key, queued.account_id)
        expires_at = now + office.reset_lifetime
        password_resets.put(tx, queued.account_id, made.secret_hash, expires_at)
        values["link"] = f"{snapshot.issuer}/password-reset?token={made.token}"
        values["minutes"] = str(office.reset_lifetime // timedelta(minutes=1))
    reference = f"{queued.letter_id}.{queued.attempts}"
    return Letter(reference, queued.kind, queued.recipient, values, now)


def _may_be_reset(tx: Transaction, queued: QueuedLetter) -> bool:
    """Whether the account can use a link, and still has the address that it goes to."""
    account = accounts.read(tx, queued.account_id)
    held = {name.display for name in accounts.names_of(tx, queued.account_id)}
    return account is not None and account.enabled and queued.recipient in held


def _give_up(office: PostOffice, queued: QueuedLetter) -> None:
    with office.database.transaction() as tx:
        _record_given_up(tx, queued, Refusal.UNDELIVERABLE, office.clock.now())


def _record_given_up(tx: Transaction, queued: QueuedLetter, reason: Refusal, now: datetime) -> None:
    """Drop the letter, and say so where somebody looks who asks why it never came."""
    if not letters.drop(tx, queued.account_id, queued.letter_id):
        return
    event = AuditEvent(
        event=Event.LETTER_GIVEN_UP,
        origin=Origin(),
        actor="service",
        account_id=queued.account_id,
        reason=reason,
        details={"kind": queued.kind, "attempts": queued.attempts},
    )
    recording.record(tx, event, now)
