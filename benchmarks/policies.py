"""What the effective policy costs a refresh: looked up for its tenant and client, or computed."""

from statistics import median
from time import perf_counter_ns

from token_service.domain.policies import Policy
from token_service.domain.sessions import Rules, relogin_limit

_TIMES = 10_000
_TENANT = {"idle_timeout": 3_600, "force_relogin": 86_400, "remember_me": True, "retry_window": 30}
_BOUNDS = {"idle_timeout": {"min": 300, "max": 7_200}, "force_relogin": {"max": 604_800}}
_CLIENT = {"access_token_lifetime": 300, "idle_timeout": 1_800}


def measure() -> dict:
    """Microseconds of one thread, the median of ten thousand.

    `computed`: all levels anew, as in the first refresh of a tenant and client after a change.
    `used`: the numbers that each refresh takes from it.
    """
    computed = [_elapsed(_computed) for _ in range(_TIMES)]
    rules = _computed()
    used = [_elapsed(lambda: _used(rules)) for _ in range(_TIMES)]
    return {"computed_us": round(median(computed), 2), "used_us": round(median(used), 2)}


def _elapsed(work: object) -> float:
    began = perf_counter_ns()
    work()
    return (perf_counter_ns() - began) / 1_000


def _computed() -> Rules:
    policy = Policy().overridden(_TENANT).within(_BOUNDS)
    return Rules(policy.tightened(_CLIENT), policy.remembering().tightened(_CLIENT), 1, 1)


def _used(rules: Rules) -> tuple[int, ...]:
    policy = rules.policy_for(remembered=False)
    return (
        rules.policy.unused_limit,
        rules.remembering.unused_limit,
        relogin_limit(rules.policy),
        policy.unused_limit,
        policy.access_lifetime,
    )
