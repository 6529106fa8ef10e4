"""Whether this worker can do its work now: what `/readyz` asks."""

from collections.abc import Iterable

from token_service.clock import Clock
from token_service.domain.failures import KeyUnreadable, NoKey, StaleConfiguration, Unavailable
from token_service.services.configuration import Configuration, Snapshot, prove_current
from token_service.storage import configuration as stored
from token_service.storage import schema
from token_service.storage.database import Database


def obstacles(
    database: Database, clock: Clock, configuration: Configuration, algorithms: Iterable[str]
) -> list[str]:
    """What is in the way (`database`, `schema`, `clock`, `keys`); empty where nothing is."""
    try:
        if not schema.is_enough(schema.revision(database)):
            return ["schema"]
        with database.transaction() as tx:
            # Locked as by a writer, so that a standby or a full disk is found out here.
            if stored.lock_environment(tx) is None:
                return ["schema"]
    except Unavailable:
        return ["database"]
    return _by_snapshot(database, clock, configuration, algorithms)


def _by_snapshot(
    database: Database, clock: Clock, configuration: Configuration, algorithms: Iterable[str]
) -> list[str]:
    try:
        snapshot = configuration.current()
        try:
            prove_current(database, clock, snapshot)
        except StaleConfiguration:
            snapshot = configuration.reload(snapshot)
    except Unavailable as unavailable:
        return ["clock" if unavailable.private.startswith("clock") else "database"]
    return [] if _has_keys(snapshot, clock, algorithms) else ["keys"]


def _has_keys(snapshot: Snapshot, clock: Clock, algorithms: Iterable[str]) -> bool:
    now = clock.now()
    try:
        for algorithm in algorithms:
            snapshot.keyring.signing_key(algorithm, now)
        snapshot.keyring.opaque_keys(now)
    except (NoKey, KeyUnreadable):
        return False
    return True
