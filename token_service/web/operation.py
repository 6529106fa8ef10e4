"""`/livez`, `/readyz` and `/metrics`: for who runs the service; dull for everybody else."""

from flask import Blueprint, Response, request

from token_service.crypto import opaque
from token_service.services import readiness
from token_service.web import answers, errors, metrics
from token_service.web.access_tokens import presented
from token_service.web.origin import is_local
from token_service.web.parts import parts
from token_service.web.refusing import Refuse

blueprint = Blueprint("operation", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """The process answers. Reads no database."""
    return answers.json({"status": "live"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """The worker can do its work, or the names of what is in the way."""
    found = obstacles()
    if not found:
        return answers.json({"status": "ready"})
    response = answers.json({"status": "not ready", "obstacles": found}, 503)
    response.headers["Retry-After"] = "1"
    return response


@blueprint.get("/metrics")
def metrics_of_all_workers() -> Response:
    """For this machine, or by the token of the settings; nobody else learns that it is there."""
    token = parts().settings.server.metrics_token
    if "Authorization" in request.headers and token is not None:
        if not opaque.same(presented().token, token):
            raise Refuse(errors.INVALID_TOKEN)
    elif not is_local():
        raise Refuse(errors.NOT_FOUND)
    return Response(metrics.exposition(), content_type=metrics.CONTENT_TYPE)


def obstacles() -> list[str]:
    """The names of what keeps this worker from its work."""
    here = parts()
    return readiness.obstacles(here.database, here.clock, here.configuration, here.keys.algorithms)
