"""One request to an OAuth endpoint, as Authlib and the adapters see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload

from token_service.clock import Clock
from token_service.crypto.certificates import Certificate
from token_service.domain.clients import Client
from token_service.domain.confirmations import Confirmation
from token_service.domain.events import Origin
from token_service.domain.pushed_requests import PushRules
from token_service.domain.refusals import Refused
from token_service.domain.sessions import Device
from token_service.oauth.credentials import (
    Given,
    Method,
    Misuse,
    Presented,
    presented,
)
from token_service.services.client_proofs import Proofs
from token_service.services.configuration import Snapshot
from token_service.services.garbage import Garbage
from token_service.services.throttling import Throttle
from token_service.storage.database import Database


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every use case runs against."""

    database: Database
    clock: Clock
    snapshot: Snapshot
    throttle: Throttle
    origin: Origin
    proofs: Proofs
    pushing: PushRules
    garbage: Garbage
    spent: set[str] = field(repr=False)
    """The hashes of signed statements that this request has used up: a view that runs once more
    finds them good."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose form was read strictly: each name once, no empty values, no query.

    `confirm` tells, once the client is known, what its tokens are to be bound to; `device` what the
    request comes with, which takes milliseconds to find out.
    """

    path: str
    form: Mapping[str, str] = field(repr=False)
    authorization: str | None = field(repr=False)
    surroundings: Surroundings
    confirm: Callable[[Client], Confirmation | Refused]
    device: Callable[[], Device]
    certificate: Certificate | None = field(default=None, repr=False)
    """By which the connection of the request was made, as a trusted proxy says."""

    @property
    def credentials(self) -> Presented | Misuse:
        """What the client presents."""
        given = Given(
            self.authorization,
            self.form.get("client_id"),
            self.form.get("client_secret"),
            self.form.get("client_assertion_type"),
            self.form.get("client_assertion"),
            self.certificate,
        )
        return credentials(self.surroundings, given)


class CallRequest(OAuth2Request):
    """The same in Authlib's terms."""

    def __init__(self, call: Call) -> None:
        # Authlib answers 500 to a plain-http URL that is not loopback, by the Host header for all
        # it knows. Whether http is acceptable was decided about the issuer, when the service
        # started; the address of a request decides nothing.
        host_and_path = call.surroundings.snapshot.issuer.partition("://")[2] + call.path
        super().__init__("POST", f"https://{host_and_path}")
        self.call = call
        self.payload = BasicOAuth2Payload(call.form)

    @property
    def form(self) -> Mapping[str, str]:
        """The parameters of the body."""
        return self.call.form

    def __repr__(self) -> str:
        return f"<CallRequest {self.call.path}>"


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """A client that has authenticated, in Authlib's terms (`ClientMixin`)."""

    client: Client

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Whether the client may use the method at all (RFC 7591 section 2)."""
        return self.client.authenticates_by(method)


def credentials(around: Surroundings, given: Given) -> Presented | Misuse:
    """What a client presents, with the method of one that only names itself by its registration: a
    certificate may prove it.

    What it is registered for is looked up here, and decided where clients are authenticated.
    """
    found = presented(given)
    if isinstance(found, Misuse) or found.method is not Method.NONE:
        return found
    client = around.snapshot.client(found.client_id)
    if client is None or not client.shows_a_certificate:
        return Presented(Method.NONE, found.client_id, None)
    return Presented(Method(client.authentication), found.client_id, found.proof)
