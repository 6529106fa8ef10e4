"""A trusted backend acts as somebody: what it gets, what everybody can see, and what stays."""

import pytest

from tests.http.building import assert_refused, signed_in
from tests.http.faults import failing
from tests.http.impersonation.building import (
    REASON,
    act,
    acting,
    last_event,
    own_list,
    try_to_act,
)
from tests.world.world import Time, World, tokens_of


def test_a_backend_gets_what_a_sign_in_gives_and_no_password_is_asked(world: World) -> None:
    who = signed_in(world)
    answer = try_to_act(who)
    assert answer.status_code == 201
    body = answer.get_json()
    assert body.keys() == who.tokens.body.keys() - {"device_token"}
    assert (body["token_type"], body["tenantId"], body["scope"]) == (
        "Bearer",
        who.tenant_id,
        "read",
    )
    assert body["sid"] != who.tokens.sid
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_everywhere_one_sees_who_is_behind_it(world: World) -> None:
    one = acting(world)
    who, client_id = one.who, one.who.backend.client_id
    claims = world.validate(one.tokens.access)
    assert claims["sub"] == who.account_id
    assert claims["act"] == {"sub": client_id}
    assert world.introspect(who.backend, one.tokens.access)["act"] == {"sub": client_id}
    assert world.introspect(who.backend, one.tokens.refresh)["act"] == {"sub": client_id}
    gateway = world.http.get("/v1/token/validate", headers=one.bearer)
    assert gateway.headers["X-Token-Actor"] == client_id
    listed = {item["sid"]: item["impersonator"] for item in own_list(who)}
    assert listed == {who.tokens.sid: None, one.tokens.sid: client_id}
    events = [event for event in world.events(who.account_id) if event.sid == one.tokens.sid]
    assert [str(event.event) for event in events] == ["impersonation_started"]
    assert (events[0].actor, events[0].client_id) == (f"client:{client_id}", client_id)


def test_who_really_signs_in_has_no_actor(world: World) -> None:
    who = signed_in(world)
    assert "act" not in world.validate(who.tokens.access)
    assert "act" not in world.introspect(who.app, who.tokens.refresh)
    gateway = world.http.get("/v1/token/validate", headers=who.tokens.bearer)
    assert gateway.headers["X-Token-Actor"] == ""


def test_the_token_claims_no_sign_in_that_never_was(world: World) -> None:
    one = acting(world)
    for tokens in (one.tokens, one.refreshed().tokens):
        claims = world.validate(tokens.access)
        assert claims["act"] == {"sub": one.who.backend.client_id}
        assert claims.keys() & {"auth_time", "amr"} == set()


def test_it_is_on_the_record_with_its_reason(world: World) -> None:
    one = act(signed_in(world), lifetime=600)
    event = last_event(one.who)
    assert str(event.event) == "impersonation_started"
    assert (event.tenant_id, event.sid) == (one.who.tenant_id, one.tokens.sid)
    assert event.origin.address == "127.0.0.1"
    assert event.details == {"reason": REASON, "lifetime": 600, "scope": "read"}


def test_what_cannot_be_put_on_the_record_does_not_happen(world: World) -> None:
    who = signed_in(world)
    before = world.sql("SELECT count(*) FROM sessions"), world.sql("SELECT count(*) FROM grants")
    with failing("storage.audit.record"):
        assert_refused(try_to_act(who), 503, "unavailable")
    world.sql("ALTER TABLE audit_events RENAME TO elsewhere")
    assert_refused(try_to_act(who), 503, "unavailable")
    world.sql("ALTER TABLE elsewhere RENAME TO audit_events")
    assert (
        world.sql("SELECT count(*) FROM sessions"),
        world.sql("SELECT count(*) FROM grants"),
    ) == before
    assert who.happened == []


def test_the_record_is_written_before_the_token_is_made(world: World) -> None:
    who = signed_in(world)
    with failing("services.opening.write"):
        assert try_to_act(who).status_code == 503
    assert who.happened == []
    with failing("services.issuing.making_session_tokens"):
        assert try_to_act(who).status_code == 503
    assert who.happened == []
    assert [item["sid"] for item in own_list(who)] == [who.tokens.sid]


# How long.


