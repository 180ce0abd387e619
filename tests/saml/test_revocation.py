"""Okta's Universal Logout: the order is worth carrying out only when the pinned key signed it, for here and now."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.saml.keys import NOW, Pair, pair
from vestibule.saml.errors import SamlError
from vestibule.saml.revocation import RevocationSubject, RevocationToken, UnknownSubjectType, read_subject, read_token

HERE: Final = "https://vestibule.example/saml/north/okta/global-token-revocation"
ORG: Final = "https://north.okta.example"
SSO: Final = f"{ORG}/app/app_1/exk9abc/sso/saml"
SECONDS: Final = NOW // 1000
TYPE: Final = "global-token-revocation+jwt"


def _claims(**changes: Any) -> dict[str, Any]:
    usual = {"iss": ORG, "sub": "exk9abc", "aud": HERE, "exp": SECONDS + 300, "nbf": SECONDS - 300, "jti": "jti-1"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def _token(
    claims: dict[str, Any] | None = None, by: Pair | None = None, algorithm: str = "RS256", typ: object = TYPE
) -> str:
    key = (by or pair()).private_pem
    return jwt.encode(_claims() if claims is None else claims, key, algorithm, headers={"typ": typ})


def _raw(header: object, claims: object, signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _as_it_is(**changes: object) -> str:
    """A rightly signed token whose claims no library has looked at."""
    unsigned = _raw({"alg": "RS256", "typ": TYPE}, _claims(**changes)).rpartition(".")[0]
    signature = pair().rsa.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _hmac(secret: bytes) -> str:
    unsigned = _raw({"alg": "HS256", "typ": TYPE}, _claims()).rpartition(".")[0]
    mac = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _read(token: str, now: int = NOW, sso_url: str = SSO, *known: Pair) -> RevocationToken:
    return read_token(token, HERE, sso_url, [each.pinned for each in known or (pair(),)], now)


def test_an_order_is_read() -> None:
    assert _read(_token()) == RevocationToken("jti-1", ORG, NOW + 300_000 + 240_000)
    assert _read(_token(_claims(aud=[HERE], nbf=None, exp=SECONDS + 0.5))).usable_until == NOW + 240_500
    assert _read(_token(typ="Application/Global-Token-Revocation+JWT")).token_id == "jti-1"
    assert _read(_token(_claims(jti="j" * 600))).token_id == "j" * 500
    assert _read(_token(_claims(iat="soon", sub=7, jti=7))).token_id == "7"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])
def test_each_algorithm_is_verified_by_the_key_that_fits(algorithm: str) -> None:
    elliptic = [pair("elliptic", "p256"), pair("larger", "p384"), pair("largest", "p521")]
    by = dict(zip(("ES256", "ES384", "ES512"), elliptic, strict=True)).get(algorithm, pair())
    known = (pair("foreign"), *elliptic, pair("expired", days=1), pair())
    assert _read(_token(by=by, algorithm=algorithm), NOW, SSO, *known).issuer == ORG


BY_KEY = "Expected a token that this identity provider's certificate signed; got one that another key signed."


@pytest.mark.parametrize(
    "made",
    [
        lambda: _token(by=pair("foreign")),
        lambda: _token(by=pair("elliptic", "p256"), algorithm="ES256"),
        lambda: _token(algorithm="PS256"),
        lambda: _raw({"alg": "none", "typ": TYPE}, _claims()),
        lambda: _raw({"alg": "NONE", "typ": TYPE}, _claims()),
        lambda: _raw({"typ": TYPE}, _claims()),
        lambda: _raw({"alg": 7, "typ": TYPE}, _claims()),
        lambda: _hmac(pair().public_pem),
        lambda: _hmac(pair().pem.encode()),
        lambda: _hmac(b""),
        lambda: _raw({"alg": "RS256", "typ": TYPE}, [1], b"x"),
        lambda: _token()[:-4] + "AAAA",
        lambda: ".".join([*_token().split(".")[:2], ""]),
        lambda: _raw({"alg": "RS256", "typ": TYPE, "jwk": {"kty": "oct", "k": "AA"}}, _claims(), b"x"),
    ],
)
def test_a_token_of_another_key_is_refused(made: Callable[[], str]) -> None:
    with pytest.raises(SamlError) as refusal:
        _read(made())
    assert str(refusal.value) == BY_KEY


@pytest.mark.parametrize(
    "token", ["", "a", "a.b", "a.b.c", "ä.b.c", "....", _raw([1], {}), _raw("x", {}), f"{_raw({}, {})}.x"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SamlError) as refusal:
        _read(token)
    assert refusal.value.wanted in {"a signed JWT", f"a token of the type {TYPE}"}


@pytest.mark.parametrize("typ", ["JWT", "", "secevent+jwt", "x" * 100])
def test_a_token_of_another_type_is_refused(typ: str) -> None:
    with pytest.raises(SamlError) as refusal:
        _read(_token(typ=typ))
    assert refusal.value.wanted == f"a token of the type {TYPE}"
    assert refusal.value.came == (f"'{typ[:80]}'" if typ else "'None'")


def test_a_token_that_is_too_long_is_refused() -> None:
    token = _token(_claims(more=""))
    room = (8192 - len(token)) * 3 // 4
    longest = next(made for n in range(room, room - 9, -1) if len(made := _token(_claims(more="x" * n))) <= 8192)
    assert _read(longest).token_id == "jti-1"
    with pytest.raises(SamlError, match="a signed JWT"):
        _read("x" * 8192)
    with pytest.raises(SamlError, match="Expected a token of at most 8,192 characters; got a longer one"):
        _read(longest + "A" * (8193 - len(longest)))


@pytest.mark.parametrize(
    ("changes", "came"),
    [
        ({"iss": None}, "iss"),
        ({"aud": ""}, "aud"),
        ({"aud": []}, "aud"),
        ({"exp": None}, "exp"),
        ({"exp": 0}, "exp"),
        ({"jti": None}, "jti"),
        ({"jti": "", "iss": ""}, "iss, jti"),
    ],
)
def test_a_token_without_a_claim_is_refused(changes: dict[str, Any], came: str) -> None:
    with pytest.raises(SamlError) as refusal:
        _read(_token(_claims(**changes)))
    assert str(refusal.value) == f"Expected a token with iss, aud, exp and jti; got one without {came}."


@pytest.mark.parametrize("audience", [f"{HERE}?a=b", f"{HERE}/", HERE[:-1], ORG, [HERE, ORG], [ORG], {"a": HERE}, 7])
def test_a_token_for_somewhere_else_is_refused(audience: object) -> None:
    with pytest.raises(SamlError, match=f"Expected a token for {HERE}; got one for another audience"):
        _read(_token(_claims(aud=audience)))


@pytest.mark.parametrize(
    "issuer",
    ["https://south.okta.example", "http://north.okta.example", f"{ORG}:8443", "north.okta.example", "https://[", 7],
)
def test_a_token_of_another_organisation_is_refused(issuer: object) -> None:
    with pytest.raises(SamlError) as refusal:
        read_token(_as_it_is(iss=issuer), HERE, SSO, [pair().pinned], NOW)
    assert refusal.value.came == f"one from '{issuer}'"


def test_where_people_sign_in_has_to_be_known() -> None:
    for sso_url in ("", "https://["):
        with pytest.raises(SamlError, match="a token from the organisation where people sign in"):
            read_token(_as_it_is(iss="x"), HERE, sso_url, [pair().pinned], NOW)
    with pytest.raises(SamlError) as refusal:
        read_token(_as_it_is(iss="x" * 300), HERE, SSO, [pair().pinned], NOW)
    assert refusal.value.came == f"one from '{'x' * 200}'"


@pytest.mark.parametrize(
    ("changes", "now", "accepted"),
    [
        ({}, 300 + 120 - 1, True),
        ({}, 300 + 120, False),
        ({}, -300 - 120, True),
        ({}, -300 - 120 - 1, False),
        ({"nbf": None}, -300 - 120 - 1, True),
        ({"exp": SECONDS + 3600}, 0, True),
        ({"exp": SECONDS + 3600.001}, 0, False),
        ({"nbf": 0}, 0, True),
        ({"nbf": SECONDS + 121}, 0, False),
    ],
)
def test_a_token_holds_now_and_for_an_hour_at_most(changes: dict[str, Any], now: int, *, accepted: bool) -> None:
    token = _token(_claims(**changes))
    if accepted:
        assert _read(token, NOW + now * 1000).token_id == "jti-1"
    else:
        with pytest.raises(SamlError, match="a token that is valid now and for at most an hour"):
            _read(token, NOW + now * 1000)


@pytest.mark.parametrize("value", ["1795514700", True, -1, 1 << 40, 1e300, float("inf"), float("nan"), [1], {"a": 1}])
@pytest.mark.parametrize("name", ["exp", "nbf"])
def test_a_time_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(SamlError, match=f"Expected a time in seconds as {name}; got something else"):
        _read(_as_it_is(**{name: value}))


# -- who is meant ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ({"format": "email", "email": " ana.reis@north.example "}, RevocationSubject(email="ana.reis@north.example")),
        ({"format": "email", "email": "a", "iss": "x"}, RevocationSubject(email="a")),
        ({"format": "iss_sub", "iss": ORG, "sub": "00u1"}, RevocationSubject(subject="00u1")),
    ],
)
def test_the_person_who_is_meant_is_read(named: dict[str, str], meant: RevocationSubject) -> None:
    assert read_subject({"sub_id": named}, ORG) == meant


def test_a_person_is_named_in_one_way() -> None:
    assert (RevocationSubject(email="a").subject, RevocationSubject(subject="b").email) == ("", "")


@pytest.mark.parametrize("body", [None, [], "x", 7, {}, {"sub_id": None}, {"sub_id": "x"}, {"subject": {}}])
def test_a_body_of_another_shape_is_refused(body: object) -> None:
    with pytest.raises(SamlError, match=r'an object {"sub_id": {…}}') as refusal:
        read_subject(body, ORG)
    assert not isinstance(refusal.value, UnknownSubjectType)


@pytest.mark.parametrize(
    "named",
    [
        {"format": "email"},
        {"format": "email", "email": ""},
        {"format": "email", "email": "  "},
        {"format": "email", "email": 7},
        {"format": "iss_sub", "iss": ORG},
        {"format": "iss_sub", "iss": ORG, "sub": ""},
        {"format": "iss_sub", "iss": ORG, "sub": 7},
        {"format": "iss_sub", "iss": "https://south.okta.example", "sub": "00u1"},
        {"format": "iss_sub", "sub": "00u1"},
    ],
)
def test_a_person_named_by_halves_is_refused(named: dict[str, object]) -> None:
    with pytest.raises(SamlError, match="a sub_id with an email, or with the iss of the token and a sub") as refusal:
        read_subject({"sub_id": named}, ORG)
    assert not isinstance(refusal.value, UnknownSubjectType)


@pytest.mark.parametrize("named", [{}, {"format": "phone_number", "phone_number": "1"}, {"email": "a"}, {"format": 7}])
def test_another_way_to_name_a_person_is_told_apart(named: dict[str, object]) -> None:
    with pytest.raises(UnknownSubjectType, match="a sub_id in the format email or iss_sub"):
        read_subject({"sub_id": named}, ORG)
