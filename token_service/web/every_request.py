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
    always = always_of(issuer)
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
            asked = this_request()
            route = asked.url_rule.rule if asked.url_rule else _NO_ROUTE
            if (reason := g.get("refused")) is not None:
                metrics.refused(route, reason)
            told(route, asked.method, int(status[:3]), perf_counter() - begun, request_id())
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


def always_of(issuer: str) -> Headers:
    """The headers that every answer has, whatever it is."""
    return [*ALWAYS, *HTTPS_ONLY] if issuer.startswith("https://") else [*ALWAYS]


def told(route: str, method: str, status: int, seconds: float, request_id: str) -> None:
    """Count one answer, and log it: by the template of the path, never the path itself, because who
    calls writes there what it likes."""
    metrics.answered(route, method, status, seconds)
    _logger.info(
        "request",
        method=method[:16],
        route=route,
        status=status,
        milliseconds=round(seconds * 1000, 2),
        request_id=request_id,
    )
