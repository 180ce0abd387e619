"""Keys, Secrets, tokens and one-time links: how they are made, recognised and checked.

A Secret carries 256 random bits, a prefix that secret scanners recognise and a checksum that tells a truncated paste
from a wrong Secret. It is shown once and kept as HMAC-SHA-256 under a pepper that stands outside the database, so a
stolen database opens nothing. It needs no slow hash: nobody guesses 256 bits (security reference S1, S1b).
"""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import string
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from vestibule.errors import WrongSetting

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 20, 43, 6
_SEAL_NONCE: Final = 12  # bytes: 96 bits, what AES-GCM wants (NIST SP 800-38D section 8.2)
KEY_PREFIX: Final = "vk_"
_KEY_FORM: Final = re.compile(r"vk_[0-9A-Za-z]{8,64}\Z")
SECRET_PREFIX: Final = "vs_"  # noqa: S105 -- how a secret begins, not one
TOKEN_PREFIX: Final = "vt_"  # noqa: S105 -- how a token begins, not one


class Pair(NamedTuple):
    """A Key and its Secret. The token is both in one string, for clients that send one value."""

    key: str
    secret: str

    @property
    def token(self) -> str:
        """Key and Secret in one string."""
        return f"{TOKEN_PREFIX}{self.key.removeprefix(KEY_PREFIX)}_{self.secret.removeprefix(SECRET_PREFIX)}"


def make_pair() -> Pair:
    """A fresh Key and Secret."""
    body = _random_text(_SECRET_LENGTH)
    return Pair(KEY_PREFIX + _random_text(_KEY_LENGTH), SECRET_PREFIX + body + _checksum(body))


def pair_of_token(token: str) -> Pair | None:
    """The Key and Secret that a token holds, or None if it has not the form of one."""
    key, underscore, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
    if not token.startswith(TOKEN_PREFIX) or not underscore:
        return None
    return Pair(KEY_PREFIX + key, SECRET_PREFIX + secret)


def well_formed(secret: str) -> bool:
    """Whether a text has the form and the checksum of a Secret: if not, it was mistyped or cut short."""
    body = secret.removeprefix(SECRET_PREFIX)
    return (
        secret.startswith(SECRET_PREFIX)
        and len(body) == _SECRET_LENGTH + _CHECK_LENGTH
        and body.isascii()
        and _checksum(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]
    )


def shortened(key: str) -> str:
    """A Key as lists and sentences show it."""
    return key if len(key) <= 12 else f"{key[:6]}…{key[-3:]}"


def has_form_of_key(text: str) -> bool:
    """Whether a text has the form of a Key."""
    return _KEY_FORM.match(text) is not None


def shortened_guess(text: str) -> str:
    """What was typed as a Key, for the log. Where it has not the form of one it may be a Secret, a password or an
    e-mail address, so no more than its first quarter, and four characters at most, are shown.
    """
    return shortened(text) if has_form_of_key(text) else f"{text[: min(len(text) // 4, 4)]}…"


def make_one_time_token(tenant_id: str) -> str:
    """A fresh token for a link or a cookie: 256 random bits after the tenant in which it is looked up."""
    return f"{tenant_id}.{_random_text(_SECRET_LENGTH)}"


def tenant_of_token(token: str) -> str:
    """The tenant in which a one-time token is to be looked up."""
    return token.partition(".")[0]


def token_check(token: str) -> bytes:
    """What is kept of a one-time token. 256 random bits need neither salt nor pepper."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def make_form_token() -> str:
    """A fresh token that a session's forms carry."""
    return _random_text(_SECRET_LENGTH)


class Checker:
    """Turns secrets into what is kept of them, and compares in constant time."""

    def __init__(self, pepper: str) -> None:
        self._pepper = pepper.encode()
        self._nobody = self.check(make_pair().secret)

    def check(self, secret: str) -> bytes:
        """What is kept of a secret: 32 bytes."""
        return hmac.digest(self._pepper, secret.encode("utf-8", "surrogateescape"), "sha256")

    def is_same(self, check: bytes, kept: bytes | None) -> bool:
        """Whether a secret of that check is the one that was kept. Takes the same time for a key nobody has (None)."""
        return hmac.compare_digest(check, self._nobody if kept is None else kept) and kept is not None

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """A small secret that has to be read again, encrypted under the pepper: a private key, a TOTP secret.

        AES-256-GCM under a key that HKDF-SHA256 derives from the pepper for this purpose alone, with a random nonce in
        front (RFC 5869, NIST SP 800-38D). What was sealed for one purpose opens for no other.
        """
        nonce = os.urandom(_SEAL_NONCE)
        return nonce + self._cipher(purpose).encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """What `seal` was given for the same purpose.

        Raises:
            WrongSetting: it cannot be opened: another pepper sealed it, or it was altered.
        """
        nonce, body = sealed[:_SEAL_NONCE], sealed[_SEAL_NONCE:]
        try:
            return self._cipher(purpose).decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError):
            raise WrongSetting(
                f"pepper: what was sealed in the database as {purpose} does not open with the pepper in force."
                " Restore the pepper that sealed it, or make the secret anew."
            ) from None

    def _cipher(self, purpose: str) -> AESGCM:
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self._pepper))


def load_pepper(setting: str, data: Path) -> str:
    """The pepper in force: the setting, else the file in the data folder, which is made on the first start.

    Raises:
        WrongSetting: the file cannot be read or made.
    """
    if setting:
        return setting
    path = data / "pepper"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _make_pepper(path)
        pepper = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"data: {path} cannot be made or read: {error}.") from None
    if len(pepper) < 32:
        raise WrongSetting(f"{path} should hold 32 characters or more. Restore it: without it no credential is valid.")
    return pepper


def _make_pepper(path: Path) -> None:
    """Write the file whole and then give it its name: of two processes that start at once, one wins and both read
    it.
    """
    draft = path.with_name(f"pepper.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
