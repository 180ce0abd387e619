"""The Response that signs a person in, in Okta's shape.

The rule: everything in it is given by the caller; the settings say whether and how it is signed and encrypted.
Source: Okta wire facts 7.1.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pocket_okta.saml import names, xml
from pocket_okta.saml.encryption import encrypt
from pocket_okta.saml.request import Asked
from pocket_okta.saml.signing import sign
from pocket_okta.saml.xml import Element
from pocket_okta.sign_on import SigningKey, SignOn

LIFETIME = timedelta(minutes=5)  # before and after


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signs in. `attributes`: (name, name format, values), those without a value left out already."""

    name_id: str
    attributes: tuple[tuple[str, str, tuple[str, ...]], ...]
    session_index: str
    authenticated: datetime


def _root(name: str, issuer: str, now: datetime, **attributes: str) -> Element:
    root = xml.make(
        names.SAMLP,
        name,
        "saml2p",
        {"saml2": names.SAML},
        **{key: value for key, value in attributes.items() if value},
        ID=xml.new_id(),
        IssueInstant=xml.instant(now),
        Version="2.0",
    )
    xml.issuer(root, issuer)
    return root


def status_of(root: Element, *codes: str) -> None:
    """Append a Status; the second code is nested in the first."""
    inside = xml.add(root, names.SAMLP, "Status")
    for code in codes:
        inside = xml.add(inside, names.SAMLP, "StatusCode", Value=code)


def refuse(settings: SignOn, asked: Asked, issuer: str, key: SigningKey, now: datetime, *codes: str) -> Element:
    """Return a Response without an assertion, such as NoPassive."""
    root = _root("Response", issuer, now, Destination=asked.acs_url, InResponseTo=asked.request_id)
    status_of(root, *codes)
    return sign(root, key) if settings.response_signed else root


def build(settings: SignOn, subject: Subject, asked: Asked, issuer: str, key: SigningKey, now: datetime) -> Element:
    """Return the Response for one person, signed and encrypted as the settings say.

    Recipient and Destination are the address it goes to, unless the settings name others.
    """
    acs_url = asked.acs_url or settings.acs_url
    root = _root("Response", issuer, now, Destination=settings.destination or acs_url, InResponseTo=asked.request_id)
    status_of(root, names.SUCCESS)
    assertion = _assertion(settings, subject, asked, issuer, now, settings.recipient or acs_url)
    typed = bool(subject.attributes)
    if settings.assertion_signed:
        assertion = sign(assertion, key, typed=typed)
    if settings.encryption.enabled:
        assertion = encrypt(assertion, settings.encryption_certificate, settings.encryption.algorithm)
        typed = False
    root.append(assertion)
    return sign(root, key, typed=typed) if settings.response_signed else root


def _assertion(settings: SignOn, subject: Subject, asked: Asked, issuer: str, now: datetime, recipient: str) -> Element:
    begins, ends = xml.instant(now - LIFETIME), xml.instant(now + LIFETIME)
    root = xml.make(
        names.SAML,
        "Assertion",
        "saml2",
        {"xs": names.XS} if subject.attributes else None,
        ID=xml.new_id(),
        IssueInstant=xml.instant(now),
        Version="2.0",
    )
    xml.issuer(root, issuer)
    who = xml.add(root, names.SAML, "Subject")
    xml.add(who, names.SAML, "NameID", subject.name_id, Format=settings.name_id_format)
    confirmation = xml.add(who, names.SAML, "SubjectConfirmation", Method=names.BEARER)
    xml.add(
        confirmation,
        names.SAML,
        "SubjectConfirmationData",
        InResponseTo=asked.request_id,
        NotOnOrAfter=ends,
        Recipient=recipient,
    )
    conditions = xml.add(root, names.SAML, "Conditions", NotBefore=begins, NotOnOrAfter=ends)
    restriction = xml.add(conditions, names.SAML, "AudienceRestriction")
    xml.add(restriction, names.SAML, "Audience", settings.audience)
    statement = xml.add(
        root,
        names.SAML,
        "AuthnStatement",
        AuthnInstant=xml.instant(subject.authenticated),
        SessionIndex=subject.session_index,
    )
    context = xml.add(statement, names.SAML, "AuthnContext")
    xml.add(context, names.SAML, "AuthnContextClassRef", names.PASSWORD_PROTECTED)
    if subject.attributes:
        _tell(root, subject)
    return root


def _tell(root: Element, subject: Subject) -> None:
    """Append the attribute statement: values typed xs:string, one AttributeValue for each."""
    statement = xml.add(root, names.SAML, "AttributeStatement")
    for name, name_format, values in subject.attributes:
        attribute = xml.add(statement, names.SAML, "Attribute", Name=name, NameFormat=name_format)
        for value in values:
            typed = xml.make(names.SAML, "AttributeValue", "saml2", {"xsi": names.XSI})
            typed.set(f"{{{names.XSI}}}type", "xs:string")
            typed.text = xml.carried(value)
            attribute.append(typed)
