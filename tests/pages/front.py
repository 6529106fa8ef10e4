"""nginx, ending TLS in front of a service: browsers and clients see one https issuer.

The certificate is of an authority that is made for the test, and that only its clients trust.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.journeys.node import program
from tests.journeys.service import Service, behind, free_port, serving, wait_until
from tests.world.databases import SqliteFiles
from tests.world.world import World

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        # Asked for and not judged: whose it is, the service finds out.
        ssl_verify_client optional_no_ca;
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Client-Certificate $ssl_client_escaped_cert;
        }}
    }}
}}
"""


CLIENT = "CN=A client of a test"


@dataclass(frozen=True)
class Front:
    """A service behind nginx, and the folder with the certificates: of the authority that both
    sides trust, of the host, and of a client whose subject is `CLIENT`."""

    service: Service
    world: World
    folder: Path

    def browser(self) -> requests.Session:
        """A browser that trusts the authority."""
        browser = requests.Session()
        browser.verify = str(self.folder / "authority.pem")
        browser.trust_env = False  # a variable of the machine may name other authorities
        return browser


@contextmanager
def fronted(databases: SqliteFiles, folder: Path) -> Iterator[Front]:
    """The whole of it, on SQLite: what is tested here is in front of the database."""
    nginx, url, (outer, inner) = program("nginx", "nginx-light"), databases.empty(), ports()
    certify(folder)
    overrides = {
        "TOKEN_SERVICE_ISSUER": f"https://localhost:{outer}",
        "TOKEN_SERVICE_SERVER_TRUSTED_PROXIES": "127.0.0.1",
        "TOKEN_SERVICE_SERVER_CLIENT_CERTIFICATE_HEADER": "X-Client-Certificate",
        "TOKEN_SERVICE_SERVER_CLIENT_CA_FILE": str(folder / "authority.pem"),
    }
    with (
        proxying(nginx, folder, outer, inner),
        serving(url, folder, overrides, port=inner) as service,
        behind(service) as world,
    ):
        yield Front(service, world, folder)
    databases.drop(url)


def ports() -> tuple[int, int]:
    """One for nginx and one for the service."""
    return free_port(), free_port()


@contextmanager
def proxying(nginx: str, folder: Path, outer: int, inner: int) -> Iterator[None]:
    """Run nginx, with all that it writes in the folder."""
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=outer, behind=inner))
    process = subprocess.Popen([nginx, "-p", folder, "-c", file, "-e", folder / "error.log"])
    try:
        wait_until((folder / "nginx.pid").exists, process)
        yield
    finally:
        process.terminate()
        process.wait(10)


def certify(folder: Path) -> None:
    """An authority, and by it certificates of this host and of a client."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority of a test")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    root = (
        certificate(name, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .issuer_name(name)
        .sign(authority, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    for file, subject in (("server", "localhost"), ("client", CLIENT.removeprefix("CN="))):
        key = ec.generate_private_key(ec.SECP256R1())
        whose = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        leaf = (
            certificate(whose, key.public_key())
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .issuer_name(name)
            .sign(authority, hashes.SHA256())
        )
        private = serialization.PrivateFormat.PKCS8
        (folder / f"{file}.pem").write_bytes(leaf.public_bytes(pem))
        (folder / f"{file}.key").write_bytes(
            key.private_bytes(pem, private, serialization.NoEncryption())
        )


def certificate(name: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    """What every certificate says."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
