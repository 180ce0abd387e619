"""docs/console.md has every family of pages with who may see and change it, docs/scim.md every SCIM endpoint."""

import re

from tests.docs.pages import code, page
from vestibule.endpoints.console.guard import Route
from vestibule.endpoints.routes import ROUTES, SCIM_ROUTES
from vestibule.model import ROLES

WHO = ("anyone", *ROLES)


def family_of(route: Route) -> str:
    """The part of an address that the page names: a tenant's first folder, or the first part that is no variable."""
    within = re.match(r"/console/\{tenant\}/[a-z-]*", route.path)
    return within[0] if within else re.sub(r"\{.*", "…", route.path)


def least(method: str, family: str) -> str:
    """The least role that may call something of a family."""
    roles = [route.who for route in ROUTES if route.method == method and family_of(route) == family]
    return min(roles, key=WHO.index) if roles else ""


def test_every_family_of_pages_is_told_with_who_may_see_and_change_it() -> None:
    told = [(code(row[0]), code(row[2]), code(row[3])) for row in page("docs/console.md").table("Addresses")]
    families = {family_of(route) for route in ROUTES}
    assert sorted(told) == sorted((each, least("GET", each), least("POST", each)) for each in families)


def test_every_scim_endpoint_is_told() -> None:
    told = [(row[0], code(row[1])) for row in page("docs/scim.md").table("What is offered")]
    assert told == list(SCIM_ROUTES)


def test_every_role_is_told() -> None:
    assert [code(row[0]) for row in page("docs/console.md").table("Who may do what")] == list(ROLES)


def test_every_place_of_the_side_bar_has_its_heading() -> None:
    titles = " ".join(heading.title for heading in page("docs/console.md").headings())
    template = (page("README.md").path.parent / "src/vestibule/templates/base.html").read_text("utf-8")
    places = re.findall(r'place\("[^"]*", "([^"]+)", "\w"\)', template)
    assert len(places) >= 6
    assert [place for place in places if place not in titles] == []
