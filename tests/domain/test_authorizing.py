"""What a request needs next, as a table: who is signed in, where, and what they have allowed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.building import HOUR, MOMENT, NOW, SECOND
from tests.domain.test_authorization_requests import client
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.authorizing import (
    AskConsent,
    ChooseTenant,
    ConfirmDevice,
    Consent,
    Decline,
    Finish,
    Seat,
    SignIn,
    Situation,
    Standing,
    next_step,
    wanted_consent,
)
from token_service.domain.interactions import Progress

ADA, EVE = "a" * 32, "e" * 32
NORTH = Seat("1" * 32, "North", NOW + HOUR)
SOUTH = Seat("2" * 32, "South", NOW + HOUR)
SIGNED_IN = Progress(1, ADA, signed_in=True)
THIRD_PARTY = client({"consent_required": True})


def request(**changes):
    return AuthorizationRequest("app", "https://app.example/cb", scope="openid", **changes)


def standing(*seats, default=None, auth_time=NOW - HOUR):
    return Standing(ADA, ADA, ("pwd",), auth_time, default, seats or (NORTH,))


def step(asked=None, who=None, *, app=None, given=None, progress=None, now=NOW):
    situation = Situation(
        asked or request(), app or client(), who, given or {}, progress or Progress()
    )
    return next_step(situation, now)


def error(found):
    assert isinstance(found, Decline), found
    return found.error


def test_who_is_signed_in_is_asked_nothing():
    assert step(who=standing()) == Finish(NORTH)
    assert step(request(prompt=("none",)), standing()) == Finish(NORTH)


def test_nobody_signs_in():
    assert step() == SignIn()
    assert error(step(request(prompt=("none",)))) == "login_required"


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_a_demanded_sign_in_is_one_for_this_request(prompt):
    asked = request(prompt=(prompt,))
    assert step(asked, standing()) == SignIn()
    assert step(asked, standing(), progress=SIGNED_IN) == Finish(NORTH)
    by_eve = Progress(1, EVE, signed_in=True)
    assert step(asked, standing(), progress=by_eve) == SignIn()


@pytest.mark.parametrize(
    ("age", "max_age", "is_asked"),
    [
        (timedelta(0), 0, True),
        (timedelta(0), 1, False),
        (SECOND - MOMENT, 1, False),
        (SECOND, 1, True),
        (HOUR, 3601, False),
        (HOUR, 3600, True),
        (HOUR, 10**9 - 1, False),
    ],
)
def test_max_age_is_counted_from_the_last_sign_in(age, max_age, is_asked):
    who = standing(auth_time=NOW - age)
    assert step(request(max_age=max_age), who) == (SignIn() if is_asked else Finish(NORTH))
    silent = step(request(max_age=max_age, prompt=("none",)), who)
    assert silent == Finish(NORTH) if not is_asked else error(silent) == "login_required"
    assert step(request(max_age=max_age), who, progress=SIGNED_IN) == Finish(NORTH)


def test_a_sign_in_is_too_old_from_the_limit_on():
    at_limit = replace(NORTH, fresh_until=NOW)
    assert step(who=standing(at_limit)) == SignIn()
    assert step(who=standing(replace(NORTH, fresh_until=NOW + MOMENT))).seat.name == "North"
    assert error(step(request(prompt=("none",)), standing(at_limit))) == "login_required"


def test_a_hint_at_somebody_else_needs_them():
    asked = request(hinted_subject=EVE)
    assert step(asked, standing()) == SignIn()
    assert error(step(replace(asked, prompt=("none",)), standing())) == "login_required"
    assert error(step(asked, standing(), progress=SIGNED_IN)) == "login_required"
    assert step(request(hinted_subject=ADA), standing()) == Finish(NORTH)


def test_a_subject_may_be_named_by_a_claim():
    for subject, expected in ((ADA, Finish(NORTH)), (EVE, SignIn())):
        asked = request(claims=f'{{"id_token":{{"sub":{{"value":"{subject}"}}}}}}')
        assert step(asked, standing()) == expected


def test_an_essential_context_that_is_not_reached_has_no_answer():
    for value, expected in (("1", None), ("9", "unmet_authentication_requirements")):
        claims = f'{{"id_token":{{"acr":{{"essential":true,"values":["{value}"]}}}}}}'
        found = step(request(claims=claims), standing())
        assert found == Finish(NORTH) if expected is None else error(found) == expected
    voluntary = request(claims='{"id_token":{"acr":{"values":["9"]}}}')
    assert step(voluntary, standing()) == Finish(NORTH)


def test_one_of_several_tenants_is_chosen_once():
    both = standing(NORTH, SOUTH)
    assert step(who=both) == ChooseTenant((NORTH, SOUTH))
    assert error(step(request(prompt=("none",)), both)) == "interaction_required"
    chosen = Progress().after_choice(ADA, SOUTH.tenant_id)
    assert step(who=both, progress=chosen) == Finish(SOUTH)
    of_eve = Progress().after_choice(EVE, SOUTH.tenant_id)
    assert step(who=both, progress=of_eve) == ChooseTenant((NORTH, SOUTH))
    elsewhere = Progress().after_choice(ADA, "3" * 32)
    assert step(who=both, progress=elsewhere) == ChooseTenant((NORTH, SOUTH))


def test_a_named_or_default_tenant_is_not_asked_for():
    both = standing(NORTH, SOUTH, default=SOUTH.tenant_id)
    assert step(who=both) == Finish(SOUTH)
    assert step(request(tenant_id=NORTH.tenant_id), both) == Finish(NORTH)


def test_a_tenant_that_the_person_is_not_in():
    asked = request(tenant_id="3" * 32)
    for who in (standing(), standing(NORTH, SOUTH)):
        assert step(asked, who) == SignIn()
        assert error(step(asked, who, progress=SIGNED_IN)) == "access_denied"
        silent = replace(asked, prompt=("none",))
        assert error(step(silent, who)) == "interaction_required"
    nowhere = Standing(ADA, ADA, ("pwd",), NOW, None, ())
    assert step(who=nowhere) == SignIn()
    assert error(step(who=nowhere, progress=SIGNED_IN)) == "access_denied"


@pytest.mark.parametrize("app", [THIRD_PARTY, client({"dynamic": True}), client(first_party=False)])
def test_an_application_of_others_needs_consent_for_all_that_it_wants(app):
    wanted = Consent(frozenset({"openid"}))
    assert step(who=standing(), app=app) == AskConsent(NORTH, wanted)
    assert error(step(request(prompt=("none",)), standing(), app=app)) == "consent_required"
    allowed = {NORTH.tenant_id: wanted.with_(Consent(frozenset({"email"})))}
    assert step(who=standing(), app=app, given=allowed) == Finish(NORTH)
    assert isinstance(step(who=standing(), app=app, given={SOUTH.tenant_id: wanted}), AskConsent)
    claims = request(claims='{"userinfo":{"email":null}}')
    assert isinstance(step(claims, standing(), app=app, given=allowed), AskConsent)


def test_prompt_consent_asks_once_whoever_runs_the_application():
    asked = request(prompt=("consent",))
    assert isinstance(step(asked, standing()), AskConsent)
    given = {NORTH.tenant_id: wanted_consent(asked.scope, asked.claims)}
    assert isinstance(step(asked, standing(), given=given), AskConsent)
    done = Progress().after_consent(ADA, NORTH.tenant_id)
    assert step(asked, standing(), given=given, progress=done) == Finish(NORTH)
    of_eve = Progress().after_consent(EVE, NORTH.tenant_id)
    assert isinstance(step(asked, standing(), given=given, progress=of_eve), AskConsent)
    both = request(prompt=("login", "consent"))
    assert step(both, standing()) == SignIn()
    assert isinstance(step(both, standing(), progress=SIGNED_IN), AskConsent)


def test_what_is_wanted_is_the_scope_and_each_claim_by_name():
    claims = '{"id_token":{"acr":null},"userinfo":{"email":null}}'
    asked = replace(request(claims=claims), scope="openid profile")
    assert wanted_consent(asked.scope, asked.claims) == Consent(
        frozenset({"openid", "profile"}), frozenset({"email"})
    )


def test_each_step_counts_and_a_sign_in_forgets_what_was_before():
    progress = Progress().after_consent(EVE, NORTH.tenant_id).after_sign_in(ADA)
    assert progress == Progress(2, ADA, signed_in=True)
    kept = progress.after_choice(ADA, NORTH.tenant_id).after_consent(ADA, NORTH.tenant_id)
    assert (kept.step, kept.signed_in, kept.consented) == (4, True, True)
    assert kept.after_choice(ADA, SOUTH.tenant_id).consented is False
    assert Progress.from_stored(kept.stored()) == kept


FOR_DEVICE = AuthorizationRequest("app", "", scope="openid", device_id="d" * 32)


@pytest.mark.parametrize(
    "progress", [Progress(0, ADA), SIGNED_IN, Progress(2, ADA, True, None, True)]
)
def test_about_a_device_everybody_is_asked_each_time(progress):
    """Also who was asked before, and for an application of whoever runs the service."""
    given = {NORTH.tenant_id: wanted_consent(FOR_DEVICE.scope, FOR_DEVICE.claims)}
    found = step(FOR_DEVICE, standing(), given=given, progress=progress)
    assert found == ConfirmDevice(NORTH, wanted_consent(FOR_DEVICE.scope, FOR_DEVICE.claims))


@pytest.mark.parametrize(
    "progress", [Progress(), Progress(0, EVE), Progress(1, EVE, signed_in=True), Progress(1)]
)
def test_about_a_device_only_who_entered_its_code_is_asked(progress):
    assert step(FOR_DEVICE, standing(), progress=progress) == SignIn()


def test_about_a_device_the_steps_before_are_those_of_everybody():
    mine = Progress(0, ADA)
    assert step(FOR_DEVICE) == SignIn()
    assert step(FOR_DEVICE, standing(NORTH, SOUTH), progress=mine) == ChooseTenant((NORTH, SOUTH))
    stale = standing(replace(NORTH, fresh_until=NOW))
    assert step(FOR_DEVICE, stale, progress=mine) == SignIn()
