"""The JSON API at `/v1`: its blueprint, and OpenAPI 3.1 generated from the schemas."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial, wraps
from types import MappingProxyType
from typing import Any, TypeVar, cast

import flask_smorest
import orjson
from flask import Flask, Response
from marshmallow import Schema

from token_service.web import parsing
from token_service.web.errors import Fault
from token_service.web.schemas.answers import ProblemSchema

PROBLEM = "application/problem+json"
BASIC, BEARER, BOUND, NOBODY = "client", "access_token", "bound_access_token", ""
"""How a caller authenticates; `NOBODY`: it need not."""

_PROOF = "dpop_proof"
_SCHEMES = {
    BASIC: {"type": "http", "scheme": "basic"},
    BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    # RFC 9449 section 7.1: a token that is bound to a key is never used as a bearer token.
    BOUND: {"type": "http", "scheme": "DPoP", "bearerFormat": "JWT"},
    _PROOF: {"type": "apiKey", "in": "header", "name": "DPoP"},
}
_WAYS: Mapping[str, Sequence[Mapping[str, Sequence[str]]]] = {
    BASIC: ({BASIC: []},),
    BEARER: ({BEARER: []}, {BOUND: [], _PROOF: []}),
    BOUND: ({BOUND: [], _PROOF: []},),
    NOBODY: ({},),
}
"""By how a caller authenticates, what each way to do so takes together."""

View = TypeVar("View", bound=Callable[..., Any])


class Blueprint(flask_smorest.Blueprint):
    """A part of the API whose views are in its OpenAPI document."""

    def described(
        self,
        *,
        body: type[Schema] | None = None,
        query: type[Schema] | None = None,
        answer: type[Schema] | int,
        status: int = 200,
        faults: Sequence[Fault] = (),
        problems: Mapping[int, type[Schema]] = MappingProxyType({}),
        security: Sequence[str] = (),
        forwarded: bool = False,
    ) -> Callable[[View], View]:
        """What OpenAPI says of a view; `answer` is a schema (with `status`), or a status without a
        body.

        `problems` are the schemas of those statuses whose problem documents say more than others.

        A view reads its body itself (`parsing.json_body`): the hot ones pay for nothing else. Where
        a view has no body or no parameters, a request that has some is refused, except where it is
        `forwarded`: then they are of another request, which a gateway asks about.
        """
        doc: dict[str, Any] = {
            "responses": _responses(answer, status, faults, problems),
            "security": [way for scheme in security for way in _WAYS[scheme]],
        }
        if body is not None:
            doc["requestBody"] = {"required": True, "content": {"application/json": _of(body)}}
        if query is not None:
            doc["parameters"] = [{"in": "query", "schema": query}]
        describe: Callable[[View], View] = self.doc(**doc)
        if forwarded or body is not None:  # whoever reads the body refuses parameters
            return describe
        return lambda view: describe(_asked_nothing_else(view, has_query=query is not None))


def _asked_nothing_else(view: View, *, has_query: bool) -> View:
    @wraps(view)
    def strict(*arguments: Any, **named: Any) -> Any:
        parsing.no_body(has_query=has_query)
        return view(*arguments, **named)

    return cast(View, strict)


class Description(flask_smorest.Api):
    """flask-smorest, with our errors."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None
    DEFAULT_RESPONSE_CONTENT_TYPE = PROBLEM


def install(app: Flask, blueprints: tuple[Blueprint, ...]) -> None:
    """Register the blueprints and serve their description at `/v1/openapi.json`."""
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.add_url_rule("/v1/openapi.json", "openapi", partial(_openapi, blueprints))


def _openapi(blueprints: tuple[Blueprint, ...]) -> Response:
    return Response(_document(blueprints), content_type="application/json")


@cache
def _document(blueprints: tuple[Blueprint, ...]) -> bytes:
    """What the blueprints say of themselves, made when it is first asked for: to describe them
    takes longer than all else that a worker does before it serves.

    flask-smorest describes while it registers, so it is given an application to fill.
    """
    described = Flask("description", static_folder=None)
    described.config.update(API_TITLE="Token service", API_VERSION="v1", OPENAPI_VERSION="3.1.0")
    api = Description(described)
    for name, scheme in _SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    return orjson.dumps(api.spec.to_dict())


def _responses(
    answer: type[Schema] | int,
    status: int,
    faults: Sequence[Fault],
    problems: Mapping[int, type[Schema]],
) -> dict[str, Any]:
    if isinstance(answer, int):
        responses: dict[str, Any] = {str(answer): {"description": "Done."}}
    else:
        described = (answer.__doc__ or "").splitlines()[0]
        responses = {
            str(status): {"description": described, "content": {"application/json": _of(answer)}}
        }
    for fault in faults:
        codes = sorted({one.code for one in faults if one.status == fault.status})
        responses[str(fault.status)] = {
            "description": "`" + "`, `".join(codes) + "`",
            "content": {PROBLEM: _of(problems.get(fault.status, ProblemSchema))},
        }
    return responses


def _of(schema: type[Schema]) -> dict[str, type[Schema]]:
    return {"schema": schema}
