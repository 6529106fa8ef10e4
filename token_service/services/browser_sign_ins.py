"""A browser's sign-in: opened by a password, used by its cookie, renewed and ended.

It is a grant of the pages (docs/adr/0019): the statements and rules of all grants decide about it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import addressed, browser_cookies, opaque
from token_service.crypto.browser_cookies import PresentedCookie
from token_service.crypto.locators import Locator
from token_service.domain.accounts import Account
from token_service.domain.events import Origin
from token_service.domain.interactions import Interaction
from token_service.domain.known_browsers import KNOWN_FOR
from token_service.domain.pages_client import PAGES
from token_service.domain.refreshing import Presentation
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.sessions import (
    Device,
    GrantKey,
    GrantState,
    GrantTerms,
    grant_refusal,
    relogin_limit,
)
from token_service.services import continuing, known_browsers, signing_in
from token_service.services.configuration import Snapshot, genuine, prove
from token_service.services.continuing import Continuation
from token_service.services.endings import Cause, end_grant
from token_service.services.opening import (
    NewlyOpened,
    Opening,
    WaitingSignIn,
    admitted,
    ends_of,
    record_sign_in,
    write_grant,
)
from token_service.services.signing_in import Gate, Opener, SignIn
from token_service.storage import browser_sign_ins as stored
from token_service.storage import configuration, grants, interactions, sessions
from token_service.storage.configuration import Versioned
from token_service.storage.database import Database, InTransaction, Transaction
from token_service.storage.rotations import Rotation


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the browser is to keep: for so many seconds, or (None) until it is closed."""

    value: str = field(repr=False)
    kept_for: int | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a browser keeps of a sign-in: its cookie, and the one by which the account knows it."""

    cookie: Cookie
    device_cookie: Cookie


@dataclass(frozen=True, slots=True)
class PageSignIn:
    """A sign-in on a page, for the interaction as it was shown.

    `cookie` and `device_cookie` are what the browser holds already. `tenant_id` is the one that the
    request is for.
    """

    interaction: Interaction
    tenant_id: str | None
    identifier: str
    password: str = field(repr=False)
    remember_me: bool
    cookie: str | None = field(repr=False)
    device_cookie: str | None = field(repr=False)
    origin: Origin
    device: Callable[[], Device]


@dataclass(frozen=True, slots=True)
class PageContinuation:
    """The same where the person has chosen which session is to end for it."""

    interaction: Interaction
    ticket: str = field(repr=False)
    end_sid: str
    cookie: str | None = field(repr=False)
    device_cookie: str | None = field(repr=False)
    origin: Origin
    device: Callable[[], Device]


class StepTaken(Exception):
    """Rolls back what was done for a step that somebody else has taken meanwhile."""


def sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, gate: Gate, command: PageSignIn
) -> SignedIn | WaitingSignIn | Refused:
    """Sign in by a password, as everywhere: the same waits, locks, limits and events.

    The browser's sign-in of the same account is renewed; that of another account ends, and its
    applications go on. `step_taken` says that the form was sent before.
    """
    before = parsed(database, clock, snapshot, command.cookie)
    sign_in = SignIn(
        client=PAGES,
        identifier=command.identifier,
        password=command.password,
        tenant_id=command.tenant_id,
        scope=None,
        remember_me=command.remember_me,
        origin=command.origin,
        device=command.device,
        chooses_later=True,
        device_cookie=command.device_cookie,
    )
    opener = _opener(database, before, command.device_cookie, command.interaction)
    try:
        opened = signing_in.verified(database, clock, snapshot, gate, sign_in, "", opener)
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    return _settled(database, clock, snapshot, before, opened, command.origin)


def continue_sign_in(
    database: Database, clock: Clock, snapshot: Snapshot, command: PageContinuation
) -> SignedIn | WaitingSignIn | Refused:
    """Go on with a sign-in on a page that has waited for a session to be ended."""
    before = parsed(database, clock, snapshot, command.cookie)
    continuation = Continuation(
        PAGES, command.ticket, command.end_sid, command.origin, command.device
    )
    opener = _opener(database, before, command.device_cookie, command.interaction)
    try:
        opened = continuing.continued(database, clock, snapshot, continuation, opener)
    except StepTaken:
        return Refused(Refusal.STEP_TAKEN)
    return _settled(database, clock, snapshot, before, opened, command.origin)


def parsed(
    database: Database, clock: Clock, snapshot: Snapshot, cookie: str | None
) -> PresentedCookie | None:
    """A genuine cookie, or None; garbage is refused without touching the database."""
    if cookie is None:
        return None
    return genuine(database, clock, snapshot, browser_cookies, cookie)


def key_of(presented: PresentedCookie) -> GrantKey:
    """The primary key of the pages' grant that a genuine cookie names."""
    locator = presented.locator
    return GrantKey(locator.account_id, locator.sid, locator.grant_id)


def live(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    presented: PresentedCookie,
    now: datetime,
) -> GrantState | None:
    """The pages' grant, if the cookie is the one in force and it lives. Looking moves nothing."""
    tenant_id = presented.locator.tenant_id
    read = grants.read(
        database, InTransaction(tx), key_of(presented), tenant_id, snapshot.force_relogin
    )
    if read is None:
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        return None
    state = read.state
    prove(snapshot, Versioned(state.configuration_version, read.database_now), now)
    rules = snapshot.rules(tenant_id, PAGES, tx)
    is_current = (state.client_id, state.secret_hash) == (PAGES.client_id, presented.secret_hash)
    if rules is None or not is_current or grant_refusal(state, rules, now):
        return None
    return state


