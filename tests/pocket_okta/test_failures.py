"""What goes wrong on the other side, and what an administrator sees and can do about it."""

import pytest
from tests.conftest import HANG
from tests.pocket_okta.running import App, Okta, connected, running
from tests.pocket_okta.scim_service import PASSWORD, USERNAME, ScimService


def sentence(app: App, what: str) -> str:
    return f"Automatic provisioning of user Ana Reis to app {app.label} failed: {what}"


def test_a_409_shows_its_detail_and_waits_as_a_task(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("POST", status=409, detail="That userName is taken by a colleague.")
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    login = ana["profile"]["login"]
    wanted = sentence(
        app,
        f"Error while creating user {login}: Conflict. "
        "Errors reported by remote server: That userName is taken by a colleague.",
    )
    assert app.error(ana) == wanted
    assert app.user(ana)["syncState"] == "ERROR"
    (task,) = app.tasks()
    assert task["message"] == wanted
    assert len(scim.calls("POST")) == 1


def test_a_task_can_be_retried_and_a_success_closes_it(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("POST", status=500, detail="Out of order.")
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    (task,) = app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert app.tasks() == []
    assert app.error(ana) is None
    assert scim.named(ana["profile"]["login"])["active"] is True
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=403)


def test_a_retry_that_fails_makes_one_task_again(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("POST", status=500, detail="Out of order.", times=2)
    catalogue_app.assign(okta.person())
    okta.idle()
    (task,) = catalogue_app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    (again,) = catalogue_app.tasks()
    assert again["id"] != task["id"]


def test_a_task_can_be_dismissed(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("POST", status=500, detail="Out of order.")
    ana = okta.person()
    catalogue_app.assign(ana)
    okta.idle()
    (task,) = catalogue_app.tasks()
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/dismiss", status=204)
    assert catalogue_app.tasks() == []
    assert catalogue_app.error(ana) is None


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("GET", "Error while verifying if user {login} exists: Bad Gateway."),
        ("POST", "Error while creating user {login}: Bad Gateway."),
    ],
)
def test_an_error_page_of_a_proxy(okta: Okta, scim: ScimService, app: App, method: str, what: str) -> None:
    scim.answer(method, status=502, body="<html><b>Bad gateway</b></html>", headers={"Content-Type": "text/html"})
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    reported = " Errors reported by remote server: Invalid JSON: Unrecognized token '<html><b>Bad'"
    assert app.error(ana) == sentence(app, what.format(login=ana["profile"]["login"]) + reported)


def test_a_page_where_a_user_should_be(okta: Okta, scim: ScimService, app: App) -> None:
    scim.answer("POST", status=201, body="<html>Welcome</html>")
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    assert str(app.error(ana)).endswith("Invalid JSON: Unrecognized token '<html>Welcome</html>'")


def test_nobody_listens(okta: Okta, scim: ScimService, app: App) -> None:
    scim.close()
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    login = ana["profile"]["login"]
    reason = (
        f"Error while verifying if user {login} exists: The remote server could not be reached: Connection refused."
    )
    assert app.error(ana) == sentence(app, reason)
    assert app.exchanges()[-1]["status"] == 0
    assert "Connection refused" in app.exchanges()[-1]["error"]


def test_no_answer_in_time(tmp_path_factory: pytest.TempPathFactory, scim: ScimService) -> None:
    with running(tmp_path_factory.mktemp("impatient"), "--empty", "--scim-timeout", "5") as okta:
        app = connected(okta, scim, "catalogue")
        ana = okta.person("Ana", "Reis")
        with scim.held("POST"):
            app.assign(ana)
            okta.idle()
        login = ana["profile"]["login"]
        assert app.error(ana) == sentence(app, f"Error while creating user {login}: Read timed out after 5 seconds.")
        assert len(app.tasks()) == 1


def test_429_is_tried_again_by_itself(okta: Okta, scim: ScimService, app: App) -> None:
    scim.answer("POST", status=429, headers={"Retry-After": "3"}, times=2)
    ana = okta.person()
    app.assign(ana)
    okta.idle()
    assert app.user(ana)["status"] == "PROVISIONED"
    assert [e["attempt"] for e in app.exchanges() if e["method"] == "POST"] == [1, 2, 3]


def test_ten_times_429_becomes_a_task(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.answer("POST", status=429, headers={"Retry-After": "1"}, times=20)
    ana = okta.person("Ana", "Reis")
    catalogue_app.assign(ana)
    okta.idle()
    assert len(scim.calls("POST")) == 10
    assert str(catalogue_app.error(ana)).endswith("Too Many Requests.")


def test_wrong_credentials_are_told_at_once_and_not_saved(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    """C9340."""
    verdict = okta.call("POST", f"{catalogue_app.pocket}/test-credentials")
    assert verdict == {"verified": True, "message": f"{catalogue_app.label} was verified successfully!", "status": 200}
    wrong = {"profile": {"authScheme": "BASIC", "username": USERNAME, "password": "wrong-secret"}}
    verdict = okta.call("POST", f"{catalogue_app.pocket}/test-credentials", wrong)
    assert (verdict["verified"], verdict["status"]) == (False, 401)
    assert verdict["message"].startswith(
        "Error authenticating: Unauthorized. Errors reported by remote server: The key or the secret is wrong."
    )
    refused = okta.call("POST", f"{catalogue_app.path}/connections/default?activate=true", wrong, status=400)
    assert refused["errorCauses"][0]["errorSummary"] == verdict["message"]
    catalogue_app.assign(okta.person())
    okta.idle()
    assert len(scim.users) == 1


def test_a_revoked_secret_fails_and_a_new_one_works_at_once(okta: Okta, scim: ScimService, app: App) -> None:
    """C9341."""
    scim.password = "vs_another-secret"
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    login = ana["profile"]["login"]
    reason = "Unauthorized. Errors reported by remote server: The key or the secret is wrong."
    assert app.error(ana) == sentence(app, f"Error while verifying if user {login} exists: {reason}")
    refused = okta.call("PUT", f"{app.path}/features/USER_PROVISIONING", {}, status=400)
    assert "Error authenticating" in refused["errorCauses"][0]["errorSummary"]
    app.connect(scim.url, USERNAME, "vs_another-secret")
    okta.call("POST", f"/pocket/v1/tasks/{app.tasks()[0]['id']}/retry", status=204)
    okta.idle()
    assert app.error(ana) is None


def test_new_credentials_serve_a_job_that_is_waiting_already(
    tmp_path_factory: pytest.TempPathFactory, scim: ScimService
) -> None:
    with running(tmp_path_factory.mktemp("patient"), "--empty") as okta:
        app = connected(okta, scim, "catalogue")
        first = scim.answer("POST", status=429, headers={"Retry-After": "1"})
        app.assign(okta.person())
        assert first.reached.wait(HANG)
        scim.username = "vk_second"
        app.connect(scim.url, "vk_second", PASSWORD)
        okta.idle()
        assert len(scim.users) == 1


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, "<html>", "Invalid JSON: Unrecognized token '<html>'"),
        (200, {"Resources": []}, "the remote server sent no list of users"),
        (404, {"detail": "No tenant here."}, "Not Found. Errors reported by remote server: No tenant here."),
        (500, "", "Internal Server Error."),
    ],
)
def test_a_service_that_is_none_is_not_verified(
    okta: Okta, scim: ScimService, catalogue_app: App, status: int, body: str | dict[str, object], reason: str
) -> None:
    scim.answer("GET", status=status, body=body)
    verdict = okta.call("POST", f"{catalogue_app.pocket}/test-credentials")
    assert verdict["verified"] is False
    assert verdict["message"].startswith(f"Error authenticating: {reason}")


