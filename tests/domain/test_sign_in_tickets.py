"""A ticket of a sign-in that waits is good for one client, one password and five minutes."""

from dataclasses import replace

import pytest

from tests.domain.building import MOMENT, NOW, SECOND
from token_service.domain.refusals import Refusal
from token_service.domain.sign_in_tickets import LIFETIME, SignInTicket, TicketUse, ticket_refusal

TICKET = SignInTicket(
    account_id="a" * 32,
    ticket_id="b" * 32,
    client_id="app",
    tenant_id="c" * 32,
    scope="openid",
    methods=("pwd",),
    remembered=False,
    secret_hash="hash",
    password_proof="proof",
    expires_at=NOW + LIFETIME * SECOND,
)
USE = TicketUse(
    account_id=TICKET.account_id,
    ticket_id=TICKET.ticket_id,
    client_id=TICKET.client_id,
    secret_hash=TICKET.secret_hash,
    password_proof=TICKET.password_proof,
)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"secret_hash": "another"}, Refusal.UNKNOWN_TICKET),
        ({"client_id": "another"}, Refusal.FOREIGN_CLIENT),
        ({"password_proof": "another"}, Refusal.REVOKED),
    ],
)
def test_what_must_be_the_same(changes, refusal):
    assert ticket_refusal(TICKET, replace(USE, **changes), NOW) == refusal


def test_a_ticket_that_was_spent_is_unknown():
    assert ticket_refusal(None, USE, NOW) == Refusal.UNKNOWN_TICKET


@pytest.mark.parametrize(
    ("left", "refusal"),
    [
        (SECOND, None),
        (MOMENT, None),
        (0 * SECOND, Refusal.EXPIRED),
        (-SECOND, Refusal.EXPIRED),
    ],
)
def test_it_expires_at_its_microsecond(left, refusal):
    assert ticket_refusal(TICKET, USE, TICKET.expires_at - left) == refusal


def test_no_secret_is_shown_where_a_ticket_is_printed():
    assert "hash" not in repr((TICKET, USE)).replace("secret_hash", "")
    assert "proof" not in repr((TICKET, USE)).replace("password_proof", "")
