"""Whether a code is good for a use, as a table."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.building import MOMENT, NOW, SECOND
from token_service.domain.authorization_codes import AuthorizationCode, CodeUse, code_refusal
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.refusals import Refusal

URI = "https://app.example/cb"
CODE = AuthorizationCode(
    account_id="a" * 32,
    code_id="b" * 32,
    sid="c" * 32,
    tenant_id="d" * 32,
    client_id="app",
    secret_hash="hash",
    request=AuthorizationRequest("app", URI, code_challenge="challenge"),
    auth_time=NOW,
    expires_at=NOW + timedelta(seconds=60),
    used_at=None,
    grant_id=7,
)
USE = CodeUse("app", "hash", URI, "challenge", None)


def bound(**changes):
    return replace(CODE, request=replace(CODE.request, **changes))


@pytest.mark.parametrize(
    ("code", "use", "refusal"),
    [
        (CODE, USE, None),
        (None, USE, Refusal.UNKNOWN_CODE),
        (CODE, replace(USE, secret_hash="other"), Refusal.UNKNOWN_CODE),
        (CODE, replace(USE, client_id="thief"), Refusal.FOREIGN_CLIENT),
        (replace(CODE, used_at=NOW), replace(USE, client_id="thief"), Refusal.FOREIGN_CLIENT),
        (replace(CODE, used_at=NOW), USE, Refusal.CODE_REPLAYED),
        (replace(CODE, used_at=NOW), replace(USE, challenge=None), Refusal.CODE_REPLAYED),
        (replace(CODE, expires_at=NOW), USE, Refusal.EXPIRED),
        (replace(CODE, expires_at=NOW + MOMENT), USE, None),
        (replace(CODE, expires_at=NOW - SECOND, used_at=NOW), USE, Refusal.CODE_REPLAYED),
        (CODE, replace(USE, redirect_uri=URI + "/"), Refusal.WRONG_REDIRECT_URI),
        (CODE, replace(USE, redirect_uri=None), Refusal.WRONG_REDIRECT_URI),
        (bound(redirect_uri_given=False), replace(USE, redirect_uri=None), None),
        (bound(redirect_uri_given=False), USE, None),
        (
            bound(redirect_uri_given=False),
            replace(USE, redirect_uri="x"),
            Refusal.WRONG_REDIRECT_URI,
        ),
        (CODE, replace(USE, challenge="other"), Refusal.WRONG_VERIFIER),
        (CODE, replace(USE, challenge=None), Refusal.WRONG_VERIFIER),
        (bound(code_challenge=None), USE, Refusal.WRONG_VERIFIER),
        (bound(code_challenge=None), replace(USE, challenge=None), None),
        (bound(dpop_jkt="j"), USE, Refusal.WRONG_KEY),
        (bound(dpop_jkt="j"), replace(USE, key="k"), Refusal.WRONG_KEY),
        (bound(dpop_jkt="j"), replace(USE, key="j"), None),
        (CODE, replace(USE, key="k"), None),
    ],
)
def test_a_code_is_good_only_for_what_it_is_bound_to(code, use, refusal):
    assert code_refusal(code, use, NOW) is refusal
