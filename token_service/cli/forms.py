"""The forms that arguments have, told apart before anything is asked of the service."""

import click

from token_service.domain import accounts, roles
from token_service.domain.accounts import NameKind, SignInName


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
            self.fail(f"{value!r} is no {self.kind.value}", param, ctx)
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


EMAIL = SignInNameForm(NameKind.EMAIL)
USERNAME = SignInNameForm(NameKind.USERNAME)
PHONE = SignInNameForm(NameKind.PHONE)
IDENTIFIER = IdentifierForm()
ROLE = RoleForm()
MEMBERSHIP = MembershipForm()
