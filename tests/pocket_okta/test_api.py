"""The API in Okta's shapes: users, groups, apps, and how it refuses."""

from typing import Any

import httpx2
import pytest
from tests.conftest import HANG, PLAIN
from tests.pocket_okta.running import App, Okta
from tests.pocket_okta.scim_service import USERNAME, ScimService

NOBODY = "00uNobodyNobodyNobod"


def causes(refused: Any) -> str:
    return " ".join(cause["errorSummary"] for cause in refused["errorCauses"])


def test_a_user_has_oktas_shape(okta: Okta) -> None:
    ana = okta.person("Ana", "Reis", title="Pilot")
    assert ana["id"].startswith("00u")
    assert len(ana["id"]) == 20
    assert ana["status"] == "ACTIVE"
    assert ana["profile"]["title"] == "Pilot"
    assert ana["profile"]["mobilePhone"] is None
    assert ana["_links"]["self"]["href"] == f"{okta.url}api/v1/users/{ana['id']}"
    assert okta.call("GET", f"/api/v1/users/{ana['profile']['login'].upper()}") == ana


def test_post_changes_and_put_replaces(okta: Okta) -> None:
    ana = okta.person("Ana", "Reis", title="Pilot")
    path = f"/api/v1/users/{ana['id']}"
    posted = okta.call("POST", path, {"profile": {"department": "Flight"}})
    assert (posted["profile"]["title"], posted["profile"]["department"]) == ("Pilot", "Flight")
    whole = {name: ana["profile"][name] for name in ("login", "email", "firstName", "lastName")}
    put = okta.call("PUT", path, {"profile": whole})
    assert "title" not in put["profile"]
    refused = okta.call("PUT", path, {"profile": {"firstName": "Anna"}}, status=400)
    assert causes(refused) == "login: The field cannot be left blank"


def test_users_are_found_and_paged(okta: Okta) -> None:
    made = [okta.person(f"Quirin{n}", "Zzz") for n in range(5)]
    found, url = [], "/api/v1/users?q=quirin&limit=2"
    pages = 0
    while url:
        answer = okta.client.get(url)
        found += [user["id"] for user in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
        pages += 1
    assert found == [user["id"] for user in made]
    assert pages == 3


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ('profile.login eq "{login}"', 1),
        ('profile.lastName sw "Searchable" and status eq "ACTIVE"', 1),
        ('profile.lastName co "earchab"', 2),
        ('profile.lastName sw "Searchable" and status ne "ACTIVE"', 1),
        ('profile.title pr and profile.lastName eq "searchableX"', 1),
        ('id eq "{id}"', 1),
    ],
)
def test_search_knows_what_tests_need(okta: Okta, search: str, count: int) -> None:
    ana = okta.person("Ana", "SearchableX", title="Pilot")
    gone = okta.person("Noor", "SearchableX")
    okta.lifecycle(gone, "deactivate")
    text = search.replace("{login}", ana["profile"]["login"]).replace("{id}", ana["id"])
    found = okta.client.get("/api/v1/users", params={"search": text}).json()
    for person in (ana, gone):
        okta.call("POST", f"/api/v1/users/{person['id']}", {"profile": {"lastName": "Reis"}})
    assert len(found) == count


def test_the_plain_listing_leaves_deactivated_people_out(okta: Okta) -> None:
    ana = okta.person("Ana")
    okta.lifecycle(ana, "deactivate")
    listed = okta.call("GET", "/api/v1/users?limit=200")
    assert ana["id"] not in {user["id"] for user in listed}
    assert okta.call("GET", f"/api/v1/users/{ana['id']}")["status"] == "DEPROVISIONED"


def test_the_life_cycle(okta: Okta) -> None:
    ana = okta.person("Ana", activate=False)

    def status() -> Any:
        return okta.call("GET", f"/api/v1/users/{ana['id']}")["status"]

    path = f"/api/v1/users/{ana['id']}/lifecycle"
    assert status() == "STAGED"
    okta.call("POST", f"{path}/suspend", status=403)
    for act, leads_to in (
        ("activate", "ACTIVE"),
        ("suspend", "SUSPENDED"),
        ("unsuspend", "ACTIVE"),
        ("deactivate", "DEPROVISIONED"),
        ("reactivate", "ACTIVE"),
    ):
        okta.call("POST", f"{path}/{act}")
        assert status() == leads_to
    refused = okta.call("POST", f"{path}/activate", status=403)
    assert refused["errorSummary"] == "Activation failed because the user is already active"
    okta.call("POST", f"{path}/explode", status=404)
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    assert status() == "DEPROVISIONED"
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    okta.call("GET", f"/api/v1/users/{ana['id']}", status=404)


