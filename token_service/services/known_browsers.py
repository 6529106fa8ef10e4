"""Browsers that have signed in to an account before: the guesses of others do not lock them out.

Their device cookie says so, and no row does. Who holds a good one has a count of failures of its
own in place of the account's (docs/adr/0016).
"""

from datetime import datetime

from token_service.crypto import device_cookies, opaque
from token_service.domain.accounts import Account
from token_service.domain.known_browsers import KNOWN_FOR, KnownBrowser
from token_service.services.configuration import Snapshot


def known(
    snapshot: Snapshot, account: Account | None, cookie: str | None, now: datetime
) -> KnownBrowser | None:
    """The browser that holds this cookie, if this account knows it; all others count for nothing.

    The caller has proved that the snapshot is current: a cookie of an unknown key is none. It is
    opened for a name that nobody has too, so that it takes as long.
    """
    keys = snapshot.keyring.opaque_keys(now).locator_keys
    browser = device_cookies.parse(keys, cookie) if cookie is not None else None
    if browser is None or account is None or not browser.is_known_to(account, now):
        return None
    return browser


def renewed(snapshot: Snapshot, account: Account, cookie: str | None, now: datetime) -> str:
    """The cookie for a browser that has just signed in to the account, whose row is held.

    A browser that is known stays the same one: copies of its cookies share one count.
    """
    before = known(snapshot, account, cookie, now)
    browser = KnownBrowser(
        account_id=account.account_id,
        device_id=before.device_id if before else opaque.new_id(now),
        epoch=account.epoch,
        ends_at=now + KNOWN_FOR,
    )
    return device_cookies.issue(snapshot.keyring.opaque_keys(now).current.locator_key, browser)
