"""What there is in an org: people, groups, applications, assignments, tasks. Values and their rules.

The rule: no I/O, no clock. Times are ISO 8601 strings in UTC, as Okta's API writes them; ids are shaped like Okta's.
"""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pocket_okta import refusal
from pocket_okta.attributes import DEFAULT_MAPPING, Attribute
from pocket_okta.catalogue import BY_KEY, Scheme, Template
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.sign_on import SignOn, evaluate

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return an id of 20 characters such as Okta gives: 00u… a person, 00g… a group, 0oa… an app."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(20 - len(prefix)))


def name_key(name: str) -> str:
    """Return what two names are compared by: neither case nor outer blanks make a difference."""
    return name.strip().casefold()


class Status(StrEnum):
    """A person's state, as named in Okta's API."""

    STAGED = "STAGED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DEPROVISIONED = "DEPROVISIONED"  # the screens say "Deactivated"


# What may follow what: act -> (states it starts from, the state it leads to, what to tell who asks from elsewhere).
LIFECYCLE: Mapping[str, tuple[tuple[Status, ...], Status, str]] = {
    "activate": (
        (Status.STAGED, Status.DEPROVISIONED),
        Status.ACTIVE,
        "Activation failed because the user is already active",
    ),
    "deactivate": (
        (Status.STAGED, Status.ACTIVE, Status.SUSPENDED),
        Status.DEPROVISIONED,
        "This operation is not allowed in the user's current status: the user is already deactivated.",
    ),
    "suspend": (
        (Status.ACTIVE,),
        Status.SUSPENDED,
        "Cannot suspend a user that is not active",
    ),
    "unsuspend": (
        (Status.SUSPENDED,),
        Status.ACTIVE,
        "Cannot unsuspend a user that is not suspended",
    ),
}


@dataclass(frozen=True, slots=True)
class Person:
    """An Okta user. `profile` holds Okta's attribute names; an attribute without a value is absent."""

    id: str
    status: Status
    profile: Mapping[str, str]
    created: str
    last_updated: str
    status_changed: str
    activated: str = ""
    password_changed: str = ""

    @property
    def login(self) -> str:
        return self.profile["login"]

    @property
    def name(self) -> str:
        return f"{self.profile['firstName']} {self.profile['lastName']}"


@dataclass(frozen=True, slots=True)
class Group:
    """An Okta group."""

    id: str
    name: str
    description: str
    created: str
    last_updated: str


@dataclass(frozen=True, slots=True)
class Connection:
    """Provisioning > Integration: where an app's SCIM service is and how to sign in there."""

    base_url: str = ""
    scheme: Scheme = Scheme.BASIC
    username: str = ""
    secret: str = ""  # the password, or the token
    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """Provisioning > To App: the boxes that say Enable."""

    create: bool = False
    update: bool = False
    deactivate: bool = False
    password: bool = False

    @property
    def any(self) -> bool:
        return self.create or self.update or self.deactivate or self.password


# What happens to the account of somebody who is deprovisioned: value -> the words on the screen.
DEPROVISIONING: Mapping[str, str] = {
    "DEACTIVATE": "Deactivate the account",
    "DELETE": "Delete the account at once",
    "DELETE_LATER": "Deactivate the account, and delete it after a delay",
}


@dataclass(frozen=True, slots=True)
class Deprovisioning:
    """Provisioning > To App: what Deactivate Users does. `action` is one of DEPROVISIONING.

    `days`: how long after. `remove_from_groups`: the person is taken out of the pushed groups as well.
    """

    action: str = "DEACTIVATE"
    days: int = 30
    remove_from_groups: bool = False


# "Supported provisioning actions" of an app made with the wizard, in the order of Okta's screen.
ACTIONS: Mapping[str, str] = {
    "IMPORT_USERS": "Import New Users and Profile Updates",
    "PUSH_NEW_USERS": "Push New Users",
    "PUSH_PROFILE_UPDATES": "Push Profile Updates",
    "PUSH_GROUPS": "Push Groups",
}
# "Member changes per PATCH" (wire facts 1.8): the default, and what an app may be set to.
GROUP_BATCH, LARGEST_GROUP_BATCH = 100, 1000
USERNAME_FORMATS: Mapping[str, str] = {"login": "Okta username", "email": "Email"}


