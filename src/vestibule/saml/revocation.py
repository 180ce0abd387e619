"""Okta's Universal Logout: a signed order to end somebody's sessions (wire facts 7.6; the JWT carries the key that
signs SAML assertions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from cryptography import x509

from vestibule.model import Certificate
from vestibule.saml.errors import SamlError
from vestibule.saml.response import SKEW
from vestibule.saml.signature import UnknownKey

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_TYPE: Final = "global-token-revocation+jwt"
_LONGEST: Final = 8192
_LONGEST_LIFE: Final = 3_600_000
_REQUIRED: Final = ("iss", "aud", "exp", "jti")


class UnknownSubjectType(SamlError):
    """The order names somebody in a way that is not known here."""


@dataclass(frozen=True, slots=True)
class Order:
    """A token that is worth carrying out: once, until it expires."""

    token_id: str
    issuer: str
    usable_until: int


@dataclass(frozen=True, slots=True)
class Revoked:
    """Whose sessions are to end: an e-mail address, the identity provider's own id of the person, or their NameID."""

    email: str = ""
    subject: str = ""
    name_id: str = ""


def read_order(token: str, audience: str, sso_url: str, certificates: Sequence[Certificate], now: int) -> Order:
    """A revocation token that a pinned key signed, for this address and this moment, from where people sign in.

    Raises:
        SamlError
    """
    if len(token) > _LONGEST:
        raise SamlError(f"a token of at most {_LONGEST:,} characters", "a longer one")
    claims = _signed_claims(token, certificates)
    missing = [name for name in _REQUIRED if not claims.get(name)]
    if missing:
        raise SamlError("A token with iss, aud, exp and jti is wanted", f"one without {', '.join(missing)}")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if audiences != [audience]:
        raise SamlError(f"a token for {audience}", "one for somewhere else")
    issuer = str(claims["iss"])
    if not _same_origin(issuer, sso_url):
        raise SamlError("A token of the organisation where people sign in is wanted", f"one of '{issuer[:200]}'")
    ends, begins = _milliseconds(claims, "exp"), _milliseconds(claims, "nbf") if "nbf" in claims else 0
    if now >= ends + SKEW or now < begins - SKEW or ends > now + _LONGEST_LIFE:
        raise SamlError("A token that holds now, and for an hour at most, is wanted", "one of another time")
    return Order(str(claims["jti"])[:500], issuer, ends + 2 * SKEW)


def _same_origin(one: str, other: str) -> bool:
    try:
        came, wanted = urlsplit(one), urlsplit(other)
    except ValueError:
        return False
    return bool(wanted.netloc) and came[:2] == wanted[:2]


def _signed_claims(token: str, certificates: Sequence[Certificate]) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise SamlError("A signed JWT is wanted", "a text that is none") from None
    if str(header.get("typ", "")).lower().removeprefix("application/") != _TYPE:
        raise SamlError(f"a token of the type {_TYPE}", f"'{str(header.get('typ'))[:80]}'")
    # Time is an argument here, so the library looks at the signature and we look at the clock.
    options: Any = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    for certificate in certificates:
        key: Any = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
        try:
            return jwt.decode(token, key, algorithms=_ALGORITHMS, options=options)
        except (jwt.PyJWTError, TypeError, ValueError):
            continue
    raise UnknownKey("A token that this identity provider's certificate signed is wanted", "one of another key")


def _milliseconds(claims: dict[str, Any], name: str) -> int:
    value = claims[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise SamlError(f"a time in seconds as {name}", "something else")
    return int(value * 1000)


def read_subject(body: object, issuer: str, entity_id: str = "") -> Revoked:
    """Who is meant by the body of an order.

    In the format iss_sub the iss says whose sub it is: the identity provider's of the SAML settings (`entity_id`) gives
    the NameID, which is what Okta sends for SAML applications; that of the token gives its own id of the person.

    Raises:
        SamlError: it is not of the shape.
        UnknownSubjectType: of a format other than email and iss_sub.
    """
    named = body.get("sub_id") if isinstance(body, dict) else None
    if not isinstance(named, dict):
        raise SamlError('An object {"sub_id": {…}} is wanted', "something else")
    match named:
        case {"format": "email", "email": str(email)} if email.strip():
            return Revoked(email=email.strip())
        case {"format": "iss_sub", "iss": str(named_issuer), "sub": str(subject)} if subject and named_issuer == issuer:
            return Revoked(subject=subject)
        case {"format": "iss_sub", "iss": str(named_issuer), "sub": str(name_id)} if (
            name_id and entity_id and named_issuer == entity_id
        ):
            return Revoked(name_id=name_id)
        case {"format": "email" | "iss_sub"}:
            raise SamlError("A sub_id with an email, or with the iss of the token and a sub, is wanted", "another")
        case _:
            raise UnknownSubjectType("A sub_id in the format email or iss_sub is wanted", "another format")
