"""Who calls: a client by its credentials, an administrator or a person by an access token."""

from dataclasses import dataclass
from typing import Literal

from flask import g, request

from token_service.domain.clients import ADMIN_SCOPE, Client, ClientKind, Permission
from token_service.domain.confirmations import Confirmation
from token_service.domain.refusals import Refusal
from token_service.domain.scopes import names
from token_service.domain.sessions import GrantKey
from token_service.oauth.answers import ClientRefused
from token_service.oauth.call import Surroundings, credentials
from token_service.oauth.client_authentication import authenticated
from token_service.oauth.credentials import (
    AMBIGUOUS,
    CONFIDENTIAL,
    EVERY_CLIENT,
    Given,
    Misuse,
    presented,
)
from token_service.services import account_sessions, members
from token_service.services.changes import Author
from token_service.services.configuration import Snapshot, prove_current
from token_service.services.endings import Cause
from token_service.services.inspection import Inspection
from token_service.web import access_tokens, client_certificates, errors
from token_service.web.origin import origin
from token_service.web.parsing import is_identifier
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, malformed, refusal
from token_service.web.schemas.requests import ClientRequest


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may look at or change what is other people's, and as what they do it.

    `tenant_id` None: in all tenants. `account_id` is that of a member whose role permits it.
    """

    role: Literal["backend", "admin", "member"]
    client_id: str
    tenant_id: str | None
    account_id: str | None = None

    @property
    def actor(self) -> str:
        """As the audit log names it."""
        return f"account:{self.account_id}" if self.account_id else f"client:{self.client_id}"

    @property
    def reach(self) -> str | None:
        """The tenant that bounds what the caller sees and ends; None: nothing does."""
        return self.tenant_id

    def cause(self) -> Cause:
        """The cause of what the caller ends."""
        is_backend = self.role == "backend"
        reason = Refusal.ENDED_BY_BACKEND if is_backend else Refusal.ENDED_BY_ADMIN
        return Cause(reason, self.actor, origin())

    def author(self) -> Author:
        """The author of what the caller changes."""
        return Author(self.actor, origin())


@dataclass(frozen=True, slots=True)
class Person:
    """An account with a live session, by its access token.

    `impersonator` is the client that acts as the account, if one does; `grant` and `scope` are
    those of the token, and `confirmation` is what it demands and was proved.
    """

    account_id: str
    sid: str
    tenant_id: str
    client_id: str
    impersonator: str | None
    grant: GrantKey
    scope: str
    confirmation: Confirmation

    def may_end(self, sid: str) -> bool:
        """Whoever acts as somebody else ends nothing but the session that they do it in."""
        return self.impersonator is None or sid == self.sid

    @property
    def reach(self) -> None:
        """A person reaches their own sessions in all of their tenants, whatever the token's."""
        return None

    def cause(self) -> Cause:
        """The cause of what the person ends."""
        if self.impersonator is not None:
            return Cause(Refusal.ENDED_BY_BACKEND, f"client:{self.impersonator}", origin())
        return Cause(Refusal.ENDED_BY_USER, f"account:{self.account_id}", origin())


def surroundings(snapshot: Snapshot) -> Surroundings:
    """What the use cases of this request run against."""
    here = parts()
    spent = g.setdefault("spent_statements", set())
    return Surroundings(
        here.database,
        here.clock,
        snapshot,
        here.gate.throttle,
        origin(),
        here.proofs,
        here.pushing,
        here.garbage,
        spent,
    )


def client(snapshot: Snapshot, said: ClientRequest) -> Client:
    """The client of a JSON request: by each way of the token endpoint, or public by its name."""
    return _client(snapshot, said, request.headers.get("Authorization"))


def client_in_body(snapshot: Snapshot, said: ClientRequest) -> Client:
    """The client of a JSON request whose `Authorization` header holds a person's access token."""
    return _client(snapshot, said, None)


def confidential_client(snapshot: Snapshot) -> Client:
    """The client that authenticates by Basic, or by an access token of its own that is bound to a
    key: one that signs or shows a certificate has no secret, and gets such a token for it."""
    if _scheme() in access_tokens.SCHEMES:
        return _by_own_token(snapshot, bearer(snapshot))
    around = surroundings(snapshot)
    shown = presented(Given(request.headers.get("Authorization")))
    return _proved(authenticated(around, shown, CONFIDENTIAL))


