"""People > Users: the list, a person's page, and changes of people who were added by hand."""

from typing import Any, Final

import orjson
from starlette.responses import Response

from vestibule.actions import people
from vestibule.endpoints.console.access import access_of
from vestibule.endpoints.console.group_tree import Tree, tree_above
from vestibule.endpoints.exchange import while_connected
from vestibule.endpoints.web.visit import Visit
from vestibule.errors import Refusal, WrongInput
from vestibule.mapping import given_roles, trace
from vestibule.model import IdentityProvider, User
from vestibule.scim.representation import expand
from vestibule.scim.schema import USER_TYPE
from vestibule.store.database import Reading
from vestibule.store.events import EventQuery, page_events
from vestibule.store.identity_providers import all_providers
from vestibule.store.user_lists import UserSelection, count_users, list_users
from vestibule.store.users import find_user, find_users_by_name
from vestibule.vendors.vendor import BASE_MAPPING

PAGE: Final = 50
_STATES: Final = {"active": True, "inactive": False}
BLOCKED: Final = "blocked"
BY_HAND: Final = "hand"
FIELDS: Final = ("user_name", "given_name", "family_name", "display_name", "email", "title", "role")


async def show_users(visit: Visit) -> Response:
    """Show the list of people, searched, filtered and paged."""
    state, provider_id, search = visit.query("state"), visit.query("provider"), visit.query("q").strip()
    after, before = visit.query("after"), visit.query("before")
    chosen = UserSelection(
        search,
        _STATES.get(state),
        "" if provider_id == BY_HAND else provider_id or None,
        blocked=True if state == BLOCKED else None,
    )

    async def find() -> tuple[list[User], int, list[IdentityProvider]]:
        async with visit.context.database.scan(visit.tenant.id, "search" if search else "list") as reading:
            users = await list_users(reading, chosen, PAGE + 1, beyond=before or after, newer=bool(before))
            return users, await count_users(reading, chosen), await all_providers(reading)

    users, total, providers = await while_connected(visit.request.receive, find())
    overflow = len(users) > PAGE
    users = users[1:] if overflow and before else users[:PAGE]
    query = {name: value for name, value in (("q", search), ("state", state), ("provider", provider_id)) if value}
    has_newer = overflow if before else bool(after)
    has_older = overflow if not before else True
    return visit.page(
        "users.html",
        people=[_entry(user) for user in users],
        total=total,
        providers=providers,
        names={provider.id: provider.name for provider in providers},
        asked=query,
        newer=visit.at("users", **query, before=users[0].id) if users and has_newer else "",
        older=visit.at("users", **query, after=users[-1].id) if users and has_older else "",
    )


def _entry(user: User) -> dict[str, Any]:
    document = orjson.loads(user.document)
    return {"user": user, "user_name": document["userName"], "name": display_name(document)}


def display_name(document: dict[str, Any]) -> str:
    """Returns a person's display name, or else the parts of their name; empty if there are none."""
    name = document.get("name", {})
    parts = " ".join(part for part in (name.get("givenName"), name.get("familyName")) if part)
    return str(document.get("displayName") or name.get("formatted") or parts)


async def show_user(visit: Visit) -> Response:
    """Show one person: the Profile and where each value came from, the SCIM document, and the timeline."""
    async with visit.context.database.read(visit.tenant.id) as reading:
        user = await find_user(reading, visit.path("user_id"))
        if user is None:
            # The history of a deleted person can still be read.
            events = await page_events(reading, EventQuery(subject_id=visit.path("user_id")), PAGE)
            if not any(event.type.startswith("user.") for event in events):
                raise visit.not_found()
            return visit.page("user_gone.html", events=events)
        return await _user_page(visit, reading, user)


