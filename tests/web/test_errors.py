"""The one table of faults: complete, in the words that the standards allow, and telling nothing."""

import pytest

from token_service.domain.refusals import Refusal
from token_service.oauth.credentials import Misuse
from token_service.web import errors
from token_service.web.answers import tokens
from token_service.web.errors import Fault, Stage, of_status
from token_service.web.schemas.answers import TokensSchema

FAULTS = {name: value for name, value in vars(errors).items() if isinstance(value, Fault)}
STAGES = {name: value for name, value in vars(errors).items() if isinstance(value, Stage)}
OAUTH = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "temporarily_unavailable",
    "server_error",
    "invalid_target",
}
AT_OAUTH = ("CLIENT", "GRANT")
NOT_SAID = ("expired", "replay", "revoked", "unknown token", "disabled", "idle")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_sentence_has_the_characters_of_an_error_description(fault):
    """RFC 6749 section 5.2."""
    assert all(" " <= char <= "~" and char not in '"\\' for char in fault.sentence)
    assert fault.sentence.endswith(".")


@pytest.mark.parametrize("misuse", Misuse)
def test_so_has_what_is_said_of_credentials(misuse):
    assert all(" " <= char <= "~" and char not in '"\\' for char in misuse)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_401_that_is_about_a_header_says_which_scheme(fault):
    if fault.status == 401 and fault.code != "invalid_credentials":
        assert fault.challenge.startswith(("Basic ", "Bearer ", "DPoP "))
    assert "\n" not in fault.challenge


@pytest.mark.parametrize("name", AT_OAUTH)
@pytest.mark.parametrize("reason", Refusal)
def test_an_oauth_endpoint_answers_in_the_words_of_the_rfc(name, reason):
    fault = STAGES[name].fault(reason)
    assert (fault.error or fault.code) in OAUTH


@pytest.mark.parametrize("reason", Refusal)
def test_why_a_grant_is_over_is_nobodys_business(reason):
    """A client can never tell unknown from expired from replayed."""
    about_the_request = {
        Refusal.INVALID_SCOPE,
        Refusal.GRANT_NOT_ALLOWED,
        Refusal.NOT_A_MEMBER,
        Refusal.NOT_ALLOWED_THERE,
        Refusal.SESSION_LIMIT,
        Refusal.INVALID_TARGET,
        # Only for who may have the successor again, and is told to ask for it.
        Refusal.SPENT_OTHERWISE,
    }
    if reason not in about_the_request:
        assert errors.GRANT.fault(reason) is errors.INVALID_GRANT
    assert errors.BEARER.fault(reason) is errors.INVALID_TOKEN
    assert errors.POSSESSION.fault(reason) is errors.NO_TOKEN_OF_OURS


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_sentence_tells_a_reason(fault):
    assert not any(word in fault.sentence.lower() for word in NOT_SAID)


@pytest.mark.parametrize("status", [400, 404, 405, 408, 413, 414, 415, 418, 428, 431, 499])
def test_the_frameworks_errors_have_a_fault_too(status):
    fault = of_status(status)
    assert fault.status == status
    assert fault.code.replace("_", "").isalnum()
    assert (fault.error or fault.code) == "invalid_request"


def test_what_is_no_error_of_the_client_is_ours():
    assert of_status(500).status == of_status(302).status == of_status(599).status == 500


def test_a_token_answer_is_what_its_schema_says():
    from token_service.services.issuing import IssuedTokens

    issued = IssuedTokens(
        "a",
        900,
        "s",
        "r",
        id_token="j",
        sid="i",
        tenant_id="t",
        account_id="x",
        previous_refresh_token="p",
        device_token="d",
    )
    body = tokens(issued, "refresh_token").get_json()
    assert body.keys() == TokensSchema().fields.keys()
    assert tokens(IssuedTokens("a", 900, "s"), "client_credentials").get_json().keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
    }
