"""Which limits of sessions hold, what each of them counts, and which sessions give way."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.building import NOW
from token_service.domain.policies import Policy
from token_service.domain.session_limits import (
    UNLIMITED,
    Counted,
    Limit,
    LimitSources,
    limit_sources,
    limits_for,
    over_limit,
)

TENANT, CLIENT = "c" * 32, "app"


def sources(environment=None, tenant=None, client=None, account=None, precedence="account"):
    return LimitSources(environment, tenant, client, account, precedence)


def in_tenant(most):
    return Limit(most, tenant_id=TENANT, source="tenant")


def of_client(most):
    return Limit(most, client_id=CLIENT, source="client")


def own(most):
    return Limit(most, source="account")


@pytest.mark.parametrize(
    ("stated", "limits"),
    [
        (sources(), ()),
        (sources(environment=3), (Limit(3),)),
        (sources(tenant=3), (in_tenant(3),)),
        (sources(client=3), (of_client(3),)),
        (sources(account=3), (own(3),)),
        (sources(environment=3, tenant=2), (in_tenant(2), Limit(3))),
        # The seed's own example: three for all, five for this one.
        (sources(environment=3, account=5), (own(5),)),
        (sources(environment=3, account=5, precedence="strictest"), (own(5), Limit(3))),
        (sources(environment=5, account=3, precedence="strictest"), (own(3), Limit(5))),
        (sources(environment=3, tenant=2, account=9), (own(9),)),
        (
            sources(environment=3, tenant=2, account=9, precedence="strictest"),
            (own(9), in_tenant(2), Limit(3)),
        ),
        # A client's limit is about the client, whatever else holds.
        (sources(environment=3, client=1, account=9), (own(9), of_client(1))),
        (sources(environment=3, precedence="strictest"), (Limit(3),)),
        # "Off" of the account's own stands in place of the others too.
        (sources(environment=3, tenant=2, account=UNLIMITED), ()),
        (sources(environment=3, account=UNLIMITED, precedence="strictest"), (Limit(3),)),
    ],
)
def test_which_limits_hold(stated, limits):
    assert limits_for(stated, TENANT, CLIENT) == limits


@pytest.mark.parametrize(
    ("environment", "overrides", "client", "account", "expected"),
    [
        (Policy(), {}, {}, None, sources()),
        (Policy(max_sessions=3), {}, {}, None, sources(environment=3)),
        (Policy(max_sessions=3), {"max_sessions": 2}, {}, None, sources(environment=3, tenant=2)),
        (Policy(max_sessions=3), {"max_sessions": "off"}, {}, None, sources(environment=3)),
        (Policy(), {}, {"max_sessions": 4}, None, sources(client=4)),
        (Policy(), {}, {"max_sessions": "off"}, None, sources()),
        (Policy(), {}, {"idle_timeout": 60}, 5, sources(account=5)),
        (
            Policy(),
            {"account_limit_precedence": "strictest"},
            {},
            5,
            sources(account=5, precedence="strictest"),
        ),
    ],
)
def test_which_level_states_a_limit(environment, overrides, client, account, expected):
    tenant = environment.overridden(overrides)
    assert limit_sources(environment, tenant, overrides, client, account) == expected


def session(number, clients=(CLIENT,), tenants=(TENANT,), minutes=None):
    """The session `number`, opened so many minutes after noon."""
    opened = NOW + timedelta(minutes=number if minutes is None else minutes)
    return Counted(f"{number:032x}", opened, frozenset(clients), frozenset(tenants))


def numbers(ending):
    return [int(one.sid, 16) for one in ending]


class TestOver:
    @pytest.mark.parametrize(
        ("most", "live", "ending"),
        [
            (1, 0, []),
            (1, 1, [1]),
            (3, 2, []),
            (3, 3, [1]),
            (3, 5, [1, 2, 3]),
            (1, 3, [1, 2, 3]),
            (1_000_000, 5, []),
        ],
    )
    def test_the_oldest_give_way_until_there_is_room_for_one(self, most, live, ending):
        found = over_limit([Limit(most)], [session(number) for number in range(live, 0, -1)])
        assert numbers(found) == ending

    def test_no_limit_ends_nothing(self):
        assert over_limit([], [session(1)]) == ()

    def test_oldest_is_by_sign_in_and_the_id_decides_between_equals(self):
        live = [session(1, minutes=5), session(3, minutes=2), session(2, minutes=2)]
        assert numbers(over_limit([Limit(2)], live)) == [2, 3]

    def test_a_limit_of_a_tenant_counts_the_sessions_in_it(self):
        live = [session(1, tenants=["other"]), session(2), session(3, tenants=["other", TENANT])]
        assert numbers(over_limit([in_tenant(2)], live)) == [2]
        assert numbers(over_limit([in_tenant(3)], live)) == []

    def test_a_limit_of_a_client_counts_the_sessions_with_a_grant_of_it(self):
        live = [session(1, clients=["other"]), session(2), session(3, clients=["other", CLIENT])]
        assert numbers(over_limit([of_client(1)], live)) == [2, 3]

    def test_a_session_that_one_limit_ends_makes_room_for_the_next(self):
        live = [session(1, tenants=["other"]), session(2), session(3)]
        assert numbers(over_limit([in_tenant(2), Limit(3)], live)) == [2]
        assert numbers(over_limit([Limit(3), in_tenant(2)], live)) == [1, 2]


LIVE = st.lists(
    st.builds(
        session,
        st.integers(1, 99),
        st.sampled_from([(CLIENT,), ("other",), (CLIENT, "other")]),
        st.sampled_from([(TENANT,), ("other",), (TENANT, "other")]),
    ),
    unique_by=lambda one: one.sid,
)
LIMITS = st.lists(
    st.builds(Limit, st.integers(1, 9))
    | st.builds(in_tenant, st.integers(1, 9))
    | st.builds(of_client, st.integers(1, 9))
)


@given(LIMITS, LIVE)
def test_afterwards_every_limit_has_room_for_one_more(limits, live):
    ending = over_limit(limits, live)
    left = [one for one in live if one not in ending]
    for limit in limits:
        assert sum(limit.counts(one) for one in left) < limit.most
    assert not ending or limits
    assert over_limit(limits, left) == ()
