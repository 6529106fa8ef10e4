"""oidc-provider (npm), on the Node.js that its release wants: on PostgreSQL, and in memory."""

import json
import shutil
from pathlib import Path

from benchmarks.installing import PROGRAMS, from_npm, run
from benchmarks.peers.peer import Client, Peer, Scene
from benchmarks.plan import Stopped
from benchmarks.process import Process

_PROGRAM = "oidc_provider"
_PACKAGE = json.loads((PROGRAMS / _PROGRAM / "package.json").read_text())


def on_postgresql(scene: Scene) -> Peer:
    """Two workers. One client gets JWTs, which it does not store and so not introspect."""
    place = scene.place("oidc_provider")
    settings = {"STORAGE": "postgresql", "WORKERS": "2", **scene.database("oidc_provider")}
    jwt, opaque = place / "sessions.jwt", place / "sessions.opaque"
    all_of_it = ("refresh", "introspect", "client credentials")
    clients = (
        Client("oidc-provider JWT", ("refresh", "client credentials"), jwt, "jwt", "jwt"),
        Client("oidc-provider opaque", all_of_it, opaque, "opaque", "opaque"),
    )
    return _prepared(scene, "oidc-provider", place, settings, clients)


def in_memory(scene: Scene) -> Peer:
    """One process, whose memory is its own.

    Its store has room for a thousand values, so its sessions are few, and tokens for the client
    itself, which would push them out, are not asked for.
    """
    place = scene.place("oidc_provider_in_memory")
    name, sessions = "oidc-provider in memory", place / "sessions.opaque"
    settings = {"STORAGE": "memory", "WORKERS": "1", "SESSIONS": "32"}
    client = Client(name, ("refresh", "introspect"), sessions, "opaque", "opaque")
    return _prepared(scene, name, place, settings, (client,))


def _prepared(
    scene: Scene, name: str, place: Path, settings: dict[str, str], clients: tuple[Client, ...]
) -> Peer:
    port = next(scene.ports)
    node = _programs(place)
    settings |= {"PORT": str(port), "KEYS": str(place / "keys.json"), "NODE_ENV": "production"}
    environ = scene.environ(place / "sessions", **settings)
    run([node, "server.mjs", "prepare"], place, environ)
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/.well-known/openid-configuration"
    return Peer(
        name=name,
        version=_PACKAGE["dependencies"]["oidc-provider"],
        url=url,
        token="/token",
        introspection="/token/introspection",
        process=Process(name, [node, "server.mjs"], ready, place, environ),
        clients=clients,
        stores=settings["STORAGE"] == "postgresql",
    )


def _programs(place: Path) -> Path:
    """Lay the programs out in `place`; the Node.js that runs them.

    A copy, so that no two servers share its pages, and the memory of each is its own.
    """
    installed = from_npm(_PROGRAM)
    for program in (PROGRAMS / _PROGRAM).glob("*.mjs"):
        shutil.copy(program, place)
    (place / "node_modules").symlink_to(installed / "node_modules")
    found = list(installed.glob("node_modules/node-linux-*/bin/node"))
    if not found:
        raise Stopped("oidc-provider cannot be installed: npm has no Node.js for this machine")
    return Path(shutil.copy(found[0], place / "node"))
