"""Validates SAML Responses: from the bytes of a Response to an Assertion (SAML 2.0 Core §2, §3; Profiles §4.1.4).

Rule of this file: only what a pinned key signed is used. The shape is checked first, then the signatures, then
everything else, on elements that were parsed again from the signed bytes. The result of every check is kept, because a
sign-in test shows all of them. The first failed check is the reason of a refusal.
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
"""Milliseconds after which an assertion is too old, whatever times it contains."""
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
"""The children that the schema of SAML 2.0 allows in a Response."""


class Unsigned(SamlError):
    """Neither the response nor its assertion is signed."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The values that a response is checked against."""

    issuer: str
    """Entity ID of the identity provider."""
    certificates: tuple[Certificate, ...]
    audience: str
    """Our own entity ID."""
    acs_url: str
    request_id: str = ""
    """The request that it must answer; empty if it must answer none (IdP-initiated)."""
    private_keys: tuple[bytes, ...] = ()
    """Our keys for encrypted assertions, in PEM."""
    authn_context: str = ""
    """The authentication context class that was requested; empty for any."""
    authenticated_after: int | None = None
    """With ForceAuthn: the earliest time of authentication, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: what was expected (`wanted`) and what was found (`came`)."""

    name: str
    wanted: str
    came: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Assertion:
    """The contents of a valid assertion. Times are in milliseconds."""

    id: str
    issuer: str
    name_id: str
    name_id_format: str
    session_index: str
    authn_context: str
    issued: int
    session_expires: int | None
    """`SessionNotOnOrAfter`: when the identity provider wants the session to end."""
    usable_until: int
    """When it has expired for certain, so that its id need not be remembered any longer."""
    attributes: dict[str, tuple[str, ...]]
    certificate: Certificate
    """The certificate whose key signed it."""


@dataclass(slots=True)
class Examination:
    """The results of all checks of a response, and the assertion if all of them passed."""

    checks: list[Check] = field(default_factory=list)
    assertion: Assertion | None = None
    read: Element | None = None
    """The signed assertion element; None if no signature is valid."""
    unknown_key: UnknownKey | None = None
    """Set if an unknown key made the signature. Then the metadata should be read again."""

    def add_check(self, name: str, wanted: str, came: str, *, passed: bool) -> None:
        """Add the result of a check."""
        self.checks.append(Check(name, wanted, came, passed))

    @property
    def xml(self) -> str:
        """The signed assertion as indented XML for people; empty if there is none."""
        return indented(self.read) if self.read is not None else ""

    @property
    def failed(self) -> Check | None:
        """The first check that failed."""
        return next((check for check in self.checks if not check.passed), None)


def validate(response: bytes, expected: Expected, now: int) -> Assertion:
    """Returns the assertion of a valid response.

    Raises:
        SamlError: the first check that failed.
    """
    examined = examine(response, expected, now)
    if (failed := examined.failed) is not None or examined.assertion is None:
        raise SamlError(failed.wanted if failed else "an assertion", failed.came if failed else "none")
    return examined.assertion


def answered_request(response: bytes) -> str:
    """Returns the InResponseTo of a response, to find the request with; empty if it has none. Nothing is verified.

    Raises:
        SamlError: it is not a Response.
    """
    return uri_attribute(_parse(response), "InResponseTo")


def examine(response: bytes, expected: Expected, now: int) -> Examination:
    """Check a response. Returns the results; never raises an error because of the response."""
    result = Examination()
    stage = "Shape"
    try:
        root = _parse(response)
        _check_status(root, result)
        if result.failed:
            return result
        _check_shape(root)
        result.add_check("Shape", "one Response with one assertion, and nothing else", "exactly that", passed=True)
        stage = "Signature"
        signed_root, assertion, certificate = _verified(root, expected)
        result.add_check("Signature", "a signature by a certificate in force", _named(certificate), passed=True)
        result.read = assertion
        stage = "Contents"
        _check_issuer(assertion, expected, result)
        signed = signed_root is not None
        _check_response(signed_root if signed_root is not None else root, expected, result, signed=signed)
        _check_contents(assertion, certificate, expected, now, result)
    except UnknownKey as error:
        result.unknown_key = error
        result.add_check(stage, error.wanted, error.came, passed=False)
    except Unsigned as error:
        result.add_check("Signed", error.wanted, error.came, passed=False)
    except SamlError as error:
        result.add_check(stage, error.wanted, error.came, passed=False)
    return result


