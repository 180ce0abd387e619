"""What we ask an identity provider, times, and XML as everything else reads it."""

from typing import Any

import pytest
from lxml import etree

from tests.saml.factory import ACS, DS, SAML, SAMLP, SP, read, tag
from tests.saml.keys import NOW, pair
from vestibule.saml import xml
from vestibule.saml.errors import SamlError
from vestibule.saml.request import AuthnRequest, authn_request, message
from vestibule.saml.signature import SigningKey, _as_signed, is_signed, sign_element, verify_element
from vestibule.saml.times import read_instant, write_instant

IDP_SSO = "https://north.okta.example/sso"
KEY = SigningKey(pair("sp").private_pem, pair("sp").pem)


def test_a_request_says_who_asks_and_where_the_answer_goes() -> None:
    root = read(message(authn_request(AuthnRequest("_ours", SP, ACS, IDP_SSO), NOW), None))
    assert root.tag == tag("samlp:AuthnRequest")
    assert dict(root.attrib) == {
        "ID": "_ours",
        "Version": "2.0",
        "IssueInstant": "2026-11-24T10:00:00Z",
        "Destination": IDP_SSO,
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert [(child.tag, child.text) for child in root] == [(tag("saml:Issuer"), SP)]


def test_a_request_may_ask_for_a_fresh_and_a_stronger_sign_in() -> None:
    root = read(
        message(authn_request(AuthnRequest("_1", SP, ACS, IDP_SSO, force_authn=True, authn_context="urn:c"), NOW), None)
    )
    assert root.get("ForceAuthn") == "true"
    wanted = root.find(tag("samlp:RequestedAuthnContext"))
    assert wanted is not None
    assert wanted.get("Comparison") == "exact"
    assert [(child.tag, child.text) for child in wanted] == [(tag("saml:AuthnContextClassRef"), "urn:c")]


def test_a_signed_request_is_verified_with_our_certificate() -> None:
    root = xml.parse_xml(message(authn_request(AuthnRequest("_1", SP, ACS, IDP_SSO), NOW), KEY))
    assert is_signed(root)
    assert [child.tag for child in root] == [tag("saml:Issuer"), f"{{{DS}}}Signature"]
    signed = verify_element(root, [pair().pinned, pair("sp").pinned])
    assert signed.certificate == pair("sp").pinned
    assert not is_signed(signed.element)
    assert xml.text_of(signed.element[0]) == SP


def test_a_signature_is_put_behind_the_child_that_is_named() -> None:
    element = xml.build(SAML, "A", {"ID": "_1"}, [xml.build(SAML, name, {}) for name in ("B", "C", "D")])
    assert [xml.local_name(child) for child in sign_element(element, KEY, "C")] == ["B", "C", "Signature", "D"]


@pytest.mark.parametrize(
    "data",
    [b'<a ID="_2"/>', b'<b ID="_1"/>', b'<b ID="_2"/>', f'<a ID="_1"><d:Signature xmlns:d="{DS}"/></a>'.encode()],
)
def test_what_was_signed_has_to_be_what_claimed_it(data: bytes) -> None:
    """The last line behind the checks of the shape, which let nothing through that gets here."""
    with pytest.raises(SamlError, match="a signature over the element that holds it"):
        _as_signed(data, xml.parse_xml(b'<a ID="_1"/>'))
    assert _as_signed(b'<a ID="_1"><b/></a>', xml.parse_xml(b'<a ID="_1"/>'))[0].tag == "b"


# -- times -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-11-24T10:00:00Z", 0),
        ("2026-11-24T10:00:00.123Z", 123),
        ("2026-11-24T10:00:00.1234567Z", 123),
        ("2026-11-24T10:00:00.9999999Z", 999),
        ("2026-11-24T10:00:01+00:00", 1000),
        ("2026-11-24T09:59:59.5Z", -500),
    ],
)
def test_a_time_is_read_to_the_millisecond(text: str, offset: int) -> None:
    assert read_instant(text, "it") == NOW + offset


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-11-24", "2026-11-24 10:00:00Z", "2026-11-24T10:00:00", "2026-11-24T10:00:00+01:00", "x" * 99],
)
def test_another_time_is_refused(text: str) -> None:
    with pytest.raises(SamlError) as refusal:
        read_instant(text, "NotBefore")
    assert (refusal.value.wanted, refusal.value.came) == ("a time in UTC as NotBefore", f"'{text[:40]}'")


def test_a_time_is_written_in_whole_seconds() -> None:
    assert write_instant(NOW) == write_instant(NOW + 999) == "2026-11-24T10:00:00Z"


# -- XML ---------------------------------------------------------------------------------------------------------------


