"""Sign-on over the API in Okta's names, at a terminal, and over a restart."""

import json
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from tests.pocket_okta.running import App, Okta, command, running
from tests.pocket_okta.service_provider import ACS, AUDIENCE, SLO, Provider, key_pair, x5c
from tests.pocket_okta.test_api import causes
from tests.pocket_okta.visitor import Visitor

APP = "SCIM 2.0 Test App (Basic Auth)"


def test_a_new_app_has_oktas_defaults(okta: Okta) -> None:
    made = okta.call("GET", okta.app("wizard").path)
    assert made["signOnMode"] == "SAML_2_0"
    assert made["credentials"]["signing"] == {"kid": None}
    assert made["universalLogout"]["status"] == "DISABLED"
    assert made["settings"]["signOn"] == {
        "idpIssuer": "http://www.okta.com/${org.externalKey}",
        "signatureAlgorithm": "RSA_SHA256",
        "digestAlgorithm": "SHA256",
        "authnContextClassRef": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "samlAssertionLifetimeSeconds": 300,
        "defaultRelayState": None,
        "ssoAcsUrl": None,
        "audience": None,
        "recipient": None,
        "destination": None,
        "subjectNameIdTemplate": "${user.userName}",
        "subjectNameIdFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        "responseSigned": True,
        "assertionSigned": True,
        "honorForceAuthn": True,
        "allowMultipleAcsEndpoints": False,
        "acsEndpoints": [],
        "samlSignedRequestEnabled": False,
        "attributeStatements": [],
        "assertionEncryption": {
            "enabled": False,
            "encryptionAlgorithm": "AES256_CBC",
            "keyTransportAlgorithm": "RSA_OAEP",
            "x5c": [],
        },
        "spCertificate": None,
        "slo": {"enabled": False, "issuer": None, "logoutUrl": None},
        "participateSlo": {
            "enabled": False,
            "logoutRequestUrl": None,
            "sessionIndexRequired": True,
            "bindingType": "POST",
        },
    }


def test_an_app_is_made_with_its_sign_on_and_read_back(okta: Okta) -> None:
    sign_on = {"ssoAcsUrl": ACS, "audience": AUDIENCE, "spCertificate": {"x5c": [x5c(key_pair()[1])]}}
    made = okta.call("POST", "/api/v1/apps", {"label": "North Made", "settings": {"signOn": sign_on}})
    kept = made["settings"]["signOn"]
    assert (kept["ssoAcsUrl"], kept["recipient"], kept["spCertificate"]) == (ACS, ACS, sign_on["spCertificate"])
    path = f"/api/v1/apps/{made['id']}"
    whole = okta.call("PUT", path, okta.call("GET", path))
    assert {**whole, "lastUpdated": 0} == {**made, "lastUpdated": 0}
    cleared = {"audience": None, "spCertificate": None, "recipient": "https://r.north.example/"}
    kept = okta.call("PUT", path, {"settings": {"signOn": cleared}})["settings"]["signOn"]
    assert (kept["audience"], kept["spCertificate"], kept["ssoAcsUrl"]) == (None, None, ACS)
    assert (kept["recipient"], kept["destination"]) == ("https://r.north.example/", ACS)
    (listed,) = [app for app in okta.call("GET", "/api/v1/apps") if app["id"] == made["id"]]
    assert listed["settings"]["signOn"] == kept


