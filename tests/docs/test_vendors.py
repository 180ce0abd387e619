"""Every vendor has its page, which takes an administrator through the vendor's own steps."""

import pytest

from pocket_okta.attributes import CORE, DEFAULT_MAPPING, ENTERPRISE
from tests.docs.pages import DOCS, code, one_line, page, spans
from vestibule.mapping import compile_mapping
from vestibule.scim.patch import Operation, apply_patch
from vestibule.scim.schema import USER_TYPE
from vestibule.vendors import THE_SECRET, THE_TOKEN, VENDORS, Vendor

STEPS = {vendor.name: (*vendor.steps, *vendor.saml.steps) for vendor in VENDORS.values()}
VALUES = {
    "{scim_url}": "the SCIM URL",
    "{key}": "the Key",
    THE_SECRET: "the Secret",
    THE_TOKEN: "the token",
    "{acs_url}": "Single sign-on URL (ACS)",
    "{entity_id}": "Audience URI (SP Entity ID)",
    "{metadata_url}": "the metadata URL",
    "{login_url}": "Start sign-in here",
}
"""What the console puts into a field, as the pages call it: by the label beside it in the console."""
NOT_TESTED = "This version has not been tested with"


def test_every_vendor_has_a_page_and_every_page_a_vendor() -> None:
    assert {path.stem.removeprefix("administrator-") for path in DOCS.glob("administrator-*.md")} == set(VENDORS)


def test_the_command_line_tells_every_vendor() -> None:
    (line,) = [line for line in page("docs/commands.md").text.split("\n- ") if line.startswith("`--vendor` is one of")]
    assert spans(line.partition(";")[0])[1:] == list(VENDORS)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_a_page_names_the_screens_and_fields_that_the_console_names(vendor: Vendor) -> None:
    read = page(f"docs/administrator-{vendor.name}.md")
    words = read.words.replace("*", "").replace("`", "").lower()
    named = [vendor.title, vendor.probe.removeprefix("the ")]
    named += [screen for step in STEPS[vendor.name] for screen in step.where.split(" > ")]
    named += [label for step in STEPS[vendor.name] for label, _ in step.fields]
    assert [name for name in named if one_line(name).lower() not in words] == []
    assert "Configuration steps" in [heading.title for heading in read.headings()]


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_a_page_says_what_to_enter_in_each_field(vendor: Vendor) -> None:
    rows = [[cell.replace("*", "") for cell in row] for row in page(f"docs/administrator-{vendor.name}.md").all_rows()]
    for step in STEPS[vendor.name]:
        for label, value in step.fields:
            said = [row[1] for row in rows if row[0].startswith(label)]
            assert said, label
            assert value not in VALUES or VALUES[value] in said, label


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_a_page_has_both_ways_and_says_what_is_known(vendor: Vendor) -> None:
    read = page(f"docs/administrator-{vendor.name}.md")
    headings = [heading.title for heading in read.headings()]
    assert {"Configuration steps", "Letting people sign in"} <= set(headings)
    if vendor.name not in {"okta", "generic"}:
        assert NOT_TESTED.lower() in read.words.lower()
        assert "What this page is known from" in headings or vendor.name == "entra"


def test_every_value_that_a_step_is_given_is_one_that_the_console_fills_in() -> None:
    braced = {value for steps in STEPS.values() for step in steps for _, value in step.fields if "{" in value}
    assert braced <= set(VALUES)


@pytest.mark.parametrize("row", page("docs/administrator-entra.md").table("Attribute mapping"), ids=lambda row: row[1])
def test_the_guide_for_entra_says_what_becomes_of_an_attribute(row: list[str]) -> None:
    """Each is patched onto a person as Entra does it, and the Profile is derived."""
    person = {"userName": "ana", "displayName": "Ana"}
    document, (understood,) = apply_patch(person, [Operation("add", code(row[1]), "True")], USER_TYPE)
    assert understood.ignored == []
    profile = compile_mapping(VENDORS["entra"].mapping)(document)
    assert [name for name, value in profile.items() if value == "True"] == spans(row[2])


def test_the_guide_for_okta_has_the_headings_of_a_configuration_guide() -> None:
    wanted = ["Supported features", "Requirements", "Configuration steps", "Attribute mapping", "Troubleshooting"]
    found = [heading.title for heading in page("docs/administrator-okta.md").headings() if heading.level == 2]
    assert [title for title in found if title in wanted] == wanted


@pytest.mark.parametrize(("title", "namespace"), [("Core attributes", CORE), ("Enterprise attributes", ENTERPRISE)])
def test_the_guide_for_okta_names_what_an_app_really_sends_and_what_becomes_of_it(title: str, namespace: str) -> None:
    read = page("docs/administrator-okta.md")
    sent = {each.external_name: each.label for each in DEFAULT_MAPPING if each.external_namespace == namespace}
    targets = {rule.target for rule in VENDORS["okta"].mapping}
    assert f"`{namespace}`" in read.under(title)
    for label, external_name, became in read.table(title):
        assert sent.get(code(external_name)) == label
        assert became == "—" or spans(became)[0] in targets, label
