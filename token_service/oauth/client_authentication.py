"""A client proves who it is: one service call, whichever way its credentials came."""

from collections.abc import Collection

from token_service.crypto.statements import Statement
from token_service.domain.clients import AuthenticationMethod, Client
from token_service.domain.refusals import Refusal, Refused
from token_service.oauth.answers import ClientRefused
from token_service.oauth.call import Surroundings
from token_service.oauth.credentials import Method, Misuse, Presented
from token_service.services import clients
from token_service.services.client_proofs import Assertion
from token_service.services.clients import ClientCredentials


def authenticated(
    around: Surroundings, presented: Presented | Misuse, allowed: Collection[Method]
) -> Client | ClientRefused | Misuse:
    """The client, if it authenticates by one of the allowed methods.

    Raises `StaleConfiguration` or `Unavailable`.
    """
    if isinstance(presented, Misuse):
        return presented
    if presented.method not in allowed:
        return ClientRefused(Refused(Refusal.WRONG_AUTHENTICATION_METHOD))
    proof = presented.proof
    credentials = ClientCredentials(
        presented.client_id,
        AuthenticationMethod(presented.method),
        Assertion(proof, around.spent) if isinstance(proof, Statement) else proof,
        around.origin,
    )
    client = clients.authenticate(
        around.database,
        around.clock,
        around.snapshot,
        around.throttle,
        around.proofs,
        credentials,
    )
    return ClientRefused(client) if isinstance(client, Refused) else client
