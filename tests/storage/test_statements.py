"""The hot paths: how many statements they are, and that they find every row by its key."""

import json
import re
from collections import Counter
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from tests.storage.building import HERE, inspect, refresh, sign_in, signed_in, tokens_of
from tests.storage.counting import statements
from tests.world.browser import VERIFIER, Browser, redeemed, web_app
from tests.world.world import prepare
from token_service.crypto.authorization_codes import challenge_of
from token_service.services import inspection, refreshing
from token_service.storage import configuration, grant_statements, revoked_tokens
from token_service.storage import inspection as stored
from token_service.storage.compiled import Flavour
from token_service.storage.pinned import PLANNING

REFRESH = {
    "sqlite": ["BEGIN", "UPDATE grants", "SELECT", "COMMIT"],
    "postgresql": ["UPDATE grants"],
}
KEYS = {
    "pk_accounts": {"account_id"},
    "pk_memberships": {"account_id"},
    "ix_memberships_tenant_id": {"tenant_id", "account_id"},
    "pk_sessions": {"account_id", "sid"},
    "ix_sessions_not_ended": {"account_id", "sid"},
    "ix_sessions_sid": {"sid"},
    "pk_grants": {"account_id", "sid", "grant_id"},
    "pk_revoked_tokens": {"jti"},
    "pk_tenants": {"tenant_id"},
}
"""The indexes that a hot statement may enter, each by these of its columns: what is found is one
row, or the memberships of one account. The planner takes one of those that are as good; the
statistics of the moment decide."""
BIG = {"accounts", "account_names", "memberships", "sessions", "grants", "revoked_tokens"}


@pytest.fixture
def signed(world):
    """A session in a worker that has its configuration and its connections already."""
    signed = signed_in(world)
    tokens = tokens_of(refresh(world, signed.app, signed.tokens.refresh_token))
    inspect(world, tokens.access_token)
    return type(signed)(world, signed.tenant, signed.person, signed.app, tokens)


def here(world):
    """What the use cases take first, in a worker that is not behind."""
    parts = world.parts
    return parts.database, parts.clock, parts.configuration.current()


def test_a_refresh_is_one_statement(signed):
    database, clock, snapshot = here(signed.world)
    client = snapshot.client(signed.app.client_id)
    command = refreshing.Refresh(client, signed.tokens.refresh_token, None, HERE)
    with statements(signed.world) as heard:
        tokens_of(refreshing.refresh(database, clock, snapshot, command))
    assert heard == REFRESH[database.engine.dialect.name]


def test_a_retry_looks_once_more_and_writes_nothing(signed):
    database, clock, snapshot = here(signed.world)
    client = snapshot.client(signed.app.client_id)
    command = refreshing.Refresh(client, signed.tokens.refresh_token, None, HERE)
    tokens_of(refreshing.refresh(database, clock, snapshot, command))
    with statements(signed.world) as heard:
        tokens_of(refreshing.refresh(database, clock, snapshot, command))
    expected = [one for one in REFRESH[database.engine.dialect.name] if one != "SELECT"]
    assert heard == [*expected, "SELECT"]


@pytest.mark.parametrize("kind", ["validate", "introspect", "introspect a refresh token"])
def test_looking_at_a_token_is_one_statement(signed, kind):
    database, clock, snapshot = here(signed.world)
    client = snapshot.client(signed.app.client_id)
    access, refresh_token = signed.tokens.access_token, signed.tokens.refresh_token
    ask = {
        "validate": partial(inspection.validate, token=access, audience=None),
        "introspect": partial(inspection.introspect, caller=client, token=access),
        "introspect a refresh token": partial(
            inspection.introspect, caller=client, token=refresh_token
        ),
    }[kind]
    with statements(signed.world) as heard:
        found = ask(database, clock, snapshot)
    assert isinstance(found, inspection.Inspection)
    assert heard == ["SELECT"]


def test_a_client_credentials_token_is_looked_at_by_one_statement(world):
    service = world.client("service")
    token = world.client_token(service)
    inspect(world, token)
    database, clock, snapshot = here(world)
    with statements(world) as heard:
        found = inspection.inspect(database, clock, snapshot, token)
    assert isinstance(found, inspection.Inspection)
    assert heard == ["SELECT"]


