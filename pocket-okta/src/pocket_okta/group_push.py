"""Group push: which Okta group is pushed to which group of an application, and the rules that find groups to push.

The rule: values and their checks, no I/O. Source: Okta wire facts 1.8.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pocket_okta import refusal
from pocket_okta.org import Group, name_key


@dataclass(frozen=True, slots=True)
class GroupPush:
    """A group push mapping: an Okta group and its copy at the SCIM service.

    `target_name`: what the copy is called there, blank if unknown; before the first push the name that is looked up.
    `remote_id`: the id that the service gave the group; blank before the first push.
    `members`: the members' ids at the service, as last pushed. `error`: the sentence beside the red mark.
    `rule_id`: the rule that made the mapping, blank if somebody did. `last_push`: blank before the first one.
    """

    id: str
    app_id: str
    group_id: str
    active: bool
    target_name: str
    remote_id: str
    members: tuple[str, ...]
    error: str
    rule_id: str
    created: str
    last_updated: str
    last_push: str


# Okta's words for how a rule compares: operator -> the words on the screen.
OPERATORS: Mapping[str, str] = {"STARTS_WITH": "starts with", "ENDS_WITH": "ends with", "CONTAINS": "contains"}
FIELDS: Mapping[str, str] = {"NAME": "Group name", "DESCRIPTION": "Group description"}


@dataclass(frozen=True, slots=True)
class PushRule:
    """A rule that finds groups to push by their name or description. Inactive, it finds no further groups."""

    id: str
    app_id: str
    name: str
    field: str
    operator: str
    value: str
    active: bool
    created: str

    @property
    def words(self) -> str:
        return f"{FIELDS[self.field]} {OPERATORS[self.operator]} “{self.value}”"

    def finds(self, group: Group) -> bool:
        """Tell whether a group fulfils the rule; neither case nor outer blanks make a difference."""
        text = name_key(group.name if self.field == "NAME" else group.description)
        wanted = name_key(self.value)
        match self.operator:
            case "STARTS_WITH":
                return text.startswith(wanted)
            case "ENDS_WITH":
                return text.endswith(wanted)
            case _:
                return wanted in text


def check_rule(name: str, field: str, operator: str, value: str) -> None:
    """Refuse a rule that cannot be kept, naming the field."""
    if not 1 <= len(name.strip()) <= 100:
        raise refusal.invalid("name", "name: wanted 1 to 100 characters.")
    if field not in FIELDS:
        raise refusal.invalid("field", f"field: wanted {' or '.join(FIELDS)}, got {field!r}.")
    if operator not in OPERATORS:
        raise refusal.invalid("operator", f"operator: wanted one of {', '.join(OPERATORS)}; got {operator!r}.")
    if not 1 <= len(value.strip()) <= 100:
        raise refusal.invalid("value", "value: wanted 1 to 100 characters, so that a rule does not find every group.")
