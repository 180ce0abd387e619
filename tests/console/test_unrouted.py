"""What no route answers: a plain sentence, with every method that the address does answer."""

import re

import httpx2
import pytest

from tests.conftest import PLAIN, Running
from tests.console.harmless import check_headers, check_markup
from tests.console.visitor import Page, Visitor
from tests.service.test_credentials import raw
from vestibule.endpoints.routes import ROUTES


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_another_method_is_told_which_are_answered(running: Running, path: str) -> None:
    methods = {route.method for route in ROUTES if route.path == path or matches(route.path, path)}
    wanted = sorted(methods | {"HEAD"} if "GET" in methods else methods)
    status, said, body = raw(running.url, "DELETE", re.sub(r"{\w+}", "x", path), [("host", "localhost")])
    assert (status, said["allow"], body) == (405, ", ".join(wanted), b"This address does not accept this method.\n")


def matches(route: str, path: str) -> bool:
    """Whether a route answers the address that a path of another route was filled in to."""
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), re.sub(r"{\w+}", "x", path)) is not None


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/console/", "GET, HEAD, POST"), ("/scim/v2/nobody/Users", "GET, POST, PUT, PATCH, DELETE")],
)
def test_a_method_that_nothing_here_answers_is_told_which_are(running: Running, path: str, allow: str) -> None:
    status, said, _ = raw(running.url, "TRACE", path, [("host", "localhost")])
    assert (status, said["allow"]) == (405, allow)


def test_nothing_is_there_and_says_so(running: Running) -> None:
    answer = httpx2.get(f"{running.url}/nothing", **PLAIN)
    assert (answer.status_code, answer.text) == (404, "There is nothing at this address.\n")
    assert "allow" not in answer.headers


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/healthz", 405)])
def test_a_browser_is_told_on_a_page_with_a_way_back(running: Running, method: str, path: str, status: int) -> None:
    with Visitor(running.url) as visitor:
        page = Page(visitor.client.request(method, path, headers={"accept": "text/html,*/*;q=0.8"}))
    assert page.status == status
    check_markup(page)
    check_headers(page.answer)
    assert page.heading == ("Not found" if status == 404 else "Not this way")
    assert page.link("To the Admin Console") == "/console/"


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/console", "/console/"),
        ("/console?a=1", "/console/?a=1"),
        ("/console/some%3Fthing", "/console/some%3Fthing/"),
    ],
)
def test_a_slash_too_many_or_too_few_leads_to_the_page_on_the_same_host(
    running: Running, asked: str, location: str
) -> None:
    """Whatever host the request names: nobody is sent elsewhere."""
    status, said, _ = raw(running.url, "GET", asked, [("host", "south.example")])
    assert (status, said["location"]) == (307, location)
    assert "content-security-policy" in said


@pytest.mark.parametrize("asked", ["//south.example/", "//south.example", "/nothing/", "/readyz//x"])
def test_no_slash_leads_elsewhere(running: Running, asked: str) -> None:
    status, said, _ = raw(running.url, "GET", asked, [("host", "localhost")])
    assert (status, "location" in said) == (404, False)
