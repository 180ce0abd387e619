"""A tenant with one object of every kind that a route can name, an administrator of every role, and a check for
changes.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import pyotp

from tests.conftest import Place, Running
from tests.console.certificates import pem
from tests.console.conftest import APP_SECRET, OPERATOR, PASSWORD, PASSWORD_HASH
from tests.console.visitor import Page, Visitor
from vestibule.actions import (
    administer,
    administrator_sign_in,
    applications,
    configure,
    groups_by_hand,
    people,
    person_sign_in,
    provision,
    saml_settings,
    second_factor,
)
from vestibule.actions.derive import Pace, derive_batch
from vestibule.actions.rule_preview import begin_preview
from vestibule.actions.scim_request import Sent
from vestibule.endpoints.context import Context
from vestibule.endpoints.web import assets
from vestibule.endpoints.web.guard import Route
from vestibule.keys import token_check
from vestibule.model import HOUSE, ROLES, Administrator, AdministratorRole, Rule, SamlSettings, new_id
from vestibule.saml.certificate import read_certificates
from vestibule.store.administrators import insert_administrator
from vestibule.store.database import AllTenants
from vestibule.store.events import EventQuery, page_events
from vestibule.store.factors import Ceremony, Factor, factors_of, insert_ceremony, insert_factor
from vestibule.store.rule_previews import move_rule_preview

VISITORS: Final = ("nobody", "auditor", "admin", "owner", "operator", "stranger")
"""A stranger is the owner of another tenant."""
NEW_PASSWORD: Final = "eight loud lamps under sand"

FORMS: Final[dict[str, dict[str, str]]] = {
    "/setup/{token}": {"password": NEW_PASSWORD, "again": NEW_PASSWORD},
    "/console/sign-in": {"email": "{email}", "password": PASSWORD},
    "/console/passkey": {},
    "/console/second-step": {"recovery_code": "{recovery_code}"},
    "/console/sign-out": {},
    "/console/account/again": {"password": PASSWORD},
    "/console/account/password": {"present": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD},
    "/console/account/factors": {"kind": "totp", "name-totp": "Fresh"},
    "/console/account/factors/{factor_id}/remove": {},
    "/console/account/new-factor": {"code": "{code}"},
    "/console/account/recovery-codes": {},
    "/console/": {"name": "fresh-{unique}", "title": "Fresh"},
    "/console/{tenant}/users/new": {"user_name": "fresh@north.example"},
    "/console/{tenant}/users/{user_id}": {"user_name": "renamed@north.example"},
    "/console/{tenant}/users/{user_id}/active": {"active": "no"},
    "/console/{tenant}/users/{user_id}/delete": {"confirm": "hand@north.example"},
    "/console/{tenant}/users/{user_id}/blocked": {"blocked": "yes", "confirm": "hand@north.example"},
    "/console/{tenant}/users/{user_id}/sessions/end": {},
    "/console/{tenant}/groups/new": {"name": "Fresh", "members": "hand@north.example"},
    "/console/{tenant}/groups/{group_id}": {"name": "Renamed"},
    "/console/{tenant}/groups/{group_id}/members": {"members": "ana@north.example"},
    "/console/{tenant}/groups/{group_id}/members/remove": {"member": "{user_id}"},
    "/console/{tenant}/groups/{group_id}/delete": {"confirm": "Harbour"},
    "/console/{tenant}/identity-providers/new": {"name": "Fresh", "vendor": "okta"},
    "/console/{tenant}/identity-providers/{provider_id}/settings": {"name": "Renamed", "enabled": "yes"},
    "/console/{tenant}/identity-providers/{provider_id}/saml": {
        "way": "hand",
        "entity_id": "urn:idp:north",
        "sso_url": "https://login.north.example/sso",
        "certificate": "{certificate}",
    },
    "/console/{tenant}/identity-providers/{provider_id}/saml/confirm": {
        "entity_id": "urn:idp:north",
        "sso_url": "https://login.north.example/sso",
        "certificate": "{certificate}",
        "version": "{saml_version}",
    },
    # There is no metadata URL: what it does is refused in words. tests/sign_in reads one.
    "/console/{tenant}/identity-providers/{provider_id}/saml/read-again": {},
    "/console/{tenant}/identity-providers/{provider_id}/sign-on": {
        "unsolicited": "restart",
        "name_id_is": "userName",
        "groups_attribute": "crews",
    },
    "/console/{tenant}/identity-providers/{provider_id}/certificates": {"act": "add", "candidate": "{certificate}"},
    "/console/{tenant}/identity-providers/{provider_id}/saml-keys": {"act": "make"},
    "/console/{tenant}/identity-providers/{provider_id}/provisioning": {"provisioning": "paused"},
    "/console/{tenant}/identity-providers/{provider_id}/keys": {"label": "Fresh key"},
    "/console/{tenant}/identity-providers/{provider_id}/keys/{credential_id}/retire": {},
    "/console/{tenant}/identity-providers/{provider_id}/mapping": {
        "target-0": "login",
        "sources-0": "userName",
        "do": "preview",
    },
    "/console/{tenant}/identity-providers/{provider_id}/previews/{preview_id}": {},
    "/console/{tenant}/identity-providers/{provider_id}/versions/restore": {"event": "{saved}", "side": "before"},
    "/console/{tenant}/identity-providers/{provider_id}/roles": {
        "source-0": "profile",
        "attribute-0": "department",
        "value-0": "Sales",
        "role-0": "console-admin",
        "do": "preview",
    },
    "/console/{tenant}/applications": {"name": "Fresh", "url": "https://fresh.north.example/"},
    "/console/{tenant}/applications/{application_id}": {"name": "Renamed", "url": "https://fresh.north.example/"},
    "/console/{tenant}/applications/{application_id}/remove": {},
    "/console/{tenant}/tenant/sessions": {"idle": "20", "absolute": "4"},
    "/console/{tenant}/tenant/factor-required": {"factor_required": "all"},
    "/console/{tenant}/administrators": {"email": "fresh@north.example", "name": "Fresh", "role": "auditor"},
    "/console/{tenant}/administrators/{administrator_id}/link": {},
    "/console/{tenant}/administrators/{administrator_id}/role": {"role": "admin"},
    "/console/{tenant}/administrators/{administrator_id}/enabled": {"enabled": "no", "confirm": "{email}"},
}
"""What the form of every route that takes one holds, so that it is carried out for whom the route admits."""


KEPT = (
    "identity_providers",
    "credentials",
    "users",
    "user_emails",
    "groups",
    "group_members",
    "events",
    "derivations",
    "administrators",
    "factors",
    "recovery_codes",
    "ceremonies",
    "applications",
    "invitations",
    "throttles",
)
"""The tables whose rows show whether anything was changed."""


@dataclass
class Scene:
    """A tenant with one object of every kind that a route can name."""

    place: Place
    other: Place
    ids: dict[str, str]
    staff: dict[str, Administrator]
    sessions: dict[str, str]

    @property
    def running(self) -> Running:
        return self.place.running

    def path(self, route: Route, **instead: str) -> str:
        """Returns the route's path with real ids. An unknown parameter fails the test."""
        return route.path.format(**{**self.ids, **instead})

    def visitor(self, who: str) -> Visitor:
        """Returns a browser, signed in if the visitor is an administrator."""
        visitor = Visitor(self.running.url)
        if who in self.sessions:
            visitor.take(self.sessions[who])
        # Somebody's right password was given in this browser before.
        visitor.keep(self.ids["ceremony"], "vestibule-step")
        return visitor

    def call(self, visitor: Visitor, route: Route, *, signed_in: bool, **instead: str) -> Page:
        """Call a route as a page of the console does, with its form filled in."""
        path = self.path(route, **instead)
        if route.method == "GET":
            return visitor.get(path, False)
        return visitor.post(path, {**self.form(route), **({"form_token": visitor.form_token} if signed_in else {})})

    def form(self, route: Route) -> dict[str, str]:
        """Returns the route's filled-in form, without the token."""
        filled = {
            "{user_id}": self.ids["user_id"],
            "{email}": self.staff["second owner"].email,
            "{unique}": uuid4().hex[:10],
            "{certificate}": pem(),
            "{recovery_code}": self.ids["recovery_code"],
            "{saved}": self.ids["saved"],
            "{saml_version}": self.ids["saml_version"],
            "{code}": pyotp.TOTP(APP_SECRET).now(),
        }
        form = dict(FORMS[route.path])
        for mark, value in filled.items():
            form = {name: text.replace(mark, value) for name, text in form.items()}
        return form

    def kept(self, *, without: str = "") -> dict[str, set[tuple[Any, ...]]]:
        """Returns all rows of both tenants and of the people in the scene, optionally without one table."""
        tenants = (self.place.tenant.id, self.other.tenant.id, HOUSE)
        of_sessions = (
            "SELECT token_check, expires_at FROM sessions WHERE tenant_id IN ($1, $2) OR administrator_id = $3"
        )

        async def read(context: Context) -> dict[str, set[tuple[Any, ...]]]:
            kept = {}
            async with context.database.read_all_tenants(OPERATOR) as all_tenants:
                for table in KEPT:
                    kept[table] = await all_tenants.all(
                        f"SELECT * FROM {table} WHERE tenant_id IN ($1, $2, $3)", *tenants
                    )
                kept["sessions"] = await all_tenants.all(of_sessions, *tenants[:2], self.staff["operator"].id)
                of_tenants = (
                    "SELECT id, name, title, state, (SELECT count(*) FROM tenants) FROM tenants WHERE id IN ($1, $2)"
                )
                kept["tenants"] = await all_tenants.all(of_tenants, *tenants[:2])
            return {table: set(map(tuple, found)) for table, found in kept.items() if table != without}

        return self.running.act(read)


