"""Makes and verifies second factors: passkeys (WebAuthn), authenticator apps (TOTP) and recovery codes.

These functions have no state, and the time is an argument. The caller makes sure that each proof is accepted only once.

The libraries for passkeys and QR codes are imported when they are first needed, because that takes as long as the rest
of the program's start, and most starts are commands that do not need them.
"""

import contextlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import orjson
import pyotp

from vestibule.model import Administrator

STEP: Final = 30_000
"""Milliseconds of a TOTP time step: how long an authenticator app shows a code (RFC 6238 section 5.2)."""
_DRIFT: Final = (0, -1, 1)
_DIGITS: Final = 6
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are easily misread
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
_LONGEST_ANSWER: Final = 20_000
_LONGEST_ID: Final = 64


# -- codes of an authenticator app -------------------------------------------------------------------------------------


def make_secret() -> str:
    """Returns a new secret of 160 bits for an authenticator app, in base32 (RFC 4226 section 4, R6)."""
    return pyotp.random_base32(32)


def step_of(secret: str, code: str, now: int, used: int) -> int | None:
    """Returns the time step of a code; None if the code is wrong or its step is not later than `used`.

    The current step, the one before and the one after are accepted.
    """
    typed = code.replace(" ", "")
    if len(typed) != _DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    app = pyotp.TOTP(secret)
    steps = [now // STEP + drift for drift in _DRIFT]
    fitting = [step for step in steps if hmac.compare_digest(app.generate_otp(step), typed) and step > used]
    return fitting[0] if fitting else None


def app_address(secret: str, administrator: Administrator, issuer: str) -> str:
    """Returns the `otpauth` URL for the QR code that an authenticator app scans."""
    issuer = issuer.replace(":", " ")  # a colon separates issuer and account
    label = f"{quote(issuer)}:{quote(administrator.email)}"
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer}, quote_via=quote)}"


class QrCode(NamedTuple):
    """A QR code as dark horizontal bars (x, y, width), in a square of `size` modules that includes the margin."""

    size: int
    bars: list[tuple[int, int, int]]


def draw(text: str) -> QrCode:
    """Returns a text as a QR code. Bars instead of an image are allowed by the strictest Content-Security-Policy."""
    import segno  # noqa: PLC0415 -- see above

    rows = [list(row) for row in segno.make(text, micro=False, error="l", boost_error=False).matrix_iter(border=4)]
    bars = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            width = 0
            while x + width < len(row) and row[x + width]:
                width += 1
            if width:
                bars.append((x, y, width))
            x += max(width, 1)
    return QrCode(len(rows), bars)


# -- recovery codes ----------------------------------------------------------------------------------------------------


def make_recovery_code() -> str:
    """Returns a new recovery code: 80 random bits in four groups."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def recovery_text(typed: str) -> str:
    """Returns a recovery code in normal form, without hyphens, spaces and misread letters."""
    return typed.strip().lower().translate(_MISREAD)


# -- passkeys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The WebAuthn relying party: this server. A passkey works only for the relying party that it was made for."""

    id: str
    origin: str


class Passkey(NamedTuple):
    """The stored data of a passkey."""

    credential_id: bytes
    public_key: bytes
    counter: int


def relying_party(url: str) -> RelyingParty | None:
    """Returns the relying party for the server's URL.

    Returns None if browsers offer no passkeys there: without https, or with an IP address as host (WebAuthn section
    5.1.3).
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    local = host == "localhost" or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or local):
        return None
    usual = parts.port in {None, {"https": 443, "http": 80}.get(parts.scheme)}
    return RelyingParty(host, f"{parts.scheme}://{host}" + ("" if usual else f":{parts.port}"))


def make_challenge() -> bytes:
    """Returns a new random challenge for a passkey to sign."""
    return secrets.token_bytes(32)


def creation_options(party: RelyingParty, administrator: Administrator, challenge: bytes, known: list[bytes]) -> str:
    """Returns the options for creating a passkey, as JSON. Authenticators with a passkey in `known` are excluded."""
    import webauthn  # noqa: PLC0415 -- see above
    from webauthn.helpers import structs  # noqa: PLC0415

    wanted = structs.UserVerificationRequirement.PREFERRED
    made = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Vestibule",
        user_id=administrator.id.encode(),
        user_name=administrator.email,
        user_display_name=administrator.name,
        challenge=challenge,
        timeout=300_000,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED, user_verification=wanted
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
    )
    return webauthn.options_to_json(made)


def request_options(party: RelyingParty, challenge: bytes, known: list[bytes], *, owner_checked: bool = False) -> str:
    """Returns the options for signing in with one of the `known` passkeys, as JSON; if none is known, with any that the
    device finds by itself. `owner_checked`: the device has to check its owner (user verification).
    """
    import webauthn  # noqa: PLC0415 -- see above
    from webauthn.helpers import structs  # noqa: PLC0415

    made = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=300_000,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
        user_verification=structs.UserVerificationRequirement.REQUIRED
        if owner_checked
        else structs.UserVerificationRequirement.PREFERRED,
    )
    return webauthn.options_to_json(made)


def new_passkey(party: RelyingParty, challenge: bytes, answer: str) -> Passkey | None:
    """Returns the passkey in a browser's registration response; None if it is not valid for this challenge."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        made = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
        )
    except Exception:  # noqa: BLE001 -- the library parses untrusted input and may raise anything; then nothing is proved
        return None
    return Passkey(made.credential_id, made.credential_public_key, made.sign_count)


def credential_of(answer: str) -> bytes:
    """Returns the credential id in a browser's response; empty if it has none."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        return webauthn.base64url_to_bytes(str(_read(answer)["id"]))
    except (ValueError, KeyError):
        return b""


def owner_of(answer: str) -> str:
    """Returns the id of the administrator for whom a passkey was made (the user handle); empty if there is none."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        owner = webauthn.base64url_to_bytes(str(_read(answer)["response"]["userHandle"])).decode("ascii")
    except (ValueError, KeyError, TypeError):
        return ""
    return owner if owner.isprintable() and len(owner) <= _LONGEST_ID else ""


def counter_of(
    party: RelyingParty, challenge: bytes, answer: str, passkey: Passkey, *, owner_checked: bool = False
) -> int | None:
    """Returns the passkey's signature counter in a valid authentication response; None if it is not valid.

    A counter that did not grow is not valid either, because it shows that the passkey was copied. `owner_checked`: nor
    is a response without user verification.
    """
    import webauthn  # noqa: PLC0415 -- see above

    try:
        signed = webauthn.verify_authentication_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.counter,
            require_user_verification=owner_checked,
        )
    except Exception:  # noqa: BLE001 -- as above
        return None
    return signed.new_sign_count


def _read(answer: str) -> dict[str, Any]:
    """Returns the JSON object in a browser's response.

    Raises:
        ValueError: it is not a JSON object, or too long.
    """
    value = orjson.loads(answer) if len(answer) <= _LONGEST_ANSWER else None
    if not isinstance(value, dict):
        raise ValueError("not a passkey response")  # noqa: TRY004 -- the text is wrong, not our type
    return value
