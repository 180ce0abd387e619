"""The screens, in a real Chromium and, for what needs no script, over plain HTTP."""

import re
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.conftest import HANG
from tests.pocket_okta.running import App, Mode, Okta, running
from tests.pocket_okta.scim_service import PASSWORD, USERNAME, ScimService

HOSTILE = "<img src=x onerror=alert(1)>\"'&lt;{{7*7}}"


@pytest.fixture
def page(browser: Browser, okta: Okta) -> Iterator[Page]:
    """A page that fails its test if it meets a script error, a dialog, or a break of its Content-Security-Policy."""
    context = browser.new_context(base_url=okta.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(HANG * 1000)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("dialog", lambda dialog: problems.append(dialog.message))
    opened.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert problems == []


def notice(page: Page) -> Locator:
    return page.locator(".notice[role]").first


def test_from_the_first_click_to_the_disabled_account(okta: Okta, scim: ScimService, page: Page, mode: Mode) -> None:
    """The article's way, with Okta's own screens and words."""
    ana = okta.person("Ana", "Reis")
    label = f"North {uuid.uuid4().hex[:8]}"
    page.goto("/")
    page.get_by_role("complementary").get_by_role("link", name="Applications").click()
    if mode == "catalogue":
        page.get_by_role("link", name="Browse App Catalog").click()
        basic = page.locator("form.panel").filter(has_text="(Basic Auth)")
        basic.get_by_label("Application label").fill(label)
        basic.get_by_role("button", name="Add Integration").click()
    else:
        page.get_by_role("link", name="Create App Integration").click()
        page.get_by_label("App name").fill(label)
        page.get_by_role("button", name="Finish").click()

    page.get_by_role("link", name="Configure API Integration").click()
    expect(page.get_by_label("Enable API integration")).to_be_checked()
    url_field = "SCIM 2.0 Base Url" if mode == "catalogue" else "SCIM connector base URL"
    test_button = "Test API Credentials" if mode == "catalogue" else "Test Connector Configuration"
    page.get_by_label(url_field).fill(scim.url)
    page.get_by_label("Username").fill(USERNAME)
    page.get_by_label("Password").fill("wrong-secret")
    page.get_by_role("button", name=test_button).click()
    expect(notice(page)).to_contain_text("Error authenticating: Unauthorized.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=test_button).click()
    expect(notice(page)).to_have_text(re.compile(f"{label} was verified successfully!"))
    page.get_by_role("button", name="Save").click()

    for feature in ("Create Users", "Update User Attributes", "Deactivate Users"):
        page.get_by_label(f"{feature}: Enable").check()
    page.get_by_role("button", name="Save").click()
    expect(notice(page)).to_contain_text("Provisioning to app was saved.")

    page.get_by_role("link", name="Assignments").click()
    page.get_by_role("link", name="Assign to People").click()
    page.get_by_role("searchbox").fill(ana["profile"]["login"])
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Assign").click()
    row = page.get_by_role("row").filter(has_text="Ana Reis")
    expect(row).to_contain_text("Provisioned")
    assert scim.named(ana["profile"]["login"])["active"] is True

    page.goto(f"/directory/people/{ana['id']}/edit")
    page.get_by_label("First name").fill("Anna")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Anna Reis")
    okta.idle()
    assert scim.named(ana["profile"]["login"])["name"]["givenName"] == "Anna"

    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("heading", level=1).locator("..")).to_contain_text("Deactivated")
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    page.get_by_role("button", name="Reactivate").click()
    expect(page.get_by_role("heading", level=1).locator("..")).to_contain_text("Active")


def test_an_error_is_marked_and_retried(okta: Okta, scim: ScimService, page: Page, app: App) -> None:
    scim.refuse("POST", status=409, detail="That userName is taken.")
    ana = okta.person("Ana", "Reis")
    page.goto(f"/applications/{app.id}/assignments/people?q={ana['profile']['login']}")
    page.get_by_role("button", name="Assign").click()
    row = page.get_by_role("row").filter(has_text="Ana Reis")
    expect(row).to_contain_text("Errors reported by remote server: That userName is taken.")
    expect(notice(page)).to_contain_text("failed: Error while creating user")
    page.goto("/dashboard/tasks")
    task = page.locator("article").filter(has_text=app.label)
    task.get_by_role("button", name="Retry").click()
    expect(page.locator("article").filter(has_text=app.label)).to_have_count(0)
    assert len(scim.users) == 1


def test_the_log_fills_by_itself_and_shows_what_was_said(okta: Okta, page: Page, app: App) -> None:
    page.goto(f"/reports/system-log?app={app.id}&kind=exchange")
    lines = page.locator("#log details")
    before = lines.count()
    app.assign(okta.person("Ana"))
    expect(lines).to_have_count(before + 2)
    lines.first.locator("summary").click()
    expect(lines.first).to_contain_text("POST")
    expect(lines.first).to_contain_text('"password": "••••••"')
    expect(lines.first).to_contain_text("Authorization: Basic ••••••")
    lines.first.get_by_role("link", name="Entry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Push new user to external application")


def test_provision_user_for_who_was_assigned_before(okta: Okta, scim: ScimService, page: Page, mode: Mode) -> None:
    app = okta.app(mode)
    app.assign(okta.person("Ana", "Reis"))
    app.connect(scim.url, USERNAME, PASSWORD)
    app.features(create=True, update=True, deactivate=True)
    page.goto(f"/applications/{app.id}/assignments")
    row = page.get_by_role("row").filter(has_text="Ana Reis")
    expect(row).to_contain_text("Not provisioned")
    row.get_by_role("button", name="Provision User").click()
    expect(row).to_contain_text("Provisioned")
    expect(row.get_by_role("button", name="Provision User")).to_have_count(0)


def test_import_on_the_screen(okta: Okta, scim: ScimService, page: Page, app: App) -> None:
    login = f"carla.{app.id.lower()}@south.example"
    scim.add(login, name={"givenName": "Carla", "familyName": "Nunes"})
    page.goto(f"/applications/{app.id}/import")
    page.get_by_role("button", name="Import Now").click()
    expect(page.locator("#import-run")).to_contain_text("1 users scanned, 1 added, 0 updated, 0 unchanged, 0 removed.")
    page.get_by_role("button", name="Confirm as new user").click()
    expect(notice(page)).to_contain_text("Carla Nunes is a new Okta person")
    assert okta.call("GET", f"/api/v1/users/{login}")["status"] == "ACTIVE"


def test_nothing_that_comes_from_elsewhere_is_markup(okta: Okta, scim: ScimService, page: Page) -> None:
    app = App(okta, okta.call("POST", "/api/v1/apps", {"label": f"{HOSTILE} app"[:100], "name": "scim2basicauth"}))
    app.connect(scim.url, USERNAME, PASSWORD)
    app.features(create=True, update=True, deactivate=True)
    scim.refuse("POST", status=400, detail=HOSTILE)
    ana = okta.person("Ana", HOSTILE, login=f"{uuid.uuid4().hex}@north.example", title=HOSTILE)
    group = okta.call(
        "POST", "/api/v1/groups", {"profile": {"name": f"{HOSTILE}{ana['id']}"[:100], "description": HOSTILE}}
    )
    app.assign(ana)
    okta.idle()
    push = app.push(group["id"])
    body = {"name": HOSTILE, "value": HOSTILE}
    rule = okta.call("POST", f"{app.pocket}/group-push/rules", body)
    okta.idle()
    scim.add(HOSTILE, name={"givenName": HOSTILE, "familyName": HOSTILE})
    okta.call("POST", f"{app.pocket}/import")
    for path in (
        "/",
        "/dashboard/tasks",
        "/directory/people",
        f"/directory/people/{ana['id']}",
        f"/directory/people/{ana['id']}/edit",
        "/directory/groups",
        f"/directory/groups/{group['id']}",
        "/applications",
        f"/applications/{app.id}/general",
        f"/applications/{app.id}/assignments",
        f"/applications/{app.id}/assignments/{ana['id']}",
        f"/applications/{app.id}/push-groups",
        f"/applications/{app.id}/push-groups/find",
        f"/applications/{app.id}/push-groups/{push.id}/unlink",
        f"/applications/{app.id}/push-groups/rules/{rule['id']}/delete",
        f"/applications/{app.id}/import",
        f"/applications/{app.id}/provisioning/to-app",
        f"/reports/system-log?app={app.id}",
        "/reports/system-log?app=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/directory/people?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "/%3Cimg%20src=x%20onerror=alert(1)%3E",
    ):
        page.goto(path)
        assert page.locator("img").count() == 0, path
    okta.call("DELETE", app.path, status=204)
    okta.idle()
    okta.call("DELETE", f"/api/v1/groups/{group['id']}", status=204)
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)


