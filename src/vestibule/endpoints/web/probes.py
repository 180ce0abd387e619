"""What belongs to no page: files, and the probes of orchestrators."""

from starlette.responses import JSONResponse, PlainTextResponse, Response

from vestibule.endpoints.health import ready
from vestibule.endpoints.web import assets
from vestibule.endpoints.web.visit import Visit


async def show_alive(visit: Visit) -> Response:
    """The process lives; the database is not asked."""
    del visit
    return PlainTextResponse("ok\n")


async def show_ready(visit: Visit) -> Response:
    """Requests can be served: the database answers and has the shape that this program knows."""
    reason = await ready(visit.context)
    return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)


async def show_asset(visit: Visit) -> Response:
    """A file under an address that its content decides, so it may be kept for ever."""
    found = assets.find(visit.path("digest"), visit.path("name"))
    if found is None:
        raise visit.not_found()
    content, kind = found
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=kind, headers=headers)
