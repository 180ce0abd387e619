"""One table: from whatever went wrong to what the caller is told.

SCIM callers get a SCIM Error; people get a page or JSON (see `console`). Nobody gets a stack trace: what nobody foresaw
is logged under the request's id, and the id is what the caller is told.
"""

import logging
from typing import Final

from vestibule.endpoints.exchange import ClientGone
from vestibule.errors import Refusal, TooOften, Unavailable, WrongInput
from vestibule.limits import SCAN_SECONDS
from vestibule.scim.errors import Internal, ScimError, TooMany, TooManyRequests
from vestibule.store.database import Busy, Damaged, OutcomeUnknown
from vestibule.store.scan_queue import TookTooLong, TooManyScans

log = logging.getLogger("vestibule")

BUSY_FOR = 5
"""Seconds after which a client tries again when the database does not answer. 429, not 503: Okta retries only after 429
with an integer Retry-After, while a 5xx becomes a task that somebody has to retry by hand (wire facts 1.12)."""


_NARROW: Final = (
    f"Looking for this took longer than {SCAN_SECONDS} seconds and was stopped. Narrow the filter: compare userName, "
    "externalId, id or emails.value with 'eq', which is quick, or use fewer terms."
)


def scim_error(error: BaseException, request_id: str) -> ScimError:
    """The SCIM Error for any exception."""
    match error:
        case ScimError():
            return error
        case Busy():
            log.error("database unavailable", extra={"request": request_id, "reason": str(error)})
            return TooManyRequests("The service is busy for a moment; try again.", retry_after=BUSY_FOR)
        case TookTooLong():
            return TooMany(_NARROW)
        case TooManyScans():
            return TooManyRequests("Too many searches of this kind wait already; try again.", retry_after=BUSY_FOR)
        case Damaged():
            log.error("the database is damaged", extra={"request": request_id, "reason": str(error)})
            return Internal(f"What is stored here cannot be read. The log has it under request {request_id}.")
        case _:
            log.error("unforeseen failure", exc_info=error, extra={"request": request_id})
            return Internal(
                f"Something went wrong here. Nothing was changed. The log has it under request {request_id}."
            )


def refusal(error: BaseException, request_id: str) -> Refusal:
    """The refusal to a person for any exception."""
    match error:
        case Refusal():
            return error
        case ClientGone():
            return WrongInput("The connection was closed before the answer was ready.")
        case TookTooLong():
            return WrongInput(
                f"This took longer than {SCAN_SECONDS} seconds and was stopped. Search for fewer words, or choose more "
                "in the filters."
            )
        case TooManyScans():
            return TooOften("Too many searches wait already; try again in a moment.", BUSY_FOR)
        case OutcomeUnknown():
            log.error("database lost during a commit", extra={"request": request_id, "reason": str(error)})
            return Unavailable(
                "The database was lost while it kept this change, and may have kept it or not. Look whether it is "
                "there; if it is not, do it again."
            )
        case Damaged():
            log.error("the database is damaged", extra={"request": request_id, "reason": str(error)})
            return Unforeseen(
                f"What is stored here cannot be read. The log has it under {request_id}; 'vestibule verify' says more."
            )
        case Busy():
            log.error("database unavailable", extra={"request": request_id, "reason": str(error)})
            return Unavailable("The database does not answer right now. Nothing was changed; try again in a moment.")
        case _:
            log.error("unforeseen failure", exc_info=error, extra={"request": request_id})
            return Unforeseen(f"Something went wrong here. Nothing was changed. The log has it under {request_id}.")


class Unforeseen(Refusal):
    """Something nobody foresaw; the log has it under the request's id."""

    status, code = 500, "unforeseen"