@pytest.mark.parametrize("mode", ["wizard"], indirect=True)
def test_every_page_fits_a_phone(okta: Okta, scim: ScimService, browser: Browser, app: App) -> None:
    ana = okta.person("Ana", "Reis", title="A very long title of somebody who does many different things at once")
    scim.refuse("POST", status=409, detail="averylongwordwithoutanyblanks" * 12)
    app.assign(ana)
    okta.idle()
    context = browser.new_context(base_url=okta.url, viewport={"width": 360, "height": 740})
    context.set_default_timeout(HANG * 1000)
    page = context.new_page()
    for path in pages_of(app, ana["id"]):
        page.goto(path)
        page.wait_for_load_state("load")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
    page.goto("/")
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="People", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("People")
    context.close()


def pages_of(app: App, person: str) -> list[str]:
    """Return every page of the program, about this app and person where it is about one."""
    app.settings(entitlements=True)
    group, assigned = app.okta.group(), app.okta.group()
    app.okta.call("PUT", f"{app.path}/groups/{assigned}")
    push = app.push(group)
    app.push(app.okta.group(name=f"A crew with a very long name, {uuid.uuid4().hex} and so on"))
    rule = app.okta.call("POST", f"{app.pocket}/group-push/rules", {"name": "Everybody at sea", "value": person})
    app.okta.idle()
    log = app.exchanges()[-1]["seq"]
    return [
        "/",
        "/dashboard/tasks",
        "/directory/people",
        "/directory/people/new",
        f"/directory/people/{person}",
        f"/directory/people/{person}/edit",
        "/directory/groups",
        f"/directory/groups/{group}",
        "/applications",
        "/applications/catalog",
        "/applications/new",
        f"/applications/{app.id}/general",
        f"/applications/{app.id}/general?edit=1",
        f"/applications/{app.id}/sign-on",
        f"/applications/{app.id}/sign-on?edit=1",
        f"/applications/{app.id}/provisioning/integration",
        f"/applications/{app.id}/provisioning/integration?edit=1",
        f"/applications/{app.id}/provisioning/to-app",
        f"/applications/{app.id}/provisioning/to-app?edit=1",
        f"/applications/{app.id}/provisioning/to-okta",
        f"/applications/{app.id}/import",
        f"/applications/{app.id}/assignments",
        f"/applications/{app.id}/assignments/people",
        f"/applications/{app.id}/assignments/groups",
        f"/applications/{app.id}/assignments/{person}",
        f"/applications/{app.id}/assignments/groups/{assigned}",
        f"/applications/{app.id}/assignments/{person}/entitlements",
        f"/applications/{app.id}/governance",
        f"/applications/{app.id}/push-groups",
        f"/applications/{app.id}/push-groups?bulk=1",
        f"/applications/{app.id}/push-groups/find",
        f"/applications/{app.id}/push-groups/rules/new",
        f"/applications/{app.id}/push-groups/rules/{rule['id']}/delete",
        f"/applications/{app.id}/push-groups/{push.id}/unlink",
        "/reports/system-log",
        f"/reports/system-log/{log}",
        "/security/api/tokens",
        "/login",
    ]