def caller(snapshot: Snapshot, permission: Permission) -> Caller:
    """Who may do it: a trusted backend with the permission (as `confidential_client`); an
    administrator, by an access token of its own; or a member whose roles permit it, in the tenant
    of their token."""
    scheme = _scheme()
    if scheme in access_tokens.SCHEMES:
        found = bearer(snapshot)
        if found.account_id is not None:
            return _member(snapshot, _person(snapshot, found), permission)
        return _client_caller(snapshot, found, permission)
    if scheme != "basic":
        raise Refuse(errors.AUTHENTICATION_MISSING)
    backend = confidential_client(snapshot)
    here = parts()
    prove_current(here.database, here.clock, snapshot)
    return _backend(backend, permission)


def administrator(snapshot: Snapshot) -> Caller:
    """An administrator, of the environment or of one tenant, by an access token of its own."""
    return _administrator(snapshot, bearer(snapshot))


def environment_administrator(snapshot: Snapshot) -> Caller:
    """The same, where what is changed reaches beyond any tenant."""
    found = administrator(snapshot)
    if found.tenant_id is not None:
        raise Refuse(errors.FORBIDDEN)
    return found


def caller_in(snapshot: Snapshot, permission: Permission, tenant_id: str) -> Caller:
    """Who may do it (as `caller`), in this tenant, if it is one that they may know of."""
    found = caller(snapshot, permission)
    if not is_identifier(tenant_id) or found.tenant_id not in (None, tenant_id):
        raise Refuse(errors.NOT_FOUND)
    return found


def caller_for(snapshot: Snapshot, permission: Permission, account_id: str) -> Caller:
    """The same, where the account is one that the caller may know of."""
    found = caller(snapshot, permission)
    if not is_identifier(account_id) or not may_know(found, account_id):
        raise Refuse(errors.NOT_FOUND)
    return found


def administrator_for(snapshot: Snapshot, account_id: str) -> Caller:
    """The same, where the account is one that it may know of."""
    found = administrator(snapshot)
    if not is_identifier(account_id) or not may_know(found, account_id):
        raise Refuse(errors.NOT_FOUND)
    return found


def administrator_of(snapshot: Snapshot, tenant_id: str) -> Caller:
    """The same, where the tenant is one that it may know of: any, or its own."""
    found = administrator(snapshot)
    if not is_identifier(tenant_id) or found.tenant_id not in (None, tenant_id):
        raise Refuse(errors.NOT_FOUND)
    return found


def caller_or_person(snapshot: Snapshot, permission: Permission) -> Caller | Person:
    """One of the two, or the account itself by its access token."""
    if _scheme() not in access_tokens.SCHEMES:
        return caller(snapshot, permission)
    found = bearer(snapshot)
    if found.account_id is None:
        return _client_caller(snapshot, found, permission)
    return _person(snapshot, found)


def ender(snapshot: Snapshot, who: Caller | Person, account_id: str | None) -> Caller | Person:
    """As what they end a session of the account, by its id alone.

    A person ends their own, or those of others where a role permits it. For everybody else the
    session looks like one that does not exist, as it does to somebody without any such role.
    """
    if account_id is None:
        raise Refuse(errors.NOT_FOUND)
    if isinstance(who, Person) and account_id != who.account_id:
        who = _as_member(snapshot, who, Permission.SESSIONS_REVOKE) or who
    if not may_know(who, account_id):
        raise Refuse(errors.NOT_FOUND)
    return who


def may_know(who: Caller | Person, account_id: str) -> bool:
    """Whether the account is not to look like one that does not exist.

    A person knows of nobody else; a client of a tenant knows its members only.
    """
    if isinstance(who, Person):
        return account_id == who.account_id
    if who.tenant_id is None:
        return True
    return account_sessions.belongs_to(parts().database, account_id, who.tenant_id)


def person(snapshot: Snapshot) -> Person:
    """The account whose access token this is.

    Whatever audience the token is for: these endpoints give a person power over their own sessions
    only, and every application that holds their token may sign them out.
    """
    return _person(snapshot, bearer(snapshot))


