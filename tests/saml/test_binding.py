"""How messages travel: base64 in a form, deflated in a query, signed by order of the query."""

import base64
import zlib
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from tests.saml.factory import DS, MORE
from tests.saml.keys import Pair, pair
from vestibule.saml.binding import (
    LARGEST_MESSAGE,
    decode_posted,
    decode_redirected,
    encode_posted,
    redirect_url,
    signed_part,
)
from vestibule.saml.errors import SamlError
from vestibule.saml.signature import SigningKey, sign_query, verify_query

TEXT = b"<samlp:LogoutRequest>+/ \xc3\xa4</samlp:LogoutRequest>"
RSA = f"{MORE}rsa-sha256"


def _deflated(text: bytes, wbits: int = -zlib.MAX_WBITS) -> str:
    deflater = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return base64.b64encode(deflater.compress(text) + deflater.flush()).decode()


# -- what comes --------------------------------------------------------------------------------------------------------


def test_a_posted_message_is_read_through_any_white_space() -> None:
    assert decode_posted(base64.b64encode(TEXT).decode()) == TEXT
    assert decode_posted("\r\n ".join(base64.b64encode(TEXT).decode()) + "\n") == TEXT
    assert decode_posted(encode_posted(TEXT)) == TEXT


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_message_is_refused(text: str) -> None:
    for decode in (decode_posted, decode_redirected):
        with pytest.raises(SamlError, match=r"^Expected a SAML message; got an empty field\.$"):
            decode(text)


@pytest.mark.parametrize("text", ["<samlp:Response/>", "PHNhbWw", "PHNhb*==", "PHNh*bWw", "PHNhbä==", "PHNh=bWw"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    for decode in (decode_posted, decode_redirected):
        with pytest.raises(SamlError, match="a SAML message in base64"):
            decode(text)


def test_a_message_that_is_too_large_is_refused_before_it_is_decoded() -> None:
    most = LARGEST_MESSAGE * 3 // 2
    assert LARGEST_MESSAGE == 256 * 1024
    assert len(decode_posted("A" * most)) == most * 3 // 4
    with pytest.raises(SamlError, match=r"at most 262,144 bytes; got 393,220 characters"):
        decode_posted("A" * (most + 4))
    with pytest.raises(SamlError, match=r"at most 262,144 bytes; got 393,217 characters"):
        decode_posted("!" * (most + 1))


def test_a_redirected_message_is_inflated() -> None:
    assert decode_redirected(_deflated(TEXT)) == TEXT
    assert decode_redirected(_deflated(b"x" * (LARGEST_MESSAGE - 1))) == b"x" * (LARGEST_MESSAGE - 1)


@pytest.mark.parametrize("size", [LARGEST_MESSAGE + 1, LARGEST_MESSAGE * 2, 100 << 20])
def test_a_deflate_bomb_is_refused(size: int) -> None:
    bomb = _deflated(b"x" * size)
    assert len(bomb) < 200_000
    with pytest.raises(SamlError, match=r"at most 262,144 bytes; got one that is larger or truncated"):
        decode_redirected(bomb)


def test_half_of_a_deflated_message_is_refused() -> None:
    half = base64.b64encode(base64.b64decode(_deflated(TEXT))[:-5]).decode()
    with pytest.raises(SamlError, match="a SAML message"):
        decode_redirected(half)


@pytest.mark.parametrize("text", [base64.b64encode(TEXT).decode(), _deflated(TEXT, zlib.MAX_WBITS), "////"])
def test_what_is_not_deflated_is_refused(text: str) -> None:
    with pytest.raises(SamlError, match="a deflated SAML message"):
        decode_redirected(text)


# -- the signed part of a query ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("SAMLRequest=a%2B&RelayState=r%20&SigAlg=s&Signature=x", b"SAMLRequest=a%2B&RelayState=r%20&SigAlg=s"),
        # The order of the binding, whatever order they came in; as they came, whatever their encoding.
        ("Signature=x&SigAlg=S%3a&other=1&RelayState=&SAMLRequest=a+b", b"SAMLRequest=a+b&RelayState=&SigAlg=S%3a"),
        ("&&SigAlg=s&&SAMLRequest=a", b"SAMLRequest=a&SigAlg=s"),
        ("SAMLRequest=a=b&SigAlg", b"SAMLRequest=a=b&SigAlg"),
        ("SAMLRequest=ä&SigAlg=s", b"SAMLRequest=?&SigAlg=s"),
    ],
)
def test_the_signed_part_of_a_query_is_taken_as_it_came(query: str, part: bytes) -> None:
    assert signed_part(query, "SAMLRequest") == part


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", "Expected one SAMLRequest in a signed query; got 0."),
        ("SAMLResponse=a&SigAlg=s", "Expected one SAMLRequest in a signed query; got 0."),
        ("SAMLRequest=a", "Expected one SigAlg in a signed query; got 0."),
        ("SAMLRequest=a&SAMLRequest=b&SigAlg=s", "Expected one SAMLRequest in a signed query; got 2."),
        ("SAMLRequest=a&SAML%52equest=b&SigAlg=s", "Expected one SAMLRequest in a signed query; got 2."),
        ("SAMLRequest=a&SigAlg=s&SigAlg=t&SigAl%67=u", "Expected one SigAlg in a signed query; got 3."),
        ("SAMLRequest=a&SigAlg=s&RelayState=r&RelayState=r", "Expected one RelayState in a signed query; got 2."),
        ("SAMLRequest=a&SigAlg=s&RelayState&Relay%53tate=r", "Expected one RelayState in a signed query; got 2."),
    ],
)
def test_a_parameter_that_is_missing_or_there_twice_is_refused(query: str, wanted: str) -> None:
    with pytest.raises(SamlError) as refusal:
        signed_part(query, "SAMLRequest")
    assert str(refusal.value) == wanted


