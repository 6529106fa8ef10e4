"""What the tests of the lock-out share: failures in a row, and what the audit log says of them."""

from typing import Any

from werkzeug.test import TestResponse

from tests.world.world import App, Person, World
from token_service.domain.events import AuditEvent, Event

FREE = 10
"""Failures in a row that lock an account by the environment's rule."""


def fail(world: World, person: Person, app: App, times: int = 1, **fields: str) -> list[int]:
    """Guess wrong some times; the statuses."""
    wrong = {"password": "wrong", **fields}
    return [world.try_sign_in(person, app, **wrong).status_code for _ in range(times)]


def seen(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a client can see of an answer, but for the random id of the request."""
    request_id = answer.headers["X-Request-Id"]
    body = answer.data.replace(request_id.encode(), b"ID")
    headers = sorted(answer.headers.items())
    return answer.status_code, body, [one for one in headers if one[0] != "X-Request-Id"]


def reasons(world: World, account_id: str) -> list[str]:
    """Why sign-ins of the account failed, oldest first."""
    events = world.events(account_id)
    return [one.reason for one in events if one.event is Event.SIGN_IN_FAILED]


def locks(world: World, account_id: str) -> list[AuditEvent]:
    """The locks of the account, oldest first."""
    return [one for one in world.events(account_id) if one.event is Event.ACCOUNT_LOCKED]


def administrator(world: World, tenant_id: str | None = None) -> dict[str, str]:
    """The Authorization header of an administrator, of one tenant or of all."""
    token = world.client_token(world.client("admin", tenant_id=tenant_id))
    return {"Authorization": f"Bearer {token}"}


def lock_out(world: World, headers: dict[str, str], account_id: str) -> dict[str, Any]:
    """What an administrator is told of an account."""
    answer = world.http.get(f"/v1/accounts/{account_id}/lock-out", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def unlock(world: World, headers: dict[str, str], account_id: str) -> None:
    """Unlock an account as an administrator."""
    answer = world.http.delete(f"/v1/accounts/{account_id}/lock-out", headers=headers)
    assert (answer.status_code, answer.data) == (204, b"")
