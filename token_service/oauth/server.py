"""Authlib's server, told about our grants and endpoints. It holds nothing of any request."""

from collections.abc import Callable
from typing import Any, cast

from authlib.oauth2 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749 import InvalidClientError, UnsupportedGrantTypeError

from token_service.domain.refusals import Refusal, Refused
from token_service.oauth.answers import (
    ClientRefused,
    Declined,
    GrantTypeUnsupported,
    No,
    ParameterMissing,
)
from token_service.oauth.call import Call, CallRequest, OAuthClient
from token_service.oauth.client_authentication import authenticated
from token_service.oauth.credentials import EVERY_CLIENT, Method, Misuse
from token_service.oauth.endpoints import (
    DeviceAuthorizationEndpoint,
    Introspected,
    IntrospectionEndpoint,
    PushedRequestEndpoint,
    RevocationEndpoint,
)
from token_service.oauth.grants import (
    AuthorizationCodeGrant,
    ClientCredentialsGrant,
    DeviceCodeGrant,
    RefreshGrant,
)
from token_service.services.device_authorizations import DeviceBegun
from token_service.services.issuing import IssuedTokens
from token_service.services.pushing import Pushed, PushRefused

GRANTS = (AuthorizationCodeGrant, ClientCredentialsGrant, DeviceCodeGrant, RefreshGrant)


class Server(AuthorizationServer):
    """The endpoints of RFC 6749, 7662, 7009, 8628 and 9126: a `Call` in, a value out."""

    def __init__(self) -> None:
        super().__init__()
        for method in EVERY_CLIENT:
            self.register_client_auth_method(method, _by(method))
        for grant in GRANTS:
            self.register_grant(grant)
        self.register_endpoint(IntrospectionEndpoint)
        self.register_endpoint(RevocationEndpoint)
        self.register_endpoint(DeviceAuthorizationEndpoint)
        self.register_endpoint(PushedRequestEndpoint)

    def token(self, call: Call) -> IssuedTokens | No:
        """The token endpoint (RFC 6749 section 3.2)."""
        if "grant_type" not in call.form:
            return ParameterMissing("grant_type")
        return cast("IssuedTokens | No", self.create_token_response(call))

    def introspection(self, call: Call) -> Introspected | No:
        """The introspection endpoint (RFC 7662)."""
        answer = self.create_endpoint_response(IntrospectionEndpoint.ENDPOINT_NAME, call)
        return cast("Introspected | No", answer)

    def revocation(self, call: Call) -> No | None:
        """The revocation endpoint (RFC 7009); None: done, or there was nothing to do."""
        answer = self.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME, call)
        return cast("No | None", answer)

    def device_authorization(self, call: Call) -> DeviceBegun | No:
        """The device authorization endpoint (RFC 8628)."""
        answer = self.create_endpoint_response(DeviceAuthorizationEndpoint.ENDPOINT_NAME, call)
        return cast("DeviceBegun | No", answer)

    def pushed_request(self, call: Call) -> Pushed | PushRefused | No:
        """The pushed authorization request endpoint (RFC 9126)."""
        answer = self.create_endpoint_response(PushedRequestEndpoint.ENDPOINT_NAME, call)
        return cast("Pushed | PushRefused | No", answer)

    # What Authlib asks of a framework integration.

    def query_client(self, client_id: str) -> None:
        """Never asked: clients authenticate through `_by`."""
        raise NotImplementedError

    def create_oauth2_request(self, request: Call) -> CallRequest:
        """A `Call` in Authlib's terms."""
        return CallRequest(request)

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        """What the grant or endpoint gave, as it is."""
        return body

    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> No:
        """Only which error it was: Authlib's own texts repeat what the request said."""
        match error:
            case Declined():
                return error.answer
            case UnsupportedGrantTypeError():
                return GrantTypeUnsupported()
            case InvalidClientError():
                return ClientRefused(Refused(Refusal.WRONG_AUTHENTICATION_METHOD))
        raise error

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens: what happened is in the audit log, written with the change."""


def _by(method: Method) -> Callable[[object, CallRequest], OAuthClient | None]:
    def authenticate(_query_client: object, request: CallRequest) -> OAuthClient | None:
        credentials = request.call.credentials
        if not isinstance(credentials, Misuse) and credentials.method is not method:
            return None
        client = authenticated(request.call.surroundings, credentials, EVERY_CLIENT)
        if isinstance(client, ClientRefused | Misuse):
            raise Declined(client)
        return OAuthClient(client)

    return authenticate
