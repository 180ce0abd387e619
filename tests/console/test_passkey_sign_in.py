"""A passkey alone opens a session: for whom it was made, with their PIN or finger, and once for each challenge."""

import json
from dataclasses import replace

import pytest

from tests.conftest import on_both_engines
from tests.console.conftest import Staff, in_house, rows
from tests.unit.test_proofs import PARTY, Authenticator, text
from vestibule.actions import administer, proofs
from vestibule.actions.passkey_sign_in import sign_in_with_passkey
from vestibule.model import Administrator, new_id
from vestibule.store.database import AllTenants
from vestibule.store.factors import Factor, insert_factor

CHALLENGE = proofs.make_challenge()


def give(staff: Staff, who: Administrator, authenticator: Authenticator) -> None:
    """Let somebody have added a passkey."""
    made = proofs.new_passkey(PARTY, CHALLENGE, authenticator.make(CHALLENGE))
    assert made is not None

    async def act(all_tenants: AllTenants) -> None:
        now = all_tenants.now
        factor = Factor(new_id(now), "webauthn", "x", made.credential_id, made.public_key, made.counter, now, None)
        await insert_factor(all_tenants, who, factor)

    in_house(staff.running, act)


def signed(authenticator: Authenticator, owner: str, challenge: bytes, flags: int = 0x05) -> str:
    """What a browser answers whose device keeps whose passkey it is."""
    answer = json.loads(authenticator.use(challenge, flags=flags))
    answer["response"]["userHandle"] = text(owner.encode())
    return json.dumps(answer)


def gets_in(staff: Staff, answer: str, challenge: bytes) -> str:
    """Who is signed in by an answer: the id of the administrator; empty for nobody."""

    async def act(all_tenants: AllTenants) -> str:
        entry = await sign_in_with_passkey(all_tenants, PARTY, challenge, all_tenants.now + 60_000, answer, ())
        return entry.session if entry else ""

    token = in_house(staff.running, act)
    if not token:
        return ""
    visitor = staff.visitor()
    visitor.take(token)
    assert visitor.get("/console/account").heading == "My account"
    query = "SELECT administrator_id FROM sessions WHERE tenant_id = $1 ORDER BY created_at DESC, token_check LIMIT 1"
    return str(rows(staff.running, query, staff.place.tenant.id)[0][0])


@on_both_engines
def test_a_passkey_alone_opens_one_session_for_each_challenge(staff: Staff) -> None:
    ana, device = staff.hire("owner"), Authenticator()
    give(staff, ana, device)
    challenge = proofs.make_challenge()
    answer = signed(device, ana.id, challenge)
    assert gets_in(staff, answer, challenge) == ana.id
    assert gets_in(staff, answer, challenge) == "", "the same answer"
    assert gets_in(staff, signed(device, ana.id, challenge), challenge) == "", "another answer to the same challenge"
    again = proofs.make_challenge()
    assert gets_in(staff, signed(device, ana.id, again), again) == ana.id


def test_a_device_that_did_not_check_its_owner_opens_nothing(staff: Staff) -> None:
    ana, device, challenge = staff.hire("owner"), Authenticator(), proofs.make_challenge()
    give(staff, ana, device)
    assert gets_in(staff, signed(device, ana.id, challenge, flags=0x01), challenge) == ""
    told = staff.place.events("administrator.sign_in_refused")[-1]["data"]
    assert told == {"email": ana.email, "reason": "the passkey did not fit"}


def test_nobody_gets_in_as_somebody_else(staff: Staff) -> None:
    """Not even who made a passkey that calls itself the same."""
    ana, bo, device = staff.hire("owner"), staff.hire("auditor"), Authenticator()
    forged = replace(Authenticator(), id=device.id)
    give(staff, ana, device)
    give(staff, bo, forged)
    for authenticator, owner, who in ((forged, ana, ""), (device, bo, ""), (forged, bo, bo.id), (device, ana, ana.id)):
        challenge = proofs.make_challenge()
        assert gets_in(staff, signed(authenticator, owner.id, challenge), challenge) == who
    for owner_id in ("", "nobody", "a\x00b", "x" * 5000):
        challenge = proofs.make_challenge()
        assert gets_in(staff, signed(device, owner_id, challenge), challenge) == ""
    challenge = proofs.make_challenge()
    assert gets_in(staff, signed(device, ana.id, proofs.make_challenge()), challenge) == "", "another challenge"
    assert gets_in(staff, device.use(challenge), challenge) == "", "no owner"


@pytest.mark.parametrize("answer", ["", "{", "[]", "{}", '{"id": 5}', '{"id": "eA", "response": []}', "x" * 30_000])
def test_what_is_no_answer_opens_nothing(staff: Staff, answer: str) -> None:
    assert gets_in(staff, answer, proofs.make_challenge()) == ""


def test_who_was_locked_out_stays_out(staff: Staff) -> None:
    ana, device, challenge = staff.hire("admin"), Authenticator(), proofs.make_challenge()
    give(staff, ana, device)
    in_house(staff.running, lambda all_tenants: administer.disable(all_tenants, ana))
    assert gets_in(staff, signed(device, ana.id, challenge), challenge) == ""


def test_an_answer_without_a_page_that_waits_is_refused(staff: Staff) -> None:
    visitor = staff.visitor()
    for cookie in ("", "00", "zz", "ab" * 60):
        if cookie:
            visitor.keep(cookie, "vestibule-passkey")
        page = visitor.post("/console/passkey", {"answer": "{}"})
        assert (page.status, page.heading) in {(200, "Sign in with a passkey"), (401, "Sign in with a passkey")}
        assert "vestibule" not in visitor.cookies


def test_the_sign_in_page_offers_no_passkey_where_browsers_have_none(staff: Staff) -> None:
    """The server is called by an IP address here; by a name the page offers it (tests/browser/test_passkey.py)."""
    page = staff.visitor().get("/console/sign-in")
    assert page.heading == "Sign in"
    assert not page.all("//a[contains(@href, '/console/passkey')]")