def inline_code(page: str) -> list[str]:
    """Return the tags of a page that a strict Content-Security-Policy forbids: styles and scripts inside it."""
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = {name for name, _ in attrs}
            scripted = "style" in names or any(name.startswith("on") for name in names)
            if tag == "style" or (tag == "script" and "src" not in names) or scripted:
                found.append(str(self.get_starttag_text()))

    Tags().feed(page)
    return found


def test_every_page_answers_and_has_one_heading(okta: Okta, app: App) -> None:
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    for path in pages_of(app, ana["id"]):
        answer = okta.client.get(path)
        assert answer.status_code == 200, path
        assert answer.text.count("<h1>") == 1, path
        assert "not affiliated with Okta, Inc." in answer.text
        assert inline_code(answer.text) == [], path
        assert len(answer.content) < 200_000, f"{path}: {len(answer.content)} bytes"


def submit(okta: Okta, path: str, **fields: str) -> str:
    """Send a form as a browser without script does, follow where it leads, and return the page."""
    headers = {"Sec-Fetch-Site": "same-origin", "Referer": f"{okta.url}directory/people"}
    return okta.client.post(path, data=fields, headers=headers, follow_redirects=True).text


def test_a_person_is_added_and_corrected_without_script(okta: Okta) -> None:
    wrong = submit(okta, "/directory/people", login="ana", firstName="Ana", lastName="Reis", title="Pilot")
    assert "login: must be in the form of an email address, got &#39;ana&#39;." in wrong
    assert 'value="Pilot"' in wrong
    login = f"{uuid.uuid4().hex}@north.example"
    added = submit(okta, "/directory/people", login=login, firstName="Ana", lastName="Reis", activate="later")
    assert "Ana Reis was added." in added
    assert "Staged" in added
    ana = okta.call("GET", f"/api/v1/users/{login}")
    assert ana["profile"]["email"] == login
    assert "The field cannot be left blank" in submit(okta, f"/directory/people/{ana['id']}/edit", lastName="")
    assert "Only a deactivated user can be deleted" in submit(okta, f"/directory/people/{ana['id']}/delete")
    for act, word in (
        ("activate", "Active"),
        ("suspend", "Suspended"),
        ("unsuspend", "Active"),
        ("deactivate", "Deac"),
    ):
        submit(okta, f"/directory/people/{ana['id']}/{act}")
        assert word in okta.client.get(f"/directory/people/{ana['id']}").text
    assert "was deleted" in submit(okta, f"/directory/people/{ana['id']}/delete")


