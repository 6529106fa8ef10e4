"""Policies at `/v1`: of the environment, of tenants and clients, and an account's session limit."""

from flask import Response

from token_service.domain.clients import Permission, well_formed_id
from token_service.domain.policy_changes import Faulty
from token_service.domain.refusals import Refused
from token_service.services import account_limits, effective_policies, policies
from token_service.services.configuration import Snapshot
from token_service.services.effective_policies import Question
from token_service.services.policies import LevelPolicy
from token_service.web import answers, errors, guards, parsing
from token_service.web.api import BASIC, BEARER, Blueprint
from token_service.web.current import on_current
from token_service.web.parts import parts
from token_service.web.refusing import Refuse, refusal
from token_service.web.schemas.policies import (
    ClientPolicyChangeSchema,
    ClientPolicySchema,
    EffectiveQuerySchema,
    EffectiveRequest,
    EffectiveSchema,
    EnvironmentPolicyChangeSchema,
    EnvironmentPolicySchema,
    SessionLimitSchema,
    TenantPolicyChangeSchema,
    TenantPolicySchema,
)

blueprint = Blueprint("policies", __name__, url_prefix="/v1", description="Policies")

_QUERY = EffectiveQuerySchema()
_EFFECTIVE = EffectiveSchema()
_FAULTS = (
    errors.INVALID_REQUEST,
    errors.INVALID_TOKEN,
    errors.INSUFFICIENT_SCOPE,
    errors.NOT_FOUND,
    errors.UNAVAILABLE,
)
_FAULTS_BEYOND_TENANTS = (*_FAULTS, errors.FORBIDDEN)
_FAULTS_FOR_CALLERS = (*_FAULTS_BEYOND_TENANTS, errors.INVALID_CLIENT, errors.THROTTLED)
_CALLERS = (BASIC, BEARER)


@blueprint.get("/policies/environment")
@blueprint.described(
    answer=EnvironmentPolicySchema, faults=_FAULTS_BEYOND_TENANTS, security=(BEARER,)
)
@on_current
def environment_policy(snapshot: Snapshot) -> Response:
    """The environment's policy and its bounds; for its administrators."""
    guards.environment_administrator(snapshot)
    here = parts()
    found = policies.of_environment(here.database, here.configuration.defaults)
    return _environment(found)


@blueprint.patch("/policies/environment")
@blueprint.described(
    body=EnvironmentPolicyChangeSchema,
    answer=EnvironmentPolicySchema,
    faults=(*_FAULTS_BEYOND_TENANTS, errors.INVALID_POLICY),
    security=(BEARER,),
)
@on_current
def change_environment_policy(snapshot: Snapshot) -> Response:
    """Change the environment's policy and its bounds; live sessions follow at their next use."""
    author = guards.environment_administrator(snapshot).author()
    change, here = parsing.json_patch(), parts()
    after = policies.change_environment(
        here.database, here.clock, here.configuration.defaults, change, author
    )
    if isinstance(after, Refused):
        raise _refusal(after)
    return _environment(after)


@blueprint.get("/tenants/<tenant_id>/policy")
@blueprint.described(answer=TenantPolicySchema, faults=_FAULTS_FOR_CALLERS, security=_CALLERS)
@on_current
def tenant_policy(snapshot: Snapshot, tenant_id: str) -> Response:
    """A tenant's policy, and what the tenant itself states of it."""
    guards.caller_in(snapshot, Permission.SESSION_POLICY_WRITE, tenant_id)
    here = parts()
    found = policies.of_tenant(here.database, here.configuration.defaults, tenant_id)
    if isinstance(found, Refused):
        raise _refusal(found)
    return _tenant(found)


@blueprint.patch("/tenants/<tenant_id>/policy")
@blueprint.described(
    body=TenantPolicyChangeSchema,
    answer=TenantPolicySchema,
    faults=(*_FAULTS_FOR_CALLERS, errors.INVALID_POLICY),
    security=_CALLERS,
)
@on_current
def change_tenant_policy(snapshot: Snapshot, tenant_id: str) -> Response:
    """Change a tenant's policy, within the environment's bounds."""
    author = guards.caller_in(snapshot, Permission.SESSION_POLICY_WRITE, tenant_id).author()
    change, here = parsing.json_patch(), parts()
    after = policies.change_tenant(
        here.database, here.clock, here.configuration.defaults, tenant_id, change, author
    )
    if isinstance(after, Refused):
        raise _refusal(after)
    return _tenant(after)


