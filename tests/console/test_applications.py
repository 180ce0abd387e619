"""What people may open after signing in: listed by administrators, seen by those whose role it is for, and never an
address that it is not safe to follow.
"""

import asyncio

import pytest

from tests.console.conftest import Staff, in_tenant
from tests.console.harmless import check_markup
from tests.console.payloads import EVIDENCE, MARKUP, TEMPLATES
from tests.console.visitor import Page, Visitor, apart, words
from tests.sign_in.company import Company
from vestibule.actions import applications, configure
from vestibule.actions.applications import MOST_APPLICATIONS, checked_url
from vestibule.endpoints.context import Context
from vestibule.errors import WrongInput
from vestibule.model import Application, RoleRule, RoleRules
from vestibule.store.applications import all_applications
from vestibule.store.database import Tx

WIKI = {"name": "Wiki", "url": "https://wiki.north.example/", "description": "What we know", "role": ""}
SALES = RoleRules((RoleRule("profile", "title", "Seller", "sales"),), "member")


def path_of(staff: Staff) -> str:
    return staff.at("applications")


def add(staff: Staff, visitor: Visitor, **fields: str) -> Page:
    """Add an application with the form, and follow where that leads."""
    page = visitor.submit(visitor.get(path_of(staff)), "Add application", {**WIKI, **fields})
    check_markup(page)
    return page


def kept(staff: Staff) -> list[Application]:
    async def read(tx: Tx, _: Context) -> list[Application]:
        return await all_applications(tx)

    return in_tenant(staff.place, read)


def give_roles(staff: Staff, rules: RoleRules) -> None:
    async def change(tx: Tx, _: Context) -> None:
        await configure.change_roles(tx, staff.place.provider.id, rules, "owner")

    in_tenant(staff.place, change)


# -- listing -----------------------------------------------------------------------------------------------------------


def test_an_application_is_added_changed_and_removed(staff: Staff) -> None:
    admin = staff.signed_in("admin")
    page = admin.get(path_of(staff))
    check_markup(page)
    assert "After signing in, people see the applications of this list on their own page" in page.text
    page = add(staff, admin, url=" HTTPS://wiki.north.example/start?at=1#top ")
    assert page.notice == "The application was added."
    assert page.rows() == ["Wiki | https://wiki.north.example/start?at=1#top | everybody"]
    page = admin.get(page.link("Wiki"))
    check_markup(page)
    assert (page.heading, page.value("description")) == ("Wiki", "What we know")
    changed = {"name": "Handbook", "url": "https://book.north.example", "description": "", "role": "sales"}
    page = admin.submit(page, "Save application", changed)
    assert page.notice == "The application was changed."
    assert page.rows() == ["Handbook | https://book.north.example | people with the role sales (no role rule gives it)"]
    again = admin.submit(admin.get(page.link("Handbook")), "Save application")
    assert again.notice == "Nothing was changed."
    page = admin.submit(admin.get(page.link("Handbook")), "Remove application")
    assert page.notice == "The application was removed."
    assert kept(staff) == []
    first, second, third = staff.place.events("application.")
    assert first["data"]["changes"] == [
        {"attribute": "name", "before": "", "after": "Wiki"},
        {"attribute": "url", "before": "", "after": "https://wiki.north.example/start?at=1#top"},
        {"attribute": "description", "before": "", "after": "What we know"},
    ]
    assert [each["attribute"] for each in second["data"]["changes"]] == ["name", "url", "description", "role"]
    assert (third["type"], third["data"]) == ("application.removed", {"name": "Handbook"})
    log = admin.get(staff.at("activity"), what="configuration")
    assert log.timeline()[:3] == [
        "Admin Reis removed the application Handbook",
        "Admin Reis changed the application Handbook",
        "Admin Reis changed the application Wiki",
    ]
    event = admin.get(log.entry("application.changed"))
    assert "description | − What we know | " in event.rows() or "description | What we know | " in event.rows()


def test_applications_stand_by_name(staff: Staff, owner: Visitor) -> None:
    for name in ("Tide tables", "atlas"):
        add(staff, owner, name=name)
    page = add(staff, owner, name="Mail")
    assert [row.partition(" | ")[0] for row in page.rows()] == ["atlas", "Mail", "Tide tables"]


def test_an_auditor_sees_and_changes_nothing(staff: Staff, owner: Visitor) -> None:
    auditor = staff.signed_in("auditor")
    assert "Admins add them." in auditor.get(path_of(staff)).text
    add(staff, owner, role="sales")
    listed = auditor.get(path_of(staff))
    page = auditor.get(listed.link("Wiki"))
    for each in (listed, page):
        check_markup(each)
        assert each.all("//main//form") == []
    assert "https://wiki.north.example/" in page.text
    assert "Seen by people with the role sales" in page.text


