"""Whom a NameID means: letters that only look or fold alike are somebody else's, and former names are nobody's."""

from itertools import permutations
from typing import Any

import pytest

from tests.saml.factory import attribute
from tests.sign_in.company import Company
from vestibule.actions import configure, people
from vestibule.endpoints.context import Context

MICROSOFT = "http://schemas.microsoft.com/identity/claims"
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"


def _refused(company: Company, name: str, **changes: Any) -> str:
    """Why a sign-in is refused, as the log tells it."""
    browser = company.browser()
    page = company.post(browser, company.response(name, company.begin(browser), **changes))
    assert page.status == 403, page.text
    return str(company.place.events("login.refused")[-1]["data"]["came"])


def _patch(company: Company, user_id: str, **replaced: str) -> Any:
    operations = [{"op": "Replace", "path": path, "value": value} for path, value in replaced.items()]
    with company.place.client() as scim:
        return scim.patch(
            f"/Users/{user_id}",
            json={"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations},
        )


def _people(company: Company) -> list[dict[str, Any]]:
    with company.place.client() as scim:
        return list(scim.get("/Users").json()["Resources"])


@pytest.mark.parametrize(
    ("provisioned", "came"),
    [
        ("straße@north.example", "strasse@north.example"),
        ("strasse@north.example", "straße@north.example"),
        ("ana@north.example", "ａｎａ@north.example"),
        ("kit@north.example", "\u212ait@north.example"),
    ],
)
@pytest.mark.parametrize("just_in_time", [False, True])
def test_a_name_that_only_folds_alike_signs_nobody_in(
    company: Company, provisioned: str, came: str, just_in_time: bool
) -> None:
    company.tie(just_in_time=just_in_time)
    company.hire(provisioned)
    _refused(company, came)
    assert len(_people(company)) == 1
    browser = company.sign_in(provisioned.upper() if provisioned.isascii() else provisioned.title())
    assert company.is_in(browser)
    assert company.log_out(company.browser(), came).status == 200
    assert company.is_in(browser)
    company.log_out(company.browser(), provisioned)
    assert not company.is_in(browser)


def test_a_former_user_name_makes_nobody_new(company: Company) -> None:
    """Entra's soft delete: one PATCH renames and deactivates, another one restores."""
    company.tie(just_in_time=True)
    user_id, name = company.hire("kit@north.example")
    gone = _patch(company, user_id, userName=f"0123456789abcdef0123456789abcdef{name}", active="False")
    assert gone.status_code == 200
    assert "the userName of another person until" in _refused(company, "KIT@north.example")
    assert [each["id"] for each in _people(company)] == [user_id]
    restored = _patch(company, user_id, userName=name, active="True")
    assert (restored.status_code, restored.json()["id"]) == (200, user_id)
    assert company.is_in(company.sign_in(name))


def test_every_former_user_name_counts_and_a_person_may_change_to_and_fro(company: Company) -> None:
    company.tie(just_in_time=True)
    user_id, _ = company.hire("a1@north.example")
    for name in ("a2@north.example", "a3@north.example", "A3@north.example"):
        assert _patch(company, user_id, userName=name).status_code == 200
    for name in ("a1@north.example", "A2@north.example"):
        _refused(company, name)
    assert company.is_in(company.sign_in("a3@north.example"))
    assert _patch(company, user_id, userName="a1@north.example").status_code == 200
    assert company.is_in(company.sign_in("a1@north.example"))
    # Somebody else may be provisioned under a name that was given up, and then it is theirs.
    other, _ = company.hire("a2@north.example")
    company.sign_in("a2@north.example")
    assert company.place.events("user.signed_in")[-1]["subject"] == other


def test_nobody_is_made_beside_somebody_added_by_hand_whom_the_identity_provider_may_adopt(company: Company) -> None:
    company.tie(just_in_time=True)

    async def add(context: Context) -> None:
        async with context.database.write(company.place.actor) as tx:
            await configure.change_provider(tx, company.place.provider.id, adopts=True)
            await people.add_by_hand(tx, {"userName": "by.hand@north.example"}, "")

    company.place.running.act(add)
    assert "which another person has" in _refused(company, "By.Hand@north.example")


_GIVEN = [(f"{CLAIMS}/givenname", "Kit"), (f"{CLAIMS}/surname", "Holm")]
_UPN = (f"{CLAIMS}/name", "kit@north.example")


@pytest.mark.parametrize(
    "told",
    [
        *permutations([_UPN, (f"{MICROSOFT}/displayname", "Kit Holm"), ("name", "kit@north.example")]),
        [("name", "Kit H."), ("displayName", "Kit Holm")],
        [("name", "Kit Holm")],
    ],
)
def test_the_order_of_claims_of_a_name_decides_nothing(company: Company, told: list[tuple[str, str]]) -> None:
    company.tie(just_in_time=True)
    statement = "".join(attribute(name, [value]) for name, value in [*told, *_GIVEN])
    company.sign_in("kit@north.example", attributes=f"<saml:AttributeStatement>{statement}</saml:AttributeStatement>")
    (kit,) = _people(company)
    assert (kit["displayName"], kit["name"]["givenName"], kit["name"]["familyName"]) == ("Kit Holm", "Kit", "Holm")


def test_without_a_display_name_nobody_is_called_by_their_user_name(company: Company) -> None:
    company.tie(just_in_time=True)
    statement = "".join(attribute(name, [value]) for name, value in [_UPN, *_GIVEN])
    company.sign_in("kit@north.example", attributes=f"<saml:AttributeStatement>{statement}</saml:AttributeStatement>")
    (kit,) = _people(company)
    assert kit.get("displayName") != "kit@north.example"
