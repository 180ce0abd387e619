"""A browser without a screen: it keeps cookies, fills in forms, and sends the Origin and Sec-Fetch headers of a
browser.

Every visitor has its own loopback address, so that one visitor's failed attempts delay nobody else.
"""

import itertools
import re
import socket
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Self

import httpx2
import lxml.html
from lxml.html import FormElement, HtmlElement

from tests.conftest import HANG

_addresses = itertools.count(1)
_form_tokens: dict[str, str] = {}
"""The form tokens that visitors know, by the session's cookie."""
GO = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def words(element: HtmlElement) -> str:
    """Returns the text of an element with normalised white space."""
    return " ".join(element.text_content().split())


def apart(element: HtmlElement) -> str:
    """Returns the text of an element with white space between its parts."""
    return " ".join(" ".join(element.itertext()).split())


class Page:
    """A response, and the content of its page."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.source = answer.text
        self.path = answer.url.raw_path.decode()

    @cached_property
    def tree(self) -> HtmlElement:
        """Returns the page as a tree."""
        tree: HtmlElement = lxml.html.fromstring(self.source if self.source.strip() else "<main></main>")
        return tree

    @property
    def text(self) -> str:
        """Returns the text of the page without its header and side navigation."""
        found: list[HtmlElement] = self.tree.xpath("//main") or [self.tree]
        return words(found[0])

    @property
    def heading(self) -> str:
        return words(self.one("//h1"))

    @property
    def notice(self) -> str:
        """Returns the notice of the page."""
        return " ".join(words(each) for each in self.all("//*[contains(@class, 'notice') and not(@hidden)]"))

    def all(self, path: str) -> list[HtmlElement]:
        found: list[HtmlElement] = self.tree.xpath(path)
        return found

    def one(self, path: str) -> HtmlElement:
        found = self.all(path)
        assert len(found) == 1, f"{len(found)} of {path} on {self.path}, {self.status}: {self.text[:600]}"
        return found[0]

    def problem(self, field: str) -> str:
        """Returns the error under a field of a form; empty if there is none."""
        found = self.all(f"//*[@id='{field}-error']")
        return words(found[0]) if found else ""

    def value(self, name: str) -> str:
        """Returns the value of a field of a form."""
        element = self.one(f"//*[@name='{name}']")
        if element.tag == "textarea":
            return (element.text or "").removeprefix("\n")
        if element.tag == "select":
            chosen = element.xpath("./option[@selected]") or element.xpath("./option")
            return str(chosen[0].get("value", words(chosen[0])))
        return str(element.get("value", ""))

    def copied(self, what: str) -> str:
        """Returns the value of a copy field, by the label of its button."""
        found = self.all(f"//button[@aria-label='Copy {what}']/../code")
        assert found, f"no copy field for {what} on {self.path}: {self.text[:600]}"
        return str(found[0].text_content())

    def link(self, text: str, *, within: str = "") -> str:
        """Returns the target of a link, by its text."""
        return str(self.one(f"{within}//a[normalize-space()='{text}']").get("href"))

    def rows(self) -> list[str]:
        """Returns the rows of the page's first table, each as a line."""
        return [" | ".join(map(words, row.xpath("./td"))) for row in self.all("(//table)[1]/tbody/tr")]

    def entry(self, event_type: str) -> str:
        """Returns the target of the newest entry of a type."""
        return str(self.all(f"//ol[@class='timeline']//a[@title='{event_type}']")[0].get("href"))

    def timeline(self) -> list[str]:
        """Returns the texts of the page's timeline."""
        return [words(each) for each in self.all("//ol[@class='timeline']/li/span[@class='what']")]

    def form(self, button: str, *, within: str = "") -> FormElement:
        """Returns the form of a button, by the button's text."""
        found = self.all(f"{within}//form[.//button[normalize-space()='{button}']]")
        assert len(found) == 1, f"{len(found)} forms with '{button}' on {self.path}, {self.status}: {self.text[:600]}"
        form = found[0]
        assert isinstance(form, FormElement)
        return form


