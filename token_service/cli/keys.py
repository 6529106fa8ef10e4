"""`token-service keys`."""

from datetime import datetime

import click

from token_service.cli.answers import Output, json_option, refuse
from token_service.cli.opening import AUTHOR, open_parts
from token_service.domain.keys import KeyRecord
from token_service.services import keys as key_services


@click.group()
def keys() -> None:
    """List, rotate and retire keys. They come, rotate and go by themselves as well."""


@keys.command("list")
@json_option
def list_(output: Output) -> None:
    """List all keys, without anything private."""
    parts = open_parts()
    now = parts.clock.now()
    items = [_shown(one, now) for one in key_services.list_keys(parts.database)]
    output.show_items(items, ("kid", "algorithm", "state", "activates_at", "retires_at", "gone_at"))


@keys.command()
@click.argument("algorithm")
@json_option
def rotate(algorithm: str, output: Output) -> None:
    """Publish a new key for ALGORITHM now; it takes over when every verifier can know it.

    ALGORITHM is ES256, RS256, EdDSA, PS256, or HKDF-SHA256 for refresh tokens.
    """
    parts = open_parts()
    made = key_services.rotate(parts.database, parts.clock, parts.keys, algorithm, AUTHOR.actor)
    if made is None:
        refuse("there are no keys for this algorithm (keys.algorithms in the settings)")
    shown = _shown(made, parts.clock.now())
    output.show(shown, f"key {made.kid} takes over at {made.activates_at:%Y-%m-%d %H:%M:%S} UTC")


@keys.command()
@click.argument("kid")
@click.option("--reason", default="retired from the command line", help="For the audit log.")
@json_option
def retire(kid: str, reason: str, output: Output) -> None:
    """Emergency: every token of the key KID is invalid at once, and a new key signs from now on.

    Before an id that begins with a dash write --.
    """
    parts = open_parts()
    done = key_services.revoke(parts.database, parts.clock, parts.keys, kid, reason, AUTHOR.actor)
    if not done:
        refuse("there is no such key in force")
    output.show({"kid": kid, "state": "revoked"}, f"every token of key {kid} is invalid")


def _shown(one: KeyRecord, now: datetime) -> dict[str, object]:
    return {
        "kid": one.kid,
        "number": one.number,
        "purpose": one.purpose,
        "algorithm": one.algorithm,
        "state": one.state(now).value,
        "created_at": one.created_at,
        "activates_at": one.activates_at,
        "retires_at": one.retires_at,
        "gone_at": one.gone_at,
        "revoked_at": one.revoked_at,
        "revoked_reason": one.revoked_reason,
    }