# -- shape and signatures ----------------------------------------------------------------------------------------------


def _parse(response: bytes) -> Element:
    root = parse_xml(response, largest=LARGEST_RESPONSE)
    if root.tag != q(SAMLP, "Response") or attribute(root, "Version") != "2.0" or not attribute(root, "ID"):
        raise SamlError("a SAML 2.0 Response", "another document")
    return root


def _check_status(root: Element, result: Examination) -> None:
    status = only_child(root, SAMLP, "Status")
    code = only_child(status, SAMLP, "StatusCode") if status is not None else None
    value = attribute(code, "Value") if code is not None else ""
    if value == SUCCESS:
        result.add_check("Status", "Success", "Success", passed=True)
        return
    detail = only_child(code, SAMLP, "StatusCode") if code is not None else None
    inner = attribute(detail, "Value") if detail is not None else ""
    said = text_of(only_child(status, SAMLP, "StatusMessage")) if status is not None else ""
    came = ": ".join(part for part in (_tail(value), _tail(inner), said[:200]) if part) or "no status"
    result.add_check("Status", "Success", came, passed=False)


def _check_shape(root: Element) -> None:
    """Check that the document has exactly one assertion, directly in the response (against signature wrapping).

    Raises:
        SamlError: it has not, or something else is in the response.
    """
    # In any namespace, so that a search by local name alone would find the same one.
    found = everywhere_named(root, "Assertion", "EncryptedAssertion")
    if len(found) != 1 or found[0].getparent() is not root:
        raise SamlError("one assertion, directly in the response", f"{len(found)}, or one elsewhere")
    if len(everywhere_named(root, "Response")) != 1:
        raise SamlError("one Response", "one within another")
    foreign = next((child for child in root if child.tag not in _IN_RESPONSE), None)
    if foreign is not None:
        raise SamlError(
            "only Issuer, Signature, Extensions, Status and one assertion in a Response",
            f"'{local_name(foreign)[:80]}' beside them",
        )
    check_signatures(root, [root, *found] if found[0].tag == q(SAML, "Assertion") else [root])


def _verified(root: Element, expected: Expected) -> tuple[Element | None, Element, Certificate]:
    """Verify the signatures.

    Returns the signed response (None if only the assertion is signed), the signed assertion, and the certificate.

    Raises:
        Unsigned: neither is signed.
        UnknownKey: no pinned key made a signature.
        SamlError: a signature or the encryption is not valid.
    """
    signed_root = verify_element(root, expected.certificates) if is_signed(root) else None
    read = signed_root.element if signed_root else root
    encrypted = children(read, SAML, "EncryptedAssertion")
    if encrypted:
        if not expected.private_keys:
            raise SamlError("an unencrypted assertion, because Vestibule has no key here", "an encrypted one")
        assertion = decrypt(encrypted[0], expected.private_keys, tamperproof=signed_root is not None)
        if (
            assertion.tag != q(SAML, "Assertion")
            or len(everywhere_named(assertion, "Assertion", "EncryptedAssertion")) != 1
        ):
            raise SamlError("one assertion within an EncryptedAssertion", "another element")
        check_signatures(assertion, [assertion])
    else:
        assertion = children(read, SAML, "Assertion")[0]
    if is_signed(assertion):
        signed = verify_element(assertion, expected.certificates)
        return (signed_root.element if signed_root else None), signed.element, signed.certificate
    if signed_root is None:
        raise Unsigned("a signature over the response or the assertion", "none")
    return signed_root.element, assertion, signed_root.certificate


# -- contents ----------------------------------------------------------------------------------------------------------