def test_a_failed_profile_push_says_so_and_does_not_stop_the_deactivation(
    okta: Okta, scim: ScimService, app: App
) -> None:
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    scim.refuse("PUT", status=400, detail="No nickname, please.")
    okta.edit(ana, nickName="Anita")
    okta.idle()
    assert app.error(ana) == (
        f"Automatic profile push of user Ana Reis to app {app.label} failed: Error while trying to push profile update "
        f"for {ana['profile']['login']}: Bad Request. Errors reported by remote server: No nickname, please."
    )
    app.unassign(ana)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False
    assert app.tasks() == []


def test_the_deactivation_after_a_failed_push_can_be_withheld(okta: Okta, scim: ScimService, app: App) -> None:
    """Wire facts 1.7: what a forum reports of the real one, as an option of the app."""
    okta.call("PUT", app.path, {"settings": {"pocket": {"withholdDeactivationAfterError": True}}})
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    scim.refuse("PUT", status=400, detail="No nickname, please.")
    okta.edit(ana, nickName="Anita")
    okta.idle()
    scim.forget()
    app.unassign(ana)
    okta.idle()
    assert scim.requests == []


def test_a_failed_deactivation_stays_a_task(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    for method in ("PATCH", "PUT"):
        scim.refuse(method, status=500, detail="Out of order.")
    okta.lifecycle(ana, "deactivate")
    okta.idle()
    (task,) = app.tasks()
    assert task["message"] == (
        f"Automatic deprovisioning of user Ana Reis from app {app.label} failed: Error while deactivating user "
        f"{ana['profile']['login']}: Internal Server Error. Errors reported by remote server: Out of order."
    )
    okta.call("DELETE", f"/api/v1/users/{ana['id']}", status=204)
    okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=204)
    okta.idle()
    assert scim.named(ana["profile"]["login"])["active"] is False


