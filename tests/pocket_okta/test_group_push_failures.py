"""What goes wrong with a pushed group on the other side, and what an administrator sees and can do about it."""

from pathlib import Path

from tests.conftest import HANG
from tests.pocket_okta.running import App, Okta, Push, connected, running
from tests.pocket_okta.scim_service import ScimService


def test_a_push_that_fails_is_marked_and_retried(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("POST", "/Groups", status=409, detail="That name is taken.")
    group = okta.group()
    name = okta.group_name(group)
    push = app.push(group)
    okta.idle()
    wanted = (
        f"Unable to update Group Push mapping target App group {name}: Error while creating user group {name}: "
        "Conflict. Errors reported by remote server: That name is taken."
    )
    assert push.show()["errorSummary"] == wanted
    (task,) = app.tasks()
    assert (task["message"], task["userId"], task["mappingId"]) == (wanted, None, push.id)
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert push.show()["errorSummary"] is None
    assert app.tasks() == []
    assert scim.group_named(name)


def test_a_failed_push_can_be_dismissed(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("POST", "/Groups", status=500, detail="Out of order.")
    push = catalogue_app.push(okta.group())
    okta.idle()
    (task,) = catalogue_app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/dismiss", status=204)
    assert push.show()["errorSummary"] is None


def test_a_delta_that_fails_in_the_middle_goes_on_where_it_stopped(
    okta: Okta, scim: ScimService, catalogue_app: App
) -> None:
    people = [okta.person(f"N{number}") for number in range(101)]
    for person in people:
        catalogue_app.assign(person)
    okta.idle()
    group = okta.group(*people)
    answers = [scim.answer("PATCH", status=204, done_first=True), scim.refuse("PATCH", status=500, detail="Tired.")]
    assert len(answers) == 2
    push = catalogue_app.push(group)
    okta.idle()
    assert push.show()["_embedded"]["pocket"]["pushedMembers"] == 100
    (task,) = catalogue_app.tasks()
    scim.forget()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert len(scim.requests[-1].json["Operations"][0]["value"]) == 1
    assert len(scim.group_named(okta.group_name(group))["members"]) == 101


def test_a_deletion_that_fails_leaves_the_mapping_and_a_task(okta: Okta, scim: ScimService, app: App) -> None:
    push = app.push(okta.group())
    okta.idle()
    scim.refuse("DELETE", status=500, detail="Out of order.")
    push.unlink(delete=True)
    okta.idle()
    assert "Unable to delete Group Push mapping" in push.show()["errorSummary"]
    (task,) = app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert scim.groups == {}
    assert app.pushes() == []


def test_a_group_that_has_gone_needs_no_deletion(okta: Okta, scim: ScimService, app: App) -> None:
    push = app.push(okta.group())
    okta.idle()
    scim.groups.clear()
    push.unlink(delete=True)
    okta.idle()
    assert app.pushes() == []
    assert app.tasks() == []


def test_a_push_waits_for_a_429(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.answer("POST", "/Groups", status=429, headers={"Retry-After": "2"})
    push = catalogue_app.push(okta.group())
    okta.idle()
    assert push.show()["errorSummary"] is None


def test_a_stop_makes_a_task_of_the_push_that_was_under_way(tmp_path: Path, scim: ScimService) -> None:
    data = tmp_path / "data"
    with running(data, "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        with scim.held("POST", "/Groups") as held:
            push = app.push(okta.group())
            assert held.reached.wait(HANG)
            assert okta.stop() == 0
    with running(data) as okta:
        app = App(okta, okta.call("GET", app.path))
        (task,) = app.tasks()
        assert task["message"].endswith("under way. Retry it to be sure.")
        assert Push(app, push.id).show()["errorSummary"] == task["message"]
        okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
        okta.idle()
        assert app.tasks() == []
        assert len(scim.groups) == 1