def _check_issuer(assertion: Element, expected: Expected, result: Examination) -> None:
    if attribute(assertion, "Version") != "2.0" or not attribute(assertion, "ID"):
        raise SamlError("a SAML 2.0 assertion with an ID", "another one")
    issuer = _issuer(assertion)
    result.add_check("Issuer", expected.issuer, issuer or "none", passed=issuer == expected.issuer)


def _check_contents(
    assertion: Element, certificate: Certificate, expected: Expected, now: int, result: Examination
) -> None:
    issued = read_instant(attribute(assertion, "IssueInstant"), "IssueInstant")
    fresh = now - OLDEST - SKEW <= issued <= now + SKEW
    result.add_check(
        "Issued", f"at most {OLDEST // 60_000} minutes before {write_instant(now)}", write_instant(issued), passed=fresh
    )
    _check_conditions(assertion, expected, now, result)
    until = _check_subject(assertion, expected, now, result)
    name_id = _name_id(assertion)
    statement, session_expires = _statement(assertion, now, result)
    context = _check_authentication(statement, expected, result)
    result.assertion = Assertion(
        id=attribute(assertion, "ID"),
        issuer=_issuer(assertion),
        name_id=text_of(name_id),
        name_id_format=attribute(name_id, "Format"),
        session_index=attribute(statement, "SessionIndex"),
        authn_context=context,
        issued=issued,
        session_expires=session_expires,
        usable_until=max(until, issued + OLDEST) + 2 * SKEW,
        attributes=_attributes(assertion),
        certificate=certificate,
    )
    if result.failed:
        result.assertion = None


def _check_response(root: Element, expected: Expected, result: Examination, *, signed: bool) -> None:
    """Check the attributes of the response itself. If it is not signed, they may be missing, but must not be wrong.

    See SAML 2.0 Core §3.2.2.
    """
    issuer, destination = _issuer(root), uri_attribute(root, "Destination")
    if issuer:
        result.add_check("Issuer of the response", expected.issuer, issuer, passed=issuer == expected.issuer)
    if destination or signed:
        result.add_check("Destination", expected.acs_url, destination or "none", passed=destination == expected.acs_url)
    answered = uri_attribute(root, "InResponseTo")
    if answered or signed:
        _check_answered("Response answers", answered, expected, result)


def _check_answered(name: str, answered: str, expected: Expected, result: Examination) -> None:
    wanted = "the request of this browser" if expected.request_id else "no request"
    result.add_check(name, wanted, answered or "no request", passed=answered == expected.request_id)


def _check_conditions(assertion: Element, expected: Expected, now: int, result: Examination) -> None:
    conditions = only_child(assertion, SAML, "Conditions")
    if conditions is None:
        raise SamlError("Conditions in the assertion", "none")
    if any(condition.tag not in _KNOWN_CONDITIONS for condition in conditions):
        raise SamlError("only known Conditions", "an unknown one")
    restrictions = children(conditions, SAML, "AudienceRestriction")
    named = [[uri_text(each) for each in children(restriction, SAML, "Audience")] for restriction in restrictions]
    meant = bool(named) and all(expected.audience in audiences for audiences in named)
    came = ", ".join(audience for audiences in named for audience in audiences) or "none"
    result.add_check("Audience", expected.audience, came[:500], passed=meant)
    _check_times("Conditions", conditions, now, result)


def _check_times(name: str, element: Element, now: int, result: Examination) -> None:
    begins, ends = attribute(element, "NotBefore"), attribute(element, "NotOnOrAfter")
    if not ends:
        raise SamlError(f"NotOnOrAfter in {name}", "none")
    early = bool(begins) and now < read_instant(begins, "NotBefore") - SKEW
    late = now >= read_instant(ends, "NotOnOrAfter") + SKEW
    came = f"{begins or 'any time'} to {ends}"
    result.add_check(f"Time of the {name}", f"a range with {write_instant(now)}", came, passed=not early and not late)


