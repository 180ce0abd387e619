"""Which requests are told as a connection test: what a vendor's button sends, and not the vendor's ordinary work."""

from uuid import uuid4

import pytest

from tests.conftest import Place, Running
from tests.console.visitor import until


def count_tests(place: Place) -> int:
    return len(place.events("credential.tested"))


def test_entras_test_is_a_guid_that_nobody_has(running: Running) -> None:
    """Its look-up of somebody by their object id has the same form, and finds them (wire facts 3.1)."""
    place, known = running.new_tenant("entra"), str(uuid4())
    with place.client() as entra:
        person = {"userName": "ana@north.example", "externalId": known}
        assert entra.post("/Users", json=person).status_code == 201
        found = entra.get("/Users", params={"filter": f'externalId eq "{known}"'})
        assert (found.status_code, found.json()["totalResults"]) == (200, 1)
        assert count_tests(place) == 0
        found = entra.get("/Users", params={"filter": f'externalId eq "{uuid4()}"'})
        assert (found.status_code, found.json()["totalResults"]) == (200, 0)
        assert count_tests(place) == 1


@pytest.mark.parametrize("people", [0, 1])
def test_oktas_test_is_one_whomever_it_finds(running: Running, people: int) -> None:
    place = running.new_tenant()
    with place.client() as okta:
        for number in range(people):
            assert okta.post("/Users", json={"userName": f"p{number}@north.example"}).status_code == 201
        okta.get("/Users", params={"startIndex": "1", "count": "2"})
    assert count_tests(place) == 1


@pytest.mark.parametrize(
    ("vendor", "query", "tests"),
    [
        ("google", {"count": "1"}, 1),
        ("cyberark", {"count": "1"}, 1),
        ("pingone", {"startIndex": "1", "count": "1"}, 1),
        ("authentik", {}, 0),
        ("keycloak", {"count": "1"}, 0),
    ],
)
def test_a_vendor_decides_what_is_told_as_its_test(
    running: Running, vendor: str, query: dict[str, str], tests: int
) -> None:
    place = running.new_tenant(vendor)
    with place.client() as client:
        assert client.get("/Users", params=query).status_code == 200
    assert count_tests(place) == tests


def test_what_is_refused_is_no_test(running: Running) -> None:
    place = running.new_tenant("entra")
    with place.client() as entra:
        asked = {"filter": f'nothing eq "{uuid4()}"'}
        assert entra.get("/Users", params=asked).status_code == 400
    until(lambda: place.events("request.refused"))
    assert count_tests(place) == 0
