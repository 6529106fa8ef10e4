"""Every test of the short way is run by a thread that may wait, and as the server runs it."""

from collections.abc import Iterator

import pytest

from tests.http.express.building import WAY


@pytest.fixture(autouse=True, params=["answers", "steps"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    token = WAY.set(request.param)
    yield
    WAY.reset(token)
