"""Documents made to be read differently than they were signed, or to harm the parser."""

from functools import partial
from typing import Final

from tests.saml.case import NO_COMMENTS, NO_DTD, ONE_ASSERTION, RESPONSE, WELL_FORMED, Case, Cases
from tests.saml.factory import (
    EVIL,
    IDP,
    SAML,
    SAMLP,
    SP,
    WHO,
    Node,
    Said,
    expected,
    named,
    one,
    read,
    seal,
    sign,
    signed,
    write,
)
from tests.saml.keys import pair

_COMMENT: Final = "<!--cut-->"
_PI: Final = "<?cut here?>"


def _cut_name(at: int, cut: str) -> bytes:
    """Something that the canonical form leaves out, or that a reader of `.text` stops at, within the NameID."""
    text = write(signed(Said(name_id=named(f"{EVIL}.south.example"))))
    name = f"{EVIL}.south.example"
    return text.replace(name.encode(), (name[:at] + cut + name[at:]).encode())


def _put(what: bytes, before: bytes) -> bytes:
    """Returns a signed response with an inserted part that no signature covers."""
    text = write(signed())
    assert before in text
    return text.replace(before, what + before, 1)


def _extended(what: bytes) -> bytes:
    """A signed response with Extensions that no signature covers."""
    return _put(b"<samlp:Extensions>" + what + b"</samlp:Extensions>", b"<samlp:Status>")


def _typed(subset: str, name_id: str = WHO, more: str = "") -> bytes:
    """A signed response with a document type of its own; an entity in the NameID after signing."""
    text = write(signed()).decode()
    return (f"<!DOCTYPE samlp:Response {subset}>" + text.replace(f">{WHO}<", f">{name_id}<") + more).encode()


_LAUGHS: Final = "".join(f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 10))


def _deep(levels: int) -> bytes:
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}" ID="_1" Version="2.0">' + "<a>" * levels + "</a>" * levels
    ).encode() + b"</samlp:Response>"


def _other(message: str, prefix: str = "samlp", namespace: str = SAMLP) -> Node:
    """Returns a correctly signed message of another type."""
    root = read(
        f'<{prefix}:{message} xmlns:{prefix}="{namespace}" xmlns:saml="{SAML}" ID="_1" Version="2.0" '
        f'IssueInstant="2026-11-24T10:00:00Z"><saml:Issuer>{IDP}</saml:Issuer></{prefix}:{message}>'
    )
    return sign(root)