def test_a_login_is_taken_whatever_its_case(okta: Okta) -> None:
    ana = okta.person("Ana")
    profile = {"login": ana["profile"]["login"].upper(), "email": "a@north.example", "firstName": "A", "lastName": "R"}
    refused = okta.call("POST", "/api/v1/users", {"profile": profile}, status=400)
    assert refused["errorCode"] == "E0000001"
    assert "already exists" in causes(refused)
    okta.call("POST", f"/api/v1/users/{okta.person()['id']}", {"profile": {"login": profile["login"]}}, status=400)


def test_errors_have_oktas_shape(okta: Okta) -> None:
    refused = okta.call("GET", f"/api/v1/users/{NOBODY}", status=404)
    assert set(refused) == {"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}
    assert refused["errorCode"] == refused["errorLink"] == "E0000007"
    assert refused["errorSummary"] == f"Not found: Resource not found: {NOBODY} (User)"


@pytest.mark.parametrize("header", [None, "SSWS wrong", "Bearer x", "SSWS", ""])
@pytest.mark.parametrize("path", ["/api/v1/users", "/pocket/v1/exchanges", "/api/v1/nowhere"])
def test_without_the_token_there_is_nothing(okta: Okta, header: str | None, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = httpx2.get(okta.url.rstrip("/") + path, headers=headers, **PLAIN)
    assert answer.status_code == 401
    assert answer.json()["errorCode"] == "E0000011"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/users", "{", 400),
        ("POST", "/api/v1/users", "[]", 400),
        ("POST", "/api/v1/users", '{"profile":[]}', 400),
        ("POST", "/api/v1/users", '{"profile":{"login":5}}', 400),
        ("POST", "/api/v1/users", '{"credentials":{"password":"x"}}', 400),
        ("POST", "/api/v1/users?activate=maybe", "{}", 400),
        ("POST", "/api/v1/users", '{"groupIds":{}}', 400),
        ("POST", "/api/v1/users", '"\\ud800"', 400),
        ("GET", "/api/v1/users?limit=many", "", 400),
        ("GET", "/api/v1/users?search=login", "", 400),
        ("GET", "/api/v1/users?search=shoe eq %225%22", "", 400),
        ("GET", "/api/v1/users?after=nobody", "", 200),
        ("PATCH", "/api/v1/users", "{}", 405),
        ("GET", "/api/v1/nowhere", "", 404),
        ("POST", "/api/v1/groups", '{"profile":{"name":" "}}', 400),
        ("POST", "/api/v1/apps", '{"name":"office365","label":"x"}', 400),
        ("POST", "/api/v1/apps", '{"label":7}', 400),
        ("GET", "/pocket/v1/tasks?state=lost", "", 400),
        ("POST", "/pocket/v1/tasks/999999/retry", "", 404),
        ("GET", "/pocket/v1/exchanges?after=-1", "", 400),
    ],
)
def test_nonsense_is_refused_in_oktas_shape(okta: Okta, method: str, path: str, body: str, status: int) -> None:
    answer = okta.client.request(method, path, content=body)
    assert answer.status_code == status, answer.text
    if status != 200:
        assert answer.json()["errorCode"].startswith("E0000")


def test_a_body_that_is_too_large_is_refused(okta: Okta) -> None:
    answer = okta.client.post("/api/v1/users", content=b" " * 1_100_000)
    assert answer.status_code == 413
    assert answer.json()["errorCode"] == "E0000003"


def test_groups(okta: Okta) -> None:
    ana = okta.person("Ana")
    group = okta.call("POST", "/api/v1/groups", {"profile": {"name": f"Crew of {ana['id']}", "description": "All"}})
    path = f"/api/v1/groups/{group['id']}"
    assert group["id"].startswith("00g")
    okta.call("POST", "/api/v1/groups", {"profile": {"name": f"CREW of {ana['id']}"}}, status=400)
    okta.call("PUT", f"{path}/users/{ana['id']}", status=204)
    okta.call("PUT", f"{path}/users/{ana['id']}", status=204)
    assert [user["id"] for user in okta.call("GET", f"{path}/users")] == [ana["id"]]
    assert [one["id"] for one in okta.call("GET", f"/api/v1/users/{ana['id']}/groups")] == [group["id"]]
    okta.call("DELETE", f"{path}/users/{ana['id']}", status=204)
    assert okta.call("GET", f"{path}/users") == []
    renamed = okta.call("PUT", path, {"profile": {"name": f"Team of {ana['id']}"}})
    assert renamed["profile"]["name"] == f"Team of {ana['id']}"
    assert okta.call("GET", f"/api/v1/groups?q=team%20of%20{ana['id']}")[0]["id"] == group["id"]
    okta.call("DELETE", path, status=204)
    okta.call("GET", path, status=404)


def test_a_new_user_can_join_groups_at_once(okta: Okta) -> None:
    group = okta.group()
    login = f"joined.{group.lower()}@north.example"
    profile = {"login": login, "email": login, "firstName": "Ana", "lastName": "Reis"}
    made = okta.call("POST", "/api/v1/users", {"profile": profile, "groupIds": [group]})
    assert [user["id"] for user in okta.call("GET", f"/api/v1/groups/{group}/users")] == [made["id"]]
    other = {**profile, "login": f"not.{login}"}
    okta.call("POST", "/api/v1/users", {"profile": other, "groupIds": ["00gNone"]}, status=404)
    okta.call("GET", f"/api/v1/users/not.{login}", status=404)


def test_an_app_its_connection_and_features(okta: Okta, scim: ScimService) -> None:
    app = okta.app()
    assert app.id.startswith("0oa")
    connection = okta.call("GET", f"{app.path}/connections/default")
    assert (connection["status"], connection["baseUrl"]) == ("DISABLED", "")
    okta.call("PUT", f"{app.path}/features/USER_PROVISIONING", {}, status=400)
    body = {
        "baseUrl": f"{scim.url}/",
        "profile": {"authScheme": "BASIC", "username": USERNAME, "password": scim.password},
    }
    okta.call("POST", f"{app.path}/connections/default", body)
    assert scim.requests == []
    connection = okta.call("POST", f"{app.path}/connections/default?activate=true", body)
    assert connection["status"] == "ENABLED"
    assert connection["baseUrl"] == scim.url
    assert connection["profile"] == {"authScheme": "BASIC", "username": USERNAME}
    feature = okta.call("GET", f"{app.path}/features/USER_PROVISIONING")
    assert feature["status"] == "DISABLED"
    app.features(create=True, update=True, deactivate=False)
    feature = okta.call(
        "PUT", f"{app.path}/features/USER_PROVISIONING", {"create": {"lifecycleCreate": {"status": "DISABLED"}}}
    )
    assert feature["capabilities"] == {
        "create": {"lifecycleCreate": {"status": "DISABLED"}},
        "update": {
            "profile": {"status": "ENABLED"},
            "lifecycleDeactivate": {"status": "DISABLED"},
            "password": {"status": "DISABLED", "seed": "OKTA", "change": "CHANGE"},
        },
    }
    assert okta.call("GET", app.path)["features"] == ["PUSH_PROFILE_UPDATES", "IMPORT_NEW_USERS", "GROUP_PUSH"]
    okta.call("POST", f"{app.path}/connections/default/lifecycle/deactivate", status=204)
    assert okta.call("GET", f"{app.path}/connections/default")["status"] == "DISABLED"
    okta.call("POST", f"{app.path}/connections/default/lifecycle/activate", status=204)
    okta.call("GET", f"{app.path}/features/INBOUND_PROVISIONING", status=404)
    okta.call("DELETE", app.path, status=204)
    okta.call("GET", app.path, status=404)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"baseUrl": "scim.north.example"}, "wanted an http or https address"),
        ({"baseUrl": "https://scim.north.example/scim_v2"}, "no underscore"),
        ({"baseUrl": "https://a:b@scim.north.example"}, "wanted an http or https address"),
        ({"baseUrl": "https://[north/scim"}, "wanted an http or https address"),
        ({"baseUrl": "https://north.example:99999/"}, "wanted an http or https address"),
        ({"profile": {"authScheme": "BASIC", "username": "a:b", "password": "x"}}, "cannot hold a colon"),
        ({"profile": {"authScheme": "BASIC", "username": "a"}}, "Password: The field cannot be left blank"),
        ({"profile": {"authScheme": "BASIC", "username": "a", "password": "x\ny"}}, "printable"),
        ({"profile": {"authScheme": "BEARER", "token": "x"}}, "takes BASIC, got BEARER"),
        ({"profile": {"authScheme": "OAUTH2"}}, "wanted BASIC"),
    ],
)
def test_a_connection_that_cannot_work_is_refused(okta: Okta, change: dict[str, Any], sentence: str) -> None:
    body = {"baseUrl": "https://scim.north.example/scim/v2", "profile": {"username": "a", "password": "b"}} | change
    refused = okta.call("POST", f"{okta.app().path}/connections/default", body, status=400)
    assert sentence in causes(refused)


