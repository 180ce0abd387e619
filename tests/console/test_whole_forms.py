"""All that is wrong with a form is told at once, each problem beside its field."""

import pytest

from tests.console.conftest import Staff
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


def test_one_wrong_field_is_told_alone(staff: Staff, owner: Visitor) -> None:
    values = {"name": "Wiki", "url": "ftp://x"}
    page = owner.submit(owner.get(staff.at("applications")), "Add application", values)
    assert set(told(page)) == {"url"}
    assert "fields need another value" not in page.text
