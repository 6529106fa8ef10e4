"""A link that sets a password, used by everybody at once: one of them has used it."""

from tests.http.passwords.building import token_for
from tests.races.bursts import Workers
from tests.world.world import World

USES = 64


def test_of_64_who_use_one_link_one_succeeds(raced: World, crowd: Workers) -> None:
    person = raced.person(raced.tenant())
    token = token_for(raced, person.email)
    uses = [
        {
            "path": "/v1/password-resets/complete",
            "json": {"token": token, "new_password": f"staple number {number} of many"},
        }
        for number in range(USES)
    ]
    answers = crowd.burst(uses)
    # A full hash queue is no answer: whoever got a 503 comes again.
    while busy := sum(status == 503 for status, _ in answers):
        answers = [one for one in answers if one[0] != 503] + crowd.burst(uses[:busy])
    statuses = [status for status, _ in answers]
    assert statuses.count(204) == 1
    assert statuses.count(400) == USES - 1
    assert raced.event_names(person.account_id).count("password_reset") == 1
