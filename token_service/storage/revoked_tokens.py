"""Client-credentials tokens that were revoked, kept until they would have expired anyway."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import String, bindparam, exists, select

from token_service.storage.compiled import Compiled, Flavour, compiled, database_now
from token_service.storage.configuration import Versioned
from token_service.storage.conflicts import inserting
from token_service.storage.database import Ask, Asks, Database, Transaction
from token_service.storage.tables import environment, revoked_tokens
from token_service.storage.types import moment


def add(tx: Transaction, jti: str, expires_at: datetime) -> None:
    """Revoke the token; saying it twice is fine."""
    tx.execute(
        inserting(tx, revoked_tokens)
        .values(jti=jti, expires_at=expires_at)
        .on_conflict_do_nothing()
    )


def asking(database: Database, jti: str) -> Asks[tuple[bool, Versioned]]:
    """Whether the token was revoked, with the configuration version in force."""
    parameters = {"jti": jti, **database.clock_parameters()}
    [[(revoked, version, clock)]] = yield Ask(_is_revoked(database.flavour), [parameters])
    return bool(revoked), Versioned(version, moment(clock))


@lru_cache
def _is_revoked(flavour: Flavour) -> Compiled:
    named = revoked_tokens.c.jti == bindparam("jti", type_=String, required=True)
    found = exists().where(named)
    return compiled(
        select(found, environment.c.configuration_version, database_now(flavour)), flavour
    )
