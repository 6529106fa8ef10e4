"""Counting failures and slowing down guesses, the same on every node."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from token_service.crypto import opaque
from token_service.domain.throttling import ThrottleRule, wait_until
from token_service.storage import failure_counts
from token_service.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Throttle:
    """The rules for accounts and for sources; subjects are stored as keyed hashes only."""

    pepper: bytes
    account: ThrottleRule
    source: ThrottleRule

    def account_subject(self, account: str) -> str:
        """The key of an account's failures, or those of a name that no account has."""
        return opaque.keyed_hash(self.pepper, "failures of an account", account)

    def source_subject(self, address: str) -> str:
        """The key of a source's failures: one IPv4 address, or one IPv6 /64 network."""
        return opaque.keyed_hash(self.pepper, "failures of a source", network(address))

    def client_subject(self, client_id: str, address: str) -> str:
        """The key of a source's failures to authenticate as one client."""
        text = f"{client_id} {network(address)}"
        return opaque.keyed_hash(self.pepper, "failures of a client", text)

    def wait(self, tx: Transaction, account: str, source: str, now: datetime) -> int:
        """Seconds before an attempt is looked at; 0: now."""
        waits = (
            wait_until(failure_counts.read(tx, account), self.account),
            wait_until(failure_counts.read(tx, source), self.source),
        )
        until = max((one for one in waits if one is not None), default=now)
        return max(0, -(-int((until - now) / timedelta(milliseconds=1)) // 1000))

    def count_failure(self, tx: Transaction, account: str, source: str, now: datetime) -> None:
        """Count one failure against both; in one order, so that two can never block each other."""
        for subject, rule in sorted(
            ((account, self.account), (source, self.source)), key=itemgetter(0)
        ):
            forgotten = now - timedelta(seconds=rule.window)
            failure_counts.add(tx, subject, now, forgotten)


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
