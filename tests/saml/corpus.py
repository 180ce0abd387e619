"""The attack corpus: all cases by name. None may be accepted (security reference 1.2, S21)."""

from typing import Final

from tests.saml import false_claims, forgery, parsing, sealing, wrapping
from tests.saml.case import Cases
from tests.saml.keys import once

CASES: Final[Cases] = {
    **wrapping.CASES,
    **forgery.CASES,
    **parsing.CASES,
    **sealing.CASES,
    **false_claims.CASES,
}


def document(name: str) -> bytes:
    """Returns the bytes of a case, the same each time."""
    return once(name, CASES[name].document)