BAD: list[tuple[dict[str, Any], str]] = [
    ({"ssoAcsURL": ACS}, "ssoAcsURL: signOn has no such setting"),
    ({"ssoAcsUrl": "ftp://north.example/"}, "Single sign-on URL: wanted an http or https address"),
    ({"audience": "a\u0000b"}, "Audience URI: wanted at most 2000 printable characters"),
    ({"signatureAlgorithm": {}}, "signatureAlgorithm: the pocket Okta has"),
    ({"ssoAcsUrl": 7}, "ssoAcsUrl: wanted text, got int."),
    ({"responseSigned": "yes"}, "responseSigned: wanted true or false"),
    ({"signatureAlgorithm": "RSA_SHA1"}, "the pocket Okta has 'RSA_SHA256' alone, got 'RSA_SHA1'"),
    ({"subjectNameIdFormat": "email"}, "subjectNameIdFormat: wanted one of"),
    ({"subjectNameIdTemplate": "${user.shoeSize}"}, "subjectNameIdTemplate: wanted user.<attribute>"),
    ({"attributeStatements": {}}, "attributeStatements: wanted a list of objects."),
    ({"attributeStatements": [{"type": "MAGIC", "name": "x"}]}, "type: wanted EXPRESSION or GROUP"),
    ({"attributeStatements": [{"name": "x", "values": "user.email"}]}, "values: wanted a list of texts."),
    ({"attributeStatements": [{"name": "x", "values": ["user.email"], "namespace": "y"}]}, "namespace: wanted one of"),
    ({"assertionEncryption": {"keyTransportAlgorithm": "RSA_15"}}, "keyTransportAlgorithm: wanted RSA_OAEP"),
    ({"assertionEncryption": {"enabled": True}}, "wanted the application's certificate to encrypt for"),
    ({"spCertificate": {"x5c": ["AAAA"]}}, "spCertificate: wanted a certificate in PEM"),
    ({"acsEndpoints": [{"url": "nowhere"}]}, "Other Requestable SSO URLs: wanted"),
    ({"participateSlo": {"bindingType": "SOAP"}}, "bindingType: wanted one of POST, REDIRECT"),
]


@pytest.mark.parametrize(("sign_on", "sentence"), BAD)
def test_what_cannot_be_taken_is_said(okta: Okta, sign_on: dict[str, Any], sentence: str) -> None:
    app = okta.app()
    refused = okta.call("PUT", app.path, {"settings": {"signOn": sign_on}}, status=400)
    assert sentence in causes(refused)


def test_universal_logout_that_cannot_be_taken(okta: Okta) -> None:
    app = okta.app()
    for body, sentence in (
        ({"status": "ENABLED"}, "Logout endpoint URL: The field cannot be left blank"),
        ({"status": "ON"}, "status: wanted ENABLED or DISABLED"),
        ({"subjectFormat": "OPAQUE"}, "subjectFormat: wanted one of EMAIL, ISS_SUB"),
        ({"endpoint": "nowhere"}, "Logout endpoint URL: wanted an http or https address"),
    ):
        assert sentence in causes(okta.call("PUT", app.path, {"universalLogout": body}, status=400))


def test_metadata_by_the_api(okta: Okta) -> None:
    app = okta.app()
    refused = okta.call("POST", f"{app.pocket}/sp-metadata", {}, status=400)
    assert causes(refused) == "SP metadata: wanted either url or xml."
    refused = okta.call("POST", f"{app.pocket}/sp-metadata", {"xml": "<x/>"}, status=400)
    assert "SP metadata: wanted SAML metadata" in causes(refused)
    answer = okta.client.get(f"{app.path}/sso/saml/metadata", headers={"Authorization": "SSWS no"})
    assert answer.status_code == 401


def sign_in(okta: Okta, sp: Provider, login: str) -> str:
    with Visitor(okta.url) as visitor:
        visitor.sign_in(login)
        form = visitor.open(sp.made["_links"]["appLinks"][0]["href"]).form()
        return sp.read(form.fields["SAMLResponse"]).name_id


def test_keys_settings_and_sessions_survive_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta, Visitor(okta.url) as visitor:
        sp = Provider(okta.app()).connect()
        ana = okta.person("Ana")
        login = ana["profile"]["login"]
        sp.app.assign(ana)
        before = (sp.certificates(), sp.made["settings"])
        visitor.sign_in(login)
        cookie = visitor.client.cookies["pocket_okta_sid"]
    assert cookie.encode() not in (data / "org.sqlite3").read_bytes()
    with running(data, "--empty") as okta, Visitor(okta.url) as visitor:
        sp = Provider(App(okta, okta.call("GET", sp.app.path)))
        assert (sp.certificates(), sp.made["settings"]) == before
        visitor.client.cookies.set("pocket_okta_sid", cookie)
        assert "My Apps" in visitor.open("/app/UserHome").text
        assert sign_in(okta, sp, login) == login


