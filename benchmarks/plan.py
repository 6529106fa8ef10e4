"""How much is measured: a full run, and a quick one."""

from dataclasses import asdict, dataclass


class Stopped(Exception):
    """Why the run cannot go on, in one clear line."""


@dataclass(frozen=True)
class Plan:
    """Seconds and numbers of one run."""

    rounds: int
    seconds: float
    """Of each measurement in each round."""
    warm: int
    """Operations before each measurement's clock starts."""
    connections: int
    chains: int
    """Sessions whose refresh tokens and access tokens are used in turn; a batch needs 100."""
    stored_sessions: int
    refreshed_sessions: int
    """How many of them are refreshed often."""
    refreshed_often: int
    listed_sessions: int
    """Of one account; 0 leaves the list out."""
    listings: int
    purged_sessions: int
    """That expire at once; 0 leaves the purge out."""
    grown_sessions: tuple[int, ...]
    """How many the services hold whose rates are compared with that of the first."""
    grown_settling: int
    """Rounds of theirs that are nobody's: the first change of a page after a checkpoint writes all
    of it, and the first look of a connection at one maps it."""
    grown_rounds: int
    """And those that count: what is asked of them lies within what one round is off by, so they are
    many and short."""
    grown_seconds: float
    """Of each of these rounds."""

    def described(self) -> dict:
        """The numbers by their names."""
        return asdict(self)


FULL = Plan(
    rounds=3,
    seconds=2,
    warm=500,
    connections=16,
    chains=128,
    stored_sessions=2_000,
    refreshed_sessions=4,
    refreshed_often=10_000,
    listed_sessions=1_000_000,
    listings=200,
    purged_sessions=1_000_000,
    grown_sessions=(10_000, 1_000_000, 10_000_000),
    grown_settling=8,
    grown_rounds=31,
    grown_seconds=1,
)
QUICK = Plan(
    rounds=3,
    seconds=0.7,
    warm=200,
    connections=16,
    chains=100,
    stored_sessions=200,
    refreshed_sessions=4,
    refreshed_often=1_000,
    listed_sessions=0,
    listings=0,
    purged_sessions=0,
    grown_sessions=(1_000, 10_000, 50_000),
    grown_settling=1,
    grown_rounds=3,
    grown_seconds=0.5,
)
