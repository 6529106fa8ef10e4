"""The times in what clients sign: assertions and request objects are measured by the same clock."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LEEWAY = timedelta(seconds=10)
"""By how much a client's clock may be wrong, in either direction."""


def instant(claim: object) -> datetime | None:
    """A NumericDate (RFC 7519 section 2); a bool is a number to Python, and to nobody else."""
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        return None
    try:
        return datetime.fromtimestamp(claim, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def has_begun(claims: Mapping[str, object], now: datetime) -> bool:
    """Whether neither `iat` nor `nbf`, where they are there, is still to come, or is no time."""
    stated = [instant(claims[name]) for name in ("iat", "nbf") if name in claims]
    return all(one is not None and one <= now + LEEWAY for one in stated)
