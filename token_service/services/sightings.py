"""Telling those who watch over security of sign-ins with a new device or from a new country."""

from dataclasses import replace
from datetime import datetime

from token_service.domain.accounts import Account
from token_service.domain.events import AuditEvent, Event
from token_service.domain.sessions import Device
from token_service.domain.sightings import sighting
from token_service.services import recording
from token_service.storage import accounts
from token_service.storage.database import Transaction


def note(
    tx: Transaction, account: Account, signed_in: AuditEvent, device: Device, now: datetime
) -> None:
    """Remember with what and from where the account signed in, and record what of it is new.

    The caller holds the account's row and has read it under that lock: of two sign-ins at once
    neither forgets the other. Nothing is written unless something is new.
    """
    found = sighting(account.seen, device)
    if found.seen == account.seen:
        return
    accounts.set_seen(tx, account.account_id, found.seen)
    if found.new_device is not None:
        details = {"device": found.new_device}
        recording.record(tx, replace(signed_in, event=Event.NEW_DEVICE, details=details), now)
    if found.new_country is not None:
        details = {"country": found.new_country}
        recording.record(tx, replace(signed_in, event=Event.NEW_COUNTRY, details=details), now)
