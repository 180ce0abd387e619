"""All errors that a person or an operator may be shown, one class for each kind.

Each message says what was expected, what came and how to correct it. Identity providers get SCIM Errors instead
(`scim.errors`). Both are listed in docs/errors.md.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

Checked = TypeVar("Checked")


class Refusal(Exception):
    """A request was refused, and nothing of it was carried out. The message is a sentence for the person who asked."""

    status: ClassVar[int] = 400
    """The HTTP status of the response."""
    code: ClassVar[str] = "refused"
    exit_code: ClassVar[int] = 1
    """The exit code of a command."""
    retry_after: int = 0
    """Seconds after which the same request may be repeated; 0 if a repetition will not help."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The form field or option that the message is about; empty if there is none."""

    @property
    def problems(self) -> "tuple[Refusal, ...]":
        """All problems, each with its field. There is only one, unless this is a `WrongForm`."""
        return (self,)

    def of(self, field: str) -> str:
        """Returns the messages about a field; empty if there are none."""
        return " ".join(each.message for each in self.problems if each.field == field)


class WrongInput(Refusal):
    """Something that was typed or sent is not valid."""

    status, code, exit_code = 400, "wrong_input", 2


class WrongForm(WrongInput):
    """Several fields of a form are not valid. All of them are reported at once."""

    def __init__(self, problems: Sequence[Refusal]) -> None:
        super().__init__(" ".join(each.message for each in problems), field=problems[0].field)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Refusal, ...]:
        """All problems, each with its field."""
        return self._problems


class FormCheck:
    """Checks the fields of a form one by one and collects their errors, so that all are reported together."""

    def __init__(self) -> None:
        self._problems: list[Refusal] = []

    def add(self, problem: Refusal) -> None:
        """Add an error that was found elsewhere."""
        self._problems.append(problem)

    def check(self, check: Callable[..., Checked], *values: Any, instead: Checked) -> Checked:
        """Run a check. Returns its result, or `instead` if it raised an error, which is collected."""
        try:
            return check(*values)
        except (WrongInput, Taken) as refused:
            self._problems += refused.problems
            return instead

    def finish(self) -> None:
        """Raise the errors that were collected, if there are any.

        Raises:
            Refusal: the only error, or a `WrongForm` with all of them.
        """
        if len(self._problems) == 1:
            raise self._problems[0]
        if self._problems:
            raise WrongForm(self._problems)


class WrongSetting(Refusal):
    """A setting is not valid, so the program does not start."""

    status, code, exit_code = 500, "wrong_setting", 2


class SignInNeeded(Refusal):
    """Nobody is signed in, or the session has ended."""

    status, code = 401, "sign_in_needed"


class NotAllowed(Refusal):
    """The person is signed in, but may not see or do this."""

    status, code = 403, "not_allowed"


class FactorNeeded(Refusal):
    """The tenant requires a second factor, the grace period is over, and this administrator has none."""

    status, code = 403, "factor_needed"


class StaleForm(Refusal):
    """The form token (against CSRF) is missing or wrong: another site sent the form, or the session has ended."""

    status, code = 403, "stale_form"


class SignInRefused(Refusal):
    """A sign-in with an identity provider is not accepted.

    The person sees `message` and a reference. Administrators see the check that failed, what was expected (`wanted`),
    what was found (`came`) and the reason, which is a sentence made of both unless it is given.
    """

    status, code = 403, "sign_in_refused"

    def __init__(
        self, check: str, wanted: str, came: str, *, reason: str = "", message: str = "", user_id: str = ""
    ) -> None:
        super().__init__(message or "This sign-in could not be accepted. Your administrator can see why.")
        self.check = check
        self.wanted = wanted
        self.came = came
        self.reason = reason or f"expected {wanted}; got {came}"
        self.user_id = user_id


class NotFound(Refusal):
    """It does not exist, or belongs to another tenant. Both get the same answer."""

    status, code = 404, "not_found"


class Taken(Refusal):
    """The name is already in use."""

    status, code = 409, "taken"


class TooOften(Refusal):
    """Too many failed attempts; the message says when to try again."""

    status, code = 429, "too_often"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooBusy(Refusal):
    """The queue for password checks is full; the message says when to try again."""

    status, code, exit_code = 503, "too_busy", 3

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseTooNew(Refusal):
    """The database was made by a newer version, and this one would damage it."""

    status, code, exit_code = 503, "database_too_new", 3


class Unavailable(Refusal):
    """The database does not answer, or is locked by another process."""

    status, code, exit_code = 503, "unavailable", 3


def all_refusals() -> list[type[Refusal]]:
    """Returns every class of refusal, for the test that compares docs/errors.md with them."""
    return sorted(Refusal.__subclasses__(), key=lambda kind: kind.code)
