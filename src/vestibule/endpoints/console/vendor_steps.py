"""The set-up steps in the other product, with the real values filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vestibule.vendors import THE_SECRET, THE_TOKEN, Step

_SHOWN_ONCE: Final = {THE_SECRET, THE_TOKEN}


@dataclass(frozen=True, slots=True)
class FilledField:
    """A field of the other product, and what to enter there."""

    label: str
    value: str
    exact: bool
    """Whether the value is to be entered as it is, so that it can be copied."""


@dataclass(frozen=True, slots=True)
class FilledStep:
    """A step with its fields filled in."""

    where: str
    what: str
    fields: tuple[FilledField, ...]


def fill_steps(steps: tuple[Step, ...], values: Mapping[str, str]) -> list[FilledStep]:
    """Returns the steps with what the page knows. `values` are by the name between the braces; an empty one is not
    known yet.
    """
    return [
        FilledStep(step.where, step.what, tuple(_filled(label, value, values) for label, value in step.fields))
        for step in steps
    ]


def _filled(label: str, value: str, values: Mapping[str, str]) -> FilledField:
    if value in _SHOWN_ONCE:
        return FilledField(label, f"{value}, shown once when the key was made", exact=False)
    if not value.startswith("{"):
        return FilledField(label, value, exact=False)
    known = values[value.strip("{}")]
    if known:
        return FilledField(label, known, exact=True)
    return FilledField(label, "the Key, made when auto-provisioning is switched on", exact=False)
