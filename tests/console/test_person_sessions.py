"""People > Users > a person > Sign-in: what they are signed in with, and an administrator's own switch beside the
identity provider's.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.conftest import Staff, add_by_hand, in_tenant, rows, sql
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor, apart
from tests.sign_in.company import Company, instant, resource
from vestibule.actions import configure
from vestibule.endpoints.context import Context
from vestibule.model import RoleRule, RoleRules
from vestibule.store.database import Tx

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
    "Mobile/15E148 Safari/604.1"
)
ROLES = {"Owners": "console-owner", "Admins": "console-admin", "Front desk": "greeter"}


@pytest.fixture
def company(staff: Staff) -> Iterator[Company]:
    """The tenant's identity provider, and its people's browsers; groups give roles."""
    made = Company(staff.place)
    made.tie()

    async def give(tx: Tx, _context: Context) -> None:
        rules = tuple(RoleRule("group", "", group, role) for group, role in ROLES.items())
        await configure.change_roles(tx, staff.place.provider.id, RoleRules(rules), "owner")

    in_tenant(staff.place, give)
    yield made
    made.close()


def of_groups(*groups: str) -> str:
    """An assertion's attributes that name groups."""
    values = "".join(f"<saml:AttributeValue>{group}</saml:AttributeValue>" for group in groups)
    return (
        f'<saml:AttributeStatement><saml:Attribute Name="groups">{values}</saml:Attribute></saml:AttributeStatement>'
        if groups
        else ""
    )


def sign_in(company: Company, name: str, *groups: str, agent: str = "") -> Visitor:
    """A browser in which somebody has signed in."""
    browser = company.browser()
    browser.client.headers["user-agent"] = agent or "Visitor/1.0"
    return company.sign_in(name, browser, attributes=of_groups(*groups))


def states(page: Page) -> list[str]:
    """The pills beside the heading."""
    return [str(each.text) for each in page.all("//div[@class='head']//span[contains(@class, 'pill')]")]


def access(page: Page) -> str:
    """What the part of the page about signing in says."""
    return apart(page.one("//section[@id='access']"))


def buttons(page: Page) -> list[str]:
    """The buttons of that part."""
    return [" ".join(each.text_content().split()) for each in page.all("//section[@id='access']//button")]


def told(staff: Staff) -> list[str]:
    """What happened to people; beside it the worker applies the role rules, whenever it comes to that."""
    return [each["type"] for each in staff.place.events() if each["type"].startswith(("user.", "session."))]


def sessions(page: Page) -> list[list[str]]:
    """The live sessions: browser and address."""
    lines = page.all("//section[@id='access']//tbody/tr")
    return [[str(cell.text_content()) for cell in line.xpath("./td")][:2] for line in lines]


# -- seen --------------------------------------------------------------------------------------------------------------


def test_live_sessions_groups_and_roles_are_seen_by_everybody_here(staff: Staff, company: Company) -> None:
    user_id, name = company.hire()
    address = staff.at("users", user_id)
    auditor = staff.signed_in("auditor")
    page = auditor.get(address)
    check_markup(page)
    assert access(page) == "Sign-in Signs in with Okta. No live session."
    one = sign_in(company, name, "Front desk", "Second floor", agent=FIREFOX)
    two = sign_in(company, name, "Front desk", "Second floor", agent=IPHONE)
    page = auditor.get(address)
    check_markup(page)
    assert sessions(page) == [["Safari on iPhone", two.address], ["Firefox on Linux", one.address]]
    assert page.all("//section[@id='access']//td[@title]")[1].get("title") == FIREFOX, "the whole of it on hover"
    assert "Groups in the assertion Front desk Second floor of the last sign-in" in access(page)
    assert [str(each.text_content()) for each in page.all("//tr[td='roles']/td")] == ["roles", "greeter", "role rules"]
    assert buttons(page) == []
    assert page.all("//section[@id='access']//form") == []


def test_a_session_that_nobody_used_for_too_long_is_not_live(staff: Staff, company: Company, owner: Visitor) -> None:
    user_id, name = company.hire()
    for number in range(3):
        sign_in(company, name, agent=f"Client/{number}")
    where = "WHERE tenant_id = $1 AND agent = $2"
    assert sql(staff.running, f"UPDATE user_sessions SET seen_at = 0 {where}", staff.place.tenant.id, "Client/0") == 1
    assert (
        sql(staff.running, f"UPDATE user_sessions SET expires_at = 1 {where}", staff.place.tenant.id, "Client/2") == 1
    )
    assert [browser for browser, _ in sessions(owner.get(staff.at("users", user_id)))] == ["Client/1"]


