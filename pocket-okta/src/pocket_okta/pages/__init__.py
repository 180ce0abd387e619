"""The screens, one file per family of pages, and a list of all their routes."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pocket_okta.pages import (
    applications,
    assignments,
    cycles,
    dashboard,
    enduser,
    frame,
    group_push,
    group_rules,
    groups,
    importing,
    integration,
    people,
    sign_on,
    slo,
    sso,
    system_log,
    to_app,
)
from pocket_okta.refusal import Refusal

MAX_FORM = 256 * 1024  # bytes


def _button(path: str, handler: Callable[[Request], Awaitable[Response]]) -> Route:
    """What a form or a button posts to."""
    return Route(path, handler, methods=["POST"], max_body_size=MAX_FORM)


ROUTES = [
    Route("/", dashboard.show_overview),
    Route("/dashboard/tasks", dashboard.show_tasks),
    _button("/dashboard/tasks/{task:int}/retry", dashboard.retry),
    _button("/dashboard/tasks/{task:int}/dismiss", dashboard.dismiss),
    Route("/directory/people", people.show_people),
    Route("/directory/people/new", people.show_new),
    _button("/directory/people", people.add),
    Route("/directory/people/{person}", people.show_person),
    Route("/directory/people/{person}/edit", people.show_edit),
    _button("/directory/people/{person}/edit", people.edit),
    _button("/directory/people/{person}/password", people.set_password),
    _button("/directory/people/{person}/delete", people.delete),
    _button("/directory/people/{person}/sessions/clear", people.clear_sessions),
    _button("/directory/people/{person}/{act}", people.change_state),
    Route("/directory/groups", groups.show_groups),
    _button("/directory/groups", groups.add),
    Route("/directory/groups/{group}", groups.show_group),
    _button("/directory/groups/{group}/edit", groups.edit),
    _button("/directory/groups/{group}/delete", groups.delete),
    _button("/directory/groups/{group}/join", groups.join),
    _button("/directory/groups/{group}/leave", groups.leave),
    Route("/applications", applications.show_applications),
    _button("/applications", applications.add),
    Route("/applications/catalog", applications.show_catalog),
    Route("/applications/new", applications.show_wizard),
    Route("/applications/{app}", applications.show_application),
    Route("/applications/{app}/general", applications.show_general),
    _button("/applications/{app}/general", applications.save_general),
    _button("/applications/{app}/delete", applications.delete),
    Route("/applications/{app}/sign-on", sign_on.show_sign_on),
    _button("/applications/{app}/sign-on", sign_on.save_sign_on),
    _button("/applications/{app}/sign-on/metadata", sign_on.read_metadata),
    _button("/applications/{app}/sign-on/keys", sign_on.generate_key),
    _button("/applications/{app}/sign-on/keys/activate", sign_on.activate_key),
    Route("/applications/{app}/provisioning", integration.show_provisioning),
    Route("/applications/{app}/provisioning/integration", integration.show_integration),
    _button("/applications/{app}/provisioning/integration", integration.save_integration),
    Route("/applications/{app}/provisioning/to-app", to_app.show_to_app),
    _button("/applications/{app}/provisioning/to-app", to_app.save_to_app),
    _button("/applications/{app}/provisioning/force-sync", to_app.force_sync),
    _button("/applications/{app}/provisioning/attributes", to_app.add_attribute),
    _button("/applications/{app}/provisioning/attributes/remove", to_app.remove_attribute),
    Route("/applications/{app}/provisioning/cycle", cycles.show_cycle),
    _button("/applications/{app}/provisioning/cycle/{act}", cycles.act),
    _button("/applications/{app}/provisioning/on-demand", cycles.on_demand),
    Route("/applications/{app}/provisioning/to-okta", importing.show_to_okta),
    Route("/applications/{app}/assignments", assignments.show_assignments),
    Route("/applications/{app}/assignments/people", assignments.show_assign_people),
    _button("/applications/{app}/assignments/people", assignments.assign_person),
    Route("/applications/{app}/assignments/groups", assignments.show_assign_groups),
    _button("/applications/{app}/assignments/groups", assignments.assign_group),
    _button("/applications/{app}/assignments/groups/remove", assignments.unassign_group),
    Route("/applications/{app}/assignments/groups/{group}", assignments.show_edit_group),
    _button("/applications/{app}/assignments/groups/{group}", assignments.edit_group),
    _button("/applications/{app}/assignments/provision", assignments.provision),
    Route("/applications/{app}/assignments/{person}", assignments.show_edit),
    _button("/applications/{app}/assignments/{person}", assignments.edit),
    _button("/applications/{app}/assignments/{person}/remove", assignments.unassign_person),
    Route("/applications/{app}/push-groups", group_push.show_push_groups),
    _button("/applications/{app}/push-groups", group_push.push),
    _button("/applications/{app}/push-groups/bulk", group_push.bulk_edit),
    _button("/applications/{app}/push-groups/settings", group_push.save_settings),
    Route("/applications/{app}/push-groups/find", group_push.show_find),
    Route("/applications/{app}/push-groups/rules/new", group_rules.show_new),
    _button("/applications/{app}/push-groups/rules", group_rules.add),
    Route("/applications/{app}/push-groups/rules/{rule}/delete", group_rules.show_delete),
    _button("/applications/{app}/push-groups/rules/{rule}/delete", group_rules.delete),
    _button("/applications/{app}/push-groups/rules/{rule}/{act}", group_rules.switch),
    Route("/applications/{app}/push-groups/{push}/unlink", group_push.show_unlink),
    _button("/applications/{app}/push-groups/{push}/unlink", group_push.unlink),
    _button("/applications/{app}/push-groups/{push}/now", group_push.push_now),
    _button("/applications/{app}/push-groups/{push}/{act}", group_push.switch),
    Route("/applications/{app}/import", importing.show_import),
    _button("/applications/{app}/import", importing.import_now),
    _button("/applications/{app}/import/confirm", importing.confirm),
    Route("/app/UserHome", enduser.show_home),
    Route("/app/{key}/sso/saml/metadata", sso.show_metadata),
    Route("/app/{name}/{key}/sso/saml", sso.start),
    _button("/app/{name}/{key}/sso/saml", sso.start),
    Route("/app/{name}/{key}/slo/saml", slo.take),
    _button("/app/{name}/{key}/slo/saml", slo.take),
    Route("/app/{name}/{key}/slo/saml/callback", slo.take),
    _button("/app/{name}/{key}/slo/saml/callback", slo.take),
    Route("/login", enduser.show_sign_in),
    _button("/login", enduser.sign_in),
    Route("/login/continue/{key}", sso.resume),
    _button("/login/signout", enduser.sign_out),
    Route("/login/signout/{key}", slo.show_farewell),
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
