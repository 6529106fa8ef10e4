"""Everything that can be done with credentials, by a service that logs all it can.

A program, because loggers are made once per process: `python -m tests.http.secrecy.flow URL FOLDER`
logs to standard error and writes the credentials that it used to standard output, as JSON.
"""

import json
import sys
from pathlib import Path

from freezegun import freeze_time

from tests.http.building import SignedIn, live_at, signed_in
from tests.http.device.building import device_app, entry, let_in, waiting
from tests.http.faults import failing
from tests.http.passwords.building import complete, token_for
from tests.http.pushed.building import come_with, page_with, push
from tests.world.browser import VERIFIER, Browser, Returned, Shown, redeem, redeemed, web_app
from tests.world.world import START, World

GUESSES = ("a wrong password", "a-wrong-secret", "tsr_a-wrong-token", "eyJhbGciOi.wrong.token")


def run(world: World) -> list[str]:
    """Do it all; the credentials."""
    who = signed_in(world)
    chain = who.chain(3)
    live_at(chain[-1])
    service = world.client("service")
    of_client = world.client_token(service)
    world.revoke(service, of_client)
    _guess(world, who)
    _fail(world, chain[-1])
    _write_credentials_where_they_do_not_belong(world, who)
    world.try_refresh(who.app, who.tokens.refresh)
    world.invalidate(token=who.again().tokens.refresh)
    ticket = _wait(world)
    chosen = [*_choose_passwords(world), *_let_a_device_in(world), *_come_by_a_browser(world)]
    tokens = [token for one in chain for token in (one.tokens.access, one.tokens.refresh)]
    secrets = [str(app.secret) for app in (who.app, who.backend, service)]
    secrets.append(str(who.tokens.body["device_token"]))
    return [*tokens, *secrets, of_client, ticket, who.person.password, *chosen, *GUESSES]


def _wait(world: World) -> str:
    """A sign-in that waits for a session to be ended; its ticket."""
    who = signed_in(world, max_sessions=1, max_sessions_action="ask")
    ticket = str(world.try_sign_in(who.person, who.app).get_json()["ticket"])
    body = {"client_id": who.app.client_id, "ticket": ticket, "end_sid": ticket}
    world.http.post("/v1/sign-in/continue", json=body, headers=who.app.basic)
    with failing("storage.sign_in_tickets.read", RuntimeError(f"it failed with {ticket}")):
        world.http.post("/v1/sign-in/continue", json=body, headers=who.app.basic)
    world.http.get(f"/v1/{ticket}", headers={"User-Agent": ticket})
    return ticket


def _choose_passwords(world: World) -> list[str]:
    """A changed and a reset password, and a link; the passwords and the tokens."""
    who, new = signed_in(world), ("horses batteries one", "horses batteries two")
    body = {"current_password": who.person.password, "new_password": new[0]}
    changed = world.http.post("/v1/me/password", json=body, headers=who.tokens.bearer)
    token = token_for(world, who.person.email)
    world.http.get(f"/password-reset?token={token}")
    world.http.post("/password-reset", data={"token": token, "new_password": "short"})
    with failing("storage.password_resets.spend", RuntimeError(f"it failed with {token}")):
        complete(world, token, new[1])
    complete(world, token, new[1])
    return [*new, token, changed.get_json()["access_token"]]


def _let_a_device_in(world: World) -> list[str]:
    """A device, its codes and what came of them, and the browser's cookie."""
    app, person, browser = device_app(world), world.person(world.tenant()), Browser(world)
    device = waiting(world, app)
    code, user_code = str(device.body["device_code"]), device.user_code
    entry(browser, user_code=user_code)
    device.poll()
    let_in(browser, device, person)
    with failing("storage.device_authorizations.read", RuntimeError(f"with {code}")):
        device.poll()
    wrong = RuntimeError(f"with user_code={user_code}")
    with failing("storage.device_authorizations.read_by_user_code", wrong):
        browser.post("/device", entry(browser).hidden | {"user_code": user_code})
    tokens = device.tokens()
    return [code, user_code, user_code.replace("-", ""), browser.cookie, tokens.access]


def _come_by_a_browser(world: World) -> list[str]:
    """Codes by each way to them, what came of them, the name of a pushed request, and everything
    that the browser keeps."""
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    request_uri = push(world, app)
    with failing("storage.pushed_requests.read", RuntimeError(f"it failed with {request_uri}")):
        come_with(browser, app, request_uri)
    first = browser.sign_in_at(page_with(browser, app, request_uri), person)
    assert isinstance(first, Returned)
    [posted] = Shown("", browser.authorize(app, response_mode="form_post")).values("code")
    codes = [first.code, browser.back(app).code, posted]
    with failing("storage.authorization_codes.read", RuntimeError(f"it failed with {codes}")):
        redeem(world, app, codes[0])
    for code in codes:
        answered = f"https://app.example/cb?code={code}"
        world.http.get(f"/v1/{code}?code={code}", headers={"Referer": answered})
        world.try_invalidate(token=code)
    tokens = redeemed(world, app, codes[0])
    redeem(world, app, codes[0])
    redeem(world, app, codes[1], code_verifier=f"{VERIFIER}{VERIFIER}")
    mark = browser.http.get_cookie("__Host-browser", "localhost")
    kept = [browser.cookie, browser.device_cookie, mark.value if mark else ""]
    given = [tokens.access, tokens.refresh, str(tokens.body["id_token"])]
    assert all(kept)
    return [*codes, request_uri, VERIFIER, *kept, *given]


def _guess(world: World, who: SignedIn) -> None:
    password, secret, refresh_token, access_token = GUESSES
    world.try_sign_in(who.person, who.app, password=password)
    world.token(type(who.app)(who.app.client_id, secret), grant_type="refresh_token")
    world.try_refresh(who.app, refresh_token)
    world.try_invalidate(token=access_token)


def _fail(world: World, who: SignedIn) -> None:
    """Faults of ours whose exceptions have credentials in their hands."""
    for place in ("storage.rotations.rotate", "services.clients.authenticate"):
        with failing(place, RuntimeError(f"it failed with {who.tokens.refresh}")):
            world.try_refresh(who.app, who.tokens.refresh)
    with failing("storage.accounts.read", ValueError(f"password={who.person.password!r}")):
        world.try_sign_in(who.person, who.app)
    with failing("storage.rotations.rotate"):
        world.try_refresh(who.app, who.tokens.refresh)


def _write_credentials_where_they_do_not_belong(world: World, who: SignedIn) -> None:
    access, refresh = who.tokens.access, who.tokens.refresh
    http = world.http
    http.get(f"/v1/me/sessions?access_token={access}")
    http.get(f"/v1/{refresh}/{who.app.secret}")
    http.post(f"/oauth2/token?refresh_token={refresh}&client_secret={who.app.secret}")
    http.post("/v1/sign-in", data=json.dumps({"password": who.person.password}) + "}")
    http.post("/v1/sign-in", json={who.person.password: "x", str(who.app.secret): 1})
    http.get("/livez", headers={"User-Agent": refresh, "Referer": access, "X-Request-Id": access})
    http.get("/livez", headers={"Cookie": f"session={refresh}"})


if __name__ == "__main__":
    with freeze_time(START):
        url, folder = sys.argv[1:]
        world = World(url, Path(folder), {"TOKEN_SERVICE_LOGGING_LEVEL": "debug"})
        json.dump(run(world), sys.stdout)
        world.close()
