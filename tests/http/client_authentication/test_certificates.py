"""Clients that prove who they are by the certificate of their connection (RFC 8705)."""

import base64
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from werkzeug.test import TestResponse

from tests.http.building import assert_refused
from tests.http.client_authentication.proving import ENDPOINTS, FORM, failures, jwk
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Time, World
from token_service.crypto import certificates
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod

PROXY, STRANGER = "10.0.0.7", "192.0.2.9"
HEADER = "X-Client-Cert"
WRONG = "wrong_client_certificate"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def escaped(self) -> str:
        """As nginx writes it ($ssl_client_escaped_cert)."""
        return quote(self.pem.decode(), safe="")

    @property
    def structured(self) -> str:
        """As RFC 9440 section 2.1 writes it."""
        return f":{base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()}:"

    def jwks(self) -> dict[str, Any]:
        """A set of keys with the certificate in it."""
        der = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        return {"keys": [jwk("ES256", self.key, kid="k1", x5c=[der])]}


def name(common: str, organisation: str = "Example") -> x509.Name:
    """`CN=common,O=organisation`, as RFC 4514 writes it (the last one first)."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def issue(
    common: str = "client",
    by: Issued | None = None,
    *,
    ca: bool = False,
    usage: bool | None = True,
    begins: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=1),
    alternatives: list[x509.GeneralName] | None = None,
) -> Issued:
    """A certificate by an authority, or one that has signed itself; `usage`: whether the key of an
    authority is for certificates, None: it does not say."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(by.certificate.subject if by else name(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if ca and usage is not None:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        ).add_extension(
            x509.KeyUsage(False, False, False, False, False, usage, True, False, False),
            critical=True,
        )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


SUBJECT = {"tls_client_auth_subject_dn": "CN=client,O=Example"}
IPV6 = x509.IPAddress(ipaddress.ip_address("2001:db8::1"))
LONG = {"begins": NOW - timedelta(days=3000), "ends": NOW + timedelta(days=3000)}
AUTHORITY = issue("authority", ca=True, **LONG)
ATTACKER = issue("authority", ca=True, **LONG)


@pytest.fixture
def world(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, tmp_path: Path
) -> World:
    """One behind a proxy that hands on certificates."""
    (tmp_path / "clients.pem").write_bytes(AUTHORITY.pem)
    return world_on(
        databases,
        TOKEN_SERVICE_SERVER_TRUSTED_PROXIES=PROXY,
        TOKEN_SERVICE_SERVER_CLIENT_CERTIFICATE_HEADER=HEADER,
        TOKEN_SERVICE_SERVER_CLIENT_CA_FILE=str(tmp_path / "clients.pem"),
    )


def certified(world: World, **subject: str) -> App:
    """A client that an authority certifies."""
    return world.client(
        "service",
        authentication=AuthenticationMethod.TLS,
        secrets=(),
        metadata=ClientMetadata(
            **(subject or {"tls_client_auth_subject_dn": "CN=client,O=Example"})
        ),
    )


def self_signed(world: World, own: Issued) -> App:
    """A client that has registered its certificate."""
    return world.client(
        "service",
        authentication=AuthenticationMethod.SELF_SIGNED_TLS,
        secrets=(),
        metadata=ClientMetadata(jwks=own.jwks()),
    )


def ask(
    world: World,
    app: App,
    header: str | None,
    *,
    path: str = ENDPOINTS[0],
    peer: str = PROXY,
    name: str = HEADER,
) -> TestResponse:
    """A request whose connection had the certificate, as the peer says."""
    return world.http.post(
        path,
        data=FORM | {"client_id": app.client_id},
        headers={} if header is None else {name: header},
        environ_base={"REMOTE_ADDR": peer},
    )


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_certificate_proves_its_client_at_every_endpoint(world: World, path: str) -> None:
    own = issue(by=AUTHORITY)
    app = certified(world)
    assert ask(world, app, own.escaped, path=path).status_code == 200
    assert ask(world, app, own.structured, path=path).status_code == 200
    alone = issue("alone")
    registered = self_signed(world, alone)
    assert ask(world, registered, alone.escaped, path=path).status_code == 200
    assert ask(world, registered, alone.structured, path=path).status_code == 200


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1"])
def test_only_a_trusted_proxy_is_believed(world: World, peer: str) -> None:
    own, alone = issue(by=AUTHORITY), issue("alone")
    for app, header in (
        (certified(world), own.escaped),
        (self_signed(world, alone), alone.structured),
    ):
        assert_refused(ask(world, app, header, peer=peer), 401, "invalid_client")
    assert failures(world) == [(WRONG, "missing")] * 2


