"""Puts the HTTP side of an application together: limits, views, errors, hooks."""

from typing import cast

from flask import Flask

from token_service.web import (
    account_audit,
    account_sessions,
    api,
    cross_origin,
    discovery,
    every_request,
    impersonations,
    lock_outs,
    logs,
    me,
    my_consents,
    my_sessions,
    my_tenants,
    oauth_api,
    operation,
    passwords,
    policies,
    refusing,
    registration,
    signing_in,
    tenant_members,
    tenant_roles,
    tokens,
    userinfo,
)
from token_service.web.application import Application
from token_service.web.express import Express
from token_service.web.pages import (
    authorizing,
    choices,
    consents,
    device,
    forgotten_password,
    front_page,
    log_out,
    password_reset,
    sign_in,
)
from token_service.web.parts import EXTENSION, Parts


def install(app: Application) -> None:
    """Make the application answer; its `Parts` are in place already."""
    parts = cast(Parts, app.extensions[EXTENSION])
    settings = parts.settings
    logs.configure(settings.logging.level)
    _harden(app, settings.server.max_body_bytes)
    api.install(
        app,
        (
            signing_in.blueprint,
            tokens.blueprint,
            account_sessions.blueprint,
            account_audit.blueprint,
            my_sessions.blueprint,
            policies.blueprint,
            me.blueprint,
            impersonations.blueprint,
            my_tenants.blueprint,
            my_consents.blueprint,
            tenant_roles.blueprint,
            tenant_members.blueprint,
            passwords.blueprint,
            lock_outs.blueprint,
        ),
    )
    for blueprint in (
        oauth_api.blueprint,
        userinfo.blueprint,
        registration.blueprint,
        discovery.blueprint_for(settings),
        operation.blueprint,
        front_page.blueprint,
        log_out.blueprint,
        password_reset.blueprint,
        authorizing.blueprint,
        sign_in.blueprint,
        choices.blueprint,
        consents.blueprint,
        device.blueprint,
        forgotten_password.blueprint,
    ):
        app.register_blueprint(blueprint)
    refusing.install(app)
    every_request.install(app, issuer=settings.issuer)
    cross_origin.install(app, issuer=settings.issuer)
    app.express = Express(parts)
    app.wsgi_app = app.express.before(app.wsgi_app)  # type: ignore[assignment,method-assign]


def _harden(app: Flask, max_body_bytes: int) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=max_body_bytes,
        # Methods are an allow-list; who asks for OPTIONS asks for what is not offered.
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    # `//v1/...` is another path than `/v1/...`: a proxy that guards one must not meet the other
    # through a redirect.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
