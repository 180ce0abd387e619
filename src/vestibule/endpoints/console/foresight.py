"""Who would get which role: role rules tried on the people who are there, with nothing saved.

The rule of this file: it derives as the worker would, and says what it did not look at or cannot know.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

import orjson

from vestibule.endpoints.console.users import display_name
from vestibule.mapping import compile_profile, console_role, given_roles
from vestibule.model import IdentityProvider, RoleRules
from vestibule.store.database import Reading
from vestibule.store.users import UserSelection, count_users, page_of_provider

MOST_PEOPLE: Final = 2_000
MOST_SHOWN: Final = 50
_PAGE: Final = 200
"""People between two chances for other requests to be served."""


@dataclass(frozen=True, slots=True)
class Holders:
    """How many people have a role now, and how many would; the empty role stands for those who have none."""

    role: str
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Change:
    """A person whose roles would be others."""

    id: str
    user_name: str
    name: str
    active: bool
    now: list[str]
    then: list[str]


@dataclass(frozen=True, slots=True)
class Foresight:
    """What rules would do to the people of an identity provider."""

    people: int
    looked: int
    """How many of them were looked at, at most `MOST_PEOPLE`."""
    holders: list[Holders]
    changes: list[Change]
    """The first `MOST_SHOWN` of them."""
    changed: int
    administrators_now: int
    """How many who may sign in would come to administer the tenant when they do, now and then."""
    administrators_then: int
    groups_unknown: int
    """How many never brought a group with a sign-in, where rules ask for groups; else 0."""


async def foresee(reading: Reading, provider: IdentityProvider, rules: RoleRules) -> Foresight:
    """Try rules on the people of an identity provider, in the order in which they came.

    Raises:
        WrongInput: as `mapping.compile_profile` does.
    """
    derive = compile_profile(provider.mapping, rules)
    by_group = any(rule.source == "group" for rule in rules.rules)
    had, get = Counter[str](), Counter[str]()
    changes: list[Change] = []
    looked = changed = administrators_now = administrators_then = groups_unknown = 0
    last = ""
    while looked < MOST_PEOPLE:
        users = await page_of_provider(reading, provider.id, last, _PAGE)
        for user in users:
            document = orjson.loads(user.document)
            now, then = given_roles(orjson.loads(user.profile)), given_roles(derive(document, user.saml_groups))
            had.update(now or [""])
            get.update(then or [""])
            if user.active and user.blocked_at is None:
                administrators_now += console_role(now) is not None
                administrators_then += console_role(then) is not None
            groups_unknown += by_group and user.saml_groups == "[]"
            if now != then:
                changed += 1
                if len(changes) < MOST_SHOWN:
                    name = display_name(document)
                    changes.append(Change(user.id, document["userName"], name, user.active, now, then))
        looked += len(users)
        if len(users) < _PAGE:
            break
        last = users[-1].id
        await asyncio.sleep(0)
    order = dict.fromkeys([*(rule.role for rule in rules.rules), rules.default, *sorted(had), ""])
    roles = [role for role in order if role] + [""]
    return Foresight(
        await count_users(reading, UserSelection(provider_id=provider.id)) if looked >= MOST_PEOPLE else looked,
        looked,
        [Holders(role, had[role], get[role]) for role in roles],
        changes,
        changed,
        administrators_now,
        administrators_then,
        groups_unknown,
    )
