"""The hosted pages as a client: a browser's sign-in is a grant of theirs (docs/adr/0019)."""

from token_service.domain.clients import AuthenticationMethod, Client, ClientKind

PAGES_ID = ":pages"
"""No client can be registered under this id: the colon is none of an id's characters."""

PAGES = Client(
    client_id=PAGES_ID,
    name="Sign-in pages",
    kind=ClientKind.APP,
    tenant_id=None,
    # There is no secret: nobody can authenticate as the pages.
    authentication=AuthenticationMethod.SECRET,
    secrets=(),
    grant_types=frozenset(),
    scope="",
    default_scope="",
    audiences=(),
    resource_identifier=None,
    permissions=frozenset(),
    first_party=True,
    signing_algorithm=None,
    enabled=True,
    epoch=1,
)
"""Built in, and the same for ever: no row, no scope, no limit of its own."""
