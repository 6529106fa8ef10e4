"""Keycloak (Maven Central), where there is a Java that runs it."""

import hashlib
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from string import Template

from benchmarks.installing import PROGRAMS, installed, run
from benchmarks.peers.peer import SECRET, Client, Peer, Scene, Skipped
from benchmarks.plan import Stopped
from benchmarks.process import Process

_VERSION = "26.7.0"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{_VERSION}:zip"
_SHA256 = "e63bd0167199c0092b8a4d22cc137e6b7a70e0089070f6f7799b1be504b69a8a"
_BUILD = ("build", "--db=postgres")
_OLDEST_JAVA = 17
_WORK = ("refresh", "introspect", "client credentials")


def keycloak(scene: Scene) -> Peer:
    """One process with its own threads; access tokens with ES256, sessions in PostgreSQL."""
    _require_java()
    place, port = scene.place("keycloak"), next(scene.ports)
    command = _program(installed("keycloak", f"{_SHA256}{_BUILD}", _install))
    environ = scene.environ(place / "sessions", **_settings(scene, port))
    realm = Template((PROGRAMS / "keycloak/realm.json").read_text())
    (place / "realm.json").write_text(realm.substitute(SECRET=SECRET))
    run([*command, "import", "--optimized", "--file", place / "realm.json"], place, environ)
    url = f"http://127.0.0.1:{port}/realms/benchmark"
    token = "/protocol/openid-connect/token"
    serve = [*command, "start", "--optimized"]
    return Peer(
        name="Keycloak",
        version=_VERSION,
        url=url,
        token=token,
        introspection=f"{token}/introspect",
        process=Process("Keycloak", serve, url, place, environ),
        clients=(Client("Keycloak", _WORK, place / "sessions", "app", "app"),),
        settling=5,
        begin=lambda: _begin(scene.sessions, url + token, place / "sessions"),
    )


def _require_java() -> None:
    for needed in ("java", "mvn"):
        if shutil.which(needed) is None:
            raise Skipped(f"there is no {needed}")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise Skipped(f"it needs Java {_OLDEST_JAVA} or newer")


def _install(folder: Path) -> None:
    """Fetched, compared with the digest, unpacked, and built for PostgreSQL and a single node."""
    copy = "org.apache.maven.plugins:maven-dependency-plugin:copy"
    run(["mvn", "-q", copy, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"], folder)
    archive = folder / f"keycloak-quarkus-dist-{_VERSION}.zip"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
        raise Stopped(f"{archive} is not the Keycloak {_VERSION} that was locked")
    shutil.unpack_archive(archive, folder)
    archive.unlink()
    run([*_program(folder), *_BUILD], folder)


def _program(folder: Path) -> list[str | Path]:
    return ["bash", folder / f"keycloak-{_VERSION}/bin/kc.sh"]


def _settings(scene: Scene, port: int) -> dict[str, str]:
    """A single node; its database by TCP, because the driver knows no other way."""
    database = scene.database("keycloak")
    return {
        "KC_DB_URL": "jdbc:postgresql://127.0.0.1:{PGPORT}/{PGDATABASE}".format(**database),
        "KC_DB_USERNAME": database["PGUSER"],
        "KC_DB_PASSWORD": "trusted",
        "KC_CACHE": "local",
        "KC_HTTP_ENABLED": "true",
        "KC_HTTP_HOST": "127.0.0.1",
        "KC_HTTP_PORT": str(port),
        "KC_HOSTNAME_STRICT": "false",
    }


def _begin(number: int, url: str, refresh: Path) -> None:
    """Sign the account in so often, with its password."""
    form = {
        "grant_type": "password",
        "client_id": "app",
        "client_secret": SECRET,
        "username": "account",
        "password": SECRET,
    }
    body = urllib.parse.urlencode(form).encode()
    tokens = []
    for _ in range(number):
        with urllib.request.urlopen(url, body, timeout=60) as answer:
            tokens.append(json.load(answer)["refresh_token"])
    refresh.write_text("\n".join(tokens) + "\n")
