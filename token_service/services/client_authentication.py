"""Whether a client can be registered with a way to prove who it is."""

from collections.abc import Mapping

from token_service.crypto import client_jwks
from token_service.domain.client_assertions import KEY_ALGORITHMS, SECRET_ALGORITHMS
from token_service.domain.client_metadata import ClientMetadata
from token_service.domain.clients import AuthenticationMethod, ClientKind
from token_service.outbound.targets import Target

_BY_KEY = (AuthenticationMethod.PRIVATE_KEY_JWT, AuthenticationMethod.SELF_SIGNED_TLS)
_MAY_BE_PUBLIC = (ClientKind.APP, ClientKind.PUBLIC)


def is_possible(
    kind: ClientKind, authentication: AuthenticationMethod, metadata: ClientMetadata
) -> bool:
    """Whether the metadata has what the method needs, and nothing that would void it.

    Keys are stated or published, never both (RFC 7591 section 2), and public parts only: a private
    one that was sent here is everybody's (RFC 8725 section 3.5).
    """
    if authentication is AuthenticationMethod.NONE and kind not in _MAY_BE_PUBLIC:
        return False
    if not _are_keys_fit(metadata) or not _is_algorithm_fit(authentication, metadata):
        return False
    if authentication in _BY_KEY and metadata.jwks_uri is None:
        return metadata.jwks is not None and _holds_proof(authentication, metadata.jwks)
    if authentication is AuthenticationMethod.TLS:
        return len(_subjects(metadata)) == 1
    return True


def _are_keys_fit(metadata: ClientMetadata) -> bool:
    if metadata.jwks is not None:
        is_public = not client_jwks.holds_private_part(metadata.jwks)
        return metadata.jwks_uri is None and is_public
    return metadata.jwks_uri is None or Target.of(metadata.jwks_uri) is not None


def _is_algorithm_fit(authentication: AuthenticationMethod, metadata: ClientMetadata) -> bool:
    stated = metadata.token_endpoint_auth_signing_alg
    if stated is None:
        return True
    allowed = {
        AuthenticationMethod.PRIVATE_KEY_JWT: KEY_ALGORITHMS,
        AuthenticationMethod.SECRET_JWT: SECRET_ALGORITHMS,
    }
    return stated in allowed.get(authentication, ())


def _holds_proof(authentication: AuthenticationMethod, jwks: Mapping[str, object]) -> bool:
    if authentication is AuthenticationMethod.SELF_SIGNED_TLS:
        return bool(client_jwks.certificates_of(jwks))
    return bool(client_jwks.keys_of(jwks))


def _subjects(metadata: ClientMetadata) -> list[str]:
    stated = (
        metadata.tls_client_auth_subject_dn,
        metadata.tls_client_auth_san_dns,
        metadata.tls_client_auth_san_uri,
        metadata.tls_client_auth_san_ip,
        metadata.tls_client_auth_san_email,
    )
    return [one for one in stated if one is not None]