def _check_subject(assertion: Element, expected: Expected, now: int, result: Examination) -> int:
    """Check the bearer SubjectConfirmations; one that passes is enough (SAML 2.0 Core §2.4.1).

    If none passes, the checks of the first one are kept. Returns the NotOnOrAfter of the confirmation in milliseconds.

    Raises:
        SamlError: there is no bearer confirmation, or the first one cannot be read.
    """
    subject = only_child(assertion, SAML, "Subject")
    confirmations = [
        each
        for each in (children(subject, SAML, "SubjectConfirmation") if subject is not None else [])
        if uri_attribute(each, "Method") == _BEARER
    ]
    if not 1 <= len(confirmations) <= _MOST_CONFIRMATIONS:
        raise SamlError(f"1 to {_MOST_CONFIRMATIONS} bearer SubjectConfirmations", f"{len(confirmations)}")
    looked_at = [_confirmed(each, expected, now) for each in confirmations]
    found = next((each for each in looked_at if each.until is not None and each.failed is None), looked_at[0])
    result.checks += found.checks
    if found.error is not None:
        raise found.error
    return found.until or 0


@dataclass(slots=True)
class _Confirmation(Examination):
    """The results of checking one SubjectConfirmation."""

    until: int | None = None
    error: SamlError | None = None


def _confirmed(confirmation: Element, expected: Expected, now: int) -> _Confirmation:
    looked_at = _Confirmation()
    try:
        data = only_child(confirmation, SAML, "SubjectConfirmationData")
        if data is None:
            raise SamlError("SubjectConfirmationData", "none")  # noqa: TRY301 -- all errors are kept below
        recipient = uri_attribute(data, "Recipient")
        passed = recipient == expected.acs_url
        looked_at.add_check("Recipient", expected.acs_url, recipient or "none", passed=passed)
        _check_answered("Assertion answers", uri_attribute(data, "InResponseTo"), expected, looked_at)
        _check_times("SubjectConfirmation", data, now, looked_at)
        looked_at.until = read_instant(attribute(data, "NotOnOrAfter"), "NotOnOrAfter")
    except SamlError as error:
        looked_at.error = error
    return looked_at


def _name_id(assertion: Element) -> Element:
    subject = only_child(assertion, SAML, "Subject")
    name_id = only_child(subject, SAML, "NameID") if subject is not None else None
    text = text_of(name_id)
    if name_id is None or not text or len(name_id) or len(text) > _LONGEST_NAME_ID or not text.isprintable():
        raise SamlError("an unencrypted NameID of visible characters", "none, or another one")
    return name_id


def _statement(assertion: Element, now: int, result: Examination) -> tuple[Element, int | None]:
    statements = children(assertion, SAML, "AuthnStatement")
    if not statements:
        raise SamlError("an AuthnStatement", "none")
    ends = [
        read_instant(attribute(each, "SessionNotOnOrAfter"), "SessionNotOnOrAfter")
        for each in statements
        if attribute(each, "SessionNotOnOrAfter")
    ]
    if ends:
        wanted = f"after {write_instant(now)}"
        result.add_check("End of the session", wanted, write_instant(min(ends)), passed=min(ends) > now)
    return statements[0], min(ends, default=None)


def _check_authentication(statement: Element, expected: Expected, result: Examination) -> str:
    """Check the authentication context and time against the request. Returns the authentication context class."""
    context = only_child(statement, SAML, "AuthnContext")
    classes = children(context, SAML, "AuthnContextClassRef") if context is not None else []
    came = text_of(classes[0]) if classes else ""
    if expected.authn_context:
        passed = came == expected.authn_context
        result.add_check("Authentication context", expected.authn_context, came[:500] or "none", passed=passed)
    if (since := expected.authenticated_after) is not None:
        instant = read_instant(attribute(statement, "AuthnInstant"), "AuthnInstant")
        wanted = f"not before {write_instant(since)}"
        result.add_check("Authenticated again", wanted, write_instant(instant), passed=instant >= since - SKEW)
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
        raise SamlError("an Issuer that is an entity ID", "another kind of Issuer")
    return uri_text(issuer)


def _named(certificate: Certificate) -> str:
    return f"{certificate.subject} (SHA-256 {certificate.fingerprint[:16]}…)"


def _tail(uri: str) -> str:
    return uri.rpartition(":")[2][:80]
