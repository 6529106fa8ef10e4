"""Sessions by the thousand and by the million: copies of a real one, each with a token of its own.

Four are of each account, whose name is `NAME` and whose password is that of the real one. A copy
has the secret of its original, so its refresh token differs in the address only; it is made here,
with the service's own keys.
"""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from benchmarks import copies
from benchmarks.generator import Generator
from benchmarks.postgres import Postgres
from benchmarks.service import Service
from token_service import settings
from token_service.app import create_app
from token_service.crypto import refresh_tokens
from token_service.crypto.locators import Locator
from token_service.crypto.refresh_tokens import OpaqueKeys
from token_service.web.parts import EXTENSION

NAME = "person-{person}@example.test"
_SQL_NAME = "'person-' || n || '@example.test'"
_ACCOUNT, _SESSION = "f191", "f192"
OF_AN_ACCOUNT = 4


class Crowd:
    """The sessions of one service, numbered from 0."""

    def __init__(
        self,
        generator: Generator,
        postgres: Postgres,
        database: str,
        service: Service,
        number: int,
    ) -> None:
        """Signs in once and inserts so many copies; `service` runs on that database."""
        print(f"inserting {number:,} sessions", flush=True)
        one = service.sign_in(generator, 1, "one").refresh.read_text().strip()
        self._keys = _keys(service)
        self._real = refresh_tokens.parse(self._keys, one)
        began = time.monotonic()
        _insert(postgres, database, self._real.locator, number)
        self.seconds = time.monotonic() - began

    def tokens(self, numbers: Iterable[int]) -> str:
        """The first refresh tokens of some sessions, one a line."""
        return "".join(f"{self._token(number)}\n" for number in numbers)

    def _token(self, number: int) -> str:
        real = self._real
        return refresh_tokens.issue(
            self._keys,
            locator=replace(
                real.locator,
                account_id=copies.identifier(_ACCOUNT, number // OF_AN_ACCOUNT),
                sid=copies.identifier(_SESSION, number),
            ),
            generation=real.generation,
            key_number=real.key_number,
            secret=real.secret,
        )


def _keys(service: Service) -> OpaqueKeys:
    parts = create_app(settings.load(service.environ)).extensions[EXTENSION]
    keys = parts.configuration.current().keyring.opaque_keys(parts.clock.now())
    parts.database.close()
    return keys


def _insert(postgres: Postgres, database: str, real: Locator, number: int) -> None:
    """Two tables at a time; then as an autovacuum leaves them, which no insertion may be beside."""
    own, member = {"account_id": real.account_id}, {"tenant_id": real.tenant_id}
    sessions, accounts = range(number), range(number // OF_AN_ACCOUNT + 1)
    account = {"account_id": copies.key(_ACCOUNT)}
    session = {
        "account_id": copies.key(_ACCOUNT, f"n / {OF_AN_ACCOUNT}"),
        "sid": copies.key(_SESSION),
    }

    def insert(table: str, *how: object) -> None:
        with postgres.connect(database) as connection:
            copies.multiply(connection, table, *how)

    def vacuum(table: str) -> None:
        with postgres.connect(database) as connection:
            connection.execute(f"VACUUM (ANALYZE) {table}")

    tables = [
        ("grants", sessions, own, session),
        ("sessions", sessions, own, session),
        ("accounts", accounts, own, account),
        ("account_names", accounts, own, account | dict.fromkeys(("name", "display"), _SQL_NAME)),
        ("memberships", accounts, own | member, account),
    ]
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda one: insert(*one), tables))
        list(two.map(lambda one: vacuum(one[0]), tables))
    with postgres.connect(database) as connection:
        connection.execute("CHECKPOINT")
