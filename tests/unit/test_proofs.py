"""What proves a second factor, and what does not: codes around their time, recovery codes as people type them, and
passkeys against an authenticator of this test's own making.
"""

import hashlib
import json
import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
import pyotp
import pytest
import segno
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from vestibule.actions import proofs
from vestibule.actions.proofs import Passkey, RelyingParty
from vestibule.model import Administrator

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = 1_790_000_015_000
STEP = NOW // 30_000
ANA = Administrator("t", "0190", "ana@north.example", "Ana Lima", "owner", 0, None, None, True)
PARTY = RelyingParty("login.north.example", "https://login.north.example")


def code(shift: int) -> str:
    return pyotp.TOTP(SECRET).generate_otp(STEP + shift)


# -- codes of an authenticator app -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_good_a_step_around_its_time(shift: int, taken: bool) -> None:
    assert proofs.step_of(SECRET, code(shift), NOW, 0) == (STEP + shift if taken else None)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_no_step_is_taken_twice_and_none_before_one_that_was_taken(shift: int) -> None:
    assert proofs.step_of(SECRET, code(shift), NOW, STEP + shift) is None
    assert proofs.step_of(SECRET, code(shift), NOW, STEP + shift + 1) is None
    assert proofs.step_of(SECRET, code(shift), NOW, STEP + shift - 1) == STEP + shift


