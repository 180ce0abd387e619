from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vestibule.endpoints.context import Context
from vestibule.endpoints.health import ready


def console(context: Context) -> Starlette:
    async def show_alive(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def show_ready(request: Request) -> Response:
        reason = await ready(context)
        return JSONResponse({"ready": not reason, "reason": reason}, status_code=503 if reason else 200)

    return Starlette(routes=[Route("/healthz", show_alive), Route("/readyz", show_ready)])
