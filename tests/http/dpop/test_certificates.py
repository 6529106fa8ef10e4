"""Tokens that are bound to a client certificate (RFC 8705 section 3)."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.http.building import SignedIn, assert_refused
from tests.http.dpop.proving import Key, claims_of, encoded, outcome, reasons_of
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, World, tokens_of
from token_service.domain.client_metadata import ClientMetadata

TRUSTED = {
    "TOKEN_SERVICE_SERVER_TRUSTED_PROXIES": "127.0.0.1",
    "TOKEN_SERVICE_SERVER_CLIENT_CERTIFICATE_HEADER": "Client-Cert",
}
METADATA = ClientMetadata(tls_client_certificate_bound_access_tokens=True)


class Certificate:
    """A client's certificate, signed by itself."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
        )
        built = builder.sign(key, SHA256())
        self.der = built.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return encoded(hashlib.sha256(self.der).digest())

    @property
    def passed_on(self) -> dict[str, str]:
        """As our proxy passes it on (RFC 9440)."""
        return {"Client-Cert": f":{base64.b64encode(self.der).decode()}:"}


@pytest.fixture
def behind(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> World:
    """A service behind a proxy that it trusts."""
    return world_on(databases, **TRUSTED)


def client_token(world: World, app: App, **headers: str):  # type: ignore[no-untyped-def]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return world.token(app, named, grant_type="client_credentials")


def signed_in_with(world: World, certificate: Certificate) -> SignedIn:
    """Somebody at a public client that has such a certificate."""
    tenant_id = world.tenant()
    person, app = world.person(tenant_id), world.client("public", metadata=METADATA)
    body = {
        "identifier": person.email,
        "password": person.password,
        "client_id": app.client_id,
    }
    answer = world.http.post("/v1/sign-in", json=body, headers=certificate.passed_on)
    return SignedIn(world, tenant_id, person, app, world.client("backend"), tokens_of(answer))


def refreshed(who: SignedIn, certificate: Certificate | None):  # type: ignore[no-untyped-def]
    return who.world.token(
        who.app,
        certificate.passed_on if certificate else {},
        grant_type="refresh_token",
        refresh_token=who.tokens.refresh,
    )


def test_a_token_is_bound_to_the_certificate(behind: World) -> None:
    service, certificate = behind.client("service", metadata=METADATA), Certificate()
    answer = behind.token(service, certificate.passed_on, grant_type="client_credentials")
    assert outcome(answer) == (200, "Bearer")
    cnf = {"x5t#S256": certificate.thumbprint}
    token = answer.get_json()["access_token"]
    assert claims_of(token)["cnf"] == cnf
    assert behind.introspect(service, token)["cnf"] == behind.validate(token)["cnf"] == cnf


def test_without_a_certificate_there_is_no_token(behind: World) -> None:
    service = behind.client("service", metadata=METADATA)
    assert_refused(client_token(behind, service), 400, "invalid_request")
    assert reasons_of(behind, service) == ["certificate_missing"]


BROKEN = ("", ":", "::", "abc", ":abc", ":é:", ":!!!!:", "-----BEGIN CERTIFICATE-----")


def test_a_header_that_holds_no_certificate_is_none(behind: World) -> None:
    service = behind.client("service", metadata=METADATA)
    for header in BROKEN:
        answer = behind.token(service, {"Client-Cert": header}, grant_type="client_credentials")
        assert (header, *outcome(answer)) == (header, 400, "invalid_request")


def test_nobody_but_a_trusted_proxy_passes_a_certificate_on(world: World) -> None:
    """RFC 9700 section 4.13: whoever connects directly writes such a header as they like."""
    service, certificate = world.client("service", metadata=METADATA), Certificate()
    for header in ("Client-Cert", "X-Client-Cert", "X-SSL-Client-Cert"):
        forged = {header: certificate.passed_on["Client-Cert"], "X-Forwarded-For": "127.0.0.1"}
        answer = world.token(service, forged, grant_type="client_credentials")
        assert_refused(answer, 400, "invalid_request")


def test_a_client_that_did_not_ask_for_it_gets_no_bound_tokens(behind: World) -> None:
    service = behind.client("service")
    answer = behind.token(service, Certificate().passed_on, grant_type="client_credentials")
    assert "cnf" not in claims_of(answer.get_json()["access_token"])


def test_a_stolen_token_is_useless_without_the_certificate(behind: World) -> None:
    certificate = Certificate()
    who = signed_in_with(behind, certificate)
    for path in ("/v1/me", "/v1/token/validate"):
        for thief, reason in (({}, "certificate_missing"), (Certificate().passed_on, "wrong_key")):
            answer = behind.http.get(path, headers=who.tokens.bearer | thief)
            assert_refused(answer, 401, "invalid_token")
            assert who.happened[-1] == ("proof_refused", reason)
        owner = behind.http.get(path, headers=who.tokens.bearer | certificate.passed_on)
        assert owner.status_code == 200


def test_a_public_clients_chain_is_bound_to_the_certificate(behind: World) -> None:
    """RFC 8705 section 4; a renewed certificate is another one."""
    certificate = Certificate()
    who = signed_in_with(behind, certificate)
    assert_refused(refreshed(who, None), 400, "invalid_request")
    assert_refused(refreshed(who, Certificate()), 400, "invalid_grant")
    assert who.happened == [("refresh_wrong_key", "")]
    assert outcome(refreshed(who, certificate)) == (200, "Bearer")


def test_a_token_can_be_bound_to_both(behind: World) -> None:
    service, certificate, key = behind.client("service", metadata=METADATA), Certificate(), Key()
    headers = certificate.passed_on | key.shown()
    answer = behind.token(service, headers, grant_type="client_credentials")
    assert outcome(answer) == (200, "DPoP")
    token = answer.get_json()["access_token"]
    cnf = {"jkt": key.thumbprint, "x5t#S256": certificate.thumbprint}
    assert claims_of(token)["cnf"] == cnf
    shown = key.using(token, "GET", "/v1/me")
    assert_refused(behind.http.get("/v1/me", headers=shown), 401, "invalid_token")
    bearer = {"Authorization": f"Bearer {token}"} | certificate.passed_on
    assert_refused(behind.http.get("/v1/me", headers=bearer), 401, "invalid_token")
    both = key.using(token, "GET", "/v1/me") | certificate.passed_on
    # A client's own token is nobody's account, which is found out only after the proofs.
    assert_refused(behind.http.get("/v1/me", headers=both), 403, "insufficient_scope")
