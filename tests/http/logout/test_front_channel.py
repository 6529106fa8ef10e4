"""The page after a log-out tells clients through the browser (OpenID Connect Front-Channel Logout
1.0)."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

from tests.http import administration
from tests.http.building import SignedIn
from tests.http.logout.building import (
    BACK,
    DONE,
    by_openid,
    confirm,
    frames,
    heading,
    policy_of,
    with_hint,
)
from tests.http.openid.building import by_openid as came_by_openid
from tests.world.world import ISSUER, World
from token_service.domain.client_metadata import ClientMetadata

FRAME = "https://app.example/front?x=1"


def with_another_client(who: SignedIn, **members: object) -> None:
    """Another client holds a grant under the session, too."""
    other = who.world.tenant()
    administration.join(who.world, who.person, other)
    who.world.refresh(who.app, who.tokens.refresh, tenant_id=other)
    app = who.world.client(metadata=ClientMetadata(**members))  # type: ignore[arg-type]
    who.world.sql(
        "UPDATE grants SET client_id = :client WHERE tenant_id = :tenant",
        client=app.client_id,
        tenant=other,
    )


def test_each_client_of_the_session_has_a_frame(world: World) -> None:
    who = by_openid(world, frontchannel_logout_uri=FRAME, frontchannel_logout_session_required=True)
    by_openid(world, frontchannel_logout_uri="https://elsewhere.example/front")
    with_another_client(who, frontchannel_logout_uri="https://second.example:8443/out")
    done = confirm(with_hint(who), world)
    assert (done.status_code, heading(done)) == (200, DONE)
    first, second = sorted(frames(done))
    assert first.startswith(f"{FRAME}&")
    sent = parse_qs(urlsplit(first).query)
    assert sent == {"x": ["1"], "iss": [ISSUER], "sid": [who.tokens.sid]}
    assert second == "https://second.example:8443/out"
    allowed = policy_of(done)["frame-src"].split()
    assert allowed == ["https://app.example", "https://second.example:8443"]
    assert policy_of(done)["default-src"] == "'none'"


def test_the_browser_goes_on_afterwards_without_scripts(world: World) -> None:
    who = by_openid(world, frontchannel_logout_uri=FRAME)
    page = with_hint(who, post_logout_redirect_uri=BACK, state='"><x')
    done = confirm(page, world)
    assert done.status_code == 200
    assert frames(done) == [FRAME]
    match = re.search(r'http-equiv="refresh" content="3;url=([^"]*)"', done.text)
    assert match
    target = unescape(match[1])
    assert target == f"{BACK}?state=%22%3E%3Cx"
    assert f'href="{match[1]}"' in done.text
    assert "<script" not in done.text


def test_nobody_is_told_before_it_is_confirmed(world: World) -> None:
    who = by_openid(world, frontchannel_logout_uri=FRAME)
    page = with_hint(who)
    assert frames(page) == []
    assert frames(confirm(page, world, form_token="x")) == []


def test_a_session_that_had_ended_is_not_told_again(world: World) -> None:
    who = by_openid(world, frontchannel_logout_uri=FRAME)
    assert frames(confirm(with_hint(who), world)) == [FRAME]
    assert frames(with_hint(who)) == []


def test_other_sessions_of_the_account_are_not_told(world: World) -> None:
    who = by_openid(world)
    app = world.client(metadata=ClientMetadata(frontchannel_logout_uri=FRAME))
    world.sign_in(who.person, app)
    came_by_openid(who)
    assert frames(confirm(with_hint(who), world)) == []
