"""A demo with data for everything that the pages can show, made with the tools of administrators.

The rule: names and values are uncomfortably long, because long ones break pages.
"""

from dataclasses import dataclass
from typing import Any, Final

import httpx2

from tests.browser.demo import Demo
from tests.conftest import PLAIN
from tests.console.certificates import pem
from tests.console.test_mapping import saved
from tests.console.visitor import Page, Visitor

PASSWORD: Final = "seven quiet lamps over water"
EMAIL: Final = "rita.alves@north.example"
TENANT: Final = "north"
LONG_NAME: Final = "wilhelmina.featherstonehaugh-cholmondeley@subsidiary.north.example"
ENDLESS_NAME: Final = f"endless{'m' * 600}@north.example"


@dataclass
class RunningProduct:
    """The demo, the cookie of its first administrator, and the ids for the URLs of pages."""

    demo: Demo
    cookies: list[dict[str, Any]]
    ids: dict[str, str]

    def path(self, template: str) -> str:
        """Returns a URL of the console with ids filled in."""
        return self.demo.url + template.format(**self.ids)

    def okta_path(self, template: str) -> str:
        """Returns a URL of the pocket Okta with ids filled in."""
        return self.demo.okta.url + template.format(**self.ids)

    @property
    def signed_in(self) -> dict[str, Any]:
        """Returns the initial state of a window in which the administrator is signed in."""
        return {"cookies": self.cookies, "origins": []}


def furnish(demo: Demo) -> RunningProduct:
    """Make all data: two identity providers, keys of every age, people in every state, refusals, administrators."""
    with Visitor(demo.url) as owner:
        first = set_up(owner, demo.link)
        okta, provider = _add_provider(owner, first, "Okta", "okta")
        entra, second = _add_provider(owner, owner.get(f"/console/{TENANT}/identity-providers"), "Entra", "entra")
        url = okta.copied("the SCIM URL")
        pair = okta.copied("the Key"), okta.copied("the Secret")
        ids = {
            "tenant": TENANT,
            "provider": provider,
            "entra": second,
            **_fill_pocket_okta(demo, url, *pair),
            **_fill_over_scim(url, pair, (entra.copied("the Key"), entra.copied("the Secret"))),
            **_fill_by_hand(owner, provider),
        }
        ids |= _find_events(owner)
        owner.get("/console/sign-in")
        cookies = [
            {"name": name, "value": value, "url": demo.url, "httpOnly": True, "sameSite": "Lax"}
            for name, value in owner.cookies.items()
        ]
    ids["blocked"] = demo.vestibule.json("user", "block", TENANT, LONG_NAME, "--idp", "Entra")["id"]
    ids["link"] = demo.vestibule.json("admin", "add", "guest@north.example", "--tenant", TENANT)["link"].rpartition(
        "/"
    )[2]
    return RunningProduct(demo, cookies, ids)


def set_up(visitor: Visitor, link: str) -> Page:
    """Set up the first administrator. Returns the page after that."""
    fields = {"title": "North Example", "tenant": TENANT, "name": "Rita Alves", "email": EMAIL}
    passwords = {"password": PASSWORD, "again": PASSWORD}
    page = visitor.submit(visitor.get(link), "Set up and sign in", fields | passwords)
    assert page.heading == "Identity Providers", page.text
    return page


def _add_provider(owner: Visitor, page: Page, name: str, vendor: str) -> tuple[Page, str]:
    """Add an identity provider and switch it on. Returns its page with the Secret, and its id."""
    form = owner.get(page.link("Add identity provider"))
    added = owner.submit(form, "Add identity provider", {"name": name, "vendor": vendor, "switch_on": None})
    on = owner.submit(owner.get(added.link("Provisioning")), "Save", {"provisioning": "on"})
    return on, added.path.partition("?")[0].rpartition("/")[2]


