"""The certificate that a client has shown in TLS, as our own proxy in front passes it on."""

import base64
import binascii

from flask import request

from token_service.web.origin import is_from_proxy

_HEADER = "Client-Cert"
_LONGEST = 16_384


def client_certificate() -> bytes | None:
    """The client's certificate in DER (RFC 9440: base64 between colons), None where there is none.

    Only a trusted proxy may say so: everybody else's header is nobody's certificate.
    """
    header = request.headers.get(_HEADER, "").strip()
    if not header or not is_from_proxy() or len(header) > _LONGEST:
        return None
    if len(header) < 3 or header[0] != ":" or header[-1] != ":":
        return None
    try:
        return base64.b64decode(header[1:-1], validate=True)
    except (ValueError, binascii.Error):
        return None
