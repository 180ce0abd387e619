"""Single logout: a request ends sessions only when a pinned key signed it, here, now, by whom it is expected from."""

from collections.abc import Callable

import pytest

from tests.saml.factory import (
    IDP,
    MINUTE,
    SAML,
    SAMLP,
    SP,
    WHO,
    How,
    Node,
    clone,
    instant,
    one,
    read,
    sign,
    write,
)
from tests.saml.keys import NOW, pair
from vestibule.saml.errors import SamlError
from vestibule.saml.logout import (
    LogoutRequest,
    is_logout_request,
    logout_request,
    logout_response,
    read_logout_request,
    read_logout_response,
)
from vestibule.saml.signature import SigningKey, sign_element
from vestibule.saml.xml import serialise

SLO = f"{SP}/logout"
AGE = 12 * MINUTE
KEY = SigningKey(pair("sp").private_pem, pair("sp").pem)


def _request(
    *,
    attributes: str = "",
    issuer: str = IDP,
    destination: str = f'Destination="{SLO}"',
    issued: str = instant(0),
    name_id: str = f'<saml:NameID Format="urn:f">{WHO}</saml:NameID>',
    more: str = "<samlp:SessionIndex>_1</samlp:SessionIndex>",
    name: str = "LogoutRequest",
    head: str = 'ID="_logout-1" Version="2.0"',
) -> Node:
    return read(
        f'<samlp:{name} xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" {head} IssueInstant="{issued}" {destination} '
        f"{attributes}><saml:Issuer>{issuer}</saml:Issuer>{name_id}{more}</samlp:{name}>"
    )


SUCCESS = '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'


def _response(status: str = SUCCESS, **changes: str) -> Node:
    usual = {"name": "LogoutResponse", "attributes": 'InResponseTo="_ours"', "name_id": "", "more": status}
    return _request(**(usual | changes))


def _read(node: Node, *, query_signed: bool = False, now: int = NOW) -> LogoutRequest:
    return read_logout_request(write(node), IDP, SLO, [pair().pinned], now, query_signed=query_signed)


def _read_answer(node: Node, *, query_signed: bool = False, now: int = NOW) -> tuple[str, bool]:
    return read_logout_response(write(node), IDP, SLO, [pair().pinned], now, query_signed=query_signed)


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_read() -> None:
    assert _read(sign(_request())) == LogoutRequest("_logout-1", WHO, "urn:f", ("_1",))


def test_a_request_in_a_signed_query_is_read() -> None:
    assert _read(_request(), query_signed=True) == LogoutRequest("_logout-1", WHO, "urn:f", ("_1",))


def test_a_request_may_name_several_sessions_or_none() -> None:
    more = "".join(f"<samlp:SessionIndex>{index}</samlp:SessionIndex>" for index in ("_1", " ", "_2"))
    assert _read(sign(_request(more=more))).session_indexes == ("_1", "_2")
    found = _read(sign(_request(more="", name_id=f"<saml:NameID> {WHO} </saml:NameID>")))
    assert (found.name_id, found.name_id_format, found.session_indexes) == (WHO, "", ())


def _edited(change: Callable[[Node], object]) -> Node:
    root = sign(_request())
    change(root)
    return root


def _wrapped() -> Node:
    root = sign(_request())
    twin = read(write(root).replace(WHO.encode(), b"owner@north.example").replace(b'"_logout-1"', b'"_evil"', 1))
    one(twin, "ds:Signature").append(clone(root))
    return twin


OTHER_KIND = "a SAML 2.0 Logout"


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (_request, "Expected a signature; got none"),
        (lambda: sign(_request(), pair("foreign")), "a signature by one of the certificates"),
        (lambda: sign(_request(), how=How(hash="sha1", digest="sha1")), "a signature with RSA or ECDSA"),
        (lambda: _edited(lambda root: root.set("Destination", "x")), "a signature by one of the certificates"),
        (_wrapped, "a signature directly in"),
        (lambda: _edited(lambda root: root.set("{urn:x}ID", "_logout-1")), "ids without a namespace"),
        (lambda: sign(_request(head='ID="_1" Version="1.1"')), OTHER_KIND),
        (lambda: sign(_request(head='ID="_1"')), OTHER_KIND),
        (lambda: sign(_request(head='Version="2.0"')), OTHER_KIND),
        (lambda: sign(_response()), OTHER_KIND),
        (lambda: sign(_request(issuer="http://idp.south.example")), f"a message from {IDP}; got one from 'http"),
        (lambda: sign(_request(issuer="")), "got one from ''"),
        (lambda: sign(_request(destination="")), f"Expected a message for {SLO}; got one for ''"),
        (lambda: sign(_request(destination='Destination="https://x"')), "got one for 'https://x'"),
        (lambda: sign(_request(issued="today")), "a time in UTC as IssueInstant"),
        (lambda: sign(_request(attributes='NotOnOrAfter="later"')), "a time in UTC as NotOnOrAfter"),
        (lambda: sign(_request(name_id="")), "Expected an unencrypted NameID; got none"),
        (lambda: sign(_request(name_id="<saml:NameID/>")), "an unencrypted NameID"),
        (lambda: sign(_request(name_id="<saml:NameID>a<x/></saml:NameID>")), "an unencrypted NameID"),
        (lambda: sign(_request(name_id="<saml:EncryptedID/>")), "an unencrypted NameID"),
        (lambda: sign(_request(name_id="<saml:NameID>a</saml:NameID>" * 2)), "Expected one NameID; got 2"),
    ],
)
def test_another_request_is_refused(made: Callable[[], Node], wanted: str) -> None:
    with pytest.raises(SamlError) as refusal:
        _read(made())
    assert wanted in str(refusal.value)


