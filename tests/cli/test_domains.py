"""Domains of tenants from the command line."""

from tests.cli.building import CommandLine

UNKNOWN = "0" * 32


def test_a_domain_is_given_listed_and_taken_away(cli: CommandLine) -> None:
    north = cli.json("tenant", "create", "North")["id"]
    assert cli.text("tenant", "domains", "list", north) == "no domains\n"
    shown = cli.json("tenant", "domains", "add", north, "North.Example")
    assert shown == {"id": north, "domains": ["north.example"]}
    assert cli.json("tenant", "domains", "add", north, "north.example") == shown
    cli.run("tenant", "domains", "add", north, "xn--nrd-sna.example")
    assert cli.text("tenant", "domains", "list", north) == "north.example\nxn--nrd-sna.example\n"
    for _ in range(2):
        left = cli.json("tenant", "domains", "remove", north, "north.example")
        assert left["domains"] == ["xn--nrd-sna.example"]
    changes = [
        one for one in cli.json("audit", "list")["items"] if one["event"] == "tenant_changed"
    ]
    assert [one["details"] for one in changes] == [
        {"domain": "north.example", "added": True},
        {"domain": "xn--nrd-sna.example", "added": True},
        {"domain": "north.example", "added": False},
    ]


def test_a_domain_is_of_one_tenant(cli: CommandLine) -> None:
    north, south = (cli.json("tenant", "create", name)["id"] for name in ("North", "South"))
    cli.json("tenant", "domains", "add", north, "north.example")
    assert "taken" in cli.refused("tenant", "domains", "add", south, "NORTH.example")
    cli.json("tenant", "domains", "remove", south, "north.example")
    assert cli.json("tenant", "domains", "list", north)["domains"] == ["north.example"]


def test_what_there_is_not_is_refused(cli: CommandLine) -> None:
    for verb in (["list"], ["add", "north.example"], ["remove", "north.example"]):
        refused = cli.refused("tenant", "domains", verb[0], UNKNOWN, *verb[1:])
        assert refused == "there is no such tenant"
    for wrong in ("north", "a@north.example", "nörd.example", "north.example.", "-a.example"):
        assert cli.run("tenant", "domains", "add", UNKNOWN, "--", wrong).exit_code == 2
