"""The figures that the service must meet."""


def judged(found: dict) -> list[dict]:
    """Each figure with its bound, and whether it is met."""
    ratios, stored = found["ratios"], found["stored"]
    figures = [
        _at_least("refresh / livez", ratios["refresh / livez"]["median"], 0.15),
        _at_least("introspect / refresh", ratios["introspect / refresh"]["median"], 1.2),
        _at_least("code flow / refresh", ratios["code flow / refresh"]["median"], 0.25),
        _at_most("rows added by 999 more refreshes", stored["more_rows_after_1000"], 0),
        _at_most(
            "bytes added per session by 999 more refreshes",
            stored["more_bytes_per_refreshed_session"],
            0,
        ),
        _at_most("effective policy in a refresh, us", found["policies"]["used_us"], 20),
        _at_most("PSS of the service, MiB", found["memory"]["at_most_mib"], 200),
    ]
    if "session_list" in found:
        value = found["session_list"]["p99_ms"]
        figures.append(_at_most("first page of a million sessions, p99 ms", value, 50))
    if "purging" in found:
        value = found["purging"]["ratio"]
        figures.append(_at_most("refresh p99 beside a purge / without", value, 1.5))
    return figures


def _at_least(name: str, value: float, bound: float) -> dict:
    return {"name": name, "value": value, "bound": f"at least {bound}", "met": value >= bound}


def _at_most(name: str, value: float, bound: float) -> dict:
    return {"name": name, "value": value, "bound": f"at most {bound}", "met": value <= bound}
