"""What an identity provider says about who has signed in: from the bytes of a Response to an Assertion, or to the
reason why not (SAML 2.0 Core §2, §3; Profiles §4.1.4).

The rule of this file: only what a pinned key signed is read. The order is: shape, signatures, then everything else on
the elements that were read anew from signed bytes. Every check is kept with what was wanted and what came, because an
administrator who tests a sign-in wants to see all of them; the first that fails is the reason of a refusal.
"""

from dataclasses import dataclass, field
from typing import Final

from vestibule.model import Certificate
from vestibule.saml.encryption import decrypt
from vestibule.saml.errors import SamlError
from vestibule.saml.signature import UnknownKey, check_signatures, is_signed, verify_element
from vestibule.saml.times import read_instant, write_instant
from vestibule.saml.xml import (
    DS,
    SAML,
    SAMLP,
    Element,
    attribute,
    children,
    everywhere_named,
    indented,
    local_name,
    only_child,
    parse_xml,
    q,
    text_of,
    uri_attribute,
    uri_text,
)

SKEW: Final = 120_000
"""Milliseconds by which clocks may differ."""
OLDEST: Final = 600_000
"""Milliseconds after which an assertion is too old to open a session, whatever it says of itself."""
LARGEST_RESPONSE: Final = 256 * 1024
SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_KNOWN_CONDITIONS: Final = {q(SAML, name) for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
_LONGEST_NAME_ID: Final = 1024
_MOST_VALUES: Final = 2000
_MOST_CONFIRMATIONS: Final = 10
_IN_RESPONSE: Final = {
    q(SAML, "Issuer"),
    q(DS, "Signature"),
    q(SAMLP, "Extensions"),
    q(SAMLP, "Status"),
    q(SAML, "Assertion"),
    q(SAML, "EncryptedAssertion"),
}
"""What the schema of SAML 2.0 allows directly in a Response."""


class Unsigned(SamlError):
    """Neither the response nor its assertion is signed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response has to agree with."""

    issuer: str
    """Entity id of the identity provider."""
    certificates: tuple[Certificate, ...]
    audience: str
    """Entity id of this service provider."""
    acs_url: str
    request_id: str = ""
    """The request that this answers; empty for a response that nobody asked for."""
    private_keys: tuple[bytes, ...] = ()
    """For encrypted assertions; PEM."""
    authn_context: str = ""
    """The class of authentication that was asked for; empty takes any."""
    authenticated_after: int | None = None
    """Where a fresh authentication was asked for (ForceAuthn): since when, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    wanted: str
    came: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a signed assertion says. Times are in milliseconds."""

    id: str
    issuer: str
    name_id: str
    name_id_format: str
    session_index: str
    authn_context: str
    issued: int
    session_expires: int | None
    """`SessionNotOnOrAfter`: the identity provider's own end of the session."""
    usable_until: int
    """After this the assertion is refused by its own times, so its id need not be remembered any longer."""
    attributes: dict[str, tuple[str, ...]]
    certificate: Certificate
    """Whose key signed what was read."""


@dataclass(slots=True)
class Examination:
    """Every check of a response with its verdict, and the assertion if all of them passed."""

    checks: list[Check] = field(default_factory=list)
    assertion: Assertion | None = None
    read: Element | None = None
    """The assertion as it was signed; None if no signature was valid."""
    unknown_key: UnknownKey | None = None
    """A signature was by a key that is not pinned: the one reason to read metadata again."""

    def look(self, name: str, wanted: str, came: str, *, passed: bool) -> None:
        """Keep a check."""
        self.checks.append(Check(name, wanted, came, passed))

    @property
    def xml(self) -> str:
        """What was read of the assertion, for people; empty if nothing was."""
        return indented(self.read) if self.read is not None else ""

    @property
    def failed(self) -> Check | None:
        """The first check that did not pass."""
        return next((check for check in self.checks if not check.passed), None)


def validate(response: bytes, expected: Expected, now: int) -> Assertion:
    """The assertion of a response that passes every check.

    Raises:
        SamlError: the first check that did not pass.
    """
    examined = examine(response, expected, now)
    if (failed := examined.failed) is not None or examined.assertion is None:
        raise SamlError(failed.wanted if failed else "An assertion is wanted", failed.came if failed else "none")
    return examined.assertion


def answered_request(response: bytes) -> str:
    """The id of the request that a response claims to answer; empty if it claims none. To look that request up with:
    nothing is verified here.

    Raises:
        SamlError: not a response.
    """
    return uri_attribute(_parse(response), "InResponseTo")


def examine(response: bytes, expected: Expected, now: int) -> Examination:
    """Look at a response from every side. Never raises for what came."""
    result = Examination()
    stage = "Shape"
    try:
        root = _parse(response)
        _look_at_status(root, result)
        if result.failed:
            return result
        _check_shape(root)
        result.look("Shape", "one Response with one assertion, and nothing hidden in it", "that", passed=True)
        stage = "Signature"
        signed_root, assertion, certificate = _verified(root, expected)
        result.look(
            "Signature", "made with the key of a certificate that is in force", _named(certificate), passed=True
        )
        result.read = assertion
        stage = "Contents"
        _look_at_issuer(assertion, expected, result)
        signed = signed_root is not None
        _look_at_response(signed_root if signed_root is not None else root, expected, result, signed=signed)
        _look_inside(assertion, certificate, expected, now, result)
    except UnknownKey as error:
        result.unknown_key = error
        result.look(stage, error.wanted, error.came, passed=False)
    except Unsigned as error:
        result.look("Signed", error.wanted, error.came, passed=False)
    except SamlError as error:
        result.look(stage, error.wanted, error.came, passed=False)
    return result


# -- shape and signatures ----------------------------------------------------------------------------------------------


def _parse(response: bytes) -> Element:
    root = parse_xml(response, largest=LARGEST_RESPONSE)
    if root.tag != q(SAMLP, "Response") or attribute(root, "Version") != "2.0" or not attribute(root, "ID"):
        raise SamlError("A SAML 2.0 Response is wanted", "another document")
    return root


def _look_at_status(root: Element, result: Examination) -> None:
    status = only_child(root, SAMLP, "Status")
    code = only_child(status, SAMLP, "StatusCode") if status is not None else None
    value = attribute(code, "Value") if code is not None else ""
    if value == SUCCESS:
        result.look("Status", "Success", "Success", passed=True)
        return
    detail = only_child(code, SAMLP, "StatusCode") if code is not None else None
    inner = attribute(detail, "Value") if detail is not None else ""
    said = text_of(only_child(status, SAMLP, "StatusMessage")) if status is not None else ""
    came = ": ".join(part for part in (_tail(value), _tail(inner), said[:200]) if part) or "no status"
    result.look("Status", "Success, or what went wrong at the identity provider", came, passed=False)


def _check_shape(root: Element) -> None:
    """Exactly one assertion in the whole document, directly in the response (security reference A1)."""
    # In any namespace: whoever looks for an assertion by its name alone must find the same one.
    found = everywhere_named(root, "Assertion", "EncryptedAssertion")
    if len(found) != 1 or found[0].getparent() is not root:
        raise SamlError("One assertion, directly in the response, is wanted", f"{len(found)}, or one elsewhere")
    if len(everywhere_named(root, "Response")) != 1:
        raise SamlError("One Response is wanted", "one within another")
    foreign = next((child for child in root if child.tag not in _IN_RESPONSE), None)
    if foreign is not None:
        raise SamlError(
            "Only Issuer, Signature, Extensions, Status and one assertion are wanted in a Response",
            f"'{local_name(foreign)[:80]}' beside them",
        )
    check_signatures(root, [root, *found] if found[0].tag == q(SAML, "Assertion") else [root])


def _verified(root: Element, expected: Expected) -> tuple[Element | None, Element, Certificate]:
    """The response as it was signed, if it was; the assertion as it was signed; and whose key that was."""
    signed_root = verify_element(root, expected.certificates) if is_signed(root) else None
    read = signed_root.element if signed_root else root
    encrypted = children(read, SAML, "EncryptedAssertion")
    if encrypted:
        if not expected.private_keys:
            raise SamlError("An assertion in the clear is wanted, for this service provider has no key", "a sealed one")
        assertion = decrypt(encrypted[0], expected.private_keys, tamperproof=signed_root is not None)
        if (
            assertion.tag != q(SAML, "Assertion")
            or len(everywhere_named(assertion, "Assertion", "EncryptedAssertion")) != 1
        ):
            raise SamlError("One assertion is wanted within an EncryptedAssertion", "another element")
        check_signatures(assertion, [assertion])
    else:
        assertion = children(read, SAML, "Assertion")[0]
    if is_signed(assertion):
        signed = verify_element(assertion, expected.certificates)
        return (signed_root.element if signed_root else None), signed.element, signed.certificate
    if signed_root is None:
        raise Unsigned("A signature over the response or the assertion is wanted", "none")
    return signed_root.element, assertion, signed_root.certificate


# -- contents ----------------------------------------------------------------------------------------------------------


def _look_at_issuer(assertion: Element, expected: Expected, result: Examination) -> None:
    if attribute(assertion, "Version") != "2.0" or not attribute(assertion, "ID"):
        raise SamlError("A SAML 2.0 assertion with an ID is wanted", "another")
    issuer = _issuer(assertion)
    result.look("Issuer", expected.issuer, issuer or "none", passed=issuer == expected.issuer)


def _look_inside(
    assertion: Element, certificate: Certificate, expected: Expected, now: int, result: Examination
) -> None:
    issued = read_instant(attribute(assertion, "IssueInstant"), "IssueInstant")
    fresh = now - OLDEST - SKEW <= issued <= now + SKEW
    result.look(
        "Issued", f"at most {OLDEST // 60_000} minutes before {write_instant(now)}", write_instant(issued), passed=fresh
    )
    _look_at_conditions(assertion, expected, now, result)
    until = _look_at_subject(assertion, expected, now, result)
    name_id = _name_id(assertion)
    statement, session_expires = _statement(assertion, now, result)
    context = _look_at_authentication(statement, expected, result)
    result.assertion = Assertion(
        attribute(assertion, "ID"),
        _issuer(assertion),
        text_of(name_id),
        attribute(name_id, "Format"),
        attribute(statement, "SessionIndex"),
        context,
        issued,
        session_expires,
        max(until, issued + OLDEST) + 2 * SKEW,
        _attributes(assertion),
        certificate,
    )
    if result.failed:
        result.assertion = None


def _look_at_response(root: Element, expected: Expected, result: Examination, *, signed: bool) -> None:
    """What the response says beside its assertion has to agree. Where nobody signed that, it may be left out as well:
    nothing depends on it, but what is wrong was meant for somewhere else (SAML 2.0 Core §3.2.2).
    """
    issuer, destination = _issuer(root), uri_attribute(root, "Destination")
    if issuer:
        result.look("Issuer of the response", expected.issuer, issuer, passed=issuer == expected.issuer)
    if destination or signed:
        result.look("Destination", expected.acs_url, destination or "none", passed=destination == expected.acs_url)
    answered = uri_attribute(root, "InResponseTo")
    if answered or signed:
        _look_at_answered("Response answers", answered, expected, result)


def _look_at_answered(name: str, answered: str, expected: Expected, result: Examination) -> None:
    wanted = "the sign-in that this browser began" if expected.request_id else "no sign-in in particular"
    result.look(name, wanted, answered or "no sign-in in particular", passed=answered == expected.request_id)


def _look_at_conditions(assertion: Element, expected: Expected, now: int, result: Examination) -> None:
    conditions = only_child(assertion, SAML, "Conditions")
    if conditions is None:
        raise SamlError("Conditions are wanted in the assertion", "none")
    if any(condition.tag not in _KNOWN_CONDITIONS for condition in conditions):
        raise SamlError("Conditions that are known here are wanted", "another kind")
    restrictions = children(conditions, SAML, "AudienceRestriction")
    named = [[uri_text(each) for each in children(restriction, SAML, "Audience")] for restriction in restrictions]
    meant = bool(named) and all(expected.audience in audiences for audiences in named)
    came = ", ".join(audience for audiences in named for audience in audiences) or "none"
    result.look("Audience", expected.audience, came[:500], passed=meant)
    _look_at_times("Conditions", conditions, now, result)


def _look_at_times(name: str, element: Element, now: int, result: Examination) -> None:
    begins, ends = attribute(element, "NotBefore"), attribute(element, "NotOnOrAfter")
    if not ends:
        raise SamlError(f"NotOnOrAfter in {name}", "none")
    early = bool(begins) and now < read_instant(begins, "NotBefore") - SKEW
    late = now >= read_instant(ends, "NotOnOrAfter") + SKEW
    came = f"{begins or 'any time'} to {ends}"
    result.look(f"Time of the {name}", f"{write_instant(now)} within it", came, passed=not early and not late)


def _look_at_subject(assertion: Element, expected: Expected, now: int, result: Examination) -> int:
    """Look at the bearer confirmations of the subject: one that passes is enough (SAML 2.0 Core §2.4.1). Where none
    does, the checks of the first are the ones that are kept.

    Returns:
        Until when the confirmation holds, in milliseconds.

    Raises:
        SamlError: there is no bearer confirmation, or none that can be read.
    """
    subject = only_child(assertion, SAML, "Subject")
    confirmations = [
        each
        for each in (children(subject, SAML, "SubjectConfirmation") if subject is not None else [])
        if uri_attribute(each, "Method") == _BEARER
    ]
    if not 1 <= len(confirmations) <= _MOST_CONFIRMATIONS:
        raise SamlError("A SubjectConfirmation for the bearer is wanted", f"{len(confirmations)}")
    looked_at = [_confirmed(each, expected, now) for each in confirmations]
    found = next((each for each in looked_at if each.until is not None and each.failed is None), looked_at[0])
    result.checks += found.checks
    if found.error is not None:
        raise found.error
    return found.until or 0


@dataclass(slots=True)
class _Confirmation(Examination):
    """What came of looking at one SubjectConfirmation."""

    until: int | None = None
    error: SamlError | None = None


def _confirmed(confirmation: Element, expected: Expected, now: int) -> _Confirmation:
    looked_at = _Confirmation()
    try:
        data = only_child(confirmation, SAML, "SubjectConfirmationData")
        if data is None:
            raise SamlError("SubjectConfirmationData is wanted", "none")  # noqa: TRY301 -- one place keeps all of them
        recipient = uri_attribute(data, "Recipient")
        passed = recipient == expected.acs_url
        looked_at.look("Recipient", expected.acs_url, recipient or "none", passed=passed)
        _look_at_answered("Assertion answers", uri_attribute(data, "InResponseTo"), expected, looked_at)
        _look_at_times("SubjectConfirmation", data, now, looked_at)
        looked_at.until = read_instant(attribute(data, "NotOnOrAfter"), "NotOnOrAfter")
    except SamlError as error:
        looked_at.error = error
    return looked_at


def _name_id(assertion: Element) -> Element:
    subject = only_child(assertion, SAML, "Subject")
    name_id = only_child(subject, SAML, "NameID") if subject is not None else None
    text = text_of(name_id)
    if name_id is None or not text or len(name_id) or len(text) > _LONGEST_NAME_ID or not text.isprintable():
        raise SamlError("A NameID of visible characters is wanted", "none, or another kind")
    return name_id


def _statement(assertion: Element, now: int, result: Examination) -> tuple[Element, int | None]:
    statements = children(assertion, SAML, "AuthnStatement")
    if not statements:
        raise SamlError("An AuthnStatement is wanted", "none")
    ends = [
        read_instant(attribute(each, "SessionNotOnOrAfter"), "SessionNotOnOrAfter")
        for each in statements
        if attribute(each, "SessionNotOnOrAfter")
    ]
    if ends:
        wanted = f"after {write_instant(now)}"
        result.look("End of the session", wanted, write_instant(min(ends)), passed=min(ends) > now)
    return statements[0], min(ends, default=None)


def _look_at_authentication(statement: Element, expected: Expected, result: Examination) -> str:
    """How somebody was authenticated: as it was asked for, if anything was. The class of it."""
    context = only_child(statement, SAML, "AuthnContext")
    classes = children(context, SAML, "AuthnContextClassRef") if context is not None else []
    came = text_of(classes[0]) if classes else ""
    if expected.authn_context:
        passed = came == expected.authn_context
        result.look("Authentication context", expected.authn_context, came[:500] or "none", passed=passed)
    if (since := expected.authenticated_after) is not None:
        instant = read_instant(attribute(statement, "AuthnInstant"), "AuthnInstant")
        wanted = f"not before {write_instant(since)}"
        result.look("Authenticated again", wanted, write_instant(instant), passed=instant >= since - SKEW)
    return came


def _attributes(assertion: Element) -> dict[str, tuple[str, ...]]:
    values: dict[str, list[str]] = {}
    for statement in children(assertion, SAML, "AttributeStatement"):
        for each in children(statement, SAML, "Attribute"):
            texts = [text_of(value) for value in children(each, SAML, "AttributeValue")]
            values.setdefault(attribute(each, "Name"), []).extend(text for text in texts if text)
    if sum(map(len, values.values())) > _MOST_VALUES:
        raise SamlError(f"at most {_MOST_VALUES:,} attribute values", "more")
    return {name: tuple(texts) for name, texts in values.items() if name}


def _issuer(element: Element) -> str:
    issuer = only_child(element, SAML, "Issuer")
    if issuer is None:
        return ""
    if attribute(issuer, "Format") not in {"", _ENTITY} or len(issuer):
        raise SamlError("An Issuer that is an entity id is wanted", "another kind")
    return uri_text(issuer)


def _named(certificate: Certificate) -> str:
    return f"{certificate.subject} (SHA-256 {certificate.fingerprint[:16]}…)"


def _tail(uri: str) -> str:
    return uri.rpartition(":")[2][:80]
