"""`python -m benchmarks.profile`: where the CPU time of a request goes, layer by layer.

The application runs in this process, on one thread, on PostgreSQL or SQLite. First it is timed,
then sampled: a signal comes after so much CPU time, and the code that it meets is counted. That
slows nothing down, as tracing every call does, so small functions are not made to look large; what
a library does in C is on the account of the Python code that called it. The time of PostgreSQL's
own processes, of the server in front of the application and of changing threads is in none of it.
"""

import argparse
import base64
import gc
import io
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import FrameType
from urllib.parse import quote_plus

from flask import Flask
from werkzeug.test import create_environ

from benchmarks.generator import Generator
from benchmarks.plan import Stopped
from benchmarks.postgres import Postgres
from benchmarks.report import place
from benchmarks.service import Service, Sessions
from benchmarks.tables import table
from token_service import settings
from token_service.app import create_app
from token_service.web.parts import EXTENSION

_PORT = 18_400
_BEGIN, _END = "<!-- profile: made by benchmarks.profile --write -->", "<!-- end of the profile -->"
_WARM = 300
_BATCH, _BATCHES = 100, 21
_SAMPLE_SECONDS = 0.001
"""Of CPU time; the kernel's own tick, often 4 ms, is the least there is."""

_LAYERS = {
    "Flask, Werkzeug": ("/flask/", "/werkzeug/"),
    "schemas": ("/flask_smorest/", "/webargs/", "/marshmallow/"),
    "web": ("token_service/web/", "token_service/app.py"),
    "oauth, Authlib": ("token_service/oauth/", "/authlib/"),
    "services": ("token_service/services/", "token_service/clock.py"),
    "domain": ("token_service/domain/",),
    "storage, driver": ("token_service/storage/", "/psycopg/", "/sqlalchemy/", "/psycopg_"),
    "crypto": ("token_service/crypto/", "/jwt/", "/cryptography/"),
    "JSON, forms": ("/json/", "/urllib/parse.py", "/orjson/"),
    "metrics, logging": ("/prometheus_client/", "/logging/"),
}


def main() -> int:
    """0, or 2 when the run stopped."""
    arguments = _arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="token-service-profile-") as name:
            folder = Path(name)
            folder.chmod(0o711)  # the server of PostgreSQL is another user where this one is root
            if arguments.sqlite:
                _profile(folder, f"sqlite:///{folder / 'profile.sqlite3'}", arguments)
            else:
                with Postgres(folder) as postgres:
                    _profile(folder, postgres.create("profile"), arguments)
    except (Stopped, OSError) as stopped:
        print(f"profile: stopped: {stopped}", file=sys.stderr)
        return 2
    return 0


def _profile(folder: Path, url: str, arguments: argparse.Namespace) -> None:
    with Service(folder / "profile", url, arguments.port) as service:
        tokens = service.sign_in(Generator.built(folder), 1, "one")
    application = create_app(settings.load(service.environ))
    try:
        paths = _paths(_Caller(application, service), tokens)
        gc.collect()
        gc.freeze()  # as the server does
        found = {name: _measured(path, arguments.seconds) for name, path in paths.items()}
    finally:
        application.extensions[EXTENSION].database.close()
    print("\n" + _layers(found))
    if arguments.write:
        place(_BEGIN, _layers(found), _END)
    for name, one in found.items() if arguments.functions else ():
        print("\n" + _functions(name, one, arguments.functions))


class _Caller:
    """Calls the application as the server in front of it does, without sockets and threads."""

    def __init__(self, application: Flask, service: Service) -> None:
        self._application = application
        self._environ = create_environ(headers={"Accept-Encoding": "gzip"})
        self._service = service

    def authorization(self, kind: str) -> str:
        """The header of a demo client (RFC 6749 section 2.3.1)."""
        credentials = self._service.credentials(kind)
        secret = Path(credentials["secret"]).read_text()
        pair = f"{quote_plus(credentials['id'])}:{quote_plus(secret)}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def get(self, path: str) -> dict:
        """The JSON of an answer with status 200."""
        return self._call("GET", path, b"", {})

    def post(self, path: str, body: bytes, kind: str, authorization: str | None = None) -> dict:
        """The same; `kind` is the content type."""
        headers = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
        return self._call("POST", path, body, {"CONTENT_TYPE": kind, **headers})

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> dict:
        environ = {
            **self._environ,
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            **headers,
        }
        statuses: list[str] = []
        parts = self._application(environ, lambda status, *_: statuses.append(status))
        text = b"".join(parts)
        if statuses != ["200 OK"]:
            raise Stopped(f"{path}: {statuses} {text[:200]!r}")
        return json.loads(text)


