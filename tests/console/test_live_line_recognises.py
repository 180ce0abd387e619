"""The line tells every request that is an identity provider's, wherever it went and whatever was typed where; and the
caller learns nothing from it.
"""

import base64
import json

import httpx2
import pytest

from tests.console.conftest import Staff
from tests.console.harmless import check_markup
from tests.console.visitor import Visitor, until
from tests.service.test_credentials import raw
from vestibule.keys import make_pair, shortened

TEST = {"startIndex": "1", "count": "2"}
SCREEN = "In Okta: Applications > your application > Provisioning > Integration > Edit"
MEND_URL = (
    f"Nothing was changed. {SCREEN}: SCIM 2.0 Base Url has to be the SCIM URL on this identity provider's page, letter "
    "for letter, with nothing after it. Then press Test API Credentials."
)


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def ask(staff: Staff, path: str, authorization: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    headers = [("authorization", authorization)] if authorization else []
    status, said, body = raw(staff.place.running.url, method, path, headers)
    del said["date"]
    return status, said, body


def works(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    """The identity provider is provisioning, so the line is green."""
    staff.provision(scim, userName="ana@north.example")
    until(lambda: owner.get(f"{staff.provider}/live"), lambda page: bool(page.all("//div[contains(@class, 'good')]")))


def test_right_and_wrong_in_turns_within_a_minute(staff: Staff, owner: Visitor) -> None:
    """Each time it tells the latest: equal refusals are counted together only while nothing is accepted in between."""
    users, pair = f"/scim/v2/{staff.place.tenant.name}/Users?startIndex=1&count=2", staff.place.pair
    for _ in range(3):
        assert ask(staff, users, basic(*pair))[0] == 200
        until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta tested these credentials at"))
        assert ask(staff, users, basic(pair.key, make_pair().secret))[0] == 401
        until(lambda: staff.live(owner), lambda seen: "Okta sent a wrong Secret" in seen)
    assert len(staff.place.events("credential.refused")) == 3


def test_a_flood_between_successes_is_recorded_a_few_times_a_minute(staff: Staff) -> None:
    users, pair = f"/scim/v2/{staff.place.tenant.name}/Users", staff.place.pair
    for _ in range(20):
        assert ask(staff, users, basic(*pair))[0] == 200
        assert ask(staff, users, basic(pair.key, pair.secret[:-1]))[0] == 401
    until(lambda: staff.place.events("credential.refused"))
    assert len(staff.place.events("credential.refused")) <= 7


MISTAKES: dict[str, tuple[str, str]] = {
    "swapped": ("and its Secret in each other's place", "put the Key into Username and the Secret into Password"),
    "secret alone": ("alone, without the Key,", "a single value must be the token"),
    "bare secret": ("alone, without the Key,", "a single value must be the token"),
    "key alone": ("that was mistyped or cut short", "paste the Secret again"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_working_provider_whose_fields_are_mixed_up_is_told(
    staff: Staff, owner: Visitor, scim: httpx2.Client, mistake: str
) -> None:
    works(staff, owner, scim)
    key, secret = staff.place.pair
    sent = {
        "swapped": basic(secret, key),
        "secret alone": f"Bearer {secret}",
        "bare secret": secret,
        "key alone": f"Bearer {key}",
    }
    assert ask(staff, f"/scim/v2/{staff.place.tenant.name}/Users", sent[mistake])[0] == 401
    said, mend = MISTAKES[mistake]
    page = until(lambda: owner.get(f"{staff.provider}/live"), lambda page: said in page.text)
    check_markup(page)
    assert shortened(key) in page.text
    assert mend in page.text
    assert page.all("//div[contains(@class, 'bad')]")
    kept = json.dumps([event["data"] for event in staff.place.events("credential.refused")])
    assert secret.removeprefix("vs_")[:8] not in kept


@pytest.mark.parametrize(
    "path",
    [
        "/{other}/Users",
        "/Users",
        "/Users/Users",
        "/{tenant}/Users",
        "/v2/{tenant}/Users",
        "/api/{tenant}/ServiceProviderConfig",
        "/scim/{tenant}/Users",
        "/scim/v2/Users",
        "/scim/v2/{other}/Users",
        "/scim/v2/nobody/Users",
        "/scim",
        "/",
    ],
)
def test_a_key_that_goes_to_another_address_is_told_and_every_401_is_the_same(
    staff: Staff, owner: Visitor, scim: httpx2.Client, path: str
) -> None:
    works(staff, owner, scim)
    other = staff.place.running.new_tenant()
    at = path.format(tenant=staff.place.tenant.name, other=other.tenant.name)
    usual = ask(staff, f"/scim/v2/{staff.place.tenant.name}/Users")
    assert usual[0] == 401
    for header in (basic(*staff.place.pair), basic(*make_pair())):
        assert ask(staff, at, header) == usual
    expected = f"Okta sent the key {shortened(staff.place.pair.key)} to {at}, which is not the SCIM URL of this tenant,"
    seen = until(lambda: staff.live(owner), lambda seen: expected in seen)
    assert MEND_URL in seen
    assert {event["data"]["reason"] for event in other.events("credential.refused")} <= {"unknown key"}
    scim.post("/Users", json={"userName": "mei@north.example"})
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning 2 people"))


@pytest.mark.parametrize("path", ["/Users/Users", "/Users/Users?count=2", "/Users/Groups", "/v2/Users"])
def test_a_base_url_with_too_much_at_its_end_outranks_an_older_success(
    staff: Staff, owner: Visitor, scim: httpx2.Client, path: str
) -> None:
    works(staff, owner, scim)
    at = f"/scim/v2/{staff.place.tenant.name}{path}"
    for _ in range(2):
        status, said, body = ask(staff, at, basic(*staff.place.pair))
        assert (status, said["content-type"]) == (404, "application/scim+json")
        assert f"the SCIM base URL is {staff.place.scim_url}" in json.loads(body)["detail"]
        seen = staff.live(owner)
        assert seen.startswith(f"Okta was refused with 404 at {at} at "), seen
        assert MEND_URL in seen
    scim.get("/Users")
    until(lambda: staff.live(owner), lambda seen: seen.startswith("Okta is provisioning 1 person"))


def test_a_url_of_scim_1_1_is_told_with_the_base_url(staff: Staff, owner: Visitor, scim: httpx2.Client) -> None:
    works(staff, owner, scim)
    at = f"/scim/v1/{staff.place.tenant.name}/Users"
    status, _, body = ask(staff, at, basic(*staff.place.pair))
    assert (status, staff.place.scim_url in json.loads(body)["detail"]) == (404, True)
    assert staff.live(owner).startswith(f"Okta was refused with 404 at {at} at ")
    assert ask(staff, at, basic(*make_pair()))[0] == 401


def test_a_person_who_is_refused_does_not_put_the_connection_in_question(
    staff: Staff, owner: Visitor, scim: httpx2.Client
) -> None:
    works(staff, owner, scim)
    assert scim.post("/Users", json={"userName": "ana@north.example"}).status_code == 409
    assert scim.get("/Users/00000000-0000-7000-8000-000000000000").status_code == 404
    assert scim.get("/Users", params={"sortBy": "userName"}).status_code in {200, 501}
    assert owner.get(f"{staff.provider}/live").all("//div[contains(@class, 'good')]")


@pytest.mark.parametrize("known", [True, False], ids=["a key", "none"])
def test_a_stranger_is_told_beside_what_works_and_not_instead_of_it(
    staff: Staff, owner: Visitor, scim: httpx2.Client, known: bool
) -> None:
    works(staff, owner, scim)
    stranger = make_pair()
    ask(staff, f"/scim/v2/{staff.place.tenant.name}/Users", basic(*stranger) if known else "")
    page = until(lambda: owner.get(f"{staff.provider}/live"), lambda page: "Since then" in page.text)
    check_markup(page)
    assert page.text.startswith("Okta is provisioning 1 person; its last request came")
    assert page.all("//div[contains(@class, 'warn')]")
    if known:
        assert f"a request came with the key {shortened(stranger.key)}, which nobody here has, at" in page.text
        assert f"If it was yours: {SCREEN}: Username has to be a Key on the page of this identity provider" in page.text
    else:
        assert "Since then a request came with neither Key nor Secret at" in page.text
        assert f"If it was yours: {SCREEN}: fill in Username and Password." in page.text


@pytest.mark.parametrize("path", ["/{tenant}/Users", "/scim/{tenant}/Users"])
def test_what_names_only_the_tenant_is_told_there_as_well(staff: Staff, owner: Visitor, path: str) -> None:
    at = path.format(tenant=staff.place.tenant.name)
    assert ask(staff, at)[0] == 401
    until(lambda: staff.live(owner), lambda seen: "a request came with neither Key nor Secret" in seen)
    (event,) = staff.place.events("credential.refused")
    assert event["data"]["request"] == {"method": "GET", "path": at}
    page = owner.get(staff.at("activity"), what="refused")
    advice = owner.get(str(page.all("//main//a[contains(@href, '/activity/')]")[0].get("href")))
    assert f"{SCREEN}: fill in Username and Password." in advice.text, "the tenant's only vendor is named"
