"""docs/errors.md lists every way to be refused, wherever in the program it is defined, and none that there is not."""

import importlib
import pkgutil
from typing import get_args

import vestibule
from tests.docs.pages import code, page
from vestibule.endpoints.identify import RefusalReason
from vestibule.errors import Refusal, all_refusals
from vestibule.scim.errors import all_errors

PAGE = page("docs/errors.md")


def every_refusal() -> list[type[Refusal]]:
    """Every kind of refusal in the whole program, to whatever depth it is derived."""
    for module in pkgutil.walk_packages(vestibule.__path__, "vestibule."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, ahead = [], all_refusals()
    while ahead:
        kind = ahead.pop()
        found.append(kind)
        ahead += kind.__subclasses__()
    return found


def test_every_scim_error_stands_there_once_and_nothing_else() -> None:
    told = [(int(row[0]), code(row[1])) for row in PAGE.table("SCIM errors")]
    assert sorted(told) == sorted((kind.status, kind.scim_type or "") for kind in all_errors())


def test_every_refusal_stands_there_once_with_its_status_and_exit_code() -> None:
    told = [
        (code(row[0]), int(row[1]), int(row[2]))
        for row in PAGE.table("Refusals in the console and on the command line")
    ]
    assert sorted(told) == sorted({(kind.code, kind.status, kind.exit_code) for kind in every_refusal()})


def test_every_exit_code_is_told() -> None:
    told = {int(row[0]) for row in PAGE.table("Exit codes")}
    assert told == {0, 130} | {kind.exit_code for kind in every_refusal()}


def test_every_reason_for_a_refused_credential_is_told() -> None:
    assert sorted(code(row[0]) for row in PAGE.table("Refused credentials")) == sorted(get_args(RefusalReason))


def test_every_row_says_what_to_do() -> None:
    titles = ("SCIM errors", "Refused credentials", "Refusals in the console and on the command line")
    assert [row[0] for title in titles for row in PAGE.table(title) if len(row[-1].split()) < 2] == []
