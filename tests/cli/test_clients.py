"""Clients as an operator describes them, and permits for those that register themselves."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cli.building import CommandLine
from tests.world.world import World
from token_service.crypto.jwk import jwk_of

REDIRECT = "https://app.example.test/callback"


def written(folder: Path, document: object) -> str:
    path = folder / "metadata.json"
    path.write_text(json.dumps(document))
    return str(path)


def create(cli: CommandLine, *arguments: str, given: str | None = None) -> dict[str, Any]:
    return cli.json("client", "create", "--kind", "app", "--name", "App", *arguments, given=given)


def metadata(cli: CommandLine, client_id: str) -> dict[str, Any]:
    return dict(cli.json("client", "show", client_id)["metadata"])


class TestCreating:
    def test_redirect_uris_and_metadata(self, cli: CommandLine, tmp_path: Path) -> None:
        document = {
            "require_pushed_authorization_requests": True,
            "pkce_required": False,
            "consent_required": True,
            "allowed_origins": ["https://app.example.test"],
        }
        made = create(cli, "--redirect-uri", REDIRECT, "--metadata", written(tmp_path, document))
        assert made["client_secret"].startswith("tss_")
        shown = metadata(cli, made["client_id"])
        assert {name: shown[name] for name in document} == document
        assert shown["redirect_uris"] == [REDIRECT]
        assert shown["token_endpoint_auth_method"] == "client_secret"
        assert shown["scope"] == made["scope"]

    def test_the_metadata_may_come_from_standard_input(self, cli: CommandLine) -> None:
        made = create(cli, "--metadata", "-", given=json.dumps({"redirect_uris": [REDIRECT]}))
        assert metadata(cli, made["client_id"])["redirect_uris"] == [REDIRECT]

    def test_without_either_it_is_as_its_kind(self, cli: CommandLine) -> None:
        shown = metadata(cli, create(cli)["client_id"])
        assert shown["redirect_uris"] == []
        assert shown["pkce_required"] is True

    def test_a_method_without_a_secret_has_none(self, cli: CommandLine, tmp_path: Path) -> None:
        key = jwk_of(ec.generate_private_key(ec.SECP256R1()).public_key())
        document = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}}
        made = create(cli, "--metadata", written(tmp_path, document))
        assert made["client_secret"] is None
        assert metadata(cli, made["client_id"])["jwks"] == {"keys": [key]}

    def test_every_fault_is_named_in_one_line(self, cli: CommandLine, tmp_path: Path) -> None:
        document = {"logo_uri": "javascript:x", "default_max_age": -1, "redirect_uris": ["data:x"]}
        line = cli.refused(
            *("client", "create", "--kind", "app", "--name", "App"),
            *("--metadata", written(tmp_path, document)),
        )
        assert line.startswith("default_max_age must be")
        assert cli.json("client", "list")["items"] == []

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"a":1,"a":2}'])
    def test_what_is_no_object_is_wrong_usage(
        self, cli: CommandLine, tmp_path: Path, text: str
    ) -> None:
        path = tmp_path / "metadata.json"
        path.write_text(text)
        result = cli.run(
            *("client", "create", "--kind", "app", "--name", "App", "--metadata", str(path))
        )
        assert result.exit_code == 2
        assert "no well-formed JSON object" in result.stderr

    def test_an_id_of_clients_that_register_themselves_is_not_given(self, cli: CommandLine) -> None:
        cli.refused(
            *("client", "create", "--kind", "app", "--name", "App", "--id", "dynamic-" + "0" * 32)
        )

    def test_only_an_administration_client_gets_the_scope_admin(
        self, cli: CommandLine, tmp_path: Path
    ) -> None:
        """Security bar K11."""
        line = cli.refused(
            *("client", "create", "--kind", "app", "--name", "App"),
            *("--metadata", written(tmp_path, {"scope": "openid admin"})),
        )
        assert line == "the scope is not allowed for this kind of client"


class TestUpdating:
    def test_changes_what_is_stated_and_nothing_else(
        self, cli: CommandLine, tmp_path: Path
    ) -> None:
        """Security bar D23."""
        first = {"pkce_required": False, "require_auth_time": True, "logo_uri": "https://a.test/"}
        made = create(cli, "--redirect-uri", REDIRECT, "--metadata", written(tmp_path, first))
        before = metadata(cli, made["client_id"])
        change = {"logo_uri": None, "client_name": "Other", "default_max_age": 60}
        after = cli.json(
            "client", "update", made["client_id"], "--metadata", written(tmp_path, change)
        )
        assert after["name"] == "Other"
        assert after["client_secret"] is None
        expected = {**before, "client_name": "Other", "default_max_age": 60}
        del expected["logo_uri"]
        assert metadata(cli, made["client_id"]) == expected

    def test_what_is_shown_can_be_sent_back(self, cli: CommandLine, tmp_path: Path) -> None:
        for kind in ("app", "public", "service", "resource_server", "backend", "admin"):
            made = cli.json("client", "create", "--kind", kind, "--name", "App")
            shown = metadata(cli, made["client_id"])
            cli.json("client", "update", made["client_id"], "--metadata", "-", given=text(shown))
            assert metadata(cli, made["client_id"]) == shown

    def test_a_secret_is_told_where_one_comes_to_be_needed(self, cli: CommandLine) -> None:
        made = cli.json("client", "create", "--kind", "public", "--name", "App")
        change = text({"token_endpoint_auth_method": "client_secret_basic"})
        after = cli.json("client", "update", made["client_id"], "--metadata", "-", given=change)
        assert after["client_secret"].startswith("tss_")

    def test_faults_change_nothing(self, cli: CommandLine) -> None:
        made = create(cli, "--redirect-uri", REDIRECT)
        before = metadata(cli, made["client_id"])
        result = cli.run(
            "client",
            "update",
            made["client_id"],
            "--metadata",
            "-",
            given=text({"logo_uri": "data:x"}),
        )
        assert result.exit_code == 1
        assert metadata(cli, made["client_id"]) == before

    def test_who_is_not_there(self, cli: CommandLine) -> None:
        assert cli.refused("client", "update", "nobody") == "there is no such client"
        assert cli.refused("client", "show", "nobody") == "there is no such client"

    def test_it_is_on_the_record_before_and_after(self, cli: CommandLine) -> None:
        made = create(cli, "--redirect-uri", REDIRECT)
        change = text({"redirect_uris": ["https://b.test/"]})
        cli.json("client", "update", made["client_id"], "--metadata", "-", given=change)
        events = cli.json("audit", "list")["items"]
        [event] = [one for one in events if one["event"] == "client_changed"]
        assert event["actor"] == "cli"
        assert event["details"] == {
            "before": {"redirect_uris": [REDIRECT]},
            "after": {"redirect_uris": ["https://b.test/"]},
        }


class TestPermits:
    def test_a_permit_registers_as_many_clients_as_it_says(
        self, cli: CommandLine, variables: dict[str, str]
    ) -> None:
        made = cli.json("client", "permit", "--uses", "2", "--expires-seconds", "600")
        assert made["initial_access_token"].startswith("tsi_")
        assert made["uses"] == 2
        assert made["initial_access_token"] not in str(cli.json("audit", "list"))
        assert registered(variables, made, 3) == [201, 201, 401]

    def test_permits_that_are_out_can_be_withdrawn(
        self, cli: CommandLine, variables: dict[str, str]
    ) -> None:
        made = [cli.json("client", "permit", "--uses", "5") for _ in range(2)]
        assert registered(variables, made[0], 1) == [201]
        assert cli.json("client", "withdraw-permits") == {"withdrawn": 2}
        assert [registered(variables, one, 1) for one in made] == [[401], [401]]
        assert len(cli.json("client", "list")["items"]) == 1
        assert cli.json("client", "withdraw-permits") == {"withdrawn": 0}
        events = [one["event"] for one in cli.json("audit", "list")["items"]]
        assert events.count("permits_withdrawn") == 2

    @pytest.mark.parametrize("arguments", [["--uses", "0"], ["--expires-seconds", "0"]])
    def test_nothing_without_an_end(self, cli: CommandLine, arguments: list[str]) -> None:
        assert cli.run("client", "permit", *arguments).exit_code == 2


def registered(variables: dict[str, str], permit: dict[str, object], times: int) -> list[int]:
    """How a service where permits are asked for answers who registers with one so often."""
    mode = {"TOKEN_SERVICE_REGISTRATION_MODE": "token"}
    folder = Path(variables["TOKEN_SERVICE_DATA_FOLDER"])
    world = World(variables["TOKEN_SERVICE_DATABASE_URL"], folder, mode)
    statuses = [
        world.http.post(
            "/oauth2/register",
            json={"redirect_uris": [REDIRECT]},
            headers={"Authorization": f"Bearer {permit['initial_access_token']}"},
        ).status_code
        for _ in range(times)
    ]
    world.close()
    return statuses


def text(document: object) -> str:
    return json.dumps(document)
