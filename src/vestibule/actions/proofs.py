"""What proves a second factor: a passkey's signature, the code of an authenticator app, a recovery code.

Nothing here keeps anything, and the time is an argument: who asks decides what a proof is good for, and sees to it that
each is taken once.

The libraries of passkeys and of QR codes are loaded by whoever is the first to need them: that takes as long as the
rest of a start, and most starts of the program are verbs of the command line.
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
"""Milliseconds for which an authenticator app shows a code (RFC 6238 section 5.2)."""
_DRIFT: Final = (0, -1, 1)
_DIGITS: Final = 6
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o and u, which are misread
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
_LONGEST_ANSWER: Final = 20_000
_LONGEST_ID: Final = 64


# -- codes of an authenticator app -------------------------------------------------------------------------------------


def make_secret() -> str:
    """A fresh secret of 160 bits for an authenticator app, in base 32 (RFC 4226 section 4, R6)."""
    return pyotp.random_base32(32)


def step_of(secret: str, code: str, now: int, used: int) -> int | None:
    """The time step that a code is of, if it is right now, a step ago or a step ahead, and later than the last used."""
    typed = code.replace(" ", "")
    if len(typed) != _DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    app = pyotp.TOTP(secret)
    steps = [now // STEP + drift for drift in _DRIFT]
    fitting = [step for step in steps if hmac.compare_digest(app.generate_otp(step), typed) and step > used]
    return fitting[0] if fitting else None


def app_address(secret: str, administrator: Administrator, issuer: str) -> str:
    """The `otpauth` address that an authenticator app takes a secret from."""
    issuer = issuer.replace(":", " ")  # it is what tells issuer and account apart
    label = f"{quote(issuer)}:{quote(administrator.email)}"
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer}, quote_via=quote)}"


class Square(NamedTuple):
    """A QR code as dark bars: (x, y, width) in modules, on a square of `size` modules with its margin."""

    size: int
    bars: list[tuple[int, int, int]]


def draw(text: str) -> Square:
    """A text as a QR code. Bars instead of a picture: a page may show them under the strictest policy."""
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
    return Square(len(rows), bars)


# -- recovery codes ----------------------------------------------------------------------------------------------------


def make_recovery_code() -> str:
    """A fresh recovery code: 80 random bits, in groups that can be copied from paper."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def recovery_text(typed: str) -> str:
    """A recovery code without what people add or misread."""
    return typed.strip().lower().translate(_MISREAD)


# -- passkeys ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This server as passkeys know it: a passkey that was made for one answers to no other."""

    id: str
    origin: str


class Passkey(NamedTuple):
    """What is kept of a passkey."""

    credential_id: bytes
    public_key: bytes
    counter: int


def relying_party(url: str) -> RelyingParty | None:
    """The server at that URL; None where no browser offers passkeys: without https, or under a bare address
    (WebAuthn section 5.1.3).
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
    """What a passkey has to sign this once."""
    return secrets.token_bytes(32)


def creation_options(party: RelyingParty, administrator: Administrator, challenge: bytes, known: list[bytes]) -> str:
    """What a browser needs to make a passkey, as JSON. Authenticators that are `known` are asked for no second one."""
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
    """What a browser needs to use one of the known passkeys, as JSON; where none is known, one that the device offers
    by itself. `owner_checked`: the device has to ask for its owner's PIN or finger.
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
    """The passkey that a browser made, if its answer is to this challenge and for this server."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        made = webauthn.verify_registration_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
        )
    except Exception:  # noqa: BLE001 -- the library reads what a stranger may send: whatever is wrong, it proves nothing
        return None
    return Passkey(made.credential_id, made.credential_public_key, made.sign_count)


def credential_of(answer: str) -> bytes:
    """Which passkey an answer is of; empty if it does not say."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        return webauthn.base64url_to_bytes(str(_read(answer)["id"]))
    except (ValueError, KeyError):
        return b""


def owner_of(answer: str) -> str:
    """The id of the administrator for whom the passkey was made, as the device kept it; empty if it does not say."""
    import webauthn  # noqa: PLC0415 -- see above

    try:
        owner = webauthn.base64url_to_bytes(str(_read(answer)["response"]["userHandle"])).decode("ascii")
    except (ValueError, KeyError, TypeError):
        return ""
    return owner if owner.isprintable() and len(owner) <= _LONGEST_ID else ""


def counter_of(
    party: RelyingParty, challenge: bytes, answer: str, passkey: Passkey, *, owner_checked: bool = False
) -> int | None:
    """The passkey's counter after it signed the challenge; None if it did not, if it did not ask for its owner's PIN or
    finger where it has to, or if the counter went back: then there are two of it.
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
    """The JSON of a browser's answer.

    Raises:
        ValueError: it is none.
    """
    value = orjson.loads(answer) if len(answer) <= _LONGEST_ANSWER else None
    if not isinstance(value, dict):
        raise ValueError("not an answer of a passkey")  # noqa: TRY004 -- a stranger's text, not our type
    return value
