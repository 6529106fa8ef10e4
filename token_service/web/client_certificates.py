"""The certificate of a client's connection, as the proxy that ends TLS hands it on (RFC 8705)."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.serialization import Encoding
from flask import request

from token_service.crypto import certificates
from token_service.crypto.certificates import Certificate
from token_service.web.origin import is_from_proxy
from token_service.web.parts import parts

_LONGEST = 16_384


def of_connection() -> Certificate | None:
    """None without a certificate, and where somebody else than a trusted proxy says so: whoever
    reaches this service directly could write the header as well (RFC 9440 section 4)."""
    header = parts().settings.server.client_certificate_header
    if not header or not is_from_proxy():
        return None
    return certificate_in(request.headers.get(header, ""))


def encoded() -> bytes | None:
    """The same in DER, which its thumbprint is taken of (RFC 8705 section 3.1)."""
    found = of_connection()
    return None if found is None else found.public_bytes(Encoding.DER)


def certificate_in(value: str) -> Certificate | None:
    """The certificate in `:base64:` (RFC 9440 section 2.1) or percent-encoded PEM (nginx).

    None for anything else, two headers among them, which a server joins by a comma.
    """
    if len(value) > _LONGEST or not value.isascii():
        return None
    if value.startswith(":"):
        return _of_byte_sequence(value)
    return certificates.of_pem(unquote_to_bytes(value)) if "," not in value else None


def _of_byte_sequence(value: str) -> Certificate | None:
    """RFC 8941 section 3.3.5."""
    if len(value) < 2 or not value.endswith(":"):
        return None
    try:
        return certificates.of_der(base64.b64decode(value[1:-1], validate=True))
    except binascii.Error:
        return None
