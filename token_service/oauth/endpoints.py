"""The endpoints beside the token endpoint: Authlib authenticates the caller, each makes one service
call."""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import TokenEndpoint

from token_service.domain.clients import Client
from token_service.domain.refusals import Refused
from token_service.oauth.answers import Declined, GrantRefused, ParameterMissing, ProofRefused
from token_service.oauth.call import CallRequest
from token_service.oauth.credentials import CONFIDENTIAL, EVERY_CLIENT, OF_CREDENTIALS
from token_service.services import device_authorizations, inspection, pushing, revocation
from token_service.services.device_authorizations import DeviceAsks, DeviceBegun
from token_service.services.garbage import Asker, Watch
from token_service.services.inspection import Inspection
from token_service.services.pushing import Push, Pushed, PushRefused


@dataclass(frozen=True, slots=True)
class Introspected:
    """What a caller may know of a token; `Refused`: the token is not active."""

    caller: Client
    found: Inspection | Refused


class IntrospectionEndpoint(TokenEndpoint):
    """RFC 7662. A `token_type_hint` is ignored: every token says itself what it is."""

    ENDPOINT_NAME = "introspection"
    CLIENT_AUTH_METHODS = [*CONFIDENTIAL]

    def create_endpoint_response(self, request: CallRequest) -> tuple[int, Introspected, list[Any]]:
        """What the caller may know of the token."""
        caller = self.authenticate_endpoint_client(request).client
        around = request.call.surroundings
        token = _token(request)
        watch = Watch(around.garbage, Asker(around.origin, caller.client_id))
        found = inspection.introspect(
            around.database, around.clock, around.snapshot, caller, token, watch
        )
        if inspection.is_throttled(found):
            raise Declined(GrantRefused(found))
        return 200, Introspected(caller, found), []


class RevocationEndpoint(TokenEndpoint):
    """RFC 7009: ends the grant. A wrong `token_type_hint` does no harm (section 2.1)."""

    ENDPOINT_NAME = "revocation"
    CLIENT_AUTH_METHODS = [*EVERY_CLIENT]

    def create_endpoint_response(self, request: CallRequest) -> tuple[int, None, list[Any]]:
        """Nothing, whether the token was good, bad or another client's (section 2.2)."""
        caller = self.authenticate_endpoint_client(request).client
        around = request.call.surroundings
        token = _token(request)
        revocation.revoke(
            around.database, around.clock, around.snapshot, caller, token, around.origin
        )
        return 200, None, []


class DeviceAuthorizationEndpoint(TokenEndpoint):
    """RFC 8628 section 3.1."""

    ENDPOINT_NAME = "device_authorization"
    CLIENT_AUTH_METHODS = [*EVERY_CLIENT]

    def create_endpoint_response(self, request: CallRequest) -> tuple[int, DeviceBegun, list[Any]]:
        """Two codes: one to poll with, and one for a person to type in."""
        caller = self.authenticate_endpoint_client(request).client
        call, around = request.call, request.call.surroundings
        command = DeviceAsks(
            client=caller,
            scope=call.form.get("scope"),
            resources=tuple(call.form.get("resource", "").split()),
            tenant_id=call.form.get("tenant_id"),
            origin=around.origin,
            device=call.device,
        )
        begun = device_authorizations.begin(
            around.database, around.clock, around.snapshot, around.throttle, command
        )
        if isinstance(begun, Refused):
            raise Declined(GrantRefused(begun))
        return 200, begun, []


class PushedRequestEndpoint(TokenEndpoint):
    """RFC 9126 section 2: the caller is whoever may use the token endpoint."""

    ENDPOINT_NAME = "pushed_authorization_request"
    CLIENT_AUTH_METHODS = [*EVERY_CLIENT]

    def create_endpoint_response(
        self, request: CallRequest
    ) -> tuple[int, Pushed | PushRefused, list[Any]]:
        """How the client names the request from now on, or what is wrong with it."""
        client = self.authenticate_endpoint_client(request).client
        call, around = request.call, request.call.surroundings
        confirmation = call.confirm(client)
        if isinstance(confirmation, Refused):
            raise Declined(ProofRefused(confirmation))
        parameters = {name: one for name, one in call.form.items() if name not in OF_CREDENTIALS}
        # A client that authenticates need not name itself once more.
        command = Push(
            client=client,
            parameters=parameters | {"client_id": client.client_id},
            key=confirmation.key,
            origin=around.origin,
        )
        answer = pushing.push(
            around.database,
            around.clock,
            around.snapshot,
            around.throttle,
            around.proofs.keys,
            around.pushing,
            command,
        )
        return 201, answer, []


def _token(request: CallRequest) -> str:
    token = request.form.get("token")
    if token is None:
        raise Declined(ParameterMissing("token"))
    return token
