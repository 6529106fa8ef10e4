"""How a no leaves the service: RFC 6749 errors at `/oauth2`, RFC 9457 problems everywhere else."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from token_service.domain.failures import KeyUnreadable, NoKey, StaleConfiguration, Unavailable
from token_service.domain.refusals import Refused
from token_service.web.errors import (
    INTERNAL,
    INVALID_REQUEST,
    UNAVAILABLE,
    Fault,
    Stage,
    of_status,
)
from token_service.web.origin import request_id
from token_service.web.schemas.answers import EndToldSchema

OAUTH_PREFIX = "/oauth2/"
_END_TOLD = EndToldSchema()

logger = logging.getLogger(__name__)

FieldErrors = Mapping[str, Sequence[str]]


class Refuse(Exception):
    """Ends a request with a fault, wherever in `web` it is found out.

    `errors` tells by field what was wrong with a request, never what it contained. `reason` is for
    the metrics. `members` are those that a problem document has besides (RFC 9457 section 3.2).
    """

    def __init__(
        self,
        fault: Fault,
        *,
        reason: str = "",
        retry_after: int | None = None,
        errors: FieldErrors | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(fault.code)
        self.fault = fault
        self.reason = reason or fault.code
        self.retry_after = retry_after
        self.errors = errors
        self.members = members


def refusal(refused: Refused, stage: Stage) -> Refuse:
    """A use case's refusal, as this stage of the request tells it."""
    fault, told = stage.fault(refused.reason), refused.told
    if told is None:
        return Refuse(fault, reason=refused.reason, retry_after=refused.retry_after)
    return Refuse(fault.saying(told.sentence), reason=refused.reason, members=_END_TOLD.dump(told))


def malformed(sentence: str, errors: FieldErrors | None = None) -> Refuse:
    """The request cannot be read, for a reason that this sentence gives."""
    return Refuse(INVALID_REQUEST.saying(sentence), errors=errors)


def install(app: Flask) -> None:
    """Register the handlers; nothing that is raised leaves the application in another form."""
    app.register_error_handler(Refuse, _refused)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, _unexpected)


def http_error(error: HTTPException) -> Response:
    """What the framework found: no such route, wrong method, body too large ..."""
    response = _render(of_status(error.code or 500))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _refused(refuse: Refuse) -> Response:
    g.refused = refuse.reason
    return _render(
        refuse.fault,
        retry_after=refuse.retry_after,
        errors=refuse.errors,
        members=refuse.members,
    )


def _unavailable(unavailable: Unavailable) -> Response:
    g.refused = "unavailable"
    logger.warning("unavailable", extra={"reason": unavailable.private})
    return _render(UNAVAILABLE, retry_after=unavailable.retry_after)


def _unexpected(error: Exception) -> Response:
    """The last resort: no detail of it reaches the client, all of it the log."""
    if isinstance(error, KeyUnreadable | NoKey | StaleConfiguration):
        return _unavailable(Unavailable(f"{type(error).__name__}: {error}"))
    g.refused = "internal_error"
    logger.error("internal_error", exc_info=error)
    return _render(INTERNAL)


def _render(
    fault: Fault,
    *,
    retry_after: int | None = None,
    errors: FieldErrors | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    body, content_type = _oauth(fault) if _speaks_oauth() else _problem(fault, errors, members)
    response = Response(orjson.dumps(body), fault.status, content_type=content_type)
    if fault.challenge:
        response.headers["WWW-Authenticate"] = fault.challenge
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, retry_after))
    return response


def _speaks_oauth() -> bool:
    return request.path.startswith(OAUTH_PREFIX)


def _oauth(fault: Fault) -> tuple[dict[str, object], str]:
    """RFC 6749 section 5.2."""
    error = fault.error or fault.code
    return {"error": error, "error_description": fault.sentence}, "application/json"


def _problem(
    fault: Fault, errors: FieldErrors | None, members: Mapping[str, Any] | None
) -> tuple[dict[str, object], str]:
    """RFC 9457. `code` is stable; `title` and `detail` are for people."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(fault.status).phrase,
        "status": fault.status,
        "code": fault.code,
        "detail": fault.sentence,
        "request_id": request_id(),
    }
    if errors:
        body["errors"] = errors
    if members:
        body |= members
    return body, "application/problem+json"