def test_the_org_has_the_address_it_is_given(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--org-url", "https://okta.north.example/") as okta:
        (app,) = okta.call("GET", "/api/v1/apps")
        okta.call(
            "PUT",
            f"/api/v1/apps/{app['id']}",
            {"universalLogout": {"status": "ENABLED", "endpoint": "https://app.north.example/revoke"}},
        )
        page = okta.client.get(f"/applications/{app['id']}/sign-on").text
        assert 'value="https://okta.north.example"' in page


def test_at_a_terminal(tmp_path: Path) -> None:
    data = tmp_path / "data"
    pem = tmp_path / "sp.pem"
    pem.write_text(key_pair()[1])
    with running(data) as okta:

        def run(*words: str, code: int = 0) -> str:
            done = command(*words, "--url", okta.url, "--data", str(data))
            assert done.returncode == code, done.stderr
            assert "Traceback" not in done.stderr
            return done.stdout + done.stderr

        settings = (
            "--acs-url", ACS, "--audience", AUDIENCE, "--relay-state", "/home", "--name-id-format", "persistent",
            "--name-id", "user.id", "--response-unsigned", "--encryption", "AES128_GCM",
            "--encryption-certificate", str(pem), "--sp-certificate", str(pem), "--validate-requests",
            "--no-force-authn", "--attribute", "email=user.email", "--group-attribute", "groups=regex:.*",
            "--slo-url", SLO, "--universal-logout", "https://app.north.example/revoke", "--subject-format", "iss_sub",
        )  # fmt: skip
        facts = json.loads(run("app", "sign-on", APP, *settings, "--json"))
        exk = facts["issuer"].removeprefix("http://www.okta.com/")
        assert facts["metadata_url"] == f"{okta.url}app/{exk}/sso/saml/metadata"
        assert facts["sso_url"] == f"{okta.url}app/scim2basicauth/{exk}/sso/saml"
        sign_on = facts["sign_on"]
        assert sign_on["slo"] == {"enabled": True, "issuer": AUDIENCE, "logoutUrl": SLO}
        assert sign_on["participateSlo"]["enabled"] is True
        assert (sign_on["responseSigned"], sign_on["assertionSigned"]) == (False, True)
        assert (sign_on["samlSignedRequestEnabled"], sign_on["honorForceAuthn"]) == (True, False)
        assert sign_on["subjectNameIdFormat"].endswith(":persistent")
        assert sign_on["subjectNameIdTemplate"] == "${user.id}"
        assert sign_on["assertionEncryption"]["encryptionAlgorithm"] == "AES128_GCM"
        assert [row["type"] for row in sign_on["attributeStatements"]] == ["EXPRESSION", "GROUP"]
        assert facts["universal_logout"]["subjectFormat"] == "ISS_SUB"

        text = run("app", "metadata", APP)
        assert etree.fromstring(text.encode()).get("entityID") == facts["issuer"]
        assert "ACTIVE" in run("app", "certificate", APP)
        listed = json.loads(run("app", "certificate", APP, "--generate", "--activate", "NEWEST", "--json"))
        assert [row["pocket"]["active"] for row in listed] == [False, True]
        run("app", "certificate", APP, "--activate", listed[0]["kid"], "--publish", "all")
        assert run("app", "metadata", APP).count("KeyDescriptor ") == 2

        off = run("app", "sign-on", APP, "--slo-url", "", "--universal-logout", "", "--encryption", "none")
        assert f"Issuer: {facts['issuer']}" in off
        made = okta.call("GET", f"/api/v1/apps/{facts['id']}")
        assert made["universalLogout"]["status"] == "DISABLED"
        assert made["settings"]["signOn"]["slo"]["enabled"] is False
        assert made["settings"]["signOn"]["assertionEncryption"]["enabled"] is False

        assert "were ended" in run("people", "clear-sessions", "ana.reis@north.example")
        assert "wanted NAME=VALUE" in run("app", "sign-on", APP, "--attribute", "email", code=2)
        assert "wanted NAME=starts|equals" in run("app", "sign-on", APP, "--group-attribute", "x=y", code=2)
        assert "cannot be read" in run("app", "sign-on", APP, "--sp-metadata", str(tmp_path / "none"), code=1)
        (tmp_path / "bad.xml").write_text("<x/>")
        refused = run("app", "sign-on", APP, "--sp-metadata", str(tmp_path / "bad.xml"), code=1)
        assert "SP metadata: wanted SAML metadata with one EntityDescriptor" in refused