@pytest.mark.parametrize("text", [b"", b"<a>", b"<!DOCTYPE a><a/>"])
def test_what_is_no_message_is_refused(text: bytes) -> None:
    for query_signed in (True, False):
        with pytest.raises(SamlError):
            read_logout_request(text, IDP, SLO, [pair().pinned], NOW, query_signed=query_signed)
    with pytest.raises(SamlError):
        is_logout_request(text)


def test_a_refusal_names_the_time_that_is_none() -> None:
    for node, name in (
        (_request(issued="x"), "IssueInstant"),
        (_request(attributes='NotOnOrAfter="x"'), "NotOnOrAfter"),
    ):
        with pytest.raises(SamlError) as refusal:
            _read(sign(node))
        assert refusal.value.wanted == f"a time in UTC as {name}"


def test_what_a_refusal_quotes_is_short() -> None:
    for node, came in (
        (_request(issuer="i" * 300), f"one from '{'i' * 200}'"),
        (_request(destination='Destination="' + "d" * 300 + '"'), f"one for '{'d' * 200}'"),
    ):
        with pytest.raises(SamlError) as refusal:
            _read(sign(node))
        assert refusal.value.came == came


@pytest.mark.parametrize(
    ("now", "accepted"), [(-2 * MINUTE - 1, False), (-2 * MINUTE, True), (AGE, True), (AGE + 1, False)]
)
def test_a_message_is_of_the_last_minutes(now: int, *, accepted: bool) -> None:
    for read_it, node in ((_read, sign(_request())), (_read_answer, sign(_response()))):
        if accepted:
            assert read_it(node, now=NOW + now)
        else:
            with pytest.raises(
                SamlError, match=r"Expected a message of the last 10 minutes; got one of 2026-11-24T10:00:00Z"
            ):
                read_it(node, now=NOW + now)


@pytest.mark.parametrize(("now", "accepted"), [(3 * MINUTE - 1, True), (3 * MINUTE, False)])
def test_a_request_that_no_longer_holds_is_refused(now: int, *, accepted: bool) -> None:
    node = sign(_request(attributes=f'NotOnOrAfter="{instant(MINUTE)}"'))
    if accepted:
        assert _read(node, now=NOW + now).name_id == WHO
    else:
        with pytest.raises(SamlError, match="a LogoutRequest that has not expired; got one that expired at 2026"):
            _read(node, now=NOW + now)


# -- answers -----------------------------------------------------------------------------------------------------------


def test_an_answer_tells_which_request_and_how_it_went() -> None:
    assert _read_answer(sign(_response())) == ("_ours", True)
    assert _read_answer(_response(), query_signed=True) == ("_ours", True)
    for status in ("", "<samlp:Status/>", SUCCESS.replace("Success", "Responder")):
        assert _read_answer(sign(_response(status))) == ("_ours", False)


def test_another_answer_is_refused() -> None:
    for node in (_response(), sign(_response(), pair("foreign")), sign(_request()), sign(_response(issuer="x"))):
        with pytest.raises(SamlError):
            _read_answer(node)


def test_requests_are_told_from_answers() -> None:
    assert is_logout_request(write(_request()))
    assert not is_logout_request(write(_response()))
    with pytest.raises(SamlError, match="a LogoutRequest or a LogoutResponse"):
        is_logout_request(write(_request(name="AuthnRequest")))


# -- ours --------------------------------------------------------------------------------------------------------------


def test_our_request_is_one_that_we_would_take() -> None:
    ours = logout_request("_ours", SP, "https://idp.north.example/slo", WHO, "urn:f", "_1", NOW)
    signed = serialise(sign_element(ours, KEY, "Issuer"))
    at = "https://idp.north.example/slo"
    known = [pair("sp").pinned]
    found = read_logout_request(signed, SP, at, known, NOW, query_signed=False)
    assert found == LogoutRequest("_ours", WHO, "urn:f", ("_1",))
    with pytest.raises(SamlError, match="has not expired"):
        read_logout_request(signed, SP, at, known, NOW + 7 * MINUTE, query_signed=False)
    assert read_logout_request(signed, SP, at, known, NOW + 7 * MINUTE - 1, query_signed=False) == found
    assert [child.tag for child in read(signed)] == [
        f"{{{SAML}}}Issuer",
        "{http://www.w3.org/2000/09/xmldsig#}Signature",
        f"{{{SAML}}}NameID",
        f"{{{SAMLP}}}SessionIndex",
    ]


def test_our_request_leaves_out_what_is_not_known() -> None:
    ours = read(serialise(logout_request("_ours", SP, "https://x", WHO, "", "", NOW)))
    assert ours.find(f"{{{SAMLP}}}SessionIndex") is None
    assert one(ours, "saml:NameID").keys() == []


def test_our_answer_is_one_that_we_would_take() -> None:
    ours = logout_response("_answer", SP, "https://idp.north.example/slo", "_theirs", NOW)
    signed = serialise(sign_element(ours, KEY, "Issuer"))
    at = "https://idp.north.example/slo"
    assert read_logout_response(signed, SP, at, [pair("sp").pinned], NOW, query_signed=False) == ("_theirs", True)
    root = read(signed)
    assert (root.get("ID"), root.get("Version"), root.get("IssueInstant")) == ("_answer", "2.0", "2026-11-24T10:00:00Z")
