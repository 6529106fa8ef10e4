"""Running authorization requests: at once where somebody is signed in, else through the pages."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.crypto import browser_cookies, opaque
from token_service.crypto.browser_cookies import PresentedCookie
from token_service.domain.accounts import Account
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.authorizing import (
    AskConsent,
    ChooseTenant,
    ConfirmDevice,
    Consent,
    Decline,
    Finish,
    Seat,
    SignIn,
    Situation,
    Standing,
    Step,
    asks_consent,
    next_step,
)
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.interactions import LIFETIME, Interaction, Progress
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import GrantState, absolute_end, relogin_limit
from token_service.services import (
    browser_sign_ins,
    codes,
    recording,
    repeated_requests,
    session_limiting,
    subjects,
)
from token_service.services.browser_sign_ins import Cookie, StepTaken
from token_service.services.codes import SignedInAs
from token_service.services.configuration import Snapshot, certain_refusal, prove
from token_service.services.opening import Place, place_of
from token_service.services.throttling import Throttle, one_more_request
from token_service.storage import (
    accounts,
    configuration,
    consents,
    interactions,
    pushed_requests,
)
from token_service.storage.database import Database, InTransaction, Transaction

_ROUNDS = 2
_FULL = Decline("access_denied", "The account has as many sessions as it may have at once.")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: the cookies that it holds, and where it is."""

    cookie: str | None = field(repr=False)
    browser: str | None = field(repr=False)
    origin: Origin


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer that goes back to the application: a code, or why there is none.

    `cookie` is there where the browser is to keep it for longer from now on.
    """

    request: AuthorizationRequest
    code: str | None = field(default=None, repr=False)
    declined: Decline | None = None
    cookie: Cookie | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request waits at a page: what has to be done there, and who is signed in, if anybody."""

    interaction: Interaction
    client: Client
    step: SignIn | ChooseTenant | AskConsent | ConfirmDevice | Finish
    account_id: str | None = None
    account_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that is known about a request and the browser, as one reading found it."""

    situation: Situation
    step: Step
    presented: PresentedCookie | None = None
    state: GrantState | None = None
    account: Account | None = None
    names: tuple[str, ...] = ()

    def waiting(self, interaction: Interaction) -> Waiting:
        """The same as somebody at a page sees it."""
        step = SignIn() if isinstance(self.step, Decline) else self.step
        account_id = self.state.key.account_id if self.state else None
        return Waiting(interaction, self.situation.client, step, account_id, self.names)


def begin(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    throttle: Throttle,
    request: AuthorizationRequest,
    client: Client,
    visitor: Visitor,
) -> Answered | Waiting | Refused:
    """Answer a request, or have it wait for the person. A silent answer writes no interaction.

    `Refused`: it was pushed, and was answered a moment ago; or the source leaves too many requests
    waiting. `visitor.browser` is what the interaction is bound to: the caller has made one for a
    new browser.
    """
    scene = _looked(database, clock, snapshot, request, client, Progress(), visitor)
    try:
        answer = _answered(database, clock, snapshot, scene, None, visitor)
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    if answer is not None:
        return answer
    if "none" in request.prompt:
        # What was read a moment ago is not so any more, and nobody may be asked.
        return Answered(request, declined=Decline("login_required", "The sign-in is over."))
    interaction = Interaction(
        interaction_id=opaque.new_id(clock.now()),
        browser_hash=browser_cookies.browser_hash(visitor.browser or "") or "",
        request=request,
        progress=Progress(),
        expires_at=clock.now() + timedelta(seconds=LIFETIME),
    )
    with database.transaction() as tx:
        now, address = clock.now(), visitor.origin.address
        if refused := one_more_request(tx, throttle, client.client_id, address, now):
            return refused
        interactions.add(tx, interaction, now)
    return scene.waiting(interaction)


def look(
    database: Database, clock: Clock, snapshot: Snapshot, interaction_id: str, visitor: Visitor
) -> Waiting | Answered | Refused:
    """Where an interaction of this browser stands; nothing is taken and nothing moves.

    `Answered` without a code: it cannot come to one any more.
    """
    interaction = _read(database, clock, interaction_id, visitor)
    client = snapshot.client(interaction.request.client_id) if interaction else None
    if interaction is None or client is None or not client.enabled:
        return certain_refusal(database, clock, snapshot, Refusal.NOT_FOUND)
    scene = _looked(
        database, clock, snapshot, interaction.request, client, interaction.progress, visitor
    )
    if isinstance(scene.step, Decline):
        return Answered(interaction.request, declined=scene.step)
    return scene.waiting(interaction)


def resume(
    database: Database, clock: Clock, snapshot: Snapshot, interaction_id: str, visitor: Visitor
) -> Answered | Waiting | Refused:
    """Go on after a step: to the application, if nothing more is needed, else to the next page."""
    for _ in range(_ROUNDS):
        interaction = _read(database, clock, interaction_id, visitor)
        client = snapshot.client(interaction.request.client_id) if interaction else None
        if interaction is None or client is None or not client.enabled:
            return certain_refusal(database, clock, snapshot, Refusal.NOT_FOUND)
        scene = _looked(
            database, clock, snapshot, interaction.request, client, interaction.progress, visitor
        )
        try:
            answer = _answered(database, clock, snapshot, scene, interaction, visitor)
        except StepTaken:
            return Refused(Refusal.STEP_TAKEN)
        if answer is not None:
            return answer
        if not isinstance(scene.step, Finish):
            return scene.waiting(interaction)
    return Refused(Refusal.STEP_TAKEN)


def choose_tenant(
    database: Database, clock: Clock, shown: Waiting, tenant_id: str
) -> Refused | None:
    """Take the step of choosing one of the tenants that were offered."""
    account_id = shown.account_id
    offered = shown.step.seats if isinstance(shown.step, ChooseTenant) else ()
    if account_id is None or tenant_id not in {one.tenant_id for one in offered}:
        return Refused(Refusal.NOT_FOUND)
    progress = shown.interaction.progress.after_choice(account_id, tenant_id)
    with database.transaction() as tx:
        if interactions.advance(tx, shown.interaction, progress, clock.now()):
            return None
    return Refused(Refusal.STEP_TAKEN)


def consent(database: Database, clock: Clock, shown: Waiting, origin: Origin) -> Refused | None:
    """Take the step of allowing what was shown."""
    account_id = shown.account_id
    if account_id is None or not isinstance(shown.step, AskConsent):
        return Refused(Refusal.NOT_FOUND)
    tenant_id, client_id = shown.step.seat.tenant_id, shown.client.client_id
    progress = shown.interaction.progress.after_consent(account_id, tenant_id)
    try:
        with database.transaction() as tx:
            accounts.lock(tx, account_id)
            now = clock.now()
            before = consents.read(tx, account_id, client_id).get(tenant_id, Consent())
            given = before.with_(shown.step.wanted)
            consents.write(tx, account_id, tenant_id, client_id, given, now)
            event = AuditEvent(
                event=Event.CONSENT_GIVEN,
                origin=origin,
                actor=f"account:{account_id}",
                account_id=account_id,
                tenant_id=tenant_id,
                client_id=client_id,
                details={"scope": sorted(given.scope), "claims": sorted(given.claims)},
            )
            recording.record(tx, event, now)
            if not interactions.advance(tx, shown.interaction, progress, now):
                raise StepTaken
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    return None


def deny(database: Database, clock: Clock, shown: Waiting) -> Answered | Refused:
    """The person does not want it: the interaction is over, and whoever was signed in still is."""
    interaction = shown.interaction
    try:
        with database.transaction() as tx:
            _finish(tx, interaction.request, interaction, clock.now())
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    declined = Decline("access_denied", "The person has not allowed this.")
    return Answered(interaction.request, declined=declined)


def _read(
    database: Database, clock: Clock, interaction_id: str, visitor: Visitor
) -> Interaction | None:
    browser_hash = browser_cookies.browser_hash(visitor.browser or "")
    if browser_hash is None:
        return None
    with database.reading() as tx:
        return interactions.read(tx, interaction_id, browser_hash, clock.now())


def _looked(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    request: AuthorizationRequest,
    client: Client,
    progress: Progress,
    visitor: Visitor,
) -> _Scene:
    """What is, what comes next, and the names of whoever is signed in."""
    presented = browser_sign_ins.parsed(database, clock, snapshot, visitor.cookie)
    with database.reading() as tx:
        now = clock.now()
        if presented is None:
            prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        state = browser_sign_ins.live(database, snapshot, tx, presented, now) if presented else None
        account = accounts.read(tx, state.key.account_id) if state else None
        if state is None or account is None:
            situation = Situation(request, client, None, progress=progress)
            return _Scene(situation, next_step(situation, now))
        standing = _standing(snapshot, tx, account, client, state)
        asked = asks_consent(client)
        given = consents.read(tx, account.account_id, client.client_id) if asked else {}
        situation = Situation(request, client, standing, given, progress)
        step = next_step(situation, now)
        # Nobody is shown anything where the answer can be given at once.
        shown = [] if isinstance(step, Finish) else accounts.names_of(tx, account.account_id)
    names = tuple(one.display for one in shown)
    return _Scene(situation, step, presented, state, account, names)


def _standing(
    snapshot: Snapshot, tx: Transaction, account: Account, client: Client, state: GrantState
) -> Standing:
    places = [place_of(snapshot, account, client, one.tenant_id, tx) for one in account.memberships]
    return Standing(
        account_id=account.account_id,
        subject=subjects.subject(snapshot, client, account.account_id),
        methods=state.methods,
        auth_time=state.terms.auth_time,
        default_tenant_id=account.default_tenant_id,
        seats=tuple(_seat(one, state) for one in places if isinstance(one, Place)),
    )


def _seat(place: Place, state: GrantState) -> Seat:
    """The sign-in as this tenant and the client look at it: unused for how long, and how old."""
    policy = place.rules.policy_for(remembered=state.remembered)
    unused_until = state.used_at + timedelta(seconds=policy.unused_limit)
    relogin = min(place.force_relogin, relogin_limit(policy))
    end = absolute_end(state.authenticated_at, relogin, state.capped_at)
    fresh_until = unused_until if end is None else min(unused_until, end)
    return Seat(place.tenant.tenant_id, place.tenant.name, fresh_until)


def _answered(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    scene: _Scene,
    interaction: Interaction | None,
    visitor: Visitor,
) -> Answered | None:
    """The answer, if it can be given; None: not yet, or what was read is not so any more.

    Raises `StepTaken` where the interaction was answered meanwhile.
    """
    step, presented, state, account = scene.step, scene.presented, scene.state, scene.account
    if isinstance(step, Decline):
        return _declined(database, clock, scene.situation.request, step, interaction)
    if not isinstance(step, Finish) or presented is None or state is None or account is None:
        return None
    request, client, seat = scene.situation.request, scene.situation.client, step.seat
    with database.transaction() as tx:
        now = clock.now()
        place = place_of(snapshot, account, client, seat.tenant_id, tx)
        # Clock and configuration are proved by the statement itself, where it applies. Neither
        # account nor session is locked: a code opens nothing before both are looked at anew.
        used = isinstance(place, Place) and browser_sign_ins.use(
            database, snapshot, tx, presented, state, visitor.origin, now
        )
        if not used or isinstance(place, Refused):
            prove(snapshot, configuration.version(database, InTransaction(tx)), now)
            return None
        _finish(tx, request, interaction, now)
        room = session_limiting.evicted_by_grant(
            tx, snapshot, account, client, place.tenant, state.key.sid, now
        )
        if room is None:
            return Answered(request, declined=_FULL)
        signed_in = SignedInAs(
            account.account_id, state.key.sid, seat.tenant_id, state.terms.auth_time
        )
        code = codes.issue(snapshot, tx, request, signed_in, now)
        repeated_requests.notice(tx, request, visitor.origin, now)
    kept_for = browser_sign_ins.kept_for(used, now, remembered=state.remembered)
    cookie = None if kept_for is None else Cookie(visitor.cookie or "", kept_for)
    return Answered(request, code, cookie=cookie)


def _declined(
    database: Database,
    clock: Clock,
    request: AuthorizationRequest,
    declined: Decline,
    interaction: Interaction | None,
) -> Answered:
    if interaction is not None or request.pushed_as is not None:
        with database.transaction() as tx:
            _finish(tx, request, interaction, clock.now())
    return Answered(request, declined=declined)


def _finish(
    tx: Transaction, request: AuthorizationRequest, interaction: Interaction | None, now: datetime
) -> None:
    """The one answer to a request: its interaction waits no more, and a pushed one is used up.

    Not when the page is loaded: a reload, a second look at a link, or a look by something that
    only previews it must not be what uses it up (RFC 9126 section 4, FAPI 2.0 section 5.3.2.2).
    Raises `StepTaken`.
    """
    if interaction is not None and not interactions.finish(tx, interaction, now):
        raise StepTaken
    pushed_as = request.pushed_as
    if pushed_as is not None and not pushed_requests.use_up(tx, pushed_as, request.client_id):
        raise StepTaken
