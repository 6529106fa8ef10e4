"""Answers in JSON, and what a token answer contains (RFC 6749 section 5.1)."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import orjson
from flask import Response

from token_service.domain.refusals import Refused
from token_service.services.inspection import Inspection
from token_service.services.issuing import IssuedTokens
from token_service.web import metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

JSON = "application/json"
_INACTIVE = {"active": False}


class _Whole(Response):
    """One piece whose length is known, under a status that has a body: its headers are right as
    they are, and go to the server without being looked at and copied once more."""

    def get_wsgi_response(
        self, environ: "WSGIEnvironment"
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        body = () if is_head else cast("list[bytes]", self.response)
        return body, self.status, self.headers.to_wsgi_list()


def json(body: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer."""
    return _Whole(orjson.dumps(body), status, content_type=JSON)


def signed(token: str, media_type: str = "application/jwt") -> Response:
    """A JWT as the whole of an answer."""
    return Response(token, content_type=media_type)


def nothing() -> Response:
    """204: it is done."""
    return Response(status=204)


def accepted() -> Response:
    """202: it is being done, or there is nothing to be done; who asks does not learn which."""
    return Response(status=202)


def tokens(issued: IssuedTokens, grant: str, status: int = 200) -> Response:
    """The tokens that were issued for a `grant`; client credentials have no session."""
    metrics.issued(grant)
    return json(token_members(issued), status)


def token_members(issued: IssuedTokens) -> dict[str, object]:
    """The members of that answer."""
    body: dict[str, object] = {
        "access_token": issued.access_token,
        "token_type": issued.token_type,
        "expires_in": issued.expires_in,
        "scope": issued.scope,
    }
    if issued.id_token is not None:
        body["id_token"] = issued.id_token
    if issued.refresh_token is not None:
        body["refresh_token"] = issued.refresh_token
    if issued.previous_refresh_token is not None:
        body["previous_refresh_token"] = issued.previous_refresh_token
    if issued.device_token is not None:
        body["device_token"] = issued.device_token
    if issued.sid is not None:
        body["sid"] = issued.sid
    if issued.tenant_id is not None:
        body["tenantId"] = issued.tenant_id
    return body


def inspected(found: Inspection | Refused) -> Response:
    """What is said of a token (RFC 7662 section 2.2): one answer for all that are not active."""
    return json(told(found))


def all_inspected(found: Iterable[Inspection | Refused]) -> Response:
    """The same of several, in their order."""
    return json({"items": [told(one) for one in found]})


def told(found: Inspection | Refused) -> Mapping[str, Any]:
    """The members of the answer about one token."""
    return {"active": True, **found.claims} if isinstance(found, Inspection) else _INACTIVE
