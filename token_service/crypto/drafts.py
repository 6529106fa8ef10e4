"""Tokens that are made at the same time, and signed one after the other.

A signature reads 150 KB of tables, and what else is needed is gone from the processor's caches
then. Whoever makes one token after the other pays for that with each of them: client credentials
took 140 us under load, and take 110.

So what makes a token is a generator: it yields the draft that is to be signed, and goes on with the
token.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from token_service.crypto.jwt import Draft

Made = TypeVar("Made")
Given = TypeVar("Given")
Done = TypeVar("Done")

Drafting: TypeAlias = Generator[Draft, str, Made]
"""Makes something, and says what is to be signed for it."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Made]):
    """What became of one of several: what was made, or the error that it came to."""

    made: Made | None = field(repr=False)
    error: Exception | None = None

    def result(self) -> Made:
        """What was made; raises the error."""
        if self.error is not None:
            raise self.error
        return self.made  # type: ignore[return-value]  # None only where that is what was made


def signed(drafting: Drafting[Made]) -> Made:
    """What is made, each draft signed as it comes."""
    return signed_together([drafting])[0].result()


def signed_together(draftings: Iterable[Drafting[Made]]) -> list[Outcome[Made]]:
    """What each of them makes, in their order: all go on to their next draft, then all are signed.

    One that fails stops no other.
    """
    running = dict(enumerate(draftings))
    outcomes: dict[int, Outcome[Made]] = {}
    tokens: dict[int, Any] = dict.fromkeys(running)
    while tokens:
        drafts = {place: _kept(running[place].send, token) for place, token in tokens.items()}
        outcomes |= {place: one for place, one in drafts.items() if isinstance(one, Outcome)}
        signed = {
            place: _kept(Draft.token, one)
            for place, one in drafts.items()
            if isinstance(one, Draft)
        }
        outcomes |= {place: one for place, one in signed.items() if isinstance(one, Outcome)}
        tokens = {place: one for place, one in signed.items() if isinstance(one, str)}
    return [outcomes[place] for place in running]


def _kept(step: Callable[[Given], Done], given: Given) -> Done | Outcome[Any]:
    """What a step for one of them comes to; an outcome where it is the last one."""
    try:
        return step(given)
    except StopIteration as end:
        return Outcome(end.value)
    except Exception as error:  # noqa: BLE001  # raised where the result is asked for
        return Outcome(None, error)
