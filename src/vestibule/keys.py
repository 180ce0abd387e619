"""Makes and checks Keys, Secrets, bearer tokens and one-time links, and encrypts small secrets.

A Secret has 256 random bits, a prefix for secret scanners, and a checksum that detects a truncated paste. It is shown
once. Only its HMAC-SHA-256 is stored, keyed with a pepper that is not in the database, so a stolen database gives no
access. A slow hash is not needed, because 256 random bits cannot be guessed.
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
_SEAL_NONCE: Final = 12  # bytes; AES-GCM takes 96 bits (NIST SP 800-38D section 8.2)
KEY_PREFIX: Final = "vk_"
_KEY_FORM: Final = re.compile(r"vk_[0-9A-Za-z]{8,64}\Z")
SECRET_PREFIX: Final = "vs_"  # noqa: S105 -- how a secret begins, not one
TOKEN_PREFIX: Final = "vt_"  # noqa: S105 -- how a token begins, not one


class Pair(NamedTuple):
    """A Key and its Secret."""

    key: str
    secret: str

    @property
    def token(self) -> str:
        """Key and Secret in one string, for clients that send a bearer token."""
        return f"{TOKEN_PREFIX}{self.key.removeprefix(KEY_PREFIX)}_{self.secret.removeprefix(SECRET_PREFIX)}"


def make_pair() -> Pair:
    """Returns a new Key and Secret."""
    body = _random_text(_SECRET_LENGTH)
    return Pair(KEY_PREFIX + _random_text(_KEY_LENGTH), SECRET_PREFIX + body + _checksum(body))


def pair_of_token(token: str) -> Pair | None:
    """Returns the Key and Secret in a bearer token, or None if the text is not formed like one."""
    key, underscore, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
    if not token.startswith(TOKEN_PREFIX) or not underscore:
        return None
    return Pair(KEY_PREFIX + key, SECRET_PREFIX + secret)


def well_formed(secret: str) -> bool:
    """Returns whether a Secret has the right form and checksum. If not, it was mistyped or truncated."""
    body = secret.removeprefix(SECRET_PREFIX)
    return (
        secret.startswith(SECRET_PREFIX)
        and len(body) == _SECRET_LENGTH + _CHECK_LENGTH
        and body.isascii()
        and _checksum(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]
    )


def shortened(key: str) -> str:
    """Returns a Key in the short form for lists and sentences."""
    return key if len(key) <= 12 else f"{key[:6]}…{key[-3:]}"


def has_form_of_key(text: str) -> bool:
    """Returns whether a text is formed like a Key."""
    return _KEY_FORM.match(text) is not None


def shortened_guess(text: str) -> str:
    """Returns what was sent as a Key in a form that may be logged.

    What is not formed like a Key may be a Secret, a password or an e-mail address. Only its first quarter is kept, at
    most four characters.
    """
    return shortened(text) if has_form_of_key(text) else f"{text[: min(len(text) // 4, 4)]}…"


def make_one_time_token(tenant_id: str) -> str:
    """Returns a new token for a link or a cookie: the tenant id, a dot and 256 random bits."""
    return f"{tenant_id}.{_random_text(_SECRET_LENGTH)}"


def tenant_of_token(token: str) -> str:
    """Returns the tenant id in a one-time token."""
    return token.partition(".")[0]


def token_check(token: str) -> bytes:
    """Returns the hash of a one-time token that is stored. 256 random bits need neither salt nor pepper."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def make_form_token() -> str:
    """Returns a new form token (against CSRF) for a session."""
    return _random_text(_SECRET_LENGTH)


class Checker:
    """Everything that needs the pepper: keyed hashes of Secrets, and encryption of small secrets."""

    def __init__(self, pepper: str) -> None:
        self._pepper = pepper.encode()
        self._nobody = self.check(make_pair().secret)

    def check(self, secret: str) -> bytes:
        """Returns the HMAC of a Secret that is stored: 32 bytes."""
        return hmac.digest(self._pepper, secret.encode("utf-8", "surrogateescape"), "sha256")

    def is_same(self, check: bytes, kept: bytes | None) -> bool:
        """Returns whether an HMAC equals the stored one, which is None for an unknown key. Takes constant time."""
        return hmac.compare_digest(check, self._nobody if kept is None else kept) and kept is not None

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt a small secret that must be read again, such as a private key or a TOTP secret.

        Uses AES-256-GCM with a key that HKDF-SHA256 derives from the pepper and `purpose`, so that it can be decrypted
        for the same purpose only (RFC 5869, NIST SP 800-38D). Returns a random nonce followed by the ciphertext.
        """
        nonce = os.urandom(_SEAL_NONCE)
        return nonce + self._cipher(purpose).encrypt(nonce, plain, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt what `seal` returned for the same purpose.

        Raises:
            WrongSetting: it cannot be decrypted: the pepper is another one, or the data was altered.
        """
        nonce, body = sealed[:_SEAL_NONCE], sealed[_SEAL_NONCE:]
        try:
            return self._cipher(purpose).decrypt(nonce, body, purpose.encode())
        except (InvalidTag, ValueError):
            raise WrongSetting(
                f"pepper: {purpose} in the database cannot be decrypted with the current pepper."
                " Restore the earlier pepper, or make this secret again."
            ) from None

    def _cipher(self, purpose: str) -> AESGCM:
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self._pepper))


def load_pepper(setting: str, data: Path) -> str:
    """Returns the pepper: the setting, or else the content of a file in the data folder, made on the first start.

    Raises:
        WrongSetting: the file cannot be read or written.
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
    """Write the file completely, then link it to its name. If two processes start at once, both use the same file."""
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
