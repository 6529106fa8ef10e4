"""Device authorizations begin: a device gets two codes, and waits (`device_tokens`)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from token_service.clock import Clock
from token_service.crypto import addressed, device_codes, opaque, user_codes
from token_service.domain.accounts import well_formed_id
from token_service.domain.clients import Client, granted_scope
from token_service.domain.device_authorizations import (
    GRANT_TYPE,
    INTERVAL,
    LIFETIME,
    DeviceAuthorization,
    DeviceRequest,
    DeviceState,
)
from token_service.domain.events import Origin
from token_service.domain.failures import Conflict, Unavailable
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import Device
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.throttling import Throttle, one_more_request
from token_service.storage import configuration
from token_service.storage import device_authorizations as stored
from token_service.storage.database import Database, InTransaction

_ATTEMPTS = 5
"""How often a user code is made anew because another device has it: one in a billion has."""


@dataclass(frozen=True, slots=True)
class DeviceAsks:
    """What a device asks for, by its client (RFC 8628 section 3.1); `resources` are audiences."""

    client: Client
    scope: str | None
    resources: tuple[str, ...]
    tenant_id: str | None
    origin: Origin
    device: Callable[[], Device]


@dataclass(frozen=True, slots=True)
class DeviceBegun:
    """What the device is told (section 3.2): times in seconds, `user_code` as it is shown."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in: int
    interval: int


def begin(
    database: Database, clock: Clock, snapshot: Snapshot, throttle: Throttle, command: DeviceAsks
) -> DeviceBegun | Refused:
    """A device begins to wait for a person."""
    request, client = _request(command), command.client
    if isinstance(request, Refusal):
        return certain_refusal(database, clock, snapshot, request)
    for _ in range(_ATTEMPTS):
        secret, letters = addressed.new_secret(), user_codes.new()
        try:
            with database.transaction() as tx:
                now = clock.now()
                prove(snapshot, configuration.version(database, InTransaction(tx)), now)
                address = command.origin.address
                if client.is_anybodys and (
                    refused := one_more_request(tx, throttle, client.client_id, address, now)
                ):
                    return refused
                device = DeviceAuthorization(
                    device_id=opaque.new_id(now),
                    secret_hash=device_codes.hash_of(secret),
                    user_code_hash=user_codes.hash_of(throttle.pepper, letters),
                    client_id=client.client_id,
                    request=request,
                    state=DeviceState.PENDING,
                    interval=INTERVAL,
                    created_at=now,
                    expires_at=now + timedelta(seconds=LIFETIME),
                )
                stored.add(tx, device)
        except Conflict:
            continue
        key = snapshot.keyring.opaque_keys(now).current.locator_key
        code = device_codes.issue(key, device.device_id, secret)
        return DeviceBegun(code, user_codes.shown(letters), LIFETIME, INTERVAL)
    raise Unavailable("device authorization: every user code that was made is taken")


def _request(command: DeviceAsks) -> DeviceRequest | Refusal:
    client = command.client
    if GRANT_TYPE not in client.grant_types:
        return Refusal.GRANT_NOT_ALLOWED
    scope = granted_scope(client, command.scope)
    if scope is None:
        return Refusal.INVALID_SCOPE
    if not set(command.resources) <= set(client.audience):
        return Refusal.INVALID_TARGET
    tenant_id = command.tenant_id
    if tenant_id is not None and (
        not well_formed_id(tenant_id) or client.tenant_id not in (None, tenant_id)
    ):
        return Refusal.UNKNOWN_TENANT
    device = command.device()
    return DeviceRequest(
        scope=scope,
        resources=tuple(dict.fromkeys(command.resources)),
        tenant_id=tenant_id or client.tenant_id,
        address=command.origin.address,
        kind=device.kind,
        city=device.city,
        country=device.country,
    )
