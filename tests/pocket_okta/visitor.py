"""A person of the org with a browser without scripts: cookies, links, and forms that the test submits.

visitor = Visitor(okta.url)
page = visitor.sign_in("ana.reis@north.example")      # the dashboard
form = visitor.open(sso_url).form()                   # the form that leaves for the service provider
form.action, form.fields["SAMLResponse"], form.fields.get("RelayState")
"""

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx2
from lxml import html
from tests.conftest import PLAIN


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, and what it sends by itself."""

    action: str
    method: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Page:
    """A page after all redirects."""

    url: str
    status: int
    text: str
    headers: httpx2.Headers

    def forms(self) -> list[Form]:
        root = html.fromstring(self.text)
        return [
            Form(
                urljoin(self.url, form.get("action", "")),
                (form.get("method") or "get").upper(),
                {field.get("name", ""): field.get("value", "") for field in form.iter("input") if field.get("name")},
            )
            for form in root.iter("form")
        ]

    def form(self, having: str = "SAMLResponse") -> Form:
        """Return the one form that has a field of this name."""
        found = [form for form in self.forms() if having in form.fields]
        assert len(found) == 1, f"{self.status} {self.url}: {len(found)} forms with {having}\n{self.text}"
        return found[0]

    def frames(self) -> list[str]:
        """Return the addresses of the frames on the page."""
        return [urljoin(self.url, frame.get("src", "")) for frame in html.fromstring(self.text).iter("iframe")]


class Visitor:
    """A person who uses the org, or a service provider, with one browser."""

    def __init__(self, okta_url: str) -> None:
        self.okta = okta_url
        self.client = httpx2.Client(follow_redirects=True, **PLAIN)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def open(self, url: str) -> Page:
        return _page(self.client.get(urljoin(self.okta, url)))

    def send(self, form: Form, come_from: str = "", **fields: str) -> Page:
        """Send a form as a browser on the page `come_from` does, by default one of the org's own."""
        origin = urlsplit(come_from or self.okta)
        same = origin.netloc == urlsplit(form.action).netloc
        headers = {
            "Origin": f"{origin.scheme}://{origin.netloc}",
            "Referer": come_from or self.okta,
            "Sec-Fetch-Site": "same-origin" if same else "cross-site",
        }
        return _page(self.client.post(form.action, data={**form.fields, **fields}, headers=headers))

    def sign_in(self, login: str, page: Page | None = None) -> Page:
        """Sign in, on `page` or on the org's own sign-in page. Returns the next page."""
        page = page or self.open("/login")
        form = next(form for form in page.forms() if "username" in form.fields)
        return self.send(form, username=login)

    def sign_out(self) -> Page:
        return self.send(Form(urljoin(self.okta, "/login/signout"), "POST", {}))


def _page(answer: httpx2.Response) -> Page:
    return Page(str(answer.url), answer.status_code, answer.text, answer.headers)
