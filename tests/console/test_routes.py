"""Every route of the console and everybody who might call it: the page of routes is the source, and what stands there
is what holds.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.conftest import Running, on_both_engines
from tests.console.conftest import open_session, rows
from tests.console.harmless import check_headers, check_markup
from tests.console.scene import FORMS, VISITORS, Scene, admits, make_scene
from tests.console.visitor import Page, Visitor, without_request_ids
from vestibule.endpoints.routes import ROUTES as ALL
from vestibule.endpoints.web.guard import Route
from vestibule.model import HOUSE

# People's routes, and those that identity providers call, have rules of their own: tests/sign_in.
ROUTES = [route for route in ALL if not route.path.startswith(("/saml/", "/{tenant}/"))]
POSTS = [route for route in ROUTES if route.method == "POST"]
GETS = [route for route in ROUTES if route.method == "GET"]
NOBODYS_ID = "00000000-0000-7000-8000-000000000000"
OF_TENANT = (
    "provider_id",
    "credential_id",
    "user_id",
    "group_id",
    "event_id",
    "administrator_id",
    "application_id",
)


def name_of(route: object) -> str:
    return f"{route.method} {route.path}" if isinstance(route, Route) else str(route)


@pytest.fixture(scope="module")
def scene(running: Running) -> Scene:
    """Shared by all tests of this module on an engine: those that use it prove that they changed nothing."""
    return make_scene(running)


@pytest.fixture
def own_scene(running: Running) -> Scene:
    """One of the test's own, for what changes something."""
    return make_scene(running)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def here(scene: Scene, opened: ExitStack, who: str) -> Visitor:
    return opened.enter_context(scene.visitor(who))


IN, IDP = "/console/{tenant}", "/console/{tenant}/identity-providers/{provider_id}"
APP = IN + "/applications/{application_id}"
SP = "/saml/{tenant}/{provider_id}"
GROUP = IN + "/groups/{group_id}"
PERSON, ADMINISTRATOR = IN + "/users/{user_id}", IN + "/administrators/{administrator_id}"
RULES: dict[str, set[str]] = {
    "anyone": {
        "GET /", "GET /healthz", "GET /readyz", "GET /static/{digest}/{name}", "GET /setup/{token}",
        "POST /setup/{token}", "GET /console/sign-in", "POST /console/sign-in",
        "GET /console/second-step", "POST /console/second-step", "GET /console/passkey", "POST /console/passkey",
        f"GET {SP}/metadata", f"GET {SP}/login",
        f"POST {SP}/acs", f"GET {SP}/logout", f"POST {SP}/logout", f"POST {SP}/global-token-revocation",
        "GET /{tenant}/", "GET /{tenant}/me",
    },
    "person": {"POST /{tenant}/sessions/{session_id}/end", "POST /{tenant}/sign-out"},
    "auditor": {
        "GET /console/account", "GET /console/account/again", "POST /console/account/again",
        "GET /console/account/kept-form",
        "POST /console/account/password", "POST /console/account/factors",
        "POST /console/account/factors/{factor_id}/remove",
        "GET /console/account/new-factor", "POST /console/account/new-factor", "POST /console/account/recovery-codes",
        "POST /console/sign-out", "GET /console/", f"GET {IN}/", f"GET {IN}/users", f"GET {PERSON}",
        f"GET {IN}/identity-providers", f"GET {IDP}", f"GET {IDP}/live", f"GET {IDP}/mapping",
        f"GET {IDP}/steps", f"GET {IDP}/provisioning", f"GET {IDP}/sign-in",
        f"GET {IDP}/activity", f"GET {IDP}/settings",
        f"GET {IDP}/mapping/progress", f"GET {IN}/activity", f"GET {IN}/activity/new",
        f"GET {IN}/activity/export",
        f"GET {IN}/activity/{{event_id}}", f"GET {IN}/tenant", f"GET {IN}/administrators",
        f"GET {IDP}/sign-in-test/{{request_id}}", f"GET {IDP}/roles", f"GET {IN}/applications", f"GET {APP}",
        f"GET {IN}/groups", f"GET {GROUP}",
    },
    "admin": {
        f"GET {IN}/users/new", f"POST {IN}/users/new", f"POST {PERSON}", f"POST {PERSON}/active",
        f"GET {PERSON}/blocked", f"POST {PERSON}/blocked", f"POST {PERSON}/sessions/end",
        f"GET {IN}/groups/new", f"POST {IN}/groups/new", f"POST {GROUP}", f"POST {GROUP}/members",
        f"POST {GROUP}/members/remove", f"POST {GROUP}/delete",
        f"POST {PERSON}/delete", f"GET {IN}/identity-providers/new", f"POST {IN}/identity-providers/new",
        f"GET {IDP}/keys/{{credential_id}}/retire",
        f"POST {IDP}/settings", f"POST {IDP}/saml", f"POST {IDP}/saml/confirm", f"POST {IDP}/provisioning",
        f"POST {IDP}/keys",
        f"POST {IDP}/keys/{{credential_id}}/retire", f"POST {IDP}/mapping", f"POST {IDP}/saml/read-again",
        f"POST {IDP}/sign-on", f"POST {IDP}/certificates", f"POST {IDP}/saml-keys", f"GET {IDP}/sign-in-test",
        f"POST {IDP}/roles", f"GET {IDP}/mapping/filled", f"GET {IDP}/previews/{{preview_id}}",
        f"POST {IDP}/previews/{{preview_id}}", f"POST {IDP}/versions/restore",
        f"POST {IN}/applications", f"POST {APP}", f"POST {APP}/remove",
    },
    "owner": {
        f"POST {IN}/administrators", f"POST {ADMINISTRATOR}/link", f"POST {ADMINISTRATOR}/role",
        f"GET {ADMINISTRATOR}/enabled", f"POST {ADMINISTRATOR}/enabled", f"POST {IN}/tenant/sessions",
        f"POST {IN}/tenant/factor-required",
    },
    "operator": {"POST /console/"},
}  # fmt: skip
"""Who may call what, written down a second time: neither a new route nor an old one gets another rule by one hand."""


