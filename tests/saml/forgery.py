"""Signatures that are missing, by the wrong key, with weak algorithms, or over something else than they seem."""

import base64
from functools import partial
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.saml.case import (
    BY_KEY,
    IDS,
    NO_COMMENTS,
    OWN,
    SHAPE,
    SOME,
    STRONG,
    TRANSFORMS,
    Case,
    Cases,
)
from tests.saml.factory import (
    ACS,
    DS,
    ENVELOPED,
    EVIL,
    EXC,
    WHO,
    XENC,
    How,
    Node,
    Said,
    expected,
    named,
    one,
    read,
    sign,
    signed,
    tag,
    write,
)
from tests.saml.keys import pair

_ENVELOPED: Final = f'<ds:Transform Algorithm="{ENVELOPED}"/>'
_EXC: Final = f'<ds:Transform Algorithm="{EXC}"/>'
_ONE_REFERENCE: Final = "a signature over one Reference"
_DIGEST: Final = "a digest with SHA-256 or better"
_SIGNED: Final = ("assertion", "response", "both")


def _changed(what: str, old: str, new: str) -> bytes:
    """Returns a response that was changed after signing."""
    text = write(signed(what=what))
    assert text.count(old.encode()) == 1
    return text.replace(old.encode(), new.encode())


def _stripped(what: str) -> Node:
    """Returns a response without signatures and with another name."""
    root = read(write(signed(what=what)).replace(WHO.encode(), EVIL.encode()))
    for found in list(root.iter(tag("ds:Signature"))):
        parent = found.getparent()
        assert parent is not None
        parent.remove(found)
    return root


def _how(what: str = "both", **how: object) -> Node:
    return signed(what=what, how=How(**how))  # type: ignore[arg-type]  # each case names fields of How


def _foreign(what: str, **how: object) -> Node:
    """Returns a response signed by another key, whose certificate has the same name."""
    return signed(Said(name_id=named(EVIL)), what, pair("foreign"), How(**how))  # type: ignore[arg-type]  # as above


def _true_certificate_inline() -> str:
    return f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{pair().body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"


def _key_value() -> str:
    numbers = pair("foreign").rsa.public_key().public_numbers()
    modulus, exponent = (
        base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
        for number in (numbers.n, numbers.e)
    )
    value = f"<ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue>"
    return f"<ds:KeyInfo><ds:KeyValue>{value}</ds:KeyValue></ds:KeyInfo>"


def _der_key_value() -> str:
    der = pair("foreign").rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    value = base64.b64encode(der).decode()
    more = "http://www.w3.org/2009/xmldsig11#"
    return (
        f'<ds:KeyInfo><dsig11:DEREncodedKeyValue xmlns:dsig11="{more}">{value}</dsig11:DEREncodedKeyValue></ds:KeyInfo>'
    )


def _mixed() -> Node:
    """Returns a correctly signed response whose assertion was signed by another key before."""
    root = Said().response()
    sign(one(root, "saml:Assertion"), pair("foreign"))
    return sign(root)


def _mixed_the_other_way() -> Node:
    root = signed(what="assertion")
    return sign(root, pair("foreign"))


def _comment_in_digest() -> bytes:
    text = write(signed(what="assertion"))
    return text.replace(b"<ds:DigestValue>", b"<ds:DigestValue><!--forged-->")


def _second_value() -> Node:
    root = signed(what="assertion")
    value = one(root, "ds:SignatureValue")
    value.addnext(read(f'<ds:SignatureValue xmlns:ds="{DS}">AAAA</ds:SignatureValue>'))
    return root


def _emptied(name: str) -> Node:
    root = signed(what="assertion")
    one(root, name).text = ""
    return root


def _filled(name: str) -> Node:
    root = signed(what="assertion")
    one(root, name).append(read("<x/>"))
    return root


def _without(name: str) -> Node:
    root = signed(what="assertion")
    found = one(root, name)
    parent = found.getparent()
    assert parent is not None
    parent.remove(found)
    return root


def _renamed(name: str) -> Node:
    """Returns a response with a part of the signature in another namespace, which readers of the full name miss."""
    root = signed(what="assertion")
    found = one(root, name)
    found.tag = tag(name).replace(DS, "urn:another")
    return root


def _namespaced_id(attribute: str, namespace: str) -> Node:
    """Returns a response in which another attribute, which some readers take for an ID, repeats the signed assertion's
    ID.
    """
    root = signed(what="assertion")
    root.set(f"{{{namespace}}}{attribute}", "_assertion-1")
    return root


def _weak(kind: str) -> Case:
    weak = pair("weak", kind)
    return Case("Signature", BY_KEY, lambda: signed(by=weak), lambda: expected(certificates=(weak.pinned,)))


def _other_kind() -> Case:
    elliptic = pair("elliptic", "p256")
    assert isinstance(elliptic.private, ec.EllipticCurvePrivateKey)
    how = How(method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
    return Case("Signature", BY_KEY, lambda: signed(by=elliptic, how=how))


def _object(content: str) -> str:
    return f"<ds:Object>{content}</ds:Object>"


_SECOND_REFERENCE: Final = (
    f'<ds:Reference URI="#_response-1"><ds:Transforms>{_ENVELOPED}{_EXC}</ds:Transforms>'
    f'<ds:DigestMethod Algorithm="{XENC}sha256"/><ds:DigestValue>AAAA</ds:DigestValue></ds:Reference>'
)
_MANIFEST: Final = (
    f'<ds:Manifest><ds:Reference URI="#_assertion-1"><ds:DigestMethod Algorithm="{XENC}sha256"/>'
    "<ds:DigestValue>AAAA</ds:DigestValue></ds:Reference></ds:Manifest>"
)
_XSLT: Final = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116">'
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/></ds:Transform>'
)
_XPATH: Final = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::'
    "saml:NameID)</ds:XPath></ds:Transform>"
)
_INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_TRANSFORMS: Final = {
    "XSLT": (_ENVELOPED, _EXC, _XSLT),
    "XSLT in place of the canonicalisation": (_ENVELOPED, _XSLT),
    "XPath": (_ENVELOPED, _XPATH, _EXC),
    "XPath filter 2": (_ENVELOPED, '<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"/>', _EXC),
    "base64": (_ENVELOPED, '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#base64"/>', _EXC),
    "inclusive canonicalisation": (_ENVELOPED, f'<ds:Transform Algorithm="{_INCLUSIVE}"/>'),
    "canonicalisation with comments": (_ENVELOPED, f'<ds:Transform Algorithm="{EXC}WithComments"/>'),
    "no canonicalisation": (_ENVELOPED,),
    "the order turned around": (_EXC, _ENVELOPED),
    "enveloped twice": (_ENVELOPED, _ENVELOPED, _EXC),
    "canonicalisation alone": (_EXC,),
    "none at all": (),
}


