"""The same assertion at the same moment at several worker processes: it is good once."""

from collections import Counter

import pytest

from tests.http.client_authentication.proving import FORM, with_key
from tests.races.bursts import Workers
from tests.world.world import World
from token_service.domain.client_assertions import TYPE
from token_service.domain.events import NO_ACCOUNT, Event

BURST = 64


def request(assertion: str) -> dict[str, object]:
    """A token for the client itself, as a request of a burst."""
    form = FORM | {"client_assertion_type": TYPE, "client_assertion": assertion}
    return {"path": "/oauth2/token", "form": form}


@pytest.mark.slow
def test_of_64_that_come_at_once_one_is_believed(raced: World, crowd: Workers) -> None:
    for _ in range(5):
        # Another client each time: a hundred failures of one are told to wait.
        prover = with_key(raced)
        assertion = prover.assertion()
        answers = crowd.burst([request(assertion)] * BURST)
        assert Counter(status for status, _ in answers) == {200: 1, 401: BURST - 1}
    failed = Event.CLIENT_AUTHENTICATION_FAILED
    reasons = {one.reason for one in raced.events(NO_ACCOUNT) if one.event is failed}
    assert reasons == {"client_assertion_replayed"}


@pytest.mark.slow
def test_as_many_different_ones_are_all_believed(raced: World, crowd: Workers) -> None:
    prover = with_key(raced)
    answers = crowd.burst([request(prover.assertion()) for _ in range(BURST)])
    assert {status for status, _ in answers} == {200}