@dataclass(frozen=True, slots=True)
class App:
    """An application of the org.

    `provisioning`: whether the app speaks SCIM at all (the wizard's General tab can say None).
    `withhold_after_error`: a failed profile push makes a later unassignment send no deactivation (wire facts 1.7).
    `patch_profiles`: a catalogue app pushes profiles as a PATCH too; sources contradict each other (wire facts 9.1).
    `rename_groups`: a pushed group gets the name that it has in Okta; otherwise a linked group keeps its own.
    `group_batch`: how many member changes go into one PATCH.
    `entitlements`, `import_schema`: roles, entitlements and attributes are read from the discovery documents.
    """

    id: str
    label: str
    template: Template
    created: str
    last_updated: str
    provisioning: bool = True
    connection: Connection = Connection()
    features: Features = Features()
    actions: frozenset[str] = frozenset(ACTIONS)
    unique_field: str = "userName"
    username_format: str = "login"
    import_groups: bool = False
    withhold_after_error: bool = False
    patch_profiles: bool = False
    rename_groups: bool = True
    group_batch: int = GROUP_BATCH
    deprovisioning: Deprovisioning = Deprovisioning()
    entitlements: bool = False
    import_schema: bool = False
    custom_attributes: tuple[Attribute, ...] = ()
    sign_on: SignOn = field(default_factory=SignOn)

    @property
    def external_key(self) -> str:
        """What the application is called in SAML: its id under another prefix."""
        return f"exk{self.id[3:]}"

    @property
    def mapping(self) -> tuple[Attribute, ...]:
        if self.username_format == "login":
            return DEFAULT_MAPPING + self.custom_attributes
        first = DEFAULT_MAPPING[0]
        user_name = Attribute(
            first.name, first.label, first.external_name, first.external_namespace, f"user.{self.username_format}"
        )
        return (user_name, *DEFAULT_MAPPING[1:], *self.custom_attributes)

    @property
    def connected(self) -> bool:
        return self.provisioning and self.connection.enabled

    @property
    def can(self) -> Features:
        """What provisioning does right now: the ticked boxes, as far as the connection and the wizard allow."""
        if not self.connected or self.template.cycles:
            return Features()
        if not self.template.wizard:
            return self.features
        return Features(
            create=self.features.create and "PUSH_NEW_USERS" in self.actions,
            update=self.features.update and "PUSH_PROFILE_UPDATES" in self.actions,
            deactivate=self.features.deactivate and "PUSH_PROFILE_UPDATES" in self.actions,
            password=self.features.password and "PUSH_PROFILE_UPDATES" in self.actions,
        )

    @property
    def can_push_groups(self) -> bool:
        return self._may("PUSH_GROUPS")

    @property
    def can_import(self) -> bool:
        return self._may("IMPORT_USERS")

    def _may(self, action: str) -> bool:
        allowed = not self.template.wizard or action in self.actions
        return self.connected and not self.template.cycles and allowed


@dataclass(frozen=True, slots=True)
class Assignment:
    """An app user: the assignment of a person to an app. The row is kept after unassignment, with the id at the SCIM
    service.

    `direct`: assigned by hand. `assigned`: by hand or through a group. `remote_id`: the id the SCIM service gave.
    `error`: the sentence beside the red mark. `push_failed`: the last profile push ended in an error.
    """

    app_id: str
    person_id: str
    direct: bool
    assigned: bool
    user_name: str
    profile: Mapping[str, object]
    remote_id: str
    error: str
    push_failed: bool
    created: str
    last_updated: str
    status_changed: str
    last_sync: str

    @property
    def person_name(self) -> str:
        return f"{self.profile.get('givenName', '')} {self.profile.get('familyName', '')}".strip() or self.user_name


