"""Roles from the command line: what they permit, and who has them."""

from tests.cli.building import CommandLine, somebody

UNKNOWN = "0" * 32


def test_a_role_is_defined_shown_and_taken_away(cli: CommandLine) -> None:
    tenant = cli.json("tenant", "create", "North")["id"]
    assert cli.text("tenant", "roles", "show", tenant) == "no roles\n"
    permissions = ("--permission", "sessions:revoke", "--permission", "sessions:read")
    shown = cli.json("tenant", "roles", "set", tenant, "clerk", *permissions)
    assert shown == {"id": tenant, "roles": {"clerk": ["sessions:read", "sessions:revoke"]}}
    assert cli.json("tenant", "roles", "show", tenant) == shown
    assert cli.text("tenant", "roles", "set", tenant, "guest") == (
        "clerk: sessions:read, sessions:revoke\nguest: -\n"
    )
    assert cli.json("tenant", "roles", "set", tenant, "clerk", "--remove")["roles"] == {"guest": []}
    events = cli.json("audit", "list")["items"]
    assert [one["event"] for one in events].count("roles_changed") == 3
    assert events[-1]["details"]["after"] == {"clerk": None}


def test_no_role_carries_impersonation(cli: CommandLine) -> None:
    tenant = cli.json("tenant", "create", "North")["id"]
    wrong = ("--permission", "impersonate")
    assert cli.run("tenant", "roles", "set", tenant, "clerk", *wrong).exit_code == 2
    both = ("--permission", "sessions:read", "--remove")
    assert cli.run("tenant", "roles", "set", tenant, "clerk", *both).exit_code == 2
    assert cli.json("tenant", "roles", "show", tenant)["roles"] == {}


def test_an_account_gets_exactly_the_roles_named(cli: CommandLine) -> None:
    account, _ = somebody(cli)
    (tenant,) = account["tenants"]
    shown = cli.json("account", "set-roles", "ada", tenant, "--role", "clerk", "--role", "auditor")
    assert shown["roles"] == ["auditor", "clerk"]
    assert cli.json("account", "set-roles", "ada", tenant)["roles"] == []
    event = cli.json("audit", "list", "--account", "ada")["items"][-1]
    assert event["details"] == {"member": True, "before": ["auditor", "clerk"], "roles": []}


def test_whom_or_what_there_is_not_is_refused(cli: CommandLine) -> None:
    somebody(cli)
    other = cli.json("tenant", "create", "South")["id"]
    assert cli.refused("tenant", "roles", "show", UNKNOWN) == "there is no such tenant"
    assert cli.refused("tenant", "roles", "set", UNKNOWN, "clerk") == "there is no such tenant"
    refused = cli.refused("account", "set-roles", "ada", other, "--role", "clerk")
    assert refused == "the account is no member of the tenant"
