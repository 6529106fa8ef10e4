"""Telling of sign-ins with a new device or from a new country: who watches over security by events,
and the person by a letter."""

from dataclasses import replace
from datetime import datetime

from token_service.domain.accounts import Account
from token_service.domain.events import AuditEvent, Event
from token_service.domain.sessions import Device
from token_service.domain.sightings import sighting
from token_service.services import letters, recording
from token_service.services.configuration import Snapshot
from token_service.storage import accounts
from token_service.storage.database import Transaction


def note(
    snapshot: Snapshot,
    tx: Transaction,
    account: Account,
    signed_in: AuditEvent,
    device: Device,
    now: datetime,
) -> None:
    """Remember with what and from where the account signed in, and record what of it is new.

    The caller holds the account's row and has read it under that lock: of two sign-ins at once
    neither forgets the other. Nothing is written unless something is new, and no letter of a
    country alone: addresses move between countries more often than people do.
    """
    found = sighting(account.seen, device)
    if found.seen == account.seen:
        return
    accounts.set_seen(tx, account.account_id, found.seen)
    if found.new_device is not None:
        details = {"device": found.new_device}
        recording.record(tx, replace(signed_in, event=Event.NEW_DEVICE, details=details), now)
        if snapshot.tells_new_devices:
            letters.notify_of_device(tx, account.account_id, device, signed_in.origin, now)
    if found.new_country is not None:
        details = {"country": found.new_country}
        recording.record(tx, replace(signed_in, event=Event.NEW_COUNTRY, details=details), now)
