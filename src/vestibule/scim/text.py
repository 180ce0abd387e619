"""The one canonical form of text that is compared without regard to case.

Two database engines disagree about lower case beyond ASCII (SQLite folds none of it, PostgreSQL follows its locale), so
no comparison is left to them: what is stored to be compared, and what it is compared with, both pass through here.
"""

import unicodedata


def fold(text: str) -> str:
    """Text as it is compared where RFC 7643 says `caseExact: false`: NFKC, case-folded, NFKC again (RFC 7644 §7.8)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def simple_case(text: str) -> str:
    """Text as people are told apart by at a sign-in: without regard to capital and small letters, and to nothing else.

    A character is taken for its small letter only where each is the other's only case: so `strasse` is not `straße`,
    full-width letters are not plain ones, and the Kelvin sign is no k, all of which `fold` makes equal.
    """
    if text.isascii():
        return text.lower()
    return "".join(low if (low := letter.lower()).upper() == letter else letter for letter in text)


def digits(number: float) -> str | None:
    """A number of a JSON text as the text it is kept and compared as; None where its digits were lost when it was read,
    as those of a whole number beyond 64 bits are.
    """
    text = str(number)
    return None if "e" in text else text


def unprintable(text: str) -> str | None:
    """The first character that no name may hold (control, format, surrogate, private or unassigned), or None.

    Such characters are invisible: with them two names that look the same would be two people.
    """
    if text.isprintable() and text.isascii():
        return None
    return next((character for character in text if unicodedata.category(character)[0] == "C"), None)
