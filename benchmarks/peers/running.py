"""All peers at once: prepared, started, described."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.driver import Server
from benchmarks.peers import oidc_provider, python_servers
from benchmarks.peers.keycloak import keycloak
from benchmarks.peers.peer import Peer, Scene, Skipped

_PEERS = {
    "oidc-provider": oidc_provider.on_postgresql,
    "oidc-provider in memory": oidc_provider.in_memory,
    "Keycloak": keycloak,
    "django-oauth-toolkit": python_servers.django_oauth_toolkit,
    "Authlib example": python_servers.authlib_example,
}
PORTS = len(_PEERS)


@dataclass(frozen=True)
class Peers:
    """Those that run, and why others do not."""

    running: tuple[Peer, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def servers(self, database: int) -> dict[str, tuple[tuple[str, ...], Server]]:
        """What each client of each peer is measured at, and where."""
        return {
            client.name: (client.work, peer.server(client, database))
            for peer in self.running
            for client in peer.clients
        }

    def described(self) -> dict:
        """What they are, and what they hold in memory now."""
        found = {name: {"skipped": why} for name, why in self.skipped}
        for peer in self.running:
            found[peer.name] = {
                "version": peer.version,
                "clients": [client.name for client in peer.clients],
                "cold_start_s": peer.process.cold_start_s,
                "memory": machine.memory(peer.process.pid),
            }
        return found


@contextmanager
def running(scene: Scene) -> Iterator[Peers]:
    """They serve while the `with` lasts."""
    peers, skipped = [], []
    for name, prepare in _PEERS.items():
        print(f"preparing {name}", flush=True)
        try:
            peers.append(prepare(scene))
        except Skipped as why:
            print(f"{name} is left out: {why}", flush=True)
            skipped.append((name, str(why)))
    with ExitStack() as stack:
        for peer in peers:
            print(f"starting {peer.name}", flush=True)
            stack.enter_context(peer.process)
            peer.begin()
        yield Peers(tuple(peers), tuple(skipped))
