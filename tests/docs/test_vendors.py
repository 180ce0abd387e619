"""Every vendor has its page, which takes an administrator through the vendor's own steps."""

import pytest

from pocket_okta.attributes import CORE, DEFAULT_MAPPING, ENTERPRISE
from tests.docs.pages import DOCS, code, one_line, page, spans
from vestibule.vendors import VENDORS, Vendor


def test_every_vendor_has_a_page_and_every_page_a_vendor() -> None:
    assert {path.stem.removeprefix("administrator-") for path in DOCS.glob("administrator-*.md")} == set(VENDORS)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_a_page_names_the_screens_and_fields_that_the_console_names(vendor: Vendor) -> None:
    read = page(f"docs/administrator-{vendor.name}.md")
    words = read.words.replace("*", "").replace("`", "").lower()
    named = [vendor.title, vendor.probe.removeprefix("the ")]
    named += [screen for step in vendor.steps for screen in step.where.split(" > ")]
    named += [label for step in vendor.steps for label, _ in step.fields]
    assert [name for name in named if one_line(name).lower() not in words] == []
    assert "Configuration steps" in [heading.title for heading in read.headings()]


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