def _fill_pocket_okta(demo: Demo, url: str, key: str, secret: str) -> dict[str, str]:
    """Connect the existing app, assign everybody, change one person and deactivate another."""
    okta = demo.okta
    (app,) = okta.call("GET", "/api/v1/apps")
    path = f"/api/v1/apps/{app['id']}"
    profile = {"authScheme": "BASIC", "username": key, "password": secret}
    okta.call("POST", f"{path}/connections/default?activate=true", {"baseUrl": url, "profile": profile})
    on = {"status": "ENABLED"}
    update = {"profile": on, "lifecycleDeactivate": on, "password": on}
    okta.call("PUT", f"{path}/features/USER_PROVISIONING", {"create": {"lifecycleCreate": on}, "update": update})
    okta.person("Wilhelmina", "Featherstonehaugh-Cholmondeley", login=LONG_NAME)
    people = okta.call("GET", "/api/v1/users")
    for person in people:
        okta.call("POST", f"{path}/users", {"id": person["id"], "scope": "USER"})
    okta.idle()
    okta.edit(people[0], title="Principal Engineer", department="Platform")
    okta.idle()
    okta.lifecycle(people[1], "deactivate")
    okta.idle()
    group = okta.call("GET", "/api/v1/groups")[0]["id"]
    exchange = okta.call("GET", f"/pocket/v1/exchanges?appId={app['id']}")[-1]["seq"]
    return {"app": app["id"], "okta_person": people[0]["id"], "okta_gone": people[1]["id"], "group": group} | {
        "entry": str(exchange)
    }


def _fill_over_scim(url: str, okta: tuple[str, str], entra: tuple[str, str]) -> dict[str, str]:
    """Make data that Okta does not cause: refused requests, a wrong Secret, a duplicate under another provider, a
    delete.
    """
    options: dict[str, Any] = {"base_url": url, "headers": {"content-type": "application/scim+json"}, **PLAIN}
    with httpx2.Client(auth=okta, **options) as client, httpx2.Client(auth=entra, **options) as other:
        assert client.get("/Users", params={"filter": "userName matches 'a'"}).status_code == 400
        assert client.post("/Users", json={"displayName": "Nobody"}).status_code == 400
        (person,) = client.get("/Users", params={"filter": f'userName eq "{LONG_NAME}"'}).json()["Resources"]
        operations = [
            {"op": "replace", "path": 'emails[type eq "work"].value', "value": f"new.{LONG_NAME}"},
            {"op": "add", "value": {"nickName": "Will", "favouriteColour": "green"}},
        ]
        patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
        assert client.patch(f"/Users/{person['id']}", json=patch).status_code == 200
        assert other.post("/Users", json={"userName": LONG_NAME, "displayName": "Willa F."}).status_code == 201
        assert other.post("/Users", json={"userName": ENDLESS_NAME, "displayName": "m" * 600}).status_code == 201
        gone = other.post("/Users", json={"userName": "short.visit@north.example"}).json()["id"]
        assert other.delete(f"/Users/{gone}").status_code == 204
        assert client.get("/Users", auth=(okta[0], entra[1])).status_code == 401
        groups = _push_groups(client, person["id"])
    return {"person": person["id"], "gone": gone} | groups


def _push_groups(client: httpx2.Client, person: str) -> dict[str, str]:
    """Push groups: in one another, with people and names of every length; one is deleted again."""
    everybody = [{"value": each["id"]} for each in client.get("/Users").json()["Resources"]]

    def push(name: str, *members: dict[str, str]) -> dict[str, str]:
        made = client.post("/Groups", json={"displayName": name, "externalId": f"00g-{name}", "members": members})
        assert made.status_code == 201, made.text
        return {"value": made.json()["id"]}

    long = push("Harbour-Masters-and-Deputy-Harbour-Masters-of-the-Northern-and-Western-Islands", {"value": person})
    night = push("Night shift", *everybody[:2])
    watch = push("Watch", night, long, *everybody[:1])
    push("Everybody", watch, long, *everybody)
    push("Endless " + "m" * 600, watch)
    operations = [
        {"op": "remove", "path": f'members[value eq "{person}"]'},
        {"op": "replace", "path": "externalId", "value": "00g-watch"},
    ]
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    assert client.patch(f"/Groups/{long['value']}", json=patch).status_code == 204
    gone = push("Regatta", night)
    assert client.delete(f"/Groups/{gone['value']}").status_code == 204
    return {"pushed_group": watch["value"], "group_gone": gone["value"]}


