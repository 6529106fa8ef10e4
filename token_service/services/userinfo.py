"""What the userinfo endpoint tells of the account whose access token is presented."""

from dataclasses import dataclass, field

from token_service.domain import scopes
from token_service.domain.clients import Client
from token_service.domain.openid_claims import OPENID_SCOPE
from token_service.domain.refusals import Refusal, Refused
from token_service.services import openid_claims, subjects
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection
from token_service.storage.database import Database


@dataclass(frozen=True, slots=True)
class UserInfo:
    """The claims, `sub` among them, for the client that the token was given to."""

    client: Client
    claims: dict[str, object] = field(repr=False)


def read(database: Database, snapshot: Snapshot, found: Inspection) -> UserInfo | Refused:
    """The claims that a live access token lets its client learn (OpenID Connect Core section 5.3).

    `sub` is that of the ID token (5.3.2). `forbidden` says that the token is not of an account, or
    its scope not `openid`.
    """
    account_id, terms = found.account_id, found.terms
    if account_id is None or terms is None or OPENID_SCOPE not in scopes.names(found.scope):
        return Refused(Refusal.FORBIDDEN)
    client = snapshot.client(found.client_id)
    if client is None:
        return Refused(Refusal.UNKNOWN_CLIENT)
    about = openid_claims.for_userinfo(database, client, found.scope, terms, account_id)
    if about is None:
        return Refused(Refusal.NOT_FOUND)
    return UserInfo(client, about | {"sub": subjects.subject(snapshot, client, account_id)})
