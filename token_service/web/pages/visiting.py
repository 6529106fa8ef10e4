"""A browser at the pages: its cookies, and that a form comes from a page of ours.

A form carries two hashes that only this browser's cookie makes: one of its interaction, without
which it is refused, and one of what was shown (the step, and who was signed in), without which it
does nothing but show what there is now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response, request

from token_service.crypto import browser_cookies, opaque
from token_service.services import authorizing
from token_service.services.authorizing import Answered, Visitor, Waiting
from token_service.services.browser_sign_ins import Cookie
from token_service.services.configuration import Snapshot
from token_service.web import parsing
from token_service.web.origin import origin
from token_service.web.parts import parts

_SESSION, _BROWSER, _DEVICE = "session", "browser", "device"


def visitor() -> Visitor:
    """Who this request comes from, as far as a browser tells."""
    return Visitor(_cookie(_SESSION), _cookie(_BROWSER), origin())


def known_visitor() -> tuple[Visitor, str | None]:
    """The same with a browser's mark, and the mark if it is a new one that the browser must keep.

    A mark is taken from a cookie only if it has the form of one that is given out here; whatever
    an interaction is bound to is hashed, so a foreign one opens nothing.
    """
    here = visitor()
    if here.browser is not None and browser_cookies.browser_hash(here.browser) is not None:
        return here, None
    browser = browser_cookies.new_browser()
    return Visitor(here.cookie, browser, here.origin), browser


def keep_sign_in(response: Response, cookie: Cookie) -> None:
    """Have the browser keep its sign-in."""
    _keep(response, _SESSION, cookie.value, cookie.kept_for)


def drop_sign_in(response: Response) -> None:
    """Have the browser forget its sign-in, by the very attributes that it was kept with."""
    _keep(response, _SESSION, "", 0)


def device_cookie() -> str | None:
    """What a browser holds in which somebody has signed in before."""
    return _cookie(_DEVICE)


def keep_device(response: Response, cookie: Cookie) -> None:
    """Have the browser keep that somebody has signed in, also when they sign out."""
    _keep(response, _DEVICE, cookie.value, cookie.kept_for)


def keep_browser(response: Response, browser: str) -> None:
    """Have the browser keep its mark, until it is closed."""
    _keep(response, _BROWSER, browser, None)


def interaction_id() -> str:
    """The interaction that the URL names; "" for what is none."""
    named = request.args.get("interaction", "")
    return named if parsing.is_identifier(named) else ""


def tokens(waiting: Waiting) -> dict[str, str]:
    """The hidden fields of a form of this interaction, as it is shown now."""
    browser, interaction = visitor().browser or "", waiting.interaction
    return {
        "interaction": interaction.interaction_id,
        "form_token": browser_cookies.form_token(browser, interaction.interaction_id),
        "shown": browser_cookies.form_token(browser, _shown(waiting)),
    }


@dataclass(frozen=True, slots=True)
class Sent:
    """A form of ours that was sent; `is_current`: what it was shown for is still so."""

    fields: Mapping[str, str]
    waiting: Waiting
    visitor: Visitor
    is_current: bool


def sent(snapshot: Snapshot) -> Sent | Answered | None:
    """The form of an interaction that this browser began; None for anything else.

    `Answered` says that the interaction can only end by now.
    """
    fields, here, who = parsing.form(), parts(), visitor()
    named = fields.get("interaction", "")
    token = browser_cookies.form_token(who.browser or "", named)
    is_ours = opaque.same(fields.get("form_token", ""), token) and is_same_origin()
    if not is_ours or not parsing.is_identifier(named):
        return None
    found = authorizing.look(here.database, here.clock, snapshot, named, who)
    if isinstance(found, Answered):
        return found
    if not isinstance(found, Waiting):
        return None
    shown = browser_cookies.form_token(who.browser or "", _shown(found))
    return Sent(fields, found, who, opaque.same(fields.get("shown", ""), shown))


def entry_token(browser: str) -> str:
    """What the form carries that begins an interaction, where there is none yet."""
    return browser_cookies.form_token(browser, "")


def is_own_entry(fields: Mapping[str, str], browser: str | None) -> bool:
    """Whether such a form was sent from a page of ours that this browser was shown."""
    token = entry_token(browser or "")
    return bool(browser) and opaque.same(fields.get("form_token", ""), token) and is_same_origin()


def is_same_origin() -> bool:
    """Whether a form can have come from a page of ours, as far as the browser says.

    `Referrer-Policy: no-referrer` makes browsers say `Origin: null` even of our own forms, so the
    newer header counts first (Fetch Metadata); whoever sends neither is no browser, or an old one.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    stated = request.headers.get("Origin")
    issuer = urlsplit(parts().settings.issuer)
    return stated is None or stated == f"{issuer.scheme}://{issuer.netloc}"


def _shown(waiting: Waiting) -> str:
    interaction = waiting.interaction
    step, account_id = interaction.progress.step, waiting.account_id or ""
    return f"{interaction.interaction_id} {step} {account_id}"


def _is_secure() -> bool:
    """Browsers refuse `__Host-` and `Secure` over plain http, which only loopback is served by."""
    return parts().settings.issuer.startswith("https://")


def _cookie(name: str) -> str | None:
    return request.cookies.get(f"__Host-{name}" if _is_secure() else name) or None


def _keep(response: Response, name: str, value: str, kept_for: int | None) -> None:
    secure = _is_secure()
    response.set_cookie(
        f"__Host-{name}" if secure else name,
        value,
        max_age=kept_for,
        path="/",
        secure=secure,
        httponly=True,
        # Not Strict: the way here from an application is a navigation from another site.
        samesite="Lax",
    )