def test_every_route_has_a_rule_here() -> None:
    told: dict[str, set[str]] = {who: set() for who in RULES}
    for route in ALL:
        told[route.who].add(name_of(route))
    assert told == RULES


def test_every_route_that_takes_a_form_has_one_here() -> None:
    assert {route.path for route in POSTS} == set(FORMS)
    assert len({(route.method, route.path) for route in ALL}) == len(ALL)


@on_both_engines
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_whom_a_route_admits_gets_in_and_nobody_else(
    running: Running, scene: Scene, opened: ExitStack, route: Route
) -> None:
    """On SQLite for every visitor. On PostgreSQL once, because nothing in SQL depends on who the visitor is."""
    visitors = ("nobody", "operator") if running.settings.on_postgres else VISITORS
    before = scene.kept()
    for who in visitors:
        if not admits(route, who):
            page = scene.call(here(scene, opened, who), route, signed_in=who != "nobody")
            check_refused(route, who, page, scene)
    assert scene.kept() == before
    for who in visitors:
        if admits(route, who):
            # What can be done only once is done by each of them in a new scene.
            fresh = scene if route.method == "GET" else make_scene(running)
            page = fresh.call(here(fresh, opened, who), route, signed_in=route.who != "anyone")
            check_admitted(route, page)


def check_admitted(route: Route, page: Page) -> None:
    check_headers(page.answer)
    if route.path.endswith("/read-again"):
        assert page.status == 400
        assert "Expected a metadata URL; there is none." in page.text
        return
    assert page.status in {200, 303}, f"{page.status}: {page.text}"
    if page.status == 303:
        assert "to=" not in page.answer.headers["location"]
        return
    kind = page.answer.headers["content-type"].partition(";")[0]
    if route.path.endswith("/export"):
        assert kind == "text/csv"
    elif route.shape != "text":
        assert kind == {"page": "text/html", "json": "application/json"}[route.shape]
    if kind == "text/html":
        check_markup(page)


