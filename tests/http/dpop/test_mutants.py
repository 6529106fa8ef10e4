"""Proofs that are wrong in one point each (RFC 9449 section 4.3): none of them gets a token."""

import hmac
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.http.dpop.proving import (
    TOKEN_URL,
    Key,
    client_token,
    encoded,
    outcome,
    reasons_of,
    refreshed,
    rsa_key,
    signed_in_with,
)
from tests.world.world import ISSUER, App, Time, World

NOW = 1772366400
MALFORMED, REQUEST, LATE = "proof_malformed", "proof_for_another_request", "proof_out_of_time"
KEY, OTHER, RSA = Key(), Key(), Key.of("PS256")
P384 = ec.generate_private_key(ec.SECP384R1())


def _header(**members: object) -> Callable[[], str]:
    return lambda: KEY.proof(header=members)


def _claims(**claims: object) -> Callable[[], str]:
    return lambda: KEY.proof(**claims)


def _segments(change: Callable[[list[str]], list[str]]) -> Callable[[], str]:
    return lambda: ".".join(change(KEY.proof().split(".")))


def _of_payload(payload: bytes) -> Callable[[], str]:
    return lambda: KEY.signed(KEY.proof().split(".")[0], encoded(payload))


def _of_header(header: bytes) -> Callable[[], str]:
    return lambda: KEY.signed(encoded(header), KEY.proof().split(".")[1])


def _signed_with_the_public_key_as_a_secret() -> str:
    """The classic: an HMAC keyed with what everybody knows (RFC 8725 section 2.1)."""
    members = {"typ": "dpop+jwt", "alg": "HS256", "jwk": KEY.jwk}
    signed = f"{encoded(json.dumps(members).encode())}.{KEY.proof().split('.')[1]}"
    return f"{signed}.{encoded(hmac.digest(_JWK.encode(), signed.encode(), 'sha256'))}"


def _with_a_flipped_signature() -> str:
    header, payload, signature = KEY.proof().split(".")
    return f"{header}.{payload}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBB'}"


_JWK = json.dumps(KEY.jwk)
_TWICE = b'{"typ":"dpop+jwt","alg":"ES256","alg":"none","jwk":%s}' % _JWK.encode()
_JTI_TWICE = b'{"jti":"a","jti":"b","htm":"POST","htu":"%s","iat":%d}' % (TOKEN_URL.encode(), NOW)

MUTANTS: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", MALFORMED),
    "no JWT": (lambda: "proof", MALFORMED),
    "two parts": (_segments(lambda parts: parts[:2]), MALFORMED),
    "four parts": (_segments(lambda parts: [*parts, parts[0]]), MALFORMED),
    "padded": (_segments(lambda parts: [parts[0], parts[1], parts[2] + "=="]), MALFORMED),
    "two proofs": (lambda: f"{KEY.proof()}, {KEY.proof()}", MALFORMED),
    "too long": (_claims(more="x" * 5000), MALFORMED),
    "typ missing": (_header(typ=None), MALFORMED),
    "typ of an access token": (_header(typ="at+jwt"), MALFORMED),
    "typ JWT": (_header(typ="JWT"), MALFORMED),
    "alg none": (_header(alg="none"), MALFORMED),
    "alg HS256": (_signed_with_the_public_key_as_a_secret, MALFORMED),
    "alg not allowed": (lambda: Key(rsa_key(2048), "RS512").proof(), MALFORMED),
    "alg RS256": (lambda: Key(rsa_key(2048), "RS256").proof(), MALFORMED),
    "another curve": (lambda: Key(P384, "ES384").proof(), MALFORMED),
    "alg twice": (_of_header(_TWICE), MALFORMED),
    "crit": (_header(crit=["exp"]), MALFORMED),
    "jwk missing": (_header(jwk=None), MALFORMED),
    "jwk is text": (_header(jwk="key"), MALFORMED),
    "jwk of another key": (_header(jwk=OTHER.jwk), MALFORMED),
    "jwk of another kind": (_header(jwk=RSA.jwk), MALFORMED),
    "jwk is private": (_header(jwk=KEY.private_jwk), MALFORMED),
    "jwk without y": (_header(jwk=KEY.jwk | {"y": None}), MALFORMED),
    "jwk off the curve": (_header(jwk=KEY.jwk | {"y": KEY.jwk["x"]}), MALFORMED),
    "jwk in another spelling": (_header(jwk=KEY.jwk | {"x": "AA" + KEY.jwk["x"]}), MALFORMED),
    "only a kid": (_header(jwk=None, kid="key-1"), MALFORMED),
    "only a jku": (_header(jwk=None, jku=f"{ISSUER}/.well-known/jwks.json"), MALFORMED),
    "RSA key of 1024 bits": (lambda: Key(rsa_key(1024), "PS256").proof(), MALFORMED),
    "signature flipped": (_with_a_flipped_signature, MALFORMED),
    "signature empty": (_segments(lambda parts: [*parts[:2], ""]), MALFORMED),
    "payload of another proof": (
        _segments(lambda parts: [parts[0], OTHER.proof().split(".")[1], parts[2]]),
        MALFORMED,
    ),
    "payload is no object": (_of_payload(b"[]"), MALFORMED),
    "jti twice": (_of_payload(_JTI_TWICE), MALFORMED),
    "jti missing": (_claims(jti=None), MALFORMED),
    "jti empty": (_claims(jti=""), MALFORMED),
    "jti a number": (_claims(jti=7), MALFORMED),
    "jti too long": (_claims(jti="x" * 257), MALFORMED),
    "htm missing": (_claims(htm=None), MALFORMED),
    "htm of another method": (_claims(htm="GET"), REQUEST),
    "htm in lower case": (_claims(htm="post"), REQUEST),
    "htu missing": (_claims(htu=None), MALFORMED),
    "htu a list": (_claims(htu=[TOKEN_URL]), MALFORMED),
    "htu of another path": (_claims(htu=f"{ISSUER}/oauth2/introspect"), REQUEST),
    "htu of another host": (_claims(htu="https://localhost/oauth2/token"), REQUEST),
    "htu by http": (_claims(htu=TOKEN_URL.replace("https", "http")), REQUEST),
    "htu of another port": (_claims(htu="https://id.example.test:8443/oauth2/token"), REQUEST),
    "htu with a user": (_claims(htu="https://a@id.example.test/oauth2/token"), REQUEST),
    "htu a path": (_claims(htu="/oauth2/token"), REQUEST),
    "htu that is no URL": (_claims(htu="https://[::1/oauth2/token"), REQUEST),
    "iat missing": (_claims(iat=None), MALFORMED),
    "iat a text": (_claims(iat=str(NOW)), MALFORMED),
    "iat true": (_claims(iat=True), MALFORMED),
    "iat below zero": (_claims(iat=-1), MALFORMED),
    "iat a minute ago": (_claims(iat=NOW - 60), LATE),
    "iat in a minute": (_claims(iat=NOW + 60), LATE),
    "iat in the year 9999": (_claims(iat=253_402_300_799), LATE),
    "iat beyond all years": (_claims(iat=1e300), MALFORMED),
    "nonce that is not ours": (_claims(nonce="a nonce"), "nonce_needed"),
    "nonce a number": (_claims(nonce=7), MALFORMED),
    "ath a number": (_claims(ath=7), MALFORMED),
}


