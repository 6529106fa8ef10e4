"""What happens around every request: headers, one line in the log, metrics."""

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import structlog
from flask import Flask, g, request
from werkzeug.exceptions import NotFound

from token_service.web import metrics
from token_service.web.headers import ALWAYS, HTTPS_ONLY, NOT_A_PAGE, NOT_STORED
from token_service.web.origin import request_id
from token_service.web.parts import this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Headers: TypeAlias = list[tuple[str, str]]
Write: TypeAlias = Callable[[bytes], object]

_NO_ROUTE = "none"

_logger = structlog.get_logger()


def install(app: Flask, *, issuer: str) -> None:
    """Put the application behind it; with an https issuer, browsers never come by http again."""
    always = (*ALWAYS, *HTTPS_ONLY) if issuer.startswith("https://") else ALWAYS
    inner = app.wsgi_app

    def surrounded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        begun = perf_counter()

        # Here, at the last step, a header is one more entry of a list: added to a response
        # object, each would be looked at and copied several times.
        def start(status: str, headers: Headers, *exc_info: Any) -> Write:
            known = {name.lower() for name, _ in headers}
            headers += always
            if "cache-control" not in known:
                headers += NOT_STORED
            if "content-security-policy" not in known:
                headers += NOT_A_PAGE
            if (nonce := g.get("dpop_nonce")) is not None:
                headers.append(("DPoP-Nonce", nonce))
            headers.append(("X-Request-Id", request_id()))
            _tell(int(status[:3]), perf_counter() - begun)
            return start_response(status, headers, *exc_info)

        return inner(environ, start)

    app.wsgi_app = surrounded  # type: ignore[method-assign]  # as Flask documents it

    @app.before_request
    def refuse_doubtful_paths() -> None:
        path = request.environ.get("PATH_INFO", "")
        # Werkzeug takes `//metrics` and `metrics` for `/metrics`: what a proxy keeps from the
        # outside by its name must not be reached by another one.
        if path[:1] != "/" or path[:2] == "//":
            raise NotFound


def _tell(status: int, seconds: float) -> None:
    """By the template of the path, never the path itself: who calls writes there what it likes."""
    asked = this_request()
    rule, method = asked.url_rule, asked.method
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
