"""Sessions that are over, from the command line."""

from tests.cli.building import CommandLine, sign_in, somebody


def test_what_ended_is_listed_with_its_reason_and_its_actor(
    cli: CommandLine, variables: dict[str, str]
) -> None:
    account, client = somebody(cli)
    for _ in range(3):
        sign_in(variables, "ada", account["password"], client)
    assert cli.json("sessions", "ended", "--account", "ada")["items"] == []
    items = cli.json("sessions", "list", "--account", "ada")["items"]
    cli.text("sessions", "end", "--account", "ada", "--sid", items[1]["sid"])
    (ended,) = cli.json("sessions", "ended", "--account", "ada")["items"]
    assert ended["sid"] == items[1]["sid"]
    assert (ended["end_reason"], ended["ended_by"]) == ("ended_by_admin", "cli")
    assert ended["ended_at"]
    cli.text("account", "set-password", "ada")
    shown = cli.text("sessions", "ended", "--account", "ada")
    assert (shown.count("password_reset"), shown.count("ended_by_admin")) == (2, 1)
    first = cli.json("sessions", "ended", "--account", "ada", "--limit", "2")
    rest = cli.json("sessions", "ended", "--account", "ada", "--cursor", first["next_cursor"])
    assert len({one["sid"] for one in first["items"] + rest["items"]}) == 3


def test_nobody_has_no_sessions(cli: CommandLine) -> None:
    nobody = "there is no account with this id or name"
    assert cli.refused("sessions", "ended", "--account", "nobody") == nobody
