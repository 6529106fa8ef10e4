"""People who are signed in by OpenID Connect, and ID tokens as clients see them."""

import json
from dataclasses import replace
from typing import Any

import jwt

from tests.http.building import SignedIn, signed_in
from tests.world.world import App, Person, World
from token_service.domain.client_metadata import ClientMetadata

EVERY_SCOPE = "address email offline_access openid phone profile"
PROFILE: dict[str, Any] = {
    "name": "Ada King",
    "family_name": "King",
    "given_name": "Ada",
    "nickname": "AAL",
    "website": "https://ada.example/",
    "birthdate": "1815-12-10",
    "locale": "en-GB",
    "address": {"locality": "London", "country": "GB", "planet": "Earth"},
}


def metadata(**members: Any) -> ClientMetadata:
    """The metadata of a client, as it is registered."""
    return ClientMetadata(**members)


def openid_signed_in(
    world: World, scope: str = "openid profile", claims: object = None, **changes: Any
) -> SignedIn:
    """Somebody whose grant came by an OpenID Connect authentication that asked for these claims."""
    who = signed_in(world)
    app = world.client(**changes)
    tokens = world.sign_in(who.person, app, scope=scope)
    found = replace(who, app=app, tokens=tokens)
    by_openid(found, claims)
    return found


def by_openid(who: SignedIn, claims: object = None) -> None:
    """The session's grants came by an OpenID Connect authentication."""
    who.world.sql(
        "UPDATE grants SET openid = :yes, requested_claims = :claims WHERE sid = :sid",
        yes=True,
        claims=None if claims is None else json.dumps(claims),
        sid=who.tokens.sid,
    )


def keep_profile(world: World, person: Person, app: App, profile: object) -> None:
    """What the account's owner keeps of themselves."""
    tokens = world.sign_in(person, app)
    answer = world.http.patch("/v1/me", json={"profile": profile}, headers=tokens.bearer)
    assert answer.status_code == 200, answer.text


def published_key(world: World, token: str) -> jwt.PyJWK:
    """The key that a token names, as anybody finds it."""
    keys = jwt.PyJWKSet.from_dict(world.http.get("/.well-known/jwks.json").get_json())
    return keys[str(jwt.get_unverified_header(token)["kid"])]


def read(world: World, token: str, audience: str) -> dict[str, Any]:
    """What a JWT says to its audience, verified by a library that nobody here wrote; raises where
    a client would refuse it. Its times are compared by the tests."""
    key = published_key(world, token)
    options = {"verify_exp": False, "verify_iat": False}
    issuer = world.parts.settings.issuer
    return dict(
        jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=audience,
            issuer=issuer,
            options=options,
        )
    )


def id_token_of(who: SignedIn) -> str:
    """The one that came with the newest tokens."""
    return str(who.tokens.body["id_token"])


def id_claims(who: SignedIn) -> dict[str, Any]:
    """What it says."""
    return read(who.world, id_token_of(who), who.app.client_id)


def now_of(world: World) -> int:
    """Seconds since the epoch."""
    return int(world.parts.clock.now().timestamp())
