"""The grants of the token endpoint: Authlib finds them, each makes one service call.

Authlib's own grants are not used: they store and log tokens, and spend before they check.
"""

from typing import Any

from authlib.oauth2.rfc6749 import BaseGrant, TokenEndpointMixin

from token_service.domain import device_authorizations
from token_service.domain.clients import Client
from token_service.domain.confirmations import Confirmation
from token_service.domain.refusals import Refusal, Refused
from token_service.oauth.answers import (
    ClientRefused,
    Declined,
    GrantRefused,
    ParameterMissing,
    ProofRefused,
)
from token_service.oauth.call import Call
from token_service.oauth.credentials import CONFIDENTIAL, EVERY_CLIENT
from token_service.services import clients, codes, device_tokens, switching
from token_service.services.codes import Redemption
from token_service.services.device_tokens import DevicePoll
from token_service.services.issuing import IssuedTokens
from token_service.services.refreshing import Refresh

Response = tuple[int, IssuedTokens, list[Any]]


class _Grant(BaseGrant, TokenEndpointMixin):
    """Client authentication first, whatever else may be wrong with the request; then, for every
    grant alike, what the tokens are to be bound to (RFC 9449 section 5)."""

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()

    def create_token_response(self) -> Response:
        call, client = self.request.call, self.request.client.client
        confirmation = call.confirm(client)
        if isinstance(confirmation, Refused):
            raise Declined(ProofRefused(confirmation))
        answer = self.issue(call, client, confirmation)
        if isinstance(answer, Refused):
            raise Declined(GrantRefused(answer))
        return 200, answer, []

    def issue(
        self, call: Call, client: Client, confirmation: Confirmation
    ) -> IssuedTokens | Refused:
        raise NotImplementedError


class ClientCredentialsGrant(_Grant):
    """RFC 6749 section 4.4."""

    GRANT_TYPE = "client_credentials"
    TOKEN_ENDPOINT_AUTH_METHODS = [*CONFIDENTIAL]

    def issue(
        self, call: Call, client: Client, confirmation: Confirmation
    ) -> IssuedTokens | Refused:
        """A token for the client itself."""
        around = call.surroundings
        issued = clients.issue_client_token(
            around.database,
            around.clock,
            around.snapshot,
            client,
            call.form.get("scope"),
            confirmation,
        )
        if isinstance(issued, Refused) and issued.reason is Refusal.TENANT_DISABLED:
            # Here the client is its own grant, and it went with its tenant.
            raise Declined(ClientRefused(issued))
        return issued


class AuthorizationCodeGrant(_Grant):
    """RFC 6749 section 4.1.3, with the code verifier of RFC 7636."""

    GRANT_TYPE = codes.GRANT_TYPE
    TOKEN_ENDPOINT_AUTH_METHODS = [*EVERY_CLIENT]

    def issue(
        self, call: Call, client: Client, confirmation: Confirmation
    ) -> IssuedTokens | Refused:
        """The first tokens of the grant that the code opens."""
        code = call.form.get("code")
        if code is None:
            raise Declined(ParameterMissing("code"))
        around = call.surroundings
        command = Redemption(
            client=client,
            code=code,
            redirect_uri=call.form.get("redirect_uri"),
            verifier=call.form.get("code_verifier"),
            origin=around.origin,
            resource=call.form.get("resource"),
            confirmation=confirmation,
        )
        return codes.redeem(around.database, around.clock, around.snapshot, command)


class DeviceCodeGrant(_Grant):
    """RFC 8628 section 3.4."""

    GRANT_TYPE = device_authorizations.GRANT_TYPE
    TOKEN_ENDPOINT_AUTH_METHODS = [*EVERY_CLIENT]

    def issue(
        self, call: Call, client: Client, confirmation: Confirmation
    ) -> IssuedTokens | Refused:
        """The first tokens of the device's session, once somebody has let it in."""
        code = call.form.get("device_code")
        if code is None:
            raise Declined(ParameterMissing("device_code"))
        around = call.surroundings
        command = DevicePoll(client, code, around.origin, call.device, confirmation)
        return device_tokens.redeem(around.database, around.clock, around.snapshot, command)


class RefreshGrant(_Grant):
    """RFC 6749 section 6."""

    GRANT_TYPE = "refresh_token"
    TOKEN_ENDPOINT_AUTH_METHODS = [*EVERY_CLIENT]

    def issue(
        self, call: Call, client: Client, confirmation: Confirmation
    ) -> IssuedTokens | Refused:
        """The successor of the presented refresh token, or the tokens for another `tenant_id`."""
        token = call.form.get("refresh_token")
        if token is None:
            raise Declined(ParameterMissing("refresh_token"))
        around = call.surroundings
        command = Refresh(client, token, call.form.get("scope"), around.origin, confirmation)
        tenant_id = call.form.get("tenant_id")
        return switching.refresh(around.database, around.clock, around.snapshot, command, tenant_id)