def admits(route: Route, who: str) -> bool:
    """Returns whether a route is for a visitor, according to the documented routes."""
    if route.who == "anyone":
        return True
    if who == "nobody" or (who == "stranger" and "{tenant}" in route.path):
        return False
    role: AdministratorRole = "owner" if who == "stranger" else who  # type: ignore[assignment]  # one of VISITORS
    return ROLES.index(role) >= ROLES.index(route.who)


def make_scene(running: Running) -> Scene:
    """Make a tenant with one object of every kind."""
    place, other = running.new_tenant(), running.new_tenant()

    async def act(context: Context) -> tuple[dict[str, str], dict[str, Administrator], dict[str, str]]:
        async with context.database.write_all_tenants(OPERATOR) as all_tenants:
            staff = {
                "auditor": await _administrator(all_tenants, place.tenant.id, "auditor"),
                "admin": await _administrator(all_tenants, place.tenant.id, "admin"),
                "owner": await _administrator(all_tenants, place.tenant.id, "owner"),
                "operator": await _administrator(all_tenants, HOUSE, "operator"),
                "stranger": await _administrator(all_tenants, other.tenant.id, "owner"),
                "second owner": await _administrator(all_tenants, place.tenant.id, "owner"),
            }
            sessions = {
                who: await administrator_sign_in.open_session(all_tenants, staff[who], []) for who in VISITORS[1:]
            }
            for who, session in sessions.items():
                await _add_factor(all_tenants, staff[who], context)
                await _begin_adding(all_tenants, staff[who], session, context)
            (factor,) = await factors_of(all_tenants, staff["operator"])
            careful = await _administrator(all_tenants, place.tenant.id, "admin")
            codes = await _add_factor(all_tenants, careful, context)
            ceremony = (await second_factor.enter(all_tenants, careful, [], "/console/", [])).ceremony
            _, token = await administer.invite(
                all_tenants, place.tenant.id, f"{new_id(all_tenants.now)}@north.example", "Invited", "auditor"
            )
        async with context.database.write(place.actor) as tx:
            by_hand = await people.add_by_hand(tx, {"userName": "hand@north.example"}, "")
            group = await groups_by_hand.create_by_hand(tx, "Harbour", [by_hand.id])
            key, _ = await configure.create_credential(tx, place.provider.id, "Second", None, context.checker)
            saml = SamlSettings("urn:idp:south", "https://login.south.example/sso", read_certificates(pem()))
            await saml_settings.take_details(tx, place.provider.id, saml)
            provider = await configure.get_provider(tx, place.provider.id)
            saml_version = saml_settings.version_of(provider.saml)
            begun = await person_sign_in.begin(tx, provider, "", b"", purpose="test")
            application, _ = await applications.save_application(tx, "Wiki", "https://wiki.north.example/", "", "")
            await configure.change_mapping(tx, place.provider.id, (*provider.mapping, Rule("nick", ("nickName",))))
            while await derive_batch(tx, place.provider.id, Pace()):
                pass
            (saved,) = await page_events(tx, EventQuery(types=("mapping.changed",)), 1)
            preview = await begin_preview(tx, place.provider.id, "", provider.mapping[:3])
            await move_rule_preview(tx, preview._replace(finished_at=tx.now))
            events = await page_events(tx, EventQuery(), 1)
        async with context.database.write(
            place.actor._replace(kind="identity_provider", identity_provider_id=place.provider.id)
        ) as tx:
            document = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ana@north.example"}
            sent = Sent("POST", "/Users", {"userName": "ana@north.example"})
            provisioned = await provision.create_user(tx, sent, document, [])
        digest = assets.url("console.css").split("/")[2]
        ids = {
            "tenant": place.tenant.name,
            "provider_id": place.provider.id,
            "credential_id": key.id,
            "request_id": begun.id,
            "saml_version": saml_version,
            "user_id": by_hand.id,
            "provisioned_id": provisioned.id,
            "group_id": group.id,
            "event_id": events[0].id,
            "saved": saved.id,
            "preview_id": preview.id,
            "application_id": application.id,
            "administrator_id": staff["second owner"].id,
            "token": token,
            "factor_id": factor.id,
            "recovery_code": codes[0],
            "ceremony": ceremony,
            "digest": digest,
            "name": "console.css",
        }
        return ids, staff, sessions

    return Scene(place, other, *running.act(act))