def _paths(caller: _Caller, tokens: Sessions) -> dict[str, Callable[[], object]]:
    """What each hot path does once; a wrong answer raises."""
    chain, access = tokens.refresh.read_text().split(), tokens.access.read_text().strip()
    app, own = caller.authorization("app"), caller.authorization("service")
    form, to_introspect = "application/x-www-form-urlencoded", f"token={access}".encode()
    to_validate = json.dumps({"token": access}).encode()

    def refresh() -> None:
        body = f"grant_type=refresh_token&refresh_token={chain[0]}".encode()
        chain[0] = caller.post("/oauth2/token", body, form, app)["refresh_token"]

    def introspect() -> None:
        _require_active(caller.post("/oauth2/introspect", to_introspect, form, app))

    def validate() -> None:
        _require_active(caller.post("/v1/token/validate", to_validate, "application/json"))

    def client_credentials() -> object:
        body = b"grant_type=client_credentials"
        return caller.post("/oauth2/token", body, form, own)["access_token"]

    return {
        "livez": lambda: caller.get("/livez"),
        "refresh": refresh,
        "introspect": introspect,
        "validate": validate,
        "client credentials": client_credentials,
    }


def _require_active(answer: dict) -> None:
    if not answer["active"]:
        raise Stopped(f"not active: {answer}")


def _measured(path: Callable[[], object], seconds: float) -> dict:
    """CPU of this thread in us a request, and samples by layer and by function."""
    for _ in range(_WARM):
        path()
    times = []
    for _ in range(_BATCHES):
        began = time.thread_time()
        for _ in range(_BATCH):
            path()
        times.append((time.thread_time() - began) / _BATCH * 1e6)
    layers, functions = _sampled(path, seconds)
    return {"us": median(times), "layers": layers, "functions": functions}


def _sampled(path: Callable[[], object], seconds: float) -> tuple[Counter, Counter]:
    layers: Counter = Counter()
    functions: Counter = Counter()

    def sample(number: int, frame: FrameType | None) -> None:
        for one in _outwards(frame):
            if layer := _layer(one.f_code.co_filename):
                layers[layer] += 1
                functions[f"{layer}: {frame.f_code.co_qualname}"] += 1
                break

    signal.signal(signal.SIGPROF, sample)
    ends = time.thread_time() + seconds
    signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)
    while time.thread_time() < ends:
        path()
    signal.setitimer(signal.ITIMER_PROF, 0)
    return layers, functions


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    """From a function to its callers: what belongs to no layer is on its caller's account."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _layer(file: str) -> str | None:
    return next((name for name, parts in _LAYERS.items() if any(p in file for p in parts)), None)


def _layers(found: dict) -> str:
    """Microseconds a request, by layer."""
    rows = [
        [layer, *(f"{_part(one, one['layers'][layer]):.0f}" for one in found.values())]
        for layer in _LAYERS
    ]
    rows.append(["together", *(f"{one['us']:.0f}" for one in found.values())])
    return table(("CPU us a request", *found), rows)


def _functions(name: str, found: dict, number: int) -> str:
    rows = [
        (function, f"{_part(found, count):.1f}")
        for function, count in found["functions"].most_common(number)
    ]
    return table((name, "us"), rows)


def _part(found: dict, samples: int) -> float:
    return found["us"] * samples / found["layers"].total()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument(
        "--seconds", type=float, default=8, help="CPU time to sample each path for [8]"
    )
    parser.add_argument("--functions", type=int, default=0, help="so many functions of each path")
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    parser.add_argument("--port", type=int, default=_PORT, help=f"a free port [{_PORT}]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
