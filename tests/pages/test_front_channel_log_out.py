"""Front-channel log-out: what a browser does with the frames, and where it goes then."""

from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from tests.pages.visit import Visit


@pytest.mark.parametrize(
    "visit",
    [{"java_script_enabled": False}, {"java_script_enabled": True}],
    indirect=True,
    ids=["no scripts", "scripts"],
)
def test_the_application_is_told_in_a_frame_and_the_browser_goes_on(visit: Visit) -> None:
    told = f"{visit.application.origin}/front-channel"
    app = visit.client(
        metadata={
            "frontchannel_logout_uri": told,
            "frontchannel_logout_session_required": True,
        }
    )
    visit.come(app)
    visit.sign_in(visit.world.person(visit.world.tenant()))
    id_token = visit.redeem(app)["id_token"]
    query = f"id_token_hint={id_token}&post_logout_redirect_uri={visit.application.logged_out_uri}"
    visit.page.goto(f"{visit.issuer}/oauth2/logout?{query}&state=s")
    visit.page.wait_for_url(f"{visit.application.logged_out_uri}?state=s")
    assert visit.title == "Bye"
    [frame] = [one for one in visit.requested if one.startswith(told)]
    sid = jwt.decode(id_token, options={"verify_signature": False})["sid"]
    assert dict(parse_qsl(urlsplit(frame).query)) == {"iss": visit.issuer, "sid": sid}
    assert visit.cookie is None
