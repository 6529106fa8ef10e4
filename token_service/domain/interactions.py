"""Interactions: authorization requests that wait for somebody at the pages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from token_service.domain.authorization_requests import AuthorizationRequest

LIFETIME = 1800
"""Seconds that a request waits for the person."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been done so far, all of it by one account.

    `step` counts the steps that were taken: each is taken from the one number that it was shown
    under. `signed_in`: whether the account signed in for this request. `tenant_id` is the one that
    was chosen, `consented` says that the request was allowed there.
    """

    step: int = 0
    account_id: str | None = None
    signed_in: bool = False
    tenant_id: str | None = None
    consented: bool = False

    def of(self, account_id: str | None) -> "Progress":
        """What of it this account has done: nothing, if it was another one."""
        return self if self.account_id == account_id else Progress(self.step)

    @classmethod
    def begun_by(cls, account_id: str | None) -> Self:
        """Nothing was done yet; by whoever was signed in, if anybody was."""
        return cls(account_id=account_id)

    def after_sign_in(self, account_id: str) -> "Progress":
        """Somebody has signed in: whatever was done before is nothing of theirs."""
        return Progress(self.step + 1, account_id, signed_in=True)

    def after_choice(self, account_id: str, tenant_id: str) -> "Progress":
        """A tenant was chosen."""
        return replace(
            self.of(account_id),
            step=self.step + 1,
            account_id=account_id,
            tenant_id=tenant_id,
            consented=False,
        )

    def after_consent(self, account_id: str, tenant_id: str) -> "Progress":
        """The request was allowed in the tenant."""
        return replace(self.after_choice(account_id, tenant_id), consented=True)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """From what `stored` gave."""
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A request with its progress, in the browser that began it."""

    interaction_id: str
    browser_hash: str = field(repr=False)
    request: AuthorizationRequest
    progress: Progress
    expires_at: datetime

    def after(self, progress: Progress) -> "Interaction":
        """The same with other progress."""
        return replace(self, progress=progress)
