"""Single logout: LogoutRequests and LogoutResponses, written and read.

The rule: a logout request must be signed, whoever sends it; ours always are. Source: Okta wire facts 7.5.
"""

from dataclasses import dataclass
from datetime import datetime

from pocket_okta.saml import names, xml
from pocket_okta.saml.request import BadRequest, Incoming, require
from pocket_okta.saml.response import LIFETIME, status_of
from pocket_okta.saml.xml import Element
from pocket_okta.sign_on import SignOn


@dataclass(frozen=True, slots=True)
class LogoutAsked:
    """A logout that an application wants."""

    request_id: str
    name_id: str
    session_index: str
    relay_state: str


@dataclass(frozen=True, slots=True)
class LogoutAnswered:
    """What an application answered to our logout request. `verified`: there was a certificate to verify it with."""

    in_response_to: str
    status: str
    verified: bool

    @property
    def done(self) -> bool:
        return self.status == names.SUCCESS


def read_request(incoming: Incoming, settings: SignOn, addresses: tuple[str, ...], now: datetime) -> LogoutAsked:
    """Return what a LogoutRequest asks; raises BadRequest."""
    root = incoming.open(settings.sp_certificates, signed=True)
    request_id = require(root, "LogoutRequest", addresses)
    issuer = xml.text_of(xml.child(root, names.SAML, "Issuer"))
    if issuer != settings.slo.issuer:
        raise BadRequest(
            f"Issuer: wanted the SP Issuer of the application's Sign On tab, {settings.slo.issuer!r}; got {issuer!r}."
        )
    ends = xml.moment_of(root.get("NotOnOrAfter", ""))
    if ends is not None and ends <= now:
        raise BadRequest(f"NotOnOrAfter: wanted a request that has not expired, got one that did at {ends}.")
    name_id = xml.text_of(xml.child(root, names.SAML, "NameID"))
    if not name_id:
        raise BadRequest("LogoutRequest: wanted a NameID.")
    index = xml.text_of(xml.child(root, names.SAMLP, "SessionIndex"))
    return LogoutAsked(request_id, name_id, index, incoming.relay_state)


def read_response(incoming: Incoming, settings: SignOn, addresses: tuple[str, ...]) -> LogoutAnswered:
    """Return what a LogoutResponse says; raises BadRequest. It must be signed if the signer's certificate is known."""
    known = bool(settings.sp_certificates)
    root = incoming.open(settings.sp_certificates, signed=known)
    require(root, "LogoutResponse", addresses)
    status = xml.child(root, names.SAMLP, "Status")
    code = xml.child(status, names.SAMLP, "StatusCode") if status is not None else None
    return LogoutAnswered(root.get("InResponseTo", ""), code.get("Value", "") if code is not None else "", known)


def _message(name: str, destination: str, issuer: str, now: datetime, **attributes: str) -> Element:
    root = xml.make(
        names.SAMLP,
        name,
        "saml2p",
        {"saml2": names.SAML},
        **attributes,
        Destination=destination,
        ID=xml.new_id(),
        IssueInstant=xml.instant(now),
        Version="2.0",
    )
    xml.issuer(root, issuer)
    return root


def write_request(
    settings: SignOn, destination: str, issuer: str, name_id: str, session_index: str, now: datetime
) -> Element:
    """Return an unsigned LogoutRequest for one person's one session; the binding signs it."""
    root = _message(
        "LogoutRequest", destination, issuer, now, NotOnOrAfter=xml.instant(now + LIFETIME), Reason=names.USER_LOGOUT
    )
    xml.add(root, names.SAML, "NameID", name_id, Format=settings.name_id_format)
    if settings.participation.session_index:
        xml.add(root, names.SAMLP, "SessionIndex", session_index)
    return root


def write_response(destination: str, issuer: str, request_id: str, now: datetime, *codes: str) -> Element:
    """Return an unsigned LogoutResponse; the binding signs it."""
    root = _message("LogoutResponse", destination, issuer, now, InResponseTo=request_id)
    status_of(root, *codes)
    return root
