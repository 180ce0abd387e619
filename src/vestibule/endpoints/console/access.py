"""A person's access, on their page: their sessions, and blocking.

Rule of this file: a person who is also an administrator of this console can only be blocked or signed out by somebody
with at least the same role.
"""

from dataclasses import dataclass

import orjson
from starlette.responses import Response

from vestibule.actions import people
from vestibule.endpoints.console.confirm import Confirmation, confirm_page, not_confirmed, session_facts, sessions_end
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotAllowed
from vestibule.model import Administrator, User
from vestibule.store.administrators import find_linked_administrator
from vestibule.store.database import Reading, Tx
from vestibule.store.person_sessions import UserSession, sessions_of_user
from vestibule.store.users import find_user


@dataclass(frozen=True, slots=True)
class Access:
    """What a person's page shows about their access."""

    sessions: list[UserSession]
    """The open sessions, the newest first."""
    groups: list[str]
    """The groups in the last assertion. They are stored only if role rules use groups."""
    administrator: Administrator | None
    """The administrator who this person is, if any."""
    may_change: bool
    """Whether the visitor may block and unblock this person, and end their sessions."""
    is_visitor: bool


async def access_of(visit: Visit, reading: Reading, user: User) -> Access:
    """Returns a person's access, and whether the visitor may change it."""
    administrator = await find_linked_administrator(reading, user.id)
    live = [
        each for each in await sessions_of_user(reading, user.id) if each.live(reading.now, visit.tenant.session_idle)
    ]
    return Access(
        live,
        [str(group) for group in orjson.loads(user.saml_groups)],
        administrator,
        visit.may("admin") and (administrator is None or visit.may(administrator.role)),
        visit.who.user_id == user.id,
    )


async def confirm_blocking(visit: Visit) -> Response:
    """Show what blocking a person will do, and ask for confirmation."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        return confirm_page(visit, await _blocking(visit, reading))


async def _blocking(visit: Visit, reading: Reading) -> Confirmation:
    user = await find_user(reading, visit.path("user_id"))
    if user is None:
        raise visit.not_found()
    access = await access_of(visit, reading, user)
    name = str(orjson.loads(user.document)["userName"])
    consequences = [
        "This person cannot sign in, whatever the identity provider says, until let in again here.",
        sessions_end(len(access.sessions)),
    ]
    if access.administrator is not None:
        consequences.append(f"They are also {access.administrator.role} of this console, and are signed out of it.")
    return Confirmation(
        heading=f"Block {name}",
        button="Block sign-in",
        action=visit.at("users", user.id, "blocked"),
        back=visit.at("users", user.id),
        consequences=consequences,
        typed=name,
        what="the user name",
        facts=session_facts(access.sessions),
        fields={"blocked": "yes"},
    )


async def set_blocked(visit: Visit) -> Response:
    """Block a person after their user name was typed, or unblock them."""
    user_id, blocked = visit.path("user_id"), visit.decision("blocked")
    if blocked and visit.who.user_id == user_id:
        raise NotAllowed("You cannot block yourself. Ask another administrator to do it.")
    async with visit.context.database.write(visit.actor) as tx:
        await _check_rank(visit, tx, user_id)
        confirmation = await _blocking(visit, tx) if blocked else None
        refused = not_confirmed(visit, confirmation) if confirmation else None
        if refused is None:
            await (people.block(tx, user_id) if blocked else people.let_in(tx, user_id))
    if confirmation and refused:
        return confirm_page(visit, confirmation, refused)
    return visit.redirect(visit.at("users", user_id), "person-blocked" if blocked else "person-let-in")


async def end_sessions(visit: Visit) -> Response:
    """End all sessions of a person, who may sign in again at once."""
    user_id = visit.path("user_id")
    async with visit.context.database.write(visit.actor) as tx:
        await _check_rank(visit, tx, user_id)
        await people.end_sessions(tx, user_id)
    return visit.redirect(visit.at("users", user_id), "sessions-ended")


async def _check_rank(visit: Visit, tx: Tx, user_id: str) -> None:
    administrator = await find_linked_administrator(tx, user_id)
    if administrator is not None and not visit.may(administrator.role):
        raise NotAllowed(
            f"{administrator.name} is also {administrator.role} of this console, and you are {visit.who.role}. "
            "Ask an owner of this tenant to do it."
        )