def test_codes_of_the_standard() -> None:
    """RFC 6238 appendix B, the last six of its eight digits."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, told in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert proofs.step_of(secret, told, seconds * 1000, 0) == seconds // 30


def test_a_code_may_be_typed_in_groups() -> None:
    assert proofs.step_of(SECRET, f" {code(0)[:3]} {code(0)[3:]} ", NOW, 0) == STEP


@given(st.text(max_size=12) | st.text("0123456789٠٣½", min_size=5, max_size=7))
def test_nothing_else_is_a_code(typed: str) -> None:
    plain = typed.replace(" ", "")
    assert (proofs.step_of(SECRET, typed, NOW, 0) is not None) == (plain in {code(-1), code(0), code(1)})


def test_a_secret_has_160_bits() -> None:
    assert len({proofs.make_secret() for _ in range(20)}) == 20
    assert len(proofs.make_secret()) * 5 == 160


def test_an_app_is_told_whose_code_it_shows() -> None:
    address = proofs.app_address(SECRET, ANA, "Vestibule (North: & Söhne)")
    read = pyotp.parse_uri(address)
    assert (read.secret, read.name, read.issuer) == (SECRET, "ana@north.example", "Vestibule (North  & Söhne)")


def test_a_qr_code_is_drawn_module_by_module() -> None:
    drawn = proofs.draw("otpauth://totp/north")
    painted = {(x + step, y) for x, y, width in drawn.bars for step in range(width)}
    rows = list(segno.make("otpauth://totp/north", micro=False, error="l", boost_error=False).matrix_iter(border=4))
    assert painted == {(x, y) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark}
    assert drawn.size == len(rows)


# -- recovery codes ----------------------------------------------------------------------------------------------------


def test_a_recovery_code_has_80_bits_and_no_letter_that_is_misread() -> None:
    codes = {proofs.make_recovery_code() for _ in range(200)}
    assert len(codes) == 200
    assert {len(proofs.recovery_text(each)) for each in codes} == {16}
    assert len(set("".join(codes)) - {"-"}) == 32, "five bits a letter"
    assert not set("".join(codes)) & set("ilou")


def test_a_recovery_code_is_read_as_people_type_it() -> None:
    made = "01ab-cdef-gh01-jkmn"
    for typed in (made.upper(), made.replace("-", ""), made.replace("-", " "), f" {made} ", "oiab-cdef-ghol-jkmn"):
        assert proofs.recovery_text(typed) == proofs.recovery_text(made)


# -- passkeys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "party"),
    [
        ("https://login.north.example", PARTY),
        ("https://login.north.example:443", PARTY),
        ("https://Login.North.Example/", PARTY),
        ("https://north.example:8443", RelyingParty("north.example", "https://north.example:8443")),
        ("http://localhost:8000", RelyingParty("localhost", "http://localhost:8000")),
        ("http://login.north.example", None),
        ("http://127.0.0.1:8000", None),
        ("https://192.0.2.7", None),
        ("https://[2001:db8::7]:8443", None),
    ],
)
def test_where_there_are_passkeys(url: str, party: RelyingParty | None) -> None:
    assert proofs.relying_party(url) == party


def text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """A security key in memory, and a browser around it that can be made to lie."""

    origin: str = PARTY.origin
    rp: str = PARTY.id
    counter: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = b"a passkey of this test"

    def _data(self, flags: int) -> bytes:
        self.counter += 1
        return hashlib.sha256(self.rp.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client(self, what: str, challenge: bytes) -> bytes:
        told = {"type": what, "challenge": text(challenge), "origin": self.origin, "crossOrigin": False}
        return json.dumps(told).encode()

    def _answer(self, **response: bytes) -> dict[str, Any]:
        parts = {name: text(value) for name, value in response.items()}
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": parts}

    def make(self, challenge: bytes) -> str:
        point = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        data = self._data(0x45) + bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", challenge)
        return json.dumps(self._answer(clientDataJSON=client, attestationObject=attestation))

    def use(self, challenge: bytes, what: str = "webauthn.get", flags: int = 0x05) -> str:
        client, data = self._client(what, challenge), self._data(flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return json.dumps(self._answer(clientDataJSON=client, authenticatorData=data, signature=signature))


CHALLENGE = proofs.make_challenge()


@pytest.fixture
def authenticator() -> Authenticator:
    return Authenticator()


@pytest.fixture
def passkey(authenticator: Authenticator) -> Passkey:
    made = proofs.new_passkey(PARTY, CHALLENGE, authenticator.make(CHALLENGE))
    assert made is not None
    return made


def test_a_passkey_is_made_and_used(authenticator: Authenticator, passkey: Passkey) -> None:
    assert (passkey.credential_id, passkey.counter) == (authenticator.id, 1)
    answer = authenticator.use(CHALLENGE)
    assert proofs.credential_of(answer) == authenticator.id
    assert proofs.counter_of(PARTY, CHALLENGE, answer, passkey) == 2


def test_a_passkey_that_signs_something_else_proves_nothing(authenticator: Authenticator, passkey: Passkey) -> None:
    other = proofs.make_challenge()
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(other), passkey) is None
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(CHALLENGE, "webauthn.create"), passkey) is None
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(CHALLENGE, flags=0x04), passkey) is None, (
        "nobody there"
    )
    assert proofs.counter_of(PARTY, CHALLENGE, Authenticator(counter=9).use(CHALLENGE), passkey) is None
    for mistaken in (RelyingParty(PARTY.id, "https://south.example"), RelyingParty("south.example", PARTY.origin)):
        assert proofs.counter_of(mistaken, CHALLENGE, authenticator.use(CHALLENGE), passkey) is None
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(CHALLENGE), passkey) is not None


@pytest.mark.parametrize("counter", [1, 5])
def test_a_counter_that_goes_back_tells_of_a_second_passkey(
    authenticator: Authenticator, passkey: Passkey, counter: int
) -> None:
    authenticator.counter = counter - 1
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(CHALLENGE), passkey._replace(counter=5)) is None
    authenticator.counter = 5
    assert proofs.counter_of(PARTY, CHALLENGE, authenticator.use(CHALLENGE), passkey._replace(counter=5)) == 6


def test_a_passkey_made_for_another_page_is_not_kept() -> None:
    for browser in (Authenticator(origin="https://south.example"), Authenticator(rp="south.example")):
        assert proofs.new_passkey(PARTY, CHALLENGE, browser.make(CHALLENGE)) is None
    assert proofs.new_passkey(PARTY, CHALLENGE, Authenticator().make(proofs.make_challenge())) is None
    assert proofs.new_passkey(PARTY, CHALLENGE, Authenticator().use(CHALLENGE)) is None


@given(
    st.text(max_size=60) | st.sampled_from(["{}", "[]", "null", '{"id":5}', '{"id":"é"}', "[" * 9_000, "9" * 30_000])
)
def test_what_is_no_answer_at_all_proves_nothing(answer: str) -> None:
    assert proofs.new_passkey(PARTY, CHALLENGE, answer) is None
    assert proofs.counter_of(PARTY, CHALLENGE, answer, Passkey(b"x", b"y", 0)) is None
    assert isinstance(proofs.credential_of(answer), bytes)


@given(st.data())
def test_an_answer_with_a_part_missing_or_mangled_proves_nothing(data: st.DataObject) -> None:
    authenticator = Authenticator()
    made = proofs.new_passkey(PARTY, CHALLENGE, authenticator.make(CHALLENGE))
    assert made is not None
    answer = json.loads(authenticator.use(CHALLENGE))
    part = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]))
    answer["response"][part] = data.draw(st.sampled_from([None, "", "AA", 5, [], {}, "é", "A" * 200]))
    assert proofs.counter_of(PARTY, CHALLENGE, json.dumps(answer), made) is None
