"""The only module in which the pocket Okta parses XML, with the functions to build and read elements.

The rule: no DTD, no entities, no network, no more than MAX bytes; comments and processing instructions are taken for an
attack, because text beside them is read differently by different programs.
"""

import re
import secrets
from datetime import UTC, datetime
from typing import TypeAlias

from lxml import etree

from pocket_okta.saml import names

MAX = 1024 * 1024  # bytes

_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

Element: TypeAlias = etree._Element  # noqa: SLF001  (lxml has no other name for its element's type)


class BadXml(ValueError):
    """A document that is not what it should be; the sentence says what was wanted and what came."""


def parse(document: bytes) -> Element:
    """Return the root of a document; raises BadXml."""
    if len(document) > MAX:
        raise BadXml(f"wanted XML of at most {MAX} bytes, got {len(document)}")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise BadXml(f"wanted well-formed XML: {problem}") from None
    if root.getroottree().docinfo.doctype:
        raise BadXml("wanted XML without a document type declaration")
    if any(not isinstance(node.tag, str) for node in root.getroottree().iter()):
        raise BadXml("wanted XML without comments, processing instructions and entities")
    return root


def serialize(root: Element) -> bytes:
    return etree.tostring(root)


def make(
    namespace: str, name: str, prefix: str, more: dict[str | None, str] | None = None, **attributes: str
) -> Element:
    """Return a new element that declares its own prefix."""
    return etree.Element(f"{{{namespace}}}{name}", attributes, nsmap={prefix: namespace, **(more or {})})


def add(parent: Element, namespace: str, name: str, text: str = "", /, **attributes: str) -> Element:
    """Append an element to another one; attributes without a value are left out."""
    kept = {key: carried(value) for key, value in attributes.items() if value}
    made = etree.SubElement(parent, f"{{{namespace}}}{name}", kept)
    if text:
        made.text = carried(text)
    return made


def carried(text: str) -> str:
    """Return a text without the characters that XML has no way to carry."""
    return _NOT_XML.sub("", text)


def child(parent: Element, namespace: str, name: str) -> Element | None:
    return parent.find(f"{{{namespace}}}{name}")


def children(parent: Element, namespace: str, name: str) -> list[Element]:
    return parent.findall(f"{{{namespace}}}{name}")


def text_of(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def is_named(element: Element, namespace: str, name: str) -> bool:
    return element.tag == f"{{{namespace}}}{name}"


def new_id() -> str:
    """Return an unguessable id that is an NCName, shaped like Okta's."""
    return f"id{secrets.randbits(128)}"


def instant(moment: datetime) -> str:
    """Write a moment as SAML does: 2026-11-24T01:49:00.000Z."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def moment_of(text: str) -> datetime | None:
    """Read a SAML time; None for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def issuer(parent: Element, entity: str) -> None:
    add(parent, names.SAML, "Issuer", entity, Format=names.ENTITY)
