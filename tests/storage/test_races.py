"""Races on PostgreSQL, each made certain by lock-hold: what holds after everybody has answered."""

from concurrent.futures import Future
from functools import partial

import pytest

from tests.storage.building import (
    AUTHOR,
    Signed,
    account_epoch,
    end,
    end_all,
    end_reason,
    inspect,
    is_live,
    live_sids,
    reason_of,
    refresh,
    revoke,
    sign_in,
    signed_in,
    state_of,
    tokens_of,
)
from tests.storage.holding import Hold, holding
from token_service.domain.refusals import Refusal, Refused
from token_service.services import account_sessions, client_registration, tenants
from token_service.services import accounts as account_services
from token_service.services.issuing import IssuedTokens

THREADS = 16


@pytest.fixture
def signed(on_postgres):
    return signed_in(on_postgres)


def hold_grant(hold: Hold, signed: Signed) -> None:
    hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)


def hold_session(hold: Hold, signed: Signed) -> None:
    hold.run("SELECT 1 FROM sessions WHERE sid = %s FOR UPDATE", signed.tokens.sid)


def hold_account(hold: Hold, signed: Signed) -> None:
    hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id)


def using(signed: Signed) -> partial[IssuedTokens | Refused]:
    """A refresh with the session's first token."""
    return partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)


def answers(futures: list[Future]) -> list:
    return [future.result(timeout=60) for future in futures]


def assert_dead(signed: Signed, answer: IssuedTokens | Refused, reason: Refusal) -> None:
    """Nothing of the session works any more, whatever a refresh that raced its end was told."""
    tokens = [signed.tokens] + ([answer] if isinstance(answer, IssuedTokens) else [])
    for one in tokens:
        assert reason_of(inspect(signed.world, one.access_token)) is reason
    assert signed.tokens.sid not in live_sids(signed.world, signed.person)
    for one in reversed(tokens):
        assert isinstance(refresh(signed.world, signed.app, one.refresh_token), Refused)
    for one in tokens:
        assert isinstance(inspect(signed.world, one.access_token), Refused)


class TestOneWinner:
    def test_all_who_waited_get_one_successor(self, signed):
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            waiting = hold.start(*[using(signed)] * THREADS)
            hold.release()
            told = [tokens_of(answer) for answer in answers(waiting)]
        assert len({one.refresh_token for one in told}) == 1
        assert state_of(signed).generation == 1
        assert all(is_live(signed.world, one) for one in told)
        tokens_of(refresh(signed.world, signed.app, told[0].refresh_token))
        assert end_reason(signed.world, signed.tokens.sid) is None

    def test_from_many_addresses_too_and_each_is_recorded(self, signed):
        uses = [partial(using(signed), address=f"198.51.100.{number}") for number in range(THREADS)]
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            waiting = hold.start(*uses)
            hold.release()
            told = [tokens_of(answer) for answer in answers(waiting)]
        assert len({one.refresh_token for one in told}) == 1
        names = signed.world.event_names(signed.person.account_id)
        assert names.count("refresh_retried_elsewhere") == THREADS - 1

    def test_without_a_window_one_wins_and_all_others_are_one_replay(self, on_postgres):
        signed = signed_in(on_postgres, retry_window=0)
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            waiting = hold.start(*[using(signed)] * THREADS)
            hold.release()
            told = answers(waiting)
        won = [one for one in told if isinstance(one, IssuedTokens)]
        lost = [one for one in told if isinstance(one, Refused)]
        assert len(won) == 1
        assert {one.reason for one in lost} == {Refusal.REPLAYED}
        assert_dead(signed, won[0], Refusal.REPLAYED)
        names = signed.world.event_names(signed.person.account_id)
        assert names.count("refresh_replayed") == 1

    def test_a_holder_that_used_the_token_itself_leaves_them_its_successor(self, signed):
        """The winner is on another node: those who waited find its row, not their snapshot's."""
        with holding(signed.world) as hold:
            hold.run(
                "UPDATE grants SET generation = generation + 1 WHERE sid = %s", signed.tokens.sid
            )
            waiting = hold.start(*[using(signed)] * 4)
            hold.release()
            told = [tokens_of(answer) for answer in answers(waiting)]
        assert len({one.refresh_token for one in told}) == 1
        assert state_of(signed).generation == 1


