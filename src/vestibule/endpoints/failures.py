"""One table: from whatever went wrong to what the caller is told.

SCIM callers get a SCIM Error; people get a page or JSON (see `console`). Nobody gets a stack trace: what nobody foresaw
is logged under the request's id, and the id is what the caller is told.
"""

import logging

from vestibule.errors import Refusal, Unavailable
from vestibule.scim.errors import Internal, ScimError, TooManyRequests
from vestibule.store.database import Busy, Damaged, OutcomeUnknown

log = logging.getLogger("vestibule")

BUSY_FOR = 5
"""Seconds after which a client tries again when the database does not answer. 429, not 503: Okta retries only after 429
with an integer Retry-After, while a 5xx becomes a task that somebody has to retry by hand (wire facts 1.12)."""


def scim_error(error: BaseException, request_id: str) -> ScimError:
    """The SCIM Error for any exception."""
    match error:
        case ScimError():
            return error
        case Busy():
            log.error("database unavailable", extra={"request": request_id, "reason": str(error)})
            return TooManyRequests("The service is busy for a moment; try again.", retry_after=BUSY_FOR)
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