@pytest.mark.parametrize(("asked", "seconds"), [(None, 1800), (1, 1), (600, 600), (3600, 3600)])
def test_it_ends_after_the_time_that_was_asked_for(
    world: World, time: Time, asked: int | None, seconds: int
) -> None:
    one = act(signed_in(world, access_token_lifetime=7200), lifetime=asked)
    assert one.tokens.body["expires_in"] == seconds
    time.pass_(seconds=seconds // 2)
    one = one.refreshed()
    assert one.tokens.body["expires_in"] == seconds - seconds // 2
    time.pass_(seconds=seconds - seconds // 2 - 1)
    assert world.validate(one.tokens.access)["active"]
    assert len(own_list(one.who)) == 2
    time.pass_(seconds=1)
    assert world.validate(one.tokens.access) == {"active": False}
    assert len(own_list(one.who)) == 1
    refused = world.try_refresh(one.who.backend, one.tokens.refresh)
    assert_refused(refused, 400, "invalid_grant")
    assert (str(last_event(one.who).event), last_event(one.who).reason) == (
        "session_ended",
        "absolute_timeout",
    )


def test_the_list_says_when_it_ends(world: World) -> None:
    one = act(signed_in(world), lifetime=1200)
    item = next(item for item in own_list(one.who) if item["sid"] == one.tokens.sid)
    assert (item["created_at"], item["ends_at"]) == (
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:20:00.000Z",
    )
    assert item["remembered"] is False


def test_a_tenants_stricter_limits_hold_too(world: World, time: Time) -> None:
    one = acting(world, idle_timeout=60)
    time.pass_(seconds=59)
    one = one.refreshed()
    time.pass_(seconds=60)
    assert world.validate(one.tokens.access) == {"active": False}
    refused = world.try_refresh(one.who.backend, one.tokens.refresh)
    assert_refused(refused, 400, "invalid_grant")
    assert last_event(one.who).reason == "idle_timeout"


def test_remembering_lengthens_nothing(world: World, time: Time) -> None:
    one = acting(world, remember_me=True, remember_me_lifetime=86_400)
    time.pass_(seconds=1800)
    assert world.validate(one.tokens.access) == {"active": False}


# With what scope.


def test_the_scope_is_the_backends_without_what_nobody_gets_so(world: World) -> None:
    who = signed_in(world)
    backend = world.client("backend", scope="offline_access openid read write")
    sent = {"headers": backend.basic}
    assert tokens_of(try_to_act(who, **sent)).body["scope"] == "openid read write"
    assert tokens_of(try_to_act(who, scope="write", **sent)).body["scope"] == "write"
    for scope in (
        "email",
        "offline_access",
        "admin",
        "openid offline_access",
        'a"b',
        "read  write",
    ):
        assert_refused(try_to_act(who, scope=scope, **sent), 400, "invalid_scope")


def test_a_refresh_narrows_and_never_widens(world: World) -> None:
    who = signed_in(world)
    backend = world.client("backend", scope="offline_access openid read write")
    tokens = tokens_of(try_to_act(who, backend.basic, scope="openid read"))
    for scope in ("write", "offline_access", "admin"):
        answer = world.try_refresh(backend, tokens.refresh, scope=scope)
        assert_refused(answer, 400, "invalid_scope")
    assert world.refresh(backend, tokens.refresh, scope="read").body["scope"] == "read"


# As which client.


def test_the_backend_refreshes_and_nobody_else_does(world: World) -> None:
    one = acting(world)
    assert_refused(world.try_refresh(one.who.app, one.tokens.refresh), 400, "invalid_grant")
    after = one.refreshed()
    assert after.tokens.sid == one.tokens.sid
    assert world.validate(after.tokens.access)["act"] == {"sub": one.who.backend.client_id}
    in_json = world.try_json_refresh(one.who.backend, after.tokens.refresh)
    assert world.validate(in_json.get_json()["access_token"])["act"]


def test_a_retry_gives_the_same_and_a_replay_ends_it(world: World, time: Time) -> None:
    one = acting(world)
    after = one.refreshed()
    assert one.refreshed().tokens.refresh == after.tokens.refresh
    time.pass_(seconds=61)
    refused = world.try_refresh(one.who.backend, one.tokens.refresh)
    assert_refused(refused, 400, "invalid_grant")
    assert last_event(one.who).reason == "replayed"
    assert not world.validate(after.tokens.access)["active"]
    assert world.is_live(one.who.tokens)


def test_a_backend_of_a_tenant_acts_in_its_tenant(world: World) -> None:
    who = signed_in(world)
    backend = world.client("backend", tenant_id=who.tenant_id)
    tokens = tokens_of(try_to_act(who, backend.basic))
    assert world.validate(tokens.access)["tenantId"] == who.tenant_id


def test_someone_who_is_locked_out_can_be_helped(world: World) -> None:
    who = signed_in(world)
    for _ in range(11):
        world.try_sign_in(who.person, who.app, password="wrong")
    assert world.try_sign_in(who.person, who.app).status_code == 429
    act(who)


# What it leaves alone.


def test_nothing_of_the_persons_own_changes(world: World, time: Time) -> None:
    who = signed_in(world)
    account = "SELECT * FROM accounts WHERE account_id = :id"
    counts = "SELECT * FROM failure_counts"
    session = "SELECT * FROM sessions WHERE sid = :sid"
    world.try_sign_in(who.person, who.app, password="wrong")
    before = (
        world.sql(account, id=who.account_id),
        world.sql(counts),
        world.sql(session, sid=who.tokens.sid),
    )
    time.pass_(minutes=1)
    one = act(who).refreshed()
    world.http.post("/v1/me/sessions/ping", headers=one.bearer)
    world.invalidate(token=one.tokens.access)
    assert (
        world.sql(account, id=who.account_id),
        world.sql(counts),
        world.sql(session, sid=who.tokens.sid),
    ) == before
    assert "signed_in" not in [name for name, _ in who.happened]
    assert who.refreshed()


def test_two_backends_act_apart_from_each_other(world: World) -> None:
    one = acting(world)
    other = tokens_of(try_to_act(one.who, world.client("backend").basic))
    world.invalidate(token=one.tokens.refresh)
    assert world.is_live(other)
    assert world.is_live(one.who.tokens)
