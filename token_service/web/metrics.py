"""Prometheus metrics, added up over the workers; no label holds what a request said."""

from functools import lru_cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST

_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_KEPT = 2000
_MOST_TENANTS = 1000
_NO_TENANT = "none"
_OTHER_TENANTS = "other"
_tenants: set[str] = set()

_REQUESTS = Counter(
    "token_service_requests",
    "Answered requests, by route, method and class of status.",
    ["route", "method", "status"],
)
_SECONDS = Histogram(
    "token_service_request_seconds",
    "From the arrival of a whole request to its answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_REFUSED = Counter(
    "token_service_refused",
    "Requests that were refused, by route and reason.",
    ["route", "reason"],
)
_SIGN_INS_REFUSED = Counter(
    "token_service_sign_ins_refused",
    "Sign-ins that were refused, by reason and by the tenant that they were for.",
    ["reason", "tenant"],
)
_ISSUED = Counter(
    "token_service_tokens_issued",
    "Access tokens that were issued, by what they were given for.",
    ["grant"],
)
_IMPERSONATION_ALARMS = Counter(
    "token_service_impersonation_alarms",
    "Hours in which a backend acted as other people strikingly often.",
)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """One request was answered; `route` is the template of its path."""
    _requests(route, method if method in _METHODS else "other", f"{status // 100}xx").inc()
    _seconds(route).observe(seconds)


def refused(route: str, reason: str) -> None:
    """One request was refused, for a reason out of the service's own list."""
    _REFUSED.labels(route, reason).inc()


def sign_in_refused(reason: str, tenant_id: str | None) -> None:
    """One sign-in was refused; `tenant_id` None where it is for no certain tenant.

    The first thousand tenants that it happens to are told apart: a metric has no end of labels.
    """
    tenant = tenant_id or _NO_TENANT
    if tenant not in _tenants and len(_tenants) >= _MOST_TENANTS:
        tenant = _OTHER_TENANTS
    _tenants.add(tenant)
    _SIGN_INS_REFUSED.labels(reason, tenant).inc()


def issued(grant: str) -> None:
    """One access token was issued."""
    _issued(grant).inc()


def impersonation_alarm() -> None:
    """A backend acts as other people strikingly often."""
    _IMPERSONATION_ALARMS.inc()


def exposition() -> bytes:
    """All metrics as text, of all workers where there are several."""
    if not values.ValueClass._multiprocess:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


# Finding a metric by its labels costs more than raising it.


@lru_cache(maxsize=_KEPT)
def _requests(route: str, method: str, status: str) -> Counter:
    return _REQUESTS.labels(route, method, status)


@lru_cache(maxsize=_KEPT)
def _seconds(route: str) -> Histogram:
    return _SECONDS.labels(route)


@lru_cache(maxsize=_KEPT)
def _issued(grant: str) -> Counter:
    return _ISSUED.labels(grant)
