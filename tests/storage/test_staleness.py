"""A worker with an old copy of the configuration: it answers nothing from it, and refuses nobody.

The second worker has a snapshot, with the client and the tenant in its cache. Then the first one
changes something. On the old snapshot every use case raises `StaleConfiguration` and changes
nothing; on a new one it is right.
"""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.storage.building import (
    AUTHOR,
    HERE,
    Signed,
    current,
    inspect,
    is_live,
    reason_of,
    refresh,
    sign_in,
    signed_in,
    stale_inspect,
    stale_refresh,
    state_of,
    tokens_of,
)
from tests.world.world import App, World
from token_service.domain.clients import AuthenticationMethod, Client
from token_service.domain.failures import StaleConfiguration
from token_service.domain.keys import Algorithm
from token_service.domain.refusals import Refusal, Refused
from token_service.services import client_registration, environment, keys, revocation, tenants
from token_service.services import clients as client_services
from token_service.services.clients import ClientCredentials
from token_service.services.configuration import Snapshot
from token_service.storage import configuration
from token_service.storage.tables import environment as environment_table

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Behind:
    """A worker that is about to be behind, and the snapshot that it still has."""

    signed: Signed
    worker: World
    snapshot: Snapshot

    @property
    def first(self) -> World:
        """The worker that makes the changes."""
        return self.signed.world

    def stale(self) -> None:
        """On the old snapshot nothing is answered, and nothing is changed."""
        before = state_of(self.signed)
        tokens, app = self.signed.tokens, self.signed.app
        with pytest.raises(StaleConfiguration):
            stale_refresh(self.worker, self.snapshot, app, tokens.refresh_token)
        with pytest.raises(StaleConfiguration):
            stale_inspect(self.worker, self.snapshot, tokens.access_token)
        after = state_of(self.signed)
        assert after._replace(configuration_version=0) == before._replace(configuration_version=0)

    def refused(self, reason: Refusal) -> None:
        """On the new one both are refused."""
        tokens, app = self.signed.tokens, self.signed.app
        assert reason_of(inspect(self.worker, tokens.access_token)) is reason
        assert reason_of(refresh(self.worker, app, tokens.refresh_token)) is reason


@pytest.fixture
def behind(signed):
    worker = signed.world.second_worker()
    assert is_live(worker, signed.tokens)
    yield Behind(signed, worker, worker.parts.configuration.current())
    worker.close()


def test_without_a_change_it_is_not_behind(behind):
    tokens = stale_refresh(
        behind.worker, behind.snapshot, behind.signed.app, behind.signed.tokens.refresh_token
    )
    assert is_live(behind.first, tokens_of(tokens))


class TestDisabled:
    def test_client(self, behind):
        first = behind.first
        client_registration.disable(
            first.database, first.parts.clock, behind.signed.app.client_id, AUTHOR
        )
        behind.stale()
        behind.refused(Refusal.CLIENT_DISABLED)

    def test_client_that_was_enabled_again(self, behind):
        """The pair of changes ends what was opened before it, for good."""
        first, client_id = behind.first, behind.signed.app.client_id
        client_registration.disable(first.database, first.parts.clock, client_id, AUTHOR)
        client_registration.enable(first.database, first.parts.clock, client_id, AUTHOR)
        behind.stale()
        behind.refused(Refusal.CLIENT_DISABLED)
        tokens_of(sign_in(behind.worker, behind.signed.person, behind.signed.app))

    def test_tenant(self, behind):
        first = behind.first
        tenants.disable(first.database, first.parts.clock, behind.signed.tenant, AUTHOR)
        behind.stale()
        behind.refused(Refusal.TENANT_DISABLED)
        answer = sign_in(behind.worker, behind.signed.person, behind.signed.app)
        assert reason_of(answer) is Refusal.NOT_A_MEMBER

    def test_nobody_signs_in_on_the_old_copy(self, behind):
        """The client's epoch in an old snapshot would open a session that is dead at birth."""
        first = behind.first
        tenants.disable(first.database, first.parts.clock, behind.signed.tenant, AUTHOR)
        tenants.enable(first.database, first.parts.clock, behind.signed.tenant, AUTHOR)
        tokens = tokens_of(sign_in(behind.worker, behind.signed.person, behind.signed.app))
        assert is_live(first, tokens)

    def test_the_whole_environment(self, behind):
        environment.restored(behind.first.database, behind.first.parts.clock, AUTHOR)
        behind.stale()
        behind.refused(Refusal.RESTORED)
        tokens = tokens_of(sign_in(behind.worker, behind.signed.person, behind.signed.app))
        assert is_live(behind.first, tokens)