def test_an_app_user_has_oktas_shape(okta: Okta, catalogue_app: App) -> None:
    ana = okta.person("Ana", "Reis")
    made = catalogue_app.assign(ana)
    assert (made["id"], made["scope"], made["syncState"]) == (ana["id"], "USER", "SYNCING")
    okta.idle()
    user = catalogue_app.user(ana)
    assert (user["status"], user["syncState"]) == ("PROVISIONED", "SYNCHRONIZED")
    assert user["credentials"]["userName"] == ana["profile"]["login"]
    assert user["profile"]["givenName"] == "Ana"
    assert [one["id"] for one in okta.call("GET", f"{catalogue_app.path}/users")] == [ana["id"]]
    refused = okta.call("POST", f"{catalogue_app.path}/users", {"id": ana["id"], "profile": {"shoe": 5}}, status=400)
    assert "no such app user attribute" in causes(refused)
    okta.call("POST", f"{catalogue_app.path}/users", {"id": NOBODY}, status=404)
    links = okta.call("GET", f"/api/v1/users/{ana['id']}/appLinks")
    assert links[0]["label"] == catalogue_app.label


def test_app_users_are_paged(okta: Okta, catalogue_app: App) -> None:
    made = [okta.person(f"Ana{n}") for n in range(3)]
    for person in made:
        catalogue_app.assign(person)
    first = okta.client.get(f"{catalogue_app.path}/users?limit=2")
    second = okta.client.get(first.links["next"]["url"])
    assert [one["id"] for one in first.json() + second.json()] == [person["id"] for person in made]
    assert "next" not in second.links