@pytest.mark.parametrize("agent", ["<b>&amp;</b>", "Mozilla/5.0 " + "x" * 300])
def test_what_a_browser_calls_itself_is_text(staff: Staff, company: Company, owner: Visitor, agent: str) -> None:
    user_id, name = company.hire()
    sign_in(company, name, agent=agent)
    page = owner.get(staff.at("users", user_id))
    check_markup(page)
    ((shown, _),) = sessions(page)
    assert shown == (agent if len(agent) <= 40 else f"{agent[:40]}…")


# -- ending sessions ---------------------------------------------------------------------------------------------------


def test_all_sessions_of_one_person_are_ended_and_of_nobody_else(staff: Staff, company: Company) -> None:
    admin = staff.signed_in("admin")
    user_id, name = company.hire()
    bystander = sign_in(company, company.hire()[1])
    browsers = [sign_in(company, name), sign_in(company, name)]
    page = admin.submit(admin.get(staff.at("users", user_id)), "End all sessions")
    check_markup(page)
    assert (page.status, page.notice, sessions(page)) == (200, "The sessions have ended.", [])
    assert not any(company.is_in(each) for each in browsers)
    assert company.is_in(bystander)
    (event,) = staff.place.events("session.revoked")
    assert (event["subject"], event["data"]["sessions_ended"]) == (user_id, 2)
    assert event["actor"]["name"] == staff.people["admin"].name
    assert page.timeline()[0] == f"Sessions of {name} were ended: an administrator ended them"
    assert "End all sessions" not in buttons(page), "there is none"
    assert company.is_in(sign_in(company, name))


# -- blocking ----------------------------------------------------------------------------------------------------------


def test_who_is_blocked_is_out_whatever_the_identity_provider_says(staff: Staff, company: Company) -> None:
    admin = staff.signed_in("admin")
    user_id, name = company.hire()
    browser = sign_in(company, name)
    page = admin.get(staff.at("users", user_id))
    assert (states(page), buttons(page)) == (["active"], ["End all sessions"])
    assert "Okta cannot lift it" in access(page)
    page = admin.submit(page, "Block sign-in")
    check_markup(page)
    assert page.notice == "The person is blocked, and their sessions have ended."
    assert (states(page), buttons(page)) == (["active", "blocked"], ["Let in again"])
    assert "this person cannot sign in, whatever Okta says, until let in again" in access(page)
    assert not company.is_in(browser)
    (event,) = staff.place.events("user.blocked")
    assert (event["subject"], event["data"]["sessions_ended"]) == (user_id, 1)

    with staff.place.client() as scim:
        seen = scim.get(f"/Users/{user_id}").json()
        assert seen["active"] is True
        assert "block" not in str(seen).lower()
        for active in (True, False, True):
            operations = [{"op": "replace", "value": {"active": active}}]
            patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
            assert scim.patch(f"/Users/{user_id}", json=patch).status_code == 200
        assert scim.put(f"/Users/{user_id}", json=resource(name)).status_code == 200
    fresh = company.browser()
    assert company.post(fresh, company.response(name, company.begin(fresh))).status == 403
    assert states(admin.get(staff.at("users", user_id))) == ["active", "blocked"]

    page = admin.submit(admin.get(staff.at("users", user_id)), "Let in again")
    assert page.notice == "The person may sign in again. Sessions that were ended do not come back."
    assert states(page) == ["active"]
    assert not company.is_in(browser)
    assert company.is_in(sign_in(company, name))
    assert page.timeline()[0] == f"{staff.people['admin'].name} let {name} in again"


def test_who_is_blocked_stands_in_the_list_as_such(staff: Staff, company: Company, owner: Visitor) -> None:
    blocked, free = company.hire(), company.hire()
    hand = add_by_hand(staff, owner, "hand@north.example")
    owner.submit(hand, "Deactivate person")
    for address in (staff.at("users", blocked[0]), hand.path.partition("?")[0]):
        owner.submit(owner.get(address), "Block sign-in")
    page = owner.get(staff.at("users"))
    check_markup(page)
    pills = {row.split(" | ")[0]: row.split(" | ")[2] for row in page.rows()}
    assert pills == {blocked[1]: "active blocked", free[1]: "active", "hand@north.example": "inactive blocked"}
    found = owner.submit(page, "Search", {"state": "blocked"})
    assert [row.split(" | ")[0] for row in found.rows()] == ["hand@north.example", blocked[1]]
    assert "2 people found" in found.text
    found = owner.submit(found, "Search", {"state": "blocked", "q": "hand"})
    assert [row.split(" | ")[0] for row in found.rows()] == ["hand@north.example"]


