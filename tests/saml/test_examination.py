"""What is told about a response: every check by its name, in an order, with what was wanted and what came."""

import pytest

from tests.saml.factory import (
    ACS,
    IDP,
    MINUTE,
    REQUEST,
    SECOND,
    SP,
    Node,
    Said,
    attribute,
    expected,
    instant,
    named,
    signed,
    write,
)
from tests.saml.keys import NOW, pair
from vestibule.saml.errors import SamlError
from vestibule.saml.response import OLDEST, SKEW, Examination, Expected, answered_request, examine, validate

ALL_CHECKS = [
    "Status",
    "Shape",
    "Signature",
    "Issuer",
    "Issuer of the response",
    "Destination",
    "Response answers",
    "Issued",
    "Audience",
    "Time of the Conditions",
    "Recipient",
    "Assertion answers",
    "Time of the SubjectConfirmation",
    "End of the session",
]


def _look(root: Node, now: int = NOW) -> Examination:
    return examine(write(root), expected(), now)


def _statement(ends: int) -> str:
    return f'<saml:AuthnStatement AuthnInstant="{instant(0)}" SessionNotOnOrAfter="{instant(ends)}"/>'


def test_every_check_is_told_with_what_was_wanted_and_what_came() -> None:
    examined = _look(signed(Said(statement=_statement(MINUTE))))
    assert [check.name for check in examined.checks] == ALL_CHECKS
    assert all(check.passed for check in examined.checks)
    told = {check.name: (check.wanted, check.came) for check in examined.checks}
    fingerprint = pair().pinned.fingerprint
    assert told == {
        "Status": ("Success", "Success"),
        "Shape": ("one Response with one assertion, and nothing else", "exactly that"),
        "Signature": (
            "a signature by a certificate in force",
            f"CN=Sign-in of North (SHA-256 {fingerprint[:16]}…)",
        ),
        "Issuer": (IDP, IDP),
        "Issuer of the response": (IDP, IDP),
        "Destination": (ACS, ACS),
        "Response answers": ("the request of this browser", REQUEST),
        "Issued": ("at most 10 minutes before 2026-11-24T10:00:00Z", "2026-11-24T09:59:59Z"),
        "Audience": (SP, SP),
        "Time of the Conditions": (
            "a range with 2026-11-24T10:00:00Z",
            "2026-11-24T09:55:00.000Z to 2026-11-24T10:05:00.000Z",
        ),
        "Recipient": (ACS, ACS),
        "Assertion answers": ("the request of this browser", REQUEST),
        "Time of the SubjectConfirmation": (
            "a range with 2026-11-24T10:00:00Z",
            "any time to 2026-11-24T10:05:00.000Z",
        ),
        "End of the session": ("after 2026-11-24T10:00:00Z", "2026-11-24T10:01:00Z"),
    }


def test_what_an_unsigned_response_leaves_out_is_not_looked_at() -> None:
    examined = _look(signed(Said(destination="", answered="", response_issuer=""), "assertion"))
    assert examined.assertion is not None
    assert {"Issuer of the response", "Destination", "Response answers"}.isdisjoint(c.name for c in examined.checks)


CONTEXTS = "urn:oasis:names:tc:SAML:2.0:ac:classes:"


@pytest.mark.parametrize(
    ("wanted", "since", "failed"),
    [
        ("", None, None),
        (f"{CONTEXTS}PasswordProtectedTransport", None, None),
        (f"{CONTEXTS}TimeSyncToken", None, "Authentication context"),
        ("", -SECOND - SKEW, None),
        ("", -SECOND + SKEW, None),
        ("", SKEW, "Authenticated again"),
    ],
)
def test_what_was_asked_for_is_held_to(wanted: str, since: int | None, failed: str | None) -> None:
    """The usual statement was made a second ago, for PasswordProtectedTransport."""
    asked = expected(authn_context=wanted, authenticated_after=None if since is None else NOW + since)
    examined = examine(write(signed()), asked, NOW)
    assert (examined.failed.name if examined.failed else None) == failed
    assert (examined.assertion is None) is (failed is not None)


def test_a_fresh_authentication_that_says_no_time_is_none() -> None:
    statement = Said(statement="<saml:AuthnStatement/>")
    failed = examine(write(signed(statement)), expected(authenticated_after=NOW), NOW).failed
    assert failed is not None
    assert failed.wanted == "a time in UTC as AuthnInstant"
    no_class = examine(write(signed(statement)), expected(authn_context="urn:x"), NOW).failed
    assert no_class is not None
    assert (no_class.name, no_class.came) == ("Authentication context", "none")


