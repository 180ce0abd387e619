"""The checks of a connection: is this an address and are these credentials that requests can be made with."""

import re
from urllib.parse import urlsplit

from pocket_okta import refusal
from pocket_okta.catalogue import Scheme
from pocket_okta.org import App, Connection

# What may stand behind the "?" of Entra's Tenant URL: which form of PATCH is sent.
NEW_STYLE, OLD_STYLE = "aadOptscim062020", "AzureAdScimPatch2017"
FLAGS = (NEW_STYLE, OLD_STYLE)


def _is_base_url(url: str, *, flag: bool) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    named = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and url.isascii()
    allowed = {"", *FLAGS} if flag else {""}
    return (
        named and parts.query in allowed and not (parts.fragment or parts.username or re.search(r"[\s\x00-\x1f]", url))
    )


def check_connection(app: App, given: Connection) -> Connection:
    """Return a connection fit to be used; refuses a URL or credentials that cannot work, naming the field."""
    url = given.base_url.strip().rstrip("/")
    if not _is_base_url(url, flag=app.template.cycles):
        raise refusal.invalid(
            "baseUrl", f"SCIM Base Url: wanted an http or https address such as https://host/scim/v2, got {url!r}."
        )
    if "_" in url and not app.template.cycles:
        raise refusal.invalid("baseUrl", f"SCIM Base Url: Okta takes no underscore anywhere in it, got {url!r}.")
    if given.scheme not in app.template.schemes:
        raise refusal.invalid(
            "authScheme",
            f"authScheme: {app.template.title} takes {' or '.join(s.value for s in app.template.schemes)}, "
            f"got {given.scheme.value}.",
        )
    if given.scheme is Scheme.BASIC and (not given.username or ":" in given.username):
        raise refusal.invalid("username", "Username: The field cannot be left blank and cannot hold a colon.")
    if not given.secret:
        name = "password" if given.scheme is Scheme.BASIC else "token"
        raise refusal.invalid(name, f"{name.capitalize()}: The field cannot be left blank")
    printable = not re.search(r"[\x00-\x1f\x7f]", given.username + given.secret)
    if not printable or (given.scheme is not Scheme.BASIC and not given.secret.isascii()):
        raise refusal.invalid("password", "Credentials: wanted printable characters that a header can carry.")
    return Connection(url, given.scheme, given.username.strip(), given.secret, given.enabled)


def url_for(base_url: str, path: str) -> str:
    """Return the address of a request. A flag of the base URL goes along in the query."""
    base, _, flag = base_url.partition("?")
    base = base.rstrip("/")
    if not flag:
        return base + path
    path, _, query = path.partition("?")
    return f"{base}{path}?{flag}{'&' if query else ''}{query}"
