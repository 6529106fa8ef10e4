"""What is wrong with a chosen password, in the words that people read."""

from token_service.domain.passwords import LONGEST, Unsuitable
from token_service.texts.catalogue import catalogue
from token_service.web import errors
from token_service.web.parts import parts
from token_service.web.refusing import Refuse


def sentences(found: Unsuitable) -> list[str]:
    """One for each fault, then what would make a better password."""
    values = {"shortest": parts().gate.rules.shortest, "longest": LONGEST}
    told = [catalogue().filled("passwords", fault, values=values) for fault in found.faults]
    return [*told, *found.hints]


def refusal(found: Unsuitable) -> Refuse:
    """The refusal at `/v1`, with the sentences by the field."""
    return Refuse(
        errors.UNSUITABLE_PASSWORD,
        reason=found.reason,
        errors={"new_password": sentences(found)},
    )