def test_a_hundred_tokens_of_every_kind_are_looked_at_by_one_statement(signed):
    world = signed.world
    database, clock, snapshot = here(world)
    client, service = snapshot.client(signed.app.client_id), world.client("service")
    refreshed = [signed.tokens]
    for _ in range(24):
        refreshed.append(tokens_of(refresh(world, signed.app, refreshed[-1].refresh_token)))
    others = [tokens_of(sign_in(world, signed.person, signed.app)) for _ in range(25)]
    of_client = [world.client_token(service) for _ in range(24)]
    tokens = [one.access_token for one in (*refreshed, *others)] + of_client + ["garbage"]
    tokens += [one.refresh_token for one in others]
    database, clock, snapshot = here(world)
    inspection.introspect_all(database, clock, snapshot, client, tokens)
    with statements(world) as heard:
        found = inspection.introspect_all(database, clock, snapshot, client, tokens)
    assert heard == ["SELECT"]
    assert len(found) == 100
    assert sum(isinstance(one, inspection.Inspection) for one in found) == 75
    with statements(world) as heard:
        found = inspection.validate_all(database, clock, snapshot, tokens, None)
    assert heard == ["SELECT"]
    assert sum(isinstance(one, inspection.Inspection) for one in found) == 74


def test_garbage_does_not_reach_the_database(signed):
    database, clock, snapshot = here(signed.world)
    client = snapshot.client(signed.app.client_id)
    with statements(signed.world) as heard:
        token, other = signed.tokens.refresh_token, "BA"[signed.tokens.refresh_token[-9] == "B"]
        forged = token[:-9] + other + token[-8:]
        for token in ("", "tsr_", "garbage", forged, "a.b.c"):
            command = refreshing.Refresh(client, token, None, HERE)
            refreshing.refresh(database, clock, snapshot, command)
            inspection.inspect(database, clock, snapshot, token)
            inspection.introspect_all(database, clock, snapshot, client, [token] * 100)
    assert heard == []


SILENT = {"SELECT": 2, "UPDATE grants": 1, "INSERT INTO": 2}
REDEEMED = {"SELECT": 6, "UPDATE authorization_codes": 1, "INSERT INTO": 2}


def test_a_code_flow_is_a_known_number_of_statements(on_postgres):
    world = on_postgres
    app, browser = web_app(world), Browser(world)
    redeemed(world, app, browser.sign_in(app, world.person(world.tenant())).code)
    with statements(world) as heard:
        code = browser.back(app, code_challenge=challenge_of(f"{VERIFIER}2")).code
    assert Counter(heard) == SILENT
    with statements(world) as heard:
        redeemed(world, app, code, code_verifier=f"{VERIFIER}2")
    assert Counter(heard) == REDEEMED


@pytest.fixture(scope="module")
def full(postgres):
    """A database with thousands of accounts, each with sessions, grants and memberships."""
    with filled(postgres, "VACUUM ANALYZE") as url:
        yield url


@pytest.fixture(scope="module", params=["known", "unknown"])
def known_or_not(request, postgres):
    """The same, and one of which PostgreSQL knows no more than on its first day."""
    if request.param == "known":
        yield request.getfixturevalue("full")
        return
    with filled(postgres) as url:
        yield url


@contextmanager
def filled(postgres, *finally_run):
    url = postgres.create(prepare)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for table in BIG:
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        for statement in (*FILLING, *finally_run):
            connection.execute(statement)
    try:
        yield url
    finally:
        postgres.drop(url)


ACCOUNTS = 4000
FILLING = [
    """INSERT INTO tenants
        SELECT md5('t' || i)::uuid, 'tenant ' || i, true, 1, '{}', NULL, '{}', 0
        FROM generate_series(1, 20) i""",
    f"""INSERT INTO accounts
        SELECT md5('a' || i)::uuid, true, 1, NULL, NULL, NULL, 3, NULL, '{{}}', 0, '{{}}', 0
        FROM generate_series(1, {ACCOUNTS}) i""",
    f"""INSERT INTO memberships
        SELECT md5('a' || i)::uuid, md5('t' || (i + j) % 20 + 1)::uuid, j, '[]', 0
        FROM generate_series(1, {ACCOUNTS}) i, generate_series(1, 2) j""",
    f"""INSERT INTO sessions (account_id, sid, created_at, authenticated_at, last_active_at,
            account_epoch, environment_epoch, methods, remembered, ip, user_agent, browser, os,
            device, purge_day)
        SELECT md5('a' || i)::uuid, md5('s' || i || '.' || j)::uuid, 0, 0, 0, 1, 1, 'pwd', false,
            '', '', '', '', '', 1
        FROM generate_series(1, {ACCOUNTS}) i, generate_series(1, 2) j""",
    """INSERT INTO grants (account_id, sid, grant_id, client_id, tenant_id, membership,
            tenant_epoch, client_epoch, scope, generation, key_number, secret_hash, created_at,
            used_at, used_from, ends_at, auth_time, openid)
        SELECT account_id, sid, 1, 'app', md5('t1')::uuid, 1, 1, 1, '', 0, 1, '', 0, 0, '', 0, 0,
            false
        FROM sessions""",
    f"""INSERT INTO revoked_tokens SELECT md5('j' || i), 0 FROM generate_series(1, {ACCOUNTS}) i""",
]

