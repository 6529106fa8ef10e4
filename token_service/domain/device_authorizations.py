"""Device authorizations (RFC 8628): a device waits until a person lets it in from elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from token_service.domain import stored_forms
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.refusals import Refusal

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME = 900
"""Seconds that a person has to enter the code and to decide (`expires_in`)."""
INTERVAL = 5
"""Seconds between two polls, to begin with (section 3.2)."""
SLOWER = 5
"""Seconds that each poll which comes too soon adds to it (section 3.5)."""


class DeviceState(StrEnum):
    """How far it has come; only a device that waits can be approved or denied."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    REDEEMED = "redeemed"


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device asks for, and from where it does: that is shown to whoever decides.

    `resources` are audiences (RFC 8707), () for the client's own. `kind` is what a person calls the
    device, as far as its user agent tells.
    """

    scope: str
    resources: tuple[str, ...] = ()
    tenant_id: str | None = None
    address: str = ""
    kind: str = ""
    city: str | None = None
    country: str | None = None

    def stored(self) -> dict[str, Any]:
        """As JSON: only what differs from the defaults."""
        return stored_forms.stored(self)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From what `stored` gave."""
        return cls(**stored_forms.values(stored))


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has let a device in: the account, in a tenant, by a sign-in of theirs."""

    account_id: str
    sid: str
    tenant_id: str
    auth_time: datetime


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """One as it is stored. `interval` is in seconds. `account_id` and `sid` are those of whoever
    decided, None before."""

    device_id: str
    secret_hash: str = field(repr=False)
    user_code_hash: str = field(repr=False)
    client_id: str
    request: DeviceRequest
    state: DeviceState
    interval: int
    created_at: datetime
    expires_at: datetime
    polled_at: datetime | None = None
    account_id: str | None = None
    sid: str | None = None
    tenant_id: str | None = None
    auth_time: datetime | None = None

    @property
    def approval(self) -> Approval | None:
        """Who has let it in, if somebody has."""
        account_id, sid, tenant_id = self.account_id, self.sid, self.tenant_id
        if account_id is None or sid is None or tenant_id is None or self.auth_time is None:
            return None
        return Approval(account_id, sid, tenant_id, self.auth_time)

    def waits(self, now: datetime) -> bool:
        """Whether somebody may still decide."""
        return self.state is DeviceState.PENDING and now < self.expires_at

    @property
    def page_request(self) -> AuthorizationRequest:
        """The same for the pages, where it leads back to no application."""
        return AuthorizationRequest(
            client_id=self.client_id,
            redirect_uri="",
            scope=self.request.scope,
            resources=self.request.resources,
            tenant_id=self.request.tenant_id,
            device_id=self.device_id,
        )


@dataclass(frozen=True, slots=True)
class Poll:
    """A genuine device code as it is presented."""

    client_id: str
    secret_hash: str = field(repr=False)


def poll_refusal(device: DeviceAuthorization, poll: Poll, now: datetime) -> Refusal | None:
    """Why a poll gets no tokens (section 3.5), or None: somebody has let the device in."""
    if device.secret_hash != poll.secret_hash:
        return Refusal.UNKNOWN_CODE
    if device.client_id != poll.client_id:
        return Refusal.FOREIGN_CLIENT
    if device.state is DeviceState.REDEEMED:
        return Refusal.CODE_SPENT
    if device.state is DeviceState.DENIED:
        return Refusal.DENIED
    if now >= device.expires_at:
        return Refusal.EXPIRED
    if device.state is DeviceState.APPROVED:
        return None
    return Refusal.SLOW_DOWN if _is_too_soon(device, now) else Refusal.AUTHORIZATION_PENDING


def next_interval(device: DeviceAuthorization, now: datetime) -> int:
    """Seconds to the poll after this one, from now on."""
    return device.interval + SLOWER if _is_too_soon(device, now) else device.interval


def _is_too_soon(device: DeviceAuthorization, now: datetime) -> bool:
    polled_at = device.polled_at
    return polled_at is not None and now < polled_at + timedelta(seconds=device.interval)
