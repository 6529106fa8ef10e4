"""Behind nginx, which ends TLS: `__Host-` cookies, and one host and port everywhere."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from playwright.sync_api import Browser

from tests.pages.application import Application
from tests.pages.front import CLIENT, Front, fronted
from tests.pages.visit import Visit
from tests.world.databases import SqliteFiles
from tests.world.world import App
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod


@pytest.fixture(scope="module")
def front(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One for all tests here."""
    with fronted(sqlite_files, tmp_path_factory.mktemp("front")) as front:
        yield front


def test_every_endpoint_keeps_host_and_port(front: Front) -> None:
    issuer = front.service.issuer
    facts = front.browser().get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    assert facts["issuer"] == issuer
    urls = [one for name, one in facts.items() if name.endswith(("_endpoint", "_uri"))]
    assert urls
    assert {one.startswith(f"{issuer}/") for one in urls} == {True}


def test_nobody_else_trusts_the_authority(front: Front) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(front.service.issuer, timeout=10)


def test_a_sign_in_in_a_browser(front: Front, chromium: Browser, application: Application) -> None:
    context = chromium.new_context(java_script_enabled=False, ignore_https_errors=True)
    visit = Visit(context, front.service.issuer, application, front.world)
    person, app = front.world.person(front.world.tenant()), visit.client()
    visit.come(app)
    visit.sign_in(person)
    assert visit.returned()["iss"] == visit.issuer
    held = {one["name"]: one for one in context.cookies(visit.issuer)}
    # A browser takes such a cookie only with `Secure`, from the path `/`, and for one host.
    assert set(held) == {"__Host-session", "__Host-browser", "__Host-device"}
    assert all(one["secure"] and one["httpOnly"] for one in held.values())
    assert {one["sameSite"] for one in held.values()} == {"Lax"}

    visit.come(app, prompt="none")
    tokens = redeemed(front, app, visit)
    assert front.world.validate(tokens["access_token"])["iss"] == visit.issuer
    assert visit.complaints == []
    context.close()


def redeemed(front: Front, app: App, visit: Visit) -> dict[str, Any]:
    """What the application makes of its code, by https."""
    form = visit.code_form()
    url = f"{front.service.issuer}/oauth2/token"
    answer = front.browser().post(url, data=form, headers=app.basic, timeout=10)
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    return dict(answer.json())


def test_it_is_the_proxy_who_says_where_somebody_is(front: Front) -> None:
    world, browser = front.world, front.browser()
    person, app = world.person(world.tenant()), world.client()
    body = {
        "identifier": person.email,
        "password": person.password,
        "client_id": app.client_id,
    }
    claimed = app.basic | {"X-Forwarded-For": "192.0.2.7"}
    answer = browser.post(
        f"{front.service.issuer}/v1/sign-in", json=body, headers=claimed, timeout=10
    )
    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    listed = browser.get(
        f"{front.service.issuer}/v1/me/sessions", headers=bearer, timeout=10
    ).json()
    assert [one["ip"] for one in listed["items"]] == ["127.0.0.1"]


def test_a_client_that_proves_itself_by_its_certificate(front: Front) -> None:
    """RFC 8705 section 2.1, by Authlib's client; without the certificate it is nobody."""
    app = front.world.client(
        "service",
        authentication=AuthenticationMethod.TLS,
        secrets=(),
        metadata=ClientMetadata(
            tls_client_auth_subject_dn=CLIENT, tls_client_certificate_bound_access_tokens=True
        ),
    )
    client = OAuth2Session(app.client_id, token_endpoint_auth_method="none")
    client.verify, client.trust_env = str(front.folder / "authority.pem"), False
    client.cert = (str(front.folder / "client.pem"), str(front.folder / "client.key"))
    url = f"{front.service.issuer}/oauth2/token"
    token = client.fetch_token(url, grant_type="client_credentials")
    assert front.world.validate(token["access_token"])["cnf"].keys() == {"x5t#S256"}
    answer = front.browser().post(
        url, data={"grant_type": "client_credentials", "client_id": app.client_id}, timeout=10
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
