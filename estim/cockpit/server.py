"""The cockpit's page on 127.0.0.1, by Starlette and uvicorn: nothing outside of this machine is asked for anything."""

from importlib.resources import files
from typing import Any

from estim.arguments import ArgumentError
from estim.cockpit.moves import Cockpit

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"


def application(cockpit: Cockpit) -> Any:
    """The page, what it shows, and the answers to moves, as an ASGI application.

    Raises:
        ArgumentError: Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.requests import Request
        from starlette.responses import HTMLResponse, JSONResponse, Response
        from starlette.routing import Route
    except ImportError:
        raise ArgumentError("the cockpit needs starlette and uvicorn: pip install 'estim[cockpit]'") from None
    from starlette.concurrency import run_in_threadpool

    page = files("estim.cockpit").joinpath("page.html").read_text(encoding="utf-8")

    async def index(request: Request) -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    async def contents(request: Request) -> Response:
        return JSONResponse(describe(cockpit))

    def answering(call: Any) -> Any:
        async def answer(request: Request) -> Response:
            given = await request.json()
            if not isinstance(given, dict) or not all(isinstance(x, int | float) for x in given.values()):
                return JSONResponse({"failed": "levers must be numbers by name"}, status_code=400)
            return JSONResponse(await run_in_threadpool(call, given))

        return answer

    routes = [
        Route("/", index),
        Route("/contents", contents),
        Route("/move", answering(cockpit.move), methods=["POST"]),
        Route("/exact", answering(cockpit.exact), methods=["POST"]),
        Route("/settle", answering(cockpit.settle), methods=["POST"]),
    ]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[hosts])


def describe(cockpit: Cockpit) -> dict[str, Any]:
    """What the page has to know before the first move."""
    return {
        "title": cockpit.model.name,
        "reference": cockpit.model.reference,
        "what": cockpit.view.what,
        "series": cockpit.view.series,
        "parts": cockpit.parts,
        "levers": [lever._asdict() | {"id": f"{lever.group}:{lever.name}"} for lever in cockpit.levers],
        "seconds": cockpit.seconds,
        "estimated": cockpit.estimated is not None,
    }


def serve(cockpit: Cockpit, port: int) -> None:
    """Serve the page until it is interrupted.

    Raises:
        ArgumentError: uvicorn is not installed.
    """
    app = application(cockpit)
    try:
        import uvicorn
    except ImportError:
        raise ArgumentError("the cockpit needs starlette and uvicorn: pip install 'estim[cockpit]'") from None
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
