"""The figures that the service must meet."""

_BESIDE_PEERS = {
    "refresh / oidc-provider JWT": (2, 3),
    "refresh / oidc-provider opaque": (2, 3),
    "refresh / oidc-provider in memory": (None, 1),
    "refresh / Keycloak": (4, None),
    "refresh / django-oauth-toolkit": (10, None),
    "introspect / oidc-provider opaque": (1.7, 3),
    "introspect, SQLite / oidc-provider in memory": (1.5, 2.5),
    "client credentials / oidc-provider JWT": (2, None),
}
"""What each ratio must be at least, and what is aimed at."""


def judged(found: dict) -> list[dict]:
    """Each figure with its bound, and whether it is met."""
    ratios, stored = found["ratios"], found["stored"]
    more = stored["often"] - 1
    figures = [
        _at_least("refresh / livez", ratios["refresh / livez"]["median"], 0.2),
        _at_least("validate / introspect", ratios["validate / introspect"]["median"], 1.2),
        *(
            _at_least(name, ratios[name]["median"], 3)
            for name in ("validate by batches / validate", "introspect by batches / introspect")
        ),
        _at_least("introspect / refresh", ratios["introspect / refresh"]["median"], 1.2),
        _at_least("code flow / refresh", ratios["code flow / refresh"]["median"], 0.25),
        _at_most(f"rows added by {more:,} more refreshes", stored["more_rows_after_often"], 0),
        _at_most(
            f"bytes added per session by {more:,} more refreshes",
            stored["more_bytes_per_refreshed_session"],
            0,
        ),
        _at_most("effective policy in a refresh, us", found["policies"]["used_us"], 20),
        _at_most("PSS of the service, MiB", found["memory"]["at_most_mib"], 200),
        _at_most("process start to the first 200, s", found["cold_start_s"], 2),
        *_beside_peers(found),
    ]
    figures += [*_of_pressure(found["pressure"]), *_of_growth(found["growth"])]
    if "session_list" in found:
        value = found["session_list"]["p99_ms"]
        figures.append(_at_most("first page of a million sessions, p99 ms", value, 50))
    if "purging" in found:
        value = found["purging"]["ratio"]
        figures.append(_at_most("refresh p99 beside a purge / without", value, 1.5))
    return figures


def _of_pressure(found: dict) -> list[dict]:
    ratios = found["ratios"]
    return [
        _at_most(
            "refresh p99 at 70 % of capacity, ms", found["modes"]["at 70 %"]["p99_ms"]["median"], 15
        ),
        _at_least("refresh beside sign-ins / alone", ratios["rate beside sign-ins"]["median"], 0.7),
        _at_most("refresh p99 beside sign-ins / alone", ratios["p99 beside sign-ins"]["median"], 2),
    ]


def _of_growth(found: dict) -> list[dict]:
    """Of the numbers of sessions that were measured."""
    few = next(iter(found))
    return [
        _at_least(
            f"refresh at {number:,} sessions / at {few:,}", found[number]["ratio"]["median"], bound
        )
        for number, bound in ((1_000_000, 0.95), (10_000_000, 0.85))
        if number in found
    ]


def _beside_peers(found: dict) -> list[dict]:
    """Of the peers that were measured."""
    figures = []
    for name, (least, aim) in _BESIDE_PEERS.items():
        if name not in found["ratios"]:
            continue
        value = found["ratios"][name]["median"]
        figures += [_at_least(name, value, least)] if least else []
        figures += [_at_least(name, value, aim) | {"aim": True}] if aim else []
    if "oidc-provider" in found["peers"]:
        theirs = found["peers"]["oidc-provider"]["memory"]["pss_mib"]
        ratio = round(found["memory"]["at_most_mib"] / theirs, 2)
        figures.append(_at_most("PSS / oidc-provider", ratio, 0.7))
    return figures


def _at_least(name: str, value: float, bound: float) -> dict:
    return {"name": name, "value": value, "bound": f"at least {bound}", "met": value >= bound}


def _at_most(name: str, value: float, bound: float) -> dict:
    return {"name": name, "value": value, "bound": f"at most {bound}", "met": value <= bound}