def check_refused(route: Route, who: str, page: Page, scene: Scene) -> None:
    check_headers(page.answer)
    if who == "nobody" and route.method == "GET" and route.shape == "page":
        assert page.status == 303
        assert page.answer.headers["location"].startswith(f"/console/sign-in?to={scene.path(route)}&tenant=")
        return
    status = 401 if who == "nobody" else 404 if who == "stranger" and "{tenant}" in route.path else 403
    check_shape(route, page, status)


def check_shape(route: Route, page: Page, status: int) -> None:
    """Hold a refusal to its status, and to the shape that the route says its refusals take."""
    assert page.status == status, page.text
    check_headers(page.answer)
    kind = page.answer.headers["content-type"].partition(";")[0]
    assert kind == {"page": "text/html", "json": "application/json", "text": "text/plain"}[route.shape]
    if route.shape == "page":
        check_markup(page)
        assert page.heading
        assert "Traceback" not in page.source
    if route.shape == "json":
        assert set(page.answer.json()) == {"error", "message"}


def test_a_refusal_of_a_text_route_is_text(scene: Scene, opened: ExitStack) -> None:
    route = next(route for route in ROUTES if route.path.startswith("/static/"))
    for instead in ({"digest": "0" * 12}, {"name": "nothing.css"}, {"name": "..%2f..%2fmodel.py"}, {"name": ".css"}):
        page = here(scene, opened, "nobody").get(scene.path(route, **instead))
        check_shape(route, page, 404)


@pytest.mark.parametrize("route", [route for route in ROUTES if "{tenant}" in route.path], ids=name_of)
def test_a_strangers_tenant_does_not_exist(scene: Scene, opened: ExitStack, route: Route) -> None:
    stranger = here(scene, opened, "stranger")
    foreign = scene.call(stranger, route, signed_in=True)
    absent = scene.call(stranger, route, signed_in=True, tenant="nobodys-tenant")
    assert foreign.status == absent.status == 404
    assert without_request_ids(foreign.source) == without_request_ids(absent.source)
    assert without_varying(foreign) == without_varying(absent)
    nobody = here(scene, opened, "nobody")
    assert [scene.call(nobody, route, signed_in=False, tenant=name).status for name in ("nobodys-tenant", "t1")] == [
        scene.call(nobody, route, signed_in=False).status
    ] * 2


def without_varying(page: Page) -> dict[str, str]:
    return {name: value for name, value in page.answer.headers.items() if name != "date"}


@pytest.mark.parametrize("route", [route for route in ROUTES if "{tenant}" in route.path], ids=name_of)
def test_with_the_house_in_a_tenants_place_there_is_what_operators_need(
    scene: Scene, opened: ExitStack, route: Route
) -> None:
    """Others get 404 for the pseudo-tenant `house`, and for operators it has no people and no identity providers."""
    query = "SELECT max(id) FROM events WHERE tenant_id = $1"
    ids = {"tenant": HOUSE, "event_id": rows(scene.running, query, HOUSE)[0][0]}
    before = scene.kept()
    for who in VISITORS[1:]:
        if who == "operator" and route.of_house:
            continue
        page = scene.call(here(scene, opened, who), route, signed_in=True, **ids)
        check_shape(route, page, 404)
    assert scene.kept() == before
    if route.of_house and route.method == "GET":
        ids["administrator_id"] = scene.staff["operator"].id
        check_admitted(route, scene.call(here(scene, opened, "operator"), route, signed_in=True, **ids))


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if any(f"{{{name}}}" in r.path for name in OF_TENANT)], ids=name_of
)
def test_ids_of_another_tenant_are_nobodys(scene: Scene, opened: ExitStack, route: Route) -> None:
    """In the stranger's own tenant, where they may do everything, ids of another one are not found."""
    stranger, own = here(scene, opened, "stranger"), scene.other.tenant.name
    before = scene.kept()
    foreign = scene.call(stranger, route, signed_in=True, tenant=own)
    absent = scene.call(stranger, route, signed_in=True, tenant=own, **dict.fromkeys(OF_TENANT, NOBODYS_ID))
    malformed = scene.call(stranger, route, signed_in=True, tenant=own, **dict.fromkeys(OF_TENANT, "%00%27%ff"))
    for page in (foreign, absent, malformed):
        check_shape(route, page, 404)
    assert without_request_ids(foreign.source) == without_request_ids(absent.source)
    assert scene.kept() == before