def test_an_account_that_vanished(okta: Okta, scim: ScimService, app: App) -> None:
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    scim.users.clear()
    okta.edit(ana, firstName="Anna")
    okta.idle()
    assert str(app.error(ana)).endswith(
        "Not Found. Errors reported by remote server: No user with that id in this tenant."
    )


def test_secrets_stay_out_of_everything_that_is_shown(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("POST", status=400, detail=f"I dislike {PASSWORD} and you.")
    ana = okta.person()
    app.assign(ana)
    okta.idle()
    shown = "".join(
        okta.client.get(path).text
        for path in (
            f"/pocket/v1/exchanges?appId={app.id}",
            f"{app.path}/connections/default",
            "/reports/system-log",
            f"/applications/{app.id}/provisioning/integration?edit=1",
        )
    )
    assert PASSWORD not in shown
    assert "Basic ••••••" in shown


def test_a_create_that_was_done_though_the_answer_was_lost_is_linked_by_the_retry(
    okta: Okta, scim: ScimService, app: App
) -> None:
    scim.answer("POST", status=504, done_first=True)
    ana = okta.person()
    app.assign(ana)
    okta.idle()
    assert len(scim.users) == 1
    okta.call("POST", f"/pocket/v1/tasks/{app.tasks()[0]['id']}/retry", status=204)
    okta.idle()
    assert len(scim.users) == 1
    assert app.user(ana)["externalId"] == scim.named(ana["profile"]["login"])["id"]


def test_who_was_never_created_is_not_deactivated(okta: Okta, scim: ScimService, app: App) -> None:
    scim.refuse("POST", status=500, detail="Out of order.")
    ana = okta.person()
    app.assign(ana)
    okta.idle()
    scim.forget()
    app.unassign(ana)
    okta.idle()
    assert scim.requests == []
    assert app.tasks() == []


def test_a_push_that_works_does_not_hide_a_reactivation_that_did_not(
    okta: Okta, scim: ScimService, catalogue_app: App
) -> None:
    ana = okta.person()
    scim.add(ana["profile"]["login"], active=False)
    scim.refuse("PATCH", status=500, detail="Out of order.")
    catalogue_app.assign(ana)
    okta.idle()
    okta.edit(ana, firstName="Anna")
    okta.idle()
    assert "Error while reactivating user" in str(catalogue_app.error(ana))
    assert scim.named(ana["profile"]["login"])["name"]["givenName"] == "Anna"
    okta.call("POST", f"/pocket/v1/tasks/{catalogue_app.tasks()[0]['id']}/retry", status=204)
    okta.idle()
    assert catalogue_app.error(ana) is None
    assert scim.named(ana["profile"]["login"])["active"] is True


def test_a_task_of_a_disconnected_app_is_not_retried(okta: Okta, scim: ScimService, catalogue_app: App) -> None:
    scim.refuse("POST", status=500, detail="Out of order.")
    catalogue_app.assign(okta.person())
    okta.idle()
    (task,) = catalogue_app.tasks()
    okta.call("POST", f"{catalogue_app.path}/connections/default/lifecycle/deactivate", status=204)
    refused = okta.call("POST", f"/pocket/v1/tasks/{task['id']}/retry", status=403)
    assert "is off" in refused["errorSummary"]
    assert len(catalogue_app.tasks()) == 1


def test_an_answer_nested_to_break_its_reader(okta: Okta, scim: ScimService, app: App) -> None:
    scim.answer("GET", status=200, body='{"Resources":' + "[" * 900 + "]" * 900 + "}")
    ana = okta.person("Ana", "Reis")
    app.assign(ana)
    okta.idle()
    assert "Invalid JSON: nested deeper than 64 levels" in str(app.error(ana))
    assert "nested deeper" in app.exchanges()[-1]["responseBody"]
