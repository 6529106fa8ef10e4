"""A service as its web layer uses it, without HTTP: one call of a use case each.

Every call runs on the configuration in force, as `web/current.py` does it; `stale` calls do not.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Table, func, insert, select, update

from tests.world.world import App, Person, World
from token_service.crypto import opaque, refresh_tokens
from token_service.domain.clients import Client
from token_service.domain.events import Origin
from token_service.domain.failures import StaleConfiguration
from token_service.domain.refreshing import Presentation
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device, GrantKey, GrantState, relogin_limit
from token_service.services import account_sessions, inspection, refreshing, revocation, signing_in
from token_service.services.changes import Author
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause
from token_service.services.inspection import Inspection
from token_service.services.issuing import IssuedTokens
from token_service.storage import grants
from token_service.storage.rotations import Rotation
from token_service.storage.tables import accounts, metadata, sessions
from token_service.storage.tables import grants as grants_table

HERE = Origin(address="192.0.2.1")
NO_DEVICE = Device()
AUTHOR = Author("cli")
BY_USER = Cause(Refusal.ENDED_BY_USER, "account:test", HERE)
BY_ADMIN = Cause(Refusal.ENDED_BY_ADMIN, "cli", HERE)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Signed:
    """A person with a session through an app in a tenant."""

    world: World
    tenant: str
    person: Person
    app: App
    tokens: IssuedTokens

    @property
    def key(self) -> GrantKey:
        """The row of the session's grant."""
        return key_of(self.world, self.tokens.refresh_token)


def current(world: World, use: Callable[[Snapshot], Answer]) -> Answer:
    """Run a use case on the configuration in force, however often it changes meanwhile."""
    configuration = world.parts.configuration
    snapshot = configuration.current()
    while True:
        try:
            return use(snapshot)
        except StaleConfiguration:
            snapshot = configuration.reload(snapshot)


def client_of(snapshot: Snapshot, app: App) -> Client:
    client = snapshot.client(app.client_id)
    assert client is not None
    return client


def signed_in(world: World, *, kind: str = "app", **policy: object) -> Signed:
    """A session in a tenant with this policy."""
    tenant = world.tenant(**policy)
    person, app = world.person(tenant), world.client(kind)
    return Signed(world, tenant, person, app, tokens_of(sign_in(world, person, app)))


def tokens_of(answer: IssuedTokens | Refused) -> IssuedTokens:
    assert isinstance(answer, IssuedTokens), answer
    return answer


def reason_of(answer: object) -> Refusal:
    assert isinstance(answer, Refused), answer
    return answer.reason


def sign_in(
    world: World,
    person: Person,
    app: App,
    tenant_id: str | None = None,
    origin: Origin = HERE,
    device: Device = NO_DEVICE,
) -> IssuedTokens | Refused:
    parts = world.parts

    def use(snapshot: Snapshot) -> IssuedTokens | Refused:
        command = signing_in.SignIn(
            client=client_of(snapshot, app),
            identifier=person.email,
            password=person.password,
            tenant_id=tenant_id,
            scope=None,
            remember_me=False,
            origin=origin,
            device=lambda: device,
        )
        return signing_in.sign_in(parts.database, parts.clock, snapshot, parts.gate, command)

    return current(world, use)


def refresh(
    world: World, app: App, token: str | None, address: str = HERE.address
) -> IssuedTokens | Refused:
    return current(world, lambda snapshot: stale_refresh(world, snapshot, app, token, address))


def stale_refresh(
    world: World, snapshot: Snapshot, app: App, token: str | None, address: str = HERE.address
) -> IssuedTokens | Refused:
    """A refresh on this very snapshot."""
    client = client_of(snapshot, app)
    command = refreshing.Refresh(client, token or "", None, Origin(address=address))
    return refreshing.refresh(world.parts.database, world.parts.clock, snapshot, command)


def inspect(world: World, token: str) -> Inspection | Refused:
    return current(world, lambda snapshot: stale_inspect(world, snapshot, token))


def stale_inspect(world: World, snapshot: Snapshot, token: str) -> Inspection | Refused:
    return inspection.inspect(world.parts.database, world.parts.clock, snapshot, token)


def is_live(world: World, tokens: IssuedTokens) -> bool:
    """Whether the access token is good, asked online."""
    return isinstance(inspect(world, tokens.access_token), Inspection)


def end(signed: Signed, cause: Cause = BY_USER) -> bool:
    """End the session."""
    parts, key = signed.world.parts, signed.key
    return account_sessions.end_one(parts.database, parts.clock, key.account_id, key.sid, cause)


def end_all(world: World, person: Person, keep_sid: str | None = None) -> bool:
    parts = world.parts
    return account_sessions.end_all(
        parts.database, parts.clock, person.account_id, BY_ADMIN, keep_sid
    )


