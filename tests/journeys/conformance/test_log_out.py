"""RP-Initiated, Back-Channel and Front-Channel Logout OP."""

import re
import secrets
import time
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.journeys.conformance.party import LOGGED_OUT, Party, SignedIn
from tests.journeys.conformance.provider import Provider
from tests.journeys.conformance.site import Site
from tests.journeys.conformance.visitor import Callback, Page, Visitor

STATE = "s" * 128
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def visitor(provider: Provider) -> Visitor:
    """A browser in which nobody is signed in."""
    return Visitor(provider.person)


def out(visitor: Visitor, party: Party, **parameters: str) -> Callback | Page:
    """Send the browser to the end-session endpoint, and do what is asked there."""
    return visitor.go(party.provider.endpoint("end_session"), parameters, LOGGED_OUT)


def is_out(visitor: Visitor, party: Party) -> bool:
    """Whether nobody is signed in in the browser any more."""
    back = party.send(visitor, asked := party.asking(prompt="none", state=STATE))
    return party.answered(back, asked).get("error") == "login_required"


def forged(signed_in: SignedIn) -> str:
    """An ID token that somebody else has signed."""
    claims = dict(signed_in.id_token.claims)
    return jwt.encode({"alg": "RS256"}, claims, RSAKey.generate_key(2048))


def modified(signed_in: SignedIn) -> str:
    """An ID token with another signature's first character."""
    head, body, signature = signed_in.id_token.token.split(".")
    return f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def own(signed_in: SignedIn) -> str:
    """The ID token as it came."""
    return signed_in.id_token.token


def test_oidcc_rp_initiated_logout(party: Party, visitor: Visitor) -> None:
    """Back with the state and nothing else."""
    hint = party.signed_in(visitor).id_token.token
    back = out(visitor, party, id_token_hint=hint, post_logout_redirect_uri=LOGGED_OUT, state=STATE)
    assert back == Callback("GET", {"state": STATE})
    assert is_out(visitor, party)


def test_oidcc_rp_initiated_logout_no_state(party: Party, visitor: Visitor) -> None:
    hint = party.signed_in(visitor).id_token.token
    back = out(visitor, party, id_token_hint=hint, post_logout_redirect_uri=LOGGED_OUT)
    assert back == Callback("GET", {})
    assert is_out(visitor, party)


@pytest.mark.parametrize(
    ("module", "hint"),
    [("no-params", None), ("only-state", None), ("no-post-logout-redirect-uri", own)],
)
def test_oidcc_rp_initiated_logout_ends_here(
    party: Party, visitor: Visitor, module: str, hint: Callable[[SignedIn], str] | None
) -> None:
    """A page that says it is done."""
    signed_in = party.signed_in(visitor)
    parameters = {} if hint is None else {"id_token_hint": hint(signed_in)}
    shown = out(visitor, party, **parameters, **({} if module == "no-params" else {"state": STATE}))
    assert isinstance(shown, Page)
    assert shown.status == 200
    assert is_out(visitor, party)


REFUSED: dict[str, tuple[Callable[[SignedIn], str] | None, str]] = {
    "bad-post-logout-redirect-uri": (own, f"{LOGGED_OUT}/more"),
    "query-added-to-post-logout-redirect-uri": (own, f"{LOGGED_OUT}?foo=bar"),
    "modified-id-token-hint": (modified, LOGGED_OUT),
    "bad-id-token-hint": (forged, LOGGED_OUT),
    "no-id-token-hint": (None, LOGGED_OUT),
}


@pytest.mark.parametrize("module", REFUSED)
def test_oidcc_rp_initiated_logout_leads_nowhere(
    party: Party, visitor: Visitor, module: str
) -> None:
    """A page that says what is wrong, and nobody is sent away."""
    hint, uri = REFUSED[module]
    signed_in = party.signed_in(visitor)
    parameters = {"post_logout_redirect_uri": uri, "state": STATE}
    if hint is not None:
        parameters["id_token_hint"] = hint(signed_in)
    assert isinstance(out(visitor, party, **parameters), Page)


def test_oidcc_backchannel_rp_initiated_logout(
    provider: Provider, visitor: Visitor, site: Site
) -> None:
    path = f"/{secrets.token_hex(4)}/backchannel_logout"
    party = Party.registered(
        provider,
        backchannel_logout_uri=f"{site.origin}{path}",
        backchannel_logout_session_required=True,
    )
    signed_in = party.signed_in(visitor)
    back = out(
        visitor,
        party,
        id_token_hint=signed_in.id_token.token,
        post_logout_redirect_uri=LOGGED_OUT,
        state=STATE,
    )
    assert back == Callback("GET", {"state": STATE})
    posted = site.posted(path)
    assert posted.keys() == {"logout_token"}
    told, known, now = party.verified(posted["logout_token"]), signed_in.id_token, time.time()
    assert told.header["alg"] == known.header["alg"]
    assert told.claims["iss"] == provider.issuer
    assert told.claims["aud"] in (party.held["client_id"], [party.held["client_id"]])
    assert abs(told.claims["iat"] - now) < 60
    assert told.claims["exp"] > now
    assert told.claims["jti"]
    assert told.claims["events"] == {EVENT: {}}
    assert (told.claims["sub"], told.claims["sid"]) == (known.claims["sub"], known.claims["sid"])
    assert "nonce" not in told.claims
    assert is_out(visitor, party)


def test_oidcc_frontchannel_rp_initiated_logout(provider: Provider, visitor: Visitor) -> None:
    address = "https://rp.example/frontchannel_logout"
    party = Party.registered(
        provider, frontchannel_logout_uri=address, frontchannel_logout_session_required=True
    )
    signed_in = party.signed_in(visitor)
    shown = out(
        visitor,
        party,
        id_token_hint=signed_in.id_token.token,
        post_logout_redirect_uri=LOGGED_OUT,
        state=STATE,
    )
    assert isinstance(shown, Page)
    frames = [unescape(one) for one in re.findall(r'<iframe[^>]* src="([^"]+)"', shown.text)]
    [frame] = [one for one in frames if one.startswith(f"{address}?")]
    assert dict(parse_qsl(urlsplit(frame).query)) == {
        "iss": provider.issuer,
        "sid": signed_in.id_token.claims["sid"],
    }
    assert f"{LOGGED_OUT}?state={STATE}" in unescape(shown.text)
    assert is_out(visitor, party)
