"""What becomes of a token that the guarded statement did not accept: the whole decision table."""

from itertools import product

import pytest

from tests.domain.building import LIVE, MOMENT, NOW, SECOND, grant, rules
from token_service.domain.refreshing import Presentation, Verdict, explain, proves_possession
from token_service.domain.refusals import Refusal

PRESENTED = Presentation(
    client_id=LIVE.client_id,
    tenant_id=LIVE.tenant_id,
    generation=LIVE.generation,
    key_number=LIVE.key_number,
    secret_hash=LIVE.secret_hash,
)

OWNER = {
    "ours": {},
    "foreign client": {"client_id": "another"},
    "other secret": {"secret_hash": "another"},
    "other tenant": {"tenant_id": "d" * 32},
}
WRITTEN = {
    "no end": {},
    "session ended": {"session_ended_at": NOW, "session_end_reason": Refusal.SIGNED_OUT},
    "grant ended": {"ended_at": NOW, "end_reason": Refusal.SUPERSEDED},
}
STANDING = {
    "live": {},
    "signed out everywhere": {"account_epoch": LIVE.account_epoch + 1},
    "restored": {"environment_epoch": LIVE.environment_epoch + 1},
    "at its absolute end": {"capped_at": NOW},
    "client disabled": {"client_epoch": LIVE.client_epoch - 1},
    "tenant disabled": {"tenant_epoch": LIVE.tenant_epoch - 1},
    "left the tenant": {"current_membership": None},
    "over by time": {"ends_at": NOW},
}
GENERATION = {"ahead": 1, "current": 0, "one behind": -1, "two behind": -2, "ten behind": -9}
WINDOW = {
    "inside": (60, 60 * SECOND - MOMENT),
    "just used": (60, 0 * SECOND),
    "used by a faster clock": (60, -SECOND),
    "at its end": (60, 60 * SECOND),
    "none": (0, 0 * SECOND),
}
"""The window in seconds, and how long ago the predecessor was used."""
KEY = {"same key": 0, "other key": 1}

ANY = frozenset()
OPEN = {"inside", "just used", "used by a faster clock"}
SPENT = {"one behind", "two behind", "ten behind"}

TABLE = [
    ("foreign client", ANY, ANY, ANY, ANY, ANY, Refusal.FOREIGN_CLIENT),
    ("other secret", ANY, ANY, ANY, ANY, ANY, Refusal.UNKNOWN_TOKEN),
    ("other tenant", ANY, ANY, ANY, ANY, ANY, Refusal.UNKNOWN_TOKEN),
    # What has ended stays ended as it was, and a replay of it is no news.
    ("ours", "session ended", ANY, ANY, ANY, ANY, Refusal.SIGNED_OUT),
    ("ours", ANY, "signed out everywhere", ANY, ANY, ANY, Refusal.REVOKED),
    ("ours", ANY, "restored", ANY, ANY, ANY, Refusal.RESTORED),
    ("ours", "grant ended", ANY, ANY, ANY, ANY, Refusal.SUPERSEDED),
    # An old token: the owner's retry, or a replay whatever else holds.
    ("ours", ANY, "live", "one behind", OPEN, ANY, Verdict.RETRY),
    ("ours", ANY, ANY, "one behind", {"at its end", "none"}, ANY, Verdict.REPLAY),
    ("ours", ANY, ANY, {"two behind", "ten behind"}, ANY, ANY, Verdict.REPLAY),
    # The chain's own token, or its owner's retry, of a grant that is over.
    ("ours", ANY, "at its absolute end", ANY, ANY, ANY, Refusal.ABSOLUTE_TIMEOUT),
    ("ours", ANY, "client disabled", ANY, ANY, ANY, Refusal.CLIENT_DISABLED),
    ("ours", ANY, "tenant disabled", ANY, ANY, ANY, Refusal.TENANT_DISABLED),
    ("ours", ANY, "left the tenant", ANY, ANY, ANY, Refusal.LEFT_TENANT),
    ("ours", ANY, "over by time", ANY, ANY, ANY, Refusal.EXPIRED),
    ("ours", ANY, "live", "ahead", ANY, ANY, Verdict.AHEAD),
    ("ours", ANY, "live", "current", ANY, "other key", Refusal.UNKNOWN_TOKEN),
    ("ours", ANY, "live", "current", ANY, "same key", Verdict.FAULTLESS),
]
"""Owner, written end, standing, generation, window, key: the first row that fits tells."""

CASES = list(product(OWNER, WRITTEN, STANDING, GENERATION, WINDOW, KEY))


