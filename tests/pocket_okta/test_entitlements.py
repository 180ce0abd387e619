"""Discovery: /ResourceTypes, /Schemas, then each endpoint with roles or entitlements (wire facts 1.10)."""

from typing import Any

import pytest
from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import ScimService
from tests.pocket_okta.test_pages import submit

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CREW = "urn:ietf:params:scim:schemas:extension:crew:2.0:User"
ROLE = "urn:okta:scim:schemas:core:1.0:Role"
ENTITLEMENT = "urn:okta:scim:schemas:core:1.0:Entitlement"


@pytest.fixture
def published(scim: ScimService) -> ScimService:
    """A service that publishes roles, licences as entitlements, and an extension of its own."""
    extensions = [{"schema": urn, "required": False} for urn in (ENTERPRISE, CREW)]
    attributes: list[dict[str, Any]] = [
        {"name": "cabin", "type": "string", "multiValued": False},
        {"name": "years", "type": "integer", "multiValued": False},
        {"name": "tags", "type": "string", "multiValued": True},
        {"name": "title", "type": "string", "multiValued": False},
        {"name": "since", "type": "dateTime", "multiValued": False},
    ]
    scim.published = {
        "ResourceTypes": [
            {"name": "User", "endpoint": "/Users", "schema": CORE, "schemaExtensions": extensions},
            {"name": "Role", "endpoint": "/Roles", "schema": ROLE},
            {"name": "Licence", "endpoint": "/Licences", "schema": ENTITLEMENT},
        ],
        "Schemas": [{"id": CREW, "attributes": attributes}, {"id": "urn:other", "attributes": attributes}],
        "Roles": [{"schemas": [ROLE], "id": f"r{number}", "displayName": f"Role {number}"} for number in range(101)],
        "Licences": [{"schemas": [ENTITLEMENT], "id": "l1", "displayName": "Pro", "type": "Licence"}],
    }
    return scim


def test_a_save_reads_everything_in_okta_s_order(okta: Okta, published: ScimService, app: App) -> None:
    app.settings(entitlements=True)
    okta.call("POST", f"{app.path}/connections/default", {})
    assert [request.target.removeprefix("/scim/v2") for request in published.requests] == [
        "/Users?startIndex=1&count=2",
        "/ResourceTypes",
        "/Schemas",
        "/Roles?startIndex=1&count=100",
        "/Roles?startIndex=101&count=100",
        "/Licences?startIndex=1&count=100",
    ]
    listed = okta.call("GET", f"{app.pocket}/entitlements")
    assert len(listed) == 102
    assert listed[-1] == {
        "key": "Licence/l1",
        "resourceType": "Licence",
        "role": False,
        "value": "l1",
        "display": "Pro",
        "description": None,
    }


def test_what_is_given_travels_with_the_profile(okta: Okta, published: ScimService, app: App) -> None:
    app.settings(entitlements=True)
    assert okta.call("POST", f"{app.pocket}/discover") == {"entitlements": 102, "attributes": 0}
    ana = okta.person("Ana")
    app.assign(ana)
    okta.idle()
    path = f"{app.pocket}/users/{ana['id']}/entitlements"
    okta.call("PUT", path, {"keys": ["Role/r7", "Licence/l1"]})
    okta.idle()
    user = published.named(ana["profile"]["login"])
    assert user["roles"] == [{"value": "r7", "display": "Role 7"}]
    assert user["entitlements"] == [{"value": "l1", "display": "Pro", "type": "Licence"}]
    okta.edit(ana, title="Pilot")
    okta.idle()
    assert user["id"] == published.named(ana["profile"]["login"])["id"]
    assert published.named(ana["profile"]["login"])["roles"] == [{"value": "r7", "display": "Role 7"}]
    published.published["Roles"] = []
    okta.call("POST", f"{app.pocket}/discover")
    assert [one["key"] for one in okta.call("GET", path)] == ["Licence/l1"]
    okta.call("PUT", path, {"keys": []})
    okta.idle()
    user = published.named(ana["profile"]["login"])
    assert (user["roles"], user["entitlements"]) == ([], [])
    assert "no Role/r7" in str(okta.call("PUT", path, {"keys": ["Role/r7"]}, status=400)["errorCauses"])


