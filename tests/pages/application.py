"""An application on a host of its own: a link to sign in, and an address to return to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

_PAGE = (
    '<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><a href="{link}">go</a>'
)


@dataclass
class Application:
    """What it links to, and what it was sent: the parameters of each return, oldest first."""

    port: int
    link: str = ""
    returns: list[dict[str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Another site than the service's for a browser: that is at 127.0.0.1."""
        return f"http://localhost:{self.port}"

    @property
    def redirect_uri(self) -> str:
        """Where codes go."""
        return f"{self.origin}/callback"

    @property
    def logged_out_uri(self) -> str:
        """Where a browser goes after a log-out."""
        return f"{self.origin}/bye"


@contextmanager
def running() -> Iterator[Application]:
    """An application that answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, urlsplit(self.path).query
            if path == "/callback":
                application.returns.append(dict(parse_qsl(query)))
            self._show({"/callback": "Back", "/bye": "Bye"}.get(path, "Welcome"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            application.returns.append(dict(parse_qsl(body)))
            self._show("Back")

        def _show(self, title: str) -> None:
            page = _PAGE.format(title=title, link=escape(application.link)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    application = Application(server.server_address[1])
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield application
    finally:
        server.shutdown()
        server.server_close()