@pytest.mark.parametrize("said", ["", "maybe", "YES"])
def test_a_form_that_says_nothing_blocks_nobody(staff: Staff, company: Company, owner: Visitor, said: str) -> None:
    user_id, _ = company.hire()
    address = staff.at("users", user_id)
    before = told(staff)
    page = owner.post(f"{address}/blocked", {"blocked": said, "form_token": owner.form_token})
    assert page.status == 400
    assert "The field blocked should be yes or no" in page.text
    assert (states(owner.get(address)), told(staff)) == (["active"], before)


def test_what_is_said_twice_is_told_once(staff: Staff, company: Company, owner: Visitor) -> None:
    user_id, name = company.hire()
    address = f"{staff.at('users', user_id)}/blocked"
    for blocked in ("no", "yes", "yes", "no", "no"):
        assert owner.post(address, {"blocked": blocked, "confirm": name, "form_token": owner.form_token}).status == 303
    assert [each["type"] for each in staff.place.events("user.")][1:] == ["user.blocked", "user.let_in"]


@pytest.mark.parametrize(("verb", "form"), [("blocked", {"blocked": "yes"}), ("sessions/end", {})])
def test_nobody_is_who_there_is_not(staff: Staff, owner: Visitor, verb: str, form: dict[str, str]) -> None:
    page = owner.post(f"{staff.at('users', 'nobody')}/{verb}", {**form, "form_token": owner.form_token})
    assert page.status == 404


# -- who is an administrator as well -----------------------------------------------------------------------------------


def test_who_administers_as_well_is_out_of_both(staff: Staff, company: Company, owner: Visitor) -> None:
    user_id, name = company.hire()
    colleague = sign_in(company, name, "Owners")
    assert company.is_in_console(colleague)
    page = owner.get(staff.at("users", user_id))
    check_markup(page)
    assert "In this console owner , signed in just now" in access(page)
    owner.submit(page, "End all sessions")
    assert not company.is_in(colleague)
    assert not company.is_in_console(colleague)
    again = sign_in(company, name, "Owners")
    owner.submit(owner.get(staff.at("users", user_id)), "Block sign-in")
    assert not company.is_in_console(again)
    assert [each["data"]["sessions_ended"] for each in staff.place.events("user.blocked")] == [2]


def test_nobody_ends_what_somebody_above_them_has(staff: Staff, company: Company) -> None:
    user_id, name = company.hire()
    boss = sign_in(company, name, "Owners")
    admin = staff.signed_in("admin")
    page = admin.get(staff.at("users", user_id))
    check_markup(page)
    assert buttons(page) == []
    assert "Only an owner may block an owner of this console, or end their sessions." in access(page)
    before = told(staff)
    for verb, form in (("blocked", {"blocked": "yes"}), ("sessions/end", {})):
        refused = admin.post(f"{staff.at('users', user_id)}/{verb}", {**form, "form_token": admin.form_token})
        assert refused.status == 403
        assert "is also owner of this console, and you are admin" in refused.text
    assert told(staff) == before
    assert company.is_in_console(boss)
    colleague, name = company.hire()
    sign_in(company, name, "Admins")
    assert admin.submit(admin.get(staff.at("users", colleague)), "Block sign-in").status == 200, "an equal"


def test_nobody_blocks_themselves(staff: Staff, company: Company) -> None:
    user_id, name = company.hire()
    me = sign_in(company, name, "Owners")
    page = me.get(staff.at("users", user_id))
    check_markup(page)
    assert "In this console owner (you)" in access(page)
    assert buttons(page) == ["End all sessions"]
    token = str(page.all("//input[@name='form_token']")[0].get("value"))
    page = me.post(f"{staff.at('users', user_id)}/blocked", {"blocked": "yes", "form_token": token})
    assert (page.status, "You cannot block yourself." in page.text) == (403, True)
    page = me.submit(me.get(staff.at("users", user_id)), "End all sessions")
    assert page.heading == "Sign in", "their own is one of all"