def test_no_other_header_is_believed(world: World) -> None:
    app, own = certified(world), issue(by=AUTHORITY)
    for other in ("Client-Cert", "X-SSL-Cert", "Ssl-Client-Cert", "X-Forwarded-Client-Cert"):
        assert_refused(ask(world, app, own.structured, name=other), 401, "invalid_client")
        assert_refused(ask(world, app, own.escaped, name=other), 401, "invalid_client")


def test_where_no_header_is_set_there_are_no_certificates(
    world_on: Callable[..., World], sqlite_files: SqliteFiles
) -> None:
    world = world_on(sqlite_files, TOKEN_SERVICE_SERVER_TRUSTED_PROXIES=PROXY)
    alone = issue("alone")
    app = self_signed(world, alone)
    assert_refused(ask(world, app, alone.escaped), 401, "invalid_client")
    found = world.http.get("/.well-known/openid-configuration").get_json()
    methods = set(found["token_endpoint_auth_methods_supported"])
    assert not methods & {"tls_client_auth", "self_signed_tls_client_auth"}


def test_discovery_names_what_there_is(world: World) -> None:
    found = world.http.get("/.well-known/openid-configuration").get_json()
    methods = set(found["token_endpoint_auth_methods_supported"])
    assert methods >= {"tls_client_auth", "self_signed_tls_client_auth"}


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda: issue(by=ATTACKER), "uncertified"),
        (lambda: issue(), "uncertified"),
        (lambda: issue("other", by=AUTHORITY), "subject"),
        (lambda: issue("Client", by=AUTHORITY), "subject"),
        (lambda: issue(by=AUTHORITY, ends=NOW - timedelta(seconds=1)), "expired"),
        (lambda: issue(by=AUTHORITY, begins=NOW + timedelta(seconds=1)), "expired"),
        (lambda: issue(by=issue("client", by=AUTHORITY)), "uncertified"),
    ],
    ids=["attacker", "self-signed", "other", "case", "expired", "not yet", "by a client"],
)
def test_certificates_that_are_not_the_clients(
    world: World, made: Callable[[], Issued], fault: str
) -> None:
    answer = ask(world, certified(world), made().escaped)
    assert_refused(answer, 401, "invalid_client")
    assert failures(world) == [(WRONG, fault)]


@pytest.mark.parametrize(("usage", "is_good"), [(True, True), (None, True), (False, False)])
def test_what_an_authority_says_of_its_key(usage: bool | None, is_good: bool) -> None:
    """`openssl req -x509` makes authorities that say nothing of it."""
    authority = issue("authority", ca=True, usage=usage)
    made = issue(by=authority).certificate
    by = certificates.Authorities((authority.certificate,))
    assert certificates.is_certified(made, by, NOW) is is_good


def test_a_registered_certificate_is_that_very_one(world: World, time: Time) -> None:
    own = issue("alone")
    app = self_signed(world, own)
    for other in (issue("alone"), issue("alone", by=AUTHORITY)):
        assert_refused(ask(world, app, other.escaped), 401, "invalid_client")
    assert failures(world) == [(WRONG, "unknown")] * 2
    time.pass_(days=1, seconds=1)
    assert_refused(ask(world, app, own.escaped), 401, "invalid_client")
    assert failures(world)[-1] == (WRONG, "expired")


