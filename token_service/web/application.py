"""Flask, without what every request would pay for and none of this service's uses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import MapAdapter

if TYPE_CHECKING:
    from token_service.web.express import Express


class _NoSessions(SessionInterface):
    """Flask's session cookie is not used: nothing is read or written, and nothing can be kept."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """The one that refuses everything."""
        return self._none

    def is_null_session(self, obj: object) -> bool:
        """Always."""
        return True


class Application(Flask):
    """A Flask application whose views are plain functions and whose host decides nothing."""

    session_interface = _NoSessions()
    express: "Express | None" = None
    """The short way in front of it, for a server that can bring several requests at once."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: no view and no hook is a coroutine."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes are found by path and method: whatever `Host` says, no URL is made of it."""
        if request is None:
            return None
        return self.url_map.bind(
            "",
            path_info=request.path,
            default_method=request.method,
            query_args=request.query_string.decode("latin-1"),
        )
