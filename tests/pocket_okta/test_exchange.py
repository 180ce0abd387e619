"""One exchange: headers, encoding, what is written down, and the sentences for answers that are no success."""

import ssl

import pytest
from tests.conftest import HANG, on_loop
from tests.pocket_okta.scim_service import PASSWORD, USERNAME, ScimService

from pocket_okta.catalogue import Scheme
from pocket_okta.engine import exchange
from pocket_okta.engine.exchange import Answer, Call, CallFailed, Redactor
from pocket_okta.engine.scim_client import Network, ScimClient, Timing
from pocket_okta.org import Connection

BASIC = Connection("http://127.0.0.1/scim/v2", Scheme.BASIC, "vk_north", "vs:with:colons")


def test_headers_are_spelled_as_okta_spells_them() -> None:
    assert exchange.request_headers(BASIC, with_body=True) == [
        ("User-Agent", "Okta SCIM Client 1.0.0"),
        ("Accept", "application/scim+json"),
        ("Accept-Charset", "utf-8"),
        ("Accept-Encoding", "gzip,deflate"),
        ("Authorization", "Basic dmtfbm9ydGg6dnM6d2l0aDpjb2xvbnM="),
        ("Content-Type", "application/scim+json; charset=utf-8"),
    ]
    assert "Content-Type" not in dict(exchange.request_headers(BASIC, with_body=False))


@pytest.mark.parametrize(("scheme", "header"), [(Scheme.HEADER, "vt_north"), (Scheme.BEARER, "Bearer vt_north")])
def test_a_token_goes_bare_or_as_bearer(scheme: Scheme, header: str) -> None:
    assert exchange.authorization(Connection("", scheme, "", "vt_north")) == header


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("ana.reis@north.example", "userName%20eq%20%22ana.reis%40north.example%22"),
        ("ana+test@north.example", "userName%20eq%20%22ana%2Btest%40north.example%22"),
        ('o"neil\\', "userName%20eq%20%22o%5C%22neil%5C%5C%22"),
        ("zoë", "userName%20eq%20%22zo%C3%AB%22"),
    ],
)
def test_the_look_up_is_encoded_whole(value: str, encoded: str) -> None:
    assert exchange.lookup_path("userName", value) == f"/Users?filter={encoded}&startIndex=1&count=100"


def test_an_id_is_encoded_into_one_segment() -> None:
    assert exchange.user_path("a/b?c#d") == "/Users/a%2Fb%3Fc%23d"


@pytest.mark.parametrize(
    ("status", "text", "sentence"),
    [
        (409, '{"detail":"userName is taken."}', "Conflict. Errors reported by remote server: userName is taken."),
        (500, "", "Internal Server Error."),
        (500, '{"status":"500"}', "Internal Server Error."),
        (
            502,
            "<html>bad gateway</html>",
            "Bad Gateway. Errors reported by remote server: Invalid JSON: Unrecognized token '<html>bad'",
        ),
        (599, "", "HTTP 599."),
    ],
)
def test_why_an_answer_was_no_success(status: int, text: str, sentence: str) -> None:
    failed = exchange.refusal_in(Answer(status, [], text))
    assert (failed.reason, failed.status) == (sentence, status)


def test_a_success_that_is_no_json_object_is_a_failure_too() -> None:
    for text in ("<html>", "[]", '"x"'):
        with pytest.raises(CallFailed, match="Invalid JSON: Unrecognized token"):
            exchange.document_in(Answer(200, [], text))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("1.5", None), ("-1", None), ("Tue, 24 Nov 2026 02:00:00 GMT", None), ("", None)],
)
def test_only_an_integer_retry_after_counts(value: str, seconds: float | None) -> None:
    assert exchange.retry_after(Answer(429, [("Retry-After", value)], "")) == seconds


