"""Pushed authorization requests (RFC 9126): taken in from a client, and found again by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from token_service.clock import Clock
from token_service.crypto import addressed, opaque, request_uris
from token_service.domain.authorization_requests import (
    AuthorizationRequest,
    Delivery,
    RequestRefused,
    Unredirectable,
)
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.pushed_requests import PushedRequest, PushRules, pushed_refusal
from token_service.domain.refusals import Refusal, Refused
from token_service.services import recording
from token_service.services.checked_requests import checked
from token_service.services.client_keys import ClientKeys
from token_service.services.configuration import Snapshot, genuine, prove, prove_current
from token_service.services.request_objects import BadObject, parameters_of_object
from token_service.services.throttling import Throttle, one_more_request
from token_service.storage import configuration, pushed_requests
from token_service.storage.database import Database, InTransaction, Transaction


@dataclass(frozen=True, slots=True)
class Push:
    """The parameters that an authenticated client pushes, without its credentials.

    `key` is the thumbprint of the key that the client has proved to hold, if it did: the code will
    be bound to it.
    """

    client: Client
    parameters: Mapping[str, str] = field(repr=False)
    key: str | None
    origin: Origin

    @property
    def is_signed(self) -> bool:
        """Whether they are in a request object."""
        return "request" in self.parameters


@dataclass(frozen=True, slots=True)
class Pushed:
    """How the client names the request from now on, for so many seconds."""

    request_uri: str = field(repr=False)
    expires_in: int


PushRefused: TypeAlias = RequestRefused | Unredirectable | BadObject | Refused
"""What is wrong with the request itself; `Refused`: it states another key than was proved, or there
are too many of them."""


def push(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    throttle: Throttle,
    keys: ClientKeys,
    rules: PushRules,
    command: Push,
) -> Pushed | PushRefused:
    """Keep a request that would be good at the authorization endpoint now, by the same rules.

    A request that is not good is on record and changes nothing. Raises `StaleConfiguration` or
    `Unavailable`.
    """
    given = _given(database, clock, snapshot, keys, command)
    if isinstance(given, PushRefused):
        return _refused(database, clock, snapshot, command, given)
    with database.transaction() as tx:
        version = configuration.version(database, InTransaction(tx))
        now = clock.now()
        prove(snapshot, version, now)
        client, address = command.client, command.origin.address
        if client.is_anybodys and (
            refused := one_more_request(tx, throttle, client.client_id, address, now)
        ):
            return refused
        return _kept(snapshot, tx, rules, command, given, now)


def found(
    database: Database, clock: Clock, snapshot: Snapshot, client: Client, request_uri: str
) -> PushedRequest | Refusal:
    """The request that a browser names for the client; nothing is used up by looking at it."""
    presented = genuine(database, clock, snapshot, request_uris, request_uri)
    if presented is None:
        return Refusal.UNKNOWN_REQUEST
    with database.reading() as tx:
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        pushed = pushed_requests.read(tx, presented.request_id)
    refusal = pushed_refusal(pushed, presented.secret_hash, client.client_id, now)
    return refusal or pushed or Refusal.UNKNOWN_REQUEST


def _given(
    database: Database, clock: Clock, snapshot: Snapshot, keys: ClientKeys, command: Push
) -> Mapping[str, str] | PushRefused:
    """The parameters that count, if they make a good request now."""
    if "request_uri" in command.parameters:
        # RFC 9126 section 2.1.
        return Unredirectable.REQUEST_URI_INVALID
    given = _bound(_stated(clock, snapshot, keys, command), command.key)
    if isinstance(given, PushRefused):
        return given
    delivery = Delivery(pushed=True, signed=command.is_signed)
    asked = checked(database, clock, snapshot, command.client, given, delivery)
    return given if isinstance(asked, AuthorizationRequest) else asked


def _stated(
    clock: Clock, snapshot: Snapshot, keys: ClientKeys, command: Push
) -> Mapping[str, str] | BadObject:
    """A request object takes the place of all that stands beside it (RFC 9126 section 3)."""
    token = command.parameters.get("request")
    if token is None:
        return command.parameters
    return parameters_of_object(clock, snapshot, keys, command.client, token)


def _bound(
    given: Mapping[str, str] | BadObject, key: str | None
) -> Mapping[str, str] | BadObject | Refused:
    """The same with the key to which the code is to be bound, stated or proved, and never two of
    them (RFC 9449 section 10.1)."""
    if key is None or isinstance(given, BadObject):
        return given
    if given.get("dpop_jkt", key) != key:
        return Refused(Refusal.WRONG_KEY)
    return {**given, "dpop_jkt": key}


def _kept(
    snapshot: Snapshot,
    tx: Transaction,
    rules: PushRules,
    command: Push,
    given: Mapping[str, str],
    now: datetime,
) -> Pushed:
    secret = addressed.new_secret()
    pushed = PushedRequest(
        request_id=opaque.new_id(now),
        secret_hash=request_uris.hash_of(secret),
        client_id=command.client.client_id,
        parameters=given,
        signed=command.is_signed,
        expires_at=now + timedelta(seconds=rules.lifetime),
    )
    pushed_requests.add(tx, pushed)
    key = snapshot.keyring.opaque_keys(now).current.locator_key
    return Pushed(request_uris.issue(key, pushed.request_id, secret), rules.lifetime)


def _refused(
    database: Database, clock: Clock, snapshot: Snapshot, command: Push, refused: PushRefused
) -> PushRefused:
    """On the record for a client that has proved who it is; anybody can name a public one."""
    now = prove_current(database, clock, snapshot)
    client_id = command.client.client_id
    if not command.client.is_public:
        event = AuditEvent(
            event=Event.REQUEST_REFUSED,
            origin=command.origin,
            actor=f"client:{client_id}",
            reason=Refusal.WRONG_REQUEST,
            client_id=client_id,
            details=_details(refused),
        )
        with database.transaction() as tx:
            recording.record(tx, event, now)
    return refused


def _details(refused: PushRefused) -> dict[str, object]:
    match refused:
        case RequestRefused(error=error):
            return {"error": error}
        case BadObject(fault=fault):
            return {"error": "invalid_request_object", "fault": str(fault)}
        case Refused(reason=reason):
            return {"error": "invalid_dpop_proof", "fault": str(reason)}
    return {"error": "invalid_request", "fault": str(refused)}
