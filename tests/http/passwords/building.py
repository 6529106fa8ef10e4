"""What a person does about their password, and the letters that they get."""

from email.message import EmailMessage

from werkzeug.test import TestResponse

from tests.http.building import SignedIn
from tests.mail.building import parsed
from tests.world.world import World

NEW = "horses batteries staples"


def change(who: SignedIn, new: str = NEW, **fields: object) -> TestResponse:
    """Change the password in the session of the access token."""
    body = {"current_password": who.person.password, "new_password": new} | fields
    return who.world.http.post("/v1/me/password", json=body, headers=who.tokens.bearer)


def with_refresh_token(who: SignedIn) -> dict[str, str]:
    """The fields that have the refresh token used on the way."""
    fields = {"refresh_token": who.tokens.refresh, "client_id": who.app.client_id}
    return fields | ({"client_secret": who.app.secret} if who.app.secret else {})


def ask(world: World, identifier: str) -> TestResponse:
    """Ask for a link."""
    return world.http.post("/v1/password-resets", json={"identifier": identifier})


def complete(world: World, token: str, new: str = NEW) -> TestResponse:
    """Set a new password by a link's token."""
    body = {"token": token, "new_password": new}
    return world.http.post("/v1/password-resets/complete", json=body)


def letters(world: World) -> list[EmailMessage]:
    """Have the postman do his round; all letters so far, in the order of their sending."""
    world.parts.postman.do_round()
    files = (world.folder / "mail").glob("*.eml")
    by_time = sorted(files, key=lambda file: file.stat().st_mtime_ns)
    return [parsed(file.read_bytes()) for file in by_time]


def subjects(world: World) -> list[tuple[str, str]]:
    """To whom they went, and what about."""
    return [(str(one["To"]), str(one["Subject"])) for one in letters(world)]


def token_of(letter: EmailMessage) -> str:
    """The token in the link of a letter."""
    [line] = [line for line in letter.get_content().splitlines() if "token=" in line]
    return line.partition("token=")[2]


def token_for(world: World, identifier: str) -> str:
    """Ask for a link and open its letter."""
    assert ask(world, identifier).status_code == 202
    return token_of(letters(world)[-1])
