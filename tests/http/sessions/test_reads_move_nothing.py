"""Whatever is asked, in whatever order and however often: no end of anything moves."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.building import SignedIn, signed_in
from tests.world.world import Time, World

PING = "ping"
READS: dict[str, Callable[[SignedIn], Any]] = {
    "validate": lambda who: who.world.validate(who.tokens.access),
    "gateway": lambda who: who.world.http.get("/v1/token/validate", headers=who.tokens.bearer),
    "introspect": lambda who: who.world.introspect(who.app, who.tokens.access),
    "introspect a refresh token": lambda who: who.world.introspect(who.app, who.tokens.refresh),
    "in JSON": lambda who: who.world.http.post(
        "/v1/token/introspect", json={"token": who.tokens.access}, headers=who.app.basic
    ),
    "own list": lambda who: who.world.http.get("/v1/me/sessions", headers=who.tokens.bearer),
    "own ended": lambda who: who.world.http.get(
        "/v1/me/sessions?state=ended", headers=who.tokens.bearer
    ),
    "own session": lambda who: who.world.http.get(
        f"/v1/me/sessions/{who.tokens.sid}", headers=who.tokens.bearer
    ),
    "list": lambda who: who.world.http.get(
        f"/v1/accounts/{who.account_id}/sessions", headers=who.backend.basic
    ),
    "me": lambda who: who.world.http.get("/v1/me", headers=who.tokens.bearer),
    "tenants": lambda who: who.world.http.get("/v1/me/tenants", headers=who.tokens.bearer),
    "keys": lambda who: who.world.http.get("/.well-known/jwks.json"),
    PING: lambda who: who.world.http.post("/v1/me/sessions/ping", headers=who.tokens.bearer),
}
SEEN = {
    *("last_active_at", "ip", "user_agent", "browser", "os", "device"),
    *("city", "country", "latitude", "longitude"),
}
"""What a ping may change."""


def rows(world: World) -> list[dict[str, object]]:
    """Everything that is stored of sessions and grants."""
    with world.database.reading() as tx:
        return [
            dict(row)
            for table in ("sessions", "grants")
            for row in tx.exec_driver_sql(f"SELECT * FROM {table}").mappings()
        ]


def test_no_read_moves_any_expiry(world: World, time: Time) -> None:
    who = signed_in(world, access_token_lifetime=3_600).refreshed()

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(st.sampled_from(sorted(READS)), st.integers(0, 3)), max_size=12))
    def asked_in_any_order(asked: list[tuple[str, int]]) -> None:
        before = rows(world)
        for name, seconds in asked:
            time.pass_(seconds=seconds)
            READS[name](who)
        after = rows(world)
        may_change = SEEN if any(name == PING for name, _ in asked) else set()
        for one, other in zip(before, after, strict=True):
            changed = {column for column in one if one[column] != other[column]}
            assert changed <= may_change

    asked_in_any_order()