HOT = {
    f"{name}, clock {clock}": compiled
    for clock in ("asked", "given")
    for flavour in [Flavour("postgresql", clock)]
    for name, compiled in {
        "refresh": grant_statements.rotate(flavour, "="),
        "refresh ahead": grant_statements.rotate(flavour, "<"),
        "refresh without another token": grant_statements.slide(flavour),
        "look at a grant": grant_statements.read(flavour),
        "look at many": stored.several(flavour),
        "look at a client's token": revoked_tokens._is_revoked(flavour),
        "look at the version": configuration._version(flavour),
    }.items()
}


def generic_plan(url, compiled, planning=PLANNING):
    """The plan that the server keeps for the statement, whatever its parameters."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(planning)
        connection.execute(f"PREPARE hot AS {compiled.prepared.sql.decode()}", prepare=False)
        values = ", ".join(["NULL"] * len(compiled.prepared.oids))
        explain = "EXPLAIN (FORMAT JSON) EXECUTE hot" + (f" ({values})" if values else "")
        (found,) = connection.execute(explain).fetchone()
    return json.loads(found)[0]["Plan"] if isinstance(found, str) else found[0]["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans(plan):
    """Each scan of a table, but for those of a bitmap, which are their parent's."""
    kinds = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")
    return [node for node in nodes(plan) if node["Node Type"] in kinds]


def is_by_key(scan):
    """Whether an index leads to what is read, by what it must be asked with."""
    entry = scan["Plans"][0] if scan["Node Type"] == "Bitmap Heap Scan" else scan
    asked = set(re.findall(r"\(\(?(\w+)\)?(?:::text)? = ", entry.get("Index Cond", "")))
    return entry.get("Index Name") in KEYS and asked >= KEYS[entry["Index Name"]]


@pytest.mark.parametrize("name", HOT)
def test_every_row_is_found_by_its_key(known_or_not, name):
    found = scans(generic_plan(known_or_not, HOT[name]))
    tables = {scan["Relation Name"] for scan in found}
    assert {scan["Relation Name"] for scan in found if not is_by_key(scan)} <= {"environment"}
    if name.startswith("look at many"):
        assert tables == BIG - {"account_names"} | {"tenants", "environment"}
    if name.startswith(("refresh", "look at a grant")):
        together = {"accounts", "memberships", "sessions", "grants", "tenants", "environment"}
        assert tables == together


@pytest.mark.parametrize("clock", ["asked", "given"])
def test_so_is_that_of_a_cookie_on_a_connection_with_other_statements(full, clock):
    """They are planned as PostgreSQL likes. Of tenants there are few; it may read all of them."""
    statement = grant_statements.use(Flavour("postgresql", clock))
    found = scans(generic_plan(full, statement, "SET plan_cache_mode = force_generic_plan"))
    assert {scan["Relation Name"] for scan in found} >= {"sessions", "grants", "memberships"}
    assert [scan for scan in found if scan["Relation Name"] in BIG and not is_by_key(scan)] == []


@pytest.mark.parametrize(
    "name", [name for name in HOT if name.startswith(("refresh", "look at a grant"))]
)
def test_what_decides_beside_the_grant_comes_out_of_indexes(full, name):
    """The other pages of these tables are anywhere on the disk, and nothing else in them counts.

    PostgreSQL would have to read those of a table that an UPDATE has beside its own.
    """
    kinds = {
        scan["Relation Name"]: scan["Node Type"] for scan in scans(generic_plan(full, HOT[name]))
    }
    beside = ("accounts", "memberships", "sessions")
    assert {kinds[table] for table in beside} == {"Index Only Scan"}
