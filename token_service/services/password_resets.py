"""A new password without the old one: by a link that is mailed, and good once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import opaque, reset_tokens
from token_service.crypto.reset_tokens import PresentedToken
from token_service.domain import accounts as names
from token_service.domain.accounts import NameKind, SignInName
from token_service.domain.events import NO_ACCOUNT, AuditEvent, Event, Origin
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.throttling import ThrottleRule
from token_service.services import letters, passwords, recording
from token_service.services.changes import Author, Subject, record
from token_service.services.configuration import Snapshot, genuine, prove
from token_service.services.signing_in import Gate
from token_service.services.throttling import counted, network
from token_service.storage import accounts, configuration, password_resets
from token_service.storage.database import Database, InTransaction, Transaction

_LETTERS = ThrottleRule(free_failures=3, window=900, first_delay=60, longest_delay=900)
"""How many links anybody can have sent to one account: few, so that they are no nuisance."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A link, and the password that its holder chose."""

    token: str = field(repr=False)
    new_password: str = field(repr=False)
    origin: Origin


def request(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    gate: Gate,
    identifier: str,
    origin: Origin,
) -> Refused | None:
    """Have a link sent to the account behind the name, if there is one.

    Whoever asks learns nothing: a letter is written for every name, and the postman drops those
    that go nowhere. Only a source that asks too often is told to wait.
    """
    name = names.normalised(identifier)
    throttle = gate.throttle
    of_source = f"source {network(origin.address)}"
    with database.transaction() as tx:
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        if wait := _wait(tx, gate, of_source, throttle.source, now):
            return Refused(Refusal.THROTTLED, retry_after=wait)
        account_id = accounts.account_id_of(tx, name) if name else None
        addressee = account_id or _nobody(gate, name)
        held = accounts.names_of(tx, addressee)
        allowed = not _wait(tx, gate, f"account {addressee}", _LETTERS, now)
        if allowed:
            letters.ask_for_link(tx, addressee, _address(held, name), now)
        event = AuditEvent(
            event=Event.PASSWORD_RESET_REQUESTED,
            origin=origin,
            actor="service",
            account_id=account_id or NO_ACCOUNT,
            reason="" if allowed else Refusal.THROTTLED,
        )
        recording.record(tx, event, now)
    return None


def send(database: Database, clock: Clock, account_id: str, author: Author) -> Refused | None:
    """Have a link sent in the owner's place; who does it never sees the link."""
    with database.transaction() as tx:
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        address = _address(accounts.names_of(tx, account_id), None)
        if not account.enabled:
            return Refused(Refusal.ACCOUNT_DISABLED)
        if not address:
            return Refused(Refusal.NO_ADDRESS)
        now = clock.now()
        letters.ask_for_link(tx, account_id, address, now)
        record(tx, author, Event.PASSWORD_RESET_REQUESTED, Subject(account_id=account_id), now)
    return None


def is_good(database: Database, clock: Clock, snapshot: Snapshot, token: str) -> bool:
    """Whether a link can be used now; looking, however often, uses nothing."""
    presented = genuine(database, clock, snapshot, reset_tokens, token)
    if presented is None:
        return False
    with database.reading() as tx:
        return _is_good(database, snapshot, tx, presented, clock.now())


def complete(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: Completion
) -> Refused | None:
    """Set the password by a link, which is good once; every session of the account ends.

    `void_link` says that the link is not, or no longer, good; a password that cannot be chosen
    leaves the link as it is.
    """
    presented = genuine(database, clock, snapshot, reset_tokens, command.token)
    if presented is None:
        return Refused(Refusal.VOID_LINK)
    account_id, secret_hash = presented.account_id, presented.secret_hash
    with database.reading() as tx:
        if not _is_good(database, snapshot, tx, presented, clock.now()):
            return Refused(Refusal.VOID_LINK)
        known_words = passwords.known_words(tx, account_id)
    new_hash = passwords.hashed(gate, command.new_password, known_words)
    if isinstance(new_hash, Refused):
        return new_hash
    with database.transaction() as tx:
        account, now = accounts.lock(tx, account_id), clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        if account is None or not account.enabled:
            return Refused(Refusal.VOID_LINK)
        if not password_resets.spend(tx, account_id, secret_hash, now):
            return Refused(Refusal.VOID_LINK)
        author = Author(f"account:{account_id}", command.origin)
        passwords.replace(tx, gate, account_id, new_hash, author, now)
        subject = Subject(account_id=account_id)
        record(tx, author, Event.PASSWORD_RESET, subject, now, reason=Refusal.PASSWORD_RESET)
    return None


def _is_good(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    presented: PresentedToken,
    now: datetime,
) -> bool:
    prove(snapshot, configuration.version(database, InTransaction(tx)), now)
    account = accounts.read(tx, presented.account_id)
    return (
        account is not None
        and account.enabled
        and password_resets.is_good(tx, presented.account_id, presented.secret_hash, now)
    )


def _nobody(gate: Gate, name: str | None) -> str:
    """The id of an account that does not exist: for each name another one, and always the same, so
    that all goes the way it goes for a name that is somebody's."""
    hashed = opaque.keyed_hash(gate.throttle.pepper, "nobody of this name", name or "")
    return (opaque.decode(hashed) or b"")[:16].hex()


def _address(held: Iterable[SignInName], asked_for: str | None) -> str:
    """Where the link goes: the e-mail address that was named, else the account's first; or ""."""
    addresses = [name for name in held if name.kind is NameKind.EMAIL]
    named = [name for name in addresses if name.normalised == asked_for]
    return next((name.display for name in (*named, *addresses)), "")


def _wait(tx: Transaction, gate: Gate, who: str, rule: ThrottleRule, now: datetime) -> int:
    """Seconds until another link may be asked for; 0: now, and this one is counted."""
    subject = opaque.keyed_hash(gate.throttle.pepper, "requests of a password reset", who)
    return counted(tx, subject, rule, now)
