"""The provider as relying parties see it: nothing is known of it but its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.world.world import Person


@dataclass(frozen=True)
class Provider:
    """Its metadata, a permit to register clients, and somebody who can sign in there."""

    metadata: Mapping[str, Any]
    permit: str
    person: Person

    @classmethod
    def discovered(cls, issuer: str, permit: str, person: Person) -> "Provider":
        """OpenID Connect Discovery section 4."""
        answer = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "application/json"
        found = answer.json()
        assert found["issuer"] == issuer
        return cls(found, permit, person)

    @property
    def issuer(self) -> str:
        """The `iss` of everything that it says."""
        return str(self.metadata["issuer"])

    def endpoint(self, name: str) -> str:
        """The address of an endpoint."""
        return str(self.metadata[f"{name}_endpoint"])

    def keys(self) -> dict[str, Any]:
        """Its public keys, as they are now."""
        answer = requests.get(str(self.metadata["jwks_uri"]), timeout=10)
        assert answer.status_code == 200
        return dict(answer.json())
