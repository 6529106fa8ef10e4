"""What a generator waits for, as it says to whoever runs it.

A thread that others depend on (the one that speaks to all clients) must not stand still. So what it
runs is written as a generator: where another would wait, it yields what it waits for, and is gone
on with when that is there. The same generator is run by a thread that may wait by `waited_for`.
"""

import select
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias, TypeVar

Made = TypeVar("Made")


class Ready(NamedTuple):
    """Until a file descriptor can be read from, or with `to_write` written to as well; goes on with
    None."""

    descriptor: int
    to_write: bool = False


class Apart(NamedTuple):
    """Until a function has run, wherever it may wait; goes on with the Future of it, done."""

    work: Callable[[], Any]


Wait: TypeAlias = Ready | Apart
Waiting: TypeAlias = Generator[Wait, Any, Made]
"""Makes something, and says what it waits for meanwhile."""


def waited_for(waiting: Waiting[Made]) -> Made:
    """What it makes; for a thread that may wait."""
    found: Any = None
    with closing(waiting):  # nothing half done stays behind, whatever is raised here
        while True:
            try:
                wait = waiting.send(found)
            except StopIteration as end:
                made: Made = end.value
                return made
            found = None
            if isinstance(wait, Apart):
                found = done(wait)
            else:
                is_ready(wait, None)


def done(apart: Apart) -> "Future[Any]":
    """The Future of its work, done in this thread."""
    future: Future[Any] = Future()
    try:
        future.set_result(apart.work())
    except BaseException as error:  # noqa: BLE001  # raised where the result is asked for
        future.set_exception(error)
    return future


def is_ready(ready: Ready, milliseconds: float | None) -> bool:
    """Whether it is, now or within the time; None: it is waited for without end."""
    # Not select(): it cannot watch the descriptors above 1023 of a worker with many clients.
    poll = select.poll()
    events = select.POLLIN | select.POLLOUT if ready.to_write else select.POLLIN
    poll.register(ready.descriptor, events)
    return bool(poll.poll(milliseconds))
