"""Which passwords a person may choose, and why one is refused (NIST SP 800-63B-4 section 3.1.1.2).

Length, and not being what a guesser tries first: no rule about kinds of characters, no age.
"""

import unicodedata
from collections.abc import Container, Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from token_service.domain.refusals import Refusal, Refused

LONGEST = 256
"""Code points of a password, at most 1 KiB of UTF-8; a longer one is refused, never cut."""

# Canonical decomposition makes at most four code points of one, so no twin in another normal form
# of an acceptable password is longer; and nothing longer is worth normalising.
_LONGEST_RAW = 4 * LONGEST
_SHORTEST_WORD = 4
_SHORTEST_REST = 8


class PasswordFault(StrEnum):
    """What is wrong with a chosen password; the value is stable and names its sentence."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    ABOUT_YOU = "about_you"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """`shortest` is in characters: at least 15 where nothing but the password is asked for."""

    shortest: int


@dataclass(frozen=True, slots=True)
class Unsuitable(Refused):
    """A password that cannot be chosen: each fault, and what would make a better one."""

    reason: Refusal = Refusal.UNSUITABLE_PASSWORD
    faults: tuple[PasswordFault, ...] = ()
    hints: tuple[str, ...] = ()


def normalised(password: str) -> str | None:
    """The one form of a password that counts, Unicode NFKC; None where it is too long.

    So it does not depend on the keyboard whether a letter and its accent are one code point or
    two. Spaces stay, and so does everything else: lone surrogates too, for a wrong password is no
    error.
    """
    if len(password) > _LONGEST_RAW:
        return None
    text = unicodedata.normalize("NFKC", password)
    return text if len(text) <= LONGEST else None


def faults(
    password: str, rules: PasswordRules, known_words: Iterable[str], common: Container[str]
) -> tuple[PasswordFault, ...]:
    """All that is wrong with the password; () for one that may be chosen.

    `known_words` are what anybody can know of its owner (names, tenants, this service), `common`
    the passwords that guessers try first, case-folded.
    """
    text = normalised(password)
    if text is None:
        return (PasswordFault.TOO_LONG,)
    found = []
    # One ligature can stand for eighteen letters: what was typed must be long enough as well.
    if min(len(password), len(text)) < rules.shortest:
        found.append(PasswordFault.TOO_SHORT)
    if _is_common("".join(text.casefold().split()), common):
        found.append(PasswordFault.COMMON)
    if _is_about(_letters(text), known_words):
        found.append(PasswordFault.ABOUT_YOU)
    return tuple(found)


def _is_common(text: str, common: Container[str]) -> bool:
    """Whether the whole of it is one thing that guessers try first, or two of them in a row.

    Hardly any listed password is as long as ours must be; the long ones that are guessed are made
    of short ones: `passwordpassword`, `qwertyuiop123456789`, `1234567890` once more and a half.
    """
    return any(
        _is_tried_first(text[:cut], common) and _is_tried_first(text[cut:], common)
        for cut in range(len(text) + 1)
    )


def _is_tried_first(text: str, common: Container[str]) -> bool:
    return len(text) < _SHORTEST_WORD or text in common or _is_run(text) or _repeats(text, common)


def _is_run(text: str) -> bool:
    """`abcdefgh`, `87654321` or `aaaaaaaa`."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _repeats(text: str, common: Container[str]) -> bool:
    """Whether it is something common over and over, the last time perhaps cut short."""
    for length in range(1, len(text) // 2 + 1):
        unit = text[:length]
        if (unit * (len(text) // length + 1)).startswith(text):
            return length < _SHORTEST_WORD or unit in common or _is_run(unit)
    return False


def _is_about(letters: str, known_words: Iterable[str]) -> bool:
    """Whether little is left of it without the words that anybody can know."""
    rest = letters
    for word in sorted(_parts(known_words), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != letters and len(rest) < _SHORTEST_REST


def _parts(words: Iterable[str]) -> set[str]:
    """The words as one, and the parts between their spaces and punctuation."""
    parts = set()
    for word in words:
        folded = unicodedata.normalize("NFKC", word).casefold()
        between = "".join(char if char.isalnum() else " " for char in folded).split()
        parts |= {"".join(between), *between}
    return {part for part in parts if len(part) >= _SHORTEST_WORD}


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