def test_a_document_of_the_largest_size_is_read_and_no_larger_one() -> None:
    text = b"<a/>" + b" " * (xml.MAX_BYTES - 4)
    assert xml.MAX_BYTES == 1 << 20
    assert xml.parse_xml(text).tag == "a"
    with pytest.raises(SamlError, match="Expected XML of at most 1,048,576 bytes; got 1,048,577 bytes"):
        xml.parse_xml(text + b" ")
    with pytest.raises(SamlError, match="Expected XML of at most 3 bytes; got 4 bytes"):
        xml.parse_xml(b"<a/>", largest=3)


@pytest.mark.parametrize("drop", [False, True])
def test_the_parser_loads_resolves_and_adds_nothing(monkeypatch: pytest.MonkeyPatch, *, drop: bool) -> None:
    """A document type is refused; should one ever come through, the parser does nothing for it either."""
    real, asked = etree.XMLParser, []

    def parser(**options: Any) -> Any:
        asked.append(options)
        return real(**options)

    monkeypatch.setattr(etree, "XMLParser", parser)
    xml.parse_xml(b"<a/>", drop_comments=drop)
    (options,) = asked
    assert {name for name, value in options.items() if value is True} == {"no_network"} | (
        {"remove_comments", "remove_pis"} if drop else set()
    )
    off = {"resolve_entities", "load_dtd", "dtd_validation", "attribute_defaults", "huge_tree"}
    assert {options[name] for name in off} == {False}


def test_comments_are_dropped_only_for_administrators() -> None:
    text = b"<!--1--><?p?><a>x<!--2-->y<?q?>z</a><!--3-->"
    root = xml.parse_xml(text, drop_comments=True)
    assert (xml.text_of(root), len(root)) == ("xyz", 0)
    with pytest.raises(SamlError, match="Expected XML without comments and processing instructions; got one of them"):
        xml.parse_xml(text)


def test_ids_are_found_wherever_and_however_they_are_written() -> None:
    root = xml.parse_xml(b'<a ID="1" x:iD="2" xmlns:x="urn:x"><b Id="3"/><b id="4" ids="5"/><id xml:id="six"/></a>')
    assert xml.ids_in(root) == [
        ("ID", "1"),
        ("{urn:x}iD", "2"),
        ("Id", "3"),
        ("id", "4"),
        ("{http://www.w3.org/XML/1998/namespace}id", "six"),
    ]
    assert xml.ids_in(root[0]) == [("Id", "3")]


def test_elements_are_found_as_they_are_asked_for() -> None:
    root = xml.parse_xml(f'<a xmlns="{SAML}"><b/><c><b/><b> x </b></c><d xmlns="{SAMLP}"/></a>'.encode())
    assert len(xml.children(root, SAML, "b")) == 1
    assert len(xml.everywhere(root, SAML, "b")) == 3
    assert xml.everywhere(root, SAML, "a") == [root]
    assert xml.only_child(root, SAML, "d") is None
    found = xml.only_child(root, SAMLP, "d")
    assert found is not None
    assert xml.local_name(found) == "d"
    with pytest.raises(SamlError, match="Expected one b; got 2"):
        xml.only_child(root[1], SAML, "b")
    assert xml.text_of(root[1][1]) == "x"
    assert xml.text_of(root[0]) == xml.text_of(None) == ""
    assert xml.attribute(root, "none") == ""


def test_an_element_is_built_with_what_is_not_empty() -> None:
    element = xml.build(SAML, "Issuer", {"Format": "", "Other": "o"}, "text")
    assert xml.serialise(element) == f'<saml:Issuer xmlns:saml="{SAML}" Other="o">text</saml:Issuer>'.encode()
    assert xml.serialise(xml.build("urn:x", "A", {}, [element])).startswith(b'<ns0:A xmlns:ns0="urn:x"><saml:Issuer')


def test_a_part_is_written_without_what_follows_it() -> None:
    root = xml.parse_xml(b"<a>1<b>2<c/>3</b>4</a>")
    assert xml.serialise(root[0]) == b"<b>2<c/>3</b>"
    assert xml.indented(root[0]) == "<b>2<c/>3</b>"
    assert xml.indented(xml.parse_xml(b"<a><b/></a>")) == "<a>\n  <b/>\n</a>"
    copy = xml.copied(root[0])
    assert copy.getparent() is None
    xml.remove(root[0][0])
    assert xml.serialise(root) == b"<a>1<b>2</b>4</a>"
    assert xml.serialise(copy) == b"<b>2<c/>3</b>"
    xml.remove(root)
    assert xml.serialise(root) == b"<a>1<b>2</b>4</a>"
