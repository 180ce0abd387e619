"""What all screens share: templates, the frame with its navigation, notices, forms, and how a refusal is shown.

The rule: a page works without JavaScript; every form answers with a redirect that carries a notice by its key, or with
the form again, holding what was typed and saying what is wrong beside the field.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jinja2
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pocket_okta import __version__
from pocket_okta.desk import desk_of
from pocket_okta.org import Status
from pocket_okta.refusal import Kind, Refusal
from pocket_okta.store import queue

# Okta's own places, in Okta's order: heading, then (label, address).
NAVIGATION = (
    ("Dashboard", (("Overview", "/"), ("Tasks", "/dashboard/tasks"), ("End user dashboard", "/app/UserHome"))),
    ("Directory", (("People", "/directory/people"), ("Groups", "/directory/groups"))),
    ("Applications", (("Applications", "/applications"),)),
    ("Security", (("API", "/security/api/tokens"),)),
    ("Reports", (("System Log", "/reports/system-log"),)),
)

VISITORS = ("/app/", "/login")  # where the pages for people of the org begin

STATUS_WORDS = {
    Status.STAGED: "Staged",
    Status.ACTIVE: "Active",
    Status.SUSPENDED: "Suspended",
    Status.DEPROVISIONED: "Deactivated",
}
STATUS_TONES = {
    Status.STAGED: "quiet",
    Status.ACTIVE: "good",
    Status.SUSPENDED: "warn",
    Status.DEPROVISIONED: "quiet",
}


def pretty(text: str) -> str:
    """Indent a body that is JSON; leave any other as it is."""
    try:
        return orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return text


def path_of(url: str) -> str:
    """Return an address without its host and readable: what a log line has room for."""
    parts = urlsplit(url)
    return f"{parts.path}?{unquote(parts.query)}" if parts.query else parts.path


def moment(value: str) -> str:
    """Return an instant as the page shows it: 2026-11-24 02:23:19 UTC. The script rewrites it in local time."""
    return f"{value[:10]} {value[11:19]} UTC" if value else "never"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"pretty": pretty, "path_of": path_of, "moment": moment}
_TEMPLATES.globals |= {
    "navigation": NAVIGATION,
    "status_words": STATUS_WORDS,
    "status_tones": STATUS_TONES,
    "version": __version__,
}


def render(request: Request, template: str, status: int = 200, **context: object) -> Response:
    """Return a page. The notice that a redirect left behind is shown on it."""
    desk = desk_of(request)
    page = _TEMPLATES.get_template(template).render(
        context
        | {
            "here": request.url.path,
            "notice": context.get("notice") or desk.notices.find(request.query_params.get("said", "")),
            "dialect": desk.dialect,
            "open_tasks": queue.count_open_tasks(desk.db.read),
        }
    )
    return HTMLResponse(page, status)


def go(request: Request, path: str, sentence: str = "", tone: str = "good") -> Response:
    """Send the browser to a page of this program, with a sentence to show there."""
    if sentence:
        path += f"{'&' if '?' in path else '?'}said={desk_of(request).notices.keep(tone, sentence)}"
    return RedirectResponse(path, 303)


def back(request: Request, default: str, sentence: str, tone: str = "good") -> Response:
    """Send the browser back to the page its form was on."""
    came_from = urlsplit(request.headers.get("referer", ""))
    same = came_from.netloc == request.headers.get("host") and came_from.path.startswith("/")
    return go(request, came_from.path if same and not came_from.path.startswith("//") else default, sentence, tone)


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a form: the field it is about (blank for the whole form) and the sentence to show."""

    field: str = ""
    sentence: str = ""


def wrong(refused: Refusal) -> Wrong:
    """Return a refusal as a form shows it, or raise it again when it is not about the form."""
    if refused.kind is not Kind.INVALID:
        raise refused
    return Wrong(refused.field, refused.message)


async def form_of(request: Request) -> dict[str, str]:
    """Return the text fields of a form; of a field sent twice, the last. Files are left out."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def ticked(form: Mapping[str, str], name: str) -> bool:
    return form.get(name) == "on"


async def show_refusal(request: Request, refused: Exception) -> Response:
    """Show why an act was refused: as a notice on the page the button was on, or as a page of its own.

    Who comes from an application sees it as a page outside the administrator's frame.
    """
    if not isinstance(refused, Refusal):
        raise refused
    visitor = request.url.path.startswith(VISITORS)
    if (
        not visitor
        and request.method == "POST"
        and refused.kind is not Kind.NOT_FOUND
        and request.headers.get("referer")
    ):
        return back(request, "/", refused.message, "bad")
    heading = "Not found" if refused.kind is Kind.NOT_FOUND else "That cannot be done"
    template = "stopped.html" if visitor else "refused.html"
    return render(request, template, refused.kind.value, heading=heading, sentence=refused.message)


async def show_http_problem(request: Request, problem: Exception) -> Response:
    if not isinstance(problem, HTTPException):
        raise problem
    heading = "Not found" if problem.status_code == 404 else "That cannot be done"
    sentence = f"There is no page at {request.url.path}." if problem.status_code == 404 else f"{problem.detail}."
    return render(request, "refused.html", problem.status_code, heading=heading, sentence=sentence)


async def show_breakdown(_request: Request, _problem: Exception) -> Response:
    """The program itself failed. The page is plain, because whatever failed may be what pages are made with."""
    return HTMLResponse("<!doctype html><title>Error</title><p>The pocket Okta failed. Its own log says why.</p>", 500)
