"""From a row of a hot statement to the state of a grant."""

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantKey, GrantState, GrantTerms
from token_service.storage.driver_session import Row
from token_service.storage.types import (
    identifier,
    moment,
    optional_identifier,
    optional_moment,
)


def state_of(key: GrantKey, row: Row) -> GrantState:
    """The one way from a row to a state; the order is that of `STATE` and the standing."""
    return GrantState(
        key=key,
        configuration_version=row[0],
        client_id=row[1],
        tenant_id=identifier(row[2]),
        tenant_epoch=row[3],
        client_epoch=row[4],
        secret_hash=row[5],
        used_at=moment(row[6]),
        used_from=row[7],
        ended_at=optional_moment(row[8]),
        end_reason=None if row[9] is None else Refusal(row[9]),
        session_ended_at=optional_moment(row[10]),
        session_end_reason=None if row[11] is None else Refusal(row[11]),
        membership=row[12],
        scope=row[13],
        generation=row[14],
        key_number=row[15],
        ends_at=moment(row[16]),
        entered_tenant_id=optional_identifier(row[17]),
        terms=GrantTerms(
            auth_time=moment(row[18]),
            confirmation=row[19],
            audiences=None if row[20] is None else tuple(row[20].split()),
            requested_claims=row[21],
            openid=bool(row[22]),
        ),
        authenticated_at=moment(row[23]),
        capped_at=optional_moment(row[24]),
        methods=tuple(row[25].split()),
        remembered=bool(row[26]),
        impersonator=row[27],
        session_account_epoch=row[28],
        session_environment_epoch=row[29],
        account_epoch=row[30],
        environment_epoch=row[31],
        current_membership=row[32],
        force_relogin=row[33],
    )