def test_all_that_fails_is_told_and_the_first_is_the_reason() -> None:
    said = Said(
        issuer="<saml:Issuer>http://idp.south.example</saml:Issuer>",
        response_issuer="<saml:Issuer>http://idp.south.example</saml:Issuer>",
        destination="",
        answered="",
        confirmed_answered="",
        recipient="",
        audience="",
        issued=instant(-24 * 60 * MINUTE),
        times=f'NotOnOrAfter="{instant(-60 * MINUTE)}"',
        confirmed_times=f'NotOnOrAfter="{instant(-60 * MINUTE)}"',
        statement=_statement(-60 * MINUTE),
    )
    examined = _look(signed(said))
    assert examined.assertion is None
    assert [check.name for check in examined.checks] == ALL_CHECKS
    assert [check.name for check in examined.checks if check.passed] == ["Status", "Shape", "Signature"]
    told = {check.name: check.came for check in examined.checks}
    assert told["Destination"] == told["Recipient"] == told["Audience"] == "none"
    assert told["Response answers"] == told["Assertion answers"] == "no request"
    assert examined.failed is not None
    assert examined.failed.name == "Issuer"
    with pytest.raises(
        SamlError, match=r"^Expected http://idp\.north\.example/exk9abc; got http://idp\.south\.example\.$"
    ):
        validate(write(signed(said)), expected(), NOW)


def test_what_was_read_is_shown_even_if_a_check_failed_and_nothing_if_the_signature_did() -> None:
    late = _look(signed(), NOW + 60 * MINUTE)
    assert late.assertion is None
    assert late.xml.startswith("<saml:Assertion")
    assert "\n  <saml:Issuer>" in late.xml
    assert _look(signed(by=pair("foreign"))).xml == ""


def test_a_missing_issuer_is_told_as_none() -> None:
    failed = _look(signed(Said(issuer=""))).failed
    assert failed is not None
    assert failed.came == "none"


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (Said(status="", issued=""), "Success"),
        (Said(issued="x"), "a time in UTC as IssueInstant"),
        (Said(times='NotOnOrAfter="x"'), "a time in UTC as NotOnOrAfter"),
        (Said(times=f'NotBefore="x" NotOnOrAfter="{instant(MINUTE)}"'), "a time in UTC as NotBefore"),
        (
            Said(statement='<saml:AuthnStatement SessionNotOnOrAfter="x"/>'),
            "a time in UTC as SessionNotOnOrAfter",
        ),
    ],
)
def test_a_refusal_says_what_was_wanted(said: Said, wanted: str) -> None:
    failed = _look(signed(said)).failed
    assert failed is not None
    assert failed.wanted == wanted


def test_a_response_that_nobody_asked_for_is_expected_by_default() -> None:
    usual = expected()
    nothing_asked = Expected(usual.issuer, usual.certificates, usual.audience, usual.acs_url)
    assert (nothing_asked.request_id, nothing_asked.private_keys) == ("", ())
    examined = examine(write(signed()), nothing_asked, NOW)
    assert [(check.name, check.wanted) for check in examined.checks if not check.passed] == [
        ("Response answers", "no request"),
        ("Assertion answers", "no request"),
    ]


def test_many_foreign_audiences_are_told_shortly() -> None:
    audiences = "".join(f"<saml:Audience>https://{n}.example</saml:Audience>" for n in range(100))
    failed = _look(signed(Said(audience=f"<saml:AudienceRestriction>{audiences}</saml:AudienceRestriction>"))).failed
    assert failed is not None
    assert failed.came.startswith("https://0.example, https://1.example, ")
    assert len(failed.came) == 500


def _status(inner: str) -> str:
    return f"<samlp:Status>{inner}</samlp:Status>"


def _code(value: str, inner: str = "") -> str:
    return f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{value}">{inner}</samlp:StatusCode>'


@pytest.mark.parametrize(
    ("status", "came"),
    [
        (_status(_code("Responder")), "Responder"),
        (_status(_code("Responder", _code("AuthnFailed"))), "Responder: AuthnFailed"),
        (
            _status(
                _code("Responder", _code("NoPassive"))
                + "<samlp:StatusMessage> Nobody is\n there. </samlp:StatusMessage>"
            ),
            "Responder: NoPassive: Nobody is\n there.",
        ),
        (
            _status(_code("Responder") + f"<samlp:StatusMessage>{'long ' * 100}</samlp:StatusMessage>"),
            "Responder: " + "long " * 40,
        ),
        (_status(f'<samlp:StatusCode Value="{"x" * 100}"/>'), "x" * 80),
        (_status(_code("Responder", "<other/>")), "Responder"),
        (_status("<samlp:StatusMessage>Alone</samlp:StatusMessage>"), "Alone"),
        (_status('<samlp:StatusCode Value=""/>'), "no status"),
        (_status("<samlp:StatusCode/>"), "no status"),
        (_status(""), "no status"),
        ("", "no status"),
    ],
)
def test_a_refusal_of_the_identity_provider_is_told_in_its_words_though_nobody_signed_it(
    status: str, came: str
) -> None:
    examined = _look(signed(Said(status=status), "none"))
    assert [(check.name, check.came, check.passed) for check in examined.checks] == [("Status", came, False)]
    assert examined.assertion is None


# -- the clock ---------------------------------------------------------------------------------------------------------

ENDS = 5 * MINUTE
AGE = OLDEST + SKEW


