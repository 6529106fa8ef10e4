"""One command to the service and to the model, and a comparison of what both say.

Whatever differs is an AssertionError: a fault of the service or of the model. Beside the model, two
things are remembered that it cannot forgive: which token succeeded which, and what somebody was
told to be over.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from werkzeug.test import TestResponse

from tests.model.model import (
    Access,
    Account,
    Answer,
    Client,
    Grant,
    Model,
    Policy,
    Refresh,
    Scope,
    Session,
    Tenant,
)
from tests.model.service import RETENTION, Service, answered, decoded, instant
from tests.world.world import App

Items = list[dict[str, Any]]


class SideBySide:
    """The service and the model, with every token that was issued."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.model = Model(service.now, RETENTION)
        self.access: list[Access] = []
        self.chains: dict[Grant, list[Refresh]] = {}
        self.touched: Grant | None = None
        self.asked = 0
        self._successors: dict[str, str] = {}
        self._ended: set[Grant] = set()

    # Tokens.

    def sign_in(
        self,
        worker: int,
        account: Account,
        client: Client,
        tenant: Tenant | None = None,
        password: str | None = None,
        scope: str | None = None,
        name: str = "email",
        *,
        remember: bool = False,
    ) -> None:
        """By the right password unless another one is given."""
        person = self.service.people[account]
        body = {
            "identifier": getattr(person, name),
            "password": password or person.password,
            "tenant_id": tenant and tenant.tenant_id,
            "scope": scope,
            "remember_me": remember,
        }
        response = self.service.sign_in(worker, client, body)
        wanted = None if scope is None else frozenset(scope.split())
        told = self.model.sign_in(client, account, password is None, tenant, wanted, remember)
        while told is Answer.SESSION_LIMIT and response.status_code == 409:
            # Asked which one is to end: the oldest.
            self.asked += 1
            place = tenant or client.tenant or next(iter(account.memberships))
            oldest = self.model.crowd(place, account)[0]
            body = response.get_json()
            assert oldest.sid in [one["sid"] for one in body["sessions"]]
            response = self.service.go_on(worker, client, body["ticket"], oldest.sid)
            self.model.end(oldest)
            self._acknowledged(oldest.grants)
            told = self.model.sign_in(client, account, True, tenant, wanted, remember)
        if isinstance(told, Answer):
            assert answered(response) is told, (response.text, told)
            return
        assert answered(response) is Answer.OK, (response.text, told)
        told.session.sid = str(response.get_json()["sid"])
        assert [one.sid for one in self.model.sessions].count(told.sid) == 1
        self.chains[told] = []
        self._keep(told, response, told.scope)

    def refresh(
        self,
        worker: int,
        token: Refresh,
        scope: Scope = None,
        *,
        client: Client | None = None,
        in_json: bool = False,
    ) -> None:
        """By the token's own client unless another one is given."""
        grant = self.touched = token.grant
        caller, replays = client or grant.client, grant.session.replays
        app = self.service.apps[caller]
        response = self.service.refresh(worker, app, token.text, scope, in_json=in_json)
        told = self.model.refresh(caller, token, scope)
        assert answered(response) is told, (response.text, told)
        if told is Answer.OK:
            successor = self._keep(grant, response, grant.scope if scope is None else scope)
            # A token has one successor, ever.
            assert self._successors.setdefault(token.text, successor) == successor
        elif grant.ended:
            self._acknowledged_ends(grant)
        if grant.session.replays != replays:
            self.compare_record(grant.session)

    def enter(self, worker: int, token: Refresh, tenant: Tenant) -> None:
        """Use a refresh token for another tenant, by its own client."""
        grant = self.touched = token.grant
        client, replays = grant.client, grant.session.replays
        response = self.service.enter(worker, self.service.apps[client], token.text, tenant)
        known = len(grant.session.grants)
        told = self.model.enter(client, token, tenant)
        if isinstance(told, Answer):
            assert answered(response) is told, (response.text, told)
            if grant.ended:
                self._acknowledged_ends(grant)
        else:
            assert answered(response) is Answer.OK, (response.text, told)
            if len(grant.session.grants) > known:
                self.chains[told] = []
            self._keep(told, response, told.scope)
            self._follow(grant, token, response.get_json()["previous_refresh_token"])
        if grant.session.replays != replays:
            self.compare_record(grant.session)

    def _follow(self, grant: Grant, token: Refresh, successor: str) -> None:
        """The chain that was used goes on; a token has one successor, ever."""
        chain = self.chains[grant]
        if len(chain) == grant.generation:
            chain.append(Refresh(successor, grant, grant.generation))
        assert chain[grant.generation].text == successor
        assert self._successors.setdefault(token.text, successor) == successor

    def _keep(self, grant: Grant, response: TestResponse, scope: frozenset[str]) -> str:
        """Check tokens that were issued, and remember them; answers the refresh token."""
        body = response.get_json()
        header, claims = decoded(body["access_token"])
        now, expires_at = self.model.now, self.model.access_end(grant)
        self.touched = grant
        assert grant not in self._ended, "issued after somebody was told that it is over"
        assert instant(claims["exp"]) == expires_at <= self.model.absolute_end(grant.session)
        assert instant(claims["iat"]) == now.replace(microsecond=0)
        assert body["expires_in"] == claims["exp"] - claims["iat"]
        assert _described(body) == _described(claims) == _facts(grant, scope)
        assert header["kid"] not in self.model.revoked_keys
        access = Access(body["access_token"], grant, scope, expires_at, header["kid"])
        assert access.text not in {one.text for one in self.access}
        self.access.append(access)
        chain, text = self.chains[grant], str(body["refresh_token"])
        if len(chain) == grant.generation:
            assert text not in {one.text for one in chain}
            chain.append(Refresh(text, grant, grant.generation))
        # A retry gets the very same successor.
        assert chain[grant.generation].text == text
        return text

    # Questions.

    def validate(self, worker: int, access: Access) -> None:
        """Ask as whoever holds the token."""
        found, grant = self.service.validate(worker, access), access.grant
        assert found["active"] is self.model.valid(access), (found, grant)
        if found["active"]:
            assert grant not in self._ended
            assert _described(found) == _facts(grant, access.scope)
            assert self.model.now < instant(found["exp"]) == access.expires_at

    def introspect(self, worker: int, caller: Client, token: Access | Refresh) -> bool:
        """Ask as a client; answers whether it was told that the token is active."""
        response = self.service.introspect(worker, self.service.apps[caller], token)
        told, grant = self.model.introspect(caller, token), token.grant
        found = response.get_json()
        active = bool(found.get("active"))
        assert active is (told is Answer.OK), (found, told)
        assert answered(response) is Answer.OK or told is Answer.INVALID_CLIENT
        if active:
            is_access = isinstance(token, Access)
            assert grant not in self._ended
            assert _described(found) == _facts(grant, token.scope if is_access else grant.scope)
            # To ask moves nothing: this is the end that the last use has set.
            expires_at = token.expires_at if is_access else self.model.ends_at(grant)
            assert instant(found["exp"]) == expires_at.replace(microsecond=0)
        return active

    def list_account(self, worker: int, account: Account, limit: int = 50) -> None:
        """As a trusted backend."""
        url, headers = _list_of(account), self.service.authority(worker, admin=False)
        self._compare_list(account, self.service.listed(worker, url, headers, limit))

    def list_mine(self, worker: int, access: Access, limit: int) -> None:
        """As the person whose access token it is."""
        if not self.model.valid(access):
            _is_refused(self.service.get(worker, MINE, _bearer(access)))
            return
        items = self.service.listed(worker, MINE, _bearer(access), limit)
        self._compare_list(access.grant.account, items)
        assert [item["sid"] for item in items if item["isCurrent"]] == [access.grant.sid]

    def ping(self, worker: int, access: Access) -> None:
        """Say that the person is active, which extends nothing."""
        response = self.service.ping(worker, _bearer(access))
        if not self.model.valid(access):
            _is_refused(response)
            return
        assert answered(response) is Answer.OK, response.text
        access.grant.session.seen_at = self.model.now
        self._compare_item(access.grant.session, response.get_json())

    def compare_record(self, session: Session) -> None:
        """Exactly one event tells of a replay, and at most one of any end."""
        assert self.service.replays(session) == session.replays

    def _compare_list(self, account: Account, items: Items) -> None:
        live = {one.sid: one for one in self.model.live_sessions(account)}
        assert sorted(item["sid"] for item in items) == sorted(live)
        created = [item["created_at"] for item in items]
        assert created == sorted(created, reverse=True)
        for item in items:
            self._compare_item(live[item["sid"]], item)

    def _compare_item(self, session: Session, item: Mapping[str, Any]) -> None:
        live = self.model.live_grants(session)
        assert not self._ended.intersection(live)
        assert item["sid"] == session.sid
        assert set(item["clients"]) == {one.client.client_id for one in live}
        assert set(item["tenants"]) == {one.tenant.tenant_id for one in live}
        assert item["remembered"] is session.remembered
        assert item["authenticated_at"] == _shown(session.authenticated_at)
        last_use = max(one.used_at for one in live)
        assert item["last_active_at"] == _shown(max(session.seen_at, last_use))
        assert item["ends_at"] == _shown(self.model.session_ends_at(session))

    # Endings.

    def revoke(self, worker: int, caller: Client, token: Access | Refresh) -> None:
        """Give the token back as a client."""
        response = self.service.revoke(worker, self.service.apps[caller], token)
        told, self.touched = self.model.revoke(caller, token), token.grant
        assert answered(response) is told, (response.text, told)
        if told is Answer.OK and token.grant.ended:
            self._acknowledged_ends(token.grant)

    def invalidate(self, worker: int, token: Access | Refresh) -> None:
        """End the session as whoever holds the token."""
        response = self.service.invalidate(worker, token.text)
        self._ended_one(token.grant.session, response, self.model.invalidate(token))

    def end_in_its_place(self, worker: int, session: Session, *, admin: bool, path: bool) -> None:
        """As a backend or an administrator; `path`: by the session's URL."""
        headers = self.service.authority(worker, admin=admin)
        above = _list_of(session.account) if path else None
        response = self.service.end_by_id(worker, session.sid, headers, above)
        self._ended_one(session, response, self.model.end_by_id(None, session))

    def end_as_person(self, worker: int, access: Access, session: Session, *, path: bool) -> None:
        """One's own session, or in vain somebody else's."""
        above = MINE if path else None
        response = self.service.end_by_id(worker, session.sid, _bearer(access), above)
        if self.model.valid(access):
            owner = access.grant.account
            self._ended_one(session, response, self.model.end_by_id(owner, session))
        else:
            _is_refused(response)

    def end_all(self, worker: int, account: Account, *, admin: bool) -> None:
        """As a backend or an administrator."""
        headers = self.service.authority(worker, admin=admin)
        response = self.service.delete(worker, _list_of(account), headers)
        self._ended_all(account, response, None)

    def end_mine(self, worker: int, access: Access, *, keep: bool) -> None:
        """As the person: all, or all others."""
        url = f"{MINE}?keep_current=true" if keep else MINE
        response = self.service.delete(worker, url, _bearer(access))
        if self.model.valid(access):
            kept = access.grant.session if keep else None
            self._ended_all(access.grant.account, response, kept)
        else:
            _is_refused(response)

    def _ended_one(self, session: Session, response: TestResponse, told: Answer) -> None:
        self.touched = session.grants[-1]
        assert (answered(response) is Answer.OK) == (told is Answer.OK), (response.text, told)
        if told is Answer.OK:
            self._acknowledged(session.grants)

    def _ended_all(self, account: Account, response: TestResponse, kept: Session | None) -> None:
        assert answered(response) is Answer.OK, response.text
        self.model.end_all(account, kept)
        self._acknowledged(one for one in self.under(account) if one.session is not kept)

    def _acknowledged(self, grants: Iterable[Grant]) -> None:
        """Somebody was told that these are over: nothing of them may ever work again."""
        self._ended |= set(grants)

    def _acknowledged_ends(self, grant: Grant) -> None:
        over = grant.session.over_at is not None
        self._acknowledged(grant.session.grants if over else [grant])

    # Administration, keys and time.

    def switch(self, worker: int, owner: Account | Client | Tenant, *, enabled: bool) -> None:
        """Disable or enable; saying it twice changes nothing."""
        self.service.switch(worker, owner, enabled)
        self.model.switch(owner, enabled)
        if not enabled:
            self._acknowledged(self.under(owner))

    def change_membership(self, worker: int, account: Account, tenant: Tenant) -> None:
        """Leave the tenant, or join it."""
        if tenant in account.memberships:
            self.service.leave(worker, account, tenant)
            del account.memberships[tenant]
            self._acknowledged(one for one in self.under(account) if one.tenant is tenant)
        else:
            self.service.join(worker, account, tenant)
            self.model.join(account, tenant)

    def set_policy(self, worker: int, tenant: Tenant, policy: Policy) -> None:
        """From now on."""
        self.service.set_policy(worker, tenant, policy)
        tenant.policy = policy

    def reset_password(self, worker: int, account: Account) -> None:
        """Which ends every session."""
        self.service.reset_password(worker, account)
        self.model.end_all(account)
        self._acknowledged(self.under(account))

    def restored(self, worker: int) -> None:
        """Nothing lives after it."""
        self.service.restored(worker)
        self.model.epoch += 1
        self._acknowledged(self.model.grants)

    def replace_secret(self, worker: int, client: Client) -> App:
        """Answers the credentials that are worth nothing from now on."""
        return self.service.replace_secret(worker, client)

    def revoke_key(self, worker: int, kid: str) -> None:
        """The access tokens of the key are void; refresh tokens know nothing of it."""
        self.service.revoke_key(worker, kid)
        self.model.revoked_keys.add(kid)

    def move(self, now: datetime) -> None:
        """Time does not go back."""
        if now > self.model.now:
            self.service.move(now)
            self.model.now = now

    def purge(self, worker: int, accounts: Iterable[Account]) -> None:
        """What may be needed stays, what was due days ago is gone, and a chain is one row."""
        self.service.purge(worker)
        for account in accounts:
            stored = self.service.rows(account)
            for session in {one.session for one in self.under(account)}:
                if session.sid in stored:
                    assert stored[session.sid] == len(session.grants)
                    assert not self.model.overdue(session)
                else:
                    assert session.forgotten or self.model.droppable(session), session
                    session.forgotten = True

    def under(self, owner: Account | Client | Tenant) -> list[Grant]:
        """The grants of an account, client or tenant."""
        return [one for one in self.model.grants if owner in (one.account, one.client, one.tenant)]


MINE = "/v1/me/sessions"


def _list_of(account: Account) -> str:
    return f"/v1/accounts/{account.account_id}/sessions"


def _is_refused(response: TestResponse) -> None:
    assert answered(response) is not Answer.OK, response.text


def _bearer(access: Access) -> dict[str, str]:
    return {"Authorization": f"Bearer {access.text}"}


def _described(found: Mapping[str, Any]) -> tuple[str, str, set[str]]:
    """What an answer or a token says of the session."""
    return found["sid"], found["tenantId"], set(found["scope"].split())


def _facts(grant: Grant, scope: frozenset[str]) -> tuple[str, str, set[str]]:
    return grant.sid, grant.tenant.tenant_id, set(scope)


def _shown(moment: datetime) -> str:
    """As answers give a time."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
