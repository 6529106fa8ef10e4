"""django-oauth-toolkit in a Django project of one file, set up as both documentations say.

Settings: PGHOST, PGPORT, PGUSER and PGDATABASE, SECRET (of the client `app`), SESSIONS and SEEDS:
`python server.py` makes the tables and so many sessions, and writes their refresh tokens to that
file. The client's secret is stored as it is: hashed, as by default, it costs 0.1 s at each request.
"""

import os
import secrets
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import include, path
from django.utils import timezone

_ACCESS_SECONDS = 900

settings.configure(
    SECRET_KEY=os.environ["SECRET"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "NAME": os.environ["PGDATABASE"],
            "CONN_MAX_AGE": None,
        }
    },
    OAUTH2_PROVIDER={
        "SCOPES": {"api:read": "read"},
        "ACCESS_TOKEN_EXPIRE_SECONDS": _ACCESS_SECONDS,
        "REFRESH_TOKEN_EXPIRE_SECONDS": 14 * 86_400,
        "ROTATE_REFRESH_TOKEN": True,
    },
    LOGGING_CONFIG=None,
)
django.setup()
application = get_wsgi_application()
urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("ready", lambda request: JsonResponse({"ready": True})),
]


def _application(client_id, grant_type):
    from oauth2_provider.models import Application

    return Application.objects.create(
        client_id=client_id,
        client_secret=os.environ["SECRET"],
        hash_client_secret=False,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=grant_type,
        redirect_uris="https://client.example.test/callback",
        name=client_id,
    )


def _begin(number, client):
    """A session of an account of its own; its refresh token."""
    from django.contrib.auth.models import User
    from oauth2_provider.models import AccessToken, RefreshToken

    user = User.objects.create(username=f"account-{number}")
    access = AccessToken.objects.create(
        user=user,
        application=client,
        token=secrets.token_urlsafe(24),
        expires=timezone.now() + timedelta(seconds=_ACCESS_SECONDS),
        scope="api:read",
    )
    refresh = RefreshToken.objects.create(
        user=user, application=client, token=secrets.token_urlsafe(24), access_token=access
    )
    return refresh.token


def _prepare():
    call_command("migrate", verbosity=0)
    client = _application("app", "authorization-code")
    _application("service", "client-credentials")
    tokens = [_begin(number, client) for number in range(int(os.environ["SESSIONS"]))]
    Path(os.environ["SEEDS"]).write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    _prepare()
