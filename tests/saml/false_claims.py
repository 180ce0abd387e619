"""Correctly signed responses for another recipient, from another issuer, of another time, or incomplete."""

from functools import partial
from typing import Final

from tests.saml.case import Case, Cases
from tests.saml.factory import (
    ACS,
    IDP,
    MINUTE,
    REQUEST,
    SECOND,
    SP,
    WHO,
    Node,
    Said,
    attribute,
    clone,
    expected,
    instant,
    named,
    one,
    signed,
)
from tests.saml.keys import NOW, pair

OTHER: Final = "https://vestibule.example/saml/south/okta"
_BEARER: Final = "1 to 10 bearer SubjectConfirmations"
_NAME_ID: Final = "an unencrypted NameID of visible characters"
_TIME: Final = "a time in UTC"
_SOMEBODY: Final = "<saml:Issuer>http://idp.south.example/exk1</saml:Issuer>"
_HOK: Final = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"


def _said(what: str = "both", **said: object) -> Node:
    return signed(Said(**said), what)  # type: ignore[arg-type]  # each case names fields of Said


def _case(check: str, wanted: str, what: str = "both", **said: object) -> Case:
    return Case(check, wanted, partial(_said, what, **said))


def _restriction(*audiences: str) -> str:
    inner = "".join(f"<saml:Audience>{audience}</saml:Audience>" for audience in audiences)
    return f"<saml:AudienceRestriction>{inner}</saml:AudienceRestriction>"


def _confirmation(
    method: str = "urn:oasis:names:tc:SAML:2.0:cm:bearer",
    data: str | None = None,
    recipient: str = ACS,
    until: int = 5 * MINUTE,
) -> str:
    inner = (
        f'<saml:SubjectConfirmationData Recipient="{recipient}" InResponseTo="{REQUEST}" '
        f'NotOnOrAfter="{instant(until)}"/>'
        if data is None
        else data
    )
    return f'<saml:SubjectConfirmation Method="{method}">{inner}</saml:SubjectConfirmation>'


def _failed(*codes: str, message: str = "") -> str:
    """Returns a Status other than success."""
    inner = ""
    for code in reversed(codes):
        inner = f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{code}">{inner}</samlp:StatusCode>'
    said = f"<samlp:StatusMessage>{message}</samlp:StatusMessage>" if message else ""
    return f"<samlp:Status>{inner}{said}</samlp:Status>"


def _no_subject(node: Node) -> None:
    assertion = one(node, "saml:Assertion")
    assertion.remove(one(node, "saml:Subject"))


def _twice(name: str, node: Node) -> None:
    found = one(node, name)
    found.addnext(clone(found))


def _without(name: str, node: Node) -> None:
    found = one(node, name)
    parent = found.getparent()
    assert parent is not None
    parent.remove(found)


def _statement(more: str = "") -> str:
    context = "<saml:AuthnContext><saml:AuthnContextClassRef>urn:a</saml:AuthnContextClassRef></saml:AuthnContext>"
    return f'<saml:AuthnStatement AuthnInstant="{instant(0)}" {more}>{context}</saml:AuthnStatement>'


_TIMES: Final = f'NotBefore="{instant(-5 * MINUTE)}" NotOnOrAfter="{instant(5 * MINUTE)}"'
_OLD: Final = f'NotBefore="{instant(-9 * MINUTE)}" NotOnOrAfter="{instant(-2 * MINUTE)}"'
_EARLY: Final = f'NotBefore="{instant(2 * MINUTE + 1)}" NotOnOrAfter="{instant(9 * MINUTE)}"'
_STRANGE_STATUS: Final = (
    '<samlp:Status><samlp:StatusCode Value="urn:x"><x xmlns="urn:x"/></samlp:StatusCode></samlp:Status>'
)
_NO_CODE: Final = "<samlp:Status/>"
_TWO_CODES: Final = _failed("Success").replace("</samlp:Status>", "") + _failed("Responder").replace(
    "<samlp:Status>", ""
)
_STATUS: Final = "Success"
_KNOWN: Final = "only known Conditions"
_CONDITION: Final = (
    '<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="urn:x" xsi:type="x:y"/>'
)

