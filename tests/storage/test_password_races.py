"""Races around a new password on PostgreSQL, each made certain by lock-hold."""

from dataclasses import replace
from functools import partial

import pytest

from tests.storage.building import (
    AUTHOR,
    HERE,
    Signed,
    client_of,
    current,
    end_all,
    inspect,
    is_live,
    live_sids,
    reason_of,
    refresh,
    sign_in,
    signed_in,
    tokens_of,
)
from tests.storage.holding import Hold, holding
from tests.world.world import World
from token_service.domain.events import Origin
from token_service.domain.failures import Unavailable
from token_service.domain.letters import Letter
from token_service.domain.refusals import Refusal, Refused
from token_service.services import account_sessions, changing_password, password_resets
from token_service.services.changing_password import PasswordChange
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause
from token_service.services.issuing import IssuedTokens
from token_service.services.password_resets import Completion
from token_service.services.postman import Postman
from token_service.services.refreshing import Refresh
from token_service.storage import accounts

NEW = "horses batteries staples"
POOL = 4
"""Connections of a worker: so many wait for the row, and the others for a connection."""


@pytest.fixture
def signed(on_postgres):
    return signed_in(on_postgres)


def hold_account(hold: Hold, signed: Signed) -> None:
    hold.run("SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id)


def change(signed: Signed, new: str = NEW, *, with_token: bool = False) -> IssuedTokens | Refused:
    """Change the password in the session."""
    world, parts = signed.world, signed.world.parts

    def use(snapshot: Snapshot) -> IssuedTokens | Refused:
        client = client_of(snapshot, signed.app)
        token = Refresh(client, signed.tokens.refresh_token or "", None, HERE)
        command = PasswordChange(
            key=signed.key,
            tenant_id=signed.tenant,
            scope=signed.tokens.scope,
            current=signed.person.password,
            new=new,
            refresh=token if with_token else None,
            origin=HERE,
        )
        return changing_password.change(parts.database, parts.clock, snapshot, parts.gate, command)

    return current(world, use)


def signing_in(signed: Signed) -> partial[IssuedTokens | Refused]:
    """A sign-in with the old password."""
    return partial(sign_in, signed.world, signed.person, signed.app)


class Mailbox:
    """Keeps the links that are delivered."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def deliver(self, letter: Letter) -> None:
        self.tokens.append(letter.values["link"].partition("token=")[2])


def postman_with(world: World, mailbox: Mailbox) -> Postman:
    return Postman(replace(world.parts.postman._office, carrier=mailbox), 3600)


def link_of(signed: Signed) -> str:
    """The token of a link that the person got."""
    parts, mailbox = signed.world.parts, Mailbox()
    password_resets.send(parts.database, parts.clock, signed.person.account_id, AUTHOR)
    postman_with(signed.world, mailbox).do_round()
    [token] = mailbox.tokens
    return token


def completing(signed: Signed, token: str, new: str = NEW) -> partial[Refused | None]:
    """A use of the link."""
    parts = signed.world.parts

    def use(snapshot: Snapshot) -> Refused | None:
        command = Completion(token, new, HERE)
        return password_resets.complete(parts.database, parts.clock, snapshot, parts.gate, command)

    return partial(current, signed.world, use)


class TestAChangeAndASignInWithTheOldPassword:
    def test_a_sign_in_that_waits_behind_the_change_is_refused(self, signed):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            changed, opened = hold.start(partial(change, signed), signing_in(signed))
            hold.release()
            tokens_of(changed.result(timeout=60))
            assert reason_of(opened.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]

    def test_a_sign_in_before_the_change_is_ended_by_it(self, signed):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            opened, changed = hold.start(signing_in(signed), partial(change, signed))
            hold.release()
            other = tokens_of(opened.result(timeout=60))
            mine = tokens_of(changed.result(timeout=60))
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]
        assert not is_live(signed.world, other)
        assert is_live(signed.world, mine)
        tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))

    def test_in_a_crowd_no_session_of_the_old_password_lives(self, signed):
        crowd = [signing_in(signed), partial(change, signed), *[signing_in(signed)] * 2]
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            futures = hold.start(*crowd)
            hold.release()
            told = [future.result(timeout=60) for future in futures]
        assert isinstance(told[1], IssuedTokens)
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]


class TestTwoChanges:
    def test_one_of_two_is_done_and_the_other_is_no_verdict(self, signed):
        """What the second one verified is no longer known when its turn comes."""
        other = "another good passphrase"
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            first, second = hold.start(partial(change, signed), partial(change, signed, other))
            hold.release()
            tokens_of(first.result(timeout=60))
            with pytest.raises(Unavailable):
                second.result(timeout=60)
        assert reason_of(change(signed, other)) is Refusal.WRONG_CREDENTIALS
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]

    def test_the_refresh_token_of_the_one_that_failed_is_not_used(self, signed):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            first, second = hold.start(
                partial(change, signed), partial(change, signed, with_token=True)
            )
            hold.release()
            tokens_of(first.result(timeout=60))
            with pytest.raises(Unavailable):
                second.result(timeout=60)
        rows = signed.world.sql("SELECT generation FROM grants")
        assert [row[0] for row in rows] == [0]


class TestAChangeAndTheEndOfItsSession:
    @pytest.mark.parametrize("with_token", [False, True])
    def test_a_session_that_ended_while_the_change_waited_changes_nothing(self, signed, with_token):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            ended, changed = hold.start(
                partial(end_all, signed.world, signed.person),
                partial(change, signed, with_token=with_token),
            )
            hold.release()
            assert ended.result(timeout=60)
            assert isinstance(changed.result(timeout=60), Refused)
        assert live_sids(signed.world, signed.person) == []
        tokens_of(signing_in(signed)())

    @pytest.mark.parametrize("with_token", [False, True])
    def test_one_session_that_is_ended_meanwhile(self, signed, with_token):
        """The session's row is taken before the grant's, as by whoever ends it."""
        world, sid = signed.world, signed.tokens.sid
        parts = world.parts
        cause = Cause(Refusal.ENDED_BY_USER, "account:test", HERE)
        ending = partial(
            account_sessions.end_one,
            parts.database,
            parts.clock,
            signed.person.account_id,
            sid,
            cause,
        )
        with holding(world) as hold:
            hold.run("SELECT 1 FROM sessions WHERE sid = %s FOR UPDATE", sid)
            ended, changed = hold.start(ending, partial(change, signed, with_token=with_token))
            hold.release()
            assert ended.result(timeout=60)
            assert isinstance(changed.result(timeout=60), Refused)
        assert live_sids(world, signed.person) == []
        tokens_of(signing_in(signed)())

    def test_a_refresh_and_a_change_with_the_same_token_agree(self, signed):
        using = partial(refresh, signed.world, signed.app, signed.tokens.refresh_token)
        with holding(signed.world) as hold:
            hold.run("SELECT 1 FROM grants WHERE sid = %s FOR UPDATE", signed.tokens.sid)
            refreshed, changed = hold.start(using, partial(change, signed, with_token=True))
            hold.release()
            told = [tokens_of(one.result(timeout=60)) for one in (refreshed, changed)]
        assert len({one.refresh_token for one in told}) == 1
        assert all(is_live(signed.world, one) for one in told)


class TestOneLink:
    def test_of_all_who_use_it_at_once_one_succeeds(self, signed):
        token = link_of(signed)
        uses = [completing(signed, token, f"{NEW} {number}") for number in range(POOL)]
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            futures = hold.start(*uses)
            hold.release()
            told = [future.result(timeout=60) for future in futures]
        assert told.count(None) == 1
        assert {one.reason for one in told if one is not None} == {Refusal.VOID_LINK}
        events = signed.world.event_names(signed.person.account_id)
        assert events.count("password_reset") == 1

    def test_a_sign_in_with_the_old_password_that_waits_is_refused(self, signed):
        token = link_of(signed)
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            done, opened = hold.start(completing(signed, token), signing_in(signed))
            hold.release()
            assert done.result(timeout=60) is None
            assert reason_of(opened.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
        assert live_sids(signed.world, signed.person) == []
        assert reason_of(inspect(signed.world, signed.tokens.access_token)) is Refusal.REVOKED

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE accounts SET enabled = false WHERE account_id = %s",
            "DELETE FROM password_resets WHERE account_id = %s",
            "UPDATE password_resets SET secret_hash = 'newer' WHERE account_id = %s",
            "UPDATE password_resets SET expires_at = 0 WHERE account_id = %s",
        ],
        ids=["disabled", "spent", "replaced", "expired"],
    )
    def test_what_made_it_void_meanwhile_refuses_it(self, signed, statement):
        token = link_of(signed)
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            (done,) = hold.start(completing(signed, token))
            hold.run(statement, signed.person.account_id)
            hold.release()
            assert reason_of(done.result(timeout=60)) is Refusal.VOID_LINK
        hashes = signed.world.sql("SELECT epoch FROM accounts")
        assert [row[0] for row in hashes] == [1]

    def test_a_link_that_is_made_while_the_password_changes_is_void(self, signed):
        """The postman holds his letter while he makes the link, and the change waits for that."""
        world, mailbox, parts = signed.world, Mailbox(), signed.world.parts
        password_resets.send(parts.database, parts.clock, signed.person.account_id, AUTHOR)
        with holding(world) as hold:
            # The postman's insert waits for this one, with his letter locked.
            hold.run("INSERT INTO password_resets VALUES (%s, 'held', 0)", signed.person.account_id)
            (walked,) = hold.start(postman_with(world, mailbox).do_round)
            (changed,) = hold.start(partial(change, signed))
            hold.release()
            walked.result(timeout=60)
            tokens_of(changed.result(timeout=60))
        assert world.sql("SELECT 1 FROM password_resets") == []
        assert world.sql("SELECT 1 FROM letters WHERE kind = 'password_reset'") == []
        assert len(mailbox.tokens) == 1
        assert reason_of(completing(signed, mailbox.tokens[0])()) is Refusal.VOID_LINK


class TestManyWhoAskForALink:
    def test_no_more_letters_are_written_than_one_name_may_get(self, signed):
        """All, from a place each, see the same count; who is counted beyond the free comes late."""
        world, parts = signed.world, signed.world.parts

        def asking(number: int) -> Refused | None:
            return current(
                world,
                lambda snapshot: password_resets.request(
                    parts.database,
                    parts.clock,
                    snapshot,
                    parts.gate,
                    signed.person.email,
                    Origin(address=f"192.0.2.{number}"),
                ),
            )

        asking(1)
        asking(2)
        with holding(world) as hold:
            hold.run("SELECT 1 FROM failure_counts FOR UPDATE")
            futures = hold.start(*[partial(asking, 10 + number) for number in range(POOL)])
            hold.release()
            assert [future.result(timeout=60) for future in futures] == [None] * POOL
        events = [one.reason for one in world.events(signed.person.account_id)]
        assert events.count("throttled") == POOL - 1


class TestSignInsWithAHashOfOlderParameters:
    """The first of them hashes the same password anew; those behind it are not refused for that."""

    @pytest.fixture
    def stronger(self, signed):
        """A worker that hashes with other parameters than the stored hash has."""
        worker = signed.world.second_worker({"TOKEN_SERVICE_ARGON2_ITERATIONS": "2"})
        yield worker
        worker.close()

    def stored(self, signed: Signed) -> str:
        [row] = signed.world.sql(
            "SELECT password_hash FROM accounts WHERE account_id = :account_id",
            account_id=signed.person.account_id,
        )
        return row.password_hash

    def test_each_of_them_succeeds(self, signed, stronger):
        before = self.stored(signed)
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            use = partial(sign_in, stronger, signed.person, signed.app)
            futures = hold.start(use, use, use)
            hold.release()
            for future in futures:
                assert is_live(signed.world, tokens_of(future.result(timeout=60)))
        assert "t=1," in before
        assert "t=2," in self.stored(signed)
        assert "sign_in_failed" not in signed.world.event_names(signed.person.account_id)

    def test_where_the_password_was_changed_too_the_old_one_is_wrong(self, signed, stronger):
        with holding(signed.world) as hold:
            hold_account(hold, signed)
            old = partial(sign_in, stronger, signed.person, signed.app)
            changed, opened, late = hold.start(partial(change, signed), old, old)
            hold.release()
            tokens_of(changed.result(timeout=60))
            assert reason_of(opened.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
            assert reason_of(late.result(timeout=60)) is Refusal.WRONG_CREDENTIALS
        assert live_sids(signed.world, signed.person) == [signed.tokens.sid]

    def test_a_password_that_is_always_another_one_is_not_called_wrong(self, signed, monkeypatch):
        locked = accounts.lock

        def another(tx, account_id):
            return replace(locked(tx, account_id), password_hash="another")

        monkeypatch.setattr(accounts, "lock", another)
        with pytest.raises(Unavailable):
            sign_in(signed.world, signed.person, signed.app)
