"""Authlib's authorization server as its documentation builds it on Flask and Flask-SQLAlchemy.

Settings: DATABASE_URL, SECRET (of the client `app`), SESSIONS and SEEDS: `python server.py` makes
the tables and so many sessions, and writes their refresh tokens to that file.
"""

import os
import secrets
import time
from pathlib import Path

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

_ACCESS_SECONDS = 900
_REFRESH_SECONDS = 14 * 86_400

db = SQLAlchemy()


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    username = db.Column(db.String(40), unique=True)

    def get_user_id(self):
        return self.id


class OAuth2Client(db.Model, OAuth2ClientMixin):
    __tablename__ = "oauth2_client"
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id", ondelete="CASCADE"))
    user = db.relationship("User")


class OAuth2Token(db.Model, OAuth2TokenMixin):
    __tablename__ = "oauth2_token"
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id", ondelete="CASCADE"))
    user = db.relationship("User")

    def is_refresh_token_active(self):
        return not self.is_revoked() and self.issued_at + _REFRESH_SECONDS >= time.time()


class RefreshTokenGrant(grants.RefreshTokenGrant):
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        token = OAuth2Token.query.filter_by(refresh_token=refresh_token).first()
        return token if token and token.is_refresh_token_active() else None

    def authenticate_user(self, credential):
        return db.session.get(User, credential.user_id)

    def revoke_old_credential(self, credential):
        now = int(time.time())
        credential.access_token_revoked_at = now
        credential.refresh_token_revoked_at = now
        db.session.add(credential)
        db.session.commit()


class Introspection(IntrospectionEndpoint):
    def query_token(self, token, token_type_hint):
        return (
            OAuth2Token.query.filter_by(access_token=token).first()
            or OAuth2Token.query.filter_by(refresh_token=token).first()
        )

    def introspect_token(self, token):
        return {
            "active": True,
            "client_id": token.client_id,
            "token_type": token.token_type,
            "username": token.user.username,
            "scope": token.get_scope(),
            "sub": str(token.user_id),
            "exp": token.issued_at + token.expires_in,
            "iat": token.issued_at,
        }

    def check_permission(self, token, client, request):
        return True


app = Flask(__name__)
app.config.update(
    SQLALCHEMY_DATABASE_URI=os.environ["DATABASE_URL"],
    OAUTH2_REFRESH_TOKEN_GENERATOR=True,
    OAUTH2_TOKEN_EXPIRES_IN=dict.fromkeys(
        ("authorization_code", "client_credentials", "refresh_token"), _ACCESS_SECONDS
    ),
)
db.init_app(app)
server = AuthorizationServer(
    app,
    query_client=create_query_client_func(db.session, OAuth2Client),
    save_token=create_save_token_func(db.session, OAuth2Token),
)
server.register_grant(grants.ClientCredentialsGrant)
server.register_grant(RefreshTokenGrant)
server.register_endpoint(Introspection)


@app.post("/oauth/token")
def issue_token():
    return server.create_token_response()


@app.post("/oauth/introspect")
def introspect_token():
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.get("/ready")
def ready():
    return jsonify(ready=True)


def _begin(number):
    """A session of an account of its own; its refresh token."""
    user = User(username=f"account-{number}")
    token = OAuth2Token(
        client_id="app",
        user=user,
        token_type="Bearer",
        access_token=secrets.token_urlsafe(32),
        refresh_token=secrets.token_urlsafe(36),
        scope="api:read",
        issued_at=int(time.time()),
        expires_in=_ACCESS_SECONDS,
    )
    db.session.add(token)
    return token.refresh_token


def _prepare():
    db.create_all()
    client = OAuth2Client(
        client_id="app", client_secret=os.environ["SECRET"], client_id_issued_at=int(time.time())
    )
    client.set_client_metadata(
        {
            "client_name": "app",
            "grant_types": ["client_credentials", "refresh_token"],
            "scope": "api:read",
            "token_endpoint_auth_method": "client_secret_basic",
        }
    )
    db.session.add(client)
    tokens = [_begin(number) for number in range(int(os.environ["SESSIONS"]))]
    db.session.commit()
    Path(os.environ["SEEDS"]).write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    with app.app_context():
        _prepare()
