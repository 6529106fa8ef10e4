"""The page about the HTTP interface names every route."""

import re
from pathlib import Path

from tests.http.routes import Route, every_route
from tests.world.world import REPOSITORY, World

PAGE = REPOSITORY / "docs" / "http-api.md"
UNTOLD = {("GET", "/")}
"""What browsers come upon by themselves."""


def named(page: Path) -> set[Route]:
    """The routes that a page names, as `GET`, `PATCH /v1/me` or `DELETE /v1/me/sessions[/{sid}]`.

    A path without a method stands for GET.
    """
    found = set()
    for line in page.read_text("utf-8").splitlines():
        for call in re.finditer(r"((?:`?(?:GET|POST|PUT|PATCH|DELETE)`?,? ?)*)(/[^\s`?,|]+)", line):
            methods = re.findall("[A-Z]+", call[1]) or ["GET"]
            found |= {(method, path) for method in methods for path in spelt(call[2])}
    return found


def spelt(path: str) -> list[str]:
    """A path with a part in brackets is two; the names of parameters do not matter."""
    whole = re.sub(r"{[^}]*}", "<>", path)
    return [re.sub(r"\[.*\]", "", whole), whole.replace("[", "").replace("]", "")]


def test_every_route_is_on_the_page(world: World) -> None:
    told = named(PAGE)
    missing = {
        (method, path)
        for method, path in set(every_route(world.app)) - UNTOLD
        if (method, re.sub(r"<[^>]*>", "<>", path)) not in told
    }
    assert missing == set()


def test_a_route_that_is_not_on_the_page_is_missed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("| `GET`, `PATCH /v1/me` | and `DELETE /v1/me/sessions[/{sid}]`, `/livez` |")
    assert named(page) == {
        ("GET", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("DELETE", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions/<>"),
        ("GET", "/livez"),
    }
