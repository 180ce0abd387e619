"""The nouns of the house, as values: what storage returns, actions take and pages show.

Those that every request makes are named tuples, because a frozen dataclass takes five times as long to make.

Times are milliseconds since 1970 in UTC. Ids are made by the application, never by a database: UUIDv7 texts, and short
random ones for tenants and identity providers.
"""

import os
import random
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from vestibule.scim.resource import Kept

HOUSE: Final = "house"
"""The tenant part of rows that belong to no customer: operators, and what is kept for the whole installation."""

TENANT_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
"""A tenant name stands in URLs and host names: no underscore (Okta refuses it), no capitals."""

RESERVED_TENANT_NAMES: Final = frozenset(
    {HOUSE, "admin", "api", "console", "healthz", "metrics", "readyz", "saml", "scim", "setup", "static", "www"}
)

TenantState = Literal["active", "suspended"]
Provisioning = Literal["off", "on", "paused"]
AdministratorRole = Literal["auditor", "admin", "owner", "operator"]
ROLES: Final[tuple[AdministratorRole, ...]] = ("auditor", "admin", "owner", "operator")
"""Administrator roles, each able to do what those before it can. An operator belongs to the house and sees all
tenants.
"""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation. `name` stands in URLs, `title` is what people read."""

    id: str
    name: str
    title: str
    state: TenantState
    created_at: int


HOUSE_TENANT: Final = Tenant(HOUSE, HOUSE, "The house", "active", 0)
"""What stands in a tenant's place where operators look after themselves: in no table, and in no SCIM URL."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signing certificate of an identity provider. `fingerprint` is SHA-256 in hexadecimal; times in milliseconds."""

    pem: str
    subject: str
    fingerprint: str
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class SamlSettings:
    """What is known of the identity provider's SAML side."""

    entity_id: str = ""
    sso_url: str = ""
    certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a mapping: where an attribute of the Profile comes from.

    `sources` are SCIM attribute paths, the first with a value wins; with `join` the values of all of them are put
    together with that text between. `default` is used where nothing has a value, `case` and `trim` are applied last.
    """

    target: str
    sources: tuple[str, ...]
    default: str = ""
    case: Literal["", "lower"] = ""
    trim: bool = False
    join: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A tenant's tie to one identity provider."""

    id: str
    name: str
    vendor: str
    enabled: bool
    provisioning: Provisioning
    adopts: bool
    """Whether it may find people who were added by hand and hold no role, and take them over."""
    saml: SamlSettings
    mapping: tuple[Rule, ...]
    mapping_version: int
    created_at: int
    modified_at: int


class Credential(NamedTuple):
    """A Key and Secret pair as it is kept: the Secret itself is not here, and nowhere."""

    id: str
    identity_provider_id: str
    key: str
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    last_used_from: str
    last_used_agent: str
    tested_at: int | None

    def usable(self, now: int) -> bool:
        """Whether it opens the door at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class User(NamedTuple):
    """A person as a row: the SCIM resource, the Profile derived from it, and what is searched by."""

    id: str
    identity_provider_id: str
    """Empty for a person who was added by hand and belongs to nobody."""
    active: bool
    role: str
    document: str
    """The SCIM document as JSON text, without `id` and `meta`."""
    profile: str
    version: int
    created_at: int
    modified_at: int

    @property
    def kept(self) -> Kept:
        """The resource for the SCIM library."""
        return Kept(self.id, self.document, self.created_at, self.modified_at, self.version)


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who works in the console. Not a person in the sense of SCIM, which can neither see nor make one."""

    tenant_id: str
    id: str
    email: str
    name: str
    role: AdministratorRole
    created_at: int
    disabled_at: int | None
    signed_in_at: int | None
    has_password: bool


class Actor(NamedTuple):
    """Who is doing this, in which tenant, in which request. Every transaction is opened for an actor."""

    tenant_id: str
    kind: Literal["identity_provider", "administrator", "operator", "worker", "nobody"]
    id: str = ""
    """A credential's or an administrator's id; empty for the command line and the worker."""
    name: str = ""
    """What the log calls them: `Okta (key vk_7Q…2f)`, a name, `command line`."""
    identity_provider_id: str = ""
    address: str = ""
    agent: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as it is kept. `data` is particular to the type (see `events`)."""

    id: str
    at: int
    type: str
    actor: dict[str, str]
    identity_provider_id: str
    subject_id: str
    request_id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Derivation:
    """A run that derives every Profile of an identity provider anew. It is finished once `finished_at` is set."""

    identity_provider_id: str
    mapping_version: int
    cursor: str
    done: int
    changed: int
    total: int
    started_at: int
    finished_at: int | None


class _Ids:
    """UUIDv7 (RFC 9562 §5.7) that never go back within a process, so that rows of one instant keep their order.

    They have to be unlike, not unguessable: nothing is protected by an id, so the random part needs no system call.
    """

    def __init__(self) -> None:
        self._last = 0
        self._random = random.Random(os.urandom(32))  # noqa: S311 -- not a secret

    def next(self, now: int) -> str:
        # 48 bits of milliseconds and 12 bits of counter are one number that only grows.
        high = self._last = max(now << 12, self._last + 1)
        low = self._random.getrandbits(62) | 0x8000_0000_0000_0000
        head, tail = f"{high >> 12:012x}", f"{low:016x}"
        return f"{head[:8]}-{head[8:]}-7{high & 0xFFF:03x}-{tail[:4]}-{tail[4:]}"


_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are misread


def new_short_id() -> str:
    """A fresh random id of 60 bits for a tenant or an identity provider: every index entry begins with one of them."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def created_at(id_: str) -> int:
    """The instant that an id was made at: what `created_at` of its row is."""
    return int(id_[:8] + id_[9:13], 16)


def first_id_of(milliseconds: int) -> str:
    """The least id of an instant: ids made then or later are not below it."""
    head = f"{min(max(milliseconds, 0), (1 << 48) - 1):012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-000000000000"


_ids = _Ids()


def new_id(now: int) -> str:
    """A fresh id that sorts by the time it was made. For the thread of the event loop only."""
    return _ids.next(now)
