"""A browser without a screen: it keeps cookies, fills in the forms of the page it looks at, and says where they come
from, in the headers in which a browser says it.

Every visitor comes from a loopback address of its own, so that one visitor's failed attempts slow down nobody else.
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
GO = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def words(element: HtmlElement) -> str:
    """The text of a piece of a page as somebody reads it, white space made even."""
    return " ".join(element.text_content().split())


def apart(element: HtmlElement) -> str:
    """The same with every piece of text apart from the next, as blocks are on a screen."""
    return " ".join(" ".join(element.itertext()).split())


class Page:
    """An answer, and what stands on it."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.status = answer.status_code
        self.source = answer.text
        self.path = answer.url.raw_path.decode()

    @cached_property
    def tree(self) -> HtmlElement:
        """The page as a tree."""
        tree: HtmlElement = lxml.html.fromstring(self.source if self.source.strip() else "<main></main>")
        return tree

    @property
    def text(self) -> str:
        """What the page says, without its head and its side."""
        found: list[HtmlElement] = self.tree.xpath("//main") or [self.tree]
        return words(found[0])

    @property
    def heading(self) -> str:
        return words(self.one("//h1"))

    @property
    def notice(self) -> str:
        """What the page says was just done, or was not."""
        return " ".join(words(each) for each in self.all("//*[contains(@class, 'notice') and not(@hidden)]"))

    def all(self, path: str) -> list[HtmlElement]:
        found: list[HtmlElement] = self.tree.xpath(path)
        return found

    def one(self, path: str) -> HtmlElement:
        found = self.all(path)
        assert len(found) == 1, f"{len(found)} of {path} on {self.path}, {self.status}: {self.text[:600]}"
        return found[0]

    def problem(self, field: str) -> str:
        """What stands in words under a field of a form; empty if nothing does."""
        found = self.all(f"//*[@id='{field}-error']")
        return words(found[0]) if found else ""

    def value(self, name: str) -> str:
        """What a field of a form holds."""
        element = self.one(f"//*[@name='{name}']")
        if element.tag == "textarea":
            return (element.text or "").removeprefix("\n")
        if element.tag == "select":
            chosen = element.xpath("./option[@selected]") or element.xpath("./option")
            return str(chosen[0].get("value", words(chosen[0])))
        return str(element.get("value", ""))

    def copied(self, what: str) -> str:
        """The value of a copy field, by the label of its button."""
        found = self.all(f"//button[@aria-label='Copy {what}']/../code")
        assert found, f"no copy field for {what} on {self.path}: {self.text[:600]}"
        return str(found[0].text_content())

    def link(self, text: str, *, within: str = "") -> str:
        """Where a link leads, by its words."""
        return str(self.one(f"{within}//a[normalize-space()='{text}']").get("href"))

    def rows(self) -> list[str]:
        """The rows of the page's first table, each as a line."""
        return [" | ".join(map(words, row.xpath("./td"))) for row in self.all("(//table)[1]/tbody/tr")]

    def entry(self, event_type: str) -> str:
        """Where the newest entry of a type leads."""
        return str(self.all(f"//ol[@class='timeline']//a[@title='{event_type}']")[0].get("href"))

    def timeline(self) -> list[str]:
        """What the entries of the page's timeline say."""
        return [words(each) for each in self.all("//ol[@class='timeline']/li/span[@class='what']")]

    def form(self, button: str, *, within: str = "") -> FormElement:
        """The form that a button sends, by the button's words."""
        found = self.all(f"{within}//form[.//button[normalize-space()='{button}']]")
        assert len(found) == 1, f"{len(found)} forms with '{button}' on {self.path}, {self.status}: {self.text[:600]}"
        form = found[0]
        assert isinstance(form, FormElement)
        return form


class Visitor:
    """Somebody with a browser, in front of a server."""

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
        """Look at a page."""
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
        """Send fields as a form of this site would, whatever page they come from."""
        sent = {**GO, "sec-fetch-site": "same-origin", "origin": self.url, **(headers or {})}
        answer = self.client.post(
            path, data=dict(fields), headers={k: v for k, v in sent.items() if v}, follow_redirects=follow
        )
        return Page(answer)

    def submit(self, page: Page, button: str, fields: Mapping[str, Any] | None = None, *, within: str = "") -> Page:
        """Fill in a form of a page, press one of its buttons, and go where that leads. None empties a field. Where a
        link of that name leads to a page that asks for confirmation, confirm it there.
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
        """Send the form to sign in with, and stay where it leads first."""
        page = self.get("/console/sign-in")
        fields = {"to": page.value("to"), "email": email, "password": password, "tenant": tenant}
        return self.post("/console/sign-in", fields)

    def sign_in(self, email: str, password: str, tenant: str = "") -> Page:
        """Sign in, and see the page that follows."""
        page = self.try_to_sign_in(email, password, tenant)
        assert page.status == 303, f"{page.status}: {page.text}"
        return self.get(page.answer.headers["location"])

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}

    def take(self, token: str, name: str = "vestibule") -> None:
        """Carry a session's cookie."""
        self.client.cookies.clear()
        self.keep(token, name)

    def keep(self, token: str, name: str) -> None:
        """Carry one more cookie."""
        self.client.cookies.set(name, token, domain=self.url.removeprefix("http://").partition(":")[0], path="/")

    @property
    def form_token(self) -> str:
        """The token that the forms of this session carry, as a page has it."""
        page = self.get("/console/")
        return str(page.all("//input[@name='form_token']")[0].get("value"))


"""Seconds after which what was awaited will not come; far above what it takes on a busy machine."""


def until(look: Callable[[], Any], wanted: Callable[[Any], bool] = bool, *, looks: int = 0) -> Any:
    """Look again and again, without a pause, until what is seen is what is wanted; what was seen. `looks`: how often at
    most.
    """
    began, seen, looked = time.monotonic(), look(), 1
    while not wanted(seen):
        assert looked != looks, f"this is still so: {seen!r}"
        assert time.monotonic() - began < HANG, f"this is still so: {seen!r}"
        seen, looked = look(), looked + 1
    return seen


def free_port() -> int:
    """A port that nobody listens on, for a program that has to be told one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_request_ids(text: str) -> str:
    """A page without what differs from one request to the next."""
    return re.sub(r"req_[0-9a-f]{16}", "req_", text)