def asked(world: World, proof: str, service: App) -> TestResponse:
    """A client-credentials request with this very proof."""
    return world.token(service, {"DPoP": proof}, grant_type="client_credentials")


def test_none_of_them_gets_a_token_and_the_log_says_why(world: World) -> None:
    for name, (proof, reason) in MUTANTS.items():
        service = world.client("service")
        code = "use_dpop_nonce" if reason == "nonce_needed" else "invalid_dpop_proof"
        answer = asked(world, proof(), service)
        assert (name, *outcome(answer)) == (name, 400, code)
        told = [] if reason == "nonce_needed" else [reason]
        assert (name, reasons_of(world, service)) == (name, told)
        # What is right in all points passes, by the same client a moment later.
        assert outcome(client_token(world, service, KEY)) == (200, "DPoP"), name


GOOD: dict[str, Callable[[], str]] = {
    "ten seconds behind": _claims(iat=NOW - 10),
    "ten seconds ahead": _claims(iat=NOW + 10),
    "with fractions": _claims(iat=NOW + 0.25),
    "with a query": _claims(htu=f"{TOKEN_URL}?a=b"),
    "with a fragment": _claims(htu=f"{TOKEN_URL}#a"),
    "with the default port": _claims(htu="https://id.example.test:443/oauth2/token"),
    "host in capitals": _claims(htu="https://ID.example.TEST/oauth2/token"),
    "scheme in capitals": _claims(htu="HTTPS://id.example.test/oauth2/token"),
    "letters encoded": _claims(htu="https://id.example.test/%6Fauth2/token"),
    "with dots": _claims(htu="https://id.example.test/v1/../oauth2/./token"),
    "a key with other members": _header(
        jwk={**KEY.jwk, "ext": True, "key_ops": ["verify"], "kid": "k", "alg": "ES256"}
    ),
    "more claims": _claims(exp=0, more={"a": [1]}),
    "an ath that nobody asked for": _claims(ath="x"),
}


@pytest.mark.parametrize("proof", GOOD.values(), ids=GOOD)
def test_what_is_only_written_in_another_way_is_good(
    world: World, proof: Callable[[], str]
) -> None:
    answer = asked(world, proof(), world.client("service"))
    assert outcome(answer) == (200, "DPoP")


def test_the_address_is_that_of_the_issuer_whatever_the_host_header_says(world: World) -> None:
    service = world.client("service")
    url = "https://attacker.example/oauth2/token"
    headers = {"Host": "attacker.example", "X-Forwarded-Host": "attacker.example"}
    proof = {"DPoP": KEY.proof(htu=url)}
    refused = world.token(service, headers | proof, grant_type="client_credentials")
    assert_refused(refused, 400, "invalid_dpop_proof")
    given = world.token(service, headers | KEY.shown(), grant_type="client_credentials")
    assert outcome(given) == (200, "DPoP")


def test_a_refused_proof_spends_no_refresh_token(world: World) -> None:
    who = signed_in_with(world, KEY, "app")
    for proof, _ in MUTANTS.values():
        answer = world.token(
            who.app,
            {"DPoP": proof()},
            grant_type="refresh_token",
            refresh_token=who.tokens.refresh,
        )
        assert answer.status_code == 400
    assert who.happened == []
    answer = refreshed(world, who.app, who.tokens.refresh, KEY)
    assert outcome(answer) == (200, "DPoP")
    assert who.happened == []


def test_time_is_measured_when_the_proof_arrives(world: World, time: Time) -> None:
    service = world.client("service")
    proof = KEY.proof()
    time.pass_(seconds=31)
    assert_refused(asked(world, proof, service), 400, "invalid_dpop_proof")
    proof = KEY.proof()
    time.pass_(seconds=30)
    assert outcome(asked(world, proof, service)) == (200, "DPoP")
