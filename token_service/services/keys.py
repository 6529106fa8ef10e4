"""Keys come, rotate and go by themselves; an administrator may hurry them."""

from collections.abc import Iterable
from dataclasses import dataclass

from token_service.clock import Clock
from token_service.crypto import keyring
from token_service.crypto.keyring import KeyEncryption
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.keys import (
    Algorithm,
    KeyPeriod,
    KeyPurpose,
    KeyRecord,
    KeyRules,
    handed_over,
    needed,
    rotated,
)
from token_service.domain.refusals import Refusal
from token_service.services import recording
from token_service.services.configuration import prove_clock
from token_service.storage import configuration, keys
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """Which keys the service keeps, and for how long each."""

    encryption: KeyEncryption
    algorithms: tuple[str, ...]
    signing: KeyRules
    opaque: KeyRules

    def kinds(self) -> Iterable[tuple[KeyPurpose, str, KeyRules]]:
        """Every purpose and algorithm with its rules."""
        yield KeyPurpose.OPAQUE, Algorithm.HKDF_SHA256, self.opaque
        for algorithm in self.algorithms:
            yield KeyPurpose.SIGNING, algorithm, self.signing


def ensure(database: Database, clock: Clock, plan: KeyPlan) -> int:
    """Make the keys that are due; answers how many. Safe in any number of processes at once.

    The look without a lock comes first: nearly always nothing is due.
    """
    prove_clock(database, clock)
    with database.reading() as tx:
        if not _due(keys.read_all(tx), plan, clock):
            return 0
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        present = keys.read_all(tx)
        due = _due(present, plan, clock)
        for purpose, algorithm, rules, period in due:
            _make(tx, clock, plan, purpose, algorithm, period, "service")
            _hand_over(tx, _of_kind(present, purpose, algorithm), period, rules, clock)
        if due:
            configuration.changed(tx)
    return len(due)


def rotate(
    database: Database, clock: Clock, plan: KeyPlan, algorithm: str, actor: str
) -> KeyRecord | None:
    """Publish a new key now that becomes active one cache time later; None: no such algorithm.

    `algorithm` is a signing algorithm, or that of the opaque keys.
    """
    kind = next((one for one in plan.kinds() if one[1] == algorithm), None)
    if kind is None:
        return None
    purpose, _, rules = kind
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        now = clock.now()
        present = _of_kind(keys.read_all(tx), purpose, algorithm)
        period = rotated(present, rules, now)
        made = _make(tx, clock, plan, purpose, algorithm, period, actor)
        _hand_over(tx, present, period, rules, clock)
        configuration.changed(tx)
    return made


def revoke(
    database: Database, clock: Clock, plan: KeyPlan, kid: str, reason: str, actor: str
) -> bool:
    """Emergency: every token of the key is invalid from this commit on, everywhere.

    A successor that signs at once is made in the same transaction.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        now = clock.now()
        if not keys.revoke(tx, kid, reason, now):
            return False
        for purpose, algorithm, _, period in _due(keys.read_all(tx), plan, clock):
            _make(tx, clock, plan, purpose, algorithm, period, actor)
        _record(tx, clock, Event.KEY_RETIRED, kid, actor, reason)
        configuration.changed(tx)
    return True


def drop_gone(database: Database, clock: Clock) -> int:
    """Delete signing keys that are gone.

    Opaque keys stay: each is one small row, and as long as one is there a replay of its oldest
    token is still recognised as what it is.
    """
    prove_clock(database, clock)
    with database.transaction() as tx:
        return keys.drop_gone(tx, KeyPurpose.SIGNING, clock.now())


def list_keys(database: Database) -> list[KeyRecord]:
    """Every key there is, without anything private in its representation."""
    with database.reading() as tx:
        return keys.read_all(tx)


def _due(
    present: list[KeyRecord], plan: KeyPlan, clock: Clock
) -> list[tuple[KeyPurpose, str, KeyRules, KeyPeriod]]:
    now = clock.now()
    periods = (
        (purpose, algorithm, rules, needed(_of_kind(present, purpose, algorithm), rules, now))
        for purpose, algorithm, rules in plan.kinds()
    )
    return [(purpose, algorithm, rules, due) for purpose, algorithm, rules, due in periods if due]


def _of_kind(present: list[KeyRecord], purpose: KeyPurpose, algorithm: str) -> list[KeyRecord]:
    return [key for key in present if (key.purpose, key.algorithm) == (purpose, algorithm)]


def _hand_over(
    tx: Transaction,
    present: list[KeyRecord],
    successor: KeyPeriod,
    rules: KeyRules,
    clock: Clock,
) -> None:
    for key in handed_over(present, successor, rules, clock.now()):
        keys.retire_at(tx, key.kid, key.retires_at, key.gone_at)


def _make(
    tx: Transaction,
    clock: Clock,
    plan: KeyPlan,
    purpose: KeyPurpose,
    algorithm: str,
    period: KeyPeriod,
    actor: str,
) -> KeyRecord:
    made = keyring.generate(
        purpose,
        algorithm,
        number=keys.next_number(tx),
        now=clock.now(),
        activates_at=period.activates_at,
        retires_at=period.retires_at,
        gone_at=period.gone_at,
        encryption=plan.encryption,
    )
    keys.insert_key(tx, made)
    _record(tx, clock, Event.KEY_CREATED, made.kid, actor, "")
    return made


def _record(tx: Transaction, clock: Clock, event: Event, kid: str, actor: str, reason: str) -> None:
    now = clock.now()
    row = AuditEvent(
        event=event,
        origin=Origin(),
        actor=actor,
        reason=Refusal.REVOKED if event is Event.KEY_RETIRED else "",
        details={"kid": kid, "reason": reason} if reason else {"kid": kid},
    )
    recording.record(tx, row, now)
