"""The guide for Okta has every sentence that the line on an identity provider's page can say, in its own words.

The sentences are read out of the code: each has parts that never change, and every such part has to stand in the guide.
"""

import ast
import inspect
import re
from collections.abc import Iterator

from tests.docs.pages import page
from vestibule.endpoints.console import activity, health

PAGE = page("docs/administrator-okta.md")
MESSAGES = "The line on the identity provider's page"


def said(tree: ast.AST) -> Iterator[str]:
    """The sentences of every `Health`, and of the table of refusals; `…` stands for what is put in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Health":
            yield from texts(node.args[1])
        elif isinstance(node, ast.Assign) and any(
            ast.unparse(each) in {"sentence", "sentences"} for each in node.targets
        ):
            yield from texts(node.value)


def texts(node: ast.AST) -> Iterator[str]:
    """Every text below a node, as a whole."""
    match node:
        case ast.JoinedStr(values):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in values)
        case ast.Constant(str() as text):
            yield text
        case ast.Dict(_, values):
            for value in values:
                yield from texts(value)
        case ast.Call():
            for each in node.args:
                yield from texts(each)


def sentences() -> list[str]:
    return [text for text in said(ast.parse(inspect.getsource(health))) if len(text) > 15]


def test_the_sentences_are_found_in_the_code() -> None:
    assert len(sentences()) >= 14


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
    untold = [kind for kind in activity._MENDS if kind not in told]
    assert untold == ["415"]  # a body that is not JSON: Okta does not send one