# -- what goes ---------------------------------------------------------------------------------------------------------


def _key(owner: Pair) -> SigningKey:
    return SigningKey(owner.private_pem, owner.pem)


def test_a_redirect_carries_a_message_that_can_be_read_and_verified() -> None:
    url = redirect_url("https://idp.north.example/slo?a=b", "SAMLRequest", TEXT, "r & ä", _key(pair("sp")))
    assert url.startswith("https://idp.north.example/slo?a=b&SAMLRequest=")
    query = urlsplit(url).query
    values = dict(parse_qsl(query))
    assert list(values) == ["a", "SAMLRequest", "RelayState", "SigAlg", "Signature"]
    assert decode_redirected(values["SAMLRequest"]) == TEXT
    assert (values["RelayState"], values["SigAlg"]) == ("r & ä", RSA)
    signed, _, signature = query.removeprefix("a=b&").rpartition("&Signature=")
    assert signed.encode() == signed_part(query, "SAMLRequest")
    raw = base64.b64decode(values["Signature"])
    pair("sp").rsa.public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert "%" in signature or "=" not in signature


def test_a_redirect_without_key_and_relay_state_carries_the_message_alone() -> None:
    url = redirect_url("https://idp.north.example/sso", "SAMLRequest", TEXT, "", None)
    assert url.startswith("https://idp.north.example/sso?SAMLRequest=")
    assert url == f"https://idp.north.example/sso?SAMLRequest={quote(_deflated(TEXT), safe='')}"
    assert redirect_url("u", "f", TEXT, "/", None).endswith("&RelayState=%2F")


# -- signatures of queries ---------------------------------------------------------------------------------------------

QUERY = b"SAMLRequest=a&SigAlg=s"
SIZES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def _signature(by: Pair, hash_: hashes.HashAlgorithm, query: bytes = QUERY) -> str:
    if isinstance(by.private, ec.EllipticCurvePrivateKey):
        return base64.b64encode(by.private.sign(query, ec.ECDSA(hash_))).decode()
    return base64.b64encode(by.private.sign(query, padding.PKCS1v15(), hash_)).decode()


def _pinned(*pairs: Pair) -> list[object]:
    return [each.pinned for each in pairs]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_signature_of_a_query_is_verified_by_the_key_that_made_it(kind: str, size: str) -> None:
    by = pair() if kind == "rsa" else pair("elliptic", "p256")
    known = [pair("foreign").pinned, pair("elliptic-2", "p256").pinned, by.pinned]
    signature = _signature(by, SIZES[size])
    assert verify_query(QUERY, f"{MORE}{kind}-sha{size}", signature, known) == by.pinned
    for other in {"256", "384", "512"} - {size}:
        with pytest.raises(SamlError, match="a signature by one of the certificates"):
            verify_query(QUERY, f"{MORE}{kind}-sha{other}", signature, known)


def test_our_own_signature_is_verified() -> None:
    signature = sign_query(QUERY.decode(), _key(pair("sp")))
    assert verify_query(QUERY, RSA, signature, [pair("sp").pinned]) == pair("sp").pinned
    with pytest.raises(ValueError, match="our keys are RSA keys"):
        sign_query("", _key(pair("elliptic", "p256")))


@pytest.mark.parametrize(
    ("by", "algorithm", "query", "wanted"),
    [
        (pair("foreign"), RSA, QUERY, "a signature by one of the certificates"),
        (pair(), RSA, QUERY + b"&", "a signature by one of the certificates"),
        (pair(), f"{MORE}ecdsa-sha256", QUERY, "a signature by one of the certificates"),
        (pair("elliptic", "p256"), RSA, QUERY, "a signature by one of the certificates"),
        (pair("weak", "rsa-1024"), RSA, QUERY, "a signature by one of the certificates"),
        (pair(), f"{DS}rsa-sha1", QUERY, "a signature with RSA or ECDSA and SHA-256 or better"),
        (pair(), f"{MORE}hmac-sha256", QUERY, "a signature with RSA or ECDSA and SHA-256 or better"),
        (pair(), "", QUERY, "a signature with RSA or ECDSA and SHA-256 or better"),
    ],
)
def test_another_signature_of_a_query_is_refused(by: Pair, algorithm: str, query: bytes, wanted: str) -> None:
    known = [pair().pinned, pair("weak", "rsa-1024").pinned, pair("elliptic", "p256").pinned]
    with pytest.raises(SamlError, match=wanted):
        verify_query(query, algorithm, _signature(by, hashes.SHA256()), known)


def test_an_unknown_algorithm_is_told_shortly() -> None:
    with pytest.raises(SamlError) as refusal:
        verify_query(QUERY, "x" * 100, "", [])
    assert refusal.value.came == f"'{'x' * 80}'"


@pytest.mark.parametrize("signature", ["!", "ä", "A"])
def test_a_signature_that_is_no_base64_is_refused(signature: str) -> None:
    with pytest.raises(SamlError, match=r"Expected a signature in base64; got something else"):
        verify_query(QUERY, RSA, signature, [pair().pinned])


def test_an_empty_signature_is_refused() -> None:
    with pytest.raises(SamlError, match="a signature by one of the certificates"):
        verify_query(QUERY, RSA, "", [pair().pinned])
