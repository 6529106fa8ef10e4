"""Servers to fetch from: with TLS for a name, and answers that are bytes as a test says them."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from token_service.outbound.fetching import Fetcher, Reach, trusting

HOST = "client.example"
HOST_NAME = x509.DNSName(HOST)
Script = Callable[[socket.socket], None]


def answering(
    body: bytes = b"{}",
    status: str = "200 OK",
    headers: Sequence[str] = (),
    length: int | None = None,
) -> Script:
    """Reads the head of a request and answers."""
    lines = [
        f"HTTP/1.1 {status}",
        *headers,
        f"Content-Length: {len(body) if length is None else length}",
    ]

    def script(connection: socket.socket) -> None:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    return script


@dataclass
class Peer:
    """A server on this machine, and what it was asked."""

    port: int
    asked: list[bytes] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """The block is over: whatever still talks may stop."""

    def url(self, path: str = "/", scheme: str = "https", host: str = HOST) -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@contextmanager
def peer(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Answers every connection by the script, each on a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        found = Peer(listening.getsockname()[1])

        def talk(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(10)
                try:
                    secured = tls.wrap_socket(connection, server_side=True) if tls else connection
                    with secured:
                        found.asked.append(_received(secured))
                        script(secured)
                except OSError:
                    pass  # the other side has left: most tests are about just that

        def listen() -> None:
            while not found.gone.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=talk, args=[connection], daemon=True).start()

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield found
        finally:
            found.gone.set()
            listener.join()


def _received(connection: socket.socket) -> bytes:
    """A request with its body."""
    data = connection.recv(65_536)
    announced = re.search(rb"\r\nContent-Length: ([0-9]+)\r\n", data)
    while announced and len(data.partition(b"\r\n\r\n")[2]) < int(announced[1]):
        data += connection.recv(65_536)
    return data


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, and a server's TLS for its one name."""

    server: ssl.SSLContext
    ca_file: Path


def authority(folder: Path, name: x509.GeneralName = HOST_NAME) -> Authority:
    """For one name; a certificate that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(name.value))])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key_file)
    return Authority(context, certificate)


@dataclass
class Names:
    """A name server that a test owns: each question gets the next answer, the last one for ever."""

    answers: list[list[str]]
    questions: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.questions.append(host)
        return self.answers[min(len(self.questions), len(self.answers)) - 1]


def fetcher(
    *addresses: str, ca_file: Path | None = None, private: bool = True, seconds: float = 5
) -> Fetcher:
    """One for which every host has these addresses."""
    names = Names([list(addresses or ["127.0.0.1"])])
    return Fetcher(Reach(private, seconds, trusting(ca_file)), resolve=names)
