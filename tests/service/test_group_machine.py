"""Random operations on people and groups, nested groups included, against a model in memory: the same verdict and the
same state after each, and `verify` finds nothing at the end.
"""

from typing import Any

import httpx2
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import Running

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
GHOST = "00000000-0000-7000-8000-000000000000"
VERBS = st.sampled_from(["add", "remove", "replace"])


class Groups(RuleBasedStateMachine):
    """One tenant, and what should be in it. Ids of people and groups are in one bundle: both may be members."""

    running: Running

    people = Bundle("people")
    groups = Bundle("groups")

    @initialize()
    def open(self) -> None:
        self.place = self.running.new_tenant()
        self.client = self.place.client()
        self.known_people: set[str] = set()
        self.members: dict[str, set[str]] = {}
        self.names: dict[str, str] = {}
        self.numbers = 0

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.close()
            assert self.place.faults() == []

    # -- the model

    def is_refused(self, group: str, ids: set[str]) -> bool:
        """Returns whether ids cannot become members of a group: one is unknown, or the group would be in itself."""
        known = self.known_people | self.members.keys()
        return not ids <= known or any(group in self.below(each) for each in ids & self.members.keys())

    def below(self, group: str) -> set[str]:
        """Returns the groups that are in a group, itself included."""
        found, left = {group}, [group]
        while left:
            inner = self.members[left.pop()] & self.members.keys() - found
            found |= inner
            left += inner
        return found

    def forget(self, gone: str) -> None:
        for members in self.members.values():
            members.discard(gone)

    def name(self) -> str:
        self.numbers += 1
        return f"name {self.numbers}"

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        return self.client.request(method, path, json=body, params=query)

    # -- people

    @rule(target=people)
    def hire(self) -> str:
        answer = self.ask("POST", "/Users", {"userName": self.name()})
        assert answer.status_code == 201
        made: str = answer.json()["id"]
        self.known_people.add(made)
        return made

    @rule(person=consumes(people))
    def delete_person(self, person: str) -> None:
        assert self.ask("DELETE", f"/Users/{person}").status_code == 204
        self.known_people.remove(person)
        self.forget(person)

    @rule(person=people, active=st.booleans())
    def switch(self, person: str, active: bool) -> None:
        operation = {"op": "replace", "value": {"active": active}}
        answer = self.ask("PATCH", f"/Users/{person}", {"schemas": [PATCH_OP], "Operations": [operation]})
        assert (answer.status_code, answer.json()["active"]) == (200, active)

    # -- groups

    @rule(target=groups, ids=st.sets(st.one_of(people, groups), max_size=4), ghost=st.booleans())
    def create(self, ids: set[str], ghost: bool) -> Any:
        wanted, name = ids | ({GHOST} if ghost and self.numbers % 3 == 0 else set()), self.name()
        body = {"displayName": name, "members": [{"value": each} for each in wanted]}
        answer = self.ask("POST", "/Groups", body)
        if self.is_refused("", wanted):
            assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
            return multiple()
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        self.members[made], self.names[made] = set(wanted), name
        return made

    @rule(group=groups, ids=st.sets(st.one_of(people, groups), max_size=4), rename=st.booleans())
    def put(self, group: str, ids: set[str], rename: bool) -> None:
        name = self.name() if rename else self.names[group]
        body = {"displayName": name, "members": [{"value": each} for each in ids]}
        answer = self.ask("PUT", f"/Groups/{group}", body)
        kept, self.members[group] = self.members[group], set()
        if refused := self.is_refused(group, ids - kept):
            self.members[group] = kept
        else:
            self.members[group], self.names[group] = set(ids), name
        assert answer.status_code == (400 if refused else 200), answer.text

    @rule(
        group=groups,
        steps=st.lists(st.tuples(VERBS, st.sets(st.one_of(people, groups), max_size=3), st.booleans()), max_size=4),
    )
    def patch(self, group: str, steps: list[tuple[str, set[str], bool]]) -> None:
        operations: list[dict[str, Any]] = []
        kept, refused = set(self.members[group]), False
        for verb, ids, by_filter in steps:
            if verb == "remove" and by_filter and ids:
                terms = " or ".join(f'value eq "{each}"' for each in sorted(ids))
                operations.append({"op": "remove", "path": f"members[{terms}]"})
            else:
                value = [{"value": each} for each in sorted(ids)]
                operations.append({"op": verb, "path": "members", "value": value})
            refused = refused or self.step(group, verb, ids)
        answer = self.ask("PATCH", f"/Groups/{group}", {"schemas": [PATCH_OP], "Operations": operations})
        if refused:
            self.members[group] = kept
        assert answer.status_code == (400 if refused else 204), (answer.text, operations)

    def step(self, group: str, verb: str, ids: set[str]) -> bool:
        """Carry out one step in the model. Returns whether it is refused."""
        had = self.members[group]
        if verb == "remove":
            self.members[group] = had - ids if ids else set()
            return False
        self.members[group] = had if verb == "add" else had & ids
        if self.is_refused(group, ids - self.members[group]):
            return True
        self.members[group] = self.members[group] | ids
        return False

    @rule(group=consumes(groups))
    def delete_group(self, group: str) -> None:
        assert self.ask("DELETE", f"/Groups/{group}").status_code == 204
        del self.members[group], self.names[group]
        self.forget(group)

    # -- what is compared

    @rule(group=groups)
    def read(self, group: str) -> None:
        shown = self.ask("GET", f"/Groups/{group}").json()
        assert {each["value"] for each in shown.get("members", [])} == self.members[group]
        assert shown["displayName"] == self.names[group]
        found = self.ask("GET", "/Users", filter=f'groups eq "{group}"').json()
        people = set[str]().union(*(self.members[each] for each in self.below(group))) & self.known_people
        assert {each["id"] for each in found["Resources"]} == people

    @rule(person=people)
    def read_person(self, person: str) -> None:
        shown = {each["value"]: each["type"] for each in self.ask("GET", f"/Users/{person}").json().get("groups", [])}
        direct = {group for group, members in self.members.items() if person in members}
        every = {group for group in self.members if self.below(group) & direct}
        assert shown == {group: "direct" if group in direct else "indirect" for group in every}
        found = self.ask("GET", "/Groups", filter=f'members eq "{person}"', excludedAttributes="members").json()
        assert {each["id"] for each in found["Resources"]} == direct

    @invariant()
    def count(self) -> None:
        if hasattr(self, "client"):
            assert self.ask("GET", "/Groups", count="0").json()["totalResults"] == len(self.members)


def test_groups_are_what_was_asked_for(running: Running) -> None:
    def machine() -> Groups:
        made = Groups()
        made.running = running
        return made

    given = settings(max_examples=8, stateful_step_count=40)
    run_state_machine_as_test(machine, settings=given)  # type: ignore[arg-type]  # it takes any function that makes one
