"""Reads the requests of Okta's Universal Logout (global token revocation).

The request has a JWT, which the key that signs SAML assertions has signed, and a body that names a person.
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
    """The request names a person in a format that is not known here."""


@dataclass(frozen=True, slots=True)
class RevocationToken:
    """A valid token. It may be used once, until it expires."""

    token_id: str
    issuer: str
    usable_until: int


@dataclass(frozen=True, slots=True)
class RevocationSubject:
    """The person whose sessions are to end, by e-mail address, by the identity provider's own id, or by NameID."""

    email: str = ""
    subject: str = ""
    name_id: str = ""


def read_token(
    token: str, audience: str, sso_url: str, certificates: Sequence[Certificate], now: int
) -> RevocationToken:
    """Returns a revocation token that passes all checks: signature, audience, issuer (same origin as SSO) and times.

    Raises:
        SamlError: a check failed.
    """
    if len(token) > _LONGEST:
        raise SamlError(f"a token of at most {_LONGEST:,} characters", "a longer one")
    claims = _signed_claims(token, certificates)
    missing = [name for name in _REQUIRED if not claims.get(name)]
    if missing:
        raise SamlError("a token with iss, aud, exp and jti", f"one without {', '.join(missing)}")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if audiences != [audience]:
        raise SamlError(f"a token for {audience}", "one for another audience")
    issuer = str(claims["iss"])
    if not _same_origin(issuer, sso_url):
        raise SamlError("a token from the organisation where people sign in", f"one from '{issuer[:200]}'")
    ends, begins = _milliseconds(claims, "exp"), _milliseconds(claims, "nbf") if "nbf" in claims else 0
    if now >= ends + SKEW or now < begins - SKEW or ends > now + _LONGEST_LIFE:
        raise SamlError("a token that is valid now and for at most an hour", "one for another time")
    return RevocationToken(str(claims["jti"])[:500], issuer, ends + 2 * SKEW)


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
        raise SamlError("a signed JWT", "something else") from None
    if str(header.get("typ", "")).lower().removeprefix("application/") != _TYPE:
        raise SamlError(f"a token of the type {_TYPE}", f"'{str(header.get('typ'))[:80]}'")
    # The library checks the signature only. Times are checked by the caller, because the clock is an argument here.
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
    raise UnknownKey("a token that this identity provider's certificate signed", "one that another key signed")


def _milliseconds(claims: dict[str, Any], name: str) -> int:
    value = claims[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise SamlError(f"a time in seconds as {name}", "something else")
    return int(value * 1000)


def read_subject(body: object, issuer: str, entity_id: str = "") -> RevocationSubject:
    """Returns the person whom the body of a request names.

    In the format iss_sub, `iss` says what `sub` is: the NameID if `iss` is the entity ID of the SAML settings, which is
    what Okta sends for SAML applications; or Okta's own id of the person if `iss` is the issuer of the token.

    Raises:
        SamlError: the body has another form.
        UnknownSubjectType: its format is neither email nor iss_sub.
    """
    named = body.get("sub_id") if isinstance(body, dict) else None
    if not isinstance(named, dict):
        raise SamlError('an object {"sub_id": {…}}', "something else")
    match named:
        case {"format": "email", "email": str(email)} if email.strip():
            return RevocationSubject(email=email.strip())
        case {"format": "iss_sub", "iss": str(named_issuer), "sub": str(subject)} if subject and named_issuer == issuer:
            return RevocationSubject(subject=subject)
        case {"format": "iss_sub", "iss": str(named_issuer), "sub": str(name_id)} if (
            name_id and entity_id and named_issuer == entity_id
        ):
            return RevocationSubject(name_id=name_id)
        case {"format": "email" | "iss_sub"}:
            raise SamlError("a sub_id with an email, or with the iss of the token and a sub", "another one")
        case _:
            raise UnknownSubjectType("a sub_id in the format email or iss_sub", "another format")
