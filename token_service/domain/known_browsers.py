"""Browsers that have signed in to an account before, and how long that says anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from token_service.domain.accounts import Account

KNOWN_FOR = timedelta(days=365)
"""How long a browser is known after a sign-in; each further one begins it anew."""


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """What a browser's device cookie says: who signed in there, under which epoch of the account.

    The ids are 32 lowercase hexadecimal characters each; `ends_at` is a whole second.
    """

    account_id: str
    device_id: str
    epoch: int
    ends_at: datetime

    def is_known_to(self, account: Account, now: datetime) -> bool:
        """Whether it is still known to this account.

        Whatever raises the account's epoch (a reset of the password, a log-out everywhere) shuts
        out every browser that has signed in before, a stolen one too.
        """
        is_of_it = (self.account_id, self.epoch) == (account.account_id, account.epoch)
        return is_of_it and now < self.ends_at