def test_who_comes_from_an_identity_provider_gets_no_password_and_no_other_role(
    staff: Staff, company: Company, owner: Visitor
) -> None:
    """Either would outlive what the identity provider says."""
    user_id, name = company.hire()
    sign_in(company, name, "Admins")
    page = owner.get(staff.at("administrators"))
    check_markup(page)
    row = f"//tr[contains(., '{name}')]"
    assert page.link("from an identity provider") == staff.at("users", user_id)
    assert [" ".join(each.text_content().split()) for each in page.all(f"{row}//button")] == []
    assert page.all(f"{row}//a[normalize-space()='Lock out']")
    assert "invited" not in page.one(row).text_content()
    ((administrator,),) = administrators(staff, user_id)
    for verb, form in (("link", {}), ("role", {"role": "owner"})):
        address = staff.at("administrators", administrator, verb)
        assert owner.post(address, {**form, "form_token": owner.form_token}).status == 403
    assert rows(staff.running, "SELECT role FROM administrators WHERE id = $1", administrator) == [("admin",)]
    assert rows(staff.running, "SELECT 1 FROM invitations WHERE administrator_id = $1", administrator) == []


# -- who did it --------------------------------------------------------------------------------------------------------


def test_whoevers_cookies_came_with_a_message_did_nothing(staff: Staff, company: Company, owner: Visitor) -> None:
    """Somebody signed in to the console follows a link of a stranger's, or lets somebody sign in in their browser."""
    _, name = company.hire()
    owner.get(f"{company.stem}/logout?SAMLRequest=x")
    company.post(owner, company.response(name, company.begin(owner), issued=instant(-3600)))
    company.sign_in(name, owner)
    about = {"revocation.refused", "login.refused", "user.signed_in"}
    told = [each for each in staff.place.events() if each["type"] in about]
    assert [(each["actor"]["kind"], each["actor"].get("name", "")) for each in told] == [("nobody", "")] * 3


# -- gone --------------------------------------------------------------------------------------------------------------


def administrators(staff: Staff, user_id: str) -> list[Any]:
    return rows(staff.running, "SELECT id FROM administrators WHERE user_id = $1", user_id)


@pytest.mark.parametrize("locked_out", [False, True])
def test_the_administrator_goes_with_the_person(staff: Staff, company: Company, *, locked_out: bool) -> None:
    user_id, name = company.hire()
    browser = sign_in(company, name, "Admins")
    ((administrator,),) = administrators(staff, user_id)
    if locked_out:
        sql(staff.running, "UPDATE administrators SET disabled_at = 1 WHERE id = $1", administrator)
    with staff.place.client() as scim:
        assert scim.delete(f"/Users/{user_id}").status_code == 204
    assert administrators(staff, user_id) == []
    assert rows(staff.running, "SELECT 1 FROM sessions WHERE administrator_id = $1", administrator) == []
    assert not company.is_in_console(browser)
    assert staff.place.faults() == []


def test_who_is_deactivated_is_out_of_the_console_and_stays_known_to_it(staff: Staff, company: Company) -> None:
    user_id, name = company.hire()
    browser = sign_in(company, name, "Admins")
    with staff.place.client() as scim:
        assert scim.put(f"/Users/{user_id}", json=resource(name, active=False)).status_code == 200
    assert not company.is_in_console(browser)
    assert len(administrators(staff, user_id)) == 1
    assert staff.place.faults() == []


def test_verify_finds_an_administrator_whose_person_is_gone_and_a_session_of_who_is_out(
    staff: Staff, company: Company
) -> None:
    (gone, gone_name), (out, out_name) = company.hire(), company.hire()
    sign_in(company, gone_name, "Admins")
    sign_in(company, out_name, "Admins")
    ((dangling,),), ((barred,),) = administrators(staff, gone), administrators(staff, out)
    loosen = "UPDATE administrators SET user_id = $2 WHERE id = $1"
    sql(staff.running, loosen, dangling, "nobody")
    sql(staff.running, "UPDATE users SET blocked_at = 1 WHERE id = $1", out)
    found = staff.place.faults()
    sql(staff.running, loosen, dangling, gone)
    sql(staff.running, "UPDATE users SET blocked_at = NULL WHERE id = $1", out)
    assert set(found) >= {
        f"the administrator {dangling} is linked to a user that does not exist",
        f"the administrator {barred} has a console session and is the user {out}, who may not sign in",
    }
