"""Things that go wrong behind the service."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from token_service.domain.failures import Unavailable


@contextmanager
def failing(place: str, error: Exception | None = None) -> Iterator[None]:
    """While a function of the service (`storage.rotations.rotate`) raises; by default,
    as without a database."""

    def fail(*_: object, **__: object) -> None:
        raise error or Unavailable("database: away")

    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(f"token_service.{place}", fail)
        yield
