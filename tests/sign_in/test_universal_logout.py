"""Universal Logout, the identity provider's own switch: an order that is right ends everything that somebody has open,
and any other ends nothing, says in JSON what was wrong with it, and says nothing of who is here.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.conftest import on_both_engines
from tests.saml.keys import Pair, pair
from tests.sign_in.company import ORG, Company
from tests.sign_in.scene import Scene
from vestibule.actions import configure, saml_settings
from vestibule.endpoints.context import Context

TYPE = "global-token-revocation+jwt"
IDP = "http://idp.north.example/exk9abc"


def claims(company: Company, **changes: Any) -> dict[str, Any]:
    """What a token says that is right; None leaves a claim out."""
    now = int(time.time())
    usual: dict[str, Any] = {
        "iss": ORG,
        "sub": "0oa1",
        "aud": f"{company.stem}/global-token-revocation",
        "exp": now + 300,
        "nbf": now - 300,
        "jti": uuid4().hex,
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def token(company: Company, by: Pair | None = None, typ: str = TYPE, **changes: Any) -> str:
    return jwt.encode(claims(company, **changes), (by or pair()).private_pem, "RS256", headers={"typ": typ})


def unlike(company: Company, algorithm: str) -> str:
    """a token of an algorithm that no key pair has: with the public key as the secret, or without a signature."""
    parts = [{"alg": algorithm, "typ": TYPE}, claims(company)]
    head = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    mac = hmac.new(pair().pem.encode(), head.encode(), hashlib.sha256).digest() if algorithm == "HS256" else b""
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def email(name: str) -> dict[str, Any]:
    return {"sub_id": {"format": "email", "email": name}}


def order(company: Company, body: Any, bearer: str | None = None, **more: Any) -> httpx2.Response:
    """Send an order as Okta's servers do."""
    given = token(company) if bearer is None else bearer
    headers = {"authorization": f"Bearer {given}", "content-type": "application/json", **more}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return company.browser().client.post(
        f"{company.stem}/global-token-revocation", content=content, headers={k: v for k, v in headers.items() if v}
    )


# -- from a whole identity provider ------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", ["EMAIL", "ISS_SUB"])
def test_clearing_somebodys_sessions_at_okta_ends_them_here(scene: Scene, subject: str) -> None:
    endpoint = f"{scene.base}/global-token-revocation"
    body = {"status": "ENABLED", "endpoint": endpoint, "subjectFormat": subject}
    scene.integration.okta.call("PUT", scene.integration.app.path, {"universalLogout": body})
    ana, bo = scene.person(), scene.person()
    hers, his = [scene.signed_in(ana)[0], scene.signed_in(ana)[0]], scene.signed_in(bo)[0]
    scene.integration.okta.call("DELETE", f"/api/v1/users/{ana['id']}/sessions", status=204)
    scene.integration.okta.idle()
    assert [scene.me(each).status_code for each in (*hers, his)] == [401, 401, 200]
    (event,) = scene.place.events("session.revoked")
    assert event["data"] == {
        "user_name": ana["profile"]["login"],
        "reason": "Universal Logout from Okta",
        "sessions_ended": 2,
    }
    assert event["actor"]["kind"] == "identity_provider"
    assert event["subject"] == scene.integration.resource(ana)["id"]
    assert scene.integration.app.tasks() == []
    browser, _ = scene.signed_in(ana)
    assert scene.me(browser).status_code == 200, "she is still here, and may come in again"


# -- who is meant ------------------------------------------------------------------------------------------------------


@on_both_engines
def test_everything_that_somebody_has_open_ends(staff: Company) -> None:
    user_id, name = staff.hire()
    hers, his = [staff.sign_in(name) for _ in range(3)], staff.sign_in(staff.hire()[1])
    answer = order(staff, email(name.upper()))
    assert (answer.status_code, answer.content) == (204, b"")
    assert not any(staff.is_in(each) or staff.is_in_console(each) for each in hers)
    assert staff.is_in(his)
    assert staff.is_in_console(his)
    (event,) = staff.place.events("session.revoked")
    assert (event["subject"], event["data"]["sessions_ended"]) == (user_id, 6)
    assert order(staff, email(name)).status_code == 204, "again, with a token of its own"
    assert [each["data"]["sessions_ended"] for each in staff.place.events("session.revoked")] == [6, 0]


@on_both_engines
def test_people_are_meant_by_what_the_identity_provider_knows_of_them(company: Company) -> None:
    """By userName; by an e-mail address that is none; by the identity provider's own id; by NameID."""
    _, name = company.hire()
    address, mine = f"x{uuid4().hex[:8]}@south.example", f"00u{uuid4().hex[:12]}"
    company.hire(emails=[{"value": f"n{uuid4().hex[:8]}@south.example", "type": "work"}])
    _, other = company.hire(emails=[{"value": address, "type": "work", "primary": True}], externalId=mine)
    named = {
        name: {"format": "email", "email": name},
        other: {"format": "email", "email": address},
        f"{other} by id": {"format": "iss_sub", "iss": ORG, "sub": mine},
        f"{other} by NameID": {"format": "iss_sub", "iss": IDP, "sub": other},
    }
    for who, subject in named.items():
        browsers = {each: company.sign_in(each) for each in (name, other)}
        assert order(company, {"sub_id": subject}).status_code == 204, who
        assert {each: company.is_in(browser) for each, browser in browsers.items()} == {
            each: not who.startswith(each) for each in (name, other)
        }


