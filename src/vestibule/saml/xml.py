"""Hardened XML, and the only place that knows lxml: reading, finding, building, canonical bytes.

A document with a DTD is refused before anything interprets it, and comments and processing instructions are refused
because a text that a comment cuts in two is read differently than it is signed (security reference A4, A9).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from lxml import etree

from vestibule.saml.errors import SamlError

MAX_BYTES: Final = 1024 * 1024
MOST_ELEMENTS: Final = 3_000
"""In a message, so that looking at whatever comes takes at most 20 ms of the processor. Attribute values may be two
thirds of them."""
MOST_ATTRIBUTES_IN_ALL: Final = 6_000
"""In a message, declarations of namespaces included. The largest response of Okta has 4,000 of them."""
MOST_ATTRIBUTES: Final = 16
"""On one element: libxml2 walks through all of them for each one that is read."""
MOST_PREFIXES: Final = 64
"""Of namespaces: canonicalisation looks at all that are in scope, for each element."""
Element = etree._Element  # noqa: SLF001 -- the only name lxml has for the type
XmlError: Final = etree.LxmlError
"""What the parser, the canonicalisation and the schema raise."""

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
"""All that XML calls white space."""
_RUN_OF_WHITE_SPACE: Final = re.compile(r"[ \t\r\n]+")
_PREFIX: Final = re.compile(rb"\bxmlns:([^\s=]+)")
_PREFIXES: Final = {"samlp": SAMLP, "saml": SAML, "md": MD, "ds": DS}


def parse_xml(text: bytes, *, drop_comments: bool = False, largest: int = MAX_BYTES) -> Element:
    """The root of an XML document. `drop_comments` is for what an administrator pastes, never for what is signed.

    What is signed is read as UTF-8 whatever it says of itself, so that nobody reads it differently.

    Raises:
        SamlError: too large, not well-formed, with more parts than anybody honest needs, or with a DTD, a comment or a
            processing instruction.
    """
    if len(text) > largest:
        raise SamlError(f"XML of at most {largest:,} bytes", f"{len(text):,} bytes")
    if b"<!DOCTYPE" in text:
        raise _with_dtd()
    if text.count(b"xmlns:") > MOST_PREFIXES and len(set(_PREFIX.findall(text))) > MOST_PREFIXES:
        raise SamlError(f"XML with at most {MOST_PREFIXES} prefixes of namespaces", "more")
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
        raise SamlError("A well-formed XML document is wanted", "a text that is none") from None
    tree = root.getroottree()
    # Metadata in UTF-16 hides its DOCTYPE from the search above.
    if tree.docinfo.internalDTD is not None:
        raise _with_dtd()
    # Those before and after the root are the tree's, not the root's.
    beside = [*root.itersiblings(preceding=True), *root.itersiblings()]
    if beside or next(root.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise SamlError("XML without comments and processing instructions is wanted", "one of them")
    if not drop_comments and _count_elements(root) > MOST_ELEMENTS:
        raise _with_elements()
    if _CROWDED(root):
        raise SamlError(f"at most {MOST_ATTRIBUTES} attributes on an element", "more")
    return root


def _check_size_before_parsing(text: bytes) -> None:
    """Refuse a message that has too many elements or attributes for certain, before a parser takes time for it. An
    element has one `<` or two, an attribute and a declaration of a namespace two quotation marks.
    """
    if text.count(b"<") > 2 * MOST_ELEMENTS:
        raise _with_elements()
    if text.count(b'"') + text.count(b"'") > 2 * MOST_ATTRIBUTES_IN_ALL:
        raise SamlError(
            f"a message of at most {MOST_ATTRIBUTES_IN_ALL:,} attributes and declarations of namespaces",
            "more",
        )


def _with_elements() -> SamlError:
    return SamlError(f"a message of at most {MOST_ELEMENTS:,} elements", "more")


def _count_elements(root: Element) -> int:
    count = _COUNT(root)
    return int(count) if isinstance(count, float) else 0


def _with_dtd() -> SamlError:
    return SamlError("XML without a DTD is wanted", "a DOCTYPE")


def q(namespace: str, name: str) -> str:
    """A qualified name as elements carry it."""
    return f"{{{namespace}}}{name}"


def text_of(element: Element | None) -> str:
    """The text of an element without XML white space around it; empty for none."""
    return (element.text or "").strip(_WHITE_SPACE) if element is not None else ""


def uri_text(element: Element | None) -> str:
    """The text of an element that holds a URI, with white space as XML Schema reads it; empty for none."""
    return _collapsed(element.text or "") if element is not None else ""


def uri_attribute(element: Element, name: str) -> str:
    """An attribute that holds a URI or an NCName (Recipient, Destination, InResponseTo), with white space as XML Schema
    reads it (Part 2 §4.3.6: collapse). Returns an empty text if it is not there.
    """
    return _collapsed(attribute(element, name))


def _collapsed(text: str) -> str:
    """Text without XML white space at its ends, and one space for each run of it inside. Other white space, such as a
    no-break space, is part of the value.
    """
    return _RUN_OF_WHITE_SPACE.sub(" ", text.strip(_WHITE_SPACE))


def attribute(element: Element, name: str) -> str:
    """An attribute that has no namespace; empty if it is not there."""
    value = element.get(name)
    return value if isinstance(value, str) else ""


def children(element: Element, namespace: str, name: str) -> list[Element]:
    """The direct children of that name."""
    return element.findall(q(namespace, name))


def only_child(element: Element, namespace: str, name: str) -> Element | None:
    """The direct child of that name, or None.

    Raises:
        SamlError: there are several.
    """
    found = children(element, namespace, name)
    if len(found) > 1:
        raise SamlError(f"one {name}", f"{len(found)}")
    return found[0] if found else None


def everywhere(element: Element, namespace: str, name: str) -> list[Element]:
    """Every element of that name in a document, at whatever depth, the element itself among them."""
    return list(element.iter(q(namespace, name)))


def everywhere_named(element: Element, *names: str) -> list[Element]:
    """Every element of one of these names in whatever namespace, at whatever depth, the element itself among them."""
    return list(element.iter(*[f"{{*}}{name}" for name in names]))


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return etree.QName(element).localname


def ids_in(element: Element) -> list[tuple[str, str]]:
    """Name and value of every attribute that something might take for an id: `ID`, `Id`, `id`, in any namespace."""
    return [
        (str(name), str(value))
        for each in element.iter(etree.Element)
        for name, value in each.items()
        if str(name).rpartition("}")[2].lower() == "id"
    ]


def build(namespace: str, name: str, attributes: Mapping[str, str], content: Sequence[Element] | str = ()) -> Element:
    """A new element with its attributes (those that are empty are left out) and children or text."""
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
    """An element as XML, as it stands, without a declaration."""
    return etree.tostring(element, encoding="utf-8", with_tail=False)


def canonical(element: Element) -> bytes:
    """An element in exclusive canonical form, without comments.

    Raises:
        XmlError: it has none, as with a namespace that is a relative URI.
    """
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def indented(element: Element) -> str:
    """An element as XML for people to read. Not what was signed: white space is added."""
    copy = copied(element)
    etree.indent(copy)
    return etree.tostring(copy, encoding="unicode")


def copied(element: Element) -> Element:
    """The same element as a document of its own, in its own tree."""
    return etree.fromstring(serialise(element))


def remove(element: Element) -> None:
    """Take an element out of its parent, and the text behind it."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
