"""What the levels come to, and which of them decided."""

import pytest

from token_service.domain.effective_policies import (
    Levels,
    Relogin,
    in_effect,
    limit_written,
    strictest_relogin,
)
from token_service.domain.policies import Explained, Policy
from token_service.domain.session_limits import UNLIMITED, Limit

HERE = "here"


def levels(**said):
    return Levels(**({"defaults": Policy(), "bounds": {}, "environment": {}} | said))


def comes_to(**said):
    asked = levels(**said)
    return in_effect(asked, strictest_relogin(asked, HERE, []))


class TestLifetimes:
    @pytest.mark.parametrize(
        ("tenant", "client", "value", "source"),
        [
            ({}, {}, 900, "default"),
            ({"access_token_lifetime": 300}, {}, 300, "tenant"),
            ({"access_token_lifetime": 300}, {"access_token_lifetime": 100}, 100, "client"),
            ({"idle_timeout": 600}, {}, 400, "idle_timeout"),
            ({"refresh_token_lifetime": 600}, {}, 400, "refresh_token_lifetime"),
            ({"refresh_token_lifetime": "auto"}, {}, 900, "default"),
        ],
    )
    def test_of_access_tokens(self, tenant, client, value, source):
        told = comes_to(tenant=tenant, client=client).access_token_lifetime
        assert told == Explained(value, source)

    @pytest.mark.parametrize(
        ("tenant", "value", "source"),
        [
            ({}, 86_400, "default"),
            ({"refresh_token_lifetime": 600}, 600, "tenant"),
            ({"refresh_token_lifetime": "auto"}, 1_350, "auto"),
            ({"refresh_token_lifetime": "auto", "access_token_lifetime": 60}, 90, "auto"),
        ],
    )
    def test_of_refresh_tokens(self, tenant, value, source):
        assert comes_to(tenant=tenant).refresh_token_lifetime == Explained(value, source)

    @pytest.mark.parametrize(
        ("tenant", "value", "source"),
        [
            ({"idle_timeout": 600}, 600, "idle_timeout"),
            ({"refresh_token_lifetime": 600}, 600, "refresh_token_lifetime"),
            ({"idle_timeout": "off"}, 86_400, "refresh_token_lifetime"),
        ],
    )
    def test_without_use(self, tenant, value, source):
        assert comes_to(tenant=tenant).unused_limit == Explained(value, source)

    @pytest.mark.parametrize(
        ("tenant", "client", "told"),
        [
            ({}, {}, None),
            ({"remember_me": True}, {}, Explained(2_592_000, "remember_me_lifetime")),
            (
                {"remember_me": True, "remember_me_lifetime": 60, "refresh_token_lifetime": 600},
                {},
                Explained(600, "refresh_token_lifetime"),
            ),
            ({"remember_me": True}, {"idle_timeout": 600}, Explained(600, "client")),
        ],
    )
    def test_without_use_where_a_session_is_remembered(self, tenant, client, told):
        assert comes_to(tenant=tenant, client=client).remembered_unused_limit == told


class TestBounds:
    def test_they_move_what_the_settings_and_tenants_say(self):
        bounds = {"idle_timeout": {"max": 600}, "retry_window": {"min": 30}}
        told = levels(bounds=bounds, tenant={"retry_window": 0}).explained()
        assert told["idle_timeout"] == Explained(600, "bounds")
        assert told["retry_window"] == Explained(30, "bounds")

    def test_a_tenant_that_keeps_them_decides(self):
        told = levels(bounds={"idle_timeout": {"max": 600}}, tenant={"idle_timeout": 300})
        assert told.explained()["idle_timeout"] == Explained(300, "tenant")


class TestForcedRelogin:
    @pytest.mark.parametrize(
        ("tenant", "client", "others", "told"),
        [
            ({}, {}, [], Relogin("off", "default", None)),
            ({"force_relogin": 600}, {}, [], Relogin(600, "tenant", HERE)),
            (
                {"force_relogin": 600},
                {},
                [("there", {"force_relogin": 300})],
                Relogin(300, "account", "there"),
            ),
            (
                {"force_relogin": 600},
                {},
                [("there", {"force_relogin": 601}), ("off", {})],
                Relogin(600, "tenant", HERE),
            ),
            (
                {"force_relogin": 600},
                {"force_relogin": 60},
                [("there", {"force_relogin": 300})],
                Relogin(60, "client", None),
            ),
        ],
    )
    def test_the_strictest_counts_and_is_named(self, tenant, client, others, told):
        assert strictest_relogin(levels(tenant=tenant, client=client), HERE, others) == told

    def test_what_is_inherited_is_no_tenants(self):
        said = levels(environment={"force_relogin": 600})
        assert strictest_relogin(said, HERE, []) == Relogin(600, "environment", None)

    def test_another_tenant_is_kept_within_the_bounds(self):
        said = levels(bounds={"force_relogin": {"max": 300}})
        others = [("there", {"force_relogin": "off"})]
        assert strictest_relogin(said, HERE, others).value == 300

    def test_without_a_tenant_the_environment_counts_through_those_that_inherit_it(self):
        said = levels(environment={"force_relogin": 600})
        others = [("off", {"force_relogin": "off"})]
        assert strictest_relogin(said, None, []).value == 600
        assert strictest_relogin(said, None, others) == Relogin("off", "account", "off")
        inheriting = strictest_relogin(said, None, [*others, ("heir", {})])
        assert inheriting == Relogin(600, "account", "heir")
        tightened = levels(environment={"force_relogin": 600}, client={"force_relogin": 60})
        assert strictest_relogin(tightened, None, others) == Relogin(60, "client", None)


class TestNumberOfSessions:
    @pytest.mark.parametrize(
        ("precedence", "tenant", "own", "told"),
        [
            ("account", 3, None, Explained(3, "tenant")),
            ("account", 3, 5, Explained(5, "account")),
            ("account", 3, UNLIMITED, Explained("off", "account")),
            ("strictest", 3, 5, Explained(3, "tenant")),
            ("strictest", 3, 2, Explained(2, "account")),
            ("strictest", "off", 2, Explained(2, "account")),
            ("strictest", 3, UNLIMITED, Explained(3, "tenant")),
            ("strictest", "off", UNLIMITED, Explained("off", "tenant")),
        ],
    )
    def test_by_precedence(self, precedence, tenant, own, told):
        stated = {"account_limit_precedence": precedence, "max_sessions": tenant}
        assert levels(tenant=stated, account_limit=own).explained()["max_sessions"] == told

    def test_every_limit_that_a_new_session_keeps(self):
        said = {"environment": {"max_sessions": 9}, "client": {"max_sessions": 2}}
        here = Limit(3, tenant_id=HERE, source="tenant")
        app = Limit(2, client_id="app", source="client")
        with_tenant = levels(tenant={"max_sessions": 3}, **said)
        assert with_tenant.session_limits(HERE, "app") == (here, Limit(9), app)
        assert levels(**said).session_limits(HERE, "app") == (Limit(9), app)
        unlimited = levels(tenant={"max_sessions": 3}, account_limit=UNLIMITED, **said)
        assert unlimited.session_limits(HERE, "app") == (app,)
        off = levels(tenant={"max_sessions": "off"}, client={"max_sessions": "off"})
        assert off.session_limits(HERE, "app") == ()


@pytest.mark.parametrize(("limit", "shown"), [(None, None), (3, 3), (UNLIMITED, "off")])
def test_an_accounts_own_limit_as_it_is_written(limit, shown):
    assert limit_written(limit) == shown
