"""Beside each event that took somebody's access stands how long it took, and the overview tells the percentiles."""

import re

from tests.console.conftest import hire, open_session, rows, sql
from tests.console.visitor import Visitor, until
from tests.sign_in.company import Company


def test_a_deactivation_has_its_stopwatch(company: Company) -> None:
    place = company.place
    user_id, name = company.hire()
    browser = company.sign_in(name)
    company.sign_in(name)
    with place.client() as scim:
        scim.patch(f"/Users/{user_id}", json={"Operations": [{"op": "replace", "value": {"active": False}}]})
    assert not company.is_in(browser)
    query = "SELECT event_id, user_id, committed_after, sessions, received_at FROM stopwatches WHERE tenant_id = $1"
    ((event_id, who, after, sessions, received),) = until(lambda: rows(place.running, query, place.tenant.id))
    assert (who, sessions) == (user_id, 2)
    assert 0 < after < 60_000_000
    ((at,),) = rows(place.running, "SELECT at FROM events WHERE tenant_id = $1 AND id = $2", place.tenant.id, event_id)
    assert abs(received // 1000 - at) < 60_000
    auditor = Visitor(place.running.url)
    auditor.take(open_session(place.running, hire(place.running, place.tenant.id, "auditor")))
    page = auditor.get(f"/console/{place.tenant.name}/activity/{event_id}")
    shown = " ".join(each.text_content() for each in page.all("//*[@id='stopwatch']//li"))
    assert re.fullmatch(r"0 ms request received [\d.]+ m?s committed [\d.]+ m?s the last of 2 sessions dead", shown)
    overview = auditor.get(f"/console/{place.tenant.name}/")
    times = overview.one("//*[@id='times']").text_content()
    assert "1 time." in times
    assert len(re.findall(r"[\d.]+ m?s", times)) == 4
    auditor.client.close()


def test_before_it_is_kept_the_event_says_so(company: Company) -> None:
    """An event of long ago, whose stopwatch was thrown away."""
    place = company.place
    user_id, name = company.hire()
    company.sign_in(name)
    with place.client() as scim:
        scim.delete(f"/Users/{user_id}")
    query = "SELECT event_id FROM stopwatches WHERE tenant_id = $1"
    ((event_id,),) = until(lambda: rows(place.running, query, place.tenant.id))
    sql(place.running, "DELETE FROM stopwatches WHERE tenant_id = $1", place.tenant.id)
    auditor = Visitor(place.running.url)
    auditor.take(open_session(place.running, hire(place.running, place.tenant.id, "auditor")))
    page = auditor.get(f"/console/{place.tenant.name}/activity/{event_id}")
    assert "1 session ended with it." in page.one("//*[@id='stopwatch']").text_content()
    assert page.all("//*[@id='stopwatch']//li") == []
    assert auditor.get(f"/console/{place.tenant.name}/").all("//*[@id='times']") == []
    auditor.client.close()