def _second_id(attribute: str) -> Node:
    root = signed(what="assertion")
    one(root, "samlp:Status").set(attribute, "_assertion-1")
    return root


CASES: Final[Cases] = {
    **{f"no signature where {what} had one": Case("Signed", SOME, partial(_stripped, what)) for what in _SIGNED},
    "another name in a signed assertion": Case(
        "Signature", BY_KEY, partial(_changed, "assertion", f">{WHO}<", f">{EVIL}<")
    ),
    "another name in a signed response": Case(
        "Signature", BY_KEY, partial(_changed, "response", f">{WHO}<", f">{EVIL}<")
    ),
    "another destination in a signed response": Case(
        "Signature",
        BY_KEY,
        partial(_changed, "both", f'Destination="{ACS}"', 'Destination="https://south.example/acs"'),
    ),
    **{
        f"a foreign key under the same name, {what} signed": Case("Signature", BY_KEY, partial(_foreign, what))
        for what in _SIGNED
    },
    "a foreign key beside the true certificate": Case(
        "Signature", BY_KEY, lambda: _foreign("both", key_info=_true_certificate_inline())
    ),
    "a foreign KeyValue": Case("Signature", BY_KEY, lambda: _foreign("both", key_info=_key_value())),
    "a foreign KeyValue beside the true certificate": Case(
        "Signature", BY_KEY, lambda: _foreign("both", key_info=_true_certificate_inline() + _key_value())
    ),
    "a foreign DEREncodedKeyValue": Case("Signature", BY_KEY, lambda: _foreign("both", key_info=_der_key_value())),
    "no KeyInfo and a foreign key": Case("Signature", BY_KEY, lambda: _foreign("both", key_info="")),
    "the assertion signed by a foreign key in a signed response": Case("Signature", BY_KEY, _mixed),
    "a signed assertion in a response signed by a foreign key": Case("Signature", BY_KEY, _mixed_the_other_way),
    "HMAC with the certificate as secret": Case(
        "Signature",
        STRONG,
        lambda: _how(hmac_key=pair().pem.encode(), method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    ),
    "HMAC with the public key as secret": Case(
        "Signature",
        STRONG,
        lambda: _how(hmac_key=pair().public_pem, method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    ),
    "HMAC that calls itself RSA": Case("Signature", BY_KEY, lambda: _how(hmac_key=pair().public_pem)),
    "SHA-1 in the signature": Case("Signature", STRONG, partial(_how, hash="sha1")),
    "SHA-1 in the digest": Case("Signature", _DIGEST, partial(_how, digest="sha1")),
    "SHA-1 in both": Case("Signature", STRONG, partial(_how, hash="sha1", digest="sha1")),
    "PSS that calls itself PKCS 1": Case("Signature", BY_KEY, partial(_how, pss=True)),
    "PSS": Case(
        "Signature",
        STRONG,
        partial(_how, pss=True, method="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"),
    ),
    "no algorithm": Case("Signature", STRONG, partial(_how, method=" ")),
    "an unknown algorithm": Case("Signature", STRONG, partial(_how, method="none")),
    "DSA": Case("Signature", STRONG, partial(_how, method="http://www.w3.org/2009/xmldsig11#dsa-sha256")),
    "an RSA key of 1024 bits": _weak("rsa-1024"),
    "an elliptic key on P-192": _weak("p192"),
    "an elliptic key that calls itself RSA": _other_kind(),
    **{
        f"transforms: {name}": Case("Signature", TRANSFORMS, partial(_how, transforms=transforms))
        for name, transforms in _TRANSFORMS.items()
    },
    "a transform with a parameter": Case(
        "Signature",
        "transforms without parameters",
        partial(_how, in_transform="<ds:XPath>self::node()</ds:XPath>"),
    ),
    "SignedInfo canonicalised inclusively": Case(
        "Signature", "exclusive canonicalisation", partial(_how, canonical=_INCLUSIVE)
    ),
    "SignedInfo canonicalised with comments": Case(
        "Signature", "exclusive canonicalisation", partial(_how, canonical=f"{EXC}WithComments")
    ),
    "SignedInfo canonicalised with prefixes": Case(
        "Signature", "exclusive canonicalisation", partial(_how, first_prefixes=("xs",))
    ),
    "two References": Case("Signature", _ONE_REFERENCE, partial(_how, more_references=_SECOND_REFERENCE)),
    "a Reference to another element": Case("Signature", OWN, partial(_how, "assertion", uri="#_response-1")),
    "a Reference to nothing": Case("Signature", OWN, partial(_how, "assertion", uri="#_nobody")),
    "a Reference with an empty URI": Case("Signature", OWN, partial(_how, "response", uri="")),
    "a Reference by XPointer": Case("Signature", OWN, partial(_how, "response", uri="#xpointer(/)")),
    "a Reference to the outside": Case("Signature", OWN, partial(_how, "response", uri="https://south.example/r.xml")),
    "an Object": Case("Signature", SHAPE, partial(_how, more=_object("anything"))),
    "a Manifest": Case("Signature", SHAPE, partial(_how, more=_object(_MANIFEST))),
    "a SignatureMethod with a parameter": Case(
        "Signature", STRONG, partial(_how, in_method="<ds:HMACOutputLength>8</ds:HMACOutputLength>")
    ),
    "an element in DigestMethod": Case("Signature", _DIGEST, partial(_filled, "ds:DigestMethod")),
    "an element in DigestValue": Case("Signature", _DIGEST, partial(_filled, "ds:DigestValue")),
    "two SignatureValue": Case("Signature", SHAPE, _second_value),
    "no SignedInfo": Case("Signature", SHAPE, partial(_without, "ds:SignedInfo")),
    "no SignatureValue": Case("Signature", SHAPE, partial(_without, "ds:SignatureValue")),
    "no Reference": Case("Signature", _ONE_REFERENCE, partial(_without, "ds:Reference")),
    "no Transforms": Case("Signature", "a Reference of Transforms", partial(_without, "ds:Transforms")),
    "no DigestMethod": Case("Signature", "a Reference of Transforms", partial(_without, "ds:DigestMethod")),
    "no DigestValue": Case("Signature", "a Reference of Transforms", partial(_without, "ds:DigestValue")),
    "no CanonicalizationMethod": Case("Signature", _ONE_REFERENCE, partial(_without, "ds:CanonicalizationMethod")),
    "an empty DigestValue": Case("Signature", BY_KEY, partial(_emptied, "ds:DigestValue")),
    "an empty SignatureValue": Case("Signature", BY_KEY, partial(_emptied, "ds:SignatureValue")),
    "a SignedInfo of another namespace": Case("Signature", SHAPE, partial(_renamed, "ds:SignedInfo")),
    "a SignatureMethod of another namespace": Case(
        "Signature", _ONE_REFERENCE, partial(_renamed, "ds:SignatureMethod")
    ),
    "Transforms of another namespace": Case(
        "Signature", "a Reference of Transforms", partial(_renamed, "ds:Transforms")
    ),
    "a comment in DigestValue": Case("Shape", NO_COMMENTS, _comment_in_digest),
    "samlp:ID beside ID": Case(
        "Shape", "ids without a namespace", partial(_namespaced_id, "ID", "urn:oasis:names:tc:SAML:2.0:protocol")
    ),
    "xml:id beside ID": Case(
        "Shape", "ids without a namespace", partial(_namespaced_id, "id", "http://www.w3.org/XML/1998/namespace")
    ),
    "an id twice, once written Id": Case("Shape", IDS, partial(_second_id, "Id")),
    "an id twice, once written id": Case("Shape", IDS, partial(_second_id, "id")),
}
