"""User codes: what a person reads off a device and types in elsewhere (RFC 8628 section 6.1).

Eight letters, as `WDJB-MJHT`: more than 2^34 codes, which a person can read out. There are no
vowels among them, so that no code is a word. That is little for a secret: entering them is
throttled, and they are good for minutes.
"""

from token_service.crypto import opaque

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8

_HALF = LENGTH // 2
_PURPOSE = "user code of a device"
_LONGEST_TYPED = 40


def new() -> str:
    """The eight letters of a new code."""
    return opaque.new_letters(LETTERS, LENGTH)


def read(typed: str) -> str | None:
    """The eight letters that somebody has typed, whatever is between them, in either case; None
    for what is no code."""
    if len(typed) > _LONGEST_TYPED:
        return None
    # ASCII before the upper case: that of other letters, such as the long s, can be one of ours.
    letters = "".join(one for one in typed if one.isalnum())
    upper = letters.upper() if letters.isascii() else ""
    return upper if len(upper) == LENGTH and set(upper) <= set(LETTERS) else None


def shown(letters: str) -> str:
    """Eight letters as people read them."""
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def hash_of(pepper: bytes, letters: str) -> str:
    """What a row stores of a code, keyed: whoever reads the database cannot try all of them."""
    return opaque.keyed_hash(pepper, _PURPOSE, letters)
