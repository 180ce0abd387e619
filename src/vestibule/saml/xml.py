"""Hardened XML parsing, searching and building. The only module that imports lxml.

A document with a DTD is refused before it is parsed. Comments and processing instructions are refused, because a
comment within a text changes what is read but not what is signed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from lxml import etree

from vestibule.saml.errors import SamlError

MAX_BYTES: Final = 1024 * 1024
MOST_ELEMENTS: Final = 3_000
"""Elements in a message, so that no message takes more than 20 ms of CPU. Two thirds may be attribute values."""
MOST_ATTRIBUTES_IN_ALL: Final = 6_000
"""XML attributes and namespace declarations in a message. Okta's largest response has 4,000 of them."""
MOST_ATTRIBUTES: Final = 16
"""XML attributes of one element. Reading one is linear in their number."""
MOST_PREFIXES: Final = 64
"""Namespace prefixes. Canonicalisation goes through all prefixes in scope for each element."""
Element = etree._Element  # noqa: SLF001 -- the only name lxml has for the type
XmlError: Final = etree.LxmlError
"""The base class of lxml's errors."""

SAMLP: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
MD: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_COUNT: Final = etree.XPath("count(descendant-or-self::*)")
_CROWDED: Final = etree.XPath(f"boolean(descendant-or-self::*[count(@*) > {MOST_ATTRIBUTES}])")
_WHITE_SPACE: Final = " \t\r\n"
"""The white space characters of XML."""
_RUN_OF_WHITE_SPACE: Final = re.compile(r"[ \t\r\n]+")
_PREFIX: Final = re.compile(rb"\bxmlns:([^\s=]+)")
_PREFIXES: Final = {"samlp": SAMLP, "saml": SAML, "md": MD, "ds": DS}


