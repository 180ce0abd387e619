"""Checks every response of the console: its headers, and that its markup cannot run anything."""

import re
from typing import Final

import httpx2

from tests.console.visitor import Page

TAGS: Final = frozenset({
    "html", "head", "meta", "title", "link", "script", "body", "a", "div", "span", "nav", "h1", "h2", "h3",
    "form", "input", "button", "p", "main", "dialog", "kbd", "ul", "ol", "li", "table", "thead", "tbody", "tr",
    "th", "td", "section", "dl", "dt", "dd", "details", "summary", "pre", "code", "b", "ins", "del", "time",
    "label", "select", "option", "textarea", "fieldset", "legend", "br", "noscript", "progress", "svg", "line",
    "rect", "text", "img", "small", "datalist",
})  # fmt: skip
ATTRIBUTES: Final = frozenset({
    "lang", "charset", "name", "content", "rel", "href", "type", "src", "defer", "class", "id", "for", "value",
    "action", "method", "required", "autocomplete", "autofocus", "aria-label", "aria-describedby", "aria-invalid",
    "aria-errormessage",
    "aria-current", "role", "hidden", "title", "datetime", "checked", "selected", "disabled", "readonly", "rows",
    "inputmode", "spellcheck", "placeholder", "colspan", "open", "max", "viewbox", "width", "height", "x", "y", "x1",
    "x2", "y1", "y2", "rx", "text-anchor", "alt", "data-copy", "data-live", "data-fresh", "data-confirm", "data-names",
    "data-key", "data-label", "form", "enctype", "accept", "target", "list", "data-filled", "data-source",
    "data-target", "aria-live", "http-equiv",
})  # fmt: skip
_LOCAL: Final = re.compile(r"(/(?!/)|#|\?)[^\\]*\Z|\Z")


def check_headers(answer: httpx2.Response) -> None:
    """Check that a response has the headers that every response needs (security reference S32)."""
    headers = answer.headers
    policy = {
        name: sources.split()
        for name, _, sources in (part.strip().partition(" ") for part in headers["content-security-policy"].split(";"))
    }
    for name, sources in policy.items():
        assert all(source in {"'self'", "'none'"} for source in sources), f"{name} lets in {sources}"
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] in {"same-origin", "no-referrer", "strict-origin"}
    assert headers["cross-origin-opener-policy"] == "same-origin"
    kept = "/static/" in str(answer.url) and answer.is_success
    assert headers["cache-control"] == ("public, max-age=31536000, immutable" if kept else "no-store")
    assert "server" not in headers


def check_markup(page: Page) -> None:
    """Check that a page has only elements and attributes that the templates use. Any other was injected by a value."""
    for element in page.tree.iter():
        assert isinstance(element.tag, str), f"a comment or the like on {page.path}: {element!r}"
        assert element.tag in TAGS, f"<{element.tag}> on {page.path}"
        for name, value in element.attrib.items():
            assert name in ATTRIBUTES, f"{name}={value!r} of <{element.tag}> on {page.path}"
            if name in {"href", "src", "action", "data-live", "data-fresh"}:
                assert _LOCAL.match(str(value)), f"{name}={value!r} of <{element.tag}> on {page.path}"
        if element.tag == "script":
            assert str(element.get("src", "")).startswith("/static/"), page.path
            assert not (element.text or "").strip(), page.path
        if element.tag in {"link", "img"}:
            assert str(element.get("href") or element.get("src")).startswith("/static/"), page.path
        if element.tag == "meta":
            assert set(element.attrib) in ({"charset"}, {"name", "content"}, {"http-equiv", "content"}), page.path
            # A page that counts on is loaded again where no script does it; it leads nowhere else.
            assert element.get("http-equiv", "refresh") == "refresh", page.path
            assert "http-equiv" not in element.attrib or re.fullmatch(r"[0-9]+", element.get("content", "")), page.path
