"""The real service as the machine drives it: two workers on one database, and a clock to move."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.test import TestResponse

from tests.model.model import Access, Account, Answer, Client, Policy, Refresh, Session, Tenant
from tests.world.world import START, App, Person, World
from token_service.app import retention
from token_service.domain.events import Event
from token_service.domain.keys import Algorithm
from token_service.domain.policies import NEVER
from token_service.services import accounts, client_registration, environment, keys, tenants
from token_service.services import housekeeping as cleaning
from token_service.services.changes import Author

RETENTION = timedelta(days=2)
AUTHOR = Author("cli")
ENDINGS = {Event.SESSION_ENDED, Event.REFRESH_REPLAYED}
SERVICES = {Account: accounts, Client: client_registration, Tenant: tenants}
_SETTINGS = {
    # A failure that is waited for would hide what the answer is about; throttles have own tests.
    "TOKEN_SERVICE_POLICY_LOCKOUT_FAILURES": "100",
    "TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES": "1000000",
    # An RSA key takes longer to make than all else together, and years go by here.
    "TOKEN_SERVICE_KEYS_ALGORITHMS": "ES256,EdDSA",
    "TOKEN_SERVICE_HOUSEKEEPING_RETENTION_SECONDS": str(int(RETENTION.total_seconds())),
}


class Service:
    """Sends requests to one of the workers and makes changes through it; they share nothing."""

    def __init__(self, url: str, folder: Path) -> None:
        self.now = datetime.fromisoformat(START)
        self._clock = folder / "now"
        overrides = {**_SETTINGS, "TOKEN_SERVICE_TEST_CLOCK": str(self._clock)}
        self._clock.write_text(self.now.isoformat())
        first = World(url, folder, overrides)
        self.workers = (first, first.second_worker(overrides))
        # From another address, so that its retries are those "from another network".
        self.workers[1].http.environ_base["REMOTE_ADDR"] = "198.51.100.7"
        self.apps: dict[Client, App] = {}
        self.people: dict[Account, Person] = {}
        self.backend, self.admin = first.client("backend"), first.client("admin")

    def close(self) -> None:
        """Give the connections back."""
        for worker in self.workers:
            worker.close()

    def move(self, now: datetime) -> None:
        """Set the clock; keys that are due are made, as housekeeping does every minute."""
        self._clock.write_text(now.isoformat())
        parts = self.workers[0].parts
        if now - self.now > timedelta(minutes=1):
            keys.ensure(parts.database, parts.clock, parts.keys)
        self.now = now

    # Who there is.

    def tenant(self, policy: Policy) -> Tenant:
        """A new tenant."""
        return Tenant(self.workers[0].tenant(**_overrides(policy)), policy)

    def client(self, kind: str, **changes: Any) -> Client:
        """A new client; `changes` are those of a stored one, but for `tenant`."""
        tenant: Tenant | None = changes.pop("tenant", None)
        app = self.workers[0].client(kind, tenant_id=tenant and tenant.tenant_id, **changes)
        scopes = () if kind == "resource_server" else ("openid", "profile")
        client = Client(
            app.client_id,
            scope=frozenset((*scopes, "email", "offline_access")),
            default_scope=frozenset(scopes),
            audience=changes.get("audiences", (app.client_id,))[0],
            tenant=tenant,
            public=app.secret is None,
        )
        self.apps[client] = app
        return client

    def account(self, *members: Tenant) -> Account:
        """A new account that is a member of the tenants."""
        person = self.workers[0].person(*(one.tenant_id for one in members))
        numbers = {tenant: number for number, tenant in enumerate(members, start=1)}
        account = Account(person.account_id, numbers, joined=len(members))
        self.people[account] = person
        return account

    # Changes, each through the worker that is named.

    def switch(self, worker: int, owner: Account | Client | Tenant, enabled: bool) -> None:
        """Disable or enable an account, client or tenant."""
        parts, services = self.workers[worker].parts, SERVICES[type(owner)]
        change = services.enable if enabled else services.disable
        change(parts.database, parts.clock, identifier(owner), AUTHOR)

    def join(self, worker: int, account: Account, tenant: Tenant) -> None:
        """Make the account a member."""
        parts, ids = self.workers[worker].parts, (account.account_id, tenant.tenant_id)
        assert accounts.join(parts.database, parts.clock, *ids, (), AUTHOR) is None

    def leave(self, worker: int, account: Account, tenant: Tenant) -> None:
        """End the membership."""
        parts, ids = self.workers[worker].parts, (account.account_id, tenant.tenant_id)
        assert accounts.leave(parts.database, parts.clock, *ids, AUTHOR) is None

    def set_policy(self, worker: int, tenant: Tenant, policy: Policy) -> None:
        """Change a tenant's policy, as the service that will do it has to."""
        self.workers[worker].sql(
            "UPDATE tenants SET policy = :policy, force_relogin = :relogin WHERE tenant_id = :id",
            policy=json.dumps(_overrides(policy)),
            relogin=policy.force_relogin or NEVER,
            id=tenant.tenant_id,
        )
        self.workers[worker].sql(
            "UPDATE environment SET configuration_version = configuration_version + 1"
        )

    def reset_password(self, worker: int, account: Account) -> None:
        """Set another password in the owner's place."""
        parts, old = self.workers[worker].parts, self.people[account]
        new = Person(old.account_id, old.email, old.username, old.phone, old.password + "!")
        arguments = (parts.database, parts.clock, parts.gate, old.account_id, new.password)
        assert accounts.reset_password(*arguments, AUTHOR) is None
        self.people[account] = new

    def replace_secret(self, worker: int, client: Client) -> App:
        """Give the client another secret, the old one ends now; answers the old credentials."""
        parts, old = self.workers[worker].parts, self.apps[client]
        pepper = parts.settings.secrets.pepper
        changed = client_registration.rotate_secret(
            parts.database, parts.clock, pepper, client.client_id, timedelta(), AUTHOR
        )
        self.apps[client] = App(client.client_id, changed.secret)
        return old

    def rotate_key(self, worker: int, algorithm: Algorithm) -> datetime:
        """Publish another key of the algorithm; answers when it takes over, in a day."""
        parts = self.workers[worker].parts
        made = keys.rotate(parts.database, parts.clock, parts.keys, algorithm, "cli")
        assert made is not None
        return made.activates_at

    def revoke_key(self, worker: int, kid: str) -> None:
        """Emergency: nothing that the key has signed is valid any more."""
        parts = self.workers[worker].parts
        keys.revoke(parts.database, parts.clock, parts.keys, kid, "lost", "cli")

    def restored(self, worker: int) -> None:
        """Say that the database comes from a backup."""
        parts = self.workers[worker].parts
        environment.restored(parts.database, parts.clock, AUTHOR)

    def purge(self, worker: int) -> None:
        """Drop what is due."""
        parts = self.workers[worker].parts
        cleaning.purge_all(parts.database, parts.clock, retention(parts.settings), lambda: None)

    # Requests.

    def sign_in(self, worker: int, client: Client, body: Mapping[str, Any]) -> TestResponse:
        """Open a session."""
        return self.workers[worker].http.post(
            "/v1/sign-in",
            json={"client_id": client.client_id, **body},
            headers=self._basic(client),
        )

    def refresh(
        self, worker: int, app: App, token: str, scope: frozenset[str] | None, *, in_json: bool
    ) -> TestResponse:
        """Use a refresh token at the OAuth endpoint or at `/v1`."""
        world, fields = self.workers[worker], {"scope": " ".join(sorted(scope))} if scope else {}
        send = world.try_json_refresh if in_json else world.try_refresh
        return send(app, token, **fields)

    def go_on(self, worker: int, client: Client, ticket: str, sid: str) -> TestResponse:
        """End one session, so that a sign-in that waits goes on."""
        return self.workers[worker].http.post(
            "/v1/sign-in/continue",
            json={"client_id": client.client_id, "ticket": ticket, "end_sid": sid},
            headers=self._basic(client),
        )

    def enter(self, worker: int, app: App, token: str, tenant: Tenant) -> TestResponse:
        """Use a refresh token to enter another tenant."""
        return self.workers[worker].try_refresh(app, token, tenant_id=tenant.tenant_id)

    def validate(self, worker: int, access: Access) -> dict[str, Any]:
        """What is said of an access token to whoever holds it."""
        return self.workers[worker].validate(access.text)

    def introspect(self, worker: int, caller: App, token: Access | Refresh) -> TestResponse:
        """Ask about a token as a client."""
        return self._form(worker, "introspect", caller, token)

    def revoke(self, worker: int, caller: App, token: Access | Refresh) -> TestResponse:
        """Give a token back as a client."""
        return self._form(worker, "revoke", caller, token)

    def invalidate(self, worker: int, token: str) -> TestResponse:
        """End a session by one of its tokens."""
        return self.workers[worker].try_invalidate(token=token)

    def end_by_id(
        self, worker: int, sid: str, headers: Mapping[str, str], above: str | None
    ) -> TestResponse:
        """End a session by its id, in the list `above` it or as one invalidates a token."""
        if above is None:
            return self.workers[worker].try_invalidate(headers, sid=sid)
        return self.delete(worker, f"{above}/{sid}", headers)

    def get(self, worker: int, url: str, headers: Mapping[str, str]) -> TestResponse:
        """Ask for what has this URL."""
        return self.workers[worker].http.get(url, headers=headers)

    def ping(self, worker: int, headers: Mapping[str, str]) -> TestResponse:
        """Say that the person is active."""
        return self.workers[worker].http.post("/v1/me/sessions/ping", headers=headers)

    def delete(self, worker: int, url: str, headers: Mapping[str, str]) -> TestResponse:
        """End what has this URL."""
        return self.workers[worker].http.delete(url, headers=headers)

    def listed(self, worker: int, url: str, headers: Mapping[str, str], limit: int) -> list[Any]:
        """All sessions of a list, page by page."""
        items, cursor = [], None
        while True:
            query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            answer = self.workers[worker].http.get(url, query_string=query, headers=headers)
            assert answer.status_code == 200, answer.text
            page = answer.get_json()
            items += page["items"]
            assert len(page["items"]) <= limit
            if (cursor := page["next_cursor"]) is None:
                return items

    def authority(self, worker: int, *, admin: bool) -> dict[str, str]:
        """The headers of somebody who may list and end the sessions of any account."""
        if not admin:
            return self.backend.basic
        return {"Authorization": f"Bearer {self.workers[worker].client_token(self.admin)}"}

    # What only a look behind the interfaces tells.

    def replays(self, session: Session) -> int:
        """How many replays of the session's chain are on record; its end is there at most once."""
        events = self.workers[0].events(session.account.account_id)
        ends = [one.event for one in events if one.sid == session.sid and one.event in ENDINGS]
        assert len(ends) <= 1, ends
        return ends.count(Event.REFRESH_REPLAYED)

    def rows(self, account: Account) -> dict[str, int]:
        """The account's sessions that are stored, with the number of their grants."""
        found = self.workers[0].sql(
            "SELECT sessions.sid, count(grants.grant_id) FROM sessions LEFT JOIN grants "
            "ON grants.account_id = sessions.account_id AND grants.sid = sessions.sid "
            "WHERE sessions.account_id = :account GROUP BY sessions.sid",
            account=account.account_id,
        )
        return {str(sid).replace("-", ""): number for sid, number in found}

    def _form(self, worker: int, name: str, caller: App, token: Access | Refresh) -> TestResponse:
        form = {"token": token.text} | ({} if caller.secret else {"client_id": caller.client_id})
        headers = caller.basic if caller.secret else {}
        return self.workers[worker].http.post(f"/oauth2/{name}", data=form, headers=headers)

    def _basic(self, client: Client) -> dict[str, str]:
        return self.apps[client].basic if self.apps[client].secret else {}


def answered(response: TestResponse) -> Answer:
    """What an answer says in the model's words; one that is no answer at all is a failure."""
    assert response.status_code < 500, response.text
    if response.status_code < 300:
        return Answer.OK
    body = response.get_json()
    code = body.get("error") or body["code"]
    return Answer(code) if code in set(Answer) else Answer.REFUSED


def identifier(owner: Account | Client | Tenant) -> str:
    """What the service calls it."""
    if isinstance(owner, Account):
        return owner.account_id
    return owner.client_id if isinstance(owner, Client) else owner.tenant_id


def decoded(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, read as whoever cannot verify it would."""
    header, claims, _ = (base64.urlsafe_b64decode(f"{part}==") for part in token.split("."))
    return json.loads(header), json.loads(claims)


def instant(numeric_date: int) -> datetime:
    """The time of a `NumericDate`."""
    return datetime.fromtimestamp(numeric_date, UTC)


def _overrides(policy: Policy) -> dict[str, object]:
    return {name: "off" if value is None else value for name, value in asdict(policy).items()}
