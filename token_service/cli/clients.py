"""`token-service client`."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from token_service.cli.answers import (
    Output,
    accepted,
    granted,
    json_option,
    page_options,
    paged,
)
from token_service.cli.forms import IDENTIFIER, JWKS, metadata_option
from token_service.cli.opening import AUTHOR, open_parts
from token_service.domain import device_authorizations
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.client_registration_rules import document_of
from token_service.domain.clients import AuthenticationMethod, Client, ClientKind
from token_service.services import client_changes, client_registration, registration_permits
from token_service.services.client_changes import Describing
from token_service.services.client_registration import NewClient, Registered

if TYPE_CHECKING:
    from token_service.web.parts import Parts

_DAY = 86_400
_GRANT_TYPES = (
    "authorization_code",
    "client_credentials",
    "refresh_token",
    device_authorizations.GRANT_TYPE,
)


@click.group()
def client() -> None:
    """Create, list, change and switch clients; replace their secrets."""


@client.command()
@click.option(
    "--kind",
    required=True,
    type=click.Choice([kind.value for kind in ClientKind]),
    help="Decides everything that no other option says.",
)
@click.option("--name", required=True, help="What people read.")
@click.option("--id", "client_id", help="[default: the kind and 8 random characters]")
@click.option("--tenant", "tenant_id", type=IDENTIFIER, help="The one tenant that it is for.")
@click.option("--scope", help="Every scope that it may be given, in quotes.")
@click.option("--default-scope", help="What it is given where it asks for nothing.")
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    help="A resource server that its tokens are for; may be given several times.",
)
@click.option("--resource-identifier", help="What it is called as an audience, if not by its id.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    help="Where codes may be sent; may be given several times.",
)
@click.option(
    "--post-logout-redirect-uri",
    "post_logout_redirect_uris",
    multiple=True,
    help="Where a browser may be sent after a log-out; may be given several times.",
)
@click.option(
    "--authentication",
    type=click.Choice([method.value for method in AuthenticationMethod]),
    help="How it proves who it is.",
)
@click.option(
    "--grant-type",
    "grant_types",
    multiple=True,
    type=click.Choice(_GRANT_TYPES),
    help="One that it may use besides those of its kind; may be given several times.",
)
@click.option("--jwks", type=JWKS, help="File with its public keys (a JWK set).")
@click.option("--jwks-uri", help="Where it publishes them instead.")
@click.option("--tls-subject-dn", help="Subject of its certificate, as in RFC 4514.")
@click.option("--tls-san-dns", help="DNS name in its certificate, instead of the subject.")
@click.option("--tls-san-uri", help="URI in its certificate, instead of the subject.")
@metadata_option
@json_option
def create(
    kind: str,
    name: str,
    client_id: str | None,
    tenant_id: str | None,
    scope: str | None,
    default_scope: str | None,
    audiences: tuple[str, ...],
    resource_identifier: str | None,
    redirect_uris: tuple[str, ...],
    post_logout_redirect_uris: tuple[str, ...],
    authentication: str | None,
    grant_types: tuple[str, ...],
    jwks: Mapping[str, object] | None,
    jwks_uri: str | None,
    tls_subject_dn: str | None,
    tls_san_dns: str | None,
    tls_san_uri: str | None,
    metadata: dict[str, object],
    output: Output,
) -> None:
    """Create a client; its secret is printed this once."""
    parts = open_parts()
    new = NewClient(
        kind=ClientKind(kind),
        name=name,
        client_id=client_id,
        tenant_id=tenant_id,
        scope=scope,
        default_scope=default_scope,
        audiences=audiences,
        resource_identifier=resource_identifier,
        redirect_uris=redirect_uris,
        post_logout_redirect_uris=post_logout_redirect_uris,
        authentication=AuthenticationMethod(authentication) if authentication else None,
        grant_types=frozenset(grant_types),
        metadata=ClientMetadata(
            jwks=jwks,
            jwks_uri=jwks_uri,
            tls_client_auth_subject_dn=tls_subject_dn,
            tls_client_auth_san_dns=tls_san_dns,
            tls_client_auth_san_uri=tls_san_uri,
        ),
    )
    made = client_changes.register(
        parts.database,
        parts.clock,
        _describing(parts),
        new,
        metadata,
        AUTHOR,
    )
    _show_with_secret(accepted(made), output)


@client.command()
@click.argument("client_id")
@json_option
def show(client_id: str, output: Output) -> None:
    """Show all that is registered of a client."""
    found = granted(client_changes.find(open_parts().database, client_id))
    document = document_of(found)
    lines = [f"{name} {json.dumps(document[name])}" for name in sorted(document)]
    output.show(_shown(found) | {"metadata": document}, f"client {client_id}", *lines)


@client.command()
@click.argument("client_id")
@metadata_option
@json_option
def update(client_id: str, metadata: dict[str, object], output: Output) -> None:
    """Change single members of what is registered of a client; null takes one back to its default.

    All others stay. A secret is made, and printed this once, if the client comes to need one.
    """
    parts = open_parts()
    after = client_changes.change(
        parts.database,
        parts.clock,
        _describing(parts),
        client_id,
        metadata,
        AUTHOR,
    )
    _show_with_secret(accepted(after), output)


@client.command()
@click.option(
    "--uses",
    type=click.IntRange(1, 1_000_000),
    default=1,
    show_default=True,
    help="How many clients may be registered with it.",
)
@click.option(
    "--expires-seconds",
    type=click.IntRange(1, 365 * _DAY),
    default=_DAY,
    show_default=True,
    help="How long it is good.",
)
@json_option
def permit(uses: int, expires_seconds: int, output: Output) -> None:
    """Make a permit to register clients at /oauth2/register; it is printed this once."""
    parts = open_parts()
    lifetime = timedelta(seconds=expires_seconds)
    pepper = parts.settings.secrets.pepper
    made, ends = registration_permits.permit(
        parts.database, parts.clock, pepper, uses, lifetime, AUTHOR
    )
    shown = {"initial_access_token": made, "uses": uses, "expires_at": ends}
    output.show(shown, f"initial access token {made}")


@client.command("withdraw-permits")
@json_option
def withdraw_permits(output: Output) -> None:
    """Withdraw all permits that are out; clients that were registered with them stay."""
    parts = open_parts()
    number = registration_permits.withdraw_all(parts.database, parts.clock, AUTHOR)
    output.show({"withdrawn": number}, f"withdrawn: {number}")


@client.command("list")
@page_options
@json_option
def list_(limit: int, cursor: str, output: Output) -> None:
    """List clients in the order of their ids."""
    parts = open_parts()
    found, next_cursor = paged(
        lambda after, count: client_registration.page(parts.database, after, count),
        cursor,
        limit,
        lambda one: one.client_id,
    )
    items = [_shown(one) for one in found]
    output.show_items(items, ("client_id", "kind", "name", "enabled", "audiences"), next_cursor)


@client.command()
@click.argument("client_id")
@json_option
def disable(client_id: str, output: Output) -> None:
    """End every grant of the client, and serve it no more."""
    parts = open_parts()
    now_is = granted(client_registration.disable(parts.database, parts.clock, client_id, AUTHOR))
    output.show(_shown(now_is), f"client {client_id} is disabled")


@client.command()
@click.argument("client_id")
@json_option
def enable(client_id: str, output: Output) -> None:
    """Serve the client again; what ended stays ended."""
    parts = open_parts()
    now_is = granted(client_registration.enable(parts.database, parts.clock, client_id, AUTHOR))
    output.show(_shown(now_is), f"client {client_id} is enabled")


@client.command("rotate-secret")
@click.argument("client_id")
@click.option(
    "--overlap-seconds",
    type=click.IntRange(0, 90 * _DAY),
    default=_DAY,
    show_default=True,
    help="How long the old secret works beside the new one.",
)
@json_option
def rotate_secret(client_id: str, overlap_seconds: int, output: Output) -> None:
    """Make a new secret; it is printed this once."""
    parts = open_parts()
    made = granted(
        client_registration.rotate_secret(
            parts.database,
            parts.clock,
            parts.settings.secrets.pepper,
            client_id,
            timedelta(seconds=overlap_seconds),
            AUTHOR,
            parts.keys.encryption,
        )
    )
    _show_with_secret(made, output)


def _describing(parts: "Parts") -> Describing:
    return Describing(
        parts.settings.secrets.pepper, parts.keys.encryption, parts.fetcher, parts.operators
    )


def _show_with_secret(made: Registered, output: Output) -> None:
    lines = [f"client {made.client.client_id}"]
    if made.secret is not None:
        lines.append(f"secret {made.secret}")
    output.show(_shown(made.client) | {"client_secret": made.secret}, *lines)


def _shown(one: Client) -> dict[str, object]:
    return {
        "client_id": one.client_id,
        "name": one.name,
        "kind": one.kind.value,
        "authentication": one.authentication.value,
        "enabled": one.enabled,
        "grant_types": sorted(one.grant_types),
        "tenant": one.tenant_id,
        "scope": one.scope,
        "default_scope": one.default_scope,
        "audiences": one.audiences,
        "resource_identifier": one.resource_identifier,
        "redirect_uris": one.metadata.redirect_uris,
        "post_logout_redirect_uris": one.metadata.post_logout_redirect_uris,
    }
