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


_PRESENT_NAMES = {"Mac OS X": "macOS"}


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
