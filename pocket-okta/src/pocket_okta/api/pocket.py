"""`/pocket/v1`: the buttons and records of the pocket Okta that are missing in Okta's own API."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta import __version__, refusal
from pocket_okta.acts import apps as acts
from pocket_okta.acts import assignments as assigning
from pocket_okta.acts import find, people, tasks
from pocket_okta.acts import sign_on as signing
from pocket_okta.api import answers, shapes, sign_on
from pocket_okta.api.apps import connection_body
from pocket_okta.attributes import Attribute
from pocket_okta.desk import desk_of
from pocket_okta.engine.fetching import fetch_metadata
from pocket_okta.engine.verifying import try_out
from pocket_okta.org import App
from pocket_okta.store import apps, log, queue

LONGEST_WAIT = 600  # seconds


async def show_health(_request: Request) -> Response:
    return answers.JsonAnswer({"healthy": True, "version": __version__})


async def wait_until_idle(request: Request) -> Response:
    """Answer when no provisioning is queued or running: 200, or 408 after `timeout` seconds (10 if not said)."""
    idle = await desk_of(request).engine.until_idle(answers.number(request, "timeout", 10, LONGEST_WAIT))
    return answers.JsonAnswer({"idle": idle}, 200 if idle else 408)


async def test_credentials(request: Request) -> Response:
    """Press "Test API Credentials": with a body, for the connection it describes; without, for the saved one."""
    body = await answers.body_of(request)
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    verdict = await try_out(desk.engine, connection_body(app, body, enabled=app.connection.enabled))
    return answers.JsonAnswer({"verified": verdict.verified, "message": verdict.message, "status": verdict.status})


async def read_sp_metadata(request: Request) -> Response:
    """Fill in an app's sign-on from the service provider's metadata: `{"url": …}` or `{"xml": …}`."""
    body = await answers.body_of(request)
    desk = desk_of(request)
    app = find.app(desk.db.read, request.path_params["app"])
    url, given = answers.text(body, "url"), answers.text(body, "xml")
    if bool(url) == bool(given):
        raise refusal.invalid("url", "SP metadata: wanted either url or xml.")
    document = await fetch_metadata(desk.engine, app, url) if url else given.encode()
    with desk.db.write() as tx:
        now = find.app(tx, app.id)
        app = signing.save(tx, now, signing.from_metadata(now.sign_on, document))
    return answers.JsonAnswer(sign_on.sign_on(app.sign_on))


async def start_import(request: Request) -> Response:
    """Press "Import Now"; answers with the result when it is done, or after `timeout` seconds with "running"."""
    timeout = answers.number(request, "timeout", 60, LONGEST_WAIT)
    desk = desk_of(request)
    with desk.db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        acts.order_import(tx, app)
    await desk.engine.until_line_is_free((app.id, ""), timeout)
    return answers.JsonAnswer(shapes.import_run(apps.get_import(desk.db.read, app.id)))


async def list_candidates(request: Request) -> Response:
    """List the accounts found by an import that belong to no person in Okta yet."""
    db = desk_of(request).db.read
    app = find.app(db, request.path_params["app"])
    return answers.JsonAnswer(
        [
            {"remoteId": candidate.remote_id, "userName": candidate.user_name, "profile": dict(candidate.profile)}
            for candidate in apps.all_candidates(db, app.id)
        ]
    )


async def confirm_candidate(request: Request) -> Response:
    """Make an imported account a new Okta person, assigned and linked."""
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        candidate = acts.get_candidate(tx, app, request.path_params["remote"])
        person = people.add(tx, acts.person_profile(candidate))
        acts.confirm_candidate(tx, app, candidate, person)
    return answers.JsonAnswer(shapes.user(person, str(request.base_url.replace(path="/"))))


async def provision_user(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        app = find.app(tx, request.path_params["app"])
        person = find.person(tx, request.path_params["user"])
        assigning.provision(tx, app, find.assignment(tx, app.id, person.id))
    return Response(status_code=204)


async def force_sync(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        pushed = assigning.force_sync(tx, find.app(tx, request.path_params["app"]))
    return answers.JsonAnswer({"pushed": pushed})


def _attribute(attribute: Attribute) -> shapes.Json:
    return {
        "name": attribute.name,
        "label": attribute.label,
        "externalName": attribute.external_name,
        "externalNamespace": attribute.external_namespace or None,
        "source": attribute.source or None,
        "type": attribute.type,
        "custom": attribute.custom,
    }


def _attributes(app: App) -> Response:
    return answers.JsonAnswer([_attribute(attribute) for attribute in app.mapping])


async def list_attributes(request: Request) -> Response:
    """List the app user attributes with their mapping."""
    return _attributes(find.app(desk_of(request).db.read, request.path_params["app"]))


async def add_attribute(request: Request) -> Response:
    body = await answers.body_of(request)
    with desk_of(request).db.write() as tx:
        app = acts.add_attribute(tx, find.app(tx, request.path_params["app"]), body)
    return _attributes(app)


async def remove_attribute(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        acts.remove_attribute(tx, find.app(tx, request.path_params["app"]), request.path_params["attribute"])
    return Response(status_code=204)


async def list_exchanges(request: Request) -> Response:
    """List SCIM requests with their answers, oldest first, `after` a number; next page in the Link header."""
    limit = answers.limit_of(request)
    entries = log.page_log(
        desk_of(request).db.read,
        kind="exchange",
        app_id=request.query_params.get("appId", ""),
        person_id=request.query_params.get("userId", ""),
        after=answers.number(request, "after", 0, 10**12),
        limit=limit + 1,
    )
    cursor = str(entries[limit - 1].seq) if len(entries) > limit else ""
    return answers.page(request, [shapes.exchange(entry) for entry in entries[:limit]], cursor)


async def list_tasks(request: Request) -> Response:
    """List tasks, newest first: the open ones, or those in `state` (open, retried, dismissed, resolved, all)."""
    db = desk_of(request).db.read
    state = request.query_params.get("state", "open")
    if state not in {"open", "retried", "dismissed", "resolved", "all"}:
        raise refusal.invalid("state", f"state: wanted open, retried, dismissed, resolved or all; got {state!r}.")
    found = queue.all_tasks(db, state="" if state == "all" else state, app_id=request.query_params.get("appId", ""))
    labels = {app.id: app.label for app in apps.all_apps(db)}
    return answers.JsonAnswer([shapes.task(task, labels) for task in found])


async def retry_task(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        tasks.retry(tx, find.task(tx, request.path_params["task"]))
    return Response(status_code=204)


async def dismiss_task(request: Request) -> Response:
    with desk_of(request).db.write() as tx:
        tasks.dismiss(tx, find.task(tx, request.path_params["task"]))
    return Response(status_code=204)


ROUTES = [
    Route("/health", show_health, methods=["GET"]),
    Route("/idle", wait_until_idle, methods=["GET"]),
    Route("/exchanges", list_exchanges, methods=["GET"]),
    Route("/tasks", list_tasks, methods=["GET"]),
    Route("/tasks/{task:int}/retry", retry_task, methods=["POST"]),
    Route("/tasks/{task:int}/dismiss", dismiss_task, methods=["POST"]),
    Route("/apps/{app}/test-credentials", test_credentials, methods=["POST"]),
    Route("/apps/{app}/sp-metadata", read_sp_metadata, methods=["POST"]),
    Route("/apps/{app}/import", start_import, methods=["POST"]),
    Route("/apps/{app}/import/users", list_candidates, methods=["GET"]),
    Route("/apps/{app}/import/users/{remote:path}/confirm", confirm_candidate, methods=["POST"]),
    Route("/apps/{app}/force-sync", force_sync, methods=["POST"]),
    Route("/apps/{app}/attributes", list_attributes, methods=["GET"]),
    Route("/apps/{app}/attributes", add_attribute, methods=["POST"]),
    Route("/apps/{app}/attributes/{attribute}", remove_attribute, methods=["DELETE"]),
    Route("/apps/{app}/users/{user}/provision", provision_user, methods=["POST"]),
]
