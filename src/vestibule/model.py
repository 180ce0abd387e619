"""The domain model: immutable values that storage returns, actions take and pages show.

Values that are created for every request are named tuples, because creating a frozen dataclass takes five times as
long.

Times are milliseconds since 1970, UTC. Ids are made by the application, not by the database: UUIDv7 as text, and short
random ids for tenants and identity providers.
"""

import os
import random
import re
import secrets
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from vestibule.scim.representation import Kept

HOUSE: Final = "house"
"""The tenant id of rows that belong to no customer but to the whole installation, such as operators."""

TENANT_NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
"""Tenant names are used in URLs and host names: no underscores (Okta refuses them), no capital letters."""

RESERVED_TENANT_NAMES: Final = frozenset(
    {HOUSE, "admin", "api", "console", "healthz", "metrics", "readyz", "saml", "scim", "setup", "static", "www"}
)

TenantState = Literal["active", "suspended"]
Provisioning = Literal["off", "on", "paused"]
AdministratorRole = Literal["auditor", "admin", "owner", "operator"]
ROLES: Final[tuple[AdministratorRole, ...]] = ("auditor", "admin", "owner", "operator")
"""Administrator roles. Each includes the rights of those before it. Operators belong to the installation and see all
tenants.
"""


FactorRequired = Literal["off", "owners", "all"]
"""Which administrators of a tenant need a second factor."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation. `name` is used in URLs, `title` is shown to people."""

    id: str
    name: str
    title: str
    state: TenantState
    created_at: int
    session_idle: int = 30 * 60_000
    """Milliseconds without a request after which a person's session ends."""
    session_absolute: int = 8 * 3_600_000
    """Milliseconds after which a person's session ends even if it is used."""
    factor_of_owners_since: int = 0
    """Since when owners need a second factor; 0 if they do not."""
    factor_of_all_since: int = 0
    """Since when all administrators need a second factor; 0 if they do not."""

    @property
    def factor_required(self) -> FactorRequired:
        """Which of its administrators need a second factor."""
        return "all" if self.factor_of_all_since else "owners" if self.factor_of_owners_since else "off"


HOUSE_TENANT: Final = Tenant(HOUSE, HOUSE, "The house", "active", 0)
"""Used in place of a tenant where operators manage themselves. It is in no table and has no SCIM URL."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signing certificate of an identity provider. `fingerprint` is its SHA-256 in hexadecimal."""

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
    """The SAML settings of an identity provider: its metadata, and how people sign in with it."""

    entity_id: str = ""
    sso_url: str = ""
    certificates: tuple[Certificate, ...] = ()
    """Certificates whose keys may sign. Only these keys are trusted."""
    sso_binding: SamlBinding = "redirect"
    slo_url: str = ""
    slo_binding: SamlBinding = "redirect"
    slo_response_url: str = ""
    """Where responses to its logout requests are sent, if not to `slo_url`."""
    candidates: tuple[Certificate, ...] = ()
    """Certificates that only a sign-in test accepts, until an administrator puts them into force."""
    metadata_url: str = ""
    """Where the settings above are read again every hour; empty for never."""
    refreshed_at: int = 0
    refresh_failure: str = ""
    weak_certificates: tuple[str, ...] = ()
    """Certificates in the metadata that were left out because their keys are too weak, each as a sentence."""
    unsolicited: Unsolicited = "refuse"
    """What to do with a response that answers no request (IdP-initiated sign-in, such as a click on a tile)."""
    name_id_is: NameIdIs = "userName"
    """The attribute of a person that is compared with the NameID."""
    just_in_time: bool = False
    """Whether unknown people are created at their first sign-in."""
    sign_requests: bool = False
    force_authn: bool = False
    authn_context: str = ""
    default_relay: str = ""
    """Path or URL that people are sent to if the sign-in has no RelayState."""
    groups_attribute: str = "groups"
    domains: tuple[str, ...] = ()
    """E-mail domains of the people who use this identity provider, if the tenant has several."""


RoleSource = Literal["profile", "group", "scim_group"]
"""What a role rule looks at: an attribute of the Profile, a group of the assertion, or a group that was pushed."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A rule that gives `role` if an attribute of the Profile, or one of the assertion's groups, equals `value`, or if
    the person is in the SCIM group with that id.

    `attribute` names the attribute of the Profile. It is empty if `source` is `group`, and the name that the group had
    when the rule was saved if it is `scim_group`. Case is ignored.
    """

    source: RoleSource
    attribute: str
    value: str
    role: str


@dataclass(frozen=True, slots=True)
class RoleRules:
    """The role rules of an identity provider. Every rule that matches gives its role; `default` is for no match."""

    rules: tuple[RoleRule, ...] = ()
    default: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a mapping: where an attribute of the Profile comes from.

    `sources` are SCIM attribute paths. The first one with a value is used; if `join` is given, all their values are
    joined with that text. `default` is used if no source has a value. `case` and `trim` are applied last.
    """

    target: str
    sources: tuple[str, ...]
    default: str = ""
    case: Literal["", "lower"] = ""
    trim: bool = False
    join: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A tenant's connection with one Okta, Entra ID or other product."""

    id: str
    name: str
    vendor: str
    enabled: bool
    provisioning: Provisioning
    adopts: bool
    """Whether it may find, and take over, people who were added by hand and have no role."""
    saml: SamlSettings
    mapping: tuple[Rule, ...]
    mapping_version: int
    """Incremented by every change of the mapping or the role rules, because Profiles depend on both."""
    created_at: int
    modified_at: int
    roles: RoleRules = RoleRules()
    strict: bool = False
    """Whether its SCIM requests are refused where the RFCs want that, and not corrected (`scim.strict`)."""


