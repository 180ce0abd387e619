"""The way in for the first administrator, and for everybody who is invited: one link, one use, one day."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.conftest import Running, running_server
from tests.console.conftest import PASSWORD, Staff, end_of_link, rows, setup_link, sql
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor
from vestibule.keys import token_check
from vestibule.model import HOUSE
from vestibule.settings import Settings
from vestibule.store.database import milliseconds_now

DAY = 86_400_000


@pytest.fixture
def visitor(running: Running) -> Iterator[Visitor]:
    with Visitor(running.url) as somebody:
        yield somebody


def described(**instead: str) -> dict[str, str]:
    """A form of the first set-up that is filled in right, but for what is given."""
    mark = uuid4().hex[:10]
    return {
        "title": f"North {mark}",
        "tenant": f"north-{mark}",
        "name": "Ana Reis",
        "email": f"ana.{mark}@north.example",
        "password": PASSWORD,
        "again": PASSWORD,
        **instead,
    }


def set_up(visitor: Visitor, token: str, form: dict[str, str]) -> Page:
    return visitor.submit(visitor.get(f"/setup/{token}"), "Set up and sign in", form)


def operators(running: Running, email: str) -> int:
    query = "SELECT count(*) FROM administrators WHERE tenant_id = $1 AND email = $2"
    return int(rows(running, query, HOUSE, email)[0][0])


def tenants(running: Running, name: str) -> int:
    return int(rows(running, "SELECT count(*) FROM tenants WHERE name = $1", name)[0][0])


def test_a_fresh_house_says_how_to_get_in(engine: str, new_database: Callable[[str], Settings]) -> None:
    with running_server(new_database(engine)) as fresh, Visitor(fresh.url) as visitor:
        page = visitor.get("/")
        check_markup(page)
        assert page.status == 200
        assert "vestibule admin add" in page.text
        assert "a link that works once, within a day, with which you choose a password" in page.text
        assert visitor.get("/console/").path == "/console/sign-in?to=/console/&tenant="
        link = "/setup/" + str(fresh.json("admin", "add", "ana@north.example", "--operator")["link"]).rpartition("/")[2]
        page = visitor.submit(visitor.get(link), "Set password and sign in", {"password": PASSWORD, "again": PASSWORD})
        assert page.heading == "Tenants"
        assert visitor.get("/").path == "/console/", "somebody administers it now"
        page = visitor.submit(page, "Add tenant", {"title": "North", "name": "north"})
        assert page.path == "/console/north/?done=tenant-added"
        assert link.rpartition("/")[2] not in fresh.log.read_text()


def test_the_link_makes_an_operator_and_the_first_tenant(running: Running, visitor: Visitor) -> None:
    token, form = setup_link(running), described()
    asked = visitor.get(f"/setup/{token}")
    check_markup(asked)
    assert asked.heading == "Set up Vestibule"
    page = set_up(visitor, token, form)
    assert page.path == f"/console/{form['tenant']}/identity-providers"
    assert "No identity provider yet" in page.text
    seen = [row for row in visitor.get("/console/", q=form["tenant"]).rows() if form["tenant"] in row]
    assert seen == [f"{form['title']} | {form['tenant']} | active | just now"]
    with Visitor(running.url) as again:
        assert again.sign_in(form["email"], PASSWORD).heading == "Tenants"


def test_the_link_works_once(running: Running, visitor: Visitor) -> None:
    token, form = setup_link(running), described()
    set_up(visitor, token, form)
    with Visitor(running.url) as second:
        for page in (second.get(f"/setup/{token}"), second.post(f"/setup/{token}", described())):
            assert page.status == 404
            assert "works once, within 24 hours" in page.text
            check_headers(page.answer)
        assert second.cookies == {}


def test_looking_at_the_link_does_not_use_it(running: Running, visitor: Visitor) -> None:
    token = setup_link(running)
    for _ in range(3):
        assert visitor.get(f"/setup/{token}").status == 200
        assert visitor.client.head(f"/setup/{token}").status_code == 200
    assert set_up(visitor, token, described()).status == 200


def test_the_link_is_good_for_a_day(running: Running, visitor: Visitor) -> None:
    token, form = setup_link(running), described()
    query = "SELECT expires_at - created_at FROM invitations WHERE token_check = $1"
    assert rows(running, query, token_check(token)) == [(DAY,)]
    end_of_link(running, token, milliseconds_now() - 1)
    assert visitor.get(f"/setup/{token}").status == 404
    assert visitor.post(f"/setup/{token}", form).status == 404
    assert (operators(running, form["email"]), tenants(running, form["tenant"])) == (0, 0)
    end_of_link(running, token, milliseconds_now() + 60_000)
    assert set_up(visitor, token, form).status == 200


def test_a_fresh_link_ends_the_one_before(running: Running, visitor: Visitor) -> None:
    first, second = setup_link(running), setup_link(running)
    assert visitor.get(f"/setup/{first}").status == 404
    assert visitor.get(f"/setup/{second}").status == 200


def test_the_token_stands_nowhere(running: Running, visitor: Visitor) -> None:
    token, form = setup_link(running), described()
    visitor.post(f"/setup/{token}", {**form, "tenant": "Not A Name"})
    visitor.post(f"/setup/{token}", form, headers={"origin": "https://south.example"})
    set_up(visitor, token, form)
    visitor.get(f"/setup/{token}")
    secret = token.partition(".")[2]
    assert secret not in running.log.read_text()
    kept = rows(running, "SELECT data, actor FROM events WHERE tenant_id = $1", HOUSE)
    assert secret not in str(kept)
    assert PASSWORD not in str(kept)
    assert PASSWORD not in running.log.read_text()


@pytest.mark.parametrize("token", ["x", "house.", "house.x", ".", "house.%00", "%ff", "a" * 5000, "house.é"])
def test_a_link_that_nobody_made(visitor: Visitor, token: str) -> None:
    for page in (visitor.get(f"/setup/{token}"), visitor.post(f"/setup/{token}", described())):
        assert page.status == 404
        check_headers(page.answer)


WRONG: list[tuple[str, dict[str, str], str, str]] = [
    ("no organisation", {"title": " "}, "title", "should have 1 to 100 characters; got 0"),
    ("a long organisation", {"title": "n" * 101}, "title", "got 101"),
    ("an invisible organisation", {"title": "nor\u200bth"}, "title", "visible characters; got U+200B"),
    ("no name", {"name": ""}, "name", "1 to 100 characters"),
    ("no e-mail", {"email": ""}, "email", "like ana@north.example"),
    ("half an e-mail", {"email": "ana@north"}, "email", "got 'ana@north'"),
    ("an e-mail in two", {"email": "a na@north.example"}, "email", "got 'a na@north.example'"),
    ("no password", {"password": "", "again": ""}, "password", "15 to 128 characters; got 0"),
    ("fourteen characters", {"password": "abcdefghij1234", "again": "abcdefghij1234"}, "password", "got 14"),
    ("a long password", {"password": "abcde" * 26, "again": "abcde" * 26}, "password", "got 130"),
    ("one character", {"password": "a" * 20, "again": "a" * 20}, "password", "easily guessed"),
    ("another password", {"again": "eight quiet lamps over water"}, "again", "not the same"),
    ("a name with capitals", {"tenant": "North"}, "tenant", "small letters, digits and hyphens"),
    ("a name with an underscore", {"tenant": "north_example"}, "tenant", "Okta would refuse an underscore"),
    ("a name that begins with a digit", {"tenant": "1north"}, "tenant", "begin with a letter"),
    ("a name that ends with a hyphen", {"tenant": "north-"}, "tenant", "got 'north-'"),
    ("a long name", {"tenant": "n" * 64}, "tenant", "1 to 63"),
    ("a name in punycode", {"tenant": "xn--north"}, "tenant", "got 'xn--north'"),
    ("a name of the program's", {"tenant": "console"}, "tenant", "is used by the program itself"),
    ("no tenant name", {"tenant": ""}, "tenant", "1 to 63"),
]


@pytest.mark.parametrize(("instead", "field", "sentence"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_field_gets_its_sentence_and_leaves_nothing(
    running: Running, visitor: Visitor, instead: dict[str, str], field: str, sentence: str
) -> None:
    token, form = setup_link(running), described()
    wrong = {**form, **instead}
    page = set_up(visitor, token, wrong)
    assert page.status == 400 or (page.status == 409 and "itself" in sentence)
    assert sentence in page.problem(field), page.text
    check_markup(page)
    for name in ("title", "tenant", "name", "email"):
        assert page.value(name) == wrong[name], "what was typed stays"
    assert page.value("password") == page.value("again") == "", "and passwords do not"
    assert visitor.cookies == {}
    assert (operators(running, form["email"]), tenants(running, form["tenant"])) == (0, 0)
    assert set_up(visitor, token, form).status == 200, "and the link can still be used"


def test_a_taken_tenant_name_leaves_nothing(running: Running, visitor: Visitor) -> None:
    taken = running.new_tenant().tenant.name
    token, form = setup_link(running), described(tenant=taken)
    page = set_up(visitor, token, form)
    assert page.status == 409
    assert page.problem("tenant") == f"There is already a tenant '{taken}'."
    assert operators(running, form["email"]) == 0, "the operator and the tenant are made together or not at all"
    assert set_up(visitor, token, described(email=form["email"])).status == 200


def test_an_operator_of_that_email_leaves_nothing(running: Running, visitor: Visitor) -> None:
    first = described()
    set_up(visitor, setup_link(running), first)
    token, form = setup_link(running), described(email=first["email"].upper())
    with Visitor(running.url) as second:
        page = set_up(second, token, form)
        assert page.status == 409
        assert "is already an operator" in page.problem("email")
        assert tenants(running, form["tenant"]) == 0
        assert set_up(second, token, {**form, "email": described()["email"]}).status == 200


def test_of_two_who_use_the_link_at_once_one_gets_in(running: Running) -> None:
    token, forms = setup_link(running), [described() for _ in range(6)]
    with ExitStack() as opened, ThreadPoolExecutor(len(forms)) as pool:
        visitors = [opened.enter_context(Visitor(running.url)) for _ in forms]
        pages = list(pool.map(lambda at: visitors[at].post(f"/setup/{token}", forms[at]), range(len(forms))))
    assert sorted(page.status for page in pages) == [303, *[404] * 5]
    assert sum(operators(running, form["email"]) for form in forms) == 1
    assert sum(tenants(running, form["tenant"]) for form in forms) == 1


@pytest.mark.parametrize(
    "password",
    [
        "fifteen letters",
        "x" * 10 + "seven quiet lamps over water, " * 3 + "123 456 789",
        " blanks at both ends ",
        "пятнадцать слов и ещё",
        "🔑🗝️🚪🪟🧹🪣🧺🧻🪥🧽🛁🚿🛋️🪑🛏️",
    ],
)
def test_a_password_is_taken_as_it_is_typed(running: Running, visitor: Visitor, password: str) -> None:
    assert 15 <= len(password) <= 128
    form = described(password=password, again=password)
    assert set_up(visitor, setup_link(running), form).status == 200
    with Visitor(running.url) as again:
        assert again.try_to_sign_in(form["email"], password.strip() + "x").status == 401
        if password != password.strip():
            assert again.try_to_sign_in(form["email"], password.strip()).status == 401
        assert again.sign_in(form["email"], password).status == 200
    kept = rows(running, "SELECT password_hash FROM administrators WHERE email = $1", form["email"])[0][0]
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


# -- everybody after the first -----------------------------------------------------------------------------------------


def invited(staff: Staff, owner: Visitor, email: str, role: str = "auditor") -> tuple[Page, str]:
    """The page that follows an invitation, and the path of the link on it."""
    page = owner.submit(
        owner.get(staff.at("administrators")), "Invite administrator", {"email": email, "name": "Noor", "role": role}
    )
    assert page.status == 200, page.text
    link = page.copied("the link")
    assert link.startswith(f"{staff.running.url}/setup/")
    return page, link.removeprefix(staff.running.url)


def test_an_invited_administrator_chooses_a_password(staff: Staff, owner: Visitor) -> None:
    page, link = invited(staff, owner, "noor@north.example", "admin")
    check_markup(page)
    assert "One-time link for noor@north.example" in page.text
    assert any(row.startswith("Noor | noor@north.example") and "invited" in row for row in page.rows())
    assert link not in owner.get(staff.at("administrators")).source, "the link is shown once"
    noor = staff.visitor()
    assert "For noor@north.example, admin" in noor.get(link).text
    for wrong, field, sentence in (
        ({"password": "short", "again": "short"}, "password", "15 to 128 characters; got 5"),
        ({"password": PASSWORD, "again": "other"}, "again", "not the same"),
        ({"password": "noor@north.example!", "again": "noor@north.example!"}, "password", "nothing to do with you"),
    ):
        refused = noor.submit(noor.get(link), "Set password and sign in", wrong)
        assert refused.status == 400
        assert sentence in refused.problem(field)
    page = noor.submit(noor.get(link), "Set password and sign in", {"password": PASSWORD, "again": PASSWORD})
    assert page.path == staff.at("")
    assert "Noor, admin" in " ".join(page.tree.text_content().split())
    again = staff.visitor().get(link)
    assert again.status == 404
    assert "works once" in again.text
    told = staff.place.events("administrator.")
    assert [event["type"].removeprefix("administrator.") for event in told][-3:] == ["invited", "joined", "signed_in"]
    assert link.partition(".")[2] not in str(told) + staff.running.log.read_text()


def test_an_invitation_ends_after_a_day(staff: Staff, owner: Visitor) -> None:
    _, link = invited(staff, owner, "noor@north.example")
    end_of_link(staff.running, link.rpartition("/")[2], milliseconds_now() - 1)
    page = staff.visitor().post(link, {"password": PASSWORD, "again": PASSWORD})
    assert page.status == 404
    query = "SELECT password_hash FROM administrators WHERE tenant_id = $1 AND email = $2"
    assert rows(staff.running, query, staff.place.tenant.id, "noor@north.example") == [("",)]


def test_a_new_link_ends_the_one_before_and_its_use_ends_sessions(staff: Staff, owner: Visitor) -> None:
    _, first = invited(staff, owner, "noor@north.example")
    noor = staff.visitor()
    noor.submit(noor.get(first), "Set password and sign in", {"password": PASSWORD, "again": PASSWORD})
    page = owner.get(staff.at("administrators"))
    row = "//tr[contains(., 'noor@north.example')]"
    links = []
    for _ in range(2):
        page = owner.submit(page, "New one-time link", within=row)
        links.append(page.copied("the link"))
    assert staff.visitor().get(links[0]).status == 404
    assert noor.get(staff.at("")).status == 200, "a link that nobody used ends nothing"
    other, better = staff.visitor(), "eight loud lamps under sand"
    other.submit(other.get(links[1]), "Set password and sign in", {"password": better, "again": better})
    assert noor.get(staff.at("")).path.startswith("/console/sign-in")
    assert staff.visitor().try_to_sign_in("noor@north.example", PASSWORD, staff.place.tenant.name).status == 401
    assert staff.visitor().try_to_sign_in("noor@north.example", better, staff.place.tenant.name).status == 303


def test_a_link_of_a_suspended_session_is_not_a_way_round_a_lock(staff: Staff, owner: Visitor) -> None:
    """Somebody who is locked out stays out, whatever link they still hold."""
    _, link = invited(staff, owner, "noor@north.example")
    query = "UPDATE administrators SET disabled_at = $3 WHERE tenant_id = $1 AND email = $2"
    sql(staff.running, query, staff.place.tenant.id, "noor@north.example", milliseconds_now())
    noor = staff.visitor()
    noor.post(link, {"password": PASSWORD, "again": PASSWORD}, follow=True)
    assert noor.get(staff.at("")).path.startswith("/console/sign-in")
    assert noor.try_to_sign_in("noor@north.example", PASSWORD, staff.place.tenant.name).status == 401