def row_of(case):
    return next(
        number
        for number, row in enumerate(TABLE)
        if all(
            not wanted or value == wanted or (not isinstance(wanted, str) and value in wanted)
            for wanted, value in zip(row, case, strict=False)
        )
    )


def explained(case):
    owner, written, standing, generation, window, key = case
    seconds, ago = WINDOW[window]
    state = grant(**{"used_at": NOW - ago} | WRITTEN[written] | STANDING[standing])
    presented = PRESENTED._replace(
        generation=LIVE.generation + GENERATION[generation],
        key_number=LIVE.key_number + KEY[key],
        **OWNER[owner],
    )
    return explain(presented, state, rules(retry_window=seconds), NOW)


def test_the_decision_table():
    wrong = {case: found for case in CASES if (found := explained(case)) != TABLE[row_of(case)][-1]}
    assert wrong == {}


def test_every_row_of_the_table_decides_some_case():
    assert {row_of(case) for case in CASES} == set(range(len(TABLE)))


def test_a_foreign_client_learns_and_ends_nothing_even_with_an_old_token():
    old = PRESENTED._replace(client_id="another", generation=0)
    assert explain(old, grant(), rules(), NOW) == Refusal.FOREIGN_CLIENT


def test_a_window_of_zero_is_zero_in_the_same_microsecond():
    old = PRESENTED._replace(generation=LIVE.generation - 1)
    assert explain(old, grant(used_at=NOW), rules(retry_window=0), NOW) == Verdict.REPLAY


@pytest.mark.parametrize("window", [1, 60, 300])
def test_the_window_ends_at_its_microsecond(window):
    old = PRESENTED._replace(generation=LIVE.generation - 1)
    used_at = NOW - window * SECOND
    verdicts = [
        explain(old, grant(used_at=used_at + later), rules(retry_window=window), NOW)
        for later in (MOMENT, 0 * MOMENT)
    ]
    assert verdicts == [Verdict.RETRY, Verdict.REPLAY]


# Chains that are bound to a key (RFC 9449 section 5).

BOUND = grant(terms=LIVE.terms._replace(confirmation="jkt:owner"))
OWNERS = PRESENTED._replace(confirmation="jkt:owner")
THIEVES = [PRESENTED._replace(confirmation=key) for key in (None, "jkt:thief")]


def test_the_owner_of_the_key_is_told_as_if_there_were_none():
    for back, verdict in ((0, Verdict.FAULTLESS), (1, Verdict.RETRY), (2, Verdict.REPLAY)):
        presented = OWNERS._replace(generation=LIVE.generation - back)
        assert explain(presented, BOUND, rules(), NOW) == verdict
    assert explain(OWNERS, grant(), rules(), NOW) == Verdict.FAULTLESS


@pytest.mark.parametrize("thief", THIEVES)
def test_the_newest_token_without_the_key_ends_nothing_and_an_older_one_is_a_replay(thief):
    for ahead, verdict in (
        (1, Refusal.WRONG_KEY),
        (0, Refusal.WRONG_KEY),
        (-1, Verdict.REPLAY),
        (-2, Verdict.REPLAY),
    ):
        presented = thief._replace(generation=LIVE.generation + ahead)
        assert explain(presented, BOUND, rules(), NOW) == verdict
        assert not proves_possession(presented, BOUND, rules(), NOW)


@pytest.mark.parametrize("thief", THIEVES)
def test_without_the_key_not_even_an_end_by_time_is_met(thief):
    over = BOUND._replace(ends_at=NOW)
    assert explain(thief, over, rules(), NOW) == Refusal.WRONG_KEY
    assert explain(OWNERS, over, rules(), NOW) == Refusal.EXPIRED


# Who may learn why a session ended.


def proved(case):
    owner, written, standing, generation, window, key = case
    seconds, ago = WINDOW[window]
    state = grant(**{"used_at": NOW - ago} | WRITTEN[written] | STANDING[standing])
    presented = PRESENTED._replace(
        generation=LIVE.generation + GENERATION[generation],
        key_number=LIVE.key_number + KEY[key],
        **OWNER[owner],
    )
    return proves_possession(presented, state, rules(retry_window=seconds), NOW)


def test_only_the_newest_token_and_a_retry_of_it_prove_possession():
    """Whatever has become of the session: a replay of it proves nothing, dead or alive."""
    told = {case for case in CASES if proved(case)}
    expected = {
        (owner, written, standing, generation, window, key)
        for owner, written, standing, generation, window, key in CASES
        if owner == "ours"
        and (
            generation == "ahead"
            or (generation == "current" and key == "same key")
            or (generation == "one behind" and window in OPEN)
        )
    }
    assert told == expected
