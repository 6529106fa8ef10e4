"""What the views need of one application: made by `app.py`, found through Flask."""

from dataclasses import dataclass, field
from typing import cast

from flask import Request, current_app, request

from token_service.clock import Clock
from token_service.domain.pushed_requests import PushRules
from token_service.domain.registration_terms import Terms
from token_service.outbound.fetching import Fetcher
from token_service.services.client_proofs import Proofs
from token_service.services.configuration import Configuration
from token_service.services.garbage import Garbage
from token_service.services.herald import Herald
from token_service.services.keys import KeyPlan
from token_service.services.postman import Postman
from token_service.services.self_registration import Rules
from token_service.services.signing_in import Gate
from token_service.settings import Settings
from token_service.storage.database import Database
from token_service.storage.geography import Geography

EXTENSION = "token_service"


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's parts, each made once; postman and herald walk in a server's workers
    only.

    `operators` are the terms on which whoever runs the service describes clients.
    """

    settings: Settings = field(repr=False)
    clock: Clock
    database: Database
    configuration: Configuration
    gate: Gate
    keys: KeyPlan
    geography: Geography
    postman: Postman
    fetcher: Fetcher
    herald: Herald
    proofs: Proofs
    registration: Rules
    operators: Terms
    pushing: PushRules
    garbage: Garbage


def parts() -> Parts:
    """The parts of the application that handles this request."""
    return cast(Parts, current_app.extensions[EXTENSION])


def this_request() -> Request:
    """The request itself, for code that looks at it more than once: `flask.request` searches for
    it at every look."""
    return cast(Request, request._get_current_object())  # type: ignore[attr-defined]
