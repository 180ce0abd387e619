"""Checks, hashes and verifies passwords of administrators.

The rules follow NIST SP 800-63B section 5.1.1.2: a minimum length, no rules about kinds of characters, no expiry, and
no password that is common, easily guessed, or contains words related to the account. The stored hash is argon2id, which
is slow on purpose: call the functions in a thread.
"""

from math import prod
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vestibule.errors import WrongInput

SHORTEST: Final = 15
LONGEST: Final = 128
FEWEST_GUESSES: Final = 150_000_000
"""How many guesses a password must withstand, as estimated by zxcvbn."""
_JUDGED: Final = 64
"""How many characters are estimated, because the time for it grows faster than the length."""
_SHORTEST_WORD: Final = 4
"""Shorter parts of an e-mail address or a tenant name are allowed, because they occur in many ordinary words."""
_SERVICE: Final = "vestibule"
_LOOKALIKES: Final = {
    "a": "4@",
    "b": "8",
    "c": "({[<",
    "e": "3",
    "g": "69",
    "i": "1!|",
    "l": "1|7",
    "o": "0",
    "s": "$5",
    "t": "+7",
    "x": "%",
    "z": "2",
}
"""Characters that are used in place of letters. The estimate tries all combinations of those in a password."""
_LETTERS: Final = str.maketrans({sign: letter for letter, signs in _LOOKALIKES.items() for sign in signs})
_MOST_COMBINATIONS: Final = 32

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$7uTqCAL0LkcdF8jBNEU60A$0LQTDRbzrRmmzSkwvdP+jAoFD4hHOgJZV5+wInEi8Bc"
)
"""Verified if there is no stored hash, so that it takes the same time. A constant, because hashing at the start of the
program would be slow.
"""


def check_new_password(password: str, email: str, *names: str) -> None:
    """Check that a new password is good enough. `names` are the tenant's names.

    Raises:
        WrongInput: it is too short, too long, easily guessed, or contains the e-mail address or a name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WrongInput(
            f"A password should have {SHORTEST} to {LONGEST} characters; got {len(password)}. "
            "A few unrelated words are long enough and easy to remember.",
            field="password",
        )
    lowered = password.casefold()
    for word, what in _words(email, names):
        if word in lowered:
            raise WrongInput(
                f"The password should not contain {what}, which attackers try first. Choose words that have nothing to "
                "do with you or your organisation.",
                field="password",
            )
    if lowered in email.casefold():
        raise WrongInput("The password should not be part of your e-mail address.", field="password")
    if _guesses(password) < FEWEST_GUESSES:
        raise WrongInput(
            "That password is common or easily guessed. Choose a few unrelated words.",
            field="password",
        )


def _words(email: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Returns the words that a password may not contain, each with its name for the message."""
    email = email.strip().casefold()
    words = [(email, "your e-mail address"), (email.partition("@")[0], "your e-mail address")]
    words += [(name.strip().casefold(), "the name of your organisation") for name in names]
    words.append((_SERVICE, "the name of this service"))
    return [(word, what) for word, what in words if len(word) >= _SHORTEST_WORD]


def _guesses(password: str) -> float:
    """Returns an estimate of how many guesses an attacker with a list of common passwords needs."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 -- its word lists are slow to load and seldom needed

    judged = password[:_JUDGED]
    there = set(judged)
    if prod(max(1, len(there.intersection(signs))) for signs in _LOOKALIKES.values()) > _MOST_COMBINATIONS:
        judged = judged.translate(_LETTERS)
    return float(zxcvbn(judged, max_length=_JUDGED)["guesses"])


def hash_password(password: str, email: str, *names: str) -> str:
    """Check a new password and hash it. Call it in a thread.

    Returns the hash to store.

    Raises:
        WrongInput: as `check_new_password`.
    """
    check_new_password(password, email, *names)
    return _hasher.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Returns whether a password matches a stored hash. Takes the same time if there is none. Call it in a thread."""
    try:
        _hasher.verify(kept or _NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)