def test_attributes_of_the_user_schema_are_found(okta: Okta, published: ScimService, app: App) -> None:
    """Single ones of a type that an app user has; then nobody adds attributes by hand, only their source is chosen."""
    app.settings(importSchema=True)
    okta.call("POST", f"{app.path}/connections/default", {})
    assert not [request for request in published.requests if "/Roles" in request.path]
    found = [one for one in okta.call("GET", f"{app.pocket}/attributes") if one["custom"]]
    assert [(one["name"], one["type"], one["externalNamespace"]) for one in found] == [
        ("cabin", "string", CREW),
        ("years", "integer", CREW),
    ]
    body = {"name": "shoeSize", "source": "user.title"}
    refused = okta.call("POST", f"{app.pocket}/attributes", body, status=400)
    assert "read from /Schemas" in refused["errorCauses"][0]["errorSummary"]
    okta.call("POST", f"{app.pocket}/attributes", {"name": "cabin", "source": "user.title"})
    okta.call("POST", f"{app.path}/connections/default", {})
    ana = okta.person("Ana", title="C1")
    app.assign(ana, years=7)
    okta.idle()
    assert published.named(ana["profile"]["login"])[CREW] == {"cabin": "C1", "years": 7}


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/ResourceTypes", [{"name": "Role"}], "Invalid JSON"),
        ("/Schemas", {"id": "x"}, "is no ListResponse"),
        ("/ResourceTypes", {"Resources": [{"name": "R", "schema": ROLE, "endpoint": "Roles"}]}, "begins with a slash"),
    ],
)
def test_a_service_that_publishes_nonsense_is_told_so(
    okta: Okta, published: ScimService, catalogue_app: App, path: str, body: Any, words: str
) -> None:
    catalogue_app.settings(entitlements=True)
    text = str(body).replace("'", '"')
    published.answer("GET", path, status=200, body=text)
    refused = okta.call("POST", f"{catalogue_app.path}/connections/default", {}, status=400)
    assert words in refused["errorCauses"][0]["errorSummary"]


def test_without_entitlements_nothing_is_read(okta: Okta, published: ScimService, catalogue_app: App) -> None:
    okta.call("POST", f"{catalogue_app.path}/connections/default", {})
    assert [str(request) for request in published.requests] == ["GET /Users"]
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    assert "roles" not in published.calls("POST")[-1].json
    path = f"{catalogue_app.pocket}/users/{ana['id']}/entitlements"
    okta.call("PUT", path, {"keys": []}, status=403)


def test_the_pages(okta: Okta, published: ScimService, catalogue_app: App) -> None:
    home = f"/applications/{catalogue_app.id}"
    assert "Governance</a>" not in okta.client.get(f"{home}/general").text
    saved = submit(okta, f"{home}/general", label=catalogue_app.label, usernameFormat="login", entitlements="on")
    assert "Governance</a>" in saved
    assert "102 entitlements and 0 attributes were found." in submit(okta, f"{home}/governance")
    ana = okta.person("Ana", "Reis")
    catalogue_app.assign(ana)
    okta.idle()
    path = f"{home}/assignments/{ana['id']}/entitlements"
    assert path in okta.client.get(f"{home}/assignments").text
    assert "Role 100" in okta.client.get(path).text
    assert "The entitlements of Ana Reis were saved." in submit(okta, path, key="Role/r3")
    okta.idle()
    assert published.named(ana["profile"]["login"])["roles"] == [{"value": "r3", "display": "Role 3"}]
    published.published["ResourceTypes"] = []
    published.answer("GET", "/ResourceTypes", status=500)
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{okta.url}{home[1:]}/governance"}
    shown = okta.client.post(f"{home}/governance", headers=headers, follow_redirects=True).text
    assert "Error while reading entitlements" in shown
