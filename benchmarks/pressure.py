"""Refreshes at a steady pace, beside sign-ins that never stop, and where answers are lost."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.crowd import NAME, OF_AN_ACCOUNT, Crowd
from benchmarks.generator import Generator
from benchmarks.plan import Plan, Stopped
from benchmarks.postgres import Postgres
from benchmarks.rates import spread, summary
from benchmarks.service import Service

_DATABASE = "pressed"
_SESSIONS = 20_000
"""So many that none is refreshed again before the request that its client gave up is done: as with
clients that refresh when a token expires. Else that request is a replay, and ends the session."""
_SIGN_INS = 50
_PACE = 0.7
_LOST = 0.05
_LONGER = 2
"""Seconds, at most, that the sign-ins go on when the refreshes have ended."""


def measure(plan: Plan, generator: Generator, postgres: Postgres, folder: Path, port: int) -> dict:
    """Each kind of pressure in turn, and how it compares with none within the round."""
    with Service(folder / _DATABASE, postgres.create(_DATABASE), port) as service:
        crowd = Crowd(generator, postgres, _DATABASE, service, _SESSIONS)
        chains = service.folder / "chains.refresh"
        chains.write_text(crowd.tokens(range(_SESSIONS)))
        pressed = _Pressed(plan, generator, postgres, service, chains)
        sign_in = service.sign_ins(
            generator, c=1, n=_SIGN_INS, server=service.pid, database=postgres.pid
        )
        rounds = [_round(pressed) for _ in range(plan.rounds)]
    modes = {name: summary([one[name] for one in rounds]) for name in rounds[0]}
    return {
        "modes": modes,
        "sign_in": sign_in,
        "ratios": {
            name: spread([one[mode][key] / one["alone"][key] for one in rounds])
            for name, mode, key in (
                ("rate beside sign-ins", "beside sign-ins", "rate"),
                ("p99 beside sign-ins", "beside sign-ins", "p99_ms"),
                ("rate with lost answers", "with lost answers", "rate"),
            )
        },
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
        usual = {"c": plan.connections, "warm": plan.warm, "max_seconds": plan.seconds}
        return self._service.refresh(self._generator, self._chains, **(usual | options))

    def beside_sign_ins(self) -> dict:
        """As many sign-ins as the service takes, of many people, by as many connections again."""
        plan = self._plan
        with ThreadPoolExecutor(1) as aside:
            sign_ins = aside.submit(
                self._service.sign_ins,
                self._generator,
                NAME,
                people=_SESSIONS // OF_AN_ACCOUNT,
                c=plan.connections,
                max_seconds=plan.seconds + _LONGER,
            )
            found = self.refresh(warm=0)
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
