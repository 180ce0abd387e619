"""All URLs of the program, with who may call them and the form of their errors.

Who: `anyone`; an administrator with at least the role `auditor`, `admin` or `owner` in the tenant of the URL; an
`operator`. The SCIM endpoint routes its own URLs, which need a valid credential of an identity provider. They are
listed here for the reader, and tests compare the list with the endpoint.
"""

from typing import Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route as FrameworkRoute

from vestibule.endpoints.console import (
    access,
    account,
    activity,
    activity_export,
    administrators,
    applications,
    entrance,
    filled,
    groups,
    mapping,
    overview,
    passkey_entrance,
    providers,
    provisioning,
    roles,
    rule_preview,
    saml_details,
    saml_settings,
    second_step,
    tenants,
    users,
)
from vestibule.endpoints.context import Context
from vestibule.endpoints.person import home
from vestibule.endpoints.saml import consumer, login, logout, universal_logout
from vestibule.endpoints.web import probes
from vestibule.endpoints.web.guard import Route, guarded, headers_of
from vestibule.endpoints.web.rendering import render

_IN: Final = "/console/{tenant}"
_IDP: Final = _IN + "/identity-providers/{provider_id}"
_APP: Final = _IN + "/applications/{application_id}"
_GROUP: Final = _IN + "/groups/{group_id}"
_USER: Final = _IN + "/users/{user_id}"
_SP: Final = "/saml/{tenant}/{provider_id}"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/", entrance.show_front, "anyone"),
    Route("GET", "/healthz", probes.show_alive, "anyone", "text"),
    Route("GET", "/readyz", probes.show_ready, "anyone", "json"),
    Route("GET", "/static/{digest}/{name}", probes.show_asset, "anyone", "text"),
    Route("GET", "/setup/{token}", entrance.show_link, "anyone"),
    Route("POST", "/setup/{token}", entrance.use_link, "anyone"),
    Route("GET", "/console/sign-in", entrance.show_sign_in, "anyone"),
    Route("POST", "/console/sign-in", entrance.sign_in_administrator, "anyone"),
    Route("GET", "/console/passkey", passkey_entrance.show_passkey, "anyone"),
    Route("POST", "/console/passkey", passkey_entrance.sign_in, "anyone"),
    Route("GET", "/console/second-step", second_step.show_step, "anyone"),
    Route("POST", "/console/second-step", second_step.take_step, "anyone"),
    Route("POST", "/console/sign-out", entrance.sign_out, "auditor", without_factor=True),
    # My account
    Route("GET", "/console/account", account.show_account, "auditor", without_factor=True),
    Route("GET", "/console/account/again", account.show_again, "auditor", without_factor=True),
    Route("POST", "/console/account/again", account.sign_in_again, "auditor", without_factor=True),
    Route("GET", "/console/account/kept-form", account.show_kept_form, "auditor", without_factor=True),
    Route("POST", "/console/account/password", account.change_password, "auditor"),
    Route("POST", "/console/account/factors", account.begin_factor, "auditor", without_factor=True),
    Route("POST", "/console/account/factors/{factor_id}/remove", account.remove_factor, "auditor"),
    Route("GET", "/console/account/new-factor", account.show_new_factor, "auditor", without_factor=True),
    Route("POST", "/console/account/new-factor", account.add_factor, "auditor", without_factor=True),
    Route("POST", "/console/account/recovery-codes", account.make_codes, "auditor"),
    Route("GET", "/console/", tenants.show_tenants, "auditor"),
    Route("POST", "/console/", tenants.add_tenant, "operator"),
    Route("GET", _IN + "/", overview.show_overview, "auditor"),
    # People > Users
    Route("GET", _IN + "/users", users.show_users, "auditor"),
    Route("GET", _IN + "/users/new", users.show_new_user, "admin"),
    Route("POST", _IN + "/users/new", users.add_user, "admin"),
    Route("GET", _USER, users.show_user, "auditor"),
    Route("POST", _USER, users.change_user, "admin"),
    Route("POST", _USER + "/active", users.set_active, "admin"),
    Route("POST", _USER + "/delete", users.delete_user, "admin"),
    Route("GET", _USER + "/blocked", access.confirm_blocking, "admin"),
    Route("POST", _USER + "/blocked", access.set_blocked, "admin"),
    Route("POST", _USER + "/sessions/end", access.end_sessions, "admin"),
    # People > Groups
    Route("GET", _IN + "/groups", groups.show_groups, "auditor"),
    Route("GET", _IN + "/groups/new", groups.show_new_group, "admin"),
    Route("POST", _IN + "/groups/new", groups.add_group, "admin"),
    Route("GET", _GROUP, groups.show_group, "auditor"),
    Route("POST", _GROUP, groups.rename_group, "admin"),
    Route("POST", _GROUP + "/members", groups.add_members, "admin"),
    Route("POST", _GROUP + "/members/remove", groups.remove_member, "admin"),
    Route("POST", _GROUP + "/delete", groups.delete_group, "admin"),
    # Integrations > Identity Providers
    Route("GET", _IN + "/identity-providers", providers.show_providers, "auditor"),
    Route("GET", _IN + "/identity-providers/new", providers.show_new_provider, "admin"),
    Route("POST", _IN + "/identity-providers/new", providers.add_provider, "admin"),
    Route("GET", _IDP, providers.show_provider, "auditor"),
    Route("GET", _IDP + "/live", providers.show_live, "auditor", keeps_alive=False),
    Route("GET", _IDP + "/steps", providers.show_steps, "auditor", keeps_alive=False),
    Route("GET", _IDP + "/activity", providers.show_provider_activity, "auditor"),
    Route("GET", _IDP + "/settings", providers.show_settings, "auditor"),
    Route("POST", _IDP + "/settings", providers.change_settings, "admin"),
    Route("GET", _IDP + "/sign-in", saml_details.show_sign_in, "auditor"),
    Route("POST", _IDP + "/saml", saml_details.change_saml, "admin"),
    Route("POST", _IDP + "/saml/confirm", saml_details.confirm_saml, "admin"),
    Route("POST", _IDP + "/saml/read-again", saml_details.read_again, "admin"),
    Route("POST", _IDP + "/sign-on", saml_settings.change_sign_on, "admin"),
    Route("POST", _IDP + "/certificates", saml_settings.change_certificates, "admin"),
    Route("POST", _IDP + "/saml-keys", saml_settings.change_keys, "admin"),
    Route("GET", _IDP + "/sign-in-test", saml_settings.begin_test, "admin"),
    Route("GET", _IDP + "/sign-in-test/{request_id}", saml_settings.show_test, "auditor"),
    Route("GET", _IDP + "/provisioning", provisioning.show_provisioning, "auditor"),
    Route("POST", _IDP + "/provisioning", provisioning.switch, "admin"),
    Route("POST", _IDP + "/keys", provisioning.make_key, "admin"),
    Route("GET", _IDP + "/keys/{credential_id}/retire", provisioning.confirm_retiring, "admin"),
    Route("POST", _IDP + "/keys/{credential_id}/retire", provisioning.retire_key, "admin"),
    Route("GET", _IDP + "/mapping", mapping.show_mapping, "auditor"),
    Route("POST", _IDP + "/mapping", mapping.change_mapping, "admin"),
    Route("GET", _IDP + "/mapping/progress", mapping.show_progress, "auditor", keeps_alive=False),
    Route("GET", _IDP + "/mapping/filled", filled.show_filled, "admin", "json", keeps_alive=False),
    Route("GET", _IDP + "/roles", roles.show_roles, "auditor"),
    Route("POST", _IDP + "/roles", roles.change_roles, "admin"),
    Route("GET", _IDP + "/previews/{preview_id}", rule_preview.show_preview, "admin"),
    Route("POST", _IDP + "/previews/{preview_id}", rule_preview.save_draft, "admin"),
    Route("POST", _IDP + "/versions/restore", rule_preview.restore_version, "admin"),
    # Integrations > Applications
    Route("GET", _IN + "/applications", applications.show_applications, "auditor"),
    Route("POST", _IN + "/applications", applications.add_application, "admin"),
    Route("GET", _APP, applications.show_application, "auditor"),
    Route("POST", _APP, applications.change_application, "admin"),
    Route("POST", _APP + "/remove", applications.remove_application, "admin"),
    # Activity
    Route("GET", _IN + "/activity", activity.show_activity, "auditor", of_house=True),
    Route("GET", _IN + "/activity/new", activity.show_new_count, "auditor", "json", keeps_alive=False, of_house=True),
    Route("GET", _IN + "/activity/export", activity_export.export_activity, "auditor", of_house=True),
    Route("GET", _IN + "/activity/{event_id}", activity.show_event, "auditor", of_house=True),
    # Settings
    Route("GET", _IN + "/tenant", tenants.show_tenant, "auditor"),
    Route("POST", _IN + "/tenant/sessions", tenants.change_session_limits, "owner"),
    Route("POST", _IN + "/tenant/factor-required", tenants.change_factor_required, "owner"),
    Route("GET", _IN + "/administrators", administrators.show_administrators, "auditor", of_house=True),
    Route("POST", _IN + "/administrators", administrators.invite_administrator, "owner", of_house=True),
    Route("POST", _IN + "/administrators/{administrator_id}/link", administrators.renew_link, "owner", of_house=True),
    Route(
        "GET",
        _IN + "/administrators/{administrator_id}/enabled",
        administrators.confirm_locking_out,
        "owner",
        of_house=True,
    ),
    Route("POST", _IN + "/administrators/{administrator_id}/role", administrators.change_role, "owner"),
    Route(
        "POST", _IN + "/administrators/{administrator_id}/enabled", administrators.set_enabled, "owner", of_house=True
    ),
    # People. These come last, because a tenant's name may be anything that no other path begins with.
    Route("GET", _SP + "/metadata", login.show_metadata, "anyone", "text"),
    Route("GET", _SP + "/login", login.begin_login, "anyone"),
    Route("POST", _SP + "/acs", consumer.receive, "anyone", from_elsewhere=True),
    Route("GET", _SP + "/logout", logout.receive_logout, "anyone"),
    Route("POST", _SP + "/logout", logout.receive_logout, "anyone", from_elsewhere=True),
    Route("POST", _SP + "/global-token-revocation", universal_logout.revoke, "anyone", "json", from_elsewhere=True),
    Route("GET", "/{tenant}/", home.show_home, "anyone"),
    Route("GET", "/{tenant}/me", home.show_me, "anyone", "json"),
    Route("POST", "/{tenant}/sessions/{session_id}/end", home.end_session, "person"),
    Route("POST", "/{tenant}/sign-out", home.sign_out, "person"),
)

