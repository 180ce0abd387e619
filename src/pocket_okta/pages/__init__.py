"""The screens, a file per family of pages, and every address of theirs in one list."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta.pages import (
    applications,
    assignments,
    dashboard,
    frame,
    groups,
    importing,
    integration,
    people,
    system_log,
    to_app,
)
from pocket_okta.refusal import Refusal

ROUTES = [
    Route("/", dashboard.show_overview),
    Route("/dashboard/tasks", dashboard.show_tasks),
    Route("/dashboard/tasks/{task:int}/retry", dashboard.retry, methods=["POST"]),
    Route("/dashboard/tasks/{task:int}/dismiss", dashboard.dismiss, methods=["POST"]),
    Route("/directory/people", people.show_people),
    Route("/directory/people/new", people.show_new),
    Route("/directory/people", people.add, methods=["POST"]),
    Route("/directory/people/{person}", people.show_person),
    Route("/directory/people/{person}/edit", people.show_edit),
    Route("/directory/people/{person}/edit", people.edit, methods=["POST"]),
    Route("/directory/people/{person}/password", people.set_password, methods=["POST"]),
    Route("/directory/people/{person}/delete", people.delete, methods=["POST"]),
    Route("/directory/people/{person}/{act}", people.change_state, methods=["POST"]),
    Route("/directory/groups", groups.show_groups),
    Route("/directory/groups", groups.add, methods=["POST"]),
    Route("/directory/groups/{group}", groups.show_group),
    Route("/directory/groups/{group}/edit", groups.edit, methods=["POST"]),
    Route("/directory/groups/{group}/delete", groups.delete, methods=["POST"]),
    Route("/directory/groups/{group}/join", groups.join, methods=["POST"]),
    Route("/directory/groups/{group}/leave", groups.leave, methods=["POST"]),
    Route("/applications", applications.show_applications),
    Route("/applications", applications.add, methods=["POST"]),
    Route("/applications/catalog", applications.show_catalog),
    Route("/applications/new", applications.show_wizard),
    Route("/applications/{app}", applications.show_application),
    Route("/applications/{app}/general", applications.show_general),
    Route("/applications/{app}/general", applications.save_general, methods=["POST"]),
    Route("/applications/{app}/delete", applications.delete, methods=["POST"]),
    Route("/applications/{app}/provisioning", integration.show_provisioning),
    Route("/applications/{app}/provisioning/integration", integration.show_integration),
    Route("/applications/{app}/provisioning/integration", integration.save_integration, methods=["POST"]),
    Route("/applications/{app}/provisioning/to-app", to_app.show_to_app),
    Route("/applications/{app}/provisioning/to-app", to_app.save_to_app, methods=["POST"]),
    Route("/applications/{app}/provisioning/force-sync", to_app.force_sync, methods=["POST"]),
    Route("/applications/{app}/provisioning/attributes", to_app.add_attribute, methods=["POST"]),
    Route("/applications/{app}/provisioning/attributes/remove", to_app.remove_attribute, methods=["POST"]),
    Route("/applications/{app}/provisioning/to-okta", importing.show_to_okta),
    Route("/applications/{app}/assignments", assignments.show_assignments),
    Route("/applications/{app}/assignments/people", assignments.show_assign_people),
    Route("/applications/{app}/assignments/people", assignments.assign_person, methods=["POST"]),
    Route("/applications/{app}/assignments/groups", assignments.show_assign_groups),
    Route("/applications/{app}/assignments/groups", assignments.assign_group, methods=["POST"]),
    Route("/applications/{app}/assignments/groups/remove", assignments.unassign_group, methods=["POST"]),
    Route("/applications/{app}/assignments/provision", assignments.provision, methods=["POST"]),
    Route("/applications/{app}/assignments/{person}", assignments.show_edit),
    Route("/applications/{app}/assignments/{person}", assignments.edit, methods=["POST"]),
    Route("/applications/{app}/assignments/{person}/remove", assignments.unassign_person, methods=["POST"]),
    Route("/applications/{app}/import", importing.show_import),
    Route("/applications/{app}/import", importing.import_now, methods=["POST"]),
    Route("/applications/{app}/import/confirm", importing.confirm, methods=["POST"]),
    Route("/reports/system-log", system_log.show_log),
    Route("/reports/system-log/{seq:int}", system_log.show_entry),
    Route("/security/api/tokens", dashboard.show_tokens),
]

Handler = Callable[[Request, Exception], Awaitable[Response]]
EXCEPTION_HANDLERS: Mapping[type[Exception], Handler] = {
    Refusal: frame.show_refusal,
    HTTPException: frame.show_http_problem,
    Exception: frame.show_breakdown,
}