def test_a_name_id_is_an_external_id_where_people_sign_in_with_that(company: Company) -> None:
    async def change(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await saml_settings.change_sign_on(tx, company.place.provider.id, name_id_is="externalId")

    company.place.running.act(change)
    mine = f"00u{uuid4().hex[:12]}"
    company.hire(externalId=mine)
    browser = company.sign_in(mine)
    assert order(company, {"sub_id": {"format": "iss_sub", "iss": IDP, "sub": mine}}).status_code == 204
    assert not company.is_in(browser)


def test_somebody_of_another_identity_provider_or_tenant_is_nobody_here(company: Company) -> None:
    theirs = Company(company.place.running.new_tenant())
    theirs.tie()
    _, name = theirs.hire()
    browser = theirs.sign_in(name)
    answer = order(company, email(name))
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert theirs.is_in(browser)
    refused = order(theirs, email(name), token(company))
    assert (refused.status_code, "a token for" in refused.json()["message"]) == (401, True)
    assert theirs.is_in(browser)
    assert order(theirs, email(name)).status_code == 204
    theirs.close()


# -- orders that are refused -------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "for elsewhere": ({"aud": "https://south.example/global-token-revocation"}, "a token for"),
    "for here among others": ({"aud": ["https://south.example/"]}, "a token for"),
    "of another organisation": ({"iss": "https://south.okta.example"}, "a token from the organisation"),
    "without one": ({"iss": None}, "one without iss"),
    "that is over": ({"exp": -200}, "a token that is valid now"),
    "of tomorrow": ({"nbf": 1000}, "a token that is valid now"),
    "for ever": ({"exp": 90_000}, "a token that is valid now"),
    "without an end": ({"exp": None}, "one without exp"),
    "without an id": ({"jti": None}, "one without jti"),
}


def check_refused(company: Company, answer: httpx2.Response, status: int, words: str) -> None:
    """JSON, an event, and no word of who is here."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"error", "message"}
    assert words in told["message"]
    assert "north.example" not in told["message"].replace(company.stem, "").replace(ORG, ""), "nobody is named"
    (event,) = company.place.events("revocation.refused")
    assert words in event["data"]["reason"]
    assert company.place.events("session.revoked") == []


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_that_is_wrong_ends_nothing(company: Company, wrong: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    changes, words = WRONG[wrong]
    now = int(time.time())
    changes = {key: now + value if isinstance(value, int) else value for key, value in changes.items()}
    known = order(company, email(name), token(company, **changes))
    check_refused(company, known, 401, words)
    unknown = order(company, email("nobody@north.example"), token(company, **changes))
    assert (unknown.status_code, unknown.content) == (known.status_code, known.content), "the same for who is not here"
    assert company.is_in(browser)


@pytest.mark.parametrize("kind", ["none", "HS256", "another key", "another type", "no token", "Basic"])
def test_a_token_that_proves_nothing_ends_nothing(company: Company, kind: str) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    tokens = {
        "none": unlike(company, "none"),
        "HS256": unlike(company, "HS256"),
        "another key": token(company, pair("stranger")),
        "another type": token(company, typ="JWT"),
    }
    words = {"another type": f"a token of the type {TYPE}", "no token": "a signed JWT", "Basic": "a signed JWT"}
    more = {"no token": {"authorization": ""}, "Basic": {"authorization": f"Basic {token(company)}"}}
    answer = order(company, email(name), tokens.get(kind), **more.get(kind, {}))
    check_refused(company, answer, 401, words.get(kind, "a token that this identity provider's certificate signed"))
    assert company.is_in(browser)


@on_both_engines
def test_an_order_is_carried_out_once(company: Company) -> None:
    """Whoever sees one pass by cannot keep somebody out with it."""
    _, name = company.hire()
    once = token(company)
    assert order(company, email(name), once).status_code == 204
    browser = company.sign_in(name)
    answer = order(company, email(name), once)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert "was not used yet" in answer.json()["message"]
    assert company.is_in(browser)
    assert len(company.place.events("session.revoked")) == 1
    (event,) = company.place.events("revocation.refused")
    assert "was not used yet" in event["data"]["reason"]


def test_one_that_means_nobody_is_used_up_as_well(company: Company) -> None:
    once = token(company)
    assert order(company, email("nobody@north.example"), once).status_code == 404
    _, name = company.hire()
    assert order(company, email(name), once).status_code == 401


def test_an_identity_provider_that_is_switched_off_gives_no_orders(company: Company) -> None:
    _, name = company.hire()

    async def disable(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await configure.change_provider(tx, company.place.provider.id, enabled=False)

    company.place.running.act(disable)
    check_refused(company, order(company, email(name)), 401, "an identity provider that is enabled")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "a JSON body with a sub_id"),
        (b"{", 400, "a JSON body with a sub_id"),
        (b"[" * 100_000, 400, "a JSON body with a sub_id"),
        (b"\xff", 400, "a JSON body with a sub_id"),
        (b" " * 700_000, 400, "a JSON body with a sub_id"),
        ([], 400, "an object"),
        ({"sub_id": None}, 400, "an object"),
        ({"sub_id": {"format": "email"}}, 400, "a sub_id with an email"),
        ({"sub_id": {"format": "iss_sub", "iss": "https://south.example", "sub": "1"}}, 400, "a sub_id with an email"),
        ({"sub_id": {"format": "phone_number", "phone_number": "1"}}, 400, "in the format email or iss_sub"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, bytes) else None,
)
def test_a_body_that_names_nobody_is_refused(company: Company, body: Any, status: int, words: str) -> None:
    browser = company.sign_in(company.hire()[1])
    check_refused(company, order(company, body), status, words)
    assert company.is_in(browser)