def test_app_groups(okta: Okta, catalogue_app: App) -> None:
    group = okta.group()
    okta.call("GET", f"{catalogue_app.path}/groups/{group}", status=404)
    okta.call("PUT", f"{catalogue_app.path}/groups/{group}")
    assert okta.call("GET", f"{catalogue_app.path}/groups/{group}")["id"] == group
    assert [one["id"] for one in okta.call("GET", f"{catalogue_app.path}/groups")] == [group]


def test_exchanges_are_listed_in_order_and_paged(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    catalogue_app.assign(ana)
    okta.idle()
    listed = catalogue_app.exchanges()
    assert [(one["method"], one["status"]) for one in listed] == [
        ("GET", 200),
        ("GET", 200),
        ("GET", 200),
        ("POST", 201),
    ]
    last = listed[-1]
    assert last["trigger"] == "Push new user to external application"
    assert last["event"] == "application.provision.user.push"
    assert last["url"] == f"{scim.url}/Users"
    assert last["userId"] == ana["id"]
    assert ["Authorization", "Basic ••••••"] in last["requestHeaders"]
    assert '"password":"••••••"' in last["requestBody"]
    assert last["milliseconds"] > 0
    after = okta.call("GET", f"/pocket/v1/exchanges?appId={catalogue_app.id}&after={listed[1]['seq']}")
    assert after == listed[2:]
    first = okta.client.get(f"/pocket/v1/exchanges?appId={catalogue_app.id}&limit=3")
    assert okta.client.get(first.links["next"]["url"]).json() == listed[3:]


def test_deleting_an_app_drops_its_work_and_says_nothing(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    ana = okta.person("Ana")
    with scim.held("GET") as held:
        catalogue_app.assign(ana)
        assert held.reached.wait(HANG)
        okta.edit(ana, firstName="Anna")
        okta.call("DELETE", catalogue_app.path, status=204)
    okta.idle()
    assert {request.method for request in scim.requests} == {"GET"}
    assert catalogue_app.tasks("all") == []
