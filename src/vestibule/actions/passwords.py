"""Passwords of administrators: which are accepted, how they are kept, and how one is checked.

The rules follow NIST SP 800-63B section 5.1.1.2: a minimum length, no rules about kinds of characters, no expiry, and
no password that is commonly used, easily guessed, or made of words that everybody connects with this account. Kept is
an argon2id hash; making and checking one takes long on purpose, so both are called in a thread.
"""

from math import prod
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vestibule.errors import WrongInput

SHORTEST: Final = 15
LONGEST: Final = 128
FEWEST_GUESSES: Final = 150_000_000
"""How many guesses a password has to withstand, as zxcvbn estimates it."""
_JUDGED: Final = 64
"""How many characters of a password are judged: the estimate takes longer than in proportion to the length."""
_SHORTEST_WORD: Final = 4
"""Shorter parts of an e-mail or a tenant name are in too many ordinary words to be looked for."""
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
"""Characters that stand in for letters. The estimate tries every combination of those in a password."""
_LETTERS: Final = str.maketrans({sign: letter for letter, signs in _LOOKALIKES.items() for sign in signs})
_MOST_COMBINATIONS: Final = 32

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$7uTqCAL0LkcdF8jBNEU60A$0LQTDRbzrRmmzSkwvdP+jAoFD4hHOgJZV5+wInEi8Bc"
)
"""Compared with where there is no password, so that it takes as long. Written down, because making it at every start
would take as long as well.
"""


def check_new_password(password: str, email: str, *names: str) -> None:
    """Check that a new password is good enough. `names` are of the tenant.

    Raises:
        WrongInput: it is too short, too long, easily guessed, or has the e-mail or a name in it.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise WrongInput(
            f"A password should have {SHORTEST} to {LONGEST} characters; got {len(password)}. "
            "A few words that do not belong together are long enough and easy to remember.",
            field="password",
        )
    lowered = password.casefold()
    for word, what in _words(email, names):
        if word in lowered:
            raise WrongInput(
                f"The password should not contain {what}: that is tried first. Choose words that have nothing to do "
                "with you or your organisation.",
                field="password",
            )
    if lowered in email.casefold():
        raise WrongInput("The password should not be part of your e-mail address.", field="password")
    if _guesses(password) < FEWEST_GUESSES:
        raise WrongInput(
            "That password is commonly used or easily guessed. Choose a few words that do not belong together.",
            field="password",
        )


def _words(email: str, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each word that a password may not contain, and what to call it."""
    email = email.strip().casefold()
    words = [(email, "your e-mail address"), (email.partition("@")[0], "your e-mail address")]
    words += [(name.strip().casefold(), "the name of your organisation") for name in names]
    words.append((_SERVICE, "the name of this service"))
    return [(word, what) for word, what in words if len(word) >= _SHORTEST_WORD]


def _guesses(password: str) -> float:
    """How many guesses somebody needs who knows what people choose."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 -- its word lists take long to load, and few starts need them

    judged = password[:_JUDGED]
    there = set(judged)
    if prod(max(1, len(there.intersection(signs))) for signs in _LOOKALIKES.values()) > _MOST_COMBINATIONS:
        judged = judged.translate(_LETTERS)
    return float(zxcvbn(judged, max_length=_JUDGED)["guesses"])


def hash_password(password: str, email: str, *names: str) -> str:
    """Check a new password and hash it. Call it in a thread.

    Returns the hash to keep.

    Raises:
        WrongInput: as `check_new_password`.
    """
    check_new_password(password, email, *names)
    return _hasher.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Compare a password with a kept hash. It takes as long when there is none. Call it in a thread."""
    try:
        _hasher.verify(kept or _NOBODYS_HASH, password)
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)