@pytest.mark.parametrize(
    ("member", "good", "bad", "general"),
    [
        ("san_dns", "Client.example", "example", x509.DNSName("client.example")),
        (
            "san_uri",
            "spiffe://example/a",
            "spiffe://example/A",
            x509.UniformResourceIdentifier("spiffe://example/a"),
        ),
        (
            "san_ip",
            "2001:db8:0::1",
            "2001:db8::2",
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        ),
        ("san_email", "a@example.org", "b@example.org", x509.RFC822Name("a@example.org")),
    ],
)
def test_alternative_names(
    world: World, member: str, good: str, bad: str, general: x509.GeneralName
) -> None:
    """RFC 8705 section 2.1.2."""
    own, bare = issue(by=AUTHORITY, alternatives=[general]), issue(by=AUTHORITY)
    right = certified(world, **{f"tls_client_auth_{member}": good})
    wrong = certified(world, **{f"tls_client_auth_{member}": bad})
    assert ask(world, right, own.escaped).status_code == 200
    assert_refused(ask(world, wrong, own.escaped), 401, "invalid_client")
    assert_refused(ask(world, right, bare.escaped), 401, "invalid_client")


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {
            "tls_client_auth_subject_dn": "CN=client,O=Example",
            "tls_client_auth_san_dns": "client.example",
        },
        {"tls_client_auth_subject_dn": "no name"},
        {"tls_client_auth_subject_dn": ""},
        {"tls_client_auth_subject_dn": "O=Example,CN=client"},
        {"tls_client_auth_subject_dn": "CN=client"},
        {"tls_client_auth_san_ip": "x"},
    ],
)
def test_a_registration_that_names_nobody_or_two(world: World, stated: dict[str, str]) -> None:
    app = world.client(
        "service",
        authentication=AuthenticationMethod.TLS,
        secrets=(),
        metadata=ClientMetadata(**stated),
    )
    own = issue(by=AUTHORITY, alternatives=[x509.DNSName("client.example")])
    assert_refused(ask(world, app, own.escaped), 401, "invalid_client")


def test_headers_that_are_no_certificate(world: World) -> None:
    own, attacker = issue(by=AUTHORITY), issue(by=ATTACKER)
    app = certified(world)
    for header in (
        None,
        "",
        ":",
        "::",
        ":!!!:",
        ":AAAA:",
        own.structured[:-1],
        own.structured[1:],
        own.structured + ";a=b",
        f"{own.structured}, {own.structured}",
        f"{attacker.structured}, {own.structured}",
        f"{own.escaped},{own.escaped}",
        own.escaped + attacker.escaped,
        attacker.escaped + own.escaped,
        own.escaped[:-40],
        quote(own.certificate.public_bytes(Encoding.DER)),
        "%ff%fe",
        "x" * 20_000,
    ):
        assert_refused(ask(world, app, header), 401, "invalid_client")
    assert set(failures(world)) == {(WRONG, "missing")}


def test_a_certificate_is_no_second_way_and_no_way_for_others(world: World) -> None:
    own = issue(by=AUTHORITY)
    service, public = world.client("service"), world.client("public")
    # The proxy asks everybody for a certificate: those who prove themselves otherwise still may.
    headers = service.basic | {HEADER: own.escaped}
    proxied = {"REMOTE_ADDR": PROXY}
    good = world.http.post(ENDPOINTS[0], data=FORM, headers=headers, environ_base=proxied)
    assert good.status_code == 200
    assert ask(world, public, own.escaped, path="/oauth2/revoke").status_code == 200
    assert_refused(ask(world, service, own.escaped), 401, "invalid_client")
    app = certified(world)
    form = FORM | {"client_id": app.client_id, "client_secret": "x"}
    answer = world.http.post(
        ENDPOINTS[0], data=form, headers={HEADER: own.escaped}, environ_base=proxied
    )
    assert_refused(answer, 401, "invalid_client")
    assert failures(world) == [("wrong_authentication_method", None)]
