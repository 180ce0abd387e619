"""Hardened XML parsing, and the only place that knows lxml.

A document with a DTD is refused before anything interprets it, and comments and processing instructions are refused
because a text that a comment cuts in two is read differently than it is signed (security reference A4, A9).
"""

from typing import Final

from lxml import etree

from vestibule.saml.errors import SamlError

MAX_BYTES: Final = 1024 * 1024
Element = etree._Element  # noqa: SLF001 -- the only name lxml has for the type


def parse_xml(text: bytes, *, drop_comments: bool = False) -> Element:
    """The root of an XML document. `drop_comments` is for what an administrator pastes, never for what is signed.

    Raises:
        SamlError: too large, not well-formed, or with a DTD, a comment or a processing instruction.
    """
    if len(text) > MAX_BYTES:
        raise SamlError(f"XML of at most {MAX_BYTES:,} bytes is wanted", f"{len(text):,} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=drop_comments,
        remove_pis=drop_comments,
    )
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise SamlError("A well-formed XML document is wanted", "a text that is none") from None
    tree = root.getroottree()
    if tree.docinfo.doctype or tree.docinfo.internalDTD is not None:
        raise SamlError("XML without a DTD is wanted", "a DOCTYPE")
    if next(tree.iter(etree.Comment, etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise SamlError("XML without comments and processing instructions is wanted", "one of them")
    return root


def text_of(element: Element | None) -> str:
    """The text of an element without the white space around it; empty for none."""
    return (element.text or "").strip() if element is not None else ""
