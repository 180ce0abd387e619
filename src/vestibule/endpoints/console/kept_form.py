"""Keeps a submitted form during re-authentication, so that nothing has to be typed twice.

The form is stored encrypted for some minutes, in a row that only the same administrator can open. The URL has only the
row's id. A form with a password is not kept.
"""

import re
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.datastructures import UploadFile

from vestibule.endpoints.web.visit import Visit
from vestibule.errors import NotFound
from vestibule.keys import token_check
from vestibule.limits import KEPT_FORM_SECONDS
from vestibule.model import Administrator, new_id
from vestibule.store.sealed_notes import delete_notes, find_note, insert_note

_ID: Final = re.compile(r"[0-9a-f-]{1,40}")
_PASSWORDS: Final = {"password", "again", "present"}


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that was sent: its URL, the page it is from, and its fields in order."""

    action: str
    back: str
    fields: list[tuple[str, str]]


async def keep_form(visit: Visit, back: str) -> str:
    """Keep the form of this request, and delete an earlier one of the same administrator.

    Returns the id of the row; empty if the form cannot be kept.
    """
    fields = await _typed(visit)
    if fields is None:
        return ""
    who = visit.who
    async with visit.context.database.write_all_tenants(visit.actor) as all_tenants:
        note_id = new_id(all_tenants.now)
        kept = orjson.dumps((visit.request.url.path, back, fields))
        sealed = visit.context.checker.seal(kept, _purpose(note_id))
        await delete_notes(all_tenants, who.tenant_id, _holder(who))
        expires_at = all_tenants.now + KEPT_FORM_SECONDS * 1000
        await insert_note(all_tenants, who.tenant_id, _holder(who), note_id, sealed, expires_at)
    return note_id


async def find_kept_form(visit: Visit, note_id: str) -> KeptForm:
    """Returns the form with that id, if it belongs to this administrator.

    Raises:
        NotFound: there is none, or it has expired.
    """
    async with visit.context.database.read_all_tenants(visit.actor) as all_tenants:
        sealed = await find_note(all_tenants, visit.who.tenant_id, _holder(visit.who), note_id)
    if sealed is None:
        raise NotFound(
            f"This form was kept for longer than {KEPT_FORM_SECONDS // 60} minutes, or was replaced by another one. "
            "Fill it in again."
        )
    action, back, fields = orjson.loads(visit.context.checker.unseal(sealed, _purpose(note_id)))
    return KeptForm(action, back, [(name, value) for name, value in fields])


def kept_id(text: str) -> str:
    """Returns the id of a kept form from a URL or a form; empty if the text cannot be one."""
    return text if _ID.fullmatch(text) else ""


async def _typed(visit: Visit) -> list[tuple[str, str]] | None:
    """Returns the fields of this request's form, with uploaded files as text.

    Returns None if there is a password among them, a file that is not text, or no field.
    """
    fields: list[tuple[str, str]] = []
    for name, value in visit.form.multi_items():
        if name in _PASSWORDS:
            return None
        if isinstance(value, UploadFile):
            await value.seek(0)  # a handler may be run again
            try:
                text = (await value.read()).decode()
            except UnicodeDecodeError:
                return None
        else:
            text = value
        if name != "form_token" and (text or not isinstance(value, UploadFile)):
            fields.append((name.replace("\x00", ""), text.replace("\x00", "")))
    return fields or None


def _holder(administrator: Administrator) -> bytes:
    """Returns the owner of a kept form: the administrator, because re-authentication begins a new session."""
    return token_check(f"kept form of {administrator.id}")


def _purpose(note_id: str) -> str:
    return f"kept form {note_id}"
