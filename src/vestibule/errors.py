"""Every way the house refuses a person or an operator: one class per kind, each said as what was wanted, what came, and
where to mend it. Refusals to an identity provider are SCIM Errors (`scim.errors`); both stand in docs/errors.md.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

Checked = TypeVar("Checked")


class Refusal(Exception):
    """A request that is not carried out. The message is a sentence for whoever asked; nothing of it was done."""

    status: ClassVar[int] = 400
    """The HTTP status of the page or JSON that tells it."""
    code: ClassVar[str] = "refused"
    exit_code: ClassVar[int] = 1
    """What a command ends with."""
    retry_after: int = 0
    """Seconds after which the same request may be made again; 0 where that says nothing."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The form field or option that the message is about, if there is one."""

    @property
    def problems(self) -> "tuple[Refusal, ...]":
        """Each thing that is wrong, with its field. A refusal is one of them, unless it is of a whole form."""
        return (self,)

    def of(self, field: str) -> str:
        """What is wrong with a field; empty if nothing is."""
        return " ".join(each.message for each in self.problems if each.field == field)


class WrongInput(Refusal):
    """Something that was typed or sent is not what is needed here."""

    status, code, exit_code = 400, "wrong_input", 2


class WrongForm(WrongInput):
    """Several fields of a form are not what is needed; all of it is told at once."""

    def __init__(self, problems: Sequence[Refusal]) -> None:
        super().__init__(" ".join(each.message for each in problems), field=problems[0].field)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Refusal, ...]:
        """Each field's."""
        return self._problems


class FormCheck:
    """Checks the fields of a form one after the other, and tells at the end what is wrong with any of them."""

    def __init__(self) -> None:
        self._problems: list[Refusal] = []

    def add(self, problem: Refusal) -> None:
        """Count a problem among the others."""
        self._problems.append(problem)

    def check(self, check: Callable[..., Checked], *values: Any, instead: Checked) -> Checked:
        """Returns what a check makes of its values, or something to go on with if it refuses them."""
        try:
            return check(*values)
        except (WrongInput, Taken) as refused:
            self._problems += refused.problems
            return instead

    def finish(self) -> None:
        """End the checks.

        Raises:
            Refusal: what is wrong, if anything is: the one problem, or `WrongForm` of several.
        """
        if len(self._problems) == 1:
            raise self._problems[0]
        if self._problems:
            raise WrongForm(self._problems)


class WrongSetting(Refusal):
    """A setting stops the start."""

    status, code, exit_code = 500, "wrong_setting", 2


class SignInNeeded(Refusal):
    """Nobody is signed in, or the session has ended."""

    status, code = 401, "sign_in_needed"


class NotAllowed(Refusal):
    """Somebody is signed in, and this is not theirs to see or do."""

    status, code = 403, "not_allowed"


class FactorNeeded(Refusal):
    """Somebody is signed in without the second factor that their tenant requires, and the time of grace is over."""

    status, code = 403, "factor_needed"


class StaleForm(Refusal):
    """The form was sent without the token of this session: another site made it, or the session ended meanwhile."""

    status, code = 403, "stale_form"


class SignInRefused(Refusal):
    """A sign-in with an identity provider is not accepted. The person is told a plain sentence and a reference; their
    administrators are told what was wanted and what came.
    """

    status, code = 403, "sign_in_refused"

    def __init__(self, check: str, wanted: str, came: str, *, told: str = "", user_id: str = "") -> None:
        super().__init__(told or "This sign-in could not be accepted. Your administrator can see why.")
        self.check = check
        self.wanted = wanted
        self.came = came
        self.user_id = user_id

    @property
    def reason(self) -> str:
        """Both as a sentence. What a message should have been is told as one already."""
        wanted = self.wanted if " wanted" in self.wanted else f"{self.wanted} was wanted"
        return f"{wanted}; {self.came} came"


class NotFound(Refusal):
    """There is no such thing, or not in this tenant: one answer for both."""

    status, code = 404, "not_found"


class Taken(Refusal):
    """The name is in use."""

    status, code = 409, "taken"


class TooOften(Refusal):
    """Too many failed attempts; the message says when to try again."""

    status, code = 429, "too_often"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooBusy(Refusal):
    """The server is checking as many passwords as it can; the message says when to try again."""

    status, code, exit_code = 503, "too_busy", 3

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DatabaseTooNew(Refusal):
    """The database was made by a newer program; this one would harm it."""

    status, code, exit_code = 503, "database_too_new", 3


class Unavailable(Refusal):
    """The database does not answer, or is being kept busy by somebody else."""

    status, code, exit_code = 503, "unavailable", 3


def all_refusals() -> list[type[Refusal]]:
    """Every kind of refusal, for the documentation and the test that holds it to this page."""
    return sorted(Refusal.__subclasses__(), key=lambda kind: kind.code)
