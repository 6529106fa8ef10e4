"""Clients: what each kind may do by default, and which scope and audience its tokens get."""

from dataclasses import replace

import pytest

from token_service.domain import scopes
from token_service.domain.clients import (
    ADMIN_SCOPE,
    DEFAULTS,
    AuthenticationMethod,
    Client,
    ClientKind,
    ClientSecret,
    Permission,
    granted_scope,
    scopes_allowed,
    well_formed_audience,
    well_formed_id,
)

APP = Client(
    client_id="app",
    name="App",
    kind=ClientKind.APP,
    tenant_id=None,
    authentication=AuthenticationMethod.SECRET,
    secrets=(ClientSecret("stored-hash"),),
    grant_types=frozenset({"refresh_token"}),
    scope="email openid profile",
    default_scope="openid",
    audiences=(),
    resource_identifier=None,
    permissions=frozenset(),
    first_party=True,
    signing_algorithm=None,
    enabled=True,
    epoch=1,
)


def kinds_with(permission):
    return {kind for kind, defaults in DEFAULTS.items() if permission in defaults.permissions}


class TestDefaults:
    def test_every_kind_has_some(self):
        assert set(DEFAULTS) == set(ClientKind)

    def test_only_backends_act_on_other_peoples_sessions(self):
        for permission in (
            Permission.SESSIONS_READ,
            Permission.SESSIONS_REVOKE,
            Permission.IMPERSONATE,
        ):
            assert kinds_with(permission) == {ClientKind.BACKEND}

    def test_only_an_administration_client_may_have_the_scope_admin(self):
        admins = {kind for kind in DEFAULTS if ADMIN_SCOPE in scopes.names(DEFAULTS[kind].scope)}
        assert admins == {ClientKind.ADMIN}

    def test_only_a_public_client_has_no_secret_and_it_gets_no_token_for_itself(self):
        public = DEFAULTS[ClientKind.PUBLIC]
        assert "client_credentials" not in public.grant_types
        for kind, defaults in DEFAULTS.items():
            without = defaults.authentication is AuthenticationMethod.NONE
            assert without == (kind is ClientKind.PUBLIC)

    def test_only_applications_of_the_house_may_take_passwords(self):
        first_party = {kind for kind, defaults in DEFAULTS.items() if defaults.first_party}
        assert first_party == {ClientKind.APP, ClientKind.PUBLIC}

    @pytest.mark.parametrize("kind", ClientKind)
    def test_the_default_scope_is_allowed_and_canonical(self, kind):
        defaults = DEFAULTS[kind]
        for scope in (defaults.scope, defaults.default_scope):
            assert scope == scopes.canonical(scopes.names(scope))
        assert scopes.names(defaults.default_scope) <= scopes.names(defaults.scope)


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        (None, "openid"),
        ("openid", "openid"),
        ("profile openid", "openid profile"),
        ("openid openid", "openid"),
        ("email openid profile", "email openid profile"),
        ("admin", None),
        ("openid admin", None),
        ("OPENID", None),
        ("", None),
        (" openid", None),
        ("openid\n", None),
        ("openid\0", None),
        ("\ud800", None),
    ],
)
def test_the_scope_of_a_new_grant(requested, granted):
    assert granted_scope(APP, requested) == granted


def test_a_client_without_scopes_gets_none():
    bare = replace(APP, scope="", default_scope="")
    assert granted_scope(bare, None) == ""
    assert granted_scope(bare, "openid") is None


@pytest.mark.parametrize(
    ("audiences", "audience"), [((), ("app",)), (("api",), ("api",)), (("a", "b"), ("a", "b"))]
)
def test_the_audience_is_never_empty(audiences, audience):
    assert replace(APP, audiences=audiences).audience == audience


@pytest.mark.parametrize(
    ("identifier", "audience", "meant"),
    [
        (None, ("app",), True),
        (None, ("other", "app"), True),
        (None, ("other",), False),
        (None, ("application",), False),
        (None, (), False),
        ("https://api.example.test", ("https://api.example.test",), True),
        ("https://api.example.test", ("app",), False),
        ("https://api.example.test", ("https://api.example.test/",), False),
    ],
)
def test_a_resource_server_is_meant_by_its_whole_identifier(identifier, audience, meant):
    assert replace(APP, resource_identifier=identifier).is_meant(audience) is meant


def test_who_is_public_and_who_holds_a_permission():
    public = replace(APP, authentication=AuthenticationMethod.NONE)
    backend = replace(APP, permissions=frozenset({Permission.SESSIONS_READ}))
    assert (APP.is_public, public.is_public) == (False, True)
    assert backend.may(Permission.SESSIONS_READ)
    assert not backend.may(Permission.SESSIONS_REVOKE)


def test_a_client_never_prints_its_secrets():
    assert "stored-hash" not in repr(APP)


@pytest.mark.parametrize("client_id", ["a", "app-1", "A.b_c~d", "a" * 255, "a" * 31, "g" * 32])
def test_a_client_id_is_made_of_unreserved_url_characters(client_id):
    assert well_formed_id(client_id)


@pytest.mark.parametrize(
    "client_id",
    ["", "a" * 256, "a b", "a:b", "a/b", "a%20", "é", "a\0", "a\n", "\ud800", "a" * 32, "0aF9" * 8],
)
def test_what_is_no_client_id_or_could_be_an_account(client_id):
    assert not well_formed_id(client_id)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("https://api.example.test/v1?a=b#c", True),
        ("a" * 255, True),
        ("", False),
        ("a" * 256, False),
        ("a b", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_a_resource_identifier_is_printable_ascii(identifier, expected):
    assert well_formed_audience(identifier) is expected


@pytest.mark.parametrize("kind", ClientKind)
def test_the_scope_admin_is_for_administration_clients(kind):
    assert scopes_allowed(kind, "openid profile administer")
    assert scopes_allowed(kind, "openid admin") is (kind is ClientKind.ADMIN)
