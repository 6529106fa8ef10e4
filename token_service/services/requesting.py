"""Which authorization request a browser brings: in the URL, pushed before, or signed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from token_service.clock import Clock
from token_service.domain.authorization_requests import (
    IN_THE_BROWSER,
    AuthorizationRequest,
    Delivery,
    RequestRefused,
    Unredirectable,
    target_of,
)
from token_service.domain.clients import Client
from token_service.domain.pushed_requests import REQUEST_URI
from token_service.domain.refusals import Refusal
from token_service.outbound.fetching import Fetcher
from token_service.services import pushing
from token_service.services.checked_requests import checked
from token_service.services.client_keys import ClientKeys
from token_service.services.configuration import Snapshot
from token_service.services.request_objects import (
    BadObject,
    NoObject,
    fetched_object,
    parameters_of_object,
    unproved_parameters,
)
from token_service.storage.database import Database

Parameters = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where requests may come from besides the URL; `push_required`: from nowhere but a push."""

    keys: ClientKeys
    fetcher: Fetcher
    push_required: bool


@dataclass(frozen=True, slots=True)
class _Given:
    """The parameters that count, and how they came."""

    parameters: Parameters = field(repr=False)
    delivery: Delivery = IN_THE_BROWSER
    pushed_as: str | None = None


@dataclass(frozen=True, slots=True)
class _Bad:
    """A source that gives nothing. `said` is what it says all the same, though nobody stands for
    it; `untold` is for the person, where nobody else can be told."""

    error: str
    sentence: str
    untold: Unredirectable
    said: Parameters = field(default_factory=dict, repr=False)


def asked(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    sources: Sources,
    client: Client | None,
    parameters: Parameters,
) -> AuthorizationRequest | Unredirectable | RequestRefused:
    """The request that these parameters of a URL or a form make, or name.

    Where they name one, no other parameter beside it counts, except that the client must be the
    same (RFC 9101 section 5, RFC 9126 section 4). May fetch, so no transaction is open before.
    Raises `StaleConfiguration` or `Unavailable`.
    """
    if client is None or not client.enabled:
        return Unredirectable.UNKNOWN_CLIENT
    given = _given(database, clock, snapshot, sources, client, parameters)
    if isinstance(given, _Bad):
        return _answer_to(given, client, parameters)
    request = checked(database, clock, snapshot, client, given.parameters, given.delivery)
    if not isinstance(request, AuthorizationRequest):
        return request
    if sources.push_required and not given.delivery.pushed:
        wrong = "Requests have to be pushed here."
        return RequestRefused("invalid_request", wrong, request.target)
    return replace(request, pushed_as=given.pushed_as)


def _given(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    sources: Sources,
    client: Client,
    parameters: Parameters,
) -> _Given | _Bad:
    by_value, by_name = parameters.get("request"), parameters.get("request_uri")
    if by_value is not None and by_name is not None:
        return _Bad(
            "invalid_request",
            "The parameters request and request_uri exclude each other.",
            Unredirectable.REQUEST_URI_INVALID,
        )
    if by_value is not None:
        return _signed(clock, snapshot, sources, client, by_value, was_fetched=False)
    if by_name is None:
        return _Given(parameters)
    if by_name.startswith(REQUEST_URI):
        return _pushed(database, clock, snapshot, client, by_name)
    token = fetched_object(sources.fetcher, client, by_name)
    if isinstance(token, NoObject):
        return _Bad(
            "invalid_request_uri",
            "The request_uri is not one that the client has registered, or there is no request.",
            Unredirectable.REQUEST_URI_INVALID,
        )
    return _signed(clock, snapshot, sources, client, token, was_fetched=True)


def _pushed(
    database: Database, clock: Clock, snapshot: Snapshot, client: Client, request_uri: str
) -> _Given | _Bad:
    found = pushing.found(database, clock, snapshot, client, request_uri)
    if isinstance(found, Refusal):
        return _Bad(
            "invalid_request_uri",
            "The request_uri is not good, or not any more.",
            Unredirectable.REQUEST_URI_INVALID,
        )
    return _Given(found.parameters, Delivery(pushed=True, signed=found.signed), found.request_id)


def _signed(
    clock: Clock,
    snapshot: Snapshot,
    sources: Sources,
    client: Client,
    token: str,
    *,
    was_fetched: bool,
) -> _Given | _Bad:
    found = parameters_of_object(
        clock, snapshot, sources.keys, client, token, was_fetched=was_fetched
    )
    if isinstance(found, BadObject):
        return _Bad(
            "invalid_request_object",
            "The request object is not one that the client has signed for now and for here.",
            Unredirectable.REQUEST_OBJECT_INVALID,
            unproved_parameters(token, client),
        )
    return _Given(found, Delivery(signed=True))


def _answer_to(
    bad: _Bad, client: Client, parameters: Parameters
) -> Unredirectable | RequestRefused:
    """Told to the application where the URL or the object states one of its redirect URIs."""
    stated = parameters if "redirect_uri" in parameters else bad.said
    target = target_of(stated, client) if "redirect_uri" in stated else bad.untold
    if isinstance(target, Unredirectable):
        return bad.untold
    return RequestRefused(bad.error, bad.sentence, target)