@blueprint.get("/clients/<client_id>/policy")
@blueprint.described(answer=ClientPolicySchema, faults=_FAULTS, security=(BEARER,))
@on_current
def client_policy(snapshot: Snapshot, client_id: str) -> Response:
    """The limits that a client states."""
    caller = guards.administrator(snapshot)
    found = policies.of_client(parts().database, _client_id(client_id), caller.tenant_id)
    if isinstance(found, Refused):
        raise _refusal(found)
    return answers.json(found)


@blueprint.patch("/clients/<client_id>/policy")
@blueprint.described(
    body=ClientPolicyChangeSchema,
    answer=ClientPolicySchema,
    faults=(*_FAULTS, errors.INVALID_POLICY),
    security=(BEARER,),
)
@on_current
def change_client_policy(snapshot: Snapshot, client_id: str) -> Response:
    """Change the limits that a client states: each can tighten a tenant's, none loosen one."""
    caller = guards.administrator(snapshot)
    change, here = parsing.json_patch(), parts()
    after = policies.change_client(
        here.database, here.clock, _client_id(client_id), caller.tenant_id, change, caller.author()
    )
    if isinstance(after, Refused):
        raise _refusal(after)
    return answers.json(after)


@blueprint.get("/accounts/<account_id>/session-limit")
@blueprint.described(answer=SessionLimitSchema, faults=_FAULTS_BEYOND_TENANTS, security=(BEARER,))
@on_current
def session_limit(snapshot: Snapshot, account_id: str) -> Response:
    """An account's own number of sessions; for the environment's administrators."""
    guards.environment_administrator(snapshot)
    found = account_limits.of_account(parts().database, _identifier(account_id))
    if isinstance(found, Refused):
        raise _refusal(found)
    return answers.json({"max_sessions": found})


@blueprint.patch("/accounts/<account_id>/session-limit")
@blueprint.described(
    body=SessionLimitSchema,
    answer=SessionLimitSchema,
    faults=(*_FAULTS_BEYOND_TENANTS, errors.INVALID_POLICY),
    security=(BEARER,),
)
@on_current
def change_session_limit(snapshot: Snapshot, account_id: str) -> Response:
    """Change it: it counts in all tenants, and may stand in place of the environment's."""
    author = guards.environment_administrator(snapshot).author()
    change, here = parsing.json_patch(), parts()
    after = account_limits.change(
        here.database, here.clock, _identifier(account_id), change, author
    )
    if isinstance(after, Refused):
        raise _refusal(after)
    return answers.json({"max_sessions": after})


@blueprint.get("/policies/effective")
@blueprint.described(
    query=EffectiveQuerySchema,
    answer=EffectiveSchema,
    faults=_FAULTS_FOR_CALLERS,
    security=_CALLERS,
)
@on_current
def effective_policy(snapshot: Snapshot) -> Response:
    """The policy in effect for an account, a tenant and a client, explained value by value."""
    caller = guards.caller(snapshot, Permission.SESSION_POLICY_WRITE)
    asked: EffectiveRequest = parsing.query(_QUERY)
    account_id, tenant_id = (
        None if one is None else _identifier(one) for one in (asked.account, asked.tenant)
    )
    client_id = None if asked.client is None else _client_id(asked.client)
    question = Question(account_id, tenant_id, client_id, asked_in=caller.tenant_id)
    here = parts()
    found = effective_policies.explain(here.database, here.configuration.defaults, question)
    if isinstance(found, Refused):
        raise _refusal(found)
    return answers.json(_EFFECTIVE.dump(found))


def _tenant(found: LevelPolicy) -> Response:
    return answers.json({**found.policy.flat(), "overrides": found.overrides})


def _environment(found: LevelPolicy) -> Response:
    also = {"overrides": found.overrides, "bounds": found.bounds}
    return answers.json({**found.policy.flat(), **also})


def _identifier(text: str) -> str:
    if not parsing.is_identifier(text):
        raise Refuse(errors.NOT_FOUND)
    return text


def _client_id(text: str) -> str:
    """What can be no client's id, a database may take for an error."""
    if not well_formed_id(text):
        raise Refuse(errors.NOT_FOUND)
    return text


def _refusal(refused: Refused) -> Refuse:
    if not isinstance(refused, Faulty):
        return refusal(refused, errors.POLICY)
    found = parsing.by_path((fault.field, fault.message) for fault in refused.faults)
    return Refuse(errors.INVALID_POLICY, errors=found)
