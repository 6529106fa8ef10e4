"""The passwords that guessers try first: a list of this package, asked of nobody else."""

from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """All of them, case-folded; read when the first password is chosen, not at every start."""
    text = resources.files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    # Three lines say where the list is from; an entry may begin with `#` like they do.
    return frozenset(text.splitlines()[3:])
