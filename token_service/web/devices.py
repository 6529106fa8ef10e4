"""What a user agent says about browser, system and device."""

from functools import lru_cache

from ua_parser import BasicResolver, Domain, load_lazy_builtins

from token_service.domain.events import Origin
from token_service.domain.sessions import Device


def device(origin: Origin) -> Device:
    """The device behind a request, for the lists of sessions; a claim, not a proof."""
    browser, system, model = names(origin.user_agent)
    return Device(
        ip=origin.address,
        user_agent=origin.user_agent,
        browser=browser,
        os=system,
        device=model,
    )


@lru_cache(maxsize=1000)
def names(user_agent: str) -> tuple[str, str, str]:
    """Browser, system and device; "" where unknown.

    The caller has cut the text: a thousand expressions are tried on it, one after the other.
    """
    found = _resolver()(user_agent, Domain.ALL)
    browser, system, model = found.user_agent, found.os, found.device
    return (
        _versioned(browser.family, browser.major) if browser else "",
        _versioned(system.family, system.major) if system else "",
        model.family if model else "",
    )


@lru_cache(maxsize=1)
def _resolver() -> BasicResolver:
    # Made at the first sign-in, and without the faster matcher: that one needs 27 MB per worker.
    return BasicResolver(load_lazy_builtins())


def _versioned(family: str, major: str | None) -> str:
    return f"{family} {major}" if major else family
