"""The guide for Okta has every sentence that the line on an identity provider's page can say, in its own words.

The sentences are read out of the code: each has parts that never change, and every such part has to stand in the guide.
"""

import ast
import inspect
import re
from typing import get_args

import pytest

from tests.docs.pages import page
from vestibule.endpoints.console import health, refusal_advice
from vestibule.endpoints.console.connection_advice import advice_on_credential
from vestibule.endpoints.identify import RefusalReason
from vestibule.model import Event
from vestibule.vendors import OKTA, VENDORS, Vendor

PAGE = page("docs/administrator-okta.md")
MESSAGES = "The line on the identity provider's page"


TREE = ast.parse(inspect.getsource(health))
REFUSALS = "told"
"""The name of the table from a reason to what is said of the identity provider and how that is mended."""


def text_of(node: ast.expr) -> str:
    """A text as it stands in the code; `…` stands for what is put in."""
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(values):
            return "".join(map(text_of, values))
        case _:
            return "…"


def refusals() -> dict[str, str]:
    """What is said of an identity provider whose credential was refused, by reason."""
    for node in ast.walk(TREE):
        match node:
            case ast.Assign([ast.Name(name)], ast.Dict(reasons, rows)) if name == REFUSALS:
                return {text_of(each): text_of(text) for each, text in zip(reasons, rows, strict=True) if each}
    return {}


def sentences() -> list[str]:
    """Every sentence of the line."""
    found = [f"… {said}" for said in refusals().values()]
    for node in ast.walk(TREE):
        match node:
            case ast.Call(ast.Name("Health"), [_, text, *_]) | ast.Assign([ast.Name("sentence")], text):
                found.append(text_of(text))
    return [text for text in found if text.strip("… ")]


def test_the_sentences_are_found_in_the_code() -> None:
    assert len(refusals()) >= 6
    assert len(sentences()) >= len(refusals()) + 9


def test_every_reason_that_is_about_a_key_of_an_identity_provider_has_a_sentence() -> None:
    assert set(refusals()) == set(get_args(RefusalReason)) - {"no credential", "unknown key"}


def test_every_reason_has_advice_of_its_own() -> None:
    """But for the two that are about a Secret alone, which are mended in the same way."""
    advice = {reason: advice_on_credential(refused(reason), OKTA) for reason in get_args(RefusalReason)}
    same = [{"wrong secret", "incomplete secret"}, {"retired key", "expired key"}]
    for reason, said in advice.items():
        others = {other for other, its in advice.items() if its == said}
        assert others == {reason} or others in same, reason


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=list(VENDORS))
def test_nobody_is_told_to_put_two_things_into_one_field(vendor: Vendor) -> None:
    one = vendor.key_field == vendor.secret_field
    for reason in get_args(RefusalReason):
        said = advice_on_credential(refused(reason), vendor)
        assert not one or f"the Secret into {vendor.secret_field}" not in said
        assert reason not in {"swapped key and secret", "unknown key"} or ("the token" in said) is one


def refused(reason: str) -> Event:
    return Event("", 0, "credential.refused", {}, "", "", "", {"reason": reason})


def test_every_message_of_the_line_is_told() -> None:
    told = " ".join(row[0] for row in PAGE.table(MESSAGES))
    missing = [
        part
        for text in sentences()
        for part in re.split(r"\s*…[\s,]*", text)
        if len(part) > 8 and part.strip() not in told
    ]
    assert missing == []


def test_the_guide_tells_no_message_that_the_line_does_not_say() -> None:
    patterns = [re.compile(".*".join(map(re.escape, text.split("…")))) for text in sentences()]
    told = [row[0] for row in PAGE.table(MESSAGES)]
    assert [message for message in told if not any(pattern.match(message) for pattern in patterns)] == []


def test_every_message_has_a_meaning_and_something_to_do() -> None:
    assert [row[0] for row in PAGE.table(MESSAGES) if len(row) != 3 or not row[1] or not row[2]] == []


def test_every_refusal_that_the_activity_log_knows_to_mend_is_told() -> None:
    told = " ".join(row[0] for row in PAGE.table("Refused requests"))
    untold = [kind for kind in refusal_advice._MENDS if kind not in told]
    assert untold == ["415"]  # a body that is not JSON: Okta does not send one