class JobKind(StrEnum):
    """What the engine can be told to do for an app user, for a pushed group, or for an app (import)."""

    PROVISION = "provision"
    PUSH_PROFILE = "push_profile"
    PUSH_PASSWORD = "push_password"  # noqa: S105  (the name of a job)
    DEACTIVATE = "deactivate"
    DELETE_USER = "delete_user"
    IMPORT = "import"
    UNIVERSAL_LOGOUT = "universal_logout"
    PUSH_GROUP = "push_group"  # what is new: a delta
    OVERWRITE_GROUP = "overwrite_group"  # the button "Push now"
    DELETE_GROUP = "delete_group"
    CYCLE = "cycle"  # of an app whose template has cycles
    ON_DEMAND = "on_demand"  # one person of such an app


GROUP_WORK = frozenset({JobKind.PUSH_GROUP, JobKind.OVERWRITE_GROUP, JobKind.DELETE_GROUP})


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of provisioning work. Jobs of one app user or group run in the order they were given, one at a time.

    `subject` is the id of a person, or of a group push mapping for group work; blank for an import.
    """

    id: int
    app_id: str
    subject: str
    kind: JobKind
    secret: str = field(default="", repr=False)  # a password on its way

    @property
    def person_id(self) -> str:
        """The id of the person whom the job is about; blank if it is about a group or an app."""
        return "" if self.kind in GROUP_WORK else self.subject

    @property
    def line(self) -> tuple[str, str]:
        """What this job queues behind: its app user or group; for an import, the app's own line.

        Universal Logout has a line beside the app user's: a session is to end now, whatever provisioning waits for.
        """
        if self.kind is JobKind.UNIVERSAL_LOGOUT:
            return (self.app_id, f"{self.subject} logout")
        return (self.app_id, self.subject)


@dataclass(frozen=True, slots=True)
class Task:
    """Dashboard > Tasks: provisioning that failed and waits for an administrator. `subject` is that of the job."""

    id: int
    app_id: str
    subject: str
    kind: JobKind
    message: str
    state: str  # open, retried, dismissed, resolved
    created: str
    closed: str
    secret: str = field(default="", repr=False)

    @property
    def person_id(self) -> str:
        """The id of the person whom the task is about; blank if it is about a group or an app."""
        return "" if self.kind in GROUP_WORK else self.subject


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody an import found on the other side. `profile` holds app attributes."""

    remote_id: str
    user_name: str
    profile: Mapping[str, object]


def linked(app: App, person_id: str, found: Candidate, now: str) -> Assignment:
    """Return the assignment that ties a person to an account which an import found: nothing needs to be sent."""
    return Assignment(
        app_id=app.id,
        person_id=person_id,
        direct=True,
        assigned=True,
        user_name=found.user_name,
        profile=found.profile,
        remote_id=found.remote_id,
        error="",
        push_failed=False,
        created=now,
        last_updated=now,
        status_changed=now,
        last_sync=now,
    )


def told(source: str, person: Person, row: Assignment) -> str:
    """Return the value of a sign-on expression for an app user; blank when there is none."""
    return evaluate(source, person.profile, row.profile, {"id": person.id, "userName": row.user_name})


def check_label(label: object) -> str:
    """Return a trimmed name for an app or a group; refuses a blank or endless one."""
    if not isinstance(label, str) or not 1 <= len(label.strip()) <= 100:
        raise refusal.invalid("label", "label: wanted 1 to 100 characters.")
    return label.strip()


def require(act: str, person: Person) -> Status:
    """Return the state that a lifecycle act leads to; refuses one that does not start from the person's state."""
    starts, leads_to, otherwise = LIFECYCLE[act]
    if person.status not in starts:
        raise Refusal(Kind.WRONG_STATE, otherwise)
    return leads_to


def template_of(key: str) -> Template:
    """Return the template that a stored app was made from."""
    return BY_KEY[key]