def parse_xml(text: bytes, *, drop_comments: bool = False, largest: int = MAX_BYTES) -> Element:
    """Parse an XML document. Returns its root.

    `drop_comments` is for metadata, never for signed messages. Messages are always read as UTF-8, whatever encoding
    they declare, so that they cannot be read in two ways.

    Raises:
        SamlError: it is too large, not well-formed, has too many parts, a DTD, a comment or a processing instruction.
    """
    if len(text) > largest:
        raise SamlError(f"XML of at most {largest:,} bytes", f"{len(text):,} bytes")
    if b"<!DOCTYPE" in text:
        raise _with_dtd()
    if text.count(b"xmlns:") > MOST_PREFIXES and len(set(_PREFIX.findall(text))) > MOST_PREFIXES:
        raise SamlError(f"XML with at most {MOST_PREFIXES} namespace prefixes", "more")
    if not drop_comments:
        _check_size_before_parsing(text)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=drop_comments,
        remove_pis=drop_comments,
        encoding=None if drop_comments else "utf-8",
    )
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SamlError("a well-formed XML document", "something else") from None
    tree = root.getroottree()
    # In UTF-16 the search for DOCTYPE above finds nothing.
    if tree.docinfo.internalDTD is not None:
        raise _with_dtd()
    # Comments before and after the root belong to the tree, not to the root.
    beside = [*root.itersiblings(preceding=True), *root.itersiblings()]
    if beside or next(root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise SamlError("XML without comments and processing instructions", "one of them")
    if not drop_comments and _count_elements(root) > MOST_ELEMENTS:
        raise _with_elements()
    if _CROWDED(root):
        raise SamlError(f"at most {MOST_ATTRIBUTES} attributes on an element", "more")
    return root


def _check_size_before_parsing(text: bytes) -> None:
    """Refuse a message that certainly has too many elements or attributes, before it is parsed.

    An element has one or two `<`; an attribute or namespace declaration has two quotation marks.

    Raises:
        SamlError: it has too many.
    """
    if text.count(b"<") > 2 * MOST_ELEMENTS:
        raise _with_elements()
    if text.count(b'"') + text.count(b"'") > 2 * MOST_ATTRIBUTES_IN_ALL:
        raise SamlError(
            f"a message of at most {MOST_ATTRIBUTES_IN_ALL:,} attributes and namespace declarations",
            "more",
        )


def _with_elements() -> SamlError:
    return SamlError(f"a message of at most {MOST_ELEMENTS:,} elements", "more")


def _count_elements(root: Element) -> int:
    count = _COUNT(root)
    return int(count) if isinstance(count, float) else 0


def _with_dtd() -> SamlError:
    return SamlError("XML without a DTD", "a DOCTYPE")


def q(namespace: str, name: str) -> str:
    """Returns a qualified name in lxml's notation."""
    return f"{{{namespace}}}{name}"


def text_of(element: Element | None) -> str:
    """Returns the text of an element without XML white space around it; empty for None."""
    return (element.text or "").strip(_WHITE_SPACE) if element is not None else ""


def uri_text(element: Element | None) -> str:
    """Returns the URI in an element, with white space collapsed as in XML Schema; empty for None."""
    return _collapsed(element.text or "") if element is not None else ""


def uri_attribute(element: Element, name: str) -> str:
    """Returns an attribute that holds a URI or NCName, such as Destination or InResponseTo; empty if it is missing.

    White space is collapsed (XML Schema Part 2 §4.3.6).
    """
    return _collapsed(attribute(element, name))


def _collapsed(text: str) -> str:
    """Returns a text without XML white space at its ends and with single spaces inside.

    Other white space, such as a no-break space, is part of the value.
    """
    return _RUN_OF_WHITE_SPACE.sub(" ", text.strip(_WHITE_SPACE))


def attribute(element: Element, name: str) -> str:
    """Returns an attribute without a namespace; empty if it is missing."""
    value = element.get(name)
    return value if isinstance(value, str) else ""


def children(element: Element, namespace: str, name: str) -> list[Element]:
    """Returns the direct children with that name."""
    return element.findall(q(namespace, name))


def only_child(element: Element, namespace: str, name: str) -> Element | None:
    """Returns the direct child with that name, or None.

    Raises:
        SamlError: there are several.
    """
    found = children(element, namespace, name)
    if len(found) > 1:
        raise SamlError(f"one {name}", f"{len(found)}")
    return found[0] if found else None


def everywhere(element: Element, namespace: str, name: str) -> list[Element]:
    """Returns all elements with that name at any depth, including the element itself."""
    return list(element.iter(q(namespace, name)))


def everywhere_named(element: Element, *names: str) -> list[Element]:
    """Returns all elements with one of these names, in any namespace and at any depth, including the element itself."""
    return list(element.iter(*[f"{{*}}{name}" for name in names]))


def local_name(element: Element) -> str:
    """Returns the name of an element without its namespace."""
    return etree.QName(element).localname


def ids_in(element: Element) -> list[tuple[str, str]]:
    """Returns name and value of all attributes that may be taken for ids: `ID`, `Id` or `id`, in any namespace."""
    return [
        (str(name), str(value))
        for each in element.iter(etree.Element)
        for name, value in each.items()
        if str(name).rpartition("}")[2].lower() == "id"
    ]


def build(namespace: str, name: str, attributes: Mapping[str, str], content: Sequence[Element] | str = ()) -> Element:
    """Returns a new element with attributes (empty ones are left out) and children or text."""
    element = etree.Element(q(namespace, name), nsmap={p: uri for p, uri in _PREFIXES.items() if uri == namespace})
    for key, value in attributes.items():
        if value:
            element.set(key, value)
    if isinstance(content, str):
        element.text = content
    else:
        element.extend(content)
    return element


def serialise(element: Element) -> bytes:
    """Returns an element as XML in UTF-8, without an XML declaration."""
    return etree.tostring(element, encoding="utf-8", with_tail=False)


def canonical(element: Element) -> bytes:
    """Returns an element in exclusive canonical form, without comments.

    Raises:
        XmlError: it cannot be canonicalised, for example because a namespace is a relative URI.
    """
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def indented(element: Element) -> str:
    """Returns an element as indented XML for people. It differs from what was signed."""
    copy = copied(element)
    etree.indent(copy)
    return etree.tostring(copy, encoding="unicode")


def copied(element: Element) -> Element:
    """Returns a copy of an element as the root of a new document."""
    return etree.fromstring(serialise(element))


def remove(element: Element) -> None:
    """Remove an element, and the text behind it, from its parent."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
