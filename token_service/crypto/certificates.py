"""Certificates by which clients authenticate (RFC 8705): read, verified and compared."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from token_service.domain.client_metadata import ClientMetadata

Certificate: TypeAlias = x509.Certificate


@dataclass(frozen=True, slots=True)
class Authorities:
    """The certificate authorities that certify clients."""

    certificates: tuple[Certificate, ...]


def authorities_of(path: Path | None) -> Authorities | None:
    """Those in a PEM file; None for none. Raises OSError or ValueError."""
    if path is None:
        return None
    return Authorities(tuple(x509.load_pem_x509_certificates(path.read_bytes())))


def of_der(data: bytes) -> Certificate | None:
    """The certificate, or None for what is none."""
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError:
        return None


def of_pem(data: bytes) -> Certificate | None:
    """The one certificate in a PEM text, or None: of several it is not known which was proved."""
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def in_force(certificate: Certificate, now: datetime) -> bool:
    """Whether `now` is between its two dates."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _may_certify(_policy: Policy, _of: Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("a key that is not for certificates")


_OF_AUTHORITIES = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_certify)
    .may_be_present(x509.SubjectKeyIdentifier, Criticality.AGNOSTIC, None)
)
"""RFC 5280 wants both in authorities, and those that `openssl req -x509` makes lack the first."""


def is_certified(certificate: Certificate, by: Authorities, now: datetime) -> bool:
    """Whether one of the authorities has signed it, for whatever it names (RFC 5280 section 6).

    Verified here, whatever the proxy has verified: a proxy that asks for certificates of any kind
    hands on those that nobody has signed as well.
    """
    policy = (
        PolicyBuilder()
        .store(Store(list(by.certificates)))
        .time(now)
        .extension_policies(ca_policy=_OF_AUTHORITIES, ee_policy=ExtensionPolicy.permit_all())
    )
    try:
        policy.build_client_verifier().verify(certificate, [])
    except VerificationError:
        return False
    return True


def is_one_of(certificate: Certificate, registered: Sequence[bytes]) -> bool:
    """Whether it is one of these, in DER."""
    return certificate.public_bytes(Encoding.DER) in registered


def names(certificate: Certificate, registered: ClientMetadata) -> bool:
    """Whether its subject is the one that the client has registered (RFC 8705 section 2.1.2).

    Exactly one of the five members says who it is; with none or several nobody is.
    """
    by = [
        (registered.tls_client_auth_subject_dn, _is_subject),
        (registered.tls_client_auth_san_dns, _has_dns),
        (registered.tls_client_auth_san_uri, _has_uri),
        (registered.tls_client_auth_san_ip, _has_ip),
        (registered.tls_client_auth_san_email, _has_email),
    ]
    stated = [(value, compare) for value, compare in by if value is not None]
    return len(stated) == 1 and all(compare(certificate, value) for value, compare in stated)


def _is_subject(certificate: Certificate, name: str) -> bool:
    try:
        return certificate.subject == x509.Name.from_rfc4514_string(name)
    except ValueError:
        return False


def _has_dns(certificate: Certificate, name: str) -> bool:
    alternatives = _alternatives(certificate)
    found = alternatives.get_values_for_type(x509.DNSName) if alternatives else []
    return name.lower() in (one.lower() for one in found)


def _has_uri(certificate: Certificate, uri: str) -> bool:
    alternatives = _alternatives(certificate)
    found = alternatives.get_values_for_type(x509.UniformResourceIdentifier) if alternatives else []
    return uri in found


def _has_ip(certificate: Certificate, address: str) -> bool:
    alternatives = _alternatives(certificate)
    found = alternatives.get_values_for_type(x509.IPAddress) if alternatives else []
    try:
        return ipaddress.ip_address(address) in found
    except ValueError:
        return False


def _has_email(certificate: Certificate, address: str) -> bool:
    alternatives = _alternatives(certificate)
    return address in (alternatives.get_values_for_type(x509.RFC822Name) if alternatives else [])


def _alternatives(certificate: Certificate) -> x509.SubjectAlternativeName | None:
    try:
        extensions = certificate.extensions
        return extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None