PEOPLES: Final = 4
"""How many routes at the end begin with a tenant's name. Nearly every path matches them."""

SCIM_ROUTES: Final[tuple[tuple[str, str], ...]] = (
    ("GET", "/scim/v2/{tenant}"),
    ("POST", "/scim/v2/{tenant}/.search"),
    ("POST", "/scim/v2/{tenant}/Bulk"),
    ("GET", "/scim/v2/{tenant}/Users"),
    ("POST", "/scim/v2/{tenant}/Users"),
    ("GET", "/scim/v2/{tenant}/Users/{id}"),
    ("PUT", "/scim/v2/{tenant}/Users/{id}"),
    ("PATCH", "/scim/v2/{tenant}/Users/{id}"),
    ("DELETE", "/scim/v2/{tenant}/Users/{id}"),
    ("POST", "/scim/v2/{tenant}/Users/.search"),
    ("GET", "/scim/v2/{tenant}/Groups"),
    ("POST", "/scim/v2/{tenant}/Groups"),
    ("GET", "/scim/v2/{tenant}/Groups/{id}"),
    ("PUT", "/scim/v2/{tenant}/Groups/{id}"),
    ("PATCH", "/scim/v2/{tenant}/Groups/{id}"),
    ("DELETE", "/scim/v2/{tenant}/Groups/{id}"),
    ("POST", "/scim/v2/{tenant}/Groups/.search"),
    ("GET", "/scim/v2/{tenant}/ServiceProviderConfig"),
    ("GET", "/scim/v2/{tenant}/ResourceTypes"),
    ("GET", "/scim/v2/{tenant}/ResourceTypes/{id}"),
    ("GET", "/scim/v2/{tenant}/Schemas"),
    ("GET", "/scim/v2/{tenant}/Schemas/{id}"),
)


