"""Browsers that are signed in at the pages, and the requests that they are sent here with."""

import html
import json
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from itertools import cycle, islice
from pathlib import Path

from benchmarks.plan import Stopped
from benchmarks.service import Service
from token_service.crypto.authorization_codes import challenge_of

_REDIRECT = "http://127.0.0.1:3000/callback"
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


@dataclass(frozen=True)
class Browsers:
    """What whole code flows need: a request, and a file with one sign-in's cookie a line."""

    authorize: str
    redirect: str
    cookies: Path
    applications: dict[str, dict[str, object]]
    """By the algorithm of their ID tokens, as the generator takes clients."""


def signed_in(service: Service, people: int, number: int) -> Browsers:
    """So many browsers of so many people, in turn, signed in at the pages as a person would."""
    tenant = service.demo["accounts"][0]["tenants"][0]
    parameters = {
        "response_type": "code",
        "redirect_uri": _REDIRECT,
        "scope": "openid profile",
        "state": "benchmark",
        "tenant_id": tenant,
    }
    authorize = f"{service.issuer}/oauth2/authorize?{urllib.parse.urlencode(parameters)}"
    applications = {one: _application(service, one) for one in ("ES256", "RS256")}
    begun = _begun(authorize, applications["ES256"])
    cookies = service.folder / "cookies"
    with cookies.open("w") as lines:
        for email, password in islice(cycle(_accounts(service, people, tenant)), number):
            lines.write(f"{_cookie(service, begun, email, password)}\n")
    return Browsers(authorize, _REDIRECT, cookies, applications)


def _application(service: Service, algorithm: str) -> dict[str, object]:
    metadata = service.folder / f"{algorithm}.json"
    metadata.write_text(json.dumps({"id_token_signed_response_alg": algorithm}))
    described = ("--name", algorithm, "--redirect-uri", _REDIRECT, "--metadata", str(metadata))
    made = service.administer("client", "create", "--kind", "app", *described)
    secret = service.folder / f"{algorithm}.secret"
    secret.write_text(made["client_secret"])
    return {"id": made["client_id"], "secret": secret}


def _begun(authorize: str, application: dict[str, object]) -> str:
    asked = {
        "client_id": application["id"],
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    return f"{authorize}&{urllib.parse.urlencode(asked)}"


def _accounts(service: Service, number: int, tenant: str) -> list[tuple[str, str]]:
    emails = [f"browser-{person}@example.test" for person in range(number)]
    create = ("account", "create", "--tenant", tenant, "--email")
    return [(one, service.administer(*create, one)["password"]) for one in emails]


def _cookie(service: Service, request: str, email: str, password: str) -> str:
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), _HereOnly())
    page = opener.open(request).read().decode()
    fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}
    fields |= {"identifier": email, "password": password}
    opener.open(f"{service.issuer}/sign-in", urllib.parse.urlencode(fields).encode())
    held = next((one for one in jar if one.name.endswith("session")), None)
    if held is None:
        raise Stopped("a sign-in at the pages gave no cookie")
    return f"{held.name}={held.value}"


class _HereOnly(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to the application: nobody listens there."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """None where it leads away; then the answer is taken as it is."""
        if urllib.parse.urlsplit(newurl).netloc == urllib.parse.urlsplit(req.full_url).netloc:
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        return None

    def http_error_303(self, req, fp, code, msg, headers):
        """The same, without an error where it leads away."""
        return super().http_error_302(req, fp, code, msg, headers) or fp