@pytest.mark.parametrize(
    ("check", "said", "offset", "accepted"),
    [
        # A part is valid from SKEW before its beginning, until just before SKEW after its end.
        ("Time of the Conditions", Said(times=f'NotOnOrAfter="{instant(ENDS)}"'), ENDS + SKEW - 1, True),
        (
            "Time of the Conditions",
            Said(times=f'NotOnOrAfter="{instant(ENDS)}"', confirmed_times=f'NotOnOrAfter="{instant(2 * ENDS)}"'),
            ENDS + SKEW,
            False,
        ),
        (
            "Time of the Conditions",
            Said(times=f'NotBefore="{instant(0)}" NotOnOrAfter="{instant(ENDS)}"', issued=instant(-SKEW)),
            -SKEW,
            True,
        ),
        (
            "Time of the Conditions",
            Said(times=f'NotBefore="{instant(0)}" NotOnOrAfter="{instant(ENDS)}"', issued=instant(-SKEW)),
            -SKEW - 1,
            False,
        ),
        ("Time of the SubjectConfirmation", Said(confirmed_times=f'NotOnOrAfter="{instant(0)}"'), SKEW - 1, True),
        ("Time of the SubjectConfirmation", Said(confirmed_times=f'NotOnOrAfter="{instant(0)}"'), SKEW, False),
        (
            "Time of the SubjectConfirmation",
            Said(confirmed_times=f'NotBefore="{instant(SKEW)}" NotOnOrAfter="{instant(ENDS)}"'),
            0,
            True,
        ),
        (
            "Time of the SubjectConfirmation",
            Said(confirmed_times=f'NotBefore="{instant(SKEW)}" NotOnOrAfter="{instant(ENDS)}"'),
            -1,
            False,
        ),
        ("Issued", Said(issued=instant(SKEW)), 0, True),
        ("Issued", Said(issued=instant(SKEW)), -1, False),
        ("Issued", Said(issued=instant(-AGE)), 0, True),
        ("Issued", Said(issued=instant(-AGE)), 1, False),
        # The end of the session is the identity provider's, and nothing is added to it.
        ("End of the session", Said(statement=_statement(SECOND)), SECOND - 1, True),
        ("End of the session", Said(statement=_statement(SECOND)), SECOND, False),
    ],
)
def test_clocks_may_differ_by_two_minutes_and_not_more(check: str, said: Said, offset: int, *, accepted: bool) -> None:
    examined = _look(signed(said), NOW + offset)
    assert [each.name for each in examined.checks if not each.passed] == ([] if accepted else [check])
    assert (examined.assertion is not None) == accepted


def test_two_minutes_are_two_minutes() -> None:
    assert (SKEW, OLDEST) == (120_000, 600_000)


@pytest.mark.parametrize(
    ("issued", "confirmed", "until"),
    [(-SECOND, ENDS, OLDEST - SECOND), (-SECOND, 3 * OLDEST, 3 * OLDEST), (-9 * MINUTE, SECOND, OLDEST - 9 * MINUTE)],
)
def test_an_assertion_is_remembered_for_longer_than_it_would_be_accepted(
    issued: int, confirmed: int, until: int
) -> None:
    said = Said(
        issued=instant(issued),
        times=f'NotOnOrAfter="{instant(confirmed)}"',
        confirmed_times=f'NotOnOrAfter="{instant(confirmed)}"',
    )
    document = write(signed(said))
    assertion = validate(document, expected(), NOW)
    assert assertion.usable_until == NOW + until + 2 * SKEW
    assert examine(document, expected(), assertion.usable_until).assertion is None


# -- what is read ------------------------------------------------------------------------------------------------------


def test_attributes_are_read_from_all_statements_and_those_without_a_name_are_left_out() -> None:
    statements = "".join(
        f"<saml:AttributeStatement>{attribute(name, values)}</saml:AttributeStatement>"
        for name, values in [("groups", ["a", " b "]), ("groups", ["c", "a"]), ("", ["nobody"]), ("none", [])]
    )
    read = validate(write(signed(Said(attributes=statements))), expected(), NOW).attributes
    assert read == {"groups": ("a", "b", "c", "a"), "none": ()}


def test_an_attribute_outside_a_statement_is_not_read() -> None:
    advice = f"<saml:Advice>{attribute('groups', ['owners'])}</saml:Advice>"
    assert validate(write(signed(Said(advice=advice))), expected(), NOW).attributes == {}


def test_white_space_around_what_is_read_does_not_matter() -> None:
    said = Said(
        issuer=f"<saml:Issuer>\n  {IDP}\n</saml:Issuer>",
        name_id=named("\n  ana \t"),
        audience=f"<saml:AudienceRestriction><saml:Audience> {SP}\n</saml:Audience></saml:AudienceRestriction>",
    )
    assert validate(write(signed(said)), expected(), NOW).name_id == "ana"


def test_the_answered_request_is_told_unverified() -> None:
    assert answered_request(write(signed(what="none"))) == REQUEST
    assert answered_request(write(signed(Said(answered=""), "none"))) == ""
    with pytest.raises(SamlError, match="Response; got another document"):
        answered_request(b"<a/>")
