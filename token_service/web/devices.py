"""With what a request comes, by user agent and client hints, and from where, by its address."""

from functools import lru_cache

from flask import request
from ua_parser import BasicResolver, Domain, load_lazy_builtins

from token_service.domain.events import Origin
from token_service.domain.sessions import Device
from token_service.web.client_hints import ClientHints, client_hints
from token_service.web.parts import parts


def device(origin: Origin) -> Device:
    """The device behind this request, for the lists of sessions; a claim, not a proof."""
    browser, system, model = combined(names(origin.user_agent), client_hints(request.headers))
    location = parts().geography.location(origin.address)
    return Device(
        ip=origin.address,
        user_agent=origin.user_agent,
        browser=browser,
        os=system,
        device=model,
        city=location.city,
        country=location.country,
        latitude=location.latitude,
        longitude=location.longitude,
    )


_PRESENT_NAMES = {"Mac OS X": "macOS"}
_ANY_CHROMIUM = "Chromium"
_ANY_LINUX = "Linux"
_NOT_LINUX = frozenset({"", "Android", "Chrome OS", "Fuchsia", "iOS", "macOS", "Windows"})
_MODEL_NOT_TOLD = "K"
"""Stands for every model where browsers tell it by client hints only."""
_SOME_PHONE = "Smartphone"


def combined(told: tuple[str, str, str], hints: ClientHints) -> tuple[str, str, str]:
    """Browser, system and device: what the hints say, unless the user agent says it more exactly.

    "Chrome Mobile" is more than Chrome, and a distribution more than Linux.
    """
    browser, system, model = told
    if hints.browser and not (browser and hints.browser == _ANY_CHROMIUM):
        browser = browser if browser.startswith(hints.browser) else hints.browser
    if hints.os and not (hints.os == _ANY_LINUX and system not in _NOT_LINUX):
        system = hints.os
    model = hints.model or ("" if model == _MODEL_NOT_TOLD else model)
    return browser, system, model or (_SOME_PHONE if hints.mobile else "")


@lru_cache(maxsize=1000)
def names(user_agent: str) -> tuple[str, str, str]:
    """Browser, system and device by name, as people know them ("Firefox"); "" where unknown.

    The caller has cut the text: a thousand expressions are tried on it, one after the other.
    """
    found = _resolver()(user_agent, Domain.ALL)
    browser, system, model = found.user_agent, found.os, found.device
    return (
        browser.family if browser else "",
        _PRESENT_NAMES.get(system.family, system.family) if system else "",
        model.family if model else "",
    )


@lru_cache(maxsize=1)
def _resolver() -> BasicResolver:
    # Made at the first sign-in, and without the faster matcher: that one needs 27 MB per worker.
    return BasicResolver(load_lazy_builtins())