@pytest.mark.parametrize("route", [route for route in POSTS if route.who != "anyone"], ids=name_of)
def test_a_form_without_the_token_of_its_session_is_refused(scene: Scene, opened: ExitStack, route: Route) -> None:
    visitor = here(scene, opened, "operator")
    own = visitor.form_token
    earlier = opened.enter_context(Visitor(scene.running.url))
    earlier.take(open_session(scene.running, scene.staff["operator"]))
    elsewhere = here(scene, opened, "stranger")
    path, form = scene.path(route), scene.form(route)
    before = scene.kept()
    for token in (
        None,
        "",
        "x",
        own[:-1],
        own + "x",
        own.swapcase(),
        earlier.form_token,
        elsewhere.form_token,
        "\u00e9",
    ):
        page = visitor.post(path, form if token is None else {**form, "form_token": token})
        check_shape(route, page, 403)
        assert "load the page again" in page.text
    page = visitor.post(f"{path}?form_token={own}", form)
    check_shape(route, page, 403)
    assert scene.kept() == before
    assert visitor.read_form_token() == own, "the session goes on"


@pytest.mark.parametrize("route", POSTS, ids=name_of)
def test_a_form_from_another_site_is_refused(scene: Scene, opened: ExitStack, route: Route) -> None:
    visitor = here(scene, opened, "operator")
    form = {**scene.form(route), "form_token": visitor.form_token}
    path, port = scene.path(route), scene.running.url.rpartition(":")[2]
    foreign: list[dict[str, str]] = [
        {"sec-fetch-site": "cross-site", "origin": "https://south.example"},
        {"sec-fetch-site": "cross-site", "origin": ""},
        {"sec-fetch-site": "same-site", "origin": f"http://other.127.0.0.1:{port}"},
        {"sec-fetch-site": "", "origin": "https://south.example"},
        {"sec-fetch-site": "", "origin": "null"},
        {"sec-fetch-site": "", "origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "", "origin": f"http://127.0.0.1.south.example:{port}"},
        {"sec-fetch-site": "same-origin", "origin": "https://south.example"},
    ]
    before = scene.kept()
    for headers in foreign:
        page = visitor.post(path, form, headers=headers)
        check_shape(route, page, 403)
        assert page.text.startswith("Vestibule Not allowed") or "another site" in page.text
    assert scene.kept() == before


@pytest.mark.parametrize("route", [r for r in POSTS if r.path.endswith(("sign-in", "users/new"))], ids=name_of)
def test_a_form_that_is_none_is_refused_in_words(scene: Scene, opened: ExitStack, route: Route) -> None:
    """Not a form, too large, too many fields, a file where a text should be: a refusal, never a failure of ours."""
    visitor = here(scene, opened, "operator")
    token, path = visitor.form_token, scene.path(route)
    # To sign in with nothing is a failed try, and counted as one.
    before = scene.kept(without="throttles")
    same_site = {"sec-fetch-site": "same-origin", "origin": scene.running.url}
    bodies: list[tuple[str, bytes]] = [
        ("application/x-www-form-urlencoded", b"form_token=" + token.encode() + b"&x=" + b"y" * 2_200_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(5_000))),
        ("multipart/form-data; boundary=north", b"--north\r\nnonsense"),
        ("multipart/form-data", b"--north--"),
        ("application/x-www-form-urlencoded", b"form_token=%ff%fe&%00=%00"),
        (
            "multipart/form-data; boundary=north",
            b'--north\r\ncontent-disposition: form-data; name="form_token"; filename="x"\r\n\r\n'
            + token.encode()
            + b"\r\n--north--\r\n",
        ),
    ]
    for kind, body in bodies:
        headers = {**same_site, "content-type": kind}
        page = Page(visitor.client.post(path, content=body, headers=headers))
        assert 400 <= page.status < 500, f"{kind} {body[:40]!r}: {page.status} {page.text}"
        check_headers(page.answer)
    assert scene.kept(without="throttles") == before


