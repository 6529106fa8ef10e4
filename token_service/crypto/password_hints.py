"""What would make a better password, in words: the only importer of zxcvbn."""

# Its time doubles with every few characters: nested substitutions (`4@8({[<`) of 69 characters take
# five seconds, of 16 a twentieth of one. How a password begins is enough for a hint.
_LOOKED_AT = 16


def hints(password: str) -> tuple[str, ...]:
    """Sentences for whoever chose the password; () where there is nothing to say.

    It is told nothing of the person: what it is told, it keeps where other threads read it. Nor
    does it see line breaks, which it takes for numbers.
    """
    # Its word lists are 14 MiB, which most workers never need.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    beginning = "".join(char for char in password if char.isprintable())[:_LOOKED_AT]
    if not beginning:
        return ()
    feedback = zxcvbn(beginning)["feedback"]
    return tuple(one for one in (feedback["warning"], *feedback["suggestions"]) if one)
