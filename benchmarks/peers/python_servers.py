"""The two peers in Python (PyPI): under gunicorn, with threads, because it keeps connections."""

import re
import shutil

from benchmarks.installing import PROGRAMS, from_pypi, run
from benchmarks.peers.peer import Client, Peer, Scene
from benchmarks.process import Process

_WORK = ("refresh", "introspect", "client credentials")
_GUNICORN = ("-m", "gunicorn", "--workers", "2", "--threads", "4")


def django_oauth_toolkit(scene: Scene) -> Peer:
    """With its client's secret stored as it is; its hash, the default, costs 0.1 s a request."""
    database = scene.database("django_oauth_toolkit")
    paths = ("/o/token/", "/o/introspect/")
    return _prepared(scene, "django-oauth-toolkit", "application", database, paths, "service")


def authlib_example(scene: Scene) -> Peer:
    """The example of its documentation, which is what people begin with."""
    database = scene.database("authlib_example")
    url = "postgresql://{PGUSER}@/{PGDATABASE}?host={PGHOST}&port={PGPORT}".format(**database)
    paths = ("/oauth/token", "/oauth/introspect")
    return _prepared(scene, "Authlib example", "app", {"DATABASE_URL": url}, paths, "app")


def _prepared(
    scene: Scene,
    name: str,
    application: str,
    database: dict[str, str],
    paths: tuple[str, str],
    service: str,
) -> Peer:
    program = re.sub(r"\W", "_", name.lower())
    place, port = scene.place(program), next(scene.ports)
    python = from_pypi(program)
    shutil.copy(PROGRAMS / program / "server.py", place)
    environ = scene.environ(place / "sessions", **database)
    run([python, "server.py"], place, environ)
    url = f"http://127.0.0.1:{port}"
    serve = [python, *_GUNICORN, "--bind", f"127.0.0.1:{port}", f"server:{application}"]
    return Peer(
        name=name,
        version=_version(program, name.split(maxsplit=1)[0]),
        url=url,
        token=paths[0],
        introspection=paths[1],
        process=Process(name, serve, f"{url}/ready", place, environ),
        clients=(Client(name, _WORK, place / "sessions", "app", service),),
    )


def _version(program: str, package: str) -> str:
    lock = (PROGRAMS / program / "requirements.lock").read_text()
    return re.search(rf"^{package}==(\S+)", lock, re.MULTILINE | re.IGNORECASE)[1]