@pytest.mark.parametrize("route", GETS, ids=name_of)
def test_looking_changes_nothing(scene: Scene, opened: ExitStack, route: Route) -> None:
    before = scene.kept()
    path = scene.path(route)
    for who in VISITORS:
        visitor = here(scene, opened, who)
        for query in ("", "?do=save&active=no&enabled=no&role=owner&provisioning=off&q=%25&done=saved&person=ana"):
            assert visitor.get(path + query, False).status < 500
        assert visitor.client.head(path).status_code < 500
    assert scene.kept() == before


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_a_method_that_no_route_names_is_refused(scene: Scene, opened: ExitStack, path: str) -> None:
    visitor = here(scene, opened, "operator")
    named = {route.method for route in ROUTES if route.path == path}
    before = scene.kept()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - named:
        answer = visitor.client.request(method, path.format(**scene.ids))
        assert answer.status_code == 405, method
        check_headers(answer)
    assert scene.kept() == before


TOLD_ELSEWHERE = ("/read-again", "/saml", "/mapping", "/roles", "/versions/restore", "/passkey")


@pytest.mark.parametrize(
    "route",
    # There is no metadata to read again, and no passkey at this address; and a preview saves nothing but itself.
    [route for route in POSTS if not route.path.endswith(TOLD_ELSEWHERE)],
    ids=name_of,
)
def test_what_is_done_is_told(own_scene: Scene, opened: ExitStack, route: Route) -> None:
    """No event, no change: whatever a form changes, the activity log says who did it and from where."""
    who = "nobody" if route.who == "anyone" else "operator"
    query, tenants = "SELECT id FROM events WHERE tenant_id IN ($1, $2) ORDER BY id", [own_scene.place.tenant.id, HOUSE]
    if route.path == "/console/":
        query, tenants = "SELECT id FROM events WHERE id > $1 ORDER BY id", [own_scene.ids["event_id"]]
    known = set(rows(own_scene.running, query, *tenants))
    visitor = here(own_scene, opened, who)
    page = own_scene.call(visitor, route, signed_in=who != "nobody")
    assert page.status in {200, 303}, page.text
    new = [row[0] for row in rows(own_scene.running, query, *tenants) if row not in known]
    assert new, "something was done and nothing tells it"
    told = [rows(own_scene.running, "SELECT actor FROM events WHERE id = $1", each)[0][0] for each in new]
    wanted = visitor.address if who == "nobody" else own_scene.staff["operator"].id
    assert any(wanted in each and visitor.address in each for each in told)


def test_what_no_route_answers_has_the_headers_too(scene: Scene, opened: ExitStack) -> None:
    visitor = here(scene, opened, "operator")
    flood = {f"x-{number}": "1" for number in range(150)}
    answers: list[httpx2.Response] = [
        visitor.client.get("/nothing"),
        visitor.client.get("/console"),
        visitor.client.get("/console/%2e%2e/"),
        visitor.client.request("TRACE", "/console/"),
        visitor.client.get("/console/", headers=flood),
    ]
    for answer in answers:
        assert 300 <= answer.status_code < 500
        check_headers(answer)
