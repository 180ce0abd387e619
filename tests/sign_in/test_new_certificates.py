"""A signature by a key that is not known yet: the metadata is read again at once, and seldom."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import running_server
from tests.saml.factory import IDP, sign, signed
from tests.saml.keys import Pair, pair
from tests.sign_in.company import FROM_ELSEWHERE, SSO, Company, carried
from vestibule.actions import saml_settings
from vestibule.endpoints.context import Context
from vestibule.settings import Settings

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"


class Site:
    """An identity provider's web site with its metadata. `asked` counts how often that was read."""

    def __init__(self, in_force: Pair) -> None:
        self.in_force = in_force
        self.asked = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                text = site.metadata().encode()
                self.send_response(200)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/metadata"

    def metadata(self) -> str:
        return (
            f'<md:EntityDescriptor xmlns:md="{MD}" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{IDP}">'
            "<md:IDPSSODescriptor><md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
            f"{self.in_force.body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            f'<md:SingleSignOnService Binding="{REDIRECT}" Location="{SSO}"/></md:IDPSSODescriptor>'
            "</md:EntityDescriptor>"
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(pair("new"))
    yield made
    made.close()


@pytest.fixture
def company(engine: str, new_database: Callable[[str], Settings], site: Site) -> Iterator[Company]:
    """A company of a server that may read metadata on this machine, and that knows the old certificate."""
    with running_server(new_database(engine), VESTIBULE_PRIVATE_NETWORKS="127.0.0.0/8") as running, running.kept_open():
        made = Company(running.new_tenant())
        made.tie()

        async def follow(context: Context) -> None:
            async with context.database.write(made.place.actor) as tx:
                await saml_settings.change_sign_on(tx, made.place.provider.id, metadata_url=site.url)

        running.act(follow)
        yield made
        made.close()


def _post(company: Company, name: str, by: str) -> int:
    browser = company.browser()
    said = company.said(name, company.begin(browser))
    return int(company.post(browser, carried(signed(said, "assertion", pair(by)))).status)


def test_a_certificate_that_was_changed_over_there_locks_nobody_out(company: Company, site: Site) -> None:
    _, name = company.hire()
    assert _post(company, name, "new") == 303
    assert (site.asked, len(company.place.events("saml.refreshed"))) == (1, 1)
    assert _post(company, name, "new") == 303
    assert company.is_in(company.sign_in(name)), "the old certificate is accepted beside it"
    assert site.asked == 1


def test_a_stranger_s_key_has_the_metadata_read_once_and_is_refused(company: Company, site: Site) -> None:
    _, name = company.hire()
    assert [_post(company, name, "foreign") for _ in range(3)] == [403] * 3
    assert site.asked == 1
    assert company.place.events("login.refused")[-1]["data"]["check"] == "Signature"
    # What was read meanwhile is in force all the same.
    assert _post(company, name, "new") == 303


def test_a_logout_request_by_a_new_key_is_carried_out(company: Company, site: Site) -> None:
    _, name = company.hire()
    browser = company.sign_in(name)
    message = carried(sign(company.logout_request(name), pair("new")))
    page = company.browser().post(f"{company.stem}/logout", {"SAMLRequest": message}, headers=FROM_ELSEWHERE)
    assert page.status in {200, 303}
    assert site.asked == 1
    assert not company.is_in(browser)
