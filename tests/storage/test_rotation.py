"""The refresh chain: one winner, one successor, and each guard of the statement by itself."""

import pytest

from tests.storage.building import (
    Signed,
    change,
    end,
    end_reason,
    inspect,
    is_live,
    reason_of,
    refresh,
    rotation_of,
    state_of,
    tokens_of,
)
from token_service.domain.refusals import Refusal
from token_service.storage import grants, rotations
from token_service.storage.tables import grants as grants_table


def chain(signed: Signed, length: int) -> list[str]:
    """The refresh tokens of so many refreshes, the first one included."""
    tokens = [signed.tokens.refresh_token or ""]
    for _ in range(length):
        answer = tokens_of(refresh(signed.world, signed.app, tokens[-1]))
        tokens.append(answer.refresh_token or "")
    return tokens


def events(signed: Signed, name: str) -> int:
    return signed.world.event_names(signed.person.account_id).count(name)


def test_each_refresh_moves_the_chain_by_one(signed):
    tokens = chain(signed, 3)
    assert len(set(tokens)) == 4
    assert state_of(signed).generation == 3


def test_a_refresh_slides_the_end(signed, time):
    time.pass_(hours=23)
    before = state_of(signed)
    tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
    after = state_of(signed)
    now = signed.world.parts.clock.now()
    assert (after.used_at, after.ends_at - now) == (now, before.ends_at - before.used_at)


@pytest.mark.parametrize("use", [rotations.rotate, rotations.slide])
def test_a_use_tells_the_state_that_a_read_finds(signed, time, use):
    """Though it asks for less: what its guard has proved is not told again."""
    time.pass_(hours=1)
    rotation = rotation_of(signed.world, signed.app, signed.tokens.refresh_token)
    with signed.world.database.statement() as tx:
        used = use(signed.world.database, tx, rotation)
    assert used == state_of(signed)


def test_five_rotations_in_one_frozen_microsecond_keep_their_order(signed):
    *spent, last = chain(signed, 5)
    assert state_of(signed).generation == 5
    assert len({*spent, last}) == 6
    assert reason_of(refresh(signed.world, signed.app, spent[3])) is Refusal.REPLAYED
    assert reason_of(refresh(signed.world, signed.app, last)) is Refusal.REPLAYED


@pytest.mark.parametrize("behind", [2, 3, 5])
def test_an_older_token_ends_the_session_once(signed, behind):
    tokens = chain(signed, 5)
    access = signed.tokens.access_token
    for _ in range(3):
        assert reason_of(refresh(signed.world, signed.app, tokens[5 - behind])) is Refusal.REPLAYED
    assert reason_of(refresh(signed.world, signed.app, tokens[5])) is Refusal.REPLAYED
    assert reason_of(inspect(signed.world, access)) is Refusal.REPLAYED
    assert end_reason(signed.world, signed.tokens.sid) == Refusal.REPLAYED
    assert events(signed, "refresh_replayed") == 1


class TestRetry:
    def test_inside_the_window_it_gives_the_same_successor(self, signed, time):
        first = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        time.pass_(seconds=59.999999)
        again = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        assert again.refresh_token == first.refresh_token
        assert again.access_token != first.access_token
        assert state_of(signed).generation == 1
        assert is_live(signed.world, again)

    def test_at_the_end_of_the_window_it_is_a_replay(self, signed, time):
        chain(signed, 1)
        time.pass_(seconds=60)
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.REPLAYED

    def test_the_successors_first_use_closes_the_window(self, signed):
        chain(signed, 2)
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.REPLAYED

    def test_it_does_not_move_the_end(self, signed, time):
        chain(signed, 1)
        before = state_of(signed)
        time.pass_(seconds=30)
        tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        assert state_of(signed) == before

    def test_from_elsewhere_it_is_answered_and_recorded(self, signed):
        first = tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))
        other = refresh(signed.world, signed.app, signed.tokens.refresh_token, "198.51.100.7")
        assert tokens_of(other).refresh_token == first.refresh_token
        assert events(signed, "refresh_retried_elsewhere") == 1

    def test_after_the_end_of_the_session_it_is_refused(self, signed):
        chain(signed, 1)
        end(signed)
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.ENDED_BY_USER
        assert events(signed, "refresh_replayed") == 0


def test_an_ended_session_refreshes_no_more(signed):
    assert end(signed)
    for _ in range(2):
        answer = refresh(signed.world, signed.app, signed.tokens.refresh_token)
        assert reason_of(answer) is Refusal.ENDED_BY_USER
    assert state_of(signed).generation == 0
    assert not is_live(signed.world, signed.tokens)


def test_another_clients_attempt_harms_nobody(signed):
    thief = signed.world.client("app")
    answer = refresh(signed.world, thief, signed.tokens.refresh_token)
    assert reason_of(answer) is Refusal.FOREIGN_CLIENT
    assert events(signed, "refresh_foreign_client") == 1
    tokens_of(refresh(signed.world, signed.app, signed.tokens.refresh_token))


def test_a_token_ahead_of_a_database_that_lost_its_tail_is_accepted_once(signed):
    tokens = chain(signed, 3)
    where = grants_table.c.sid == signed.tokens.sid
    change(signed.world, grants_table, where, generation=1)
    after = tokens_of(refresh(signed.world, signed.app, tokens[3]))
    assert state_of(signed).generation == 4
    assert events(signed, "refresh_ahead") == 1
    assert reason_of(refresh(signed.world, signed.app, tokens[1])) is Refusal.REPLAYED
    assert reason_of(refresh(signed.world, signed.app, after.refresh_token)) is Refusal.REPLAYED


class TestStaleReaders:
    """Both have read the row, both try: the race of a read-then-write, step by step."""

    def rotate(self, world, rotation):
        with world.database.statement() as tx:
            return rotations.rotate(world.database, tx, rotation)

    def read(self, world, rotation):
        with world.database.query() as tx:
            return grants.read(
                world.database, tx, rotation.key, rotation.presented.tenant_id, 10**10
            )

    def test_one_of_two_workers_wins(self, signed):
        world, other = signed.world, signed.world.second_worker()
        rotations = [
            rotation_of(one, signed.app, signed.tokens.refresh_token) for one in (world, other)
        ]
        seen = [self.read(one, rotations[0]) for one in (world, other)]
        assert seen[0].state == seen[1].state
        won = [
            self.rotate(one, rotation)
            for one, rotation in zip((world, other), rotations, strict=True)
        ]
        other.close()
        assert won[0] is not None
        assert (won[0].generation, won[1]) == (1, None)
        assert state_of(signed).generation == 1

    def test_one_of_two_connections_wins(self, signed):
        """The second one reads inside a transaction that was open before the first one wrote."""
        world = signed.world
        rotation = rotation_of(world, signed.app, signed.tokens.refresh_token)
        seen = self.read(world, rotation)
        with world.database.engine.connect() as connection:
            connection.execution_options(read_only=True)
            rows = connection.execute(grants_table.select()).all()
            assert [row.generation for row in rows] == [seen.state.generation] == [0]
            first = self.rotate(world, rotation)
        second = self.rotate(world, rotation)
        assert (first is not None, second) == (True, None)

    def test_both_refreshes_get_the_same_successor(self, signed):
        world, other = signed.world, signed.world.second_worker()
        answers = [
            tokens_of(refresh(one, signed.app, signed.tokens.refresh_token))
            for one in (world, other)
        ]
        other.close()
        assert answers[0].refresh_token == answers[1].refresh_token
