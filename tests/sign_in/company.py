"""A tenant whose identity provider is the test itself: it has one key and writes the responses that a test needs.

It signs people in with two requests and without another program, so that a test can have many of them.
"""

import base64
import re
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.conftest import Place, Running, signing_key
from tests.console.visitor import Visitor
from tests.saml.factory import IDP, Node, Said, named, read, sign, signed, write
from tests.saml.keys import pair
from vestibule.actions import saml_keys, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import SamlSettings

ORG = "https://north.okta.example"
SSO = f"{ORG}/sso"
FROM_ELSEWHERE = {"origin": ORG, "sec-fetch-site": "cross-site"}


def instant(seconds: float = 0) -> str:
    """Returns a time so many seconds from now, in SAML's format."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def request_of(location: str) -> str:
    """Returns the id of the AuthnRequest in a redirect."""
    (message,) = parse_qs(urlsplit(location).query)["SAMLRequest"]
    found = re.search(r'\bID="([^"]+)"', zlib.decompress(base64.b64decode(message), -15).decode())
    assert found is not None
    return found[1]


@dataclass
class Company:
    """The identity provider of a tenant, and the browsers of its people."""

    place: Place
    browsers: list[Visitor] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """Returns this service provider's entity id, with which its URLs begin."""
        return f"{self.place.running.url}/saml/{self.place.tenant.name}/{self.place.provider.id}"

    @property
    def home(self) -> str:
        return f"/{self.place.tenant.name}/"

    def tie(self, **switches: Any) -> None:
        """Save this identity provider's SAML details in Vestibule."""
        saml = SamlSettings(entity_id=IDP, sso_url=SSO, certificates=(pair().pinned,))

        async def take(context: Context) -> None:
            async with context.database.write(self.place.actor) as tx:
                await saml_settings.take_details(tx, self.place.provider.id, saml)
                await saml_keys.keep_first_key(tx, self.place.provider, signing_key(), context.checker)
                await saml_settings.change_sign_on(tx, self.place.provider.id, **switches)

        self.place.running.act(take)

    def close(self) -> None:
        """Close every browser."""
        for browser in self.browsers:
            browser.client.close()

    # -- people

    def hire(self, name: str = "", **more: Any) -> tuple[str, str]:
        """Provision a person over SCIM. Returns their id and userName."""
        name = name or f"p{uuid4().hex[:10]}@north.example"
        with self.place.client() as scim:
            answer = scim.post("/Users", json=resource(name, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], name

    def browser(self, running: Running | None = None) -> Visitor:
        """Returns a new browser at the server, or at another node."""
        self.browsers.append(Visitor((running or self.place.running).url))
        return self.browsers[-1]

    # -- signing in

    def begin(self, browser: Visitor, to: str = "") -> str:
        """Begin a sign-in. Returns the id of the request that the identity provider got."""
        page = browser.get(f"{self.stem}/login{f'?to={to}' if to else ''}", False)
        assert page.status == 303, page.text
        return request_of(page.answer.headers["location"])

    def said(self, name: str, request_id: str, **changes: Any) -> Said:
        """Returns the claims of a correct response to a request."""
        answered = f'InResponseTo="{request_id}"' if request_id else ""
        usual: dict[str, Any] = {
            "id": f"_r{uuid4().hex}",
            "assertion_id": f"_a{uuid4().hex}",
            "destination": f'Destination="{self.stem}/acs"',
            "answered": answered,
            "issued": instant(-1),
            "name_id": named(name),
            "recipient": f'Recipient="{self.stem}/acs"',
            "confirmed_answered": answered,
            "confirmed_times": f'NotOnOrAfter="{instant(300)}"',
            "times": f'NotBefore="{instant(-300)}" NotOnOrAfter="{instant(300)}"',
            "audience": f"<saml:AudienceRestriction><saml:Audience>{self.stem}</saml:Audience>"
            "</saml:AudienceRestriction>",
        }
        return Said(**(usual | changes))

    def response(self, name: str, request_id: str, **changes: Any) -> str:
        """Returns a signed response, encoded for a form."""
        return carried(signed(self.said(name, request_id, **changes), "assertion"))

    def post(self, browser: Visitor, message: str, relay: str = "", path: str = "acs") -> Any:
        """Post a response as the identity provider's page does."""
        fields = {"SAMLResponse": message, "RelayState": relay}
        return browser.post(f"{self.stem}/{path}", fields, headers=FROM_ELSEWHERE)

    def sign_in(self, name: str, browser: Visitor | None = None, **changes: Any) -> Visitor:
        """Returns a browser in which a person has signed in."""
        browser = browser or self.browser()
        page = self.post(browser, self.response(name, self.begin(browser), **changes))
        assert page.status == 303, page.text
        return browser

    def is_in(self, browser: Visitor, running: Running | None = None) -> bool:
        """Returns whether the session check for applications says that this browser is signed in, at this node or
        another.
        """
        status = browser.get(f"{(running or self.place.running).url}{self.home}me").status
        assert status in {200, 401, 404}  # a suspended tenant is as if it were not there
        return status == 200

    def is_in_console(self, browser: Visitor, running: Running | None = None) -> bool:
        """Returns whether the console accepts this browser's session."""
        page = browser.get(f"{(running or self.place.running).url}/console{self.home}", False)
        assert page.status in {200, 303}, page.text
        return page.status == 200

    # -- signing out

    def logout_request(self, name: str, more: str = "", **changes: str) -> Node:
        """Returns a LogoutRequest that is not yet signed."""
        usual = {
            "id": f"_l{uuid4().hex}",
            "issued": instant(),
            "issuer": IDP,
            "destination": f"{self.stem}/logout",
            "until": instant(300),
        }
        told = usual | changes
        return read(
            '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
            f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{told["id"]}" Version="2.0" '
            f'IssueInstant="{told["issued"]}" Destination="{told["destination"]}" NotOnOrAfter="{told["until"]}">'
            f"<saml:Issuer>{told['issuer']}</saml:Issuer>{named(name)}{more}</samlp:LogoutRequest>"
        )

    def log_out(self, browser: Visitor, name: str, more: str = "") -> Any:
        """End a person's sessions as the identity provider does, through any browser."""
        message = carried(sign(self.logout_request(name, more)))
        return browser.post(f"{self.stem}/logout", {"SAMLRequest": message}, headers=FROM_ELSEWHERE)


def carried(node: Node) -> str:
    """Returns a message encoded for a form."""
    return base64.b64encode(write(node)).decode()


def resource(name: str, **more: Any) -> dict[str, Any]:
    """Returns the SCIM resource of a person as Okta sends it."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "externalId": f"00u{uuid4().hex[:12]}",
        "name": {"givenName": "Ana", "familyName": "Reis"},
        "emails": [{"value": name, "type": "work", "primary": True}],
        "active": True,
    } | more