def use(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    presented: PresentedCookie,
    state: GrantState,
    origin: Origin,
    now: datetime,
) -> datetime | None:
    """Use the cookie, by the guarded statement; when it ends now, None: it lives no more."""
    tenant_id = presented.locator.tenant_id
    rules = snapshot.rules(tenant_id, PAGES, tx)
    if rules is None:
        return None
    presentation = Presentation(
        PAGES.client_id, tenant_id, state.generation, state.key_number, presented.secret_hash
    )
    rotation = Rotation(
        key=key_of(presented),
        presented=presentation,
        next_key_number=state.key_number,
        tenant_epoch=rules.tenant_epoch,
        client_epoch=rules.client_epoch,
        configuration_version=snapshot.version,
        unused_limit=rules.policy.unused_limit,
        remembered_limit=rules.remembering.unused_limit,
        force_relogin=snapshot.force_relogin,
        client_relogin=relogin_limit(rules.policy),
        may_impersonate=False,
        used_from=origin.address[:45],
        now=now,
    )
    return stored.use(database, tx, rotation)


def end(
    database: Database, clock: Clock, snapshot: Snapshot, presented: PresentedCookie, cause: Cause
) -> bool:
    """End a browser's sign-in, and its session with the last grant; False if it had ended."""
    with database.transaction() as tx:
        sessions.lock(tx, presented.locator.account_id, presented.locator.sid)
        now = clock.now()
        state = live(database, snapshot, tx, presented, now)
        return state is not None and end_grant(tx, state, cause, now)


def kept_for(ends_at: datetime, now: datetime, *, remembered: bool) -> int | None:
    """Seconds that the browser keeps the cookie; None: until it is closed."""
    return max(1, int((ends_at - now).total_seconds())) if remembered else None


def _opener(
    database: Database,
    before: PresentedCookie | None,
    device_cookie: str | None,
    interaction: Interaction,
) -> Opener[SignedIn]:
    def opened(
        snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
    ) -> SignedIn | WaitingSignIn | Refused:
        renewed = _renewed(database, snapshot, tx, before, account, opening, now)
        given = renewed or _newly_opened(snapshot, tx, account, opening, now)
        if not isinstance(given, Cookie):
            return given
        progress = interaction.progress.after_sign_in(account.account_id)
        if not interactions.advance(tx, interaction, progress, now):
            raise StepTaken
        known_by = known_browsers.renewed(snapshot, account, device_cookie, now)
        return SignedIn(given, Cookie(known_by, int(KNOWN_FOR.total_seconds())))

    return opened


def _newly_opened(
    snapshot: Snapshot, tx: Transaction, account: Account, opening: Opening, now: datetime
) -> Cookie | WaitingSignIn | Refused:
    """A session of its own, with the pages' grant."""
    session = admitted(snapshot, tx, account, opening, now)
    if isinstance(session, WaitingSignIn | Refused):
        return session
    place = opening.place
    ends_at, _ = ends_of(place, now, None, now, remembered=opening.remembered)
    sessions.insert_session(tx, session, purge_after=ends_at)
    locator = Locator(
        account.account_id, session.sid, place.tenant.tenant_id, opaque.new_grant_id()
    )
    terms = GrantTerms(auth_time=now)
    opened = NewlyOpened(PAGES, "", place, locator, opening.origin, ends_at, terms)
    secret = addressed.new_secret()
    write_grant(snapshot, tx, opened, browser_cookies.hash_of(secret), now)
    return _cookie(snapshot, locator, secret, ends_at, opening, now)


def _renewed(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    before: PresentedCookie | None,
    account: Account,
    opening: Opening,
    now: datetime,
) -> Cookie | None:
    """The session that the same account has in this browser, with a new sign-in and a new cookie;
    None where there is none. The old cookie is dead from this commit on."""
    if before is None or before.locator.account_id != account.account_id:
        return None
    locator = before.locator
    session = sessions.lock(tx, locator.account_id, locator.sid)
    state = live(database, snapshot, tx, before, now)
    rules = snapshot.rules(locator.tenant_id, PAGES, tx)
    if session is None or state is None or rules is None:
        return None
    secret = addressed.new_secret()
    ends_at, _ = ends_of(opening.place, now, session.capped_at, now, remembered=opening.remembered)
    replaced = stored.replace_secret(
        tx,
        state.key,
        before.secret_hash,
        browser_cookies.hash_of(secret),
        opening.origin.address,
        ends_at,
        now,
    )
    renewed = replaced and sessions.renew(
        tx,
        account.account_id,
        locator.sid,
        opening.methods,
        opening.device,
        now,
        remembered=opening.remembered,
    )
    if not renewed:
        return None
    record_sign_in(snapshot, tx, account, opening, locator.sid, now)
    return _cookie(snapshot, locator, secret, ends_at, opening, now)


def _cookie(
    snapshot: Snapshot,
    locator: Locator,
    secret: bytes,
    ends_at: datetime,
    opening: Opening,
    now: datetime,
) -> Cookie:
    key = snapshot.keyring.opaque_keys(now).current.locator_key
    value = browser_cookies.issue(key, locator, secret)
    return Cookie(value, kept_for(ends_at, now, remembered=opening.remembered))


def _settled(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    before: PresentedCookie | None,
    opened: SignedIn | WaitingSignIn | Refused,
    origin: Origin,
) -> SignedIn | WaitingSignIn | Refused:
    """What the browser held before it got another cookie ends: nobody uses it any more.

    A renewed cookie is not found by its old secret. In a transaction of its own, because nobody
    ever holds two accounts.
    """
    if before is not None and isinstance(opened, SignedIn):
        cause = Cause(Refusal.SUPERSEDED, f"account:{before.locator.account_id}", origin)
        end(database, clock, snapshot, before, cause)
    return opened
