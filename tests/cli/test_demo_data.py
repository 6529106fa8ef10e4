"""`demo-data`: the file, and when it is made anew."""

import errno
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cli.building import CommandLine


class TestDemoData:
    def test_the_file_is_its_owners_alone_and_used_again(
        self, cli: CommandLine, tmp_path: Path
    ) -> None:
        path = tmp_path / "demo.json"
        assert cli.json("demo-data", "--output", str(path)) == {"output": str(path)}
        content = path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        printed = cli.text("demo-data", "--output", str(path))
        assert path.read_text() == content
        assert path.stat().st_mode & 0o777 == 0o600
        assert "tss_" not in printed
        assert len(cli.json("client", "list")["items"]) == 6

    def test_the_shape(self, cli: CommandLine, tmp_path: Path, variables: dict[str, str]) -> None:
        path = tmp_path / "demo.json"
        cli.text("demo-data", "--output", str(path))
        demo = json.loads(path.read_text())
        assert set(demo) == {"issuer", "tenants", "accounts", "clients"}
        assert demo["issuer"] == variables["TOKEN_SERVICE_ISSUER"]
        assert {tuple(one) for one in demo["tenants"]} == {("id", "name")}
        assert set(demo["accounts"][0]) == {
            "id",
            "email",
            "username",
            "phone",
            "password",
            "tenants",
        }
        assert demo["accounts"][0]["tenants"] == [one["id"] for one in demo["tenants"]]
        assert {tuple(one) for one in demo["clients"]} == {("client_id", "client_secret", "kind")}

    def test_an_empty_file_is_filled(self, cli: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "demo.json"
        path.touch()
        cli.text("demo-data", "--output", str(path))
        assert len(json.loads(path.read_text())["accounts"]) == 3

    def test_another_database_gets_new_data(
        self, cli: CommandLine, tmp_path: Path, empty_variables: dict[str, str]
    ) -> None:
        path = tmp_path / "demo.json"
        cli.text("demo-data", "--output", str(path))
        first = path.read_text()
        other = CommandLine(CliRunner(env=empty_variables))
        other.text("db", "upgrade")
        other.text("demo-data", "--output", str(path))
        assert path.read_text() != first

    def test_another_issuer_is_written_down(
        self, cli: CommandLine, tmp_path: Path, variables: dict[str, str]
    ) -> None:
        path = tmp_path / "demo.json"
        cli.text("demo-data", "--output", str(path))
        before = json.loads(path.read_text())
        issuer = "https://other.example.test"
        other = CommandLine(CliRunner(env=variables | {"TOKEN_SERVICE_ISSUER": issuer}))
        other.text("demo-data", "--output", str(path))
        assert json.loads(path.read_text()) == before | {"issuer": issuer}

    def test_what_is_not_ours_is_not_overwritten(self, cli: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "thesis.json"
        path.write_text('{"chapters": 7}')
        assert "holds something else" in cli.refused("demo-data", "--output", str(path))
        assert path.read_text() == '{"chapters": 7}'

    def test_a_path_that_leads_nowhere_is_named(self, cli: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "demo.json"
        assert cli.refused("demo-data", "--output", str(path)).startswith(f"{path}: cannot be")

    def test_a_full_disk_leaves_the_old_file_and_no_draft(
        self, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        folder = tmp_path / "output"
        folder.mkdir()
        path = folder / "demo.json"
        monkeypatch.setattr(os, "fsync", full)
        refused = cli.refused("demo-data", "--output", str(path))
        assert refused == f"{path}: cannot be written: No space left on device"
        assert list(folder.iterdir()) == []

    def test_a_folder_that_is_not_there_is_named(self, cli: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "nowhere" / "demo.json"
        assert cli.refused("demo-data", "--output", str(path)).startswith(f"{path}: cannot be")
