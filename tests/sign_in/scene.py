"""An app of the pocket Okta and a tenant of Vestibule, connected for provisioning and sign-in."""

from dataclasses import replace
from typing import Any

import httpx2

from tests.conftest import PLAIN, Place, signing_key
from tests.okta.okta_and_vestibule import Integration
from tests.pocket_okta.visitor import Page, Visitor
from vestibule.actions import saml_keys, saml_settings
from vestibule.endpoints.context import Context
from vestibule.model import SamlSettings
from vestibule.saml.metadata import read_metadata
from vestibule.store.identity_providers import find_provider


class Scene:
    """An app and a tenant, with the actions that tests need."""

    def __init__(self, integration: Integration) -> None:
        self.integration = integration
        self.place: Place = integration.place
        self.base = f"{self.place.running.url}/saml/{self.place.tenant.name}/{self.place.provider.id}"
        self._browsers: list[Visitor] = []
        self.home = f"{self.place.running.url}/{self.place.tenant.name}/"

    # -- tying together

    def tie(self) -> None:
        """Exchange metadata in both directions, as administrators do."""

        async def keep_key(context: Context) -> None:
            async with context.database.write(self.place.actor) as tx:
                await saml_keys.keep_first_key(tx, self.place.provider, signing_key(), context.checker)

        self.place.running.act(keep_key)
        metadata = httpx2.get(f"{self.base}/metadata", **PLAIN)
        assert metadata.status_code == 200, metadata.text
        self.integration.okta.call("POST", f"{self.integration.app.pocket}/sp-metadata", {"xml": metadata.text})
        self.take_metadata()

    def take_metadata(self) -> None:
        """Let Vestibule read the app's current metadata."""
        made = self.integration.okta.call("GET", self.integration.app.path)
        key = made["_embedded"]["pocket"]["externalKey"]
        answer = self.integration.okta.client.get(f"/app/{key}/sso/saml/metadata", headers={"Authorization": ""})
        read = read_metadata(answer.content)

        async def take(context: Context) -> None:
            async with context.database.write(self.place.actor) as tx:
                await saml_settings.take_details(tx, self.place.provider.id, read)

        self.place.running.act(take)

    def set(self, **changed: Any) -> None:
        """Change the SAML settings in Vestibule."""

        async def change(context: Context) -> None:
            async with context.database.write(self.place.actor) as tx:
                await saml_settings.change_sign_on(tx, self.place.provider.id, **changed)

        self.place.running.act(change)

    def okta_set(self, **sign_on: Any) -> None:
        """Change settings on the app's Sign On tab."""
        self.integration.okta.call("PUT", self.integration.app.path, {"settings": {"signOn": sign_on}})

    def saml(self) -> SamlSettings:
        """Returns Vestibule's current SAML settings."""

        async def look(context: Context) -> SamlSettings:
            async with context.database.read(self.place.tenant.id) as reading:
                provider = await find_provider(reading, self.place.provider.id)
            assert provider is not None
            return replace(provider.saml)

        return self.place.running.act(look)

    # -- people

    def person(self) -> dict[str, Any]:
        """Assign and provision a new person."""
        return self.integration.provisioned()[0]

    def visitor(self) -> Visitor:
        """Returns a new browser without scripts, closed at the end of the test."""
        self._browsers.append(Visitor(self.integration.okta.url))
        return self._browsers[-1]

    def close(self) -> None:
        """Close every browser."""
        for browser in self._browsers:
            browser.client.close()

    def signed_in(self, person: dict[str, Any], visitor: Visitor | None = None, to: str = "") -> tuple[Visitor, Page]:
        """Sign a person in. Returns the browser and the page that it arrives at."""
        browser = visitor or self.visitor()
        page = browser.open(f"{self.base}/login{f'?to={to}' if to else ''}")
        if any("username" in form.fields for form in page.forms()):
            page = browser.sign_in(str(person["profile"]["login"]), page)
        form = page.form()
        return browser, browser.send(form, come_from=page.url)

    def me(self, browser: Visitor) -> httpx2.Response:
        """Returns the response of the session check for applications."""
        return browser.client.get(f"{self.home}me")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Returns the data of the tenant's events of a type, newest first."""
        return [each["data"] for each in self.place.events(kind)]
