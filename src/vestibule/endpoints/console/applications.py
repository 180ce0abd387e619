"""Integrations > Applications: the applications that people see after signing in."""

from dataclasses import dataclass

from starlette.responses import Response

from vestibule.actions import applications
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound, Refusal
from vestibule.model import Application
from vestibule.store.applications import all_applications, find_application
from vestibule.store.database import Reading
from vestibule.store.identity_providers import all_providers

_FIELDS = ("name", "url", "description", "role")


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles that a form offers."""

    given: list[str]
    """The roles that role rules give, in their order."""
    known: list[str]
    """The same, and the roles that applications use."""


async def _roles(reading: Reading, listed: list[Application]) -> Roles:
    rules = [provider.roles for provider in await all_providers(reading)]
    given = [role for each in rules for role in (*(rule.role for rule in each.rules), each.default) if role]
    asked = [each.role for each in listed if each.role]
    return Roles(list(dict.fromkeys(given)), list(dict.fromkeys([*given, *asked])))


def _typed(visit: Visit) -> dict[str, str]:
    return {field: visit.field(field) for field in _FIELDS}


async def show_applications(visit: Visit) -> Response:
    """Show the list, and the form to add an application."""
    return await _list_page(visit)


async def _list_page(visit: Visit, refused: Refusal | None = None) -> Response:
    async with visit.context.database.read(visit.tenant.id) as reading:
        listed = await all_applications(reading)
        roles = await _roles(reading, listed)
    return visit.page(
        "applications.html",
        refused.status if refused else 200,
        applications=listed,
        roles=roles,
        refused=refused,
        values=_typed(visit),
        most=applications.MOST_APPLICATIONS,
    )


async def add_application(visit: Visit) -> Response:
    """Add an application."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            await applications.save_application(tx, **_typed(visit))
    except Refusal as refused:
        return await _list_page(visit, refused)
    return visit.redirect(visit.at("applications"), "application-added")


async def show_application(visit: Visit) -> Response:
    """Show the form to change an application."""
    return await _page(visit)


async def _page(visit: Visit, refused: Refusal | None = None) -> Response:
    async with visit.context.database.read(visit.tenant.id) as reading:
        application = await find_application(reading, visit.path("application_id"))
        roles = await _roles(reading, await all_applications(reading))
    if application is None:
        raise visit.not_found()
    return visit.page(
        "application.html",
        refused.status if refused else 200,
        application=application,
        roles=roles,
        refused=refused,
        values=_typed(visit) if refused else {field: getattr(application, field) for field in _FIELDS},
    )


async def change_application(visit: Visit) -> Response:
    """Save the form."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            _, changed = await applications.save_application(
                tx, **_typed(visit), application_id=visit.path("application_id")
            )
    except NotFound:
        raise visit.not_found() from None
    except Refusal as refused:
        return await _page(visit, refused)
    return visit.redirect(visit.at("applications"), "application-saved" if changed else "nothing-changed")


async def remove_application(visit: Visit) -> Response:
    """Remove an application."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            await applications.remove_application(tx, visit.path("application_id"))
    except NotFound:
        raise visit.not_found() from None
    return visit.redirect(visit.at("applications"), "application-removed")
