"""Refreshes at a steady pace, beside sign-ins that never stop, and where answers are lost."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.generator import Generator
from benchmarks.plan import Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.rates import spread, summary
from benchmarks.service import Service

_DATABASE = "pressed"
_PACE = 0.7
_LOST = 0.05
_LONGER = 2
"""Seconds that the sign-ins go on beside the warm-up and the end of the refreshes."""


def measure(plan: Plan, generator: Generator, postgres: Postgres, folder: Path, port: int) -> dict:
    """Each kind of pressure in turn, and how it compares with none within the round."""
    with Service(folder / _DATABASE, postgres.create(_DATABASE), port) as service:
        chains = service.sign_in(generator, plan.chains, "chains").refresh
        pressed = _Pressed(plan, generator, postgres, service, chains)
        rounds = [_round(pressed) for _ in range(plan.rounds)]
    modes = {name: summary([one[name] for one in rounds]) for name in rounds[0]}
    return modes | {
        "ratios": {
            name: spread([one[mode][key] / one["alone"][key] for one in rounds])
            for name, mode, key in (
                ("rate beside sign-ins", "beside sign-ins", "rate"),
                ("p99 beside sign-ins", "beside sign-ins", "p99_ms"),
                ("rate with lost answers", "with lost answers", "rate"),
            )
        }
    }


def _round(pressed: "_Pressed") -> dict:
    alone = pressed.refresh()
    return {
        "alone": alone,
        "at 70 %": pressed.refresh(rate=_PACE * alone["rate"]),
        "beside sign-ins": pressed.beside_sign_ins(),
        "with lost answers": pressed.with_lost_answers(),
    }


class _Pressed:
    """One service, whose passwords are hashed at the default cost."""

    def __init__(
        self,
        plan: Plan,
        generator: Generator,
        postgres: Postgres,
        service: Service,
        chains: Path,
    ) -> None:
        self._plan = plan
        self._generator = generator
        self._postgres = postgres
        self._service = service
        self._chains = chains

    def refresh(self, **options: object) -> dict:
        """As many as can be, or as the options say."""
        plan = self._plan
        options |= {"c": plan.connections, "warm": plan.warm, "max_seconds": plan.seconds}
        return self._service.refresh(self._generator, self._chains, **options)

    def beside_sign_ins(self) -> dict:
        """As many sign-ins as the service takes, by as many connections as refresh."""
        plan = self._plan
        with ThreadPoolExecutor(1) as aside:
            sign_ins = aside.submit(
                self._service.sign_ins,
                self._generator,
                c=plan.connections,
                max_seconds=plan.seconds + _LONGER,
            )
            found = self.refresh()
            if sign_ins.done():
                raise Stopped("the sign-ins ended before the refreshes did")
            return found | {"sign_ins": sign_ins.result()["rate"]}

    def with_lost_answers(self) -> dict:
        """Some are asked again with the same token; each advances its chain once all the same."""
        before = self._generations()
        found = self.refresh(lose=_LOST)
        used = self._generations() - before
        if used != self._plan.warm + found["ok"]:
            raise Stopped(f"{found['ok']} refreshes with lost answers are {used} in the rows")
        return found

    def _generations(self) -> int:
        with self._postgres.connect(_DATABASE) as connection:
            return connection.execute("SELECT sum(generation)::bigint FROM grants").fetchone()[0]