def test_groups_are_kept_without_script(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana", "Reis")
    name = f"Crew {uuid.uuid4().hex}"
    submit(okta, "/directory/groups", name=name, description="On board")
    (group,) = okta.call("GET", f"/api/v1/groups?q={name}")
    assert "was added to" in submit(okta, f"/directory/groups/{group['id']}/join", person=ana["id"])
    assert "was assigned" in submit(okta, f"/applications/{catalogue_app.id}/assignments/groups", group=group["id"])
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is True
    submit(okta, f"/directory/groups/{group['id']}/leave", person=ana["id"])
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    assert "was unassigned" in submit(
        okta, f"/applications/{catalogue_app.id}/assignments/groups/remove", group=group["id"]
    )
    assert "was saved" in submit(okta, f"/directory/groups/{group['id']}/edit", name=f"{name}!", description="")
    assert "was deleted" in submit(okta, f"/directory/groups/{group['id']}/delete")


def test_the_integration_form_says_what_is_wrong_beside_the_field(okta: Okta, scim: ScimService) -> None:
    app = okta.app()
    path = f"/applications/{app.id}/provisioning/integration"
    wrong = submit(okta, path, enabled="on", baseUrl="nowhere", username="a", password="b-secret", act="save")
    assert "wanted an http or https address" in wrong
    assert 'aria-invalid="true"' in wrong
    blank = submit(okta, path, enabled="on", baseUrl=scim.url, username="a", password="", act="test")
    assert "Password: The field cannot be left blank" in blank
    saved = submit(okta, path, enabled="on", baseUrl=scim.url, username=USERNAME, password=PASSWORD, act="save")
    assert "was verified successfully!" in saved
    kept = submit(okta, path, enabled="on", baseUrl=scim.url, username=USERNAME, password="", act="save")
    assert "was verified successfully!" in kept
    off = submit(okta, path, baseUrl=scim.url, username=USERNAME, act="save")
    assert "API integration is off" in off
    assert okta.call("GET", f"{app.path}/connections/default")["status"] == "DISABLED"


def test_a_custom_attribute_is_added_on_the_screen(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    path = f"/applications/{catalogue_app.id}/provisioning/attributes"
    urn = "urn:ietf:params:scim:schemas:extension:crew:2.0:User"
    assert "other than &#39;groups&#39;" in submit(okta, path, name="groups")
    assert urn in submit(okta, path, name="crew", externalNamespace=urn, source="user.department", type="string")
    catalogue_app.assign(okta.person("Ana", department="Flight"))
    okta.idle()
    assert scim.requests[-1].json[urn] == {"crew": "Flight"}
    assert urn not in submit(okta, f"{path}/remove", name="crew")


def test_an_app_user_is_edited_on_the_screen(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana", "Reis")
    catalogue_app.assign(ana)
    okta.idle()
    path = f"/applications/{catalogue_app.id}/assignments/{ana['id']}"
    assert "cannot be left blank" in submit(okta, path, userName="")
    submit(okta, path, givenName="Anita")
    assert scim.named(ana["profile"]["login"])["name"]["givenName"] == "Anita"
    assert "was unassigned" in submit(okta, f"{path}/remove")


def test_an_app_is_renamed_and_deleted_on_the_screen(okta: Okta) -> None:
    app = okta.app("wizard")
    path = f"/applications/{app.id}"
    fields = {"label": "North Again", "usernameFormat": "email", "provisioning": "none", "withhold": "on"}
    submit(okta, f"{path}/general", **fields)
    made = okta.call("GET", app.path)
    assert made["label"] == "North Again"
    assert made["credentials"]["userNameTemplate"]["template"] == "${source.email}"
    assert made["settings"]["pocket"] == {
        "mode": "wizard",
        "provisioning": "NONE",
        "withholdDeactivationAfterError": True,
        "patchProfiles": False,
        "renameGroups": True,
        "groupBatch": 100,
        "entitlements": False,
        "importSchema": False,
        "deprovisioning": {"action": "DEACTIVATE", "days": 30, "removeFromGroups": False},
        "publishAllCertificates": False,
    }
    assert "Provisioning" not in okta.client.get(f"{path}/assignments").text.split('class="tabs"')[1].split("</nav>")[0]
    assert "wanted 1 to 100 characters" in submit(okta, f"{path}/general", label="")
    assert "was deleted" in submit(okta, f"{path}/delete")


def test_a_page_that_is_not_there(okta: Okta) -> None:
    for path in ("/nowhere", "/directory/people/00uNobody", "/applications/0oaNone/general", "/reports/system-log/0"):
        answer = okta.client.get(path)
        assert answer.status_code == 404
        assert "Not found" in answer.text


def test_a_fresh_org_shows_the_way(tmp_path: Path) -> None:
    with running(tmp_path / "data") as okta:
        page = okta.client.get("/").text
        for step in ("Connect the application", "Choose what is pushed", "Assign somebody", "Watch the conversation"):
            assert step in page
    with running(tmp_path / "other", "--empty") as okta:
        assert "No applications yet" in okta.client.get("/").text
