"""One worker process of a burst: as many requests at once as it has threads.

Reads one JSON line a burst, `[{"path", "form" | "json", "headers"}, ...]`, sends all of them at the
same moment through the service's own WSGI application, and writes one JSON line with the answers,
`[[status, body], ...]`.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from tests.world.world import World
from token_service.services.configuration import prove_current


def main(url: str, folder: str, threads: int) -> None:
    """Serve bursts until the input ends."""
    world = World(url, Path(folder))
    with ThreadPoolExecutor(threads) as pool:
        ready = Barrier(threads)

        def connect(_: int) -> None:
            """Every thread has its connection before the first burst."""
            ready.wait()
            here = world.parts
            prove_current(here.database, here.clock, here.configuration.current())

        list(pool.map(connect, range(threads)))
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_burst(world, pool, json.loads(line))), flush=True)


def _burst(world: World, pool: ThreadPoolExecutor, requests: list[dict[str, Any]]) -> list[Any]:
    start = Barrier(len(requests))

    def send(request: dict[str, Any]) -> list[Any]:
        client = world.app.test_client()
        start.wait()
        answer = client.post(
            request["path"],
            data=request.get("form"),
            json=request.get("json"),
            headers=request.get("headers", {}),
        )
        return [answer.status_code, answer.get_json(silent=True)]

    return list(pool.map(send, requests))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
