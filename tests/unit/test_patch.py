"""PATCH against models: what the RFC says, what Okta and Entra really send, and what no message may do."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestibule.scim.errors import (
    InvalidFilter,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    NoTarget,
    ScimError,
)
from vestibule.scim.messages import parse_patch
from vestibule.scim.patch import Operation, apply_patch
from vestibule.scim.resource import clean
from vestibule.scim.schema import ENTERPRISE_USER, USER, USER_TYPE

Document = dict[str, Any]


def person(**more: Any) -> Document:
    return {"schemas": [USER], "userName": "ana", "active": True} | more


def patched(document: Document, *operations: Document) -> Document:
    after, _ = apply_patch(document, parse_patch({"Operations": list(operations)}), USER_TYPE)
    return after


WORK = {"value": "w@x", "type": "work", "primary": True}
HOME = {"value": "h@x", "type": "home"}


@pytest.mark.parametrize(
    ("before", "operation", "attribute", "after"),
    [
        # simple attributes: add and replace are one
        ({}, {"op": "add", "path": "title", "value": "A"}, "title", "A"),
        ({"title": "A"}, {"op": "replace", "path": "title", "value": "B"}, "title", "B"),
        ({"title": "A"}, {"op": "replace", "path": "title", "value": ""}, "title", None),
        ({"title": "A"}, {"op": "replace", "path": "title", "value": None}, "title", None),
        ({"title": "A"}, {"op": "remove", "path": "TITLE"}, "title", None),
        ({"title": "A"}, {"op": "replace", "path": f"{USER}:title", "value": "B"}, "title", "B"),
        # complex: what is not named stays
        (
            {"name": {"givenName": "A"}},
            {"op": "replace", "path": "name", "value": {"familyName": "B"}},
            "name",
            {"givenName": "A", "familyName": "B"},
        ),
        ({"name": {"givenName": "A"}}, {"op": "replace", "value": {"name": {"givenName": None}}}, "name", None),
        ({"name": {"givenName": "A"}}, {"op": "remove", "path": "name.givenName"}, "name", None),
        ({}, {"op": "add", "path": "name.givenName", "value": "A"}, "name", {"givenName": "A"}),
        ({"name": {"givenName": "A"}}, {"op": "remove", "path": "name"}, "name", None),
        # many values
        ({"emails": [WORK]}, {"op": "add", "path": "emails", "value": [HOME]}, "emails", [WORK, HOME]),
        ({"emails": [WORK]}, {"op": "add", "path": "emails", "value": WORK}, "emails", [WORK]),
        ({"emails": [WORK]}, {"op": "replace", "path": "emails", "value": [HOME]}, "emails", [HOME]),
        ({"emails": [WORK]}, {"op": "replace", "path": "emails", "value": []}, "emails", None),
        ({"emails": [WORK, HOME]}, {"op": "remove", "path": "emails"}, "emails", None),
        ({"emails": [WORK, HOME]}, {"op": "remove", "path": 'emails[type eq "work"]'}, "emails", [HOME]),
        ({"emails": [WORK, HOME]}, {"op": "remove", "path": 'emails[type eq "other"]'}, "emails", [WORK, HOME]),
        ({"emails": [WORK, HOME]}, {"op": "remove", "path": "emails", "value": [{"value": "w@x"}]}, "emails", [HOME]),
        (
            {"emails": [WORK, HOME]},
            {"op": "remove", "path": "emails", "value": [{"value": "n@x"}]},
            "emails",
            [WORK, HOME],
        ),
        (
            {"emails": [WORK]},
            {"op": "remove", "path": 'emails[type eq "work"].type'},
            "emails",
            [{"value": "w@x", "primary": True}],
        ),
        # selected values
        (
            {"emails": [WORK, HOME]},
            {"op": "replace", "path": 'emails[type eq "home"].value', "value": "n@x"},
            "emails",
            [WORK, {"value": "n@x", "type": "home"}],
        ),
        (
            {"emails": [WORK, HOME]},
            {"op": "replace", "path": 'emails[type eq "home"]', "value": {"value": "n@x"}},
            "emails",
            [WORK, {"type": "home", "value": "n@x"}],
        ),
        (
            {"emails": [HOME]},
            {"op": "add", "path": 'emails[type eq "home"]', "value": {"display": "D"}},
            "emails",
            [HOME | {"display": "D"}],
        ),
        (
            {},
            {"op": "replace", "path": 'emails[type eq "Work" and primary eq true].value', "value": "n@x"},
            "emails",
            [{"type": "Work", "primary": True, "value": "n@x"}],
        ),
        (
            {"addresses": [{"country": "PT"}]},
            {"op": "replace", "path": "addresses.country", "value": "DE"},
            "addresses",
            [{"country": "DE"}],
        ),
        # one primary at most: the newest
        (
            {"emails": [WORK]},
            {"op": "add", "path": "emails", "value": [HOME | {"primary": True}]},
            "emails",
            [WORK | {"primary": False}, HOME | {"primary": True}],
        ),
        (
            {"emails": [WORK, HOME]},
            {"op": "replace", "path": 'emails[type eq "home"].primary', "value": "True"},
            "emails",
            [WORK | {"primary": False}, HOME | {"primary": True}],
        ),
        (
            {"emails": [WORK, HOME]},
            {"op": "replace", "path": 'emails[type eq "home"]', "value": HOME | {"primary": True}},
            "emails",
            [WORK | {"primary": False}, HOME | {"primary": True}],
        ),
        # the extension
        (
            {},
            {"op": "add", "path": f"{ENTERPRISE_USER}:department", "value": "Ops"},
            ENTERPRISE_USER,
            {"department": "Ops"},
        ),
        ({}, {"op": "add", "value": {ENTERPRISE_USER: {"department": "Ops"}}}, ENTERPRISE_USER, {"department": "Ops"}),
        ({ENTERPRISE_USER: {"department": "Ops"}}, {"op": "remove", "path": ENTERPRISE_USER}, ENTERPRISE_USER, None),
        (
            {ENTERPRISE_USER: {"manager": {"value": "u"}}},
            {"op": "Replace", "path": f"{ENTERPRISE_USER}.manager", "value": ""},
            ENTERPRISE_USER,
            None,
        ),
        (
            {},
            {"op": "Add", "path": f"{ENTERPRISE_USER}:manager", "value": "u-77"},
            ENTERPRISE_USER,
            {"manager": {"value": "u-77"}},
        ),
        (
            {},
            {"op": "add", "path": f"{ENTERPRISE_USER}:manager.value", "value": "u-77"},
            ENTERPRISE_USER,
            {"manager": {"value": "u-77"}},
        ),
        # a filter on an attribute with one value selects it or nothing
        *(
            (
                {ENTERPRISE_USER: {"manager": {"value": "m-31"}, "department": "Ops"}},
                {"op": "remove", "path": f'{ENTERPRISE_USER}{joint}manager[value eq "{who}"]{part}'},
                ENTERPRISE_USER,
                {"manager": {"value": "m-31"}, "department": "Ops"} if stays else {"department": "Ops"},
            )
            for joint in ":."
            for who, part, stays in (
                ("m-31", "", False),
                ("M-31", "", True),
                ("m-99", "", True),
                ("m-31", ".value", False),
                ("m-99", ".value", True),
            )
        ),
        ({"name": {"givenName": "A"}}, {"op": "remove", "path": 'name[givenName eq "a"]'}, "name", None),
        (
            {"name": {"givenName": "A"}},
            {"op": "remove", "path": 'name[givenName eq "b"]'},
            "name",
            {"givenName": "A"},
        ),
        (
            {ENTERPRISE_USER: {"manager": {"value": "m-31"}}},
            {"op": "replace", "path": f'{ENTERPRISE_USER}:manager[value eq "m-31"].displayName', "value": "Kit"},
            ENTERPRISE_USER,
            {"manager": {"value": "m-31", "displayName": "Kit"}},
        ),
        (
            {},
            {"op": "replace", "path": f'{ENTERPRISE_USER}:manager[value eq "m-31"].displayName', "value": "Kit"},
            ENTERPRISE_USER,
            {"manager": {"value": "m-31", "displayName": "Kit"}},
        ),
        # a simple value in a list of one, or in an object with nothing but a value
        *(
            ({"displayName": "Old"}, {"op": "Replace", "path": "displayName", "value": value}, "displayName", after)
            for value, after in (
                ([{"$ref": None, "value": "New"}], "New"),
                ({"value": "New"}, "New"),
                (["New"], "New"),
                ([{"Value": 7}], "7"),
                ([None], None),
                ([{"$ref": None, "value": None}], None),
            )
        ),
        *(
            ({}, {"op": "Replace", "path": "active", "value": value}, "active", False)
            for value in ([{"$ref": None, "value": "False"}], ["False"], [False], {"value": False})
        ),
        ({}, {"op": "add", "path": "name.givenName", "value": ["A"]}, "name", {"givenName": "A"}),
        # an object that comes as a text with JSON
        (
            {"emails": [WORK, HOME]},
            {
                "op": "replace",
                "path": 'emails[type eq "work"]',
                "value": '{"type": "work", "value": "c@x", "primary": true}',
            },
            "emails",
            [{"type": "work", "value": "c@x", "primary": True}, HOME],
        ),
        (
            {},
            {"op": "add", "path": "emails", "value": '[{"value": "a@x"}, "b@x"]'},
            "emails",
            [{"value": "a@x"}, {"value": "b@x"}],
        ),
        ({}, {"op": "add", "path": "emails", "value": ['{"value": "a@x"}']}, "emails", [{"value": "a@x"}]),
        ({}, {"op": "add", "path": "name", "value": '{"givenName": "A"}'}, "name", {"givenName": "A"}),
        (
            {},
            {"op": "add", "path": f"{ENTERPRISE_USER}:manager", "value": ' {"value": "m-1"}'},
            ENTERPRISE_USER,
            {"manager": {"value": "m-1"}},
        ),
        ({}, {"op": "add", "path": "roles", "value": "[Ops] clerk"}, "roles", [{"value": "[Ops] clerk"}]),
        ({}, {"op": "add", "path": "title", "value": '{"a": 1}'}, "title", '{"a": 1}'),
        # equal values are one (RFC 7643 §2.4)
        (
            {"emails": [WORK, {"value": "d@x", "type": "work"}]},
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "n@x"},
            "emails",
            [{"value": "n@x", "type": "work", "primary": True}],
        ),
        (
            {"emails": [{"value": "w@x", "type": "work"}, HOME | {"primary": True}]},
            {"op": "add", "path": "emails", "value": [{"value": "W@x", "type": "Work", "primary": True}]},
            "emails",
            [{"value": "W@x", "type": "Work", "primary": True}, HOME | {"primary": False}],
        ),
        (
            {"roles": [{"value": "Clerk", "display": "Clerk"}]},
            {"op": "add", "path": "roles", "value": {"value": "Clerk"}},
            "roles",
            [{"value": "Clerk", "display": "Clerk"}],
        ),
        (
            {"emails": [{"value": "w@x"}]},
            {"op": "add", "path": "emails", "value": [WORK, {"value": "w@x", "type": "home"}]},
            "emails",
            [WORK, {"value": "w@x", "type": "home"}],
        ),
        (
            {"addresses": [{"country": "PT", "type": "work", "primary": True}]},
            {"op": "add", "path": "addresses", "value": {"country": "PT", "type": "work"}},
            "addresses",
            [{"country": "PT", "type": "work", "primary": True}],
        ),
        # removing those that a list names: by their value in any case, and by their type if the list gives one
        ({"emails": [WORK, HOME]}, {"op": "remove", "path": "emails", "value": [{"value": "W@X"}]}, "emails", [HOME]),
        (
            {"emails": [WORK, HOME]},
            {"op": "remove", "path": "emails", "value": [{"value": "w@x", "type": "home"}]},
            "emails",
            [WORK, HOME],
        ),
        (
            {"addresses": [{"country": "PT"}, {"country": "DE"}]},
            {"op": "remove", "path": "addresses", "value": [{"country": "PT"}]},
            "addresses",
            [{"country": "DE"}],
        ),
    ],
)
def test_operations(before: Document, operation: Document, attribute: str, after: Any) -> None:
    document = person(**before)
    kept = copy.deepcopy(document)
    assert patched(document, operation).get(attribute) == after
    assert document == kept  # what was given is not touched


def test_the_extension_comes_and_goes_in_schemas() -> None:
    with_it = patched(person(), {"op": "add", "path": f"{ENTERPRISE_USER}:department", "value": "Ops"})
    assert with_it["schemas"] == [USER, ENTERPRISE_USER]
    assert patched(with_it, {"op": "remove", "path": f"{ENTERPRISE_USER}:department"})["schemas"] == [USER]


def test_selecting_nothing_without_saying_what_to_make() -> None:
    for path in (
        'emails[type ne "work"].value',
        'emails[type eq "a" or type eq "b"].value',
        "emails[not (type pr)].value",
    ):
        with pytest.raises(NoTarget):
            patched(person(emails=[]), {"op": "replace", "path": path, "value": "x"})


CORE_SPELLINGS = [USER, USER.lower(), USER.upper()]


@pytest.mark.parametrize("urn", CORE_SPELLINGS)
@pytest.mark.parametrize(
    "operation",
    [
        lambda urn: {"op": "replace", "value": {urn: {"active": False}}},
        lambda urn: {"op": "add", "value": {urn: [{"Active": "False"}]}},
        lambda urn: {"op": "replace", "path": urn, "value": {"active": False}},
        lambda urn: {"op": "replace", "value": {"title": "x", urn: {urn: {"active": False}}}},
    ],
)
def test_the_resources_own_attributes_may_stand_below_the_urn_of_their_schema(urn: str, operation: Any) -> None:
    after, reports = apply_patch(person(), parse_patch({"Operations": [operation(urn)]}), USER_TYPE)
    assert after["active"] is False
    assert ("active", True) in reports[0].effects
    assert reports[0].ignored == []
    assert clean({"title": "x", urn: {"userName": "ana", "active": False}}, USER_TYPE) == (
        person(title="x", active=False),
        [],
    )


def test_what_stands_below_the_urn_is_judged_like_everything_else() -> None:
    document, ignored = clean({USER: {"userName": "ana", "id": "x", "hat": 1}}, USER_TYPE)
    assert document["userName"] == "ana"
    assert [(each.path, each.reason) for each in ignored] == [("id", "readOnly"), ("hat", "unknown")]
    assert clean({"userName": "ana", USER: {"userName": "ana"}}, USER_TYPE)[0]["userName"] == "ana"
    wrong: tuple[Any, ...] = (7, "x", [{}, {}])
    for value in wrong:
        with pytest.raises(InvalidValue):
            clean({"userName": "ana", USER: value}, USER_TYPE)
        with pytest.raises(InvalidValue):
            patched(person(), {"op": "replace", "value": {USER: value}})
    nothing: tuple[Any, ...] = (None, "", [], {})
    for empty in nothing:
        assert clean({"userName": "ana", USER: empty}, USER_TYPE)[1] == []
        assert patched(person(), {"op": "replace", "value": {USER: empty}}) == person()
    with pytest.raises(InvalidSyntax):
        clean({"userName": "ana", "active": True, USER: {"active": False}}, USER_TYPE)
    with pytest.raises(NoTarget):
        patched(person(), {"op": "remove", "path": USER})


def test_a_filter_that_selects_another_value_than_the_one_there_is_changes_nothing() -> None:
    document = person(**{ENTERPRISE_USER: {"manager": {"value": "m-31"}}})
    for path in (f'{ENTERPRISE_USER}:manager[value eq "m-99"]', f'{ENTERPRISE_USER}:manager[value eq "m-99"].value'):
        for verb in ("add", "replace"):
            with pytest.raises(NoTarget):
                patched(document, {"op": verb, "path": path, "value": "m-1"})


NO_OBJECTS = ['{"type": "work", "val', '{"value": "a@x", "hat": 1}', "{a@x}", '["{a@x}"]', "{" * 5000]


@pytest.mark.parametrize("value", NO_OBJECTS)
@pytest.mark.parametrize("attribute", ["emails", "phoneNumbers", "manager"])
def test_no_value_begins_with_a_brace(attribute: str, value: str) -> None:
    path = f"{ENTERPRISE_USER}:manager" if attribute == "manager" else attribute
    body: Document = {ENTERPRISE_USER: {"manager": value}} if attribute == "manager" else {attribute: value}
    for sent in (value, [value]):
        with pytest.raises(InvalidValue):
            patched(person(), {"op": "add", "path": path, "value": sent})
    with pytest.raises(InvalidValue):
        clean({"userName": "ana", **body}, USER_TYPE)


@pytest.mark.parametrize(
    "value",
    [["a", "b"], [["a"]], {"value": "a", "type": "work"}, {"value": "a", "Value": "b"}, [{"value": ["a"]}], {"x": "a"}],
)
def test_a_simple_value_that_is_wrapped_in_more_is_refused(value: Any) -> None:
    for path in ("title", "active"):
        with pytest.raises(InvalidValue):
            patched(person(), {"op": "replace", "path": path, "value": value})
        with pytest.raises(InvalidValue):
            clean({"userName": "ana", path: value}, USER_TYPE)


def test_equal_values_of_a_resource_are_one() -> None:
    double = {"value": "w@x", "type": "work"}
    document, ignored = clean({"userName": "ana", "emails": [double, WORK | {"display": "D"}, HOME, double]}, USER_TYPE)
    assert document["emails"] == [{"value": "w@x", "type": "work", "primary": True, "display": "D"}, HOME]
    assert ignored == []


@pytest.mark.parametrize(
    "value",
    [
        {"active": False, "Active": True},
        {"active": False, f"{USER}:active": True},
        {"active": False, USER: {"active": True}},
        {USER: {"active": False}, "active": True},
        {"emails.display": "a", "emails.DISPLAY": "b"},
        {"name": {"givenName": "a", "GIVENNAME": "b"}},
    ],
)
def test_a_value_without_a_path_that_says_two_things_is_refused(value: Document) -> None:
    with pytest.raises(InvalidSyntax, match="was sent twice"):
        patched(person(), {"op": "replace", "value": value})
    with pytest.raises(InvalidSyntax, match="was sent twice"):
        parse_patch({"Operations": [{"op": "replace", "value": value, "Value": value}]})
    with pytest.raises(InvalidSyntax, match="was sent twice"):
        parse_patch({"Operations": [], "operations": []})


ODD_NAMES = ["@odata.type", "odd key!", "2fa", "", " ", "a..b", ".", "x" * 5000, " or ".join("x" * 60)]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_is_no_path_is_set_aside_and_a_path_is_refused(name: str) -> None:
    operation = {"op": "replace", "value": {name: "x", "active": False}}
    after, reports = apply_patch(person(), parse_patch({"Operations": [operation]}), USER_TYPE)
    assert after == person(active=False)
    posted = clean({"userName": "ana", name: "x"}, USER_TYPE)[1]
    assert reports[0].ignored == posted
    assert [each.reason for each in posted] == ["unknown"]
    with pytest.raises((InvalidPath, InvalidFilter)):
        apply_patch(person(), [Operation("replace", name, "x")], USER_TYPE)


@pytest.mark.parametrize("name", ["emails[type eq 007].value", "emails[type", "title[value eq 1]", 'a[b eq "c"]!'])
def test_a_name_with_a_bracket_is_meant_as_a_path(name: str) -> None:
    with pytest.raises((InvalidPath, InvalidFilter)):
        patched(person(), {"op": "replace", "value": {name: "x"}})


def test_a_number_is_kept_digit_by_digit_or_refused() -> None:
    for number in (701984, -7, 1.5, 2**64 - 1):
        assert clean({"userName": "ana", "externalId": number}, USER_TYPE)[0]["externalId"] == str(number)
    for number in (1.2345678901234568e29, 1e16, 1e-5):
        with pytest.raises(InvalidValue):
            clean({"userName": "ana", "externalId": number}, USER_TYPE)
        with pytest.raises(InvalidValue):
            patched(person(), {"op": "replace", "path": "externalId", "value": number})


# -- models ------------------------------------------------------------------------------------------------------------

SIMPLE = ("title", "nickName", "displayName", "locale")
_VALUES = st.sampled_from(["a", "b", "", None])
_SIMPLE = st.tuples(st.sampled_from(["add", "replace", "remove"]), st.sampled_from(SIMPLE), _VALUES)


@given(st.lists(_SIMPLE, max_size=12), st.booleans())
def test_simple_attributes_behave_like_a_dictionary(
    operations: list[tuple[str, str, str | None]], pathless: bool
) -> None:
    model: dict[str, str] = {}
    messages: list[Document] = []
    for verb, name, value in operations:
        if verb == "remove" or not value:
            model.pop(name, None)
        else:
            model[name] = value
        if verb == "remove":
            messages.append({"op": verb, "path": name})
        elif pathless:
            messages.append({"op": verb, "value": {name.upper(): value}})
        else:
            messages.append({"op": verb.title(), "path": name, "value": value})
    after = patched(person(), *messages)
    assert {name: after[name] for name in SIMPLE if name in after} == model


_ADDRESSES = st.sets(st.sampled_from(["a@x", "b@x", "c@x", "d@x"]), min_size=1)
_MEMBERSHIP = st.tuples(st.sampled_from(["add", "replace", "remove"]), _ADDRESSES)


@given(st.lists(_MEMBERSHIP, max_size=12))
def test_many_values_behave_like_a_set(operations: list[tuple[str, set[str]]]) -> None:
    model: set[str] = set()
    messages: list[Document] = []
    for verb, values in operations:
        model = {"add": model | values, "replace": set(values), "remove": model - values}[verb]
        messages.append({"op": verb, "path": "emails", "value": [{"value": value} for value in sorted(values)]})
    after = patched(person(), *messages)
    assert {email["value"] for email in after.get("emails", [])} == model
    assert len(after.get("emails", [])) == len(model)


_PATHS = st.sampled_from(
    [
        None,
        "title",
        "name",
        "name.givenName",
        "emails",
        'emails[type eq "work"]',
        'emails[type eq "work"].value',
        "emails.type",
        "emails[primary eq true].primary",
        "active",
        "userName",
        ENTERPRISE_USER,
        f"{ENTERPRISE_USER}:manager",
        "addresses.country",
        "id",
        "nobody",
        "a b",
        "emails[",
        "schemas",
        "password",
        "emails[value eq 007].type",
        USER,
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.just(1e30) | st.sampled_from(["", "x", "True", "w@x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "value",
                    "type",
                    "primary",
                    "givenName",
                    "emails",
                    "title",
                    "active",
                    "name",
                    "department",
                    "zzz",
                    "@odata.type",
                    "",
                    USER,
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_OPERATION = st.builds(Operation, st.sampled_from(["add", "replace", "remove"]), _PATHS, _JSON)


@settings(max_examples=400)
@given(st.lists(_OPERATION, max_size=6))
def test_whatever_is_sent_leaves_a_document_that_follows_the_schema(operations: list[Operation]) -> None:
    before = person(emails=[WORK, HOME], name={"givenName": "A"})
    kept = copy.deepcopy(before)
    try:
        after, reports = apply_patch(before, operations, USER_TYPE)
    except ScimError as refused:
        assert refused.status == 400
        assert before == kept
        return
    assert before == kept
    assert len(reports) == len(operations)
    assert clean(after, USER_TYPE) == (after, [])
    assert sum(bool(email.get("primary")) for email in after.get("emails", [])) <= 1
    again, _ = apply_patch(after, [], USER_TYPE)
    assert again == after


@given(st.lists(_OPERATION.filter(lambda operation: operation.verb != "add"), max_size=4))
def test_replacing_and_removing_twice_is_doing_it_once(operations: list[Operation]) -> None:
    try:
        once, _ = apply_patch(person(emails=[WORK, HOME]), operations, USER_TYPE)
        twice, _ = apply_patch(once, operations, USER_TYPE)
    except ScimError:
        return
    assert {name: part for name, part in twice.items() if name != "emails"} == {
        name: part for name, part in once.items() if name != "emails"
    }


@given(st.recursive(_JSON, lambda inner: st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=6))
def test_any_body_is_cleaned_or_refused(body: Any) -> None:
    try:
        document, _ = clean(body, USER_TYPE)
    except ScimError as refused:
        assert refused.status == 400
        return
    assert clean(document, USER_TYPE) == (document, [])


@given(_JSON)
def test_any_message_is_understood_or_refused(body: Any) -> None:
    for message in (body, {"Operations": body}, {"operations": [body]}):
        try:
            parse_patch(message)
        except ScimError as refused:
            assert refused.status == 400


NAMED = "roles.displayName"
ROLE = '{"id":"06b0","value":"Clerk","displayName":"Shipping clerk"}'


@pytest.mark.parametrize(
    ("sent", "kept", "ignored"),
    [
        ({"value": ROLE}, {"value": "Clerk", "display": "Shipping clerk"}, ["roles.id"]),
        ({"value": ROLE, "type": None}, {"value": "Clerk", "display": "Shipping clerk"}, ["roles.id"]),
        ({"value": '{"value":"Clerk","type":"App"}'}, {"value": "Clerk", "type": "App"}, []),
        ({"value": "Clerk", "displayName": "A"}, {"value": "Clerk", "display": "A"}, []),
        ({"value": "Clerk", "display": "B", "displayName": "A"}, {"value": "Clerk", "display": "B"}, [NAMED]),
        # What is not such an object is a role like any other.
        ({"value": "{}"}, {"value": "{}"}, []),
        ({"value": '{"value":7}'}, {"value": '{"value":7}'}, []),
        ({"value": '{"value":"Clerk","scope":"x"}'}, {"value": '{"value":"Clerk","scope":"x"}'}, []),
        ({"value": '{"value":"Clerk"', "type": ""}, {"value": '{"value":"Clerk"'}, []),
        ({"value": ROLE, "type": "App"}, {"value": ROLE, "type": "App"}, []),
    ],
)
def test_a_value_that_holds_an_object_as_text_is_that_object(
    sent: Document, kept: Document, ignored: list[str]
) -> None:
    """Entra adds app roles like this (customize-application-attributes.md)."""
    document, told = clean(person(roles=[sent]), USER_TYPE)
    assert (document["roles"], [each.path for each in told]) == ([kept], ignored)
    assert patched(person(), {"op": "Add", "path": "roles", "value": [sent]})["roles"] == [kept]
    assert "roles" not in patched(document, {"op": "Remove", "path": "roles", "value": [sent]})