def owner(snapshot: Snapshot) -> Person:
    """The same, but for nobody who acts in the person's place."""
    found = person(snapshot)
    if found.impersonator is not None:
        raise Refuse(errors.IMPERSONATION_NOT_ALLOWED)
    return found


def bearer(snapshot: Snapshot) -> Inspection:
    """The live access token in the `Authorization` header, with the proof that it may demand."""
    return access_tokens.live(snapshot, access_tokens.presented())


def _is_first_party(snapshot: Snapshot, client_id: str) -> bool:
    """Whether a person's token of this client is the person's own word: an application of others
    was allowed to know something, not to end sessions or to look at all of a profile."""
    client = snapshot.client(client_id)
    return client is not None and client.first_party


def _person(snapshot: Snapshot, found: Inspection) -> Person:
    grant = found.grant
    if grant is None or found.tenant_id is None:
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    if found.impersonator is None and not _is_first_party(snapshot, found.client_id):
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    return Person(
        grant.account_id,
        grant.sid,
        found.tenant_id,
        found.client_id,
        found.impersonator,
        grant,
        found.scope,
        found.confirmation,
    )


def _member(snapshot: Snapshot, who: Person, permission: Permission) -> Caller:
    found = _as_member(snapshot, who, permission)
    if found is None:
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    return found


def _as_member(snapshot: Snapshot, who: Person, permission: Permission) -> Caller | None:
    """Whoever acts as somebody else has none of that person's power over others."""
    here = parts()
    held = members.permissions(here.database, snapshot, who.account_id, who.tenant_id)
    if who.impersonator is not None or permission not in held:
        return None
    return Caller("member", who.client_id, who.tenant_id, who.account_id)


def _scheme() -> str:
    return request.headers.get("Authorization", "").partition(" ")[0].lower()


def _administrator(snapshot: Snapshot, found: Inspection) -> Caller:
    """A client of kind `admin` by a token of its own; a person's token never has this power."""
    admin = snapshot.client(found.client_id)
    if (
        found.sid is not None
        or ADMIN_SCOPE not in names(found.scope)
        or admin is None
        or admin.kind is not ClientKind.ADMIN
    ):
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    return Caller("admin", admin.client_id, admin.tenant_id)


def _client_caller(snapshot: Snapshot, found: Inspection, permission: Permission) -> Caller:
    """A client by a token of its own: an administrator, or a trusted backend."""
    known = snapshot.client(found.client_id)
    if known is None or known.kind is not ClientKind.BACKEND:
        return _administrator(snapshot, found)
    return _backend(_by_own_token(snapshot, found), permission)


def _backend(backend: Client, permission: Permission) -> Caller:
    if not backend.may(permission):
        raise Refuse(errors.FORBIDDEN)
    return Caller("backend", backend.client_id, backend.tenant_id)


def _by_own_token(snapshot: Snapshot, found: Inspection) -> Client:
    """The client whose own token this is, which holds what the token is bound to.

    Bound it must be: a resource server to which the client has shown it must not become the client
    here.
    """
    itself = snapshot.client(found.client_id)
    if found.sid is not None or itself is None or not found.confirmation.members:
        raise Refuse(errors.INSUFFICIENT_SCOPE)
    return itself


def _client(snapshot: Snapshot, said: ClientRequest, authorization: str | None) -> Client:
    around = surroundings(snapshot)
    given = Given(
        authorization,
        said.client_id,
        said.client_secret,
        said.client_assertion_type,
        said.client_assertion,
        client_certificates.of_connection(),
    )
    return _proved(authenticated(around, credentials(around, given), EVERY_CLIENT))


def _proved(found: Client | ClientRefused | Misuse) -> Client:
    if isinstance(found, Misuse):
        raise misuse(found)
    if isinstance(found, ClientRefused):
        raise refusal(found.refused, errors.CLIENT)
    return found


def misuse(found: Misuse) -> Refuse:
    """Credentials that cannot even be looked at."""
    if found in AMBIGUOUS:
        return malformed(found)
    return Refuse(errors.INVALID_CLIENT.saying(found), reason=found.name.lower())
