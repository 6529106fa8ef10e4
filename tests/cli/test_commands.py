"""What each command does, and what it prints."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.building import CommandLine, sign_in, somebody
from tests.http.client_authentication.proving import jwk, private_key
from token_service.domain.clients import ClientKind
from token_service.domain.device_authorizations import GRANT_TYPE
from token_service.storage.schema import SCHEMA_REVISION

UNKNOWN = "0" * 32
PASSWORD = "a long enough password"


class TestTenants:
    def test_create_list_disable_enable(self, cli: CommandLine) -> None:
        made = cli.json("tenant", "create", "North")
        assert made == {"id": made["id"], "name": "North", "enabled": True}
        assert cli.json("tenant", "list") == {"items": [made], "next_cursor": None}
        assert cli.json("tenant", "disable", made["id"])["enabled"] is False
        assert cli.json("tenant", "list")["items"][0]["enabled"] is False
        assert cli.json("tenant", "enable", made["id"])["enabled"] is True

    def test_for_people(self, cli: CommandLine) -> None:
        tenant_id = cli.text("tenant", "create", "North").removeprefix("tenant ").strip()
        header, row = cli.text("tenant", "list").splitlines()
        assert header.split() == ["ID", "NAME", "ENABLED"]
        assert row.split() == [tenant_id, "North", "yes"]
        assert cli.text("tenant", "disable", tenant_id) == f"tenant {tenant_id} is disabled\n"
        assert cli.text("tenant", "enable", tenant_id) == f"tenant {tenant_id} is enabled\n"

    def test_pages(self, cli: CommandLine) -> None:
        ids = [cli.json("tenant", "create", f"Tenant {number}")["id"] for number in range(3)]
        first = cli.json("tenant", "list", "--limit", "2")
        rest = cli.json("tenant", "list", "--limit", "2", "--cursor", first["next_cursor"])
        assert sorted(one["id"] for one in first["items"] + rest["items"]) == sorted(ids)
        assert rest["next_cursor"] is None
        assert f"more: --cursor {first['next_cursor']}" in cli.text(
            "tenant", "list", "--limit", "2"
        )

    def test_refusals(self, cli: CommandLine) -> None:
        cli.text("tenant", "create", "North")
        assert cli.refused("tenant", "create", "North") == "the name or id is taken"
        assert cli.refused("tenant", "disable", UNKNOWN) == "there is no such tenant"
        assert cli.run("tenant", "disable", "north").exit_code == 2


class TestAccounts:
    def test_a_password_that_was_made_is_printed_once(self, cli: CommandLine) -> None:
        made = cli.json("account", "create", "--email", "Ada@Example.test", "--username", "ada")
        password = made.pop("password")
        assert len(password) >= 20
        listed = cli.json("account", "list")
        assert listed["items"] == [made]
        assert made["names"] == ["Ada@Example.test", "ada"]
        printed = cli.text("account", "list") + cli.text("audit", "list", "--account", "ada")
        assert password not in printed

    def test_a_password_that_was_given_is_never_printed(self, cli: CommandLine) -> None:
        arguments = ("account", "create", "--username", "ada", "--password-stdin")
        made = cli.json(*arguments, given=f"{PASSWORD}\nmore")
        assert "password" not in made
        text = cli.text("account", "set-password", "ada", "--password-stdin", given=PASSWORD)
        assert PASSWORD not in text

    def test_a_password_may_be_asked_for(self, cli: CommandLine) -> None:
        arguments = ("account", "create", "--username", "ada", "--password-prompt", "--json")
        result = cli.run(*arguments, given=f"{PASSWORD}\n{PASSWORD}\n")
        assert result.exit_code == 0
        assert "password" not in json.loads(result.stdout)
        assert PASSWORD not in result.output

    def test_which_password_signs_in(self, cli: CommandLine, variables: dict[str, str]) -> None:
        tenant = cli.json("tenant", "create", "North")["id"]
        arguments = ("--username", "ada", "--tenant", f"{tenant}=owner,billing")
        made = cli.json("account", "create", *arguments)
        client = cli.json("client", "create", "--kind", "app", "--name", "App")
        assert sign_in(variables, "ada", made["password"], client) == 200

        another = cli.json("account", "set-password", made["id"])["password"]
        assert sign_in(variables, "ada", made["password"], client) != 200
        assert sign_in(variables, "ada", another, client) == 200

        given = "pass phrase with spaces "
        cli.text("account", "set-password", "ada", "--password-stdin", given=f"{given}\r\n")
        assert sign_in(variables, "ada", given, client) == 200

    def test_a_link_is_queued_for_who_has_an_address(self, cli: CommandLine) -> None:
        made = cli.json("account", "create", "--username", "ada", "--email", "ada@example.test")
        assert cli.json("account", "send-reset", "ada") == {"id": made["id"], "queued": True}
        text = cli.text("account", "send-reset", made["id"])
        assert text == f"a link for account {made['id']} is queued\n"
        assert "password_reset_requested" in cli.text("audit", "list", "--account", "ada")
        cli.text("account", "disable", "ada")
        assert cli.refused("account", "send-reset", "ada") == "the account is disabled"
        cli.text("account", "create", "--username", "bob")
        assert cli.refused("account", "send-reset", "bob") == "the account has no e-mail address"

    def test_disable_and_enable(self, cli: CommandLine) -> None:
        made = cli.json("account", "create", "--username", "ada")
        assert cli.json("account", "disable", "ada") == {"id": made["id"], "enabled": False}
        assert cli.json("account", "list")["items"][0]["enabled"] is False
        assert cli.json("account", "enable", made["id"])["enabled"] is True

    def test_look_at_a_lock_and_lift_it(self, cli: CommandLine, variables: dict[str, str]) -> None:
        account, client = somebody(cli)
        none = {"id": account["id"], "failures": 0, "locked_until": None}
        assert cli.json("account", "lock-out", "ada") == none
        for _ in range(10):
            assert sign_in(variables, "ada", "wrong", client) == 401
        found = cli.json("account", "lock-out", "ada")
        assert (found["id"], found["failures"]) == (account["id"], 10)
        assert found["locked_until"].endswith("Z")
        assert "locked until 2" in cli.text("account", "lock-out", "ada")
        assert sign_in(variables, "ada", account["password"], client) == 429

        assert cli.json("account", "unlock", "ada") == {"id": account["id"], "locked": False}
        assert sign_in(variables, "ada", account["password"], client) == 200
        assert cli.json("account", "lock-out", "ada") == none
        assert cli.text("account", "lock-out", "ada") == "failures 0\nnot locked\n"
        assert cli.text("account", "unlock", "ada") == f"account {account['id']} is not locked\n"
        for command in ("lock-out", "unlock"):
            assert cli.refused("account", command, UNKNOWN).startswith("there is no account")

    def test_join_and_leave(self, cli: CommandLine) -> None:
        tenant = cli.json("tenant", "create", "North")["id"]
        cli.text("account", "create", "--username", "ada")
        joined = cli.json("account", "join", "ada", tenant, "--role", "owner", "--role", "billing")
        assert joined["roles"] == ["owner", "billing"]
        assert cli.json("account", "list")["items"][0]["tenants"] == [tenant]
        cli.text("account", "leave", "ada", tenant)
        assert cli.json("account", "list")["items"][0]["tenants"] == []

    def test_refusals(self, cli: CommandLine) -> None:
        cli.text("account", "create", "--username", "ada")
        nobody = "there is no account with this id or name"
        assert cli.refused("account", "create", "--username", "ADA") == "the name or id is taken"
        assert cli.refused("account", "disable", "nobody") == nobody
        assert cli.refused("account", "set-password", UNKNOWN) == nobody
        assert cli.refused("account", "join", "ada", UNKNOWN) == "there is no such tenant"
        result = cli.run("account", "set-password", "ada", "--password-stdin", given="short")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: the password is too short, too long, common, or ")
        result = cli.run("account", "set-password", "ada", "--password-stdin", given=b"\xff\xfe")
        assert (result.exit_code, result.stderr) == (1, "Error: the password is not UTF-8\n")

    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("--email", "nonsense"),
            ("--username", "a b"),
            ("--username", "\u0430da"),
            ("--phone", "0791234567"),
            ("--username", "ada", "--tenant", "north"),
            ("--username", "ada", "--tenant", f"{UNKNOWN}=Owner!"),
            ("--username", "ada", "--default-tenant", "north"),
        ],
    )
    def test_wrong_usage(self, cli: CommandLine, arguments: tuple[str, ...]) -> None:
        result = cli.run("account", "create", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")


class TestClients:
    def test_a_secret_is_printed_once(self, cli: CommandLine) -> None:
        made = cli.json("client", "create", "--kind", "service", "--name", "Reports")
        secret = made.pop("client_secret")
        assert secret.startswith("tss_")
        listed = cli.json("client", "list")
        assert listed["items"] == [made]
        rotated = cli.json("client", "rotate-secret", made["client_id"])
        assert rotated["client_secret"] != secret
        printed = (
            cli.text("client", "list")
            + cli.text("client", "disable", made["client_id"])
            + cli.text("client", "enable", made["client_id"])
            + cli.text("audit", "list", "--json")
        )
        assert "tss_" not in printed

    def test_for_people(self, cli: CommandLine) -> None:
        lines = cli.text("client", "create", "--kind", "app", "--name", "App", "--id", "my-app")
        assert re.fullmatch(r"client my-app\nsecret tss_\S{49}\n", lines)
        header, row = cli.text("client", "list").splitlines()
        assert header.split() == ["CLIENT_ID", "KIND", "NAME", "ENABLED", "AUDIENCES"]
        assert row.split() == ["my-app", "app", "App", "yes", "-"]

    def test_a_public_client_has_no_secret(self, cli: CommandLine) -> None:
        made = cli.json("client", "create", "--kind", "public", "--name", "App")
        assert made["client_secret"] is None
        text = cli.text("client", "create", "--kind", "public", "--name", "App", "--id", "spa")
        assert text == "client spa\n"
        assert cli.refused("client", "rotate-secret", "spa") == "the client has no secret"

    def test_options(self, cli: CommandLine) -> None:
        tenant = cli.json("tenant", "create", "North")["id"]
        made = cli.json(
            *("client", "create", "--kind", "service", "--name", "Reports", "--id", "reports"),
            *("--tenant", tenant, "--scope", "read write", "--default-scope", "write"),
            *("--audience", "api", "--audience", "https://b.example"),
            *("--resource-identifier", "https://reports.example"),
            *("--redirect-uri", "https://reports.example/cb"),
            *("--redirect-uri", "http://127.0.0.1:3000/cb"),
            *("--post-logout-redirect-uri", "https://reports.example/"),
            *("--grant-type", GRANT_TYPE),
        )
        made.pop("client_secret")
        assert made == {
            "client_id": "reports",
            "name": "Reports",
            "kind": "service",
            "authentication": "client_secret",
            "enabled": True,
            "grant_types": ["client_credentials", GRANT_TYPE],
            "tenant": tenant,
            "scope": "read write",
            "default_scope": "write",
            "audiences": ["api", "https://b.example"],
            "resource_identifier": "https://reports.example",
            "redirect_uris": ["https://reports.example/cb", "http://127.0.0.1:3000/cb"],
            "post_logout_redirect_uris": ["https://reports.example/"],
        }

    def test_ways_to_authenticate(self, cli: CommandLine, tmp_path: Path) -> None:
        create = ("client", "create", "--kind", "service", "--name", "Reports", "--authentication")
        keys, empty = tmp_path / "keys.json", tmp_path / "empty.json"
        keys.write_text(json.dumps({"keys": [jwk("ES256", private_key("ES256"))]}))
        empty.write_text("{}")
        for method, *options in (
            ("private_key_jwt", "--jwks", str(keys)),
            ("private_key_jwt", "--jwks-uri", "https://a.example/jwks"),
            ("tls_client_auth", "--tls-subject-dn", "CN=a"),
            ("tls_client_auth", "--tls-san-dns", "a.example"),
        ):
            made = cli.json(*create, method, *options)
            assert (made["authentication"], made["client_secret"]) == (method, None)
            refused = cli.refused("client", "rotate-secret", made["client_id"])
            assert refused == "the client has no secret"
        signer = cli.json(*create, "client_secret_jwt")
        renewed = cli.json("client", "rotate-secret", signer["client_id"])
        assert renewed["client_secret"] not in (None, signer["client_secret"])
        wrong = "keys, names in certificates or algorithm do not fit the way to authenticate"
        assert cli.refused(*create, "private_key_jwt") == wrong
        assert cli.refused(*create, "tls_client_auth") == wrong
        assert cli.run(*create, "private_key_jwt", "--jwks", str(empty)).exit_code == 2
        assert cli.run(*create, "private_key_jwt", "--jwks", "/no/such").exit_code == 2

    def test_refusals(self, cli: CommandLine) -> None:
        create = ("client", "create", "--name", "App", "--kind")
        cli.text(*create, "app", "--id", "app")
        assert cli.refused(*create, "app", "--id", "app") == "the name or id is taken"
        malformed = "a name or id has a form that is not allowed"
        assert cli.refused(*create, "app", "--id", UNKNOWN) == malformed
        for uri in ("http://app.example/cb", "javascript:alert(1)", "https://app.example/#x"):
            assert cli.refused(*create, "app", "--redirect-uri", uri) == malformed
            assert cli.refused(*create, "app", "--post-logout-redirect-uri", uri) == malformed
        scope = "the scope is not allowed for this kind of client"
        assert cli.refused(*create, "app", "--scope", "admin") == scope
        assert cli.refused(*create, "app", "--tenant", UNKNOWN) == "there is no such tenant"
        assert cli.refused("client", "disable", "nobody") == "there is no such client"
        assert cli.refused("client", "rotate-secret", "nobody") == "there is no such client"
        assert cli.run(*create, "nonsense").exit_code == 2

    def test_every_kind_can_be_made(self, cli: CommandLine) -> None:
        for kind in ClientKind:
            made = cli.json("client", "create", "--kind", kind.value, "--name", "One")
            assert made["kind"] == kind.value


class TestKeys:
    def test_list_shows_nothing_private(self, cli: CommandLine) -> None:
        items = cli.json("keys", "list")["items"]
        assert sorted(one["algorithm"] for one in items) == [
            "ES256",
            "EdDSA",
            "HKDF-SHA256",
            "PS256",
            "RS256",
        ]
        assert {one["state"] for one in items} == {"active"}
        assert not {"private_encrypted", "public_jwk"} & set(items[0])

    def test_rotate_publishes_a_successor(self, cli: CommandLine) -> None:
        made = cli.json("keys", "rotate", "ES256")
        assert (made["algorithm"], made["state"]) == ("ES256", "next")
        states = [one["state"] for one in cli.json("keys", "list")["items"]]
        assert sorted(states) == ["active"] * 5 + ["next"]
        assert "takes over at" in cli.text("keys", "rotate", "HKDF-SHA256")

    def test_retire_is_for_emergencies_and_leaves_no_gap(self, cli: CommandLine) -> None:
        old = next(one for one in cli.json("keys", "list")["items"] if one["algorithm"] == "ES256")
        assert (
            cli.json("keys", "retire", "--reason", "leaked", "--", old["kid"])["state"] == "revoked"
        )
        found = [one for one in cli.json("keys", "list")["items"] if one["algorithm"] == "ES256"]
        assert sorted(one["state"] for one in found) == ["active", "revoked"]
        assert cli.refused("keys", "retire", "--", old["kid"]) == "there is no such key in force"

    def test_refusals(self, cli: CommandLine) -> None:
        assert "no keys for this algorithm" in cli.refused("keys", "rotate", "HS256")
        assert cli.refused("keys", "retire", "unknown") == "there is no such key in force"


class TestSessions:
    def test_list_and_end(self, cli: CommandLine, variables: dict[str, str]) -> None:
        account, client = somebody(cli)
        for _ in range(3):
            assert sign_in(variables, "ada", account["password"], client) == 200
        items = cli.json("sessions", "list", "--account", "ada")["items"]
        assert len(items) == 3
        assert items[0]["clients"] == [client["client_id"]]
        assert cli.text("sessions", "list", "--account", "ada").count(client["client_id"]) == 3

        cli.text("sessions", "end", "--account", "ada", "--sid", items[0]["sid"])
        left = cli.json("sessions", "list", "--account", account["id"])["items"]
        assert left == items[1:]

        assert cli.json("sessions", "end", "--account", "ada")["sid"] is None
        assert cli.json("sessions", "list", "--account", "ada")["items"] == []

    def test_pages(self, cli: CommandLine, variables: dict[str, str]) -> None:
        account, client = somebody(cli)
        for _ in range(3):
            sign_in(variables, "ada", account["password"], client)
        first = cli.json("sessions", "list", "--account", "ada", "--limit", "2")
        cursor = first["next_cursor"]
        rest = cli.json("sessions", "list", "--account", "ada", "--cursor", cursor)
        assert len({one["sid"] for one in first["items"] + rest["items"]}) == 3

    def test_the_end_is_on_the_record_with_its_reason(
        self, cli: CommandLine, variables: dict[str, str]
    ) -> None:
        account, client = somebody(cli)
        sign_in(variables, "ada", account["password"], client)
        cli.text("sessions", "end", "--account", "ada")
        last = cli.json("audit", "list", "--account", "ada")["items"][-1]
        assert (last["actor"], last["reason"]) == ("cli", "ended_by_admin")

    def test_saying_it_twice_is_fine_and_a_strange_one_is_refused(
        self, cli: CommandLine, variables: dict[str, str]
    ) -> None:
        account, client = somebody(cli)
        sign_in(variables, "ada", account["password"], client)
        [session] = cli.json("sessions", "list", "--account", "ada")["items"]
        for _ in range(2):
            cli.text("sessions", "end", "--account", "ada", "--sid", session["sid"])
        refused = cli.refused("sessions", "end", "--account", "ada", "--sid", UNKNOWN)
        assert refused == "the account has no such session"
        nobody = "there is no account with this id or name"
        assert cli.refused("sessions", "list", "--account", "nobody") == nobody


class TestTheRest:
    def test_the_audit_log_of_the_configuration(self, cli: CommandLine) -> None:
        tenant = cli.json("tenant", "create", "North")["id"]
        items = cli.json("audit", "list", "--limit", "2")["items"]
        assert [one["event"] for one in items] == ["key_created", "tenant_created"]
        assert (items[-1]["actor"], items[-1]["tenant"]) == ("cli", tenant)
        assert "tenant_created" in cli.text("audit", "list")

    def test_purge_says_what_it_dropped(self, cli: CommandLine) -> None:
        dropped = cli.json("purge")
        assert {"sessions", "authorization_codes", "audit_events"} <= dropped.keys()
        assert set(dropped.values()) == {0}
        assert cli.text("purge").startswith("sessions 0, ")

    def test_restored_ends_every_session(self, cli: CommandLine, variables: dict[str, str]) -> None:
        account, client = somebody(cli)
        sign_in(variables, "ada", account["password"], client)
        assert cli.json("db", "restored") == {"epoch": 2}
        assert cli.json("sessions", "list", "--account", "ada")["items"] == []

    def test_config_check_tells_every_setting_and_no_secret(
        self, cli: CommandLine, variables: dict[str, str]
    ) -> None:
        items = {one["key"]: one for one in cli.json("config", "check")["items"]}
        assert items["issuer"]["value"] == variables["TOKEN_SERVICE_ISSUER"]
        assert items["issuer"]["source"] == "TOKEN_SERVICE_ISSUER"
        assert items["pepper"]["value"] == "set"
        assert variables["TOKEN_SERVICE_PEPPER"] not in cli.text("config", "check")

    def test_upgrade_may_be_repeated(self, cli: CommandLine) -> None:
        assert cli.json("db", "upgrade") == {"revision": SCHEMA_REVISION, "keys_made": 0}