def test_nothing_secret_is_written_down() -> None:
    redact = Redactor(BASIC)
    headers = redact.headers(exchange.request_headers(BASIC, with_body=False))
    assert dict(headers)["Authorization"] == "Basic ••••••"
    assert redact.headers([("Set-Cookie", "session=1")]) == [("Set-Cookie", "••••••")]
    body = redact.body('{"password":"q8Zr41Vd","Operations":[{"value":{"Password":"N3w"}}],"echo":"vs:with:colons"}')
    assert body == '{"password":"••••••","Operations":[{"value":{"Password":"••••••"}}],"echo":"••••••"}'
    assert redact.body("your key vs:with:colons") == "your key ••••••"
    bare = Redactor(Connection("", Scheme.HEADER, "", "vt_north"))
    assert bare.headers([("authorization", "vt_north")]) == [("authorization", "••••••")]


class Recorded:
    """A client that notes how long it was told to wait, and does not."""

    def __init__(self, scim: ScimService, *, waits: bool = True) -> None:
        self.waited: list[float] = []
        self.written: list[tuple[str, object]] = []
        self._connection = Connection(scim.url, Scheme.BASIC, USERNAME, PASSWORD, enabled=True)
        self._waits = waits

    def send(self, call: Call) -> Answer:
        async def main() -> Answer:
            async def pause(seconds: float) -> None:
                self.waited.append(seconds)

            network = Network(Timing(timeout=HANG), ssl.create_default_context)
            client = ScimClient(
                network,
                lambda: self._connection,
                lambda _call, outcome, detail: self.written.append((outcome, detail["attempt"])),
                pause if self._waits else None,
            )
            try:
                return await client.send(call)
            finally:
                await network.close()

        return on_loop(main())


PROBE = Call("GET", "/Users?startIndex=1&count=2", "event", "message")


def test_a_429_waits_what_it_was_told_and_then_doubles(scim: ScimService) -> None:
    scim.answer("GET", status=429, headers={"Retry-After": "7"}, times=3)
    client = Recorded(scim)
    assert client.send(PROBE).status == 200
    assert client.waited == [7, 14, 28]
    assert client.written == [("FAILURE", 1), ("FAILURE", 2), ("FAILURE", 3), ("SUCCESS", 4)]


@pytest.mark.parametrize("value", ["Tue, 24 Nov 2026 02:00:00 GMT", "2.5", None])
def test_a_429_that_does_not_say_how_long_waits_five_minutes_and_doubles(scim: ScimService, value: str | None) -> None:
    scim.answer("GET", status=429, headers={"Retry-After": value} if value else {}, times=2)
    client = Recorded(scim)
    client.send(PROBE)
    assert client.waited == [300, 600]


def test_after_ten_tries_it_is_over(scim: ScimService) -> None:
    scim.refuse("GET", status=429, detail="Slow down.", times=100)
    client = Recorded(scim)
    with pytest.raises(CallFailed, match=r"Too Many Requests\. Errors reported by remote server: Slow down\."):
        client.send(PROBE)
    assert len(scim.requests) == 10
    assert client.waited == [300 * 2**n for n in range(9)]


def test_a_retry_after_of_zero_does_not_hammer(scim: ScimService) -> None:
    scim.answer("GET", status=429, headers={"Retry-After": "0"}, times=3)
    client = Recorded(scim)
    client.send(PROBE)
    assert client.waited == [0, 1, 2]


def test_a_button_does_not_wait_for_a_429(scim: ScimService) -> None:
    scim.answer("GET", status=429, headers={"Retry-After": "1"}, times=100)
    with pytest.raises(CallFailed, match="Too Many Requests"):
        Recorded(scim, waits=False).send(PROBE)
    assert len(scim.requests) == 1


def test_a_redirect_is_not_followed(scim: ScimService) -> None:
    scim.answer("GET", status=302, headers={"Location": scim.url + "/Users"})
    with pytest.raises(CallFailed, match="Found"):
        Recorded(scim).send(PROBE)
    assert len(scim.requests) == 1
