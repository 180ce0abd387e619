"""Case folding: the form in which text is compared without regard to case.

The two database engines disagree about lower case beyond ASCII (SQLite folds none of it, PostgreSQL follows its
locale). So `fold` is applied to both sides of every comparison before the database sees them.
"""

import re
import unicodedata
from typing import Final


def fold(text: str) -> str:
    """Fold text for comparison where RFC 7643 says `caseExact: false`.

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
"""How many combining marks a letter may have: more than any script needs."""
_MARKS = frozenset(
    [character for character in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(character)]
    + ["\u0f73", "\u0f75", "\u0f81", "\uff9e", "\uff9f"]  # no marks themselves, but made of marks only
)
_MANY_MARKS = re.compile(f"[{''.join(_MARKS)}]{{{MARKS_IN_A_ROW + 1},}}")


def many_marks(text: str) -> bool:
    """Returns whether a letter has more combining marks than any real text has."""
    return _perhaps_many_marks(text) and _MANY_MARKS.search(text) is not None


def _perhaps_many_marks(text: str) -> bool:
    """Returns whether any 32nd character is a mark, as is the case in every run of 32 marks."""
    step = MARKS_IN_A_ROW + 1
    return len(text) >= step and not _MARKS.isdisjoint(text[step - 1 :: step])


def _in_canonical_order(run: re.Match[str]) -> str:
    decomposed = "".join(unicodedata.normalize("NFKD", character) for character in run[0])
    return "".join(sorted(decomposed, key=unicodedata.combining))


def simple_case(text: str) -> str:
    """Fold only capital and small letters, to compare user names at a sign-in.

    A character is replaced by its small letter only if each is the other's only case: so `strasse` is not `straße`,
    full-width letters are not plain ones, and the Kelvin sign is no k, all of which `fold` makes equal.
    """
    if text.isascii():
        return text.lower()
    return "".join(low if (low := letter.lower()).upper() == letter else letter for letter in text)


def digits(number: float) -> str | None:
    """Returns a JSON number as the text that is stored and compared.

    Returns None if digits were lost when it was parsed, as with whole numbers beyond 64 bits.
    """
    text = str(number)
    return None if "e" in text else text


def unprintable(text: str) -> str | None:
    """Returns the first character that is not allowed in a name: control, format, surrogate, private or unassigned.

    Such characters are invisible, so two people could have names that look the same.

    Returns None if all characters are allowed.
    """
    if text.isprintable() and text.isascii():
        return None
    return next((character for character in text if unicodedata.category(character)[0] == "C"), None)