def _fill_by_hand(owner: Visitor, provider: str) -> dict[str, str]:
    """Make data by hand: a person, SAML details, a second key and a retired one, a changed mapping and role rules,
    administrators.
    """
    at = f"/console/{TENANT}"
    named = {"user_name": "by.hand@north.example", "display_name": "Hanna Dahl", "title": "Works council"}
    added = owner.submit(owner.get(f"{at}/users/new"), "Add person", named)
    form = owner.get(f"{at}/groups/new")
    members = f"by.hand@north.example\nWatch\n{ENDLESS_NAME}"
    group = owner.submit(form, "Add group", {"name": "Works council", "members": members})
    page = owner.get(f"{at}/identity-providers/{provider}/sign-in")
    saml = {"way": "hand", "entity_id": "https://login.north.example/exk1fxk3jqW7Ujn8k0h8", "certificate": pem()}
    saml["sso_url"] = "https://login.north.example/app/north_vestibule_1/exk1fxk3jqW7Ujn8k0h8/sso/saml"
    owner.submit(page, "Save SAML details", saml)
    page = owner.get(f"{at}/identity-providers/{provider}/provisioning")
    for label in ("Spare", "After the audit"):
        page = owner.submit(page, "Make key", {"label": label})
    newest = owner.get(f"{at}/identity-providers/{provider}/provisioning")
    owner.submit(newest, "Retire key", within="(//table)[1]/tbody/tr[1]")
    mapping = owner.get(f"{at}/identity-providers/{provider}/mapping")
    changed = {"default-0": "somebody", "target-1": "", "sources-1": "", "target-17": "surname"}
    saved(owner, owner.submit(mapping, "Preview on everybody", {**changed, "sources-17": "name.familyName"}))
    roles = owner.get(f"{at}/identity-providers/{provider}/roles")
    rule = {"attribute-0": "department", "value-0": "Department of Further Considerations", "role-0": "considerer"}
    grouped = {"source-1": "group", "value-1": "CN=Front Desk,OU=Groups,DC=north,DC=example", "role-1": "console-admin"}
    unmapped = {"attribute-2": "costCentre", "value-2": "1", "role-2": "considerer", "default": "member"}
    saved(owner, owner.submit(roles, "Preview on everybody", rule | grouped | unmapped), "role rules")
    named = {"source-3": "scim_group", "value-3": "Watch", "role-3": "watchkeeper"}
    roles = owner.get(f"{at}/identity-providers/{provider}/roles")
    saved(owner, owner.submit(roles, "Preview on everybody", named), "role rules")
    invite = owner.get(f"{at}/administrators")
    invited = {"email": "a.very.long.address@subsidiary.north.example", "name": "Auditor", "role": "auditor"}
    owner.submit(invite, "Invite administrator", invited)
    listed = _list_applications(owner, f"{at}/applications")
    draft = owner.get(f"{at}/identity-providers/{provider}/mapping")
    shown = owner.submit(draft, "Preview on everybody", {"target-0": "login", "sources-0": "nickName"})
    preview = shown.path.rpartition("/")[2]
    keys = owner.get(f"{at}/identity-providers/{provider}/provisioning")
    staff = owner.get(f"{at}/administrators")
    return {
        "by_hand": added.path.partition("?")[0].rpartition("/")[2],
        "group_by_hand": group.path.partition("?")[0].rpartition("/")[2],
        "application": listed,
        "preview": preview,
        "credential": _id_in(keys, "/retire"),
        "administrator": _id_in(staff, "/enabled"),
    }


def _id_in(page: Page, ending: str) -> str:
    """Returns the id of the first object on a page with a link to its confirmation page."""
    return str(page.all(f"//a[contains(@href, '{ending}')]")[0].get("href")).removesuffix(ending).rpartition("/")[2]


def _list_applications(owner: Visitor, at: str) -> str:
    """Make two applications with long names: one for everybody, one for a role that nobody has. Returns an id."""
    page = owner.get(at)
    for name, url, role in (
        ("Tide Tables", "https://tides.north.example/", ""),
        (
            "Donaudampfschifffahrtsgesellschaftskapitänsverwaltung",
            f"https://{'long-' * 12}name.example/{'a' * 90}",
            "x",
        ),
    ):
        told = {"description": "Sunrise, sunset and when the ferry cannot land, for every harbour of the north coast."}
        page = owner.submit(page, "Add application", {"name": name, "url": url, "role": role, **told})
    return str(page.all("//table//a[@class='row']")[0].get("href")).rpartition("/")[2]


def _find_events(owner: Visitor) -> dict[str, str]:
    """Returns an event of each type that is shown in its own way."""
    found = {}
    for name, kind in (
        ("created", "user.created"),
        ("changed", "user.changed"),
        ("refused", "request.refused"),
        ("stranger", "credential.refused"),
        ("grouped", "group.created"),
        ("regrouped", "group.changed"),
        ("remapped", "mapping.changed"),
        ("reruled", "roles.changed"),
    ):
        page = owner.get(f"/console/{TENANT}/activity", type=kind)
        found[name] = str(page.all("//ol[@class='timeline']/li/a")[0].get("href")).rpartition("/")[2]
    return found
