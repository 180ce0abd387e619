"""Responses as identity providers send them, each with the expected result (wire facts 7)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.saml.factory import (
    ACS,
    IDP,
    MINUTE,
    REQUEST,
    SAML,
    SECOND,
    SP,
    WHO,
    XENC,
    XENC11,
    How,
    Node,
    Said,
    Sealing,
    attribute,
    expected,
    instant,
    named,
    one,
    read,
    sealed,
    sign,
    signed,
    write,
)
from tests.saml.keys import NOW, Pair, once, pair
from vestibule.saml.response import Expected

_XS: Final = ' xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_TYPED: Final = ' xsi:type="xs:string"'
_V1: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
_V2: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
_BASIC: Final = ' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"'
_URI: Final = ' NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"'
_CLAIMS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
_CLASSES: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


@dataclass(frozen=True)
class Shape:
    """A response and the expected result."""

    name: str
    made: Callable[[], Node | bytes]
    name_id: str = WHO
    name_id_format: str = f"{_V1}unspecified"
    session_index: str = "_session-1"
    context: str = f"{_CLASSES}PasswordProtectedTransport"
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    session_expires: int | None = None
    by: Pair = field(default_factory=pair)
    against: Callable[[], Expected] = expected
    now: int = NOW

    def document(self) -> bytes:
        """The bytes that are posted, the same ones each time."""

        def make() -> bytes:
            made = self.made()
            return made if isinstance(made, bytes) else write(made)

        return once(f"shape {self.name}", make)


def _statement(*attributes: str) -> str:
    return f"<saml:AttributeStatement>{''.join(attributes)}</saml:AttributeStatement>"


def _authn(index: str, context: str = f"{_CLASSES}Password", more: str = "") -> str:
    return (
        f'<saml:AuthnStatement AuthnInstant="{instant(-SECOND)}" {index} {more}><saml:AuthnContext>'
        f"<saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
    )


def _prefixed(node: Node, saml: str, samlp: str) -> bytes:
    """The same with the prefixes that an identity provider prefers; before it is signed."""
    text = write(node).decode()
    for old, new in (("saml", saml), ("samlp", samlp)):
        text = text.replace(f"<{old}:", f"<{new}:").replace(f"</{old}:", f"</{new}:")
        text = text.replace(f"xmlns:{old}=", f"xmlns:{new}=")
    return text.encode()


def _okta(*, what: str = "both", typed: bool = False, said: Said | None = None) -> Node:
    prefixes = ("xs",) if typed else ()
    root = read(_prefixed((said or Said()).response(), "saml2", "saml2p"))
    if what in {"assertion", "both"}:
        sign(one(root, "saml:Assertion"), how=How(prefixes=prefixes))
    if what in {"response", "both"}:
        sign(root, how=How(prefixes=prefixes))
    return root


_OKTA_ATTRIBUTES: Final = Said(
    assertion_namespaces=_XS,
    attributes=_statement(
        attribute("email", [WHO], _BASIC, _TYPED),
        attribute("groups", ["Everyone", "North <Sales> & Söhne"], _BASIC, _TYPED),
    ),
)
_OKTA_READ: Final = {"email": (WHO,), "groups": ("Everyone", "North <Sales> & Söhne")}


def _entra() -> Node:
    """Default namespaces, claims by URI, an hour of conditions, seven digits of a second, InResponseTo in both."""
    said = Said(
        issued=instant(-SECOND).replace("Z", "1234Z"),
        name_id=named(WHO),
        times=f'NotBefore="{instant(-5 * MINUTE)}" NotOnOrAfter="{instant(60 * MINUTE)}"',
        confirmed_times=f'NotOnOrAfter="{instant(60 * MINUTE)}"',
        session='SessionIndex="_5d1c0f00-1"',
        attributes=_statement(
            attribute("http://schemas.microsoft.com/identity/claims/tenantid", ["0f8b1f6e"]),
            attribute(f"{_CLAIMS}emailaddress", [WHO]),
            attribute("http://schemas.microsoft.com/ws/2008/06/identity/claims/groups", ["g-1", "g-2"]),
        ),
    )
    text = write(said.response()).decode().replace("<saml:Assertion", f'<saml:Assertion xmlns="{SAML}"', 1)
    head, begin, rest = text.partition("<saml:Assertion")
    inner = (begin + rest).replace("<saml:", "<").replace("</saml:", "</")
    return sign_assertion(read(head + inner))


def sign_assertion(root: Node, how: How | None = None) -> Node:
    """Returns a response of which only the assertion is signed."""
    sign(one(root, "saml:Assertion"), how=how)
    return root


def _google() -> Node:
    """Signed as a whole, unsigned assertion, attributes without a format, written over lines."""
    said = Said(
        name_id=named(WHO, f"{_V1}emailAddress"),
        statement=_authn('SessionIndex="_google"', f"{_CLASSES}unspecified"),
        attributes=_statement(attribute("department", ["Sales"])),
        destination=f'Destination="{ACS}"',
    )
    text = write(said.response()).decode().replace("><", ">\n  <")
    return sign(read(text))


def _jumpcloud() -> Node:
    """Attribute with a FriendlyName, persistent NameID, a Recipient beside an Address."""
    said = Said(
        name_id=named("65f0c3", f"{_V2}persistent"),
        confirmed_times=f'NotOnOrAfter="{instant(5 * MINUTE)}" Address="192.0.2.7"',
        attributes=_statement(attribute("mail", [WHO], f'{_URI} FriendlyName="mail"')),
    )
    return signed(said, "assertion")


def _keycloak() -> Node:
    """Signed as a whole, SessionIndex of two parts, SessionNotOnOrAfter, each role an attribute of its own."""
    said = Said(
        statement=_authn(
            'SessionIndex="7e2b::91c4"', f"{_CLASSES}unspecified", f'SessionNotOnOrAfter="{instant(600 * MINUTE)}"'
        ),
        name_id=named("ana.reis", f"{_V1}unspecified"),
        attributes=_statement(attribute("Role", ["view"], _BASIC), attribute("Role", ["edit"], _BASIC)),
    )
    return signed(said, "response")


def _ping() -> Node:
    """Response signed with SHA-512; the entity format at the Issuer; an empty AttributeValue."""
    said = Said(
        issuer=f'<saml:Issuer Format="{_V2}entity">{IDP}</saml:Issuer>',
        response_issuer=f'<saml:Issuer Format="{_V2}entity">{IDP}</saml:Issuer>',
        attributes=_statement(attribute("empty", [""]), attribute("", ["nameless"]), attribute("mail", [" a ", ""])),
    )
    return signed(said, "response", how=How(hash="sha512", digest="sha512"))


def _adfs() -> Node:
    """Two audiences, OneTimeUse, consent, KeyInfo by name only, a context of Windows."""
    said = Said(
        audience="<saml:AudienceRestriction><saml:Audience>https://south.example</saml:Audience>"
        f"<saml:Audience>{SP}</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/>"
        '<saml:ProxyRestriction Count="0"/>',
        statement=_authn('SessionIndex="_adfs"', "urn:federation:authentication:windows"),
        answered=f'InResponseTo="{REQUEST}" Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified"',
    )
    return signed(said, "assertion", how=How(key_info="<ds:KeyInfo><ds:KeyName>k</ds:KeyName></ds:KeyInfo>"))


def _with_holder_of_key() -> Node:
    usual = Said()
    bearer = usual.assertion().partition("<saml:SubjectConfirmation ")[2].partition("</saml:Subject>")[0]
    other = '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"/>'
    return signed(Said(confirmation=f"{other}<saml:SubjectConfirmation {bearer}"))


def _bearer(recipient: str = ACS, until: str = instant(5 * MINUTE)) -> str:
    return (
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
        f'Recipient="{recipient}" InResponseTo="{REQUEST}" NotOnOrAfter="{until}"/></saml:SubjectConfirmation>'
    )


def _sealed_for_two(how: Sealing, where: str) -> Node:
    """An assertion encrypted for this service provider and for somebody else."""
    root = sealed()
    ours = next(root.iter(f"{{{XENC}}}EncryptedKey"))
    theirs = next(sealed(how=how, to=pair("foreign")).iter(f"{{{XENC}}}EncryptedKey"))
    if where == "before":
        ours.addprevious(theirs)
    else:
        ours.addnext(theirs)
    return root


def _unsolicited() -> Node:
    return signed(Said(answered="", confirmed_answered=""))


def _with_certificates(*certificates: Pair) -> Callable[[], Expected]:
    return lambda: expected(certificates=tuple(each.pinned for each in certificates))


_ELLIPTIC: Final = pair("elliptic", "p256")
_LARGER: Final = pair("larger", "p384")
_EXPIRED: Final = pair("expired", begins=-700, days=365)
_TOMORROW: Final = pair("tomorrow", begins=1)
_SECOND_SP: Final = pair("sp-2")
_GCM: Final = f"{XENC11}aes128-gcm"


def _lines(text: bytes) -> bytes:
    """Base64 wrapped as many write it, after signing."""
    for name in (b"X509Certificate", b"SignatureValue"):
        head, begin, rest = text.partition(b"<ds:" + name + b">")
        value, end, tail = rest.partition(b"</ds:" + name + b">")
        wrapped = b"\n" + b"\n".join(value[at : at + 64] for at in range(0, len(value), 64)) + b"\n"
        text = head + begin + wrapped + end + tail
    return text


def _foreign_key_info() -> str:
    body = pair("foreign").body
    return f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"


_ALL: Final = (
    Shape("Okta", _okta),
    Shape("Okta with typed attributes", lambda: _okta(typed=True, said=_OKTA_ATTRIBUTES), attributes=_OKTA_READ),
    Shape("Okta, assertion signed alone", lambda: _okta(what="assertion")),
    Shape("Okta, response signed alone", lambda: _okta(what="response")),
    Shape("Okta, a tile", _unsolicited, against=lambda: expected(request_id="")),
    Shape(
        "Entra",
        _entra,
        name_id_format="",
        session_index="_5d1c0f00-1",
        attributes={
            "http://schemas.microsoft.com/identity/claims/tenantid": ("0f8b1f6e",),
            f"{_CLAIMS}emailaddress": (WHO,),
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups": ("g-1", "g-2"),
        },
    ),
    Shape(
        "Google",
        _google,
        name_id_format=f"{_V1}emailAddress",
        session_index="_google",
        context=f"{_CLASSES}unspecified",
        attributes={"department": ("Sales",)},
    ),
    Shape("JumpCloud", _jumpcloud, "65f0c3", f"{_V2}persistent", attributes={"mail": (WHO,)}),
    Shape(
        "Keycloak",
        _keycloak,
        "ana.reis",
        session_index="7e2b::91c4",
        context=f"{_CLASSES}unspecified",
        attributes={"Role": ("view", "edit")},
        session_expires=NOW + 600 * MINUTE,
    ),
    Shape("Ping", _ping, attributes={"empty": (), "mail": ("a",)}),
    Shape("ADFS", _adfs, session_index="_adfs", context="urn:federation:authentication:windows"),
    Shape("a bearer beside a holder of key", _with_holder_of_key),
    Shape("no SessionIndex", lambda: signed(Said(session="")), session_index=""),
    Shape(
        "no context",
        lambda: signed(Said(statement=f'<saml:AuthnStatement AuthnInstant="{instant(0)}"/>')),
        session_index="",
        context="",
    ),
    Shape(
        "a context by declaration",
        lambda: signed(
            Said(
                statement=f'<saml:AuthnStatement AuthnInstant="{instant(0)}"><saml:AuthnContext>'
                "<saml:AuthnContextDeclRef>urn:d</saml:AuthnContextDeclRef></saml:AuthnContext></saml:AuthnStatement>"
            )
        ),
        session_index="",
        context="",
    ),
    Shape(
        "two statements",
        lambda: signed(
            Said(
                statement=_authn('SessionIndex="_first"', more=f'SessionNotOnOrAfter="{instant(2 * MINUTE)}"')
                + _authn('SessionIndex="_second"', more=f'SessionNotOnOrAfter="{instant(MINUTE)}"')
            )
        ),
        session_index="_first",
        context=f"{_CLASSES}Password",
        session_expires=NOW + MINUTE,
    ),
    Shape("no issuer of the response", lambda: signed(Said(response_issuer=""))),
    Shape("two restrictions that agree", lambda: signed(Said(audience=Said().audience * 2))),
    Shape("no beginning", lambda: signed(Said(times=f'NotOnOrAfter="{instant(MINUTE)}"'))),
    Shape("wrapped base64", lambda: _lines(write(signed(what="response")))),
    Shape("a declaration of XML", lambda: b'<?xml version="1.0" encoding="UTF-8"?>\n' + write(signed())),
    Shape("the largest size", lambda: write(signed()).ljust(262_144)),
    Shape("a byte order mark", lambda: b"\xef\xbb\xbf" + write(signed())),
    Shape(
        "a NameID in CDATA",
        lambda: signed(Said(name_id=f"<saml:NameID><![CDATA[{WHO}]]></saml:NameID>")),
        name_id_format="",
    ),
    Shape("a NameID beyond ASCII", lambda: signed(Said(name_id=named("Åsa Ünal 山田"))), "Åsa Ünal 山田", ""),
    Shape("a NameID of 1,024 characters", lambda: signed(Said(name_id=named("a" * 1024))), "a" * 1024, ""),
    Shape("two bearers", lambda: signed(Said(confirmation=_bearer() * 2))),
    Shape(
        "two bearers, the first for somewhere else", lambda: signed(Said(confirmation=_bearer(f"{ACS}x") + _bearer()))
    ),
    Shape(
        "two bearers, the second over",
        lambda: signed(Said(confirmation=_bearer() + _bearer(until=instant(-5 * MINUTE)))),
    ),
    Shape("two bearers, the first unreadable", lambda: signed(Said(confirmation=_bearer(until="later") + _bearer()))),
    *(
        Shape(f"white space around {name}", lambda said=said: signed(said))  # type: ignore[misc]  # as above
        for name, said in {
            "the Recipient": Said(recipient=f'Recipient=" {ACS}&#10;"'),
            "the Destination": Said(destination=f'Destination="&#9;{ACS} "'),
            "what is answered": Said(
                answered=f'InResponseTo=" {REQUEST}"', confirmed_answered=f'InResponseTo="{REQUEST} "'
            ),
            "the Audience": Said(
                audience=f"<saml:AudienceRestriction><saml:Audience>\n {SP} </saml:Audience></saml:AudienceRestriction>"
            ),
            "the Issuers": Said(
                issuer=f"<saml:Issuer>\n{IDP} </saml:Issuer>", response_issuer=f"<saml:Issuer> {IDP}\n</saml:Issuer>"
            ),
        }.items()
    ),
    *(
        Shape(f"encrypted for two, the foreign key {where}", lambda how=how, to=to: _sealed_for_two(how, to))  # type: ignore[misc]  # as above
        for where, how, to in (
            ("first", Sealing(), "before"),
            ("last", Sealing(), "after"),
            (
                "first and made otherwise",
                Sealing(digest="sha256", mask="sha256", transport=f"{XENC11}rsa-oaep"),
                "before",
            ),
            ("first and made with RSA 1.5", Sealing(transport=f"{XENC}rsa-1_5"), "before"),
        )
    ),
    Shape(
        "2,000 groups",
        lambda: signed(Said(attributes=_statement(attribute("g", ["x"] * 2000)))),
        attributes={"g": ("x",) * 2000},
    ),
    Shape(
        "many audiences",
        lambda: signed(
            Said(
                audience=Said().audience.replace(
                    "</saml:Audience>", "</saml:Audience><saml:Audience>urn:x</saml:Audience>"
                )
            )
        ),
    ),
    Shape("no KeyInfo", lambda: signed(how=How(key_info=""))),
    Shape("somebody else's certificate inline", lambda: signed(how=How(key_info=_foreign_key_info()))),
    Shape("two KeyInfo", lambda: signed(how=How(key_info=_foreign_key_info() * 2))),
    Shape("SHA-384", lambda: signed(how=How(hash="sha384", digest="sha384"))),
    Shape("SHA-512", lambda: signed(how=How(hash="sha512", digest="sha512"))),
    Shape(
        "ECDSA on P-256",
        lambda: signed(by=_ELLIPTIC),
        by=_ELLIPTIC,
        against=_with_certificates(pair(), _ELLIPTIC),
    ),
    Shape(
        "ECDSA on P-384",
        lambda: signed(by=_LARGER, how=How(hash="sha384")),
        by=_LARGER,
        against=_with_certificates(_LARGER),
    ),
    Shape("an expired certificate", lambda: signed(by=_EXPIRED), by=_EXPIRED, against=_with_certificates(_EXPIRED)),
    Shape("tomorrow's certificate", lambda: signed(by=_TOMORROW), by=_TOMORROW, against=_with_certificates(_TOMORROW)),
    Shape(
        "the second of two certificates",
        lambda: signed(by=_EXPIRED),
        by=_EXPIRED,
        against=_with_certificates(pair(), _EXPIRED),
    ),
    *(
        Shape(f"encrypted with {name}, {what} signed", lambda how=how, what=what: sealed(what=what, how=how))  # type: ignore[misc]  # defaults bind the loop's values
        for what in ("assertion", "response", "both")
        for name, how in {
            "GCM": Sealing(),
            "AES-128": Sealing(cipher=_GCM, beside=True),
            "AES-192": Sealing(cipher=f"{XENC11}aes192-gcm"),
            "OAEP of SHA-256": Sealing(digest="sha256", mask="sha256", transport=f"{XENC11}rsa-oaep"),
            "OAEP of SHA-256 over MGF of SHA-1": Sealing(digest="sha256"),
            "OAEP of SHA-512": Sealing(digest="sha512", mask="sha512", transport=f"{XENC11}rsa-oaep"),
        }.items()
    ),
    *(
        Shape(
            f"encrypted with AES-{size}-CBC, response signed",
            lambda size=size: sealed(what="response", how=Sealing(cipher=f"{XENC}aes{size}-cbc")),  # type: ignore[misc]  # as above
        )
        for size in (128, 192, 256)
    ),
    Shape(
        "encrypted for the second of two keys",
        lambda: sealed(to=_SECOND_SP),
        against=lambda: expected(private_keys=(_ELLIPTIC.private_pem, pair("sp").private_pem, _SECOND_SP.private_pem)),
    ),
)
SHAPES: Final = {shape.name: shape for shape in _ALL}