async def _administrator(all_tenants: AllTenants, tenant_id: str, role: AdministratorRole) -> Administrator:
    id_ = new_id(all_tenants.now)
    administrator = Administrator(
        tenant_id, id_, f"{role}.{id_}@north.example", f"{role.title()} Reis", role, all_tenants.now, None, None, True
    )
    await insert_administrator(all_tenants, administrator, PASSWORD_HASH)
    return administrator


async def _add_factor(all_tenants: AllTenants, administrator: Administrator, context: Context) -> list[str]:
    """Add a second factor and recovery codes."""
    sealed = context.checker.seal(APP_SECRET.encode(), second_factor.sealed_for(administrator))
    await insert_factor(
        all_tenants,
        administrator,
        Factor(new_id(all_tenants.now), "totp", "App", b"", sealed, 0, all_tenants.now, None),
    )
    return await second_factor.make_codes(all_tenants, administrator, context.checker)


async def _begin_adding(all_tenants: AllTenants, administrator: Administrator, session: str, context: Context) -> None:
    """Begin to add a second authenticator app."""
    sealed = context.checker.seal(APP_SECRET.encode(), second_factor.sealed_for(administrator))
    kept, ends = token_check(session), all_tenants.now + second_factor.ADDING_LIFE
    ceremony = Ceremony(administrator.tenant_id, kept, administrator.id, "totp", sealed, "Second app", 0, ends)
    await insert_ceremony(all_tenants, ceremony)
