"""Settings > Administrators: the administrators of a tenant and their roles."""

from starlette.responses import Response

from vestibule.actions import administer
from vestibule.actions.administrator_sign_in import IDLE
from vestibule.endpoints.console.confirm import Confirmation, confirm_page, not_confirmed, session_facts, sessions_end
from vestibule.endpoints.console.reauthentication import proven_for_settings
from vestibule.endpoints.console.shown_once import NOTHING, ShownOnce, show_once, take_once
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotAllowed, Refusal
from vestibule.model import ROLES, Administrator, AdministratorRole
from vestibule.store.administrator_sessions import sessions_of
from vestibule.store.administrators import administrators_of, find_administrator
from vestibule.store.factors import factor_kinds


async def show_administrators(visit: Visit) -> Response:
    """Show the administrators of the tenant."""
    return await _page(visit, once=await take_once(visit))


async def _page(visit: Visit, refused: Refusal | None = None, once: ShownOnce = NOTHING) -> Response:
    link, invited = once.secrets or ("", "")
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        administrators = await administrators_of(all_tenants, visit.tenant.id)
        factors = await factor_kinds(all_tenants, visit.tenant.id)
    return visit.page(
        "administrators.html",
        refused.status if refused else 200,
        administrators=administrators,
        factors=factors,
        roles=ROLES[:-1],
        refused=refused,
        link=link,
        invited=invited,
        once=once,
        values={name: visit.field(name) for name in ("email", "name", "role")},
    )


@proven_for_settings
async def invite_administrator(visit: Visit) -> Response:
    """Invite an administrator, and show the one-time link once."""
    try:
        async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
            administrator, token = await administer.invite(
                all_tenants, visit.tenant.id, visit.field("email"), visit.field("name"), _role(visit)
            )
    except Refusal as refused:
        return await _page(visit, refused)
    return await show_once(visit, visit.at("administrators"), _link(visit, token), administrator.email)


@proven_for_settings
async def renew_link(visit: Visit) -> Response:
    """Make a new one-time link for an administrator who lost theirs, or the password."""
    administrator = await _wanted(visit)
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        token = await administer.renew_link(all_tenants, administrator)
    return await show_once(visit, visit.at("administrators"), _link(visit, token), administrator.email)


@proven_for_settings
async def change_role(visit: Visit) -> Response:
    """Change the role of an administrator."""
    administrator = await _wanted(visit)
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        await administer.change_role(all_tenants, administrator, _role(visit))
    return visit.redirect(visit.at("administrators"), "role-changed")


@proven_for_settings
async def confirm_locking_out(visit: Visit) -> Response:
    """Show what locking an administrator out will do, and ask for confirmation."""
    return confirm_page(visit, await _locking_out(visit, await _wanted(visit)))


async def _locking_out(visit: Visit, administrator: Administrator) -> Confirmation:
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        sessions = await sessions_of(all_tenants, administrator, all_tenants.now - IDLE)
    return Confirmation(
        heading=f"Lock out {administrator.name}",
        button="Lock out",
        action=visit.at("administrators", administrator.id, "enabled"),
        back=visit.at("administrators"),
        consequences=[
            f"{administrator.email} cannot sign in to this console, not even with a one-time link, until let in again.",
            sessions_end(len(sessions)),
            "Their known browsers are forgotten.",
        ],
        typed=administrator.email,
        what="their e-mail address",
        facts=session_facts(sessions),
        fields={"enabled": "no"},
    )


@proven_for_settings
async def set_enabled(visit: Visit) -> Response:
    """Lock an administrator out after their e-mail address was typed, or let them in again."""
    administrator = await _wanted(visit)
    enable = visit.decision("enabled")
    if not enable and administrator.id == visit.who.id:
        raise NotAllowed("You cannot lock yourself out. Ask another owner to do it.")
    if not enable:
        confirmation = await _locking_out(visit, administrator)
        refused = not_confirmed(visit, confirmation)
        if refused is not None:
            return confirm_page(visit, confirmation, refused)
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        await (
            administer.enable(all_tenants, administrator) if enable else administer.disable(all_tenants, administrator)
        )
    return visit.redirect(visit.at("administrators"), "enabled" if enable else "disabled")


async def _wanted(visit: Visit) -> Administrator:
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        administrator = await find_administrator(all_tenants, visit.tenant.id, visit.path("administrator_id"))
    if administrator is None:
        raise visit.not_found()
    return administrator


def _role(visit: Visit) -> AdministratorRole:
    return visit.field("role")  # type: ignore[return-value]  # the action refuses what is none


def _link(visit: Visit, token: str) -> str:
    return f"{visit.context.settings.url}/setup/{token}"
