"""Demo data: two tenants, three accounts and a client of each kind, with random secrets.

The secrets stand in one file and nowhere else. As long as file and database belong together the
file is used as it is; for another database, new data are made.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.domain.accounts import Account, NameKind, SignInName, sign_in_name
from token_service.domain.clients import AuthenticationMethod, Client, ClientKind
from token_service.domain.failures import Conflict
from token_service.domain.refusals import Refused
from token_service.domain.tenants import Tenant
from token_service.services import accounts, client_registration, tenants
from token_service.services.accounts import NewAccount
from token_service.services.changes import Author
from token_service.services.client_registration import NewClient, Registered
from token_service.services.clients import secret_hash
from token_service.services.signing_in import Gate
from token_service.storage import accounts as stored_accounts
from token_service.storage import configuration
from token_service.storage.database import Database, Transaction

_PASSWORD_PREFIX = "demo_"  # noqa: S105
_PEOPLE = ("ada", "grace", "alan")
_KINDS = tuple(ClientKind)