class Visitor:
    """A browser of one person, connected to a server."""

    def __init__(self, url: str, *, address: str = "", headers: Mapping[str, str] | None = None) -> None:
        number = next(_addresses)
        self.url = url
        self.address = address or f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        self.client = httpx2.Client(
            base_url=url,
            timeout=HANG,
            trust_env=False,
            headers={"user-agent": "Visitor/1.0", **(headers or {})},
            transport=httpx2.HTTPTransport(verify=False, local_address=self.address),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    # -- going ---------------------------------------------------------------------------------------------------------

    def get(self, path: str, follow: bool = True, /, **query: str) -> Page:
        """Get a page."""
        headers = {**GO, "sec-fetch-site": "none"}
        return Page(self.client.get(path, params=query or None, headers=headers, follow_redirects=follow))

    def post(
        self,
        path: str,
        fields: Mapping[str, str | list[str]],
        *,
        follow: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """Post fields as a form of this site does."""
        sent = {**GO, "sec-fetch-site": "same-origin", "origin": self.url, **(headers or {})}
        answer = self.client.post(
            path, data=dict(fields), headers={k: v for k, v in sent.items() if v}, follow_redirects=follow
        )
        return Page(answer)

    def submit(self, page: Page, button: str, fields: Mapping[str, Any] | None = None, *, within: str = "") -> Page:
        """Fill in a form of a page, press one of its buttons and follow redirects. None empties a field. If a link with
        that text leads to a confirmation page, confirm there.
        """
        links = page.all(f"{within or '//main'}//a[normalize-space()='{button}']")
        if len(links) == 1 and not page.all(f"{within}//form[.//button[normalize-space()='{button}']]"):
            page, within = self.get(str(links[0].get("href"))), ""
            hints = page.all("//*[@id='confirm-hint']")
            fields = {**(fields or {}), **({"confirm": hints[0].text_content()} if hints else {})}
        form = page.form(button, within=within)
        filled: dict[str, Any] = dict(form.form_values())
        pressed = form.xpath(f".//button[normalize-space()='{button}']")[0]
        if pressed.get("name"):
            filled[pressed.get("name")] = pressed.get("value", "")
        for name, value in (fields or {}).items():
            if value is None:
                filled.pop(name, None)
                continue
            assert form.xpath(".//*[@name=$name]", name=name), f"there is no field {name} in the form of '{button}'"
            filled[name] = value
        address = str(httpx2.URL(page.answer.url).join(form.get("action", "") or page.path))
        assert form.get("method", "get").lower() in {"get", "post"}
        if form.get("method", "get").lower() == "get":
            return self.get(address, **filled)
        return self.post(address, filled, follow=True)

    # -- being somebody ------------------------------------------------------------------------------------------------

    def try_to_sign_in(self, email: str, password: str, tenant: str = "") -> Page:
        """Post the sign-in form without following the redirect."""
        page = self.get("/console/sign-in")
        fields = {"to": page.value("to"), "email": email, "password": password, "tenant": tenant}
        return self.post("/console/sign-in", fields)

    def sign_in(self, email: str, password: str, tenant: str = "") -> Page:
        """Sign in. Returns the next page."""
        page = self.try_to_sign_in(email, password, tenant)
        assert page.status == 303, f"{page.status}: {page.text}"
        return self.get(page.answer.headers["location"])

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}

    def take(self, token: str, name: str = "vestibule") -> None:
        """Set a session's cookie."""
        self.client.cookies.clear()
        self.keep(token, name)

    def keep(self, token: str, name: str) -> None:
        """Set another cookie."""
        self.client.cookies.set(name, token, domain=self.url.removeprefix("http://").partition(":")[0], path="/")

    @property
    def form_token(self) -> str:
        """Returns the form token of this session, which is read from a page once."""
        session = self.cookies["vestibule"]
        if session not in _form_tokens:
            _form_tokens[session] = self.read_form_token()
        return _form_tokens[session]

    def read_form_token(self) -> str:
        """Returns the form token of this session from a page: a small one that every administrator may see."""
        page = self.get("/console/account/again")
        return str(page.all("//input[@name='form_token']")[0].get("value"))


"""Seconds after which what was awaited will not come; far above what it takes on a busy machine."""


def until(look: Callable[[], Any], wanted: Callable[[Any], bool] = bool, *, looks: int = 0) -> Any:
    """Repeat a look until its result is the wanted one, `looks` times at most. Returns the result."""
    began, seen, looked = time.monotonic(), look(), 1
    while not wanted(seen):
        assert looked != looks, f"this is still so: {seen!r}"
        assert time.monotonic() - began < HANG, f"this is still so: {seen!r}"
        seen, looked = look(), looked + 1
    return seen


def free_port() -> int:
    """Returns a free port, for a program that needs one as an argument."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_request_ids(text: str) -> str:
    """Returns a page without the parts that differ between requests."""
    return re.sub(r"req_[0-9a-f]{16}", "req_", text)
