"""House > Tenants, when there are many."""

from uuid import uuid4

from tests.console.conftest import Staff, in_house
from tests.console.harmless import check_markup
from vestibule.actions import configure
from vestibule.endpoints.console.tenants import PAGE
from vestibule.store.database import AllTenants


def test_many_tenants_are_shown_by_the_page_and_found(staff: Staff) -> None:
    mark = f"m{uuid4().hex[:8]}"

    async def make(all_tenants: AllTenants) -> None:
        for number in range(PAGE + 5):
            await configure.create_tenant(all_tenants, f"{mark}-{number:03}", f"Örg {mark.upper()} {number}")

    in_house(staff.running, make)
    operator = staff.signed_in("operator")
    first = operator.get("/console/", q=f"örg {mark}")
    check_markup(first)
    assert f"{PAGE + 5} tenants found, by tenant name." in first.text
    assert len(first.rows()) == PAGE
    further = operator.get(first.link("Further"))
    assert [row.split(" | ")[1] for row in further.rows()] == [f"{mark}-{number}" for number in range(PAGE, PAGE + 5)]
    assert "Further" not in further.text
    assert operator.get(further.link("First")).rows() == first.rows()
    assert operator.get("/console/", q=f"{mark}-104").rows()[0].startswith(f"Örg {mark.upper()} 104")
    nothing = operator.get("/console/", q="<b>nothing</b>")
    check_markup(nothing)
    assert "No tenant found." in nothing.text
