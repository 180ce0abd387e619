"""The whole story on both engines: assigned, provisioned, signed in, deactivated, out."""

import json

import pytest

from tests.sign_in.scene import Scene


def test_a_person_signs_in_and_a_deactivation_ends_it(scene: Scene) -> None:
    ana = scene.person()
    browser, page = scene.signed_in(ana)
    assert page.url == scene.home
    assert "Ana Reis" in page.text
    me = scene.me(browser)
    assert me.status_code == 200
    assert me.json()["userName"] == ana["profile"]["login"]
    assert me.json()["profile"]["firstName"] == "Ana"
    assert me.json()["identityProvider"] == "Okta"
    scene.integration.okta.lifecycle(ana, "deactivate")
    scene.integration.okta.idle()
    assert scene.me(browser).status_code == 401
    assert "Sign in with Okta" in browser.open(scene.home).text
    (gone,) = scene.events("user.deactivated")
    assert gone["sessions_ended"] == 1
    scene.integration.okta.lifecycle(ana, "activate")
    scene.integration.okta.idle()
    assert scene.me(browser).status_code == 401, "reactivation resurrects nothing"


def test_nobody_who_is_not_provisioned_gets_in(scene: Scene) -> None:
    ana, bo = scene.person(), scene.person()
    user = scene.integration.resource(bo)
    scene.integration.scim.delete(f"Users/{user['id']}")
    _, page = scene.signed_in(bo)
    assert page.status == 403
    assert "You are not signed in" in page.text
    (refused,) = scene.events("login.refused")
    assert refused["check"] == "Person"
    assert bo["profile"]["login"] in refused["came"]
    browser, _ = scene.signed_in(ana)
    assert scene.me(browser).status_code == 200


def test_somebody_deactivated_at_vestibule_only_is_told_so(scene: Scene) -> None:
    ana = scene.person()
    user = scene.integration.resource(ana)
    operations = [{"op": "replace", "value": {"active": False}}]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}
    scene.integration.scim.patch(f"Users/{user['id']}", json=body)
    _, page = scene.signed_in(ana)
    assert page.status == 403
    assert "Your account here is deactivated." in page.text


@pytest.mark.parametrize(
    ("response", "assertion"), [(True, True), (True, False), (False, True)], ids=["both", "response", "assertion"]
)
def test_whichever_signature_covers_what_is_read(scene: Scene, response: bool, assertion: bool) -> None:
    scene.okta_set(responseSigned=response, assertionSigned=assertion)
    browser, _ = scene.signed_in(scene.person())
    assert scene.me(browser).status_code == 200


@pytest.mark.parametrize("algorithm", ["AES256_GCM", "AES256_CBC"])
def test_an_encrypted_assertion(scene: Scene, algorithm: str) -> None:
    now = scene.integration.okta.call("GET", scene.integration.app.path)["settings"]["signOn"]["assertionEncryption"]
    scene.okta_set(assertionEncryption={**now, "enabled": True, "encryptionAlgorithm": algorithm})
    browser, page = scene.signed_in(scene.person())
    assert scene.me(browser).status_code == 200, page.text


def test_a_signed_request(scene: Scene) -> None:
    scene.set(sign_requests=True)
    scene.okta_set(samlSignedRequestEnabled=True)
    browser, _ = scene.signed_in(scene.person())
    assert scene.me(browser).status_code == 200


def test_a_tile_is_refused_begun_anew_or_accepted(scene: Scene) -> None:
    ana = scene.person()
    made = scene.integration.okta.call("GET", scene.integration.app.path)
    key, name = made["_embedded"]["pocket"]["externalKey"], made["name"]
    tile = f"/app/{name}/{key}/sso/saml"
    for unsolicited, expected in (("refuse", 401), ("restart", 401), ("accept", 200)):
        scene.set(unsolicited=unsolicited)
        browser = scene.visitor()
        browser.sign_in(ana["profile"]["login"])
        page = browser.open(tile)
        landed = browser.send(page.form(), come_from=page.url)
        assert scene.me(browser).status_code == expected, unsolicited
        if unsolicited == "restart":
            landed = browser.send(landed.form(), come_from=landed.url)
            assert scene.me(browser).status_code == 200
        assert (landed.status == 403) == (unsolicited == "refuse")


def test_a_response_opens_one_session_once(scene: Scene) -> None:
    browser = scene.visitor()
    page = browser.sign_in(scene.person()["profile"]["login"], browser.open(f"{scene.base}/login"))
    form = page.form()
    assert browser.send(form, come_from=page.url).status == 200
    assert browser.send(form, come_from=page.url).status == 403


def test_another_browser_cannot_finish_it(scene: Scene) -> None:
    browser, other = scene.visitor(), scene.visitor()
    page = browser.sign_in(scene.person()["profile"]["login"], browser.open(f"{scene.base}/login"))
    assert other.send(page.form(), come_from=page.url).status == 403
    assert scene.me(other).status_code == 401
    assert "browser" in scene.events("login.refused")[0]["wanted"]


def test_where_somebody_wanted_to_go(scene: Scene) -> None:
    ana = scene.person()
    me = f"/{scene.place.tenant.name}/me"
    _, page = scene.signed_in(ana, to=me)
    assert json.loads(page.text)["userName"] == ana["profile"]["login"]
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        _, page = scene.signed_in(ana, to=elsewhere)
        assert page.url == scene.home, elsewhere


def test_a_certificate_rolls_over(scene: Scene) -> None:
    ana = scene.person()
    made = scene.integration.okta.call(
        "POST", f"{scene.integration.app.path}/credentials/keys/generate?validityYears=2"
    )
    scene.integration.okta.call("PUT", scene.integration.app.path, {"credentials": {"signing": {"kid": made["kid"]}}})
    _, page = scene.signed_in(ana)
    assert page.status == 403, "a key nobody told of is not believed"
    scene.take_metadata()
    assert len(scene.saml().certificates) == 2
    browser, _ = scene.signed_in(ana)
    assert scene.me(browser).status_code == 200


def test_a_person_ends_a_session_elsewhere_and_signs_out(scene: Scene) -> None:
    ana = scene.person()
    first, _ = scene.signed_in(ana)
    second, page = scene.signed_in(ana)
    (other,) = [form for form in page.forms() if "/sessions/" in form.action]
    assert second.send(other, come_from=page.url).status == 200
    assert scene.me(first).status_code == 401
    (leave,) = [form for form in page.forms() if form.action.endswith("/sign-out")]
    second.send(leave, come_from=page.url)
    assert scene.me(second).status_code == 401


def test_a_just_in_time_person(scene: Scene) -> None:
    scene.set(just_in_time=True)
    scene.integration.app.features(create=False, update=False, deactivate=False)
    bo = scene.integration.person("Bo", "Lind")
    scene.integration.app.assign(bo)
    scene.integration.okta.idle()
    browser, _ = scene.signed_in(bo)
    assert scene.me(browser).json()["userName"] == bo["profile"]["login"]
    assert [each["by"] for each in scene.events("user.created")] == ["sign-in"]
