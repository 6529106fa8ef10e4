"""`/`: the state of the service, and on a developer's own machine what to try."""

import json

from flask import Blueprint, Response, render_template

from token_service.texts.catalogue import LANGUAGE
from token_service.web import discovery, server_metadata
from token_service.web.demo_lines import curl_lines
from token_service.web.operation import obstacles
from token_service.web.origin import is_local
from token_service.web.pages.rendering import POLICY
from token_service.web.parts import parts

blueprint = Blueprint("pages", __name__, template_folder="templates")

_POLICY = f"{POLICY}; form-action 'none'"
_LINKS = (
    ("Metadata of the authorization server", discovery.METADATA[0]),
    ("Public keys", server_metadata.JWKS),
    ("OpenAPI description of the JSON API", "/v1/openapi.json"),
    ("Readiness", "/readyz"),
)


@blueprint.get("/")
def front_page() -> Response:
    """Ready or not, and where things are."""
    page = render_template(
        "front_page.html",
        language=LANGUAGE,
        issuer=parts().settings.issuer,
        obstacles=obstacles(),
        # Relative, so that they also work behind a proxy that adds a path.
        links=[(title, path.removeprefix("/")) for title, path in _LINKS],
        lines=_lines(),
    )
    return Response(page, headers={"Content-Security-Policy": _POLICY})


def _lines() -> list[tuple[str, str]]:
    """The demo's lines: they contain its secrets, so only in development, only on this machine."""
    settings = parts().settings
    if settings.environment != "development" or not is_local():
        return []
    try:
        return curl_lines(json.loads((settings.data_folder / "demo.json").read_bytes()))
    except (OSError, ValueError, LookupError, TypeError):
        return []  # there is none, or somebody is writing it