def test_roles_in_use_are_offered(staff: Staff, owner: Visitor) -> None:
    give_roles(staff, SALES)
    page = add(staff, owner, role="sales")
    assert page.rows() == ["Wiki | https://wiki.north.example/ | people with the role sales"]
    page = add(staff, owner, name="Atlas", role="Sales")
    assert page.rows()[0].endswith(" | people with the role Sales (no role rule gives it)")
    for each in (page, owner.get(page.link("Atlas"))):
        offered = [option.get("value") for option in each.all("//datalist[@id='roles']/option")]
        assert offered == ["sales", "member", "Sales"]
        assert each.one("//input[@name='role']").get("list") == "roles"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", " ", "The name should have 1 to 100 characters; got 0."),
        ("name", "n" * 101, "The name should have 1 to 100 characters; got 101."),
        ("name", "Wi\u202eki", "The name should be made of visible characters; got U+202E."),
        ("url", "", "The URL should have 1 to 2,000 characters; got 0."),
        ("url", "https://north.example/" + "a" * 2_000, "The URL should have 1 to 2,000 characters; got 2,022."),
        ("url", "javascript:alert(1)", "The URL should begin with https://; got 'javascript:'."),
        ("description", "d" * 301, "The description should have at most 300 characters; got 301."),
        ("description", "a\u200bb", "The description should be made of visible characters; got U+200B."),
        ("role", "r" * 101, "The role should have at most 100 characters; got 101."),
        ("role", "a\tb", "The role should be made of visible characters; got U+0009."),
    ],
)
def test_a_wrong_field_is_told_beside_it(staff: Staff, owner: Visitor, field: str, value: str, sentence: str) -> None:
    page = add(staff, owner)
    before = (staff.count_events(), kept(staff))
    form = {**WIKI, "name": "Other", field: value, "form_token": owner.form_token}
    for path in (path_of(staff), page.link("Wiki")):
        page_refused = owner.post(path, form)
        check_markup(page_refused)
        assert page_refused.status == 400
        assert page_refused.problem(field) == sentence
        typed = {name: page_refused.value(name) for name in WIKI}
        assert typed == {name: form[name] for name in WIKI}, "what was typed stays"
    assert (staff.count_events(), kept(staff)) == before


def test_there_is_an_end_to_the_list_whoever_adds_at_once(staff: Staff, owner: Visitor) -> None:
    async def fill(context: Context) -> list[object]:
        async def one(number: int) -> None:
            async with context.database.write(staff.place.actor) as tx:
                await applications.save_application(
                    tx, f"Application {number:03}", f"https://app-{number}.north.example/", "What it is for", "sales"
                )

        for number in range(MOST_APPLICATIONS - 1):
            await one(number)
        return list(await asyncio.gather(one(998), one(999), return_exceptions=True))

    done = staff.running.act(fill)
    assert sorted(type(each).__name__ for each in done) == ["NoneType", "WrongInput"]
    page = owner.get(path_of(staff))
    assert len(page.rows()) == MOST_APPLICATIONS
    assert len(page.source) < 100_000
    assert "There are 200 applications, which is the maximum. Remove one to add another." in page.text
    refused = owner.post(path_of(staff), {**WIKI, "form_token": owner.form_token})
    assert refused.status == 400
    assert refused.notice.startswith("There are 200 applications, which is the maximum")
    first = owner.get(page.link("Application 000"))
    assert owner.submit(first, "Save application", {"name": "Atlas"}).notice == "The application was changed."


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://north.example",
        "https://north.example/a/b;c?d=e&f=%C3%A9#g/h",
        "https://tides.xn--nrd-sna.example:8443/",
        "https://intranet/",
        "https://192.0.2.7/",
        "https://[2001:db8::7]:443/",
        "https://north.example/?mail=ana@north.example&as={x}|y",
        "http://localhost:8000/",
        "http://127.0.0.1:8000/",
        "http://[::1]:8000/",
    ],
)
def test_an_ordinary_address_is_taken_as_it_is(url: str) -> None:
    assert checked_url(f"  {url}\n") == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript://north.example/%0aalert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://north.example/",
        "mailto:ana@north.example",
        "//north.example/",
        "/console/",
        "north.example",
        "north.example:443/",
        "https:",
        "https:/north.example/",
        "https:north.example/",
        "https:///north.example/",
        "https://",
        "https:///",
        "https://:443/",
        "https://?x",
        "https://north.example:99999/",
        "https://north.example:x/",
        "https://[::1/",
        "https://[north]/",
        "https://ana:secret@north.example/",
        "https://north.example@south.example/",
        "https://@north.example/",
        "https://north.example\\@south.example/",
        "https:\\\\north.example/",
        "https://north.ex%61mple/",
        "https://north..example/",
        "https://.north.example/",
        "https://nörth.example/",
        "https://north.example/\u2028x",
        "https://north.example/a b",
        "https://north.example/\x00",
        'https://north.example/"onmouseover="alert(1)',
        "https://north.example/<script>",
        "https://{7919*7907}/",
        "http://north.example/",
        "http://localhost.south.example/",
        "http://127.0.0.1.south.example/",
        "http://127.0.0.2/",
        "http://localhost@south.example/",
    ],
)
def test_an_address_that_is_not_safe_to_follow_is_refused(url: str) -> None:
    with pytest.raises(WrongInput) as refused:
        checked_url(url)
    assert refused.value.field == "url"
    assert refused.value.message.startswith("The URL should ")
    assert "secret" not in refused.value.message


