"""People whose every attribute wants to be executed, sent over SCIM, and every page that shows anything of them opened
in a real browser: nothing of it runs, neither under the policy nor where nothing but the escaping stands in its way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx2
import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.demo import Demo, running_demo
from tests.browser.measure import open_details
from tests.browser.running_product import TENANT, set_up
from tests.conftest import PLAIN
from tests.console.payloads import MARKUP, described, joined
from tests.console.test_mapping import saved
from tests.console.visitor import Visitor

RAN: Final = "document.documentElement.dataset.ran=1"
PAYLOADS: Final = tuple(each.replace("alert(1)", RAN) for each in joined(MARKUP))
SHORT: Final = tuple(each.replace("alert(1)", RAN) for each in MARKUP[3:7])
"""Payloads that are short enough for a field of a form."""
AT: Final = f"/console/{TENANT}"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LOOK: Final = f"""() => ({{
  ran: {RAN.removesuffix("=1")} ?? "",
  strange: [...document.querySelectorAll("a, form, script, link, img")]
    .map((each) => each.href || each.action || each.src)
    .filter((address) => address && !address.startsWith(location.origin + "/")),
  made: document.querySelectorAll("iframe, object, embed, base, video, math, style, body [onload], main script").length,
}})"""


@dataclass
class Hostile:
    """A demo with such people in it, its administrator's cookies, and every address that shows something of them."""

    demo: Demo
    cookies: dict[str, str]
    addresses: list[str]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """One person for each payload; each was created, changed from one payload to the next, and refused once."""
    with running_demo(tmp_path_factory.mktemp("hostile")) as demo, Visitor(demo.url) as owner:
        page = owner.submit(
            owner.get(set_up(owner, demo.link).link("Add identity provider")),
            "Add identity provider",
            {"name": SHORT[0], "vendor": "okta"},
        )
        pair = page.copied("the Key"), page.copied("the Secret")
        people = _send(page.copied("the SCIM URL"), pair)
        provider = page.link("Overview", within="//nav[@class='tabs']")
        rule = dict(zip(("attribute-0", "value-0", "role-0", "default"), SHORT, strict=True))
        saved(owner, owner.submit(owner.get(f"{provider}/roles"), "Preview on everybody", rule), "role rules")
        named = {"email": "hostile@north.example", "name": SHORT[1], "role": "auditor"}
        owner.submit(owner.get(f"{AT}/administrators"), "Invite administrator", named)
        owner.submit(owner.get("/console/"), "Add tenant", {"title": SHORT[2], "name": "hostile"})
        addresses = [
            "/console/",
            "/console/hostile/",
            *(f"{AT}/{each}" for each in ("", "users", "identity-providers", "activity", "administrators", "tenant")),
            provider,
            f"{provider}/mapping",
            f"{provider}/roles",
            *(str(httpx2.URL(f"{AT}/users", params={"q": each})) for each in PAYLOADS[:6]),
            *(str(httpx2.URL(f"{provider}/mapping", params={"person": each})) for each in PAYLOADS[:3]),
            *(f"{AT}/users/{each}" for each in people),
            *_events(owner),
        ]
        yield Hostile(demo, owner.cookies, [demo.url + each for each in addresses])


def _send(url: str, pair: tuple[str, str]) -> list[str]:
    """Send the people; their ids."""
    people = []
    headers = {"content-type": "application/scim+json"}
    with httpx2.Client(base_url=url, auth=pair, headers=headers, **PLAIN) as scim:
        for payload, next_one in zip(PAYLOADS, (*PAYLOADS[1:], PAYLOADS[0]), strict=True):
            person = _person(payload)
            answer = scim.post("/Users", json=person)
            assert answer.status_code == 201, answer.text
            people.append(answer.json()["id"])
            changes = [{"op": "replace", "value": {**_person(next_one), "userName": payload}}]
            answer = scim.patch(f"/Users/{people[-1]}", json={"schemas": [PATCH], "Operations": changes})
            assert answer.status_code == 200, answer.text
            assert scim.get("/Users", params={"filter": payload}).status_code == 400
            assert scim.post("/Users", json={"userName": payload}).status_code == 409
        assert scim.get("/Users", auth=("vk_" + PAYLOADS[0], PAYLOADS[1])).status_code == 401
        assert scim.delete(f"/Users/{people[-1]}").status_code == 204
    return people


def _person(payload: str) -> dict[str, Any]:
    """A person with a payload in every attribute, the userName too."""
    person = described(payload, payload)
    del person["x509Certificates"]  # binary: such a value is refused
    return person


def _events(owner: Visitor) -> list[str]:
    """Pages of the log: every change, and the latest of every other kind."""
    found = []
    for kind in (
        "user.changed",
        "user.created",
        "user.deleted",
        "request.refused",
        "credential.refused",
        "roles.changed",
    ):
        page = owner.get(f"{AT}/activity", type=kind)
        links = [str(each.get("href")) for each in page.all("//ol[@class='timeline']/li/a")]
        assert links, kind
        found += links if kind == "user.changed" else links[:4]
    return found


@pytest.mark.parametrize("policy", ["with the policy", "without the policy"])
def test_nothing_of_it_runs(hostile: Hostile, open_window: OpenWindow, policy: str) -> None:
    window = open_window(hostile.demo, bypass_csp=policy == "without the policy")
    window.context.add_cookies(
        [{"name": name, "value": value, "url": hostile.demo.url} for name, value in hostile.cookies.items()]
    )
    page = window.tab()
    # Every page where only the escaping protects; of the same pages under the policy every third.
    for address in hostile.addresses[:: 1 if policy == "without the policy" else 3]:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        open_details(page)
        assert page.evaluate(LOOK) == {"ran": "", "strange": [], "made": 0}, address
    window.shoot(page, "last")
    page.goto(hostile.demo.url + f"{AT}/users")
    window.shoot(page, "users")
    page.get_by_role("link", name=PAYLOADS[3], exact=True).click()
    window.shoot(page, "person")


def test_a_script_would_be_seen(hostile: Hostile, open_window: OpenWindow) -> None:
    """What the test above looks for is there to be found: the same markup, put into a page of ours, runs."""
    window = open_window(hostile.demo, bypass_csp=True)
    page = window.tab(hostile.demo.url + "/console/sign-in")
    page.evaluate("(markup) => { document.querySelector('main').innerHTML = markup; }", SHORT[0])
    page.wait_for_function("() => document.documentElement.dataset.ran")
    assert page.evaluate(LOOK)["ran"] == "1"
    window.complaints.clear()
