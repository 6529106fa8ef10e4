"""The relying parties' own web site: what they publish, and what is sent to them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

PATIENCE = 20


class Site:
    """Documents by path, and the forms that were posted, by path."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.documents: dict[str, tuple[str, bytes]] = {}
        self._posted: dict[str, dict[str, str]] = {}
        self._arrived = threading.Condition()

    def publish(self, path: str, content: Any, media_type: str = "application/json") -> str:
        """Put a document (JSON, unless it is text) at a path; its address."""
        text = content if isinstance(content, str) else json.dumps(content)
        self.documents[path] = media_type, text.encode()
        return f"{self.origin}{path}"

    def posted(self, path: str) -> dict[str, str]:
        """The form that was, or will soon be, posted to a path."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: path in self._posted, PATIENCE), path
            return self._posted[path]

    def take(self, path: str, form: dict[str, str]) -> None:
        """A form has arrived."""
        with self._arrived:
            self._posted[path] = form
            self._arrived.notify_all()

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator["Site"]:
        """Serve it on a free port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        site = cls(f"http://127.0.0.1:{server.server_port}")
        server.site = site  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self._site.documents.get(self.path)
        media_type, body = found or ("text/plain", b"nothing here")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._site.take(self.path, dict(parse_qsl(form)))
        self.send_response(200)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", "0")
        self.end_headers()

    @property
    def _site(self) -> Site:
        return self.server.site  # type: ignore[attr-defined, no-any-return]

    def log_message(self, *_: object) -> None:
        """Nothing of it is worth a line."""
