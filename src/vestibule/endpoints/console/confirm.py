"""The confirmation page for actions that cannot be undone or that end somebody's access.

It says what will happen and may ask for a name to be typed. It works without JavaScript.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import Response

from vestibule.endpoints.web.browsers import browser_name
from vestibule.endpoints.web.rendering import ago
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import WrongInput


@dataclass(frozen=True, slots=True)
class Confirmation:
    """An action that has to be confirmed."""

    heading: str
    button: str
    action: str
    """The URL of the form."""
    back: str
    consequences: list[str]
    typed: str = ""
    """The text that has to be typed; empty for none."""
    what: str = ""
    """The name of that text, such as `the user name`."""
    facts: list[tuple[str, str]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    """Hidden fields of the form."""


class OpenSession(Protocol):
    """A session, of an administrator or of a person."""

    @property
    def agent(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def seen_at(self) -> int: ...


def session_facts(sessions: Sequence[OpenSession]) -> list[tuple[str, str]]:
    """Returns the sessions that will end, as rows for the page."""
    return [
        (
            f"Session {number}",
            f"{browser_name(each.agent)}, {each.address or 'unknown address'}, last used {ago(each.seen_at)}",
        )
        for number, each in enumerate(sessions[:20], 1)
    ]


def sessions_end(count: int) -> str:
    """Returns a sentence with the number of sessions that will end."""
    if count == 0:
        return "No session is open now."
    return "One open session ends at once." if count == 1 else f"{count} open sessions end at once."


def confirm_page(visit: Visit, confirmation: Confirmation, refused: WrongInput | None = None) -> Response:
    """Returns the confirmation page."""
    return visit.page("confirm.html", refused.status if refused else 200, it=confirmation, refused=refused)


def not_confirmed(visit: Visit, confirmation: Confirmation) -> WrongInput | None:
    """Returns the error if the typed text is wrong, or None."""
    typed = visit.field("confirm").strip()
    if not confirmation.typed or typed == confirmation.typed.strip():
        return None
    return WrongInput(
        f"To confirm, type {confirmation.what} '{confirmation.typed}'; got '{typed[:80]}'.", field="confirm"
    )