def console(context: Context) -> Starlette:
    """Returns the Starlette application for everything but SCIM."""
    routes = [FrameworkRoute(route.path, guarded(route, context), methods=[route.method]) for route in ROUTES]

    async def unrouted(request: Request, error: Exception) -> Response:
        """Answer a request that matches no route."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        said = {404: "There is nothing at this address.", 405: "This address does not accept this method."}
        headers, path = dict(headers_of(context.settings)), request.scope["path"]
        other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        if status == 404 and _allowed(routes[:-PEOPLES], other):
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(quote(other) + query, 307, headers)
        if status == 405:
            headers["allow"] = _allowed(routes, path)
        sentence = said.get(status, "This request cannot be answered.")
        # Browsers ask for HTML; other clients get one line of text.
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(render("unrouted.html", status=status, sentence=sentence, notice=""), status, headers)
        return PlainTextResponse(f"{sentence}\n", status, headers)

    app = Starlette(routes=routes, exception_handlers={HTTPException: unrouted})
    app.router.redirect_slashes = False  # it would redirect to any Host header; `unrouted` does it safely
    return app


def _allowed(routes: list[FrameworkRoute], path: str) -> str:
    """Returns all methods of an address. Starlette lists only those of its first route."""
    methods = {each for route in routes if route.path_regex.match(path) for each in route.methods or ()}
    return ", ".join(sorted(methods))
