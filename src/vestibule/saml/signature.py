"""Verifies and makes XML signatures.

Rules of this file: verification never returns just True, but the element parsed again from the bytes that the signature
covers, so that nothing unsigned can be used by mistake. The shape of a signature is checked against an allow-list
before signxml verifies it. Only keys of pinned certificates count; the KeyInfo in a message is ignored.
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
"""Ids in a message. It needs two or three; many would make verification slow."""
_BY_PINNED_KEY: Final = "a signature by one of the certificates of this identity provider"


class UnknownKey(SamlError):
    """No pinned key made a signature. The identity provider may have a new certificate in its metadata."""


class Signed(NamedTuple):
    """The element that a valid signature covers, parsed from the signed bytes, and the certificate of its key."""

    element: Element
    certificate: Certificate


class SigningKey(NamedTuple):
    """One of our private keys with its certificate, both in PEM."""

    private_key: bytes
    certificate: str


def check_signatures(root: Element, holders: Sequence[Element]) -> None:
    """Check that all signatures are directly in one of `holders`, and that ids are unambiguous.

    Raises:
        SamlError: a signature is elsewhere, or two ids are equal, too many or in a namespace.
    """
    ids = ids_in(root)
    # `samlp:ID` and `xml:id` are used in attacks only.
    if any(name.startswith("{") for name, _ in ids):
        raise SamlError("ids without a namespace", "one with a namespace")
    if len(ids) > MOST_IDS:
        raise SamlError(f"at most {MOST_IDS} ids in a message", "more")
    if len(ids) != len({value for _, value in ids}):
        raise SamlError("unique ids", "two that are equal")
    for signature in everywhere(root, DS, "Signature"):
        if not any(signature.getparent() is holder for holder in holders):
            raise SamlError("a signature directly in the response or the assertion", "one elsewhere")
    for holder in holders:
        only_child(holder, DS, "Signature")


def is_signed(element: Element) -> bool:
    """Returns whether an element contains a signature, valid or not."""
    return bool(children(element, DS, "Signature"))


def verify_element(element: Element, certificates: Sequence[Certificate]) -> Signed:
    """Verify the signature in an element with the keys of these certificates. Returns what it covers.

    The dates of a certificate are ignored, because its key is pinned.

    Raises:
        UnknownKey: none of these keys made the signature.
        SamlError: there is no signature, or it is not valid.
    """
    signature = only_child(element, DS, "Signature")
    if signature is None:
        raise SamlError("a signature", "none")
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
    """Returns the certificate whose key made a signature; None if there is none.

    Only the canonical SignedInfo is verified here, so that the cost for each certificate does not depend on the size of
    the document. The whole element is verified with this key afterwards.
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
    """Returns whether the key of a certificate made a signature.

    For ECDSA `raw` holds the two numbers one after the other (XML Signature §6.4.3).
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
    """Check that a signature has one SignedInfo with one Reference to the element itself, and allowed algorithms.

    Returns the URI of the signature algorithm.

    Raises:
        SamlError: it has another shape.
    """
    allowed = {q(DS, "SignedInfo"), q(DS, "SignatureValue"), q(DS, "KeyInfo")}
    names = [child.tag for child in signature]
    if set(names) - allowed or any(names.count(name) != 1 for name in (q(DS, "SignedInfo"), q(DS, "SignatureValue"))):
        raise SamlError("a signature of one SignedInfo, one SignatureValue and a KeyInfo", "another shape")
    info = children(signature, DS, "SignedInfo")[0]
    if [child.tag for child in info] != _IN_SIGNED_INFO:
        raise SamlError("a signature over one Reference", "another number of them")
    canonicalisation, method, reference = info
    if attribute(canonicalisation, "Algorithm") != EXC_C14N or len(canonicalisation):
        raise SamlError("exclusive canonicalisation without comments and parameters", "another method")
    algorithm = attribute(method, "Algorithm")
    if algorithm not in _SIGNATURES or len(method):
        raise SamlError("a signature with RSA or ECDSA and SHA-256 or better", f"'{algorithm[:80]}'")
    if not (wanted := attribute(document, "ID")) or attribute(reference, "URI") != f"#{wanted}":
        raise SamlError("a signature over the element that holds it", "one over something else")
    if [child.tag for child in reference] != _IN_REFERENCE:
        raise SamlError("a Reference of Transforms, DigestMethod and DigestValue", "another shape")
    transforms, digest, value = reference
    used = [attribute(transform, "Algorithm") for transform in transforms]
    if used != [_ENVELOPED, EXC_C14N]:
        raise SamlError("the transforms enveloped-signature and exclusive canonicalisation", "other transforms")
    if any(child.tag != q(EXC_C14N, "InclusiveNamespaces") for transform in transforms for child in transform):
        raise SamlError("transforms without parameters", "one with parameters")
    if (digested := attribute(digest, "Algorithm")) not in _DIGESTS or len(digest) or len(value):
        raise SamlError("a digest with SHA-256 or better", f"'{digested[:80]}'")
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
        raise SamlError("a signature over the element that holds it", "one over something else")
    return element


# -- signing -----------------------------------------------------------------------------------------------------------


def sign_element(element: Element, key: SigningKey, after: str) -> Element:
    """Returns the element signed with RSA-SHA256. The signature follows the child named `after`, as SAML requires."""
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
    """Returns the signature of a query of the HTTP-Redirect binding, in base64 (SAML 2.0 Bindings §3.4.4.1)."""
    return base64.b64encode(own_key(key.private_key).sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def verify_query(query: bytes, algorithm: str, signature: str, certificates: Sequence[Certificate]) -> Certificate:
    """Verify the signature of a redirect's query, given as the exact bytes. Returns the certificate of the key.

    Raises:
        UnknownKey: none of these keys made the signature.
        SamlError: the algorithm is not allowed, or the signature is not base64.
    """
    if algorithm not in _SIGNATURES:
        raise SamlError("a signature with RSA or ECDSA and SHA-256 or better", f"'{algorithm[:80]}'")
    digest = _HASHES[_SIGNATURES[algorithm][1]]
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise SamlError("a signature in base64", "something else") from None
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