class TestNewcomers:
    def authenticate(self, behind: Behind, app: App, snapshot: Snapshot) -> object:
        parts = behind.worker.parts
        method = AuthenticationMethod.SECRET_BASIC if app.secret else AuthenticationMethod.NONE
        credentials = ClientCredentials(app.client_id, method, app.secret, HERE)
        return client_services.authenticate(
            parts.database, parts.clock, snapshot, parts.gate.throttle, parts.proofs, credentials
        )

    def authenticated(self, behind: Behind, app: App) -> bool:
        found = current(behind.worker, lambda one: self.authenticate(behind, app, one))
        return isinstance(found, Client) and found.client_id == app.client_id

    def test_a_new_client_is_not_unknown(self, behind):
        app = behind.first.client()
        with pytest.raises(StaleConfiguration):
            self.authenticate(behind, app, behind.snapshot)
        assert self.authenticated(behind, app)

    def test_a_client_that_nobody_has_is_unknown_for_certain(self, behind):
        nobody = App("nobody", "secret")
        assert (
            reason_of(self.authenticate(behind, nobody, behind.snapshot)) is Refusal.UNKNOWN_CLIENT
        )
        behind.first.tenant()
        with pytest.raises(StaleConfiguration):
            self.authenticate(behind, nobody, behind.snapshot)

    def test_a_new_secret_is_not_wrong(self, behind):
        first, client_id = behind.first, behind.signed.app.client_id
        registered = client_registration.rotate_secret(
            first.database,
            first.parts.clock,
            first.parts.gate.throttle.pepper,
            client_id,
            timedelta(),
            AUTHOR,
        )
        app = App(client_id, registered.secret)
        with pytest.raises(StaleConfiguration):
            self.authenticate(behind, app, behind.snapshot)
        assert self.authenticated(behind, app)
        old = current(behind.worker, lambda one: self.authenticate(behind, behind.signed.app, one))
        assert reason_of(old) is Refusal.WRONG_CLIENT_SECRET

    def test_a_new_tenant_is_not_unknown(self, behind):
        newcomer = signed_in(behind.first)
        tokens = newcomer.tokens
        with pytest.raises(StaleConfiguration):
            stale_refresh(behind.worker, behind.snapshot, newcomer.app, tokens.refresh_token)
        tokens_of(refresh(behind.worker, newcomer.app, tokens.refresh_token))


