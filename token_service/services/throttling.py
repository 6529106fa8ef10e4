"""Whose failures are counted together: an account's, a source's, a client's from one source."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from token_service.crypto import opaque
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.throttling import ThrottleRule, source_failed
from token_service.storage import failure_counts
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Throttle:
    """The rules for sources, and the keys of all counts: keyed hashes only.

    `source` is for failures; `requests` for what a source may leave waiting in the name of one
    client. The rules for accounts are in their tenants' policies.
    """

    pepper: bytes
    source: ThrottleRule
    requests: ThrottleRule

    def account_subject(self, account: str) -> str:
        """The key of an account's failures, or those of a name that no account has."""
        return opaque.keyed_hash(self.pepper, "failures of an account", account)

    def device_subject(self, account_id: str, device_id: str) -> str:
        """The key of the failures at an account in one browser that the account knows."""
        return opaque.keyed_hash(self.pepper, "failures of a device", f"{account_id} {device_id}")

    def session_subject(self, account_id: str, sid: str) -> str:
        """The key of the failures at an account in one live session of it."""
        return opaque.keyed_hash(self.pepper, "failures of a session", f"{account_id} {sid}")

    def source_subject(self, address: str) -> str:
        """The key of a source's failures: one IPv4 address, or one IPv6 /64 network."""
        return opaque.keyed_hash(self.pepper, "failures of a source", network(address))

    def client_subject(self, client_id: str, address: str) -> str:
        """The key of a source's failures to authenticate as one client."""
        text = f"{client_id} {network(address)}"
        return opaque.keyed_hash(self.pepper, "failures of a client", text)

    def registration_subject(self, address: str) -> str:
        """The key of a source's attempts to register clients."""
        return opaque.keyed_hash(self.pepper, "registrations of a source", network(address))

    def request_subject(self, client_id: str, address: str) -> str:
        """The key of the requests that a source leaves waiting in a client's name."""
        text = f"{client_id} {network(address)}"
        return opaque.keyed_hash(self.pepper, "requests of a client", text)


def counted(tx: Transaction, subject: str, rule: ThrottleRule, now: datetime) -> int:
    """Count one more attempt; the seconds to wait instead, and then it is not counted.

    The count is held while it is looked at: of many attempts at once, those beyond the free ones
    come too late.
    """
    count = failure_counts.hold(tx, (subject,), now)[subject]
    wait = count.wait(now)
    if not wait:
        failure_counts.write(tx, subject, source_failed(count, rule, now))
    return wait


def one_more_request(
    tx: Transaction, throttle: Throttle, client_id: str, address: str, now: datetime
) -> Refused | None:
    """Count one more request that will wait: at the pages, pushed, or of a device. `Refused`: the
    source leaves too many of them waiting in the client's name.

    Nobody has proved anything yet, and each is a row until the purge comes by.
    """
    wait = counted(tx, throttle.request_subject(client_id, address), throttle.requests, now)
    return Refused(Refusal.SOURCE_THROTTLED, retry_after=wait) if wait else None


def network(address: str) -> str:
    """What counts as one source: an IPv6 customer holds a whole /64 network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
