"""`serve` and `dev`, in processes of their own: how they start, answer and end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.cli.building import AWAY, EXECUTABLE, NOT_MIGRATED, started

PATIENCE = 40


@dataclass
class Running:
    """A command that serves."""

    process: "subprocess.Popen[str]"
    address: str

    def status(self, path: str) -> int | None:
        """The status of an answer; None where nobody answers yet."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def wait_for(self, path: str, status: int) -> None:
        """Until the path is answered so."""
        deadline = time.monotonic() + PATIENCE
        while self.status(path) != status:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, f"{path} never was {status}"
            time.sleep(0.1)


@contextmanager
def running(variables: Mapping[str, str], *arguments: str) -> Iterator[Running]:
    """A command with the server's port in its environment, ended at the end."""
    port = free_port()
    environ = {
        **variables,
        "TOKEN_SERVICE_SERVER_PORT": str(port),
        "TOKEN_SERVICE_SERVER_WORKERS": "1",
        "TOKEN_SERVICE_ISSUER": f"http://127.0.0.1:{port}",
        "PATH": os.environ["PATH"],
    }
    process = subprocess.Popen(
        [EXECUTABLE, *arguments], env=environ, stdout=PIPE, stderr=PIPE, text=True
    )
    try:
        yield Running(process, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class TestServe:
    def test_answers_until_sigterm_and_leaves_nothing_behind(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        folder = tmp_path / "temporary"
        folder.mkdir()
        with running(variables | {"TMPDIR": str(folder)}, "serve") as served:
            served.wait_for("/readyz", 200)
            assert [one.name[:22] for one in folder.iterdir()] == ["token-service-metrics-"]
            begun = time.monotonic()
            served.process.send_signal(signal.SIGTERM)
            out, _ = served.process.communicate(timeout=15)
            assert served.process.returncode == 0
            assert time.monotonic() - begun < 10
        assert out == f"serving on {served.address} with 1 workers\n"
        assert list(folder.iterdir()) == []

    def test_says_in_json_where(self, variables: dict[str, str]) -> None:
        with running(variables, "serve", "--json") as served:
            assert served.process.stdout is not None
            said = json.loads(served.process.stdout.readline())
        assert f"http://{said['host']}:{said['port']}" == served.address

    def test_refuses_a_database_that_was_not_migrated(
        self, empty_variables: dict[str, str]
    ) -> None:
        ended = started(empty_variables, "serve")
        assert (ended.returncode, ended.stdout) == (3, "")
        assert ended.stderr == f"Error: {NOT_MIGRATED}\n"

    def test_starts_without_the_database_and_says_503(self, variables: dict[str, str]) -> None:
        """After a power cut nobody starts things in the right order."""
        with running(variables | {"TOKEN_SERVICE_DATABASE_URL": AWAY}, "serve") as served:
            served.wait_for("/livez", 200)
            assert served.status("/readyz") == 503

    def test_names_an_address_that_is_taken(self, variables: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
            ended = started(variables, "serve", "--port", port)
        assert ended.returncode == 3
        assert ended.stderr.startswith(f"Error: cannot listen on 127.0.0.1:{port}")
        assert len(ended.stderr.splitlines()) == 1

    def test_makes_keys_that_came_due_while_nobody_served(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        clock = tmp_path / "clock"
        clock.write_text(f"+{200 * 86_400}")
        with running(variables | {"TOKEN_SERVICE_TEST_CLOCK": str(clock)}, "serve") as served:
            served.wait_for("/readyz", 200)

    def test_the_process_that_workers_fork_from_carries_no_alembic(self) -> None:
        program = (
            "import sys, token_service.cli.serving, token_service.app;"
            "print({'alembic', 'flask_migrate'} & set(sys.modules))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        assert ended.stdout == "set()\n"

    def test_only_workers_have_the_application_in_their_memory(
        self, variables: dict[str, str]
    ) -> None:
        with running(variables, "serve") as served:
            served.wait_for("/readyz", 200)
            pid = served.process.pid
            [worker] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            libraries = ("/orjson/", "/psycopg_binary/", "/sqlalchemy/")
            mapped = [Path(f"/proc/{one}/maps").read_text() for one in (worker, pid)]
            assert [[one in text for one in libraries] for text in mapped] == [
                [True] * 3,
                [False] * 3,
            ]

    @pytest.mark.parametrize("other", [{}, {"TOKEN_SERVICE_DATABASE_URL": AWAY}])
    def test_what_workers_are_forked_with_has_no_threads_and_no_connections(
        self, variables: dict[str, str], other: dict[str, str]
    ) -> None:
        """A thread would be missing in the workers, and a connection be in two of them."""
        program = (
            "import os, threading; from token_service.app import create_app;"
            "app = create_app();"
            "files = [f'/proc/self/fd/{number}' for number in range(3, 100)];"
            "targets = [os.readlink(file) for file in files if os.path.islink(file)];"
            "unwanted = [one for one in targets if 'socket' in one or 'sqlite' in one];"
            "print(threading.active_count(), unwanted)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=variables | other,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout == "1 []\n"

    def test_a_worker_imports_no_alembic_and_no_command_line(
        self, variables: dict[str, str]
    ) -> None:
        """Not when it starts, and not when it answers: only what it needs is in its memory."""
        program = (
            "import sys, os; from token_service.app import at_work, create_app;"
            "answer = at_work(create_app()).test_client().get('/readyz');"
            "unwanted = {'alembic', 'flask_migrate', 'token_service.cli'} & set(sys.modules);"
            "print(answer.status_code, unwanted, flush=True); os._exit(0)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stdout == "200 set()\n"


class TestDev:
    def test_prepares_everything_says_what_to_try_and_serves(
        self, empty_variables: dict[str, str]
    ) -> None:
        variables = empty_variables | {"TOKEN_SERVICE_KEYS_ALGORITHMS": "ES256"}
        demo = Path(variables["TOKEN_SERVICE_DATA_FOLDER"]) / "demo.json"
        with running(variables, "dev") as served:
            served.wait_for("/readyz", 200)
            served.process.terminate()
            first, _ = served.process.communicate(timeout=15)
        content = json.loads(demo.read_text())
        assert demo.stat().st_mode & 0o777 == 0o600
        assert first.count("curl -s") >= 6
        assert content["accounts"][0]["password"] in first
        assert f"serving on {served.address} " in first

        with running(variables, "dev", "--json") as served:
            assert served.process.stdout is not None
            second = json.loads(served.process.stdout.readline())
        again = json.loads(demo.read_text())
        assert again | {"issuer": ""} == content | {"issuer": ""}
        assert second["output"] == str(demo)

    def test_its_lines_work_as_they_stand(self, empty_variables: dict[str, str]) -> None:
        variables = empty_variables | {"TOKEN_SERVICE_KEYS_ALGORITHMS": "ES256"}
        with running(variables, "dev", "--json") as served:
            assert served.process.stdout is not None
            lines = json.loads(served.process.stdout.readline())["lines"]
            served.wait_for("/readyz", 200)
            script = "\n".join(one["line"] for one in lines)
            said = subprocess.run(
                ["/bin/sh"], input=script, capture_output=True, text=True, check=True
            )
        answers = said.stdout.splitlines()
        assert len(answers) == len(lines)
        assert all("access_token" in answer for answer in answers[:2])
        assert [json.loads(answer)["active"] for answer in answers[2:4]] == [True, True]
        assert [len(json.loads(answer)["items"]) for answer in answers[4:6]] == [1, 1]
        assert re.search(r"20[04]$", answers[6])

    def test_is_not_for_production(self, variables: dict[str, str]) -> None:
        """It prints secrets."""
        production = {
            name: value
            for name, value in variables.items()
            if "ARGON2" not in name and "KEY_ENC" not in name and "PEPPER" not in name
        } | {
            "TOKEN_SERVICE_ENVIRONMENT": "production",
            "TOKEN_SERVICE_KEY_ENCRYPTION_KEY": "q4B7m0ZJ6mSx3G2bX0dY1rF9kLwTzN8hVtC5uPjEoAs=",
            "TOKEN_SERVICE_PEPPER": "8Hf0XkqL2vT7nB4mW9zRjY6cP1sDgE5uQaVo3iKx",
        }
        ended = started(production, "dev")
        assert ended.returncode == 1
        assert ended.stderr == "Error: this prints secrets: not in production\n"
