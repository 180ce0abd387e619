"""XML signatures and signatures of a redirect: made as Okta makes them, verified against pinned certificates.

The rule: only what was signed is read: `verified` returns the signed element itself, parsed again by the verifier,
and a key that comes inside a message is never the key it is verified with. Source: Okta wire facts 7.1.
"""

import base64
from collections.abc import Iterable
from urllib.parse import unquote_plus

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.exceptions import SignXMLException
from signxml.signer import SignatureReference, XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from pocket_okta.saml import keys, names, xml
from pocket_okta.saml.xml import Element
from pocket_okta.sign_on import SigningKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    names.RSA_SHA256: hashes.SHA256(),
    names.RSA_SHA384: hashes.SHA384(),
    names.RSA_SHA512: hashes.SHA512(),
}


class BadSignature(ValueError):
    """A signature that is missing or does not hold; the sentence says what was wanted."""


class _Signer(XMLSigner):
    """signxml digests an enveloped signature with the prefixes it was given, and does not write down which."""

    def _build_transforms_for_reference(
        self, *, transforms_node: Element, reference: SignatureReference, exclude_c14n_transform_element: bool = True
    ) -> None:
        super()._build_transforms_for_reference(
            transforms_node=transforms_node,
            reference=reference,
            exclude_c14n_transform_element=exclude_c14n_transform_element,
        )
        if reference.inclusive_ns_prefixes:
            kept = xml.make(
                names.EXC_C14N, "InclusiveNamespaces", "ec", PrefixList=" ".join(reference.inclusive_ns_prefixes)
            )
            transforms_node[-1].append(kept)


def sign(root: Element, key: SigningKey, *, typed: bool = False) -> Element:
    """Return the element signed: enveloped, exclusive c14n, RSA-SHA256, the signature after its Issuer.

    `typed`: there are xs:string values inside, whose prefix the canonical form must keep.
    """
    root.insert(1, xml.make(names.DS, "Signature", "ds", Id="placeholder"))
    signer = _Signer(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    reference = SignatureReference(URI=f"#{root.get('ID')}", inclusive_ns_prefixes=["xs"] if typed else None)
    signed = signer.sign(
        root, key=key.private_key.encode(), cert=key.certificate, reference_uri=[reference], id_attribute="ID"
    )
    if not isinstance(signed, Element):
        raise TypeError(f"signxml returned {type(signed).__name__}")
    return signed


def verified(root: Element, certificates: Iterable[str]) -> Element:
    """Return the signed message; raises BadSignature unless one of the certificates' keys signed all of it."""
    config = SignatureConfiguration(require_x509=True, location="./", expect_references=1)
    reason = "no certificate to verify it with is set"
    for certificate in certificates:
        try:
            result = XMLVerifier().verify(
                xml.serialize(root),
                x509_cert=certificate,
                id_attribute="ID",
                validate_schema=False,
                expect_config=config,
            )
        except (SignXMLException, InvalidSignature, ValueError) as problem:
            reason = f"{problem}".rstrip(".") or type(problem).__name__
            continue
        signed = result.signed_xml if not isinstance(result, list) else None
        if isinstance(signed, Element) and signed.tag == root.tag and signed.get("ID") == root.get("ID"):
            return signed
        reason = "it does not cover the whole message"
    raise BadSignature(f"wanted a message signed with the certificate under Signature Certificate: {reason}")


def sign_query(query: str, key: SigningKey) -> str:
    """Return the Signature parameter's value for the signed part of a redirect."""
    signature = keys.private_key(key.private_key).sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(signature).decode()


def verify_query(raw_query: str, message: str, certificates: Iterable[str]) -> None:
    """Check the signature of a redirect over the parameters as they were encoded; raises BadSignature.

    `message` is SAMLRequest or SAMLResponse. The signed text is message, RelayState and SigAlg in that order
    (SAML bindings 3.4.4.1).
    """
    raw: dict[str, str] = {}
    for part in raw_query.split("&"):
        name, _, value = part.partition("=")
        if name in raw:
            raise BadSignature(f"wanted {name} once, got it twice")
        raw[name] = value
    if "Signature" not in raw or "SigAlg" not in raw:
        raise BadSignature("wanted a signed message: the parameters SigAlg and Signature are missing")
    chosen = _HASHES.get(unquote_plus(raw["SigAlg"]))
    if chosen is None:
        raise BadSignature(f"SigAlg: wanted RSA with SHA-256 or better, got {unquote_plus(raw['SigAlg'])!r}")
    signed = "&".join(f"{name}={raw[name]}" for name in (message, "RelayState", "SigAlg") if name in raw)
    try:
        signature = base64.b64decode(unquote_plus(raw["Signature"]))
    except ValueError:
        raise BadSignature("Signature: wanted base64") from None
    for certificate in certificates:
        try:
            keys.public_key(certificate).verify(signature, signed.encode(), padding.PKCS1v15(), chosen)
        except InvalidSignature:
            continue
        return
    raise BadSignature("wanted a message signed with the certificate under Signature Certificate; the signature is not")
