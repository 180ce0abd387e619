"""Single Logout: reads and writes LogoutRequests and LogoutResponses (SAML 2.0 Core §3.7, Profiles §4.4).

Rule of this file: every message must be signed by a trusted key, either in the XML or in the redirect's query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vestibule.model import Certificate
from vestibule.saml.errors import SamlError
from vestibule.saml.response import SKEW, SUCCESS
from vestibule.saml.signature import check_signatures, verify_element
from vestibule.saml.times import read_instant, write_instant
from vestibule.saml.xml import (
    SAML,
    SAMLP,
    Element,
    attribute,
    build,
    children,
    only_child,
    parse_xml,
    q,
    text_of,
    uri_attribute,
    uri_text,
)

_OLDEST: Final = 600_000
_REQUESTER: Final = "urn:oasis:names:tc:SAML:2.0:status:Requester"
_UNKNOWN_PRINCIPAL: Final = "urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"
_REQUEST_TAG: Final = q(SAMLP, "LogoutRequest")
_RESPONSE_TAG: Final = q(SAMLP, "LogoutResponse")


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A request to end the sessions of a NameID; all of them, or those in `session_indexes`."""

    id: str
    name_id: str
    name_id_format: str
    session_indexes: tuple[str, ...]


def is_logout_request(xml: bytes) -> bool:
    """Returns whether a message is a LogoutRequest (True) or a LogoutResponse (False).

    Raises:
        SamlError: it is neither.
    """
    tag = parse_xml(xml).tag
    if tag not in {_REQUEST_TAG, _RESPONSE_TAG}:
        raise SamlError("a LogoutRequest or a LogoutResponse", "another message")
    return tag == _REQUEST_TAG


def read_logout_request(
    xml: bytes, issuer: str, destination: str, certificates: Sequence[Certificate], now: int, *, query_signed: bool
) -> LogoutRequest:
    """Returns a LogoutRequest that passes all checks.

    With `query_signed` the signature of the redirect's query was verified already; otherwise the message itself must be
    signed.

    Raises:
        SamlError: a check failed.
    """
    root = _verified(parse_xml(xml), _REQUEST_TAG, certificates, query_signed=query_signed)
    _check_envelope(root, issuer, destination, now)
    ends = attribute(root, "NotOnOrAfter")
    if ends and now >= read_instant(ends, "NotOnOrAfter") + SKEW:
        raise SamlError("a LogoutRequest that has not expired", f"one that expired at {ends}")
    name_id = only_child(root, SAML, "NameID")
    if name_id is None or not text_of(name_id) or len(name_id):
        raise SamlError("an unencrypted NameID", "none")
    indexes = tuple(text_of(each) for each in children(root, SAMLP, "SessionIndex") if text_of(each))
    return LogoutRequest(attribute(root, "ID"), text_of(name_id), attribute(name_id, "Format"), indexes)


def read_logout_response(
    xml: bytes, issuer: str, destination: str, certificates: Sequence[Certificate], now: int, *, query_signed: bool
) -> tuple[str, bool]:
    """Returns the id of our request that a LogoutResponse answers, and whether its status is Success.

    `query_signed` is as in `read_logout_request`.

    Raises:
        SamlError: a check failed.
    """
    root = _verified(parse_xml(xml), _RESPONSE_TAG, certificates, query_signed=query_signed)
    _check_envelope(root, issuer, destination, now)
    status = only_child(root, SAMLP, "Status")
    code = only_child(status, SAMLP, "StatusCode") if status is not None else None
    return uri_attribute(root, "InResponseTo"), code is not None and attribute(code, "Value") == SUCCESS


def _verified(root: Element, tag: str, certificates: Sequence[Certificate], *, query_signed: bool) -> Element:
    if root.tag != tag or attribute(root, "Version") != "2.0" or not attribute(root, "ID"):
        raise SamlError(f"a SAML 2.0 {tag.rpartition('}')[2]} with an ID", "another message")
    check_signatures(root, [root])
    return root if query_signed else verify_element(root, certificates).element


def _check_envelope(root: Element, issuer: str, destination: str, now: int) -> None:
    came = uri_text(only_child(root, SAML, "Issuer"))
    if came != issuer:
        raise SamlError(f"a message from {issuer}", f"one from '{came[:200]}'")
    if (meant := uri_attribute(root, "Destination")) != destination:
        raise SamlError(f"a message for {destination}", f"one for '{meant[:200]}'")
    issued = read_instant(attribute(root, "IssueInstant"), "IssueInstant")
    if not now - _OLDEST - SKEW <= issued <= now + SKEW:
        raise SamlError(f"a message of the last {_OLDEST // 60_000} minutes", f"one of {write_instant(issued)}")


def logout_request(
    id_: str, entity_id: str, destination: str, name_id: str, name_id_format: str, session_index: str, now: int
) -> Element:
    """Returns a LogoutRequest that asks the identity provider to end its own session."""
    content = [
        build(SAML, "Issuer", {}, entity_id),
        build(SAML, "NameID", {"Format": name_id_format}, name_id),
    ]
    if session_index:
        content.append(build(SAMLP, "SessionIndex", {}, session_index))
    instants = {"IssueInstant": write_instant(now), "NotOnOrAfter": write_instant(now + 300_000)}
    return build(SAMLP, "LogoutRequest", {"ID": id_, "Version": "2.0", **instants, "Destination": destination}, content)


def logout_response(
    id_: str, entity_id: str, destination: str, answered: str, now: int, *, known: bool = True
) -> Element:
    """Returns the LogoutResponse to a request with the id `answered`.

    If nobody has its NameID (`known` is False), the status says so (SAML 2.0 Core §3.7.3.2).
    """
    nobody = build(SAMLP, "StatusCode", {"Value": _UNKNOWN_PRINCIPAL})
    code = build(SAMLP, "StatusCode", {"Value": SUCCESS if known else _REQUESTER}, () if known else (nobody,))
    content = [build(SAML, "Issuer", {}, entity_id), build(SAMLP, "Status", {}, [code])]
    named = {"ID": id_, "Version": "2.0", "IssueInstant": write_instant(now), "Destination": destination}
    return build(SAMLP, "LogoutResponse", {**named, "InResponseTo": answered}, content)
