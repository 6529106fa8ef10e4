"""Request objects (RFC 9101): read, fetched, and verified by the keys of their clients."""

from collections.abc import Mapping
from dataclasses import dataclass

from token_service.clock import Clock
from token_service.crypto import client_jwks, jwt, statements
from token_service.crypto.statements import Statement
from token_service.domain import request_objects
from token_service.domain.clients import Client
from token_service.domain.failures import Unavailable
from token_service.domain.request_objects import Expected, ObjectFault
from token_service.outbound.fetching import Failure, Fetched, Fetcher
from token_service.services.client_keys import ClientKeys
from token_service.services.configuration import Snapshot

MEDIA_TYPE = "application/oauth-authz-req+jwt"


@dataclass(frozen=True, slots=True)
class BadObject:
    """A request object that is not believed, and why, for the audit log."""

    fault: ObjectFault


@dataclass(frozen=True, slots=True)
class NoObject:
    """There is none to be had at the address, and why, for the log alone: what was found out about
    a network goes to nobody who named an address in it."""

    reason: str


def parameters_of_object(
    clock: Clock,
    snapshot: Snapshot,
    keys: ClientKeys,
    client: Client,
    token: str,
    *,
    was_fetched: bool = False,
) -> Mapping[str, str] | BadObject:
    """The parameters in an object that this client has signed; nothing outside of it counts.

    Its keys may be fetched, so no transaction is open before; raises `Unavailable` where they
    cannot be. What costs least comes first, and nothing is fetched for what is refused anyway.
    """
    statement = statements.read(token)
    if statement is None:
        return BadObject(ObjectFault.MALFORMED)
    fault = _fault(clock, snapshot, client, statement, bounded=not was_fetched)
    fault = fault or _fault_of_signature(clock, keys, client, statement)
    if fault is not None:
        return BadObject(fault)
    parameters = request_objects.parameters_of(statement.claims, client.client_id)
    return BadObject(ObjectFault.PARAMETER) if parameters is None else parameters


def fetched_object(fetcher: Fetcher, client: Client, request_uri: str) -> str | NoObject:
    """What is at an address that the client has registered; never at any other one (RFC 9101
    section 10.4.1).

    A fragment is no part of the address: it says which contents are meant (OpenID Connect Core
    section 6.2), and each request fetches them anew. Raises `Unavailable` where too much else is
    being fetched here.
    """
    registered = {_without_fragment(one) for one in client.metadata.request_uris}
    address = _without_fragment(request_uri)
    if address not in registered:
        return NoObject("not_registered")
    answer = fetcher.get(address, accept=MEDIA_TYPE, max_bytes=jwt.MAX_LENGTH)
    if isinstance(answer, Fetched):
        if answer.status != 200 or not answer.body.isascii():
            return NoObject(f"status_{answer.status}")
        return answer.body.decode("ascii").strip()
    if answer.failure is Failure.BUSY:
        raise Unavailable("request object: too many are being fetched")
    return NoObject(str(answer.failure))


def unproved_parameters(token: str, client: Client) -> Mapping[str, str]:
    """What an object says, whoever made it: good enough for where an error goes, as the parameters
    of a URL are, which anybody can write as well."""
    statement = statements.read(token)
    found = statement and request_objects.parameters_of(statement.claims, client.client_id)
    return found or {}


def _fault(
    clock: Clock, snapshot: Snapshot, client: Client, statement: Statement, *, bounded: bool
) -> ObjectFault | None:
    registered = client.metadata
    fault = request_objects.fault_of_type(statement.typ)
    if fault is not None:
        return fault
    strict = registered.require_signed_request_object
    stated = registered.request_object_signing_alg
    if statement.algorithm not in request_objects.algorithms(stated, strict=strict):
        return ObjectFault.ALGORITHM
    expected = Expected(client.client_id, snapshot.issuer, bounded or strict, strict)
    return request_objects.fault(statement.claims, expected, clock.now())


def _fault_of_signature(
    clock: Clock, keys: ClientKeys, client: Client, statement: Statement
) -> ObjectFault | None:
    found = client_jwks.keys_of(keys.jwks(client, clock.now(), kid=statement.kid))
    if not statements.candidates(statement, found):
        return ObjectFault.UNKNOWN_KEY
    return None if statements.is_signed_by_key(statement, found) else ObjectFault.SIGNATURE


def _without_fragment(uri: str) -> str:
    return uri.partition("#")[0]
