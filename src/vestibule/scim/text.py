"""The one form in which text is compared without regard to case.

Two database engines disagree about lower case beyond ASCII (SQLite folds none of it, PostgreSQL follows its locale), so
no comparison is left to them: what is stored to be compared, and what it is compared with, both pass through `fold`.
"""

import re
import unicodedata
from typing import Final


def fold(text: str) -> str:
    """Text in the form that is compared where RFC 7643 says `caseExact: false`.

    Returns NFKC, case-folded, and NFKC again (RFC 7644 §7.8), in time that grows with the length of the text.
    """
    if text.isascii():
        return text.lower()
    if _perhaps_many_marks(text):
        text = _MANY_MARKS.sub(_in_canonical_order, text)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


# `unicodedata.normalize` sorts the combining marks behind a letter by insertion, which is quadratic: a megabyte of two
# accents in turn takes it minutes. So a long run of marks is sorted beforehand, which does not change the result.

MARKS_IN_A_ROW: Final = 31
"""How many combining marks a letter may have in honest text: more than any script needs."""
_MARKS = frozenset(
    [character for character in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(character)]
    + ["\u0f73", "\u0f75", "\u0f81", "\uff9e", "\uff9f"]  # no marks themselves, but made of marks only
)
_MANY_MARKS = re.compile(f"[{''.join(_MARKS)}]{{{MARKS_IN_A_ROW + 1},}}")


def many_marks(text: str) -> bool:
    """Whether a letter has more combining marks than it may have in honest text."""
    return _perhaps_many_marks(text) and _MANY_MARKS.search(text) is not None


def _perhaps_many_marks(text: str) -> bool:
    """Whether some 32nd character is a mark, as one must be in any row of 32 marks."""
    step = MARKS_IN_A_ROW + 1
    return len(text) >= step and not _MARKS.isdisjoint(text[step - 1 :: step])


def _in_canonical_order(run: re.Match[str]) -> str:
    decomposed = "".join(unicodedata.normalize("NFKD", character) for character in run[0])
    return "".join(sorted(decomposed, key=unicodedata.combining))


def simple_case(text: str) -> str:
    """Text as people are told apart by at a sign-in: without regard to capital and small letters, and to nothing else.

    A character is taken for its small letter only where each is the other's only case: so `strasse` is not `straße`,
    full-width letters are not plain ones, and the Kelvin sign is no k, all of which `fold` makes equal.
    """
    if text.isascii():
        return text.lower()
    return "".join(low if (low := letter.lower()).upper() == letter else letter for letter in text)


def digits(number: float) -> str | None:
    """A number of a JSON text as the text that is kept and compared.

    Returns None where its digits were lost when it was read, as those of a whole number beyond 64 bits are.
    """
    text = str(number)
    return None if "e" in text else text


def unprintable(text: str) -> str | None:
    """The first character that no name may hold: control, format, surrogate, private or unassigned.

    Such characters are invisible: with them two names that look the same would be two people.

    Returns None if there is none.
    """
    if text.isprintable() and text.isascii():
        return None
    return next((character for character in text if unicodedata.category(character)[0] == "C"), None)
