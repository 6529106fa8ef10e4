"""Log-out that a client asks for (OpenID Connect RP-Initiated Logout 1.0): what a request comes to,
where it leads afterwards, and whom the browser tells (Front-Channel Logout 1.0)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlencode

from token_service.domain.client_metadata import ClientMetadata


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """What a client sends a browser with (section 2); an absent parameter is None."""

    id_token_hint: str | None = field(default=None, repr=False)
    client_id: str | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None


class NextStep(StrEnum):
    """What a log-out request comes to."""

    SIGN_OUT = "sign_out"
    ASK = "ask"
    NOTHING = "nothing"


def next_step(named_sid: str | None, own_sid: str | None, *, confirmed: bool) -> NextStep:
    """What to do with a live session that the hint names, and the one of this very browser.

    Nobody is asked only where the two are one (section 2: "MUST ask" where there is no hint, or one
    of another session): a hint is known to everybody who has seen the client's logs, and a link can
    stand in any page. Where there is neither, there is nothing that could be asked about.
    """
    if named_sid is None and own_sid is None:
        return NextStep.NOTHING
    return NextStep.SIGN_OUT if confirmed or named_sid == own_sid else NextStep.ASK


def leads_back(metadata: ClientMetadata, uri: str) -> bool:
    """Whether a browser may be sent there after a log-out: compared as text, without exceptions
    (section 3)."""
    return uri in metadata.post_logout_redirect_uris


def with_parameters(uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A registered URI with more in its query, and nothing else of it changed."""
    added = urlencode(list(parameters))
    if not added:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{added}"


def frame_uri(metadata: ClientMetadata, issuer: str, sid: str) -> str | None:
    """What the browser loads to tell a client (Front-Channel Logout section 2), None for one that
    is not told in this way. Issuer and session are told where the client needs them."""
    uri = metadata.frontchannel_logout_uri
    if uri is None or not metadata.frontchannel_logout_session_required:
        return uri
    return with_parameters(uri, (("iss", issuer), ("sid", sid)))