# -- who sees what -----------------------------------------------------------------------------------------------------


def told(company: Company, browser: Visitor) -> tuple[list[str], list[str]]:
    """What a person is shown on their page, and what applications are told that they may open."""
    page = browser.get(company.home)
    assert page.status == 200
    shown = [words(each) for each in page.all("//section[@id='applications']//li/a")]
    return shown, [each["name"] for each in browser.get(f"{company.home}me").answer.json()["applications"]]


def test_a_person_sees_what_is_for_everybody_and_for_their_roles(
    staff: Staff, owner: Visitor, company: Company
) -> None:
    give_roles(staff, SALES)
    _, ana = company.hire(title="Seller")
    _, ben = company.hire(title="Clerk")
    seller, clerk = company.sign_in(ana), company.sign_in(ben)
    assert told(company, seller) == ([], [])
    assert "Nothing is listed for you yet." in seller.get(company.home).text
    for name, role in (("Wiki", ""), ("Offers", "sales"), ("Canteen", "member"), ("Vault", "Sales")):
        add(staff, owner, name=name, role=role, url=f"https://{name.lower()}.north.example/in")
    assert told(company, seller) == (["Offers", "Wiki"], ["Offers", "Wiki"])
    assert told(company, clerk) == (["Canteen", "Wiki"], ["Canteen", "Wiki"])
    page = seller.get(company.home)
    assert page.link("Offers") == "https://offers.north.example/in"
    assert page.one("//a[.='Offers']").get("rel") == "noreferrer"
    assert "Wiki wiki.north.example What we know" in apart(page.one("//main"))
    assert seller.get(f"{company.home}me").answer.json()["applications"][0] == {
        "name": "Offers",
        "url": "https://offers.north.example/in",
        "description": "What we know",
    }
    owner.submit(owner.get(owner.get(path_of(staff)).link("Wiki")), "Remove application")
    assert told(company, clerk) == (["Canteen"], ["Canteen"])


def test_another_tenants_applications_are_nobodys_here(staff: Staff, owner: Visitor, company: Company) -> None:
    add(staff, owner)
    elsewhere = Company(staff.running.new_tenant())
    elsewhere.tie()
    browser = elsewhere.sign_in(elsewhere.hire()[1])
    assert told(elsewhere, browser) == ([], [])
    assert told(company, company.sign_in(company.hire()[1])) == (["Wiki"], ["Wiki"])
    elsewhere.close()


def test_a_sign_in_leads_on_to_what_is_listed_and_nowhere_else(staff: Staff, owner: Visitor, company: Company) -> None:
    page = add(staff, owner, url="https://wiki.north.example/start")

    def leads_to(wanted: str) -> str:
        browser = company.browser()
        request_id = company.begin(browser, wanted)
        answer = company.post(browser, company.response(name, request_id), relay=request_id)
        return str(answer.answer.headers["location"])

    _, name = company.hire()
    for wanted in ("https://wiki.north.example/start", "https://wiki.north.example/start/page-7"):
        assert leads_to(wanted) == wanted
    for other in ("https://wiki.north.example/startled", "https://wiki.north.example.south.example/start"):
        assert leads_to(other) == company.home
    owner.submit(owner.get(page.link("Wiki")), "Remove application")
    assert leads_to("https://wiki.north.example/start") == company.home


# -- hostile text ------------------------------------------------------------------------------------------------------


def test_what_administrators_type_is_shown_and_nothing_more(staff: Staff, owner: Visitor, company: Company) -> None:
    browser = company.sign_in(company.hire()[1])
    for payload in (*MARKUP[::5], *TEMPLATES):
        page = add(staff, owner, name=payload, description=payload, role="")
        assert any(row.startswith(" ".join(payload.split())) for row in page.rows())
        link = str(page.all("//table//a[@class='row']")[0].get("href"))
        page = owner.get(link)
        assert (page.heading, page.value("description")) == (" ".join(payload.split()), payload)
        saved = owner.submit(page, "Save application", {"role": payload})
        for each in (page, saved, owner.get(owner.get(staff.at("activity")).entry("application.changed"))):
            check_markup(each)
            assert EVIDENCE not in each.source
        owner.submit(page, "Save application", {"role": ""})
        shown = browser.get(company.home)
        assert words(shown.one("//section[@id='applications']//li/a")) == " ".join(payload.split())
        assert words(shown.one("//section[@id='applications']//li/p")) == " ".join(payload.split())
        assert EVIDENCE not in shown.source
        owner.submit(page, "Remove application")
