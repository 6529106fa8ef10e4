"""Logout tokens on their way to clients, through the one way out."""

from dataclasses import dataclass
from urllib.parse import urlencode

from token_service.domain.logout_notices import TAKEN_AS_DONE, NotTold
from token_service.outbound.fetching import Fetcher, NotFetched

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the addresses that clients have registered."""

    fetcher: Fetcher

    def deliver(self, uri: str, logout_token: str) -> None:
        """POST it (OpenID Connect Back-Channel Logout section 2.5); raises `NotTold`."""
        body = urlencode({"logout_token": logout_token}).encode()
        answer = self.fetcher.post(uri, body, content_type=_FORM)
        if isinstance(answer, NotFetched):
            raise NotTold(answer.failure)
        if answer.status not in TAKEN_AS_DONE:
            raise NotTold(f"status {answer.status}")
