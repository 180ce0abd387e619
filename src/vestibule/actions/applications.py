"""The list of applications that people see on their home page.

Rule of this file: a URL in the list must be safe to open with one click, no matter who entered it. It is an ordinary
web address, its host is what it looks like, and it contains no password.
"""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from vestibule.actions.configure import checked_name
from vestibule.errors import FormCheck, NotFound, WrongInput
from vestibule.mapping import LONGEST_ROLE
from vestibule.model import Application, new_id
from vestibule.scim.text import unprintable
from vestibule.store.applications import all_applications, delete_application, find_application, put_application
from vestibule.store.database import Reading, Tx
from vestibule.store.events import append_event
from vestibule.store.tenants import lock_tenant

MOST_APPLICATIONS: Final = 200
LONGEST_URL: Final = 2_000
LONGEST_DESCRIPTION: Final = 300
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names of this machine, to which plain HTTP is safe."""

_HOST: Final = re.compile(r"(?:[a-z0-9_-]+\.)*[a-z0-9_-]+\.?\Z|[0-9a-f.]*:[0-9a-f:.]*\Z")
_NOT_IN_A_URL: Final = re.compile(r'[^!-~]|[\\"<>]')


def checked_url(text: str) -> str:
    """Returns the URL of an application with a lower-case scheme.

    Raises:
        WrongInput: it is not a safe web address.
    """
    url = text.strip()
    if not url or len(url) > LONGEST_URL:
        raise _wrong_url(f"The URL should have 1 to {LONGEST_URL:,} characters; got {len(url):,}.")
    if (bad := _NOT_IN_A_URL.search(url)) is not None:
        raise _wrong_url(
            "The URL should be in the form that browsers send, without spaces and with other letters escaped as in "
            f"%C3%A9; got U+{ord(bad[0]):04X}."
        )
    scheme, colon, rest = url.partition(":")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- raises for what is none
    except ValueError:
        raise _wrong_url("The URL should name a host, and a port from 0 to 65,535 if any.") from None
    host = parts.hostname or ""
    if not colon or scheme.lower() not in {"https", "http"}:
        raise _wrong_url(
            "The URL should begin with https://" + (f"; got '{scheme[:20]}:'." if scheme.isalnum() and colon else ".")
        )
    if "@" in parts.netloc:
        raise _wrong_url("The URL should contain no user name and no password: everybody who sees it can read them.")
    if not rest.startswith("//") or _HOST.match(host) is None:
        raise _wrong_url("The URL should name a host after https://, in letters, digits, hyphens and dots.")
    if scheme.lower() == "http" and host not in LOOPBACK:
        raise _wrong_url("The URL should begin with https://. Only localhost and 127.0.0.1 may have http://.")
    return scheme.lower() + colon + rest


def _wrong_url(sentence: str) -> WrongInput:
    return WrongInput(sentence, field="url")


def _checked_text(text: str, longest: int, what: str, field: str) -> str:
    text = text.strip()
    if len(text) > longest:
        raise WrongInput(f"{what} should have at most {longest} characters; got {len(text)}.", field=field)
    if (bad := unprintable(text)) is not None:
        raise WrongInput(f"{what} should be made of visible characters; got U+{ord(bad):04X}.", field=field)
    return text


async def save_application(
    tx: Tx, name: str, url: str, description: str, role: str, application_id: str = ""
) -> tuple[Application, bool]:
    """Add an application, or change the one with `application_id`. Returns it, and whether anything changed.

    Raises:
        NotFound: there is no application with that id.
        WrongInput: a field is not valid, or there are too many applications.
    """
    form = FormCheck()
    name = form.check(checked_name, name, "The name", "name", instead="")
    url = form.check(checked_url, url, instead="")
    description = form.check(
        _checked_text, description, LONGEST_DESCRIPTION, "The description", "description", instead=""
    )
    role = form.check(_checked_text, role, LONGEST_ROLE, "The role", "role", instead="")
    form.finish()
    await lock_tenant(tx)
    if application_id:
        before = await _get(tx, application_id)
        after = before._replace(name=name, url=url, description=description, role=role)
    else:
        if (listed := len(await all_applications(tx))) >= MOST_APPLICATIONS:
            raise WrongInput(f"There are {listed} applications, which is the maximum; remove one first.")
        before = Application(id="", name="", url="", description="", role="", created_at=0)
        after = Application(
            id=new_id(tx.now), name=name, url=url, description=description, role=role, created_at=tx.now
        )
    changes = [
        {"attribute": attribute, "before": was, "after": now}
        for attribute in ("name", "url", "description", "role")
        if (was := getattr(before, attribute)) != (now := getattr(after, attribute))
    ]
    if changes:
        await put_application(tx, after)
        told: dict[str, Any] = {"name": after.name, "changes": changes}
        await append_event(tx, "application.changed", told, subject_id=after.id)
    return after, bool(changes)


async def remove_application(tx: Tx, application_id: str) -> None:
    """Remove an application from the list. People who are signed in to it stay signed in there.

    Raises:
        NotFound: there is no application with that id.
    """
    await lock_tenant(tx)
    application = await _get(tx, application_id)
    await delete_application(tx, application_id)
    await append_event(tx, "application.removed", {"name": application.name}, subject_id=application_id)


async def may_be_sent_to(reading: Reading, wanted: str) -> bool:
    """Returns whether people may be sent to a URL after sign-in: a path here, or in or below a listed URL."""
    if wanted.startswith("/"):
        return not wanted.startswith("//") and "\\" not in wanted and wanted.isascii() and wanted.isprintable()
    listed = [each.url for each in await all_applications(reading)]
    return any(wanted == url or wanted.startswith(url.rstrip("/") + "/") for url in listed)


async def _get(tx: Tx, application_id: str) -> Application:
    application = await find_application(tx, application_id)
    if application is None:
        raise NotFound("There is no such application in this tenant.")
    return application
