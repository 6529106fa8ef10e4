"""A person with a browser that knows no scripts: pages are read, forms are filled in and sent."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin

import requests

from tests.world.world import Person

_MOST_TURNS = 12


@dataclass(frozen=True)
class Page:
    """A page that asks for something, or has nothing more to ask."""

    url: str
    status: int
    text: str


@dataclass(frozen=True)
class Callback:
    """What reached the application, and how: `GET` with a query, or `POST` with a form."""

    method: str
    parameters: dict[str, str]


class _Form(HTMLParser):
    """The first form of a page, with its hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = given["action"]
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given["value"]


class Visitor:
    """One browser. `answers` is what its person does at a page, by the path that a form goes to."""

    def __init__(self, person: Person, **answers: str) -> None:
        self.http = requests.Session()
        self.seen: list[Page] = []
        self.answers = {
            "/sign-in": {"identifier": person.email, "password": person.password},
            "/consent": {"decision": answers.get("consent", "allow")},
            "/oauth2/logout-confirmation": {},
        }

    def go(
        self, url: str, parameters: dict[str, str], back: str = "", method: str = "GET"
    ) -> Callback | Page:
        """Go to an address and do what its pages ask, until the browser is sent to `back`, or a
        page asks nothing. What was seen on the way is in `seen`."""
        self.seen.clear()
        sent = {"params" if method == "GET" else "data": parameters}
        answer = self.http.request(method, url, timeout=10, allow_redirects=False, **sent)
        for _ in range(_MOST_TURNS):
            if "Location" in answer.headers:
                url = urljoin(answer.url, answer.headers["Location"])
                if back and url.partition("?")[0] == back:
                    return Callback("GET", _pairs(url))
                answer = self.http.get(url, timeout=10, allow_redirects=False)
                continue
            page = Page(answer.url, answer.status_code, answer.text)
            form = _Form(page.text)
            action = urljoin(page.url, form.action)
            if back and form.action == back:
                return Callback("POST", form.hidden)
            self.seen.append(page)
            path = action.removeprefix(urljoin(page.url, "/").rstrip("/"))
            if not form.action or path not in self.answers:
                return page
            filled = form.hidden | self.answers[path]
            answer = self.http.post(action, data=filled, timeout=10, allow_redirects=False)
        raise AssertionError(f"no way leads from {url} to {back}")

    @property
    def was_asked(self) -> list[str]:
        """The pages that were shown on the last way."""
        return [page.url.partition("?")[0].rsplit("/", 1)[1] for page in self.seen]


def _pairs(url: str) -> dict[str, str]:
    pairs = parse_qsl(url.partition("?")[2], keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
