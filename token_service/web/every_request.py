"""What happens around every request: headers, one line in the log, metrics."""

from time import perf_counter

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from token_service.web import metrics
from token_service.web.origin import request_id

_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)
_HTTPS_ONLY = ("Strict-Transport-Security", "max-age=31536000")
_NOT_STORED = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_NOT_A_PAGE = (("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),)
_NO_ROUTE = "none"

_logger = structlog.get_logger()


def install(app: Flask, *, issuer: str) -> None:
    """Register the hooks; with an https issuer, browsers are told never to come by http."""
    always = (*_ALWAYS, _HTTPS_ONLY) if issuer.startswith("https://") else _ALWAYS

    @app.before_request
    def begin() -> None:
        g.begun = perf_counter()
        path = request.environ.get("PATH_INFO", "")
        # Werkzeug takes `//metrics` and `metrics` for `/metrics`: what a proxy keeps from the
        # outside by its name must not be reached by another one.
        if path[:1] != "/" or path[:2] == "//":
            raise NotFound

    @app.after_request
    def finish(response: Response) -> Response:
        known = response.headers
        missing: tuple[tuple[str, str], ...] = () if "Cache-Control" in known else _NOT_STORED
        if "Content-Security-Policy" not in known:
            missing += _NOT_A_PAGE
        if (nonce := g.get("dpop_nonce")) is not None:
            known["DPoP-Nonce"] = nonce
        known.extend((*always, *missing, ("X-Request-Id", request_id())))
        _tell(response.status_code)
        return response


def _tell(status: int) -> None:
    """By the template of the path, never the path itself: who calls writes there what it likes."""
    seconds = perf_counter() - g.get("begun", perf_counter())
    rule, method = request.url_rule, request.method
    route = rule.rule if rule else _NO_ROUTE
    metrics.answered(route, method, status, seconds)
    if (reason := g.get("refused")) is not None:
        metrics.refused(route, reason)
    _logger.info(
        "request",
        method=method[:16],
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 2),
        request_id=request_id(),
    )