async def _user_page(visit: Visit, reading: Reading, user: User, refused: Refusal | None = None) -> Response:
    providers = {provider.id: provider for provider in await all_providers(reading)}
    provider = providers.get(user.identity_provider_id)
    document = orjson.loads(user.document)
    namesakes = [each for each in await find_users_by_name(reading, document["userName"]) if each.id != user.id]
    events = await page_events(reading, EventQuery(subject_id=user.id), PAGE)
    base_url = visit.context.settings.scim_url(visit.tenant.name)
    return visit.page(
        "user.html",
        refused.status if refused else 200,
        user=user,
        provider=provider,
        document=document,
        name=display_name(document) or document["userName"],
        origins=_origins(provider, document),
        roles=given_roles(orjson.loads(user.profile)),
        resource=expand(user.kept, USER_TYPE, base_url),
        twins=[(each, providers.get(each.identity_provider_id)) for each in namesakes],
        events=events,
        groups=await tree_above(reading, user.id) if user.in_groups else Tree([]),
        names={each.id: each.name for each in providers.values()},
        access=await access_of(visit, reading, user),
        values=_values(visit, document, user) if refused is None else _sent(visit),
        refused=refused,
    )


def _origins(provider: IdentityProvider | None, document: dict[str, Any]) -> list[Any]:
    rules = provider.mapping if provider else BASE_MAPPING
    return [origin for origin in trace(rules, document) if origin.value not in (None, "")]


def _values(_visit: Visit, document: dict[str, Any], user: User) -> dict[str, str]:
    name = document.get("name", {})
    emails = document.get("emails") or [{}]
    return {
        "user_name": document["userName"],
        "given_name": name.get("givenName", ""),
        "family_name": name.get("familyName", ""),
        "display_name": document.get("displayName", ""),
        "email": emails[0].get("value", ""),
        "title": document.get("title", ""),
        "role": user.role,
    }


def _sent(visit: Visit) -> dict[str, str]:
    return {name: visit.field(name) for name in FIELDS}


def _described(visit: Visit) -> dict[str, Any]:
    sent = {name: visit.field(name).strip() for name in FIELDS}
    email = [{"value": sent["email"], "type": "work", "primary": True}] if sent["email"] else None
    return {
        "userName": sent["user_name"],
        "name": {"givenName": sent["given_name"], "familyName": sent["family_name"]},
        "displayName": sent["display_name"],
        "title": sent["title"],
        "emails": email,
    }


async def show_new_user(visit: Visit) -> Response:
    """Show the form to add a person by hand."""
    return visit.page("user_new.html", values=dict.fromkeys(FIELDS, ""), refused=None)


async def add_user(visit: Visit) -> Response:
    """Add a person by hand."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            user = await people.add_by_hand(tx, _described(visit), visit.field("role"))
    except Refusal as refused:
        return visit.page("user_new.html", refused.status, values=_sent(visit), refused=refused)
    return visit.redirect(visit.at("users", user.id), "person-added")


async def change_user(visit: Visit) -> Response:
    """Change a person who was added by hand."""
    try:
        async with visit.context.database.write(visit.actor) as tx:
            await people.change_by_hand(tx, visit.path("user_id"), _described(visit), visit.field("role"))
    except Refusal as refused:
        async with visit.context.database.read(visit.tenant.id) as reading:
            user = await find_user(reading, visit.path("user_id"))
            if user is None:
                raise
            return await _user_page(visit, reading, user, refused)
    return visit.redirect(visit.at("users", visit.path("user_id")), "person-saved")


async def set_active(visit: Visit) -> Response:
    """Deactivate or reactivate a person who was added by hand."""
    active = visit.decision("active")
    async with visit.context.database.write(visit.actor) as tx:
        await people.set_active_by_hand(tx, visit.path("user_id"), active=active)
    return visit.redirect(visit.at("users", visit.path("user_id")), "person-saved")


async def delete_user(visit: Visit) -> Response:
    """Delete a person who was added by hand, after their user name was typed."""
    async with visit.context.database.write(visit.actor) as tx:
        user = await find_user(tx, visit.path("user_id"))
        if user is not None and not user.identity_provider_id:
            name, typed = orjson.loads(user.document)["userName"], visit.field("confirm").strip()
            if typed != name.strip():
                raise WrongInput(f"To delete this person, type '{name}'; got '{typed[:80]}'.")
        await people.delete_by_hand(tx, visit.path("user_id"))
    return visit.redirect(visit.at("users"), "person-deleted")
