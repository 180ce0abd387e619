"""All that is wrong with a form is told at once, each problem beside its field."""

import pytest

from tests.console.conftest import Staff, add_by_hand, rows
from tests.console.harmless import check_markup
from tests.console.visitor import Page, Visitor


def told(page: Page) -> dict[str, str]:
    """What is said beside each field."""
    check_markup(page)
    return {str(each.get("id")).removesuffix("-error"): each.text_content() for each in page.all("//p[@class='error']")}


@pytest.mark.parametrize(
    ("page_name", "button", "values", "wrong"),
    [
        (
            "applications",
            "Add application",
            {"name": "", "url": "ftp://x", "description": "d" * 3_000, "role": "r" * 3_000},
            {"name", "url", "description", "role"},
        ),
        ("administrators", "Invite administrator", {"email": "nobody", "name": "n" * 500}, {"email", "name"}),
        ("tenant", "Save limits", {"idle": "x", "absolute": "0x"}, {"idle", "absolute"}),
        ("tenant", "Save limits", {"idle": "1", "absolute": "9999"}, {"idle", "absolute"}),
    ],
)
def test_every_wrong_field_is_told(
    staff: Staff, owner: Visitor, page_name: str, button: str, values: dict[str, str], wrong: set[str]
) -> None:
    page = owner.submit(owner.get(staff.at(page_name)), button, values)
    assert page.status == 400
    assert set(told(page)) == wrong
    assert f"{len(wrong)} fields need another value." in page.text
    assert len(page.all("//*[@autofocus]")) == 1
    assert len(page.all("//*[@aria-invalid='true']")) == len(wrong)


def test_a_tenants_name_and_title_are_told_together(staff: Staff) -> None:
    operator = staff.signed_in("operator")
    page = operator.submit(operator.get("/console/"), "Add tenant", {"title": "", "name": "_x"})
    assert set(told(page)) == {"title", "name"}


LONG = "x" * 70_000
WRONG_PERSON = {
    "user_name": "",
    "given_name": LONG,
    "family_name": LONG,
    "display_name": LONG,
    "email": f"{LONG}@north.example",
    "title": LONG,
    "role": LONG,
}


@pytest.mark.parametrize("left_right", [(), ("user_name",), ("given_name", "title"), ("role", "email")], ids=str)
def test_every_wrong_field_of_a_person_is_told(staff: Staff, owner: Visitor, left_right: tuple[str, ...]) -> None:
    good = {each: "ana@north.example" if each in {"user_name", "email"} else "Ana" for each in left_right}
    values = WRONG_PERSON | good
    page = owner.submit(owner.get(staff.at("users", "new")), "Add person", values)
    assert page.status == 400
    assert set(told(page)) == WRONG_PERSON.keys() - good.keys()
    assert {name: page.value(name) for name in values} == values, "what was typed stays"
    assert rows(staff.running, "SELECT 1 FROM users WHERE tenant_id = $1", staff.place.tenant.id) == []


def test_every_wrong_field_of_a_person_who_is_changed_is_told(staff: Staff, owner: Visitor) -> None:
    add_by_hand(staff, owner, "ana@north.example")
    page = add_by_hand(staff, owner, "bo@north.example", given_name="Bo")
    page = owner.submit(page, "Save person", WRONG_PERSON | {"user_name": "Ana@north.example"})
    assert page.status == 400
    assert set(told(page)) == set(WRONG_PERSON)
    assert told(page)["user_name"] == "There is already a person with the user name 'Ana@north.example'."
    page = owner.submit(page, "Save person", {**dict.fromkeys(WRONG_PERSON, ""), "user_name": "bo@north.example"})
    assert page.notice == "The person was changed."


def test_one_wrong_field_is_told_alone(staff: Staff, owner: Visitor) -> None:
    values = {"name": "Wiki", "url": "ftp://x"}
    page = owner.submit(owner.get(staff.at("applications")), "Add application", values)
    assert set(told(page)) == {"url"}
    assert "fields need another value" not in page.text
