"""Reports > System Log: what administrators did, and every SCIM request with its answer."""

from starlette.requests import Request
from starlette.responses import Response

from pocket_okta import refusal
from pocket_okta.desk import desk_of
from pocket_okta.pages.frame import render
from pocket_okta.store import apps, log

SHOWN = 20
SHORT = 2_400  # characters of a body in the list; the entry's own page shows all that was kept


async def show_log(request: Request) -> Response:
    db = desk_of(request).db.read
    query = request.query_params
    before = query.get("before", "")
    entries = log.page_log(
        db,
        kind=query.get("kind", "") if query.get("kind") in {"act", "exchange"} else "",
        app_id=query.get("app", ""),
        outcome="FAILURE" if query.get("outcome") == "FAILURE" else "",
        before=int(before) if before.isascii() and before.isdigit() else 0,
        limit=SHOWN + 1,
    )
    return render(
        request,
        "system_log.html",
        entries=entries[:SHOWN],
        older=entries[SHOWN - 1].seq if len(entries) > SHOWN else 0,
        apps=apps.all_apps(db),
        chosen={"app": query.get("app", ""), "kind": query.get("kind", ""), "outcome": query.get("outcome", "")},
        newest=not before,
        short=SHORT,
    )


async def show_entry(request: Request) -> Response:
    db = desk_of(request).db.read
    entry = log.get_entry(db, request.path_params["seq"])
    if entry is None:
        raise refusal.not_found("LogEntry", str(request.path_params["seq"]))
    return render(request, "log_entry.html", entry=entry, app=apps.get_app(db, entry.app_id))
