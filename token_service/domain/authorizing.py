"""What an authorization request needs next: one pure decision, however far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from token_service.domain import authentication_context, scopes
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.claims_parameter import NOTHING, RequestedClaims, requested
from token_service.domain.clients import Client
from token_service.domain.interactions import Progress
from token_service.domain.openid_claims import SCOPE_OF


@dataclass(frozen=True, slots=True)
class Seat:
    """A tenant that the person can be in through the client; the sign-in is good enough for it
    until `fresh_until`, by the limits of tenant and client."""

    tenant_id: str
    name: str
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is signed in in the browser, since when and how, and where they can be.

    `subject` is as whom the client knows the account, `methods` are `amr` values (RFC 8176).
    """

    account_id: str
    subject: str
    methods: tuple[str, ...]
    auth_time: datetime
    default_tenant_id: str | None
    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person has allowed an application: scopes, and claims that were asked for by name."""

    scope: frozenset[str] = frozenset()
    claims: frozenset[str] = frozenset()

    def covers(self, wanted: "Consent") -> bool:
        """Whether all that is wanted was allowed."""
        return wanted.scope <= self.scope and wanted.claims <= self.claims

    def with_(self, more: "Consent") -> "Consent":
        """Both together: to allow more takes nothing back."""
        return Consent(self.scope | more.scope, self.claims | more.claims)


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody has to sign in."""


@dataclass(frozen=True, slots=True)
class ChooseTenant:
    """The person has to say in which of several tenants they want to be."""

    seats: tuple[Seat, ...]


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The person has to allow what is wanted, in this tenant."""

    seat: Seat
    wanted: Consent


@dataclass(frozen=True, slots=True)
class ConfirmDevice:
    """The person has to say that a device of theirs may have what is wanted, in this tenant. They
    are asked each time: a link may have led them here (RFC 8628 section 5.4)."""

    seat: Seat
    wanted: Consent


@dataclass(frozen=True, slots=True)
class Finish:
    """Everything is there: a code, for this tenant."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class Decline:
    """The answer is an error (OpenID Connect Core section 3.1.2.6)."""

    error: str
    sentence: str


_UNMET = Decline(
    # OpenID Connect Core Unmet Authentication Requirements 1.0.
    "unmet_authentication_requirements",
    "The person cannot sign in as strongly as it would be needed.",
)

Step: TypeAlias = SignIn | ChooseTenant | AskConsent | ConfirmDevice | Finish | Decline


@dataclass(frozen=True, slots=True)
class Situation:
    """A request, and everything that its next step depends on.

    `consents` are by tenant. Which account has made the progress is looked at here: who signs in
    in another tab goes on with nothing that somebody else has done.
    """

    request: AuthorizationRequest
    client: Client
    standing: Standing | None
    consents: Mapping[str, Consent] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


def next_step(situation: Situation, now: datetime) -> Step:
    """What comes next (OpenID Connect Core section 3.1.2.3).

    With `prompt=none` nobody is asked anything: what would be asked for is the error.
    """
    step = _step(situation, now)
    if "none" not in situation.request.prompt:
        return step
    match step:
        case SignIn():
            return Decline("login_required", "Nobody is signed in as it would be needed.")
        case ChooseTenant():
            return Decline("interaction_required", "A tenant has to be chosen.")
        case AskConsent():
            return Decline("consent_required", "The person has not allowed this.")
        case _:
            return step


def wanted_consent(scope: str, claims: str | None) -> Consent:
    """What the person has to allow: the scope, and each claim that is named (`claims` is the JSON
    of an authorization request)."""
    asked = requested(claims) or NOTHING
    named = {*asked.userinfo, *asked.id_token} & SCOPE_OF.keys()
    return Consent(scopes.names(scope), frozenset(named))


def asks_consent(client: Client) -> bool:
    """Whether the person is asked at all: not for applications of whoever runs the service."""
    metadata = client.metadata
    return metadata.consent_required or metadata.dynamic or not client.first_party


def _step(situation: Situation, now: datetime) -> Step:
    request, standing = situation.request, situation.standing
    if standing is None or not _is_wanted(request, standing):
        return _other_person(situation, standing)
    if request.device_id is not None and situation.progress.account_id != standing.account_id:
        # Only who has entered the device's code decides, or who has signed in to do so.
        return SignIn()
    progress = situation.progress.of(standing.account_id)
    if not progress.signed_in and _demands_sign_in(request, standing, now):
        return SignIn()
    essential = _claims(request).essential_acr
    asked = [one for one in essential if isinstance(one, str)]
    if essential and not authentication_context.satisfies(standing.methods, asked):
        return _UNMET
    seat = _seat(situation, standing, progress)
    if not isinstance(seat, Seat):
        return seat
    if now >= seat.fresh_until:
        return SignIn()
    wanted = wanted_consent(request.scope, request.claims)
    given = situation.consents.get(seat.tenant_id, Consent())
    if request.device_id is not None:
        return ConfirmDevice(seat, wanted)
    is_needed = asks_consent(situation.client) and not given.covers(wanted)
    is_demanded = "consent" in request.prompt and not progress.consented
    return AskConsent(seat, wanted) if is_needed or is_demanded else Finish(seat)


def _claims(request: AuthorizationRequest) -> RequestedClaims:
    return requested(request.claims) or NOTHING


def _is_wanted(request: AuthorizationRequest, standing: Standing) -> bool:
    """Whether it is whom the request names, by `id_token_hint` or by a claim (Core section
    3.1.2.2)."""
    if request.hinted_subject not in (None, standing.subject):
        return False
    wanted = _claims(request).wanted_subject
    return not wanted or standing.subject in wanted


def _other_person(situation: Situation, standing: Standing | None) -> Step:
    """Nobody is signed in, or not whom the request names. Who has just signed in as somebody
    else will hardly be asked once more."""
    if standing is not None and situation.progress.of(standing.account_id).signed_in:
        return Decline("login_required", "Another person has signed in.")
    return SignIn()


def _demands_sign_in(request: AuthorizationRequest, standing: Standing, now: datetime) -> bool:
    """Whether the request wants a sign-in that is for itself, or is younger than the last one."""
    if {"login", "select_account"} & set(request.prompt):
        return True
    if request.max_age is None:
        return False
    return now - standing.auth_time >= timedelta(seconds=request.max_age)


def _seat(
    situation: Situation, standing: Standing, progress: Progress
) -> Seat | SignIn | ChooseTenant | Decline:
    """Where the person is to be: as the request says, as they chose, or where they always are."""
    request, seats = situation.request, {one.tenant_id: one for one in standing.seats}
    named = request.tenant_id
    if named is not None and named in seats:
        return seats[named]
    if named is not None or not seats:
        if "none" in request.prompt:
            return Decline("interaction_required", "The person is not in this tenant.")
        if progress.signed_in:
            return Decline("access_denied", "The person is not in this tenant.")
        return SignIn()
    if len(seats) == 1:
        return standing.seats[0]
    chosen = progress.tenant_id or standing.default_tenant_id
    return seats[chosen] if chosen in seats else ChooseTenant(standing.seats)
