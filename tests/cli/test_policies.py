"""Policies on the command line: the same changes and refusals as through the API."""

import pytest

from tests.cli.building import CommandLine, somebody

UNKNOWN = "0" * 32


class TestEnvironment:
    def test_show_and_set(self, cli: CommandLine) -> None:
        before = cli.json("policy", "show")
        assert (before["idle_timeout"], before["force_relogin"]) == (86_400, "off")
        assert (before["overrides"], before["bounds"]) == ({}, {})
        after = cli.json("policy", "set", "idle_timeout=600", "remember_me=true")
        stated = {"idle_timeout": 600, "remember_me": True}
        assert after == cli.json("policy", "show") == before | stated | {"overrides": stated}
        assert cli.json("policy", "set", "idle_timeout=inherit")["idle_timeout"] == 86_400

    def test_bounds(self, cli: CommandLine) -> None:
        bounds = ("--bound", "idle_timeout=60..90000", "--bound", "retry_window=..60")
        told = cli.json("policy", "set", *bounds, "--bound", "lockout_failures=5..")["bounds"]
        assert told == {
            "idle_timeout": {"min": 60, "max": 90_000},
            "retry_window": {"max": 60},
            "lockout_failures": {"min": 5},
        }
        told = cli.json("policy", "set", "--bound", "idle_timeout=none")["bounds"]
        assert set(told) == {"retry_window", "lockout_failures"}

    def test_for_people(self, cli: CommandLine) -> None:
        cli.text("policy", "set", "retry_window=0", "--bound", "retry_window=..60")
        lines = cli.text("policy", "show").splitlines()
        assert "retry_window 0 (stated here)" in lines
        assert "idle_timeout 86400" in lines
        assert lines[-1] == "bound retry_window ..60"

    def test_every_fault_is_in_the_one_line(self, cli: CommandLine) -> None:
        line = cli.refused("policy", "set", "retry_window=-1", "sessions=3", "idle_timeout=auto")
        assert line == (
            "retry_window must be a whole number from 0 to 300; sessions is no field of a policy; "
            'idle_timeout must be a whole number from 60 to 31536000 or "off"'
        )
        assert cli.json("policy", "show")["overrides"] == {}


class TestLevels:
    def test_of_a_tenant(self, cli: CommandLine) -> None:
        tenant = cli.json("tenant", "create", "North")["id"]
        told = cli.json("policy", "set", "--tenant", tenant, "force_relogin=3600")
        assert told["overrides"] == {"force_relogin": 3_600}
        assert cli.json("policy", "show", "--tenant", tenant) == told
        [*_, event] = cli.json("audit", "list")["items"]
        assert (event["event"], event["actor"]) == ("policy_changed", "cli")
        assert (event["tenant"], event["details"]["after"]) == (tenant, {"force_relogin": 3_600})

    def test_of_a_client(self, cli: CommandLine) -> None:
        cli.text("client", "create", "--kind", "app", "--name", "App", "--id", "app")
        assert cli.json("policy", "show", "--client", "app") == {}
        told = cli.json("policy", "set", "--client", "app", "max_sessions=2", "idle_timeout=60")
        assert told == cli.json("policy", "show", "--client", "app")
        assert cli.text("policy", "show", "--client", "app") == "max_sessions 2\nidle_timeout 60\n"
        refused = cli.refused("policy", "set", "--client", "app", "retry_window=0")
        assert refused == "retry_window is not a client's to state"

    def test_unknown_ones(self, cli: CommandLine) -> None:
        for verb in ("show", "set"):
            assert cli.refused("policy", verb, "--tenant", UNKNOWN) == "there is no such tenant"
            assert cli.refused("policy", verb, "--client", "app") == "there is no such client"

    @pytest.mark.parametrize(
        "arguments",
        [
            ("show", "--tenant", UNKNOWN, "--client", "app"),
            ("set", "--tenant", UNKNOWN, "--client", "app"),
            ("set", "--tenant", UNKNOWN, "--bound", "retry_window=..60"),
            ("set", "retry_window"),
            ("set", "=0"),
            ("set", "Retry=0"),
            ("set", "--bound", "retry_window=60"),
            ("set", "--bound", "..60"),
            ("show", "--tenant", "north"),
        ],
    )
    def test_wrong_usage(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        assert cli.run("policy", *arguments).exit_code == 2

    def test_explained(self, cli: CommandLine) -> None:
        account, client = somebody(cli)
        [tenant] = account["tenants"]
        cli.text("policy", "set", "--tenant", tenant, "idle_timeout=600")
        told = cli.json("policy", "explain", "--account", "ada", "--client", client["client_id"])
        assert told["policy"]["idle_timeout"] == {"value": 600, "source": "tenant"}
        assert told["in_effect"]["unused_limit"] == {"value": 600, "source": "idle_timeout"}
        lines = cli.text("policy", "explain", "--account", "ada").splitlines()
        assert "idle_timeout 600 (tenant)" in lines
        assert "access token in effect 400 (idle_timeout)" in lines
        assert cli.refused("policy", "explain", "--tenant", UNKNOWN)


class TestSessionLimit:
    def test_show_and_set(self, cli: CommandLine) -> None:
        account, _ = somebody(cli)
        for value, shown in (("3", 3), ("off", "off"), ("none", None)):
            told = cli.json("account", "session-limit", "ada", value)
            assert told == {"id": account["id"], "max_sessions": shown}
            assert cli.json("account", "session-limit", "ada") == told
        text = cli.text("account", "session-limit", "ada")
        assert text == f"account {account['id']}: max_sessions none of its own\n"

    def test_refusals(self, cli: CommandLine) -> None:
        somebody(cli)
        assert cli.refused("account", "session-limit", "ada", "0").startswith("max_sessions must")
        assert cli.refused("account", "session-limit", "bob", "1")
        assert cli.run("account", "session-limit", "ada", "many").exit_code == 2
