"""Accounts and the names that they sign in with."""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from token_service.domain.scripts import could_pass_for_another
from token_service.domain.sightings import NOTHING_SEEN, Seen

_EMAIL = re.compile(r"[^\s@+][^\s@]*@[^\s@]+")
_PHONE_PUNCTUATION = re.compile(r"[ ().\-/]")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_USERNAME = re.compile(r"[^\s@+\x00-\x1f\x7f][^\s@\x00-\x1f\x7f]{0,127}")
_ID = re.compile(r"[0-9a-f]{32}")
MAX_NAME_LENGTH = 320


class NameKind(StrEnum):
    """The kinds of sign-in names; all share one name space, so none can pose as another."""

    EMAIL = "email"
    USERNAME = "username"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class SignInName:
    """One name of an account: as it is looked up, and as its owner wrote it."""

    kind: NameKind
    normalised: str
    display: str


@dataclass(frozen=True, slots=True)
class Membership:
    """An account's place in a tenant; `number` is never given twice within the account."""

    tenant_id: str
    number: int
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in, with the epochs and memberships that a new session is made from.

    `session_limit` is its own number of sessions: None has none of its own, and
    `session_limits.UNLIMITED` says that nothing limits it.
    """

    account_id: str
    enabled: bool
    epoch: int
    password_hash: str | None = field(repr=False)
    default_tenant_id: str | None
    memberships: tuple[Membership, ...]
    session_limit: int | None = None
    seen: Seen = NOTHING_SEEN

    def membership_in(self, tenant_id: str) -> Membership | None:
        """The membership in the tenant, or None."""
        return next((one for one in self.memberships if one.tenant_id == tenant_id), None)

    def belongs_only_to(self, tenant_id: str) -> bool:
        """Whether the tenant is the only one of the account."""
        return {one.tenant_id for one in self.memberships} == {tenant_id}


def well_formed_id(text: str) -> bool:
    """Whether the text has the form of an account's, tenant's or session's id."""
    return _ID.fullmatch(text) is not None


def normalised(identifier: str) -> str | None:
    """The key under which a sign-in name is stored and found; None where it cannot be one.

    Unicode NFKC and case folding of what can be seen, so that every spelling of a name meets the
    same account and the same failure count; a phone number loses its punctuation.
    """
    if len(identifier) > MAX_NAME_LENGTH:
        return None
    folded = unicodedata.normalize("NFKC", _visible(identifier)).casefold()
    folded = unicodedata.normalize("NFKC", folded).strip()
    # One character can become eighteen: it is the key that must fit its column.
    if not 0 < len(folded) <= MAX_NAME_LENGTH:
        return None
    if any(unicodedata.category(char) in {"Cc", "Cs", "Cn"} for char in folded):
        return None
    if folded.startswith("+"):
        return _PHONE_PUNCTUATION.sub("", folded)
    return folded


def sign_in_name(kind: NameKind, text: str) -> SignInName | None:
    """A new sign-in name of the given kind, or None where the text is not one.

    An e-mail address contains `@`, a username never does and never begins with `+`, a phone number
    is E.164 (`+` and 7 to 15 digits): a name of one kind can never be read as one of another. Nor
    may a new username or mailbox look like somebody else's by letters of another script; names that
    were given before go on signing in.
    """
    key = normalised(text)
    if key is None:
        return None
    if kind is not NameKind.PHONE and could_pass_for_another(_chosen_part(kind, key)):
        return None
    well_formed = {
        NameKind.EMAIL: _EMAIL.fullmatch(key) is not None,
        NameKind.USERNAME: _USERNAME.fullmatch(key) is not None,
        NameKind.PHONE: _PHONE.fullmatch(key) is not None,
    }[kind]
    return SignInName(kind, key, _visible(text)) if well_formed else None


def _chosen_part(kind: NameKind, key: str) -> str:
    """What its owner chose of a name: a domain says itself who gets its mail."""
    return key.rpartition("@")[0] if kind is NameKind.EMAIL else key


def _visible(text: str) -> str:
    """Without zero-width and direction marks: they come along with copied text, and with them one
    name could look like another."""
    return "".join(char for char in text if unicodedata.category(char) != "Cf").strip()


def tenant_for(account: Account, requested: str | None) -> str | None:
    """The tenant that a sign-in is for: the one named, the only one, or the account's default.

    None where the account has several and none was named or set (`tenant_required`).
    """
    if requested is not None:
        return requested
    if len(account.memberships) == 1:
        return account.memberships[0].tenant_id
    return account.default_tenant_id
