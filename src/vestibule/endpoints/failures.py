"""Maps exceptions to the errors that callers get.

SCIM callers get a SCIM Error; people get a page or JSON. Nobody gets a stack trace: an unexpected exception is logged
with the request's id, and the caller is told the id.
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
"""The Retry-After, in seconds, if the database does not answer. The status is 429 and not 503, because Okta retries
only after 429 with an integer Retry-After; after a 5xx an administrator has to retry by hand."""


_NARROW: Final = (
    f"The search took longer than {SCAN_SECONDS} seconds and was stopped. Narrow the filter: compare userName, "
    "externalId, id or emails.value with 'eq', which is quick, or use fewer terms."
)


def scim_error(error: BaseException, request_id: str) -> ScimError:
    """Returns the SCIM Error for an exception."""
    match error:
        case ScimError():
            return error
        case Busy():
            log.error("database unavailable", extra={"request": request_id, "reason": str(error)})
            return TooManyRequests("The service is busy for a moment; try again.", retry_after=BUSY_FOR)
        case TookTooLong():
            return TooMany(_NARROW)
        case TooManyScans():
            return TooManyRequests("Too many searches of this kind are waiting; try again.", retry_after=BUSY_FOR)
        case Damaged():
            log.error("the database is damaged", extra={"request": request_id, "reason": str(error)})
            return Internal(f"The stored data cannot be read. The log has the details under request {request_id}.")
        case _:
            log.error("unforeseen failure", exc_info=error, extra={"request": request_id})
            return Internal(
                f"Something went wrong here. Nothing was changed. The log has the details under request {request_id}."
            )


def refusal(error: BaseException, request_id: str) -> Refusal:
    """Returns the refusal for an exception, for people."""
    match error:
        case Refusal():
            return error
        case ClientGone():
            return WrongInput("The connection was closed before the response was ready.")
        case TookTooLong():
            return WrongInput(
                f"The search took longer than {SCAN_SECONDS} seconds and was stopped. Search for fewer words or use "
                "more filters."
            )
        case TooManyScans():
            return TooOften("Too many searches are waiting; try again in a moment.", BUSY_FOR)
        case OutcomeUnknown():
            log.error("database lost during a commit", extra={"request": request_id, "reason": str(error)})
            return Unavailable(
                "The database was lost while it saved this change. Check whether the change was made; "
                "if not, do it again."
            )
        case Damaged():
            log.error("the database is damaged", extra={"request": request_id, "reason": str(error)})
            return Unforeseen(
                f"The stored data cannot be read. The log has it under {request_id}; 'vestibule verify' says more."
            )
        case Busy():
            log.error("database unavailable", extra={"request": request_id, "reason": str(error)})
            return Unavailable("The database does not answer right now. Nothing was changed; try again in a moment.")
        case _:
            log.error("unforeseen failure", exc_info=error, extra={"request": request_id})
            return Unforeseen(f"Something went wrong here. Nothing was changed. The log has it under {request_id}.")


class Unforeseen(Refusal):
    """An unexpected error. The log has it under the request's id."""

    status, code = 500, "unforeseen"