def _metadata() -> Node:
    return read(f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_1" entityID="{SP}"/>')


def _bare_assertion() -> Node:
    return sign(read(Said().assertion()))


def _of_version(version: str) -> Node:
    root = Said().response()
    root.set("Version", version)
    return sign(root)


def _without_id() -> Node:
    root = Said().response()
    del root.attrib["ID"]
    return sign(root)


def _relative_namespace() -> bytes:
    """Canonicalisation fails on a namespace that is a relative URI; some then digest nothing at all."""
    return write(signed(what="assertion")).replace(b"<samlp:Response ", b'<samlp:Response xmlns:r="rel/ative" ', 1)


def _nothing_inside() -> Node:
    return sign(read(write(Said().response()).replace(Said().assertion().encode(), b"")))


def _two_assertions() -> Node:
    root = signed(what="assertion")
    other = one(signed(Said(assertion_id="_assertion-2", name_id=named(EVIL)), "assertion"), "saml:Assertion")
    root.append(other)
    return sign(root)


def _one_of_each() -> Node:
    root = signed(what="assertion")
    root.append(seal(write(one(signed(Said(assertion_id="_assertion-2"), "assertion"), "saml:Assertion"))))
    return sign(root)


_ROOM: Final = 3_000 - sum(1 for _ in signed().iter())
"""How many elements a response may have beside the usual ones."""
_NAME: Final = f"{EVIL}.south.example"
_ONLY: Final = "only Issuer, Signature, Extensions, Status and one assertion"
_SAML_1: Final = (
    b'<s1:Assertion xmlns:s1="urn:oasis:names:tc:SAML:1.0:assertion" AssertionID="_1"><s1:Subject>'
    + f"<s1:NameIdentifier>{EVIL}</s1:NameIdentifier></s1:Subject></s1:Assertion>".encode()
)
_DECLARING: Final = b"".join(b'<a xmlns:n%d="u">' % n for n in range(60)) + b"</a>" * 60

CASES: Final[Cases] = {
    **{
        f"a comment in the NameID at {at}": Case("Shape", NO_COMMENTS, partial(_cut_name, at, _COMMENT))
        for at in range(len(_NAME) + 1)
    },
    **{
        f"a processing instruction in the NameID at {at}": Case("Shape", NO_COMMENTS, partial(_cut_name, at, _PI))
        for at in (0, len(EVIL), len(_NAME))
    },
    "a comment before the root": Case("Shape", NO_COMMENTS, lambda: b"<!--c-->" + write(signed())),
    "a comment after the root": Case("Shape", NO_COMMENTS, lambda: write(signed()) + b"<!--c-->"),
    "a processing instruction before the root": Case("Shape", NO_COMMENTS, lambda: b"<?c d?>" + write(signed())),
    "a processing instruction after the root": Case("Shape", NO_COMMENTS, lambda: write(signed()) + b"<?c d?>"),
    "a stylesheet": Case("Shape", NO_COMMENTS, lambda: b'<?xml-stylesheet href="x.xsl"?>' + write(signed())),
    "a comment in the Issuer": Case("Shape", NO_COMMENTS, partial(_put, b"<!--c-->", b"</saml:Issuer>")),
    "a comment in the Audience": Case("Shape", NO_COMMENTS, partial(_put, b"<!--c-->", b"</saml:Audience>")),
    "a comment in the signature": Case("Shape", NO_COMMENTS, partial(_put, b"<!--c-->", b"</ds:SignatureValue>")),
    "a document type": Case("Shape", NO_DTD, partial(_typed, "[]")),
    "a document type by name": Case("Shape", NO_DTD, partial(_typed, "")),
    "a document type from elsewhere": Case("Shape", NO_DTD, partial(_typed, 'SYSTEM "https://south.example/r.dtd"')),
    "an entity": Case("Shape", NO_DTD, partial(_typed, f'[<!ENTITY who "{EVIL}">]', "&who;")),
    "an external entity": Case(
        "Shape", NO_DTD, partial(_typed, '[<!ENTITY who SYSTEM "file:///etc/passwd">]', "&who;")
    ),
    "an external entity over HTTP": Case(
        "Shape", NO_DTD, partial(_typed, '[<!ENTITY who SYSTEM "http://127.0.0.1:9/x">]', "&who;")
    ),
    "a parameter entity": Case(
        "Shape", NO_DTD, partial(_typed, '[<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]')
    ),
    "a billion laughs": Case("Shape", NO_DTD, partial(_typed, f'[<!ENTITY l0 "ha">{_LAUGHS}]', "&l9;")),
    "an attribute by default": Case(
        "Shape", NO_DTD, partial(_typed, '[<!ATTLIST samlp:Status ID CDATA "_assertion-1">]')
    ),
    "an id by declaration": Case("Shape", NO_DTD, partial(_typed, "[<!ATTLIST saml:Assertion Foo ID #IMPLIED>]")),
    "an entity without a document type": Case(
        "Shape", WELL_FORMED, lambda: write(signed()).replace(f">{WHO}<".encode(), b">&who;<")
    ),
    "a relative namespace": Case("Signature", "a signature by one of the certificates", _relative_namespace),
    "nothing": Case("Shape", WELL_FORMED, lambda: b""),
    "white space": Case("Shape", WELL_FORMED, lambda: b" \n\t "),
    "no XML": Case("Shape", WELL_FORMED, lambda: b"SAMLResponse=PHNhbWw"),
    "JSON": Case("Shape", WELL_FORMED, lambda: b'{"Response": {}}'),
    "half of a response": Case("Shape", WELL_FORMED, lambda: write(signed())[:2000]),
    "two responses": Case("Shape", WELL_FORMED, lambda: write(signed()) * 2),
    "a response and a NUL": Case("Shape", WELL_FORMED, lambda: write(signed()) + b"\x00"),
    "a NUL in the name": Case(
        "Shape", WELL_FORMED, lambda: write(signed()).replace(WHO.encode(), WHO.encode() + b"\x00.south.example")
    ),
    "bytes": Case("Shape", WELL_FORMED, lambda: bytes(range(256))),
    "UTF-16": Case("Shape", WELL_FORMED, lambda: write(signed()).decode().encode("utf-16")),
    "UTF-32": Case("Shape", WELL_FORMED, lambda: write(signed()).decode().encode("utf-32")),
    "UTF-7 with another name": Case(
        "Signature",
        "a signature by one of the certificates",
        lambda: (
            b'<?xml version="1.0" encoding="utf-7"?>'
            + write(signed()).replace(WHO.encode(), b"owner+AEA-north.example")
        ),
    ),
    "bytes that are no UTF-8": Case("Shape", WELL_FORMED, lambda: write(signed()).replace(b"ana", b"an\xe4")),
    "a byte too many": Case("Shape", "XML of at most 262,144 bytes", lambda: write(signed()).ljust(262_145)),
    "2 MB": Case("Shape", "XML of at most", lambda: write(signed()) + b" " * (2 << 20)),
    "2 MB of attributes": Case(
        "Shape",
        "XML of at most",
        lambda: _put(b"<saml:AttributeValue>x</saml:AttributeValue>" * 50_000, b"</saml:Subj"),
    ),
    "a hundred thousand elements": Case("Shape", "XML of at most", lambda: _put(b"<a/>" * 100_000, b"<samlp:Status>")),
    "sixty thousand elements": Case(
        "Shape", "a message of at most 3,000 elements", lambda: _put(b"<a/>" * 60_000, b"<samlp:Status>")
    ),
    "an element too many": Case("Shape", "a message of at most 3,000 elements", lambda: _extended(b"<a/>" * _ROOM)),
    "thousands of elements": Case("Signature", "a signature by one of the", lambda: _extended(b"<a/>" * (_ROOM - 1))),
    "thousands of ids": Case(
        "Shape",
        "at most 100 ids",
        lambda: _extended(b"".join(b'<a id="%d"/>' % n for n in range(_ROOM - 1))),
    ),
    "thousands of assertions": Case("Shape", ONE_ASSERTION, lambda: _put(b"<saml:Assertion/>" * 2_900, b"<samlp:St")),
    "thousands of signatures": Case(
        "Shape", "a signature directly in", lambda: _put(b"<ds:Signature/>" * 2_900, b"</ds:KeyInfo>")
    ),
    "thousands of namespaces": Case(
        "Shape",
        "XML with at most 64 namespace prefixes",
        lambda: _put(b"".join(b'<a xmlns:n%d="urn:%d"/>' % (n, n) for n in range(7_000)), b"<samlp:Status>"),
    ),
    "thousands of namespaces on one element": Case(
        "Shape",
        "XML with at most 64 namespace prefixes",
        lambda: _put(b"".join(b' xmlns:n%d="u"' % n for n in range(8_000)), b' ID="_response-1"'),
    ),
    "the same namespaces thousands of times": Case(
        "Signature",
        "a signature by one of the",
        lambda: _extended(_DECLARING * 48),
        lambda: expected(certificates=tuple(pair(f"pinned-{n}").pinned for n in range(10))),
    ),
    "thousands of attributes on one element": Case(
        "Shape",
        "at most 16 attributes",
        lambda: _put(b"".join(b' a%d="1"' % n for n in range(5_000)), b' ID="_response-1"'),
    ),
    "thousands of elements with as many attributes as may be": Case(
        "Signature",
        "a signature by one of the",
        lambda: _extended(b"".join(b' a%d=""' % n for n in range(16)).join([b"<a", b"/>"]) * 360),
    ),
    "an attribute too many": Case(
        "Shape",
        "a message of at most 6,000 attributes",
        lambda: _extended(b"".join(b' a%d=""' % n for n in range(16)).join([b"<a", b"/>"]) * 375),
    ),
    "twenty thousand prefixes declared again and again": Case(
        "Shape",
        "a message of at most 6,000 attributes",
        lambda: _extended(b"".join(b' xmlns:n%d="u"' % n for n in range(60)).join([b"<a", b"/>"]) * 200),
    ),
    "a depth of 200": Case("Status", "Success", partial(_deep, 200)),
    "a depth of 2,000": Case("Shape", WELL_FORMED, partial(_deep, 2_000)),
    "an assertion of SAML 1 in front of the signed one": Case(
        "Shape", ONE_ASSERTION, lambda: _put(_SAML_1, b"<saml:Assertion ")
    ),
    "an assertion of SAML 1 within the Extensions": Case("Shape", ONE_ASSERTION, lambda: _extended(_SAML_1)),
    "an assertion without a namespace behind the signed one": Case(
        "Shape", ONE_ASSERTION, lambda: _put(b"<Assertion/>", b"</samlp:Response>")
    ),
    "a foreign element in front of the assertion": Case("Shape", _ONLY, lambda: _put(b"<a/>", b"<saml:Assertion ")),
    "a Subject beside the assertion": Case("Shape", _ONLY, lambda: _put(b"<saml:Subject/>", b"</samlp:Response>")),
    "a LogoutResponse": Case("Shape", RESPONSE, partial(_other, "LogoutResponse")),
    "a LogoutRequest": Case("Shape", RESPONSE, partial(_other, "LogoutRequest")),
    "an AuthnRequest": Case("Shape", RESPONSE, partial(_other, "AuthnRequest")),
    "metadata": Case("Shape", RESPONSE, _metadata),
    "an assertion alone": Case("Shape", RESPONSE, _bare_assertion),
    "a Response of another namespace": Case("Shape", RESPONSE, partial(_other, "Response", "p", "urn:another")),
    "SAML 1.1": Case("Shape", RESPONSE, partial(_of_version, "1.1")),
    "a Response without an ID": Case("Shape", RESPONSE, _without_id),
    "no assertion": Case("Shape", ONE_ASSERTION, _nothing_inside),
    "two assertions, both signed": Case("Shape", ONE_ASSERTION, _two_assertions),
    "an assertion and an encrypted one": Case("Shape", ONE_ASSERTION, _one_of_each),
}
