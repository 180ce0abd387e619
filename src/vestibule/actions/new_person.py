"""Creates a person. All callers use this: SCIM, the console and just-in-time provisioning."""

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
    """A person to be created: the cleaned document, its JSON text, and the columns computed from it."""

    document: Document
    text: str
    columns: Searchable


def describe(document: Document) -> Described:
    """Returns what `make_person` needs from a cleaned document."""
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
    """Insert a person with their Profile, and record `user.created` with the data that `told` returns.

    `provider_id` is empty for a person who is added by hand. Returns the person.

    Raises:
        UniqueViolation: the identity provider has another person with that userName.
    """
    user_id = new_id(tx.now)
    made = created_at(user_id)
    profile_text = orjson.dumps(profile).decode()
    active = described.document["active"]
    user = User(
        id=user_id,
        identity_provider_id=provider_id,
        active=active,
        role=role,
        document=described.text,
        profile=profile_text,
        version=1,
        created_at=made,
        modified_at=made,
    )
    await insert_user(tx, user, described.columns)
    await append_event(tx, "user.created", told(user), subject_id=user_id, provider_id=provider_id)
    return user