_TIME_TEXTS: Final = {
    "without a zone": instant(0).removesuffix("Z"),
    "in another zone": instant(0).replace("Z", "+01:00"),
    "of a day": "2026-11-24",
    "of a day in UTC": "2026-11-24 10:00:00Z",
    "in words": "now",
    "in seconds": "1795514400",
    "of the year 0": "0000-01-01T00:00:00Z",
    "before the year 1": "0001-01-01T00:00:00+14:00",
    "of the 25th hour": "2026-11-24T25:00:00Z",
    "missing": "",
}

CASES: Final[Cases] = {
    "a response that another one issued": _case(
        "Issuer of the response", "http://idp.north", response_issuer=_SOMEBODY
    ),
    "an assertion that another one issued": _case("Issuer", "http://idp.north", issuer=_SOMEBODY),
    "an assertion of another issuer, signed alone": _case("Issuer", "http://idp.north", "assertion", issuer=_SOMEBODY),
    "an assertion without an issuer": _case("Issuer", "http://idp.north", issuer=""),
    "an assertion with an empty issuer": _case("Issuer", "http://idp.north", issuer="<saml:Issuer/>"),
    "an assertion of two issuers": _case("Contents", "one Issuer", issuer=Said().issuer + _SOMEBODY),
    "an issuer in another format": _case(
        "Contents",
        "an Issuer that is an entity ID",
        issuer=Said().issuer.replace(
            "<saml:Issuer", '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"'
        ),
    ),
    "an issuer with an element": _case(
        "Contents",
        "an Issuer that is an entity ID",
        issuer=Said().issuer.replace("</saml:Issuer>", "<x/></saml:Issuer>"),
    ),
    "the issuer in other letters": _case("Issuer", "http://idp.north", issuer=Said().issuer.replace("idp", "IDP")),
    "the issuer with a slash": _case("Issuer", "http://idp.north", issuer=Said().issuer.replace("</", "/</")),
    "another audience": _case("Audience", SP, audience=_restriction(OTHER)),
    "no audience": _case("Audience", SP, audience=_restriction()),
    "an empty audience": _case("Audience", SP, audience=_restriction("")),
    "the beginning of the audience": _case("Audience", SP, audience=_restriction(SP[:-1])),
    "more than the audience": _case("Audience", SP, audience=_restriction(SP + "/acs")),
    "no restriction of audience": _case("Audience", SP, audience=""),
    "two restrictions, one of them foreign": _case("Audience", SP, audience=_restriction(SP) + _restriction(OTHER)),
    "two restrictions, the first of them foreign": _case(
        "Audience", SP, audience=_restriction(OTHER) + _restriction(SP)
    ),
    "another recipient": _case("Recipient", ACS, recipient=f'Recipient="{OTHER}/acs"'),
    "no recipient": _case("Recipient", ACS, recipient=""),
    "the recipient with a query": _case("Recipient", ACS, recipient=f'Recipient="{ACS}?a=b"'),
    "another destination": _case("Destination", ACS, destination=f'Destination="{OTHER}/acs"'),
    "no destination": _case("Destination", ACS, destination=""),
    "another destination, the assertion signed alone": _case(
        "Destination", ACS, "assertion", destination=f'Destination="{OTHER}/acs"'
    ),
    "another issuer of the response, the assertion signed alone": _case(
        "Issuer of the response", IDP, "assertion", response_issuer=_SOMEBODY
    ),
    "an answer to another sign-in, the assertion signed alone": _case(
        "Response answers", "the request of this browser", "assertion", answered='InResponseTo="_other"'
    ),
    "no destination, the response signed alone": _case("Destination", ACS, "response", destination=""),
    "another destination, the response signed alone": _case(
        "Destination", ACS, "response", destination=f'Destination="{OTHER}/acs"'
    ),
    "a response to another request": _case("Response answers", "the request of this", answered='InResponseTo="_other"'),
    "a response to no request": _case("Response answers", "the request of this", answered=""),
    "an assertion for another request": _case(
        "Assertion answers", "the request of this", confirmed_answered='InResponseTo="_other"'
    ),
    "an assertion for no request": _case("Assertion answers", "the request of this", confirmed_answered=""),
    "an unsolicited response that answers": Case(
        "Response answers", "no request", signed, lambda: expected(request_id="")
    ),
    "an unsolicited assertion that answers": Case(
        "Assertion answers", "no request", partial(_said, answered=""), lambda: expected(request_id="")
    ),
    "another tenant's response": Case(
        "Destination", OTHER, signed, lambda: expected(acs_url=f"{OTHER}/acs", audience=OTHER)
    ),
    "another tenant's response, the assertion signed alone": Case(
        "Audience",
        OTHER,
        partial(_said, "assertion", destination=""),
        lambda: expected(acs_url=f"{OTHER}/acs", audience=OTHER),
    ),
    "another tenant's response to the same audience": Case(
        "Recipient", OTHER, partial(_said, "assertion", destination=""), lambda: expected(acs_url=f"{OTHER}/acs")
    ),
    "another provider's key": Case(
        "Signature", "a signature by one of", signed, lambda: expected(certificates=(pair("another-idp").pinned,))
    ),
    "no key is known": Case("Signature", "a signature by one of", signed, lambda: expected(certificates=())),
    "no conditions": Case("Contents", "Conditions", partial(signed, change=partial(_without, "saml:Conditions"))),
    "conditions twice": Case("Contents", "one Conditions", partial(signed, change=partial(_twice, "saml:Conditions"))),
    "an unknown condition": _case("Contents", _KNOWN, audience=Said().audience + _CONDITION),
    "a condition of another namespace": _case(
        "Contents", _KNOWN, audience=Said().audience + '<x:OneTimeUse xmlns:x="urn:x"/>'
    ),
    "conditions without an end": _case("Contents", "NotOnOrAfter in Conditions", times=""),
    "conditions without an end but a beginning": _case(
        "Contents", "NotOnOrAfter in Conditions", times=f'NotBefore="{instant(0)}"'
    ),
    "conditions that have ended": _case("Time of the Conditions", "a range with 2026-11-24T10:00:00Z", times=_OLD),
    "conditions that have not begun": _case(
        "Time of the Conditions", "a range with 2026-11-24T10:00:00Z", times=_EARLY
    ),
    "a confirmation without an end": _case("Contents", "NotOnOrAfter in SubjectConfirmation", confirmed_times=""),
    "a confirmation that has ended": _case(
        "Time of the SubjectConfirmation", "a range with 2026-11-24T10:00:00Z", confirmed_times=_OLD
    ),
    "a confirmation that has not begun": _case(
        "Time of the SubjectConfirmation", "a range with 2026-11-24T10:00:00Z", confirmed_times=_EARLY
    ),
    "an assertion of tomorrow": _case(
        "Issued", "at most 10 minutes before 2026-11-24T10:00:00Z", issued=instant(24 * 60 * MINUTE)
    ),
    "an assertion of yesterday": _case("Issued", "at most 10 minutes before", issued=instant(-24 * 60 * MINUTE)),
    "a session that has ended": _case(
        "End of the session", "after 2026-11-24T10:00:00Z", statement=_statement(f'SessionNotOnOrAfter="{instant(0)}"')
    ),
    "a session of which one has ended": _case(
        "End of the session",
        "after 2026-11-24T10:00:00Z",
        statement=_statement(f'SessionNotOnOrAfter="{instant(MINUTE)}"')
        + _statement(f'SessionNotOnOrAfter="{instant(-SECOND)}"'),
    ),
    **{f"an IssueInstant {name}": _case("Contents", _TIME, issued=text) for name, text in _TIME_TEXTS.items()},
    **{
        f"a NotOnOrAfter {name}": _case("Contents", _TIME, times=f'NotOnOrAfter="{text}"')
        for name, text in _TIME_TEXTS.items()
        if text
    },
    **{
        f"a NotBefore {name}": _case("Contents", _TIME, times=f'NotBefore="{text}" NotOnOrAfter="{instant(MINUTE)}"')
        for name, text in _TIME_TEXTS.items()
        if text
    },
    "a confirmation's end in words": _case("Contents", _TIME, confirmed_times='NotOnOrAfter="later"'),
    "a session's end in words": _case("Contents", _TIME, statement=_statement('SessionNotOnOrAfter="later"')),
    "no subject": Case("Contents", _BEARER, partial(signed, change=_no_subject)),
    "two subjects": Case("Contents", "one Subject", partial(signed, change=partial(_twice, "saml:Subject"))),
    "no confirmation": Case("Contents", _BEARER, partial(signed, change=partial(_without, "saml:SubjectConfirmation"))),
    "two bearers, neither of them here and now": _case(
        "Recipient", ACS, confirmation=_confirmation(recipient=f"{ACS}x") + _confirmation(until=-5 * MINUTE)
    ),
    "two bearers, each half right": _case(
        "Time of the SubjectConfirmation",
        f"a range with {instant(0)[:19]}",
        confirmation=_confirmation(until=-5 * MINUTE) + _confirmation(recipient=f"{ACS}x"),
    ),
    "eleven bearers": _case("Contents", _BEARER, confirmation=_confirmation() * 11),
    "holder of key alone": _case("Contents", _BEARER, method=_HOK),
    "sender vouches alone": _case("Contents", _BEARER, method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
    "a confirmation without data": _case("Contents", "SubjectConfirmationData", confirmation=_confirmation(data="")),
    "no NameID": _case("Contents", _NAME_ID, name_id=""),
    "an empty NameID": _case("Contents", _NAME_ID, name_id=named("")),
    "a NameID of blanks": _case("Contents", _NAME_ID, name_id=named(" \n ")),
    "a NameID with an element": _case(
        "Contents", _NAME_ID, name_id=f"<saml:NameID>{WHO}<x/>.south.example</saml:NameID>"
    ),
    "a NameID over two lines": _case("Contents", _NAME_ID, name_id=named(f"{WHO}\n{WHO}")),
    "a NameID with a character nobody sees": _case("Contents", _NAME_ID, name_id=named(f"ana\u200b{WHO}")),
    "a NameID written backwards": _case("Contents", _NAME_ID, name_id=named(f"\u202e{WHO}")),
    "a NameID of 1,025 characters": _case("Contents", _NAME_ID, name_id=named("a" * 1025)),
    "two NameIDs": _case("Contents", "one NameID", name_id=named(WHO) * 2),
    "a BaseID": _case("Contents", _NAME_ID, name_id="<saml:BaseID/>"),
    "no AuthnStatement": Case(
        "Contents", "an AuthnStatement", partial(signed, change=partial(_without, "saml:AuthnStatement"))
    ),
    "two AuthnContexts": Case(
        "Contents", "one AuthnContext", partial(signed, change=partial(_twice, "saml:AuthnContext"))
    ),
    "an assertion of SAML 1.1": _case("Contents", "a SAML 2.0 assertion", version="1.1"),
    "an assertion without an ID": _case("Contents", "a SAML 2.0 assertion", "response", assertion_id=""),
    "more than 2,000 values": _case(
        "Contents",
        "at most 2,000",
        attributes=f"<saml:AttributeStatement>{attribute('groups', ['g'] * 2001)}</saml:AttributeStatement>",
    ),
    "no status": _case("Status", _STATUS, status=""),
    "a status without a code": _case("Status", _STATUS, status=_NO_CODE),
    "a status with two codes": _case("Shape", "one StatusCode", status=_TWO_CODES),
    "two statuses": _case("Shape", "one Status", status=_failed("Success") * 2),
    "a refusal": _case("Status", _STATUS, status=_failed("Responder")),
    "a refusal in words": _case("Status", _STATUS, status=_failed("Responder", "AuthnFailed", message="Wrong PIN.")),
    "a refusal with something strange": _case("Status", _STATUS, status=_STRANGE_STATUS),
    "a refusal that nobody signed": _case("Status", _STATUS, "none", status=_failed("Requester", "RequestDenied")),
    "success within a refusal": _case("Status", _STATUS, status=_failed("Responder", "Success")),
    "success of another namespace": _case(
        "Status", _STATUS, status='<samlp:Status><samlp:StatusCode Value="Success"/></samlp:Status>'
    ),
    "long after": Case("Issued", "at most 10 minutes before", signed, now=NOW + 13 * MINUTE),
}