class Credential(NamedTuple):
    """A Key and what is known about it. The Secret is not stored, only its HMAC."""

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
        """Returns whether it is accepted at that time: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class User(NamedTuple):
    """A person as stored: the SCIM resource and the Profile derived from it."""

    id: str
    identity_provider_id: str
    """Empty for a person who was added by hand."""
    active: bool
    role: str
    document: str
    """The SCIM document as JSON text, without `id` and `meta`."""
    profile: str
    version: int
    created_at: int
    modified_at: int
    saml_groups: str = "[]"
    """The groups of the last assertion, a JSON list. Role rules use them."""
    blocked_at: int | None = None
    """When an administrator blocked this person, if so. A block is independent of the identity provider."""
    in_groups: bool = False
    """Whether the person is directly in a group."""

    @property
    def kept(self) -> Kept:
        """The resource in the form that the SCIM library takes."""
        return Kept(self.id, self.document, self.created_at, self.modified_at, self.version)


class Group(NamedTuple):
    """A group as stored, without its members, which are rows of their own."""

    id: str
    identity_provider_id: str
    document: str
    """The SCIM document as JSON text, without `id`, `meta` and `members`."""
    member_count: int
    version: int
    created_at: int
    modified_at: int

    @property
    def kept(self) -> Kept:
        """The resource in the form that the SCIM library takes."""
        return Kept(self.id, self.document, self.created_at, self.modified_at, self.version)


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody who works in the console. SCIM can neither see nor create administrators."""

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
    """Set for administrators who sign in with an identity provider. They have no password."""
    user_id: str = ""
    """The person that such an administrator is."""


class Actor(NamedTuple):
    """Who acts, in which tenant and in which request. Every transaction is opened for an actor."""

    tenant_id: str
    kind: Literal["identity_provider", "administrator", "operator", "person", "worker", "nobody"]
    id: str = ""
    """The id of a credential, administrator or person; empty for the command line and the worker."""
    name: str = ""
    """How the activity log names the actor, such as `Okta (key vk_7Q…2f)` or `command line`."""
    identity_provider_id: str = ""
    address: str = ""
    agent: str = ""
    request_id: str = ""
    received_at: int = 0
    """When the request was received, in microseconds since 1970; 0 if there is no request."""


class Stopwatch(NamedTuple):
    """How long it took to end a person's access after the request for it was received. Times are microseconds."""

    tenant_id: str
    event_id: str
    user_id: str
    received_at: int
    committed_after: int
    sessions: int
    """How many sessions that transaction ended."""


class Application(NamedTuple):
    """An application that people can open from their home page. Only people with `role` see it; empty for everybody."""

    id: str
    name: str
    url: str
    description: str
    role: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as stored. What `data` contains depends on the type (see `events`)."""

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
    """A background job that derives all Profiles of an identity provider again. It is done once `finished_at` is set.

    The first pass goes through all people in the order of their ids. The second pass goes through those who changed
    since about the start; there `late_from` and `cursor` are the time of the last change and the id of the last person
    that were processed.
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
    """Makes UUIDv7 (RFC 9562 §5.7) that only increase within a process, so that rows keep their order.

    They must be unique, not unguessable: no secret depends on an id, so the random part needs no system call.
    """

    def __init__(self) -> None:
        self._last = 0
        self._random = random.Random(os.urandom(32))  # noqa: S311 -- not a secret

    def next(self, now: int) -> str:
        # 48 bits of milliseconds and 12 bits of counter form one number that only increases.
        high = self._last = max(now << 12, self._last + 1)
        low = self._random.getrandbits(62) | 0x8000_0000_0000_0000
        head, tail = f"{high:015x}", f"{low:016x}"
        return f"{head[:8]}-{head[8:12]}-7{head[12:]}-{tail[:4]}-{tail[4:]}"


_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are easily misread


def new_short_id() -> str:
    """Returns a new random id of 60 bits for a tenant or an identity provider.

    It is short because every index entry begins with one.
    """
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def created_at(id_: str) -> int:
    """Returns the time at which a UUIDv7 was made, in milliseconds. It is also the `created_at` of the row."""
    return int(id_[:8] + id_[9:13], 16)


def first_id_of(milliseconds: int) -> str:
    """Returns the smallest UUIDv7 of a millisecond. No id that is made then or later is below it."""
    head = f"{min(max(milliseconds, 0), (1 << 48) - 1):012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-000000000000"


_ids = _Ids()


def new_id(now: int) -> str:
    """Returns a new UUIDv7, which sorts by time. Call it in the event loop's thread only."""
    return _ids.next(now)
