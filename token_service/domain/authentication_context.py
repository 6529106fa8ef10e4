"""How well somebody has proved who they are: `acr` (OpenID Connect Core section 2).

The values are ours. `1`: one factor, as a password. A value is listed once there is a way to reach
it.
"""

from collections.abc import Collection

ONE_FACTOR = "1"

SUPPORTED = (ONE_FACTOR,)
"""Every value, the weakest first; a stronger one satisfies whoever asks for a weaker one."""


def reached(methods: Collection[str]) -> str | None:
    """The value for a sign-in by these methods (`amr`, RFC 8176); None where nothing was proved."""
    return ONE_FACTOR if methods else None


def satisfies(methods: Collection[str], asked: Collection[str]) -> bool:
    """Whether a sign-in reaches one of the values that are asked for; values that nobody here knows
    are reached by none."""
    got = reached(methods)
    if got is None:
        return False
    return bool(set(asked) & set(SUPPORTED[: SUPPORTED.index(got) + 1]))
