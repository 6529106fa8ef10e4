"""Views on the configuration in force: run again with a new copy of it when theirs is behind."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from token_service.domain.failures import NoKey, StaleConfiguration, Unavailable
from token_service.services.configuration import Snapshot
from token_service.web.parts import parts

_ATTEMPTS = 3

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def on_current(
    view: Callable[Concatenate[Snapshot, Parameters], Answer],
) -> Callable[Parameters, Answer]:
    """Give the view a snapshot, and run the whole of it again if that turns out to be behind.

    Whatever a view does before it notices is a refusal that was not given or a read: a change is
    only made by a statement that has proved the snapshot current. A missing key may be one that was
    made a moment ago.
    """

    @wraps(view)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        configuration = parts().configuration
        snapshot = configuration.current()
        for _ in range(_ATTEMPTS - 1):
            try:
                return view(snapshot, *args, **kwargs)
            except (StaleConfiguration, NoKey):
                snapshot = configuration.reload(snapshot)
        try:
            return view(snapshot, *args, **kwargs)
        except StaleConfiguration as behind:
            raise Unavailable("configuration: changes faster than it is read") from behind

    return run
