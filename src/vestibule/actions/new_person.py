"""The one act that makes a person, whoever asks: an identity provider, an administrator, or a first sign-in."""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from vestibule.model import User, created_at, new_id
from vestibule.scim.filter import Document
from vestibule.store.database import Tx
from vestibule.store.events import append_event
from vestibule.store.user_columns import Searchable, searchable
from vestibule.store.users import insert_user


class Described(NamedTuple):
    """A person who is to be made: a cleaned document, the same as JSON, and the columns that follow from it."""

    document: Document
    text: str
    columns: Searchable


def describe(document: Document) -> Described:
    """What `make_person` needs of a cleaned document; computed once."""
    text = orjson.dumps(document).decode()
    return Described(document, text, searchable(document, text))


async def make_person(
    tx: Tx,
    provider_id: str,
    described: Described,
    profile: Document,
    told: Callable[[User], dict[str, Any]],
    *,
    role: str = "",
) -> User:
    """Insert a person of an identity provider, or of nobody where it is empty, with their Profile, and record
    `user.created` with what `told` says of them.

    Raises:
        UniqueViolation: the identity provider has somebody of that userName.
    """
    user_id = new_id(tx.now)
    made = created_at(user_id)
    profile_text = orjson.dumps(profile).decode()
    active = described.document["active"]
    user = User(user_id, provider_id, active, role, described.text, profile_text, 1, made, made)
    await insert_user(tx, user, described.columns)
    await append_event(tx, "user.created", told(user), subject_id=user_id, provider_id=provider_id)
    return user
