"""The forms that arguments have, told apart before anything is asked of the service."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from token_service.domain import accounts, roles
from token_service.domain.accounts import NameKind, SignInName
from token_service.domain.tenants import domain_in
from token_service.web import json_text

Command = TypeVar("Command", bound=Callable[..., Any])

_FIELD = re.compile(r"[a-z_]{1,40}")
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_BOUND = re.compile(r"(?P<min>[0-9]{1,18})?\.\.(?P<max>[0-9]{1,18})?", re.ASCII)


class SignInNameForm(click.ParamType[SignInName]):
    """An e-mail address, a username or a phone number."""

    def __init__(self, kind: NameKind) -> None:
        self.kind = kind
        self.name = kind.value

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> SignInName:
        """The name as it is stored."""
        made = accounts.sign_in_name(self.kind, str(value))
        if made is None:
            self.fail(f"{value!r} is no {self.kind.value} for a new account", param, ctx)
        return made


class IdentifierForm(click.ParamType[str]):
    """The id of a tenant or a session."""

    name = "id"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The id."""
        text = str(value)
        if not accounts.well_formed_id(text):
            self.fail(f"{text!r} is no id (32 hexadecimal characters)", param, ctx)
        return text


class DomainForm(click.ParamType[str]):
    """A domain of a tenant."""

    name = "domain"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The domain in its one spelling."""
        domain = domain_in(str(value))
        if domain is None:
            self.fail(f"{value!r} is no domain (as example.org; xn-- in other scripts)", param, ctx)
        return domain


class RoleForm(click.ParamType[str]):
    """The name of a role."""

    name = "role"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The role."""
        text = str(value)
        if not roles.well_formed(text):
            self.fail(f"{text!r} is no name of a role (a-z, then a-z 0-9 _ . : -)", param, ctx)
        return text


class MembershipForm(click.ParamType[tuple[str, tuple[str, ...]]]):
    """`TENANT` or `TENANT=ROLE,ROLE`."""

    name = "tenant[=role,...]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        """The tenant's id and the roles there."""
        tenant_id, _, roles = str(value).partition("=")
        return (
            IDENTIFIER.convert(tenant_id, param, ctx),
            tuple(ROLE.convert(role, param, ctx) for role in roles.split(",") if role),
        )


class FieldForm(click.ParamType[tuple[str, object]]):
    """`FIELD=VALUE` of a policy, as JSON would have it; `inherit` is null."""

    name = "field=value"
    _WORDS: Mapping[str, object] = {"inherit": None, "true": True, "false": False}

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, object]:
        """The field's name and its value; whether it has such a value is decided elsewhere."""
        name, equals, text = str(value).partition("=")
        if not equals or not _FIELD.fullmatch(name):
            self.fail(f"{value!r} is no FIELD=VALUE", param, ctx)
        if _NUMBER.fullmatch(text):
            return name, int(text)
        return name, self._WORDS.get(text, text)


class BoundForm(click.ParamType[tuple[str, object]]):
    """`FIELD=MIN..MAX`, either end may be left out, or `FIELD=none`."""

    name = "field=min..max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, object]:
        """The field's name and its bound, null for none."""
        name, _, text = str(value).partition("=")
        if _FIELD.fullmatch(name) and text == "none":
            return name, None
        ends = _BOUND.fullmatch(text)
        if ends is None or not _FIELD.fullmatch(name):
            self.fail(f"{value!r} is no FIELD=MIN..MAX", param, ctx)
        return name, {end: int(text) for end, text in ends.groupdict().items() if text}


class SessionLimitForm(click.ParamType[object]):
    """A number of sessions, `off` for no limit, or `none` for none of its own."""

    name = "limit"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """As JSON would have it, but `none` as it is: to click, None is an argument left out."""
        text = str(value)
        if text in ("off", "none"):
            return text
        if not _NUMBER.fullmatch(text):
            self.fail(f"{text!r} is no number, off or none", param, ctx)
        return int(text)


class JwksForm(click.ParamType[Mapping[str, object]]):
    """The path of a file that holds a JWK set."""

    name = "file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, object]:
        """The set, with at least one key."""
        if isinstance(value, Mapping):
            return value
        try:
            jwks = json.loads(Path(str(value)).read_bytes())
        except (OSError, ValueError):
            self.fail(f"{value!r} is no file with JSON in it", param, ctx)
        if not isinstance(jwks, dict) or not jwks.get("keys"):
            self.fail(f"{value!r} holds no JWK set", param, ctx)
        return jwks


EMAIL = SignInNameForm(NameKind.EMAIL)
USERNAME = SignInNameForm(NameKind.USERNAME)
PHONE = SignInNameForm(NameKind.PHONE)
JWKS = JwksForm()
IDENTIFIER = IdentifierForm()
ROLE = RoleForm()
DOMAIN = DomainForm()
MEMBERSHIP = MembershipForm()
FIELD = FieldForm()
BOUND = BoundForm()
SESSION_LIMIT = SessionLimitForm()


def metadata_option(command: Command) -> Command:
    """Gives a command `--metadata`, and with it the parameter `metadata`: a JSON object."""
    option = click.option(
        "--metadata",
        type=click.File("rb"),
        callback=_object,
        help="A JSON file (-: standard input) with members of RFC 7591 and of this service.",
    )
    return option(command)


def _object(
    _context: click.Context, _parameter: click.Parameter, file: BinaryIO | None
) -> dict[str, object]:
    """What the file says; nothing without one. What its members may be is decided elsewhere."""
    if file is None:
        return {}
    try:
        return json_text.json_object(file.read())
    except ValueError as error:
        raise click.BadParameter("no well-formed JSON object") from error
