"""Limits of sessions under load: what is counted is counted under the account's lock, and a ticket
is spent once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tests.http.administration import change_policy
from tests.storage.building import (
    HERE,
    Signed,
    client_of,
    current,
    live_sids,
    multiply,
    reason_of,
    sids_before,
    sign_in,
    signed_in,
    tokens_of,
)
from tests.storage.counting import statements
from tests.storage.holding import Hold, holding
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.domain.sign_in_tickets import SignInTicket, TicketUse
from token_service.services import account_sessions, continuing, signing_in
from token_service.services.continuing import Continuation
from token_service.services.issuing import IssuedTokens
from token_service.services.opening import WaitingSignIn
from token_service.storage import sign_in_tickets

WAITING = 4
"""So many can wait for a row at once: there are no more connections in the pool."""


def hold_account(hold: Hold, signed: Signed) -> None:
    hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id)


def limit(signed: Signed, **policy: object) -> None:
    """Have the tenant state this from now on."""
    change_policy(signed.world, signed.tenant, **policy)


def signing_in_again(signed: Signed) -> partial:
    return partial(sign_in, signed.world, signed.person, signed.app)


def waiting(signed: Signed) -> WaitingSignIn:
    asked = signing_in_again(signed)()
    assert isinstance(asked, WaitingSignIn)
    return asked


def going_on(signed: Signed, ticket: str, end_sid: str) -> partial:
    parts = signed.world.parts

    def use(snapshot):
        client = client_of(snapshot, signed.app)
        command = Continuation(client, ticket, end_sid, HERE, Device)
        return continuing.continue_sign_in(parts.database, parts.clock, snapshot, command)

    return partial(current, signed.world, use)


class TestCounting:
    """The count is made under the lock: else each of those who wait would find room."""

    @pytest.mark.parametrize("most", [1, 2, 3])
    def test_those_who_waited_for_the_account_evict_each_other(self, on_postgres, time, most):
        signed = signed_in(on_postgres, max_sessions=most)
        # Between two of the same instant the random part of the id would decide.
        time.pass_(seconds=1)
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            futures = hold.start(*[signing_in_again(signed)] * WAITING)
            hold.release()
            opened = [tokens_of(future.result(timeout=60)) for future in futures]
        live = live_sids(signed.world, signed.person)
        assert len(live) == most
        # Of the same instant, the id decides who is the oldest.
        assert set(live) <= {signed.tokens.sid, *(one.sid for one in opened)}
        names = [one.reason for one in signed.world.events(signed.person.account_id)]
        assert names.count("evicted") == 1 + WAITING - most

    @pytest.mark.parametrize("action", ["deny", "ask"])
    def test_only_as_many_as_there_is_room_for_get_in(self, on_postgres, action):
        signed = signed_in(on_postgres, max_sessions=3, max_sessions_action=action)
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            futures = hold.start(*[signing_in_again(signed)] * WAITING)
            hold.release()
            answers = [future.result(timeout=60) for future in futures]
        opened = [one for one in answers if isinstance(one, IssuedTokens)]
        assert len(opened) == 2
        assert len(live_sids(signed.world, signed.person)) == 3
        if action == "deny":
            refused = [one for one in answers if isinstance(one, Refused)]
            assert [one.reason for one in refused] == [Refusal.SESSION_LIMIT] * 2


class TestManySessions:
    """An account may have had thousands before there was a limit."""

    def test_all_of_them_are_counted_however_many_are_read_at_once(self, signed, monkeypatch):
        monkeypatch.setattr(account_sessions, "_BATCH", 2)
        multiply(signed, sids_before(signed.world.parts.clock.now(), 4))
        limit(signed, max_sessions=2)
        newest = tokens_of(signing_in_again(signed)())
        live = live_sids(signed.world, signed.person)
        assert len(live) == 2
        assert newest.sid in live

    def test_a_question_shows_the_oldest_hundred(self, signed):
        sids = sids_before(signed.world.parts.clock.now(), 120)
        multiply(signed, sids)
        limit(signed, max_sessions=1, max_sessions_action="ask")
        shown = [one.session.sid for one in waiting(signed).sessions]
        assert shown == sids[99::-1]


class TestTickets:
    def test_two_who_spend_one_ticket_open_one_session(self, on_postgres):
        signed = signed_in(on_postgres, max_sessions=2, max_sessions_action="ask")
        second = tokens_of(signing_in_again(signed)())
        ticket = waiting(signed).ticket
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            futures = hold.start(
                going_on(signed, ticket, signed.tokens.sid), going_on(signed, ticket, second.sid)
            )
            hold.release()
            first, late = [future.result(timeout=60) for future in futures]
        assert reason_of(late) is Refusal.UNKNOWN_TICKET
        assert set(live_sids(signed.world, signed.person)) == {second.sid, tokens_of(first).sid}

    def test_a_ticket_whose_row_went_meanwhile_opens_nothing(self, on_postgres):
        """As a purge takes it, which holds no account: the guard alone decides."""
        signed = signed_in(on_postgres, max_sessions=1, max_sessions_action="ask")
        ticket = waiting(signed).ticket
        with holding(signed.world) as hold:
            hold.run("DELETE FROM sign_in_tickets")
            (going,) = hold.start(going_on(signed, ticket, signed.tokens.sid))
            hold.release()
            assert reason_of(going.result(timeout=60)) is Refusal.UNKNOWN_TICKET
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]
        events = signed.world.events(signed.person.account_id)
        assert "evicted" not in [one.reason for one in events]

    def test_the_password_is_changed_while_it_waits(self, on_postgres):
        signed = signed_in(on_postgres, max_sessions=1, max_sessions_action="ask")
        ticket = waiting(signed).ticket
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            (going,) = hold.start(going_on(signed, ticket, signed.tokens.sid))
            hold.run(
                "UPDATE accounts SET password_hash = 'another' WHERE account_id = %s",
                signed.person.account_id,
            )
            hold.release()
            assert reason_of(going.result(timeout=60)) is Refusal.REVOKED
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]


class TestTaking:
    """The statement by itself refuses whatever is not exactly the ticket."""

    @pytest.fixture
    def stored(self, signed):
        now = signed.world.parts.clock.now()
        ticket = SignInTicket(
            account_id=signed.person.account_id,
            ticket_id="b" * 32,
            client_id=signed.app.client_id,
            tenant_id=signed.tenant,
            scope="openid",
            methods=("pwd", "otp"),
            remembered=True,
            secret_hash="hash",
            password_proof="proof",
            expires_at=now + timedelta(seconds=300),
        )
        with signed.world.database.transaction() as tx:
            sign_in_tickets.add(tx, ticket, 10)
        return ticket

    def use(self, ticket, **changes):
        use = TicketUse(
            account_id=ticket.account_id,
            ticket_id=ticket.ticket_id,
            client_id=ticket.client_id,
            secret_hash=ticket.secret_hash,
            password_proof=ticket.password_proof,
        )
        return replace(use, **changes)

    def take(self, signed, use, later=timedelta()):
        with signed.world.database.transaction() as tx:
            return sign_in_tickets.take(tx, use, signed.world.parts.clock.now() + later)

    def test_it_is_read_as_it_was_written(self, signed, stored):
        with signed.world.database.reading() as tx:
            assert sign_in_tickets.read(tx, stored.account_id, stored.ticket_id) == stored
            assert sign_in_tickets.read(tx, stored.account_id, "c" * 32) is None

    def test_it_is_taken_once(self, signed, stored):
        assert self.take(signed, self.use(stored))
        assert not self.take(signed, self.use(stored))

    @pytest.mark.parametrize(
        "changes",
        [
            {"account_id": "0" * 32},
            {"ticket_id": "0" * 32},
            {"client_id": "another"},
            {"secret_hash": "another"},
            {"password_proof": "another"},
        ],
    )
    def test_not_by_another(self, signed, stored, changes):
        assert not self.take(signed, self.use(stored, **changes))
        assert self.take(signed, self.use(stored))

    def test_not_when_it_has_expired(self, signed, stored):
        assert not self.take(signed, self.use(stored), timedelta(seconds=300))
        assert self.take(signed, self.use(stored), timedelta(seconds=299))

    def test_the_longest_waiting_gives_way(self, signed, stored):
        ids = [digit * 32 for digit in "cde"]
        with signed.world.database.transaction() as tx:
            for ticket_id in ids:
                sign_in_tickets.add(tx, replace(stored, ticket_id=ticket_id), 3)
            read = partial(sign_in_tickets.read, tx, stored.account_id)
            assert read(stored.ticket_id) is None
            assert all(read(ticket_id) for ticket_id in ids)


class TestStatements:
    """A limit costs a sign-in nothing where there is none, and two queries where there is one."""

    def heard(self, signed: Signed) -> list[str]:
        parts = signed.world.parts
        tokens_of(signing_in_again(signed)())
        snapshot = parts.configuration.current()
        command = signing_in.SignIn(
            client=client_of(snapshot, signed.app),
            identifier=signed.person.email,
            password=signed.person.password,
            tenant_id=None,
            scope=None,
            remember_me=False,
            origin=HERE,
            device=Device,
        )
        with statements(signed.world) as heard:
            signing_in.sign_in(parts.database, parts.clock, snapshot, parts.gate, command)
        return heard

    def test_without_a_limit_no_session_is_looked_at(self, on_postgres):
        without = self.heard(signed_in(on_postgres))
        within = self.heard(signed_in(on_postgres, max_sessions=9))
        assert len(within) == len(without) + 2
        assert without.count("INSERT INTO") == within.count("INSERT INTO") == 3

    def test_an_account_that_may_do_as_it_likes_costs_no_more(self, on_postgres):
        signed = signed_in(on_postgres, max_sessions=9)
        without = self.heard(signed_in(on_postgres))
        signed.world.sql("UPDATE accounts SET session_limit = 1000000000")
        assert len(self.heard(signed)) == len(without)
