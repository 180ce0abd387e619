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

from vestibule.scim.representation import Kept

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


FactorRequired = Literal["off", "owners", "all"]
"""Which administrators of a tenant need a second factor."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation. `name` stands in URLs, `title` is what people read."""

    id: str
    name: str
    title: str
    state: TenantState
    created_at: int
    session_idle: int = 30 * 60_000
    """Milliseconds after which a person's session ends unused, and `session_absolute` at the latest."""
    session_absolute: int = 8 * 3_600_000
    factor_of_owners_since: int = 0
    """Since when its owners need a second factor, and `factor_of_all_since` all of its administrators; 0 if not."""
    factor_of_all_since: int = 0

    @property
    def factor_required(self) -> FactorRequired:
        """Which of its administrators need a second factor."""
        return "all" if self.factor_of_all_since else "owners" if self.factor_of_owners_since else "off"


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


Unsolicited = Literal["refuse", "restart", "accept"]
NameIdIs = Literal["userName", "externalId"]
SamlBinding = Literal["redirect", "post"]


@dataclass(frozen=True, slots=True)
class SamlSettings:
    """What is known of the identity provider's SAML side, and how people sign in with it."""

    entity_id: str = ""
    sso_url: str = ""
    certificates: tuple[Certificate, ...] = ()
    """Those that a signature may be made with; the keys in them are pinned."""
    sso_binding: SamlBinding = "redirect"
    slo_url: str = ""
    slo_binding: SamlBinding = "redirect"
    slo_response_url: str = ""
    """Where answers to its own logout requests go, if not to `slo_url`."""
    candidates: tuple[Certificate, ...] = ()
    """Those that only a sign-in test accepts, until they are put into force."""
    metadata_url: str = ""
    """Where the above is read again from time to time; empty for never."""
    refreshed_at: int = 0
    refresh_failure: str = ""
    weak_certificates: tuple[str, ...] = ()
    """Certificates of the metadata that were left out because their keys are too weak, each as a sentence."""
    unsolicited: Unsolicited = "refuse"
    """What becomes of a response nobody asked for, such as a tile's (IdP-initiated)."""
    name_id_is: NameIdIs = "userName"
    just_in_time: bool = False
    """Whether who is not here yet is created at the first sign-in."""
    sign_requests: bool = False
    force_authn: bool = False
    authn_context: str = ""
    default_relay: str = ""
    """Path or URL of an application that people go to when they came from nowhere in particular."""
    groups_attribute: str = "groups"
    domains: tuple[str, ...] = ()
    """E-mail domains whose people are sent to this identity provider where a tenant has several."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """One rule that gives a role: when an attribute of the Profile, or one of the assertion's groups, is a value.

    `source` is `profile` or `group`; `attribute` names the Profile's attribute and is empty for a group. Values are
    compared without regard to case.
    """

    source: Literal["profile", "group"]
    attribute: str
    value: str
    role: str


@dataclass(frozen=True, slots=True)
class RoleRules:
    """The rules of an identity provider, in order. Each that fits gives its role; if none does, there is a default."""

    rules: tuple[RoleRule, ...] = ()
    default: str = ""


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
    """Grows with every change of the mapping or of the role rules: Profiles are derived by both."""
    created_at: int
    modified_at: int
    roles: RoleRules = RoleRules()


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
    saml_groups: str = "[]"
    """The groups of the last assertion as JSON text; role rules read them."""
    blocked_at: int | None = None
    """Since when an administrator keeps this person out, whatever the identity provider says."""

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
    identity_provider_id: str = ""
    """Set for who comes from an identity provider, together with the person's id: such a one holds no password."""
    user_id: str = ""


class Actor(NamedTuple):
    """Who is doing this, in which tenant, in which request. Every transaction is opened for an actor."""

    tenant_id: str
    kind: Literal["identity_provider", "administrator", "operator", "person", "worker", "nobody"]
    id: str = ""
    """A credential's or an administrator's id; empty for the command line and the worker."""
    name: str = ""
    """What the log calls them: `Okta (key vk_7Q…2f)`, a name, `command line`."""
    identity_provider_id: str = ""
    address: str = ""
    agent: str = ""
    request_id: str = ""
    received_at: int = 0
    """Microseconds since 1970 at which the request was received; 0 for what no request began."""


class Stopwatch(NamedTuple):
    """How long it took until a person's access was gone, in microseconds after the request was received."""

    tenant_id: str
    event_id: str
    user_id: str
    received_at: int
    committed_after: int
    sessions: int
    """How many sessions died with the commit."""


class Application(NamedTuple):
    """What a person may open after signing in. `role` is who sees it; empty for everybody."""

    id: str
    name: str
    url: str
    description: str
    role: str
    created_at: int


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
    """A run that derives every Profile of an identity provider again. It is finished once `finished_at` is set.

    It passes over everybody in the order of their ids, and then over the people who changed around its start. In the
    second pass `late_from` is the instant of the last change it has looked at, and `cursor` the person.
    """

    identity_provider_id: str
    mapping_version: int
    cursor: str
    done: int
    changed: int
    total: int
    started_at: int
    finished_at: int | None
    late_from: int | None = None


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
        head, tail = f"{high:015x}", f"{low:016x}"
        return f"{head[:8]}-{head[8:12]}-7{head[12:]}-{tail[:4]}-{tail[4:]}"


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
