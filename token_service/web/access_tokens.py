"""Access tokens in the `Authorization` header (RFC 6750 section 2.1, RFC 9449 section 7.1)."""

import re
from dataclasses import dataclass, field

from flask import request

from token_service.domain.confirmations import TokenType
from token_service.domain.refusals import Refused
from token_service.oauth.credentials import Misuse
from token_service.services import inspection
from token_service.services.configuration import Snapshot
from token_service.services.inspection import Inspection
from token_service.web import errors, possession
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, malformed, refusal

SCHEMES = frozenset({"bearer", "dpop"})

_TOKEN = re.compile(r"(bearer|dpop) +([A-Za-z0-9._~+/-]+=*) *", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Presented:
    """An access token, and by which scheme it came."""

    token: str = field(repr=False)
    scheme: TokenType


def presented() -> Presented:
    """The token in the `Authorization` header; nowhere else (RFC 9700 section 2.5)."""
    header = request.headers.get("Authorization")
    if header is None:
        raise Refuse(errors.TOKEN_MISSING)
    if "," in header:
        raise malformed(Misuse.TWO_HEADERS)
    match = _TOKEN.fullmatch(header)
    if match is None:
        raise Refuse(errors.INVALID_TOKEN)
    return Presented(match[2], "DPoP" if match[1].lower() == "dpop" else "Bearer")


def live(snapshot: Snapshot, shown: Presented) -> Inspection:
    """What is known of a live access token, in the hands of whom it is bound to."""
    here = parts()
    found = inspection.inspect(here.database, here.clock, snapshot, shown.token)
    if isinstance(found, Refused):
        raise refusal(found, errors.BEARER)
    possession.require(snapshot, found, shown.token, shown.scheme)
    return found