def revoke(world: World, app: App, token: str | None) -> Refused | None:
    parts = world.parts
    return current(
        world,
        lambda snapshot: revocation.revoke(
            parts.database, parts.clock, snapshot, client_of(snapshot, app), token or "", HERE
        ),
    )


def live_sids(world: World, person: Person, limit: int = 100) -> list[str]:
    """The sids of the first page of live sessions, newest first."""
    page = current(world, lambda snapshot: page_of(world, snapshot, person, None, limit))
    return [item.session.sid for item in page.items]


def page_of(
    world: World, snapshot: Snapshot, person: Person, before: str | None, limit: int
) -> account_sessions.Page:
    parts = world.parts
    page = account_sessions.list_live(
        parts.database, parts.clock, snapshot, person.account_id, before, limit
    )
    assert page is not None
    return page


def presented(world: World, token: str | None) -> refresh_tokens.Presented:
    """What a refresh token says."""
    keys = current(world, lambda snapshot: snapshot.keyring.opaque_keys(world.parts.clock.now()))
    parsed = refresh_tokens.parse(keys, token or "")
    assert parsed is not None
    return parsed


def key_of(world: World, token: str | None) -> GrantKey:
    return refreshing.grant_key(presented(world, token))


def rotation_of(world: World, app: App, token: str | None, **changes: Any) -> Rotation:
    """What the guarded statement is given for a refresh with this token now."""
    said, now = presented(world, token), world.parts.clock.now()
    snapshot = world.parts.configuration.reload(world.parts.configuration.current())
    rules = snapshot.rules(said.locator.tenant_id, client_of(snapshot, app))
    assert rules is not None
    rotation = Rotation(
        key=refreshing.grant_key(said),
        presented=Presentation(
            app.client_id,
            said.locator.tenant_id,
            said.generation,
            said.key_number,
            said.secret_hash,
        ),
        next_key_number=said.key_number,
        tenant_epoch=rules.tenant_epoch,
        client_epoch=rules.client_epoch,
        configuration_version=snapshot.version,
        unused_limit=rules.policy.unused_limit,
        remembered_limit=rules.remembering.unused_limit,
        force_relogin=snapshot.force_relogin,
        client_relogin=relogin_limit(rules.policy),
        may_impersonate=rules.may_impersonate,
        used_from=HERE.address,
        now=now,
    )
    return rotation._replace(**changes)


def state_of(signed: Signed) -> GrantState:
    """The grant as one statement reads it."""
    database = signed.world.database
    limit = current(signed.world, lambda snapshot: snapshot.force_relogin)
    with database.query() as tx:
        read = grants.read(database, tx, signed.key, signed.tenant, limit)
    assert read is not None
    return read.state


def change(world: World, table: Table, where: Any, **values: Any) -> int:
    """Write behind the service's back; answers how many rows."""
    with world.database.transaction() as tx:
        return int(tx.execute(update(table).where(where).values(**values)).rowcount)


def row_counts(world: World) -> dict[str, int]:
    """How many rows each table has."""
    with world.database.reading() as tx:
        return {
            name: tx.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def multiply(signed: Signed, sids: Iterable[str], **session_and_grant: Any) -> None:
    """Give the account more sessions like its first one, straight into the tables.

    The values are for columns of either table: `ends_at=...`, `purge_day=...`.
    """
    key, sids = signed.key, list(sids)
    if not sids:
        return
    with signed.world.database.transaction() as tx:
        for table, own in (
            (sessions, {}),
            (grants_table, {"grant_id": opaque.new_grant_id}),
        ):
            where = (table.c.account_id == key.account_id) & (table.c.sid == key.sid)
            first = dict(tx.execute(select(table).where(where)).mappings().one())
            first |= {name: value for name, value in session_and_grant.items() if name in table.c}
            tx.execute(
                insert(table),
                [
                    first | {"sid": sid} | {name: make() for name, make in own.items()}
                    for sid in sids
                ],
            )


def account_epoch(world: World, person: Person) -> int:
    with world.database.reading() as tx:
        where = accounts.c.account_id == person.account_id
        return int(tx.execute(select(accounts.c.epoch).where(where)).scalar_one())


def end_reason(world: World, sid: str | None) -> str | None:
    """The stored reason of a session's end; None while it has none."""
    with world.database.reading() as tx:
        return tx.execute(select(sessions.c.end_reason).where(sessions.c.sid == sid)).scalar_one()


def sids_before(moment: datetime, count: int) -> list[str]:
    """Ids of sessions opened in the milliseconds before, oldest first."""
    return [
        opaque.new_id(moment - timedelta(milliseconds=number)) for number in range(count, 0, -1)
    ]
