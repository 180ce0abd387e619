"""XML signatures: from an element that claims to be signed to the element that was.

The rule of this file: nobody who asks gets "yes". They get the element as it was read anew from the very bytes whose
digest the signature covers, or an error. The mathematics is signxml's; what a signature may look like is decided here
before it is computed, with an allow-list (security reference A1–A6). The keys are those of the pinned certificates:
what the message says about its key is thrown away unread.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature as InvalidRawSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from vestibule.model import Certificate
from vestibule.saml.certificate import CURVES, SMALLEST_RSA, own_key
from vestibule.saml.errors import SamlError
from vestibule.saml.xml import (
    DS,
    EXC_C14N,
    Element,
    XmlError,
    attribute,
    build,
    canonical,
    children,
    copied,
    everywhere,
    ids_in,
    local_name,
    only_child,
    parse_xml,
    q,
    remove,
    serialise,
    text_of,
)

_ENVELOPED: Final = f"{DS}enveloped-signature"
_SIGNATURES: Final = {
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{size}": (kind, size)
    for kind in ("rsa", "ecdsa")
    for size in (256, 384, 512)
}
_DIGESTS: Final = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
_IN_SIGNED_INFO: Final = [q(DS, name) for name in ("CanonicalizationMethod", "SignatureMethod", "Reference")]
_IN_REFERENCE: Final = [q(DS, name) for name in ("Transforms", "DigestMethod", "DigestValue")]
_METHODS: Final = frozenset(SignatureMethod(uri) for uri in _SIGNATURES)
_DIGEST_METHODS: Final = frozenset(DigestAlgorithm(uri) for uri in _DIGESTS)
_HASHES: Final = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


MOST_IDS: Final = 100
"""In a message, which needs two or three: each is looked at several times."""
_BY_PINNED_KEY: Final = "A signature by one of the certificates of this identity provider is wanted"


class UnknownKey(SamlError):
    """A signature of the right shape that no pinned key made. The identity provider may have changed its certificate,
    so it may be worth reading its metadata again.
    """


class Signed(NamedTuple):
    """What a valid signature covers, read anew from the bytes that were signed, and whose key made it."""

    element: Element
    certificate: Certificate


class SigningKey(NamedTuple):
    """A private key of ours and the certificate that tells its public part; both in PEM."""

    private_key: bytes
    certificate: str


def check_signatures(root: Element, holders: Sequence[Element]) -> None:
    """Refuse a document with a signature anywhere but directly in one of the elements that may hold one, or with ids
    that could be taken for each other.

    Raises:
        SamlError
    """
    ids = ids_in(root)
    # `samlp:ID` and `xml:id`: nobody honest sends them.
    if any(name.startswith("{") for name, _ in ids):
        raise SamlError("Ids without a namespace are wanted", "one with")
    if len(ids) > MOST_IDS:
        raise SamlError(f"at most {MOST_IDS} ids in a message", "more")
    if len(ids) != len({value for _, value in ids}):
        raise SamlError("Ids that differ are wanted", "two that are equal")
    for signature in everywhere(root, DS, "Signature"):
        if not any(signature.getparent() is holder for holder in holders):
            raise SamlError("A signature directly in the response or the assertion is wanted", "one elsewhere")
    for holder in holders:
        only_child(holder, DS, "Signature")


def is_signed(element: Element) -> bool:
    """Whether an element carries a signature of its own; says nothing about its worth."""
    return bool(children(element, DS, "Signature"))


def verify_element(element: Element, certificates: Sequence[Certificate]) -> Signed:
    """The element that the signature in it covers, by one of these certificates' keys.

    A certificate's dates do not matter here: the key is pinned, and whoever asks may warn (wire facts 7.1).

    Raises:
        SamlError: there is no signature, it is not of the one shape that is accepted, or no key made it.
    """
    signature = only_child(element, DS, "Signature")
    if signature is None:
        raise SamlError("A signature is wanted", "none")
    method = _check_shape(element, signature)
    certificate = _find_signer(signature, method, certificates)
    if certificate is None:
        raise UnknownKey(_BY_PINNED_KEY, "one by another key")
    document = copied(element)
    for key_info in document.findall(f"{q(DS, 'Signature')}/{q(DS, 'KeyInfo')}"):
        remove(key_info)
    signed = _verify(document, certificate)
    if signed is None:
        raise SamlError(_BY_PINNED_KEY, "a text that was changed after it was signed")
    return Signed(_as_signed(signed, document), certificate)


def _find_signer(signature: Element, method: str, certificates: Sequence[Certificate]) -> Certificate | None:
    """The certificate whose key made a signature, judged by the canonical SignedInfo alone: whatever else the document
    holds, finding the key costs a verification of a few hundred bytes for each certificate. The element itself is
    verified with that one key afterwards.
    """
    alone = copied(signature)
    info, value = children(alone, DS, "SignedInfo")[0], children(alone, DS, "SignatureValue")[0]
    try:
        raw = base64.b64decode(text_of(value))
        signed_bytes = canonical(info)
    except (ValueError, XmlError):
        return None
    return next((each for each in certificates if _fits(each, method) and _made(each, method, raw, signed_bytes)), None)


def _made(certificate: Certificate, method: str, raw: bytes, signed_bytes: bytes) -> bool:
    """Whether the key of a certificate made a signature, given as XML signatures have it: for ECDSA the two numbers
    beside each other (XML Signature §6.4.3).
    """
    key = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
    digest = _HASHES[_SIGNATURES[method][1]]
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, signed_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            half = (key.key_size + 7) // 8
            if len(raw) != 2 * half:
                return False
            numbers = int.from_bytes(raw[:half]), int.from_bytes(raw[half:])
            key.verify(encode_dss_signature(*numbers), signed_bytes, ec.ECDSA(digest))
        else:
            return False
    except InvalidRawSignature:
        return False
    return True


def _check_shape(document: Element, signature: Element) -> str:
    """The one shape: one SignedInfo, one Reference to the element itself, two known transforms, strong algorithms.

    Returns:
        The URI of the signature's algorithm.
    """
    allowed = {q(DS, "SignedInfo"), q(DS, "SignatureValue"), q(DS, "KeyInfo")}
    names = [child.tag for child in signature]
    if set(names) - allowed or any(names.count(name) != 1 for name in (q(DS, "SignedInfo"), q(DS, "SignatureValue"))):
        raise SamlError("A signature of one SignedInfo, one SignatureValue and a KeyInfo is wanted", "another shape")
    info = children(signature, DS, "SignedInfo")[0]
    if [child.tag for child in info] != _IN_SIGNED_INFO:
        raise SamlError("A signature over one Reference is wanted", "another number of them")
    canonicalisation, method, reference = info
    if attribute(canonicalisation, "Algorithm") != EXC_C14N or len(canonicalisation):
        raise SamlError("Exclusive canonicalisation without comments and parameters is wanted", "another one")
    algorithm = attribute(method, "Algorithm")
    if algorithm not in _SIGNATURES or len(method):
        raise SamlError("A signature with RSA or ECDSA and SHA-256 or better is wanted", f"'{algorithm[:80]}'")
    if not (wanted := attribute(document, "ID")) or attribute(reference, "URI") != f"#{wanted}":
        raise SamlError("A signature over the element that holds it is wanted", "one over something else")
    if [child.tag for child in reference] != _IN_REFERENCE:
        raise SamlError("A Reference of Transforms, DigestMethod and DigestValue is wanted", "another shape")
    transforms, digest, value = reference
    used = [attribute(transform, "Algorithm") for transform in transforms]
    if used != [_ENVELOPED, EXC_C14N]:
        raise SamlError("The transforms enveloped-signature and exclusive canonicalisation are wanted", "others")
    if any(child.tag != q(EXC_C14N, "InclusiveNamespaces") for transform in transforms for child in transform):
        raise SamlError("Transforms without parameters are wanted", "one with")
    if (digested := attribute(digest, "Algorithm")) not in _DIGESTS or len(digest) or len(value):
        raise SamlError("A digest with SHA-256 or better is wanted", f"'{digested[:80]}'")
    return algorithm


def _fits(certificate: Certificate, method: str) -> bool:
    key = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
    if _SIGNATURES[method][0] == "rsa":
        return isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES)


def _verify(document: Element, certificate: Certificate) -> bytes | None:
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGEST_METHODS,
        verification_time=datetime.fromtimestamp(certificate.not_before / 1000 + 1, UTC),
    )
    try:
        result = XMLVerifier().verify(document, x509_cert=certificate.pem, id_attribute="ID", expect_config=config)
    except (SignXMLException, XmlError, InvalidRawSignature, ValueError, TypeError, AttributeError):
        return None
    return None if isinstance(result, list) else result.signed_data


def _as_signed(data: bytes, claimed: Element) -> Element:
    element = parse_xml(data)
    same = element.tag == claimed.tag and attribute(element, "ID") == attribute(claimed, "ID")
    if not same or children(element, DS, "Signature"):
        raise SamlError("A signature over the element that holds it is wanted", "one over something else")
    return element


# -- what we sign ------------------------------------------------------------------------------------------------------


def sign_element(element: Element, key: SigningKey, after: str) -> Element:
    """The element with a signature over it (RSA-SHA256) behind its child of the name `after`, as the schema of SAML
    wants it.
    """
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    placed = copied(element)
    placeholder = build(DS, "Signature", {"Id": "placeholder"})
    for child in placed:
        if local_name(child) == after:
            child.addnext(placeholder)
            break
    signed = signer.sign(
        placed,
        key=own_key(key.private_key),
        cert=key.certificate,
        reference_uri=f"#{attribute(placed, 'ID')}",
        id_attribute="ID",
    )
    return parse_xml(serialise(signed))


def sign_query(query: str, key: SigningKey) -> str:
    """The base64 of a signature over a query of the HTTP-Redirect binding (SAML 2.0 Bindings §3.4.4.1)."""
    return base64.b64encode(own_key(key.private_key).sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def verify_query(query: bytes, algorithm: str, signature: str, certificates: Sequence[Certificate]) -> Certificate:
    """Whose key signed the query of a redirect, given exactly as it came.

    Raises:
        SamlError: none of these certificates'.
    """
    if algorithm not in _SIGNATURES:
        raise SamlError("A signature with RSA or ECDSA and SHA-256 or better is wanted", f"'{algorithm[:80]}'")
    digest = _HASHES[_SIGNATURES[algorithm][1]]
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise SamlError("A signature in base64 is wanted", "a text that is none") from None
    for certificate in certificates:
        if not _fits(certificate, algorithm):
            continue
        key = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(raw, query, padding.PKCS1v15(), digest)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(raw, query, ec.ECDSA(digest))
        except InvalidRawSignature:
            continue
        return certificate
    raise UnknownKey(_BY_PINNED_KEY, "one by another key")