class TestRefreshAgainstEnd:
    """The refresh has begun before the end and answers after it, or the other way round."""

    def test_session_ended_while_a_refresh_waits(self, signed):
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(using(signed))
            assert end(signed)
            hold.release()
            answer = waiting.result(timeout=60)
        assert_dead(signed, answer, Refusal.ENDED_BY_USER)

    def test_session_refreshed_while_its_end_waits(self, signed):
        with holding(signed.world) as hold:
            hold_session(hold, signed)
            (ending,) = hold.start(partial(end, signed))
            answer = tokens_of(using(signed)())
            hold.release()
            assert ending.result(timeout=60)
        assert_dead(signed, answer, Refusal.ENDED_BY_USER)

    def test_grant_revoked_while_a_refresh_waits(self, signed):
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            waiting, revoked = hold.start(using(signed), partial(revoked_by_its_client, signed))
            hold.release()
            answer = waiting.result(timeout=60)
            assert revoked.result(timeout=60) is None
        assert_dead(signed, tokens_of(answer), Refusal.REVOKED)

    def test_grant_refreshed_while_its_revocation_waits(self, signed):
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            revoked, waiting = hold.start(partial(revoked_by_its_client, signed), using(signed))
            hold.release()
            assert revoked.result(timeout=60) is None
            assert reason_of(waiting.result(timeout=60)) is Refusal.REVOKED
        assert_dead(signed, signed.tokens, Refusal.REVOKED)

    def test_all_sessions_ended_while_a_refresh_waits(self, signed):
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(using(signed))
            assert end_all(signed.world, signed.person)
            hold.release()
            answer = waiting.result(timeout=60)
        assert_dead(signed, answer, Refusal.REVOKED)
        assert end_reason(signed.world, signed.tokens.sid) == Refusal.ENDED_BY_ADMIN

    @pytest.mark.parametrize("returns", [False, True], ids=["leaves", "leaves and returns"])
    def test_tenant_left_while_a_refresh_waits(self, signed, returns):
        world, account_id = signed.world, signed.person.account_id
        with holding(world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(using(signed))
            left = account_services.leave(
                world.database, world.parts.clock, account_id, signed.tenant, AUTHOR
            )
            assert left is None
            if returns:
                account_services.join(
                    world.database, world.parts.clock, account_id, signed.tenant, (), AUTHOR
                )
            hold.release()
            answer = waiting.result(timeout=60)
        assert_dead(signed, answer, Refusal.LEFT_TENANT)

    @pytest.mark.parametrize("enabled_again", [False, True])
    def test_account_disabled_while_a_refresh_waits(self, signed, enabled_again):
        world, account_id = signed.world, signed.person.account_id
        with holding(world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(using(signed))
            account_services.disable(world.database, world.parts.clock, account_id, AUTHOR)
            if enabled_again:
                account_services.enable(world.database, world.parts.clock, account_id, AUTHOR)
            hold.release()
            answer = waiting.result(timeout=60)
        assert_dead(signed, answer, Refusal.REVOKED)

    @pytest.mark.parametrize("whose", ["client", "tenant"])
    def test_client_or_tenant_disabled_while_a_refresh_waits(self, signed, whose):
        database, clock = signed.world.database, signed.world.parts.clock
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(using(signed))
            if whose == "client":
                client_registration.disable(database, clock, signed.app.client_id, AUTHOR)
                client_registration.enable(database, clock, signed.app.client_id, AUTHOR)
            else:
                tenants.disable(database, clock, signed.tenant, AUTHOR)
                tenants.enable(database, clock, signed.tenant, AUTHOR)
            hold.release()
            answer = waiting.result(timeout=60)
        reason = Refusal.CLIENT_DISABLED if whose == "client" else Refusal.TENANT_DISABLED
        assert_dead(signed, answer, reason)

    def test_replay_while_the_owner_refreshes(self, signed):
        """Thief and owner at once: the session ends, and neither keeps anything."""
        second = tokens_of(using(signed)())
        third = tokens_of(refresh(signed.world, signed.app, second.refresh_token))
        owner = partial(refresh, signed.world, signed.app, third.refresh_token)
        with holding(signed.world) as hold:
            hold_grant(hold, signed)
            (waiting,) = hold.start(owner)
            assert reason_of(using(signed)()) is Refusal.REPLAYED
            hold.release()
            answer = waiting.result(timeout=60)
        assert_dead(signed, answer, Refusal.REPLAYED)


def revoked_by_its_client(signed: Signed) -> Refused | None:
    return revoke(signed.world, signed.app, signed.tokens.refresh_token)


ANOTHER_HASH = (
    "$argon2id$v=19$m=64,t=1,p=1$DdQlL9i/oSIF6UVHq+lOHA$84lsCQZjjH0CgoCH6Jeocwz7UikMeTzrW7PtPHU3MIM"
)
"""Of another password."""


class TestSignInAgainstChange:
    """A sign-in has verified the password, and then waits for the account's row."""

    def signing_in(self, signed: Signed) -> partial[IssuedTokens | Refused]:
        return partial(sign_in, signed.world, signed.person, signed.app)

    def test_end_of_all_sessions_after_a_sign_in_ends_it_too(self, signed):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            opened, ended = hold.start(
                self.signing_in(signed), partial(end_all, signed.world, signed.person)
            )
            hold.release()
            tokens = tokens_of(opened.result(timeout=60))
            assert ended.result(timeout=60)
        assert live_sids(signed.world, signed.person) == []
        assert reason_of(inspect(signed.world, tokens.access_token)) is Refusal.REVOKED

    def test_sign_in_after_the_end_of_all_sessions_stays(self, signed):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            ended, opened = hold.start(
                partial(end_all, signed.world, signed.person), self.signing_in(signed)
            )
            hold.release()
            assert ended.result(timeout=60)
            tokens = tokens_of(opened.result(timeout=60))
        assert live_sids(signed.world, signed.person) == [tokens.sid]
        tokens_of(refresh(signed.world, signed.app, tokens.refresh_token))

    def test_in_a_crowd_every_session_is_wholly_alive_or_wholly_dead(self, signed):
        crowd = [self.signing_in(signed)] * 3 + [partial(end_all, signed.world, signed.person)] * 2
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            # Four wait for the row and the fifth for a connection of the pool.
            futures = hold.start(*crowd[:4])
            hold.release()
            told = [*answers(futures), crowd[4]()]
        opened = [one for one in told if isinstance(one, IssuedTokens)]
        assert account_epoch(signed.world, signed.person) == 3
        assert len(opened) == 3
        live = live_sids(signed.world, signed.person)
        assert live == []
        assert not any(is_live(signed.world, one) for one in opened)

    def test_end_of_all_others_keeps_exactly_the_one(self, signed):
        world, person = signed.world, signed.person
        with holding(world) as hold:
            hold_account(hold, signed)
            opened, ended = hold.start(
                self.signing_in(signed), partial(end_all, world, person, signed.tokens.sid)
            )
            hold.release()
            tokens = tokens_of(opened.result(timeout=60))
            assert ended.result(timeout=60)
        assert live_sids(world, person) == [signed.tokens.sid]
        assert not is_live(world, tokens)
        tokens_of(using(signed)())

    @pytest.mark.parametrize(
        "statement",
        [
            f"UPDATE accounts SET password_hash = '{ANOTHER_HASH}' WHERE account_id = %s",
            "UPDATE accounts SET enabled = false WHERE account_id = %s",
            "DELETE FROM memberships WHERE account_id = %s",
            "UPDATE memberships SET number = number + 1 WHERE account_id = %s",
        ],
        ids=["password changed", "disabled", "left the tenant", "left and returned"],
    )
    def test_what_changed_after_the_password_was_verified_refuses_it(self, signed, statement):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            (opened,) = hold.start(self.signing_in(signed))
            hold.run(statement, signed.person.account_id)
            hold.release()
            assert reason_of(opened.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
        assert signed.world.event_names(signed.person.account_id).count("signed_in") == 1

    def test_a_configuration_that_changed_meanwhile_is_read_again(self, signed):
        """The tenant was disabled while the sign-in waited: it finds out under the lock."""
        database, clock = signed.world.database, signed.world.parts.clock
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            (opened,) = hold.start(self.signing_in(signed))
            tenants.disable(database, clock, signed.tenant, AUTHOR)
            hold.release()
            assert reason_of(opened.result(timeout=60)) is Refusal.NOT_A_MEMBER


def test_who_lists_sessions_waits_for_nobody(signed):
    with holding(signed.world) as hold:
        hold_account(hold, signed)
        hold_session(hold, signed)
        hold_grant(hold, signed)
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]
        assert is_live(signed.world, signed.tokens)
        assert account_sessions.account_of(signed.world.database, signed.tokens.sid)


def test_a_refresh_waits_for_no_change_of_the_configuration(signed):
    """Readers of the environment's row take no lock, and so never queue behind an administrator."""
    with holding(signed.world) as hold:
        hold.run("SELECT 1 FROM environment FOR UPDATE")
        tokens_of(using(signed)())
