"""What comes out of an OAuth endpoint; `web` gives each no its status and its words."""

from dataclasses import dataclass
from typing import TypeAlias

from authlib.oauth2 import OAuth2Error

from token_service.domain.refusals import Refused
from token_service.oauth.credentials import Misuse


@dataclass(frozen=True, slots=True)
class ClientRefused:
    """The client has not proved who it is."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class GrantRefused:
    """The client is known, and does not get what it asks for."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class ProofRefused:
    """The client is known, and has not proved the key that its tokens are to be bound to."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class ParameterMissing:
    """A required parameter is missing (`invalid_request`)."""

    name: str


@dataclass(frozen=True, slots=True)
class GrantTypeUnsupported:
    """There is no such grant here (`unsupported_grant_type`)."""


No: TypeAlias = (
    ClientRefused | GrantRefused | ProofRefused | Misuse | ParameterMissing | GrantTypeUnsupported
)


class Declined(OAuth2Error):
    """Carries a no through Authlib, which takes every `OAuth2Error` for an answer."""

    def __init__(self, answer: No) -> None:
        super().__init__()
        self.answer = answer
