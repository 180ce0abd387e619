"""docs/console.md has every family of pages with who may see and change it, docs/scim.md every SCIM endpoint."""

import re

from tests.docs.pages import ROOT, code, page, spans
from vestibule.endpoints.routes import ROUTES, SCIM_ROUTES
from vestibule.endpoints.web.guard import Route
from vestibule.model import HOUSE, ROLES

WHO = ("anyone", "person", *ROLES)
SIDE_BAR = (ROOT / "src/vestibule/templates/base.html").read_text("utf-8")


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


def test_every_place_of_the_side_bar_has_its_heading_or_is_told() -> None:
    console = page("docs/console.md")
    titles = " ".join(heading.title for heading in console.headings())
    places = re.findall(r'place\("[^"]*", "([^"]+)", "\w"\)', SIDE_BAR)
    links = re.findall(r'<a class="place" [^>]*>([^<{]+)</a>', SIDE_BAR)
    assert (len(places) >= 6, len(links) >= 3) == (True, True)
    assert [place for place in places if place not in titles] == []
    assert [link for link in links if link not in titles and f"*{link}*" not in console.words] == []


def test_every_key_of_the_keyboard_is_told() -> None:
    told = re.findall(r"<p>(<kbd>.*?)</p>", SIDE_BAR)[0].split("·")
    keys = {" ".join(re.findall("<kbd>(.)</kbd>", each)) for each in told}
    assert len(keys) >= 6
    assert keys <= set(spans(page("docs/console.md").text))


def test_every_page_that_operators_have_about_themselves_is_told() -> None:
    pages = {family_of(route).replace("{tenant}", HOUSE) for route in ROUTES if route.of_house}
    assert len(pages) >= 2
    assert pages <= set(spans(page("docs/console.md").under("Addresses")))
