"""docs/settings.md says what settings.py says."""

from tests.docs.pages import code, page
from vestibule.commands.serving import serve_command
from vestibule.settings import described, variable_of

PAGE = "docs/settings.md"
ROWS = page(PAGE).table("All settings")


def test_every_setting_stands_there_in_the_order_of_the_code_and_nothing_else() -> None:
    assert [code(row[0]) for row in ROWS] == [name for name, _, _ in described()]


def test_variables_are_the_real_ones() -> None:
    assert {code(row[0]): code(row[1]) for row in ROWS} == {name: variable_of(name) for name, _, _ in described()}


def test_options_are_those_that_serve_takes() -> None:
    taken = {option.name: option.opts[0] for option in serve_command.params}
    assert {code(row[0]): code(row[2]) for row in ROWS} == {name: taken.get(name, "none") for name, _, _ in described()}


def test_defaults_are_the_real_ones() -> None:
    told = {code(row[0]): "" if row[3] == "*empty*" else code(row[3]) for row in ROWS}
    assert told == {name: default for name, default, _ in described()}


def test_every_setting_has_a_meaning_in_words() -> None:
    assert [row[0] for row in ROWS if len(row[4].split()) < 4] == []