class TestNewKeys:
    def rotate(self, behind, time, algorithm):
        parts = behind.first.parts
        made = keys.rotate(parts.database, parts.clock, parts.keys, algorithm, "cli")
        assert made is not None
        time.pass_(days=1)
        return made

    @pytest.fixture
    def behind(self, world):
        """As above, but the session outlives the announcement of a key."""
        signed = signed_in(world, idle_timeout=10 * 86_400, refresh_token_lifetime=10 * 86_400)
        worker = world.second_worker()
        assert is_live(worker, signed.tokens)
        yield Behind(signed, worker, worker.parts.configuration.current())
        worker.close()

    def test_a_refresh_token_under_a_new_key_is_not_garbage(self, behind, time):
        made = self.rotate(behind, time, Algorithm.HKDF_SHA256)
        signed = behind.signed
        tokens = tokens_of(refresh(behind.first, signed.app, signed.tokens.refresh_token))
        assert state_of(signed).key_number == made.number
        with pytest.raises(StaleConfiguration):
            stale_refresh(behind.worker, behind.snapshot, signed.app, tokens.refresh_token)
        tokens_of(refresh(behind.worker, signed.app, tokens.refresh_token))

    def test_a_retry_across_the_rotation_gives_the_same_successor(self, behind, time):
        signed = behind.signed
        self.rotate(behind, time, Algorithm.HKDF_SHA256)
        answers = [
            tokens_of(refresh(one, signed.app, signed.tokens.refresh_token))
            for one in (behind.first, behind.worker)
        ]
        assert answers[0].refresh_token == answers[1].refresh_token

    def test_an_access_token_under_a_new_key_is_not_foreign(self, behind, time):
        self.rotate(behind, time, Algorithm.ES256)
        signed = behind.signed
        tokens = tokens_of(refresh(behind.first, signed.app, signed.tokens.refresh_token))
        with pytest.raises(StaleConfiguration):
            stale_inspect(behind.worker, behind.snapshot, tokens.access_token)
        assert is_live(behind.worker, tokens)

    def test_a_revoked_key_is_trusted_no_more(self, behind):
        parts, signed = behind.first.parts, behind.signed
        for key in keys.list_keys(parts.database):
            if key.algorithm == Algorithm.ES256:
                assert keys.revoke(
                    parts.database, parts.clock, parts.keys, key.kid, "leaked", "cli"
                )
        with pytest.raises(StaleConfiguration):
            stale_inspect(behind.worker, behind.snapshot, signed.tokens.access_token)
        assert not is_live(behind.worker, signed.tokens)
        tokens = tokens_of(refresh(behind.worker, signed.app, signed.tokens.refresh_token))
        assert is_live(behind.worker, tokens)


class TestPolicies:
    def shorten(self, behind: Behind, **policy: object) -> None:
        with behind.first.database.transaction() as tx:
            tx.execute(update(environment_table).values(policy=policy))
            configuration.changed(tx)

    def test_a_shortened_policy_bites_at_once_on_every_worker(self, behind, time):
        time.pass_(minutes=10)
        self.shorten(behind, idle_timeout=600)
        behind.stale()
        behind.refused(Refusal.IDLE_TIMEOUT)

    def test_an_end_that_nobody_met_is_void_when_the_policy_is_lengthened_again(self, behind, time):
        time.pass_(minutes=10)
        self.shorten(behind, idle_timeout=600)
        tokens = behind.signed.tokens
        assert reason_of(inspect(behind.worker, tokens.access_token)) is Refusal.IDLE_TIMEOUT
        self.shorten(behind, idle_timeout=601)
        assert is_live(behind.worker, tokens)
        tokens_of(refresh(behind.worker, behind.signed.app, tokens.refresh_token))

    def test_an_end_that_a_refresh_met_is_final(self, behind, time):
        time.pass_(minutes=10)
        self.shorten(behind, idle_timeout=600)
        behind.refused(Refusal.IDLE_TIMEOUT)
        self.shorten(behind)
        behind.refused(Refusal.IDLE_TIMEOUT)


class TestRevocations:
    """A token's key may have been revoked a moment ago, and such a token must end nothing."""

    @staticmethod
    def invalidate(behind: Behind, snapshot: Snapshot) -> Refused | None:
        database, clock = behind.worker.database, behind.worker.parts.clock
        token = behind.signed.tokens.access_token
        return revocation.invalidate(database, clock, snapshot, token, HERE)

    def invalidated(self, behind: Behind) -> Refused | None:
        with pytest.raises(StaleConfiguration):
            self.invalidate(behind, behind.snapshot)
        assert state_of(behind.signed).session_ended_at is None
        return current(behind.worker, lambda snapshot: self.invalidate(behind, snapshot))

    def test_a_session_is_ended_by_a_current_copy_only(self, behind):
        behind.first.tenant()
        assert self.invalidated(behind) is None
        assert not is_live(behind.first, behind.signed.tokens)

    def test_a_token_of_a_key_that_was_just_revoked_ends_nothing(self, behind):
        parts, signed = behind.first.parts, behind.signed
        for key in keys.list_keys(parts.database):
            if key.algorithm == Algorithm.ES256:
                keys.revoke(parts.database, parts.clock, parts.keys, key.kid, "leaked", "cli")
        assert reason_of(self.invalidated(behind))
        tokens_of(refresh(behind.worker, signed.app, signed.tokens.refresh_token))
