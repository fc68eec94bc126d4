"""The application: every route of every subject, guarded, under /api/v1, and the live socket.

Nothing is reachable that has no declaration: a route without one is not built.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from controller.access.identity import require
from controller.access.roles import Permission
from controller.api.declared import MARK, Declared, Routes
from controller.api.direct import take_direct
from controller.api.guarded import GuardedRoute, problem_response
from controller.api.live import converse, no_place
from controller.api.openapi import DESCRIPTION, complete, operation
from controller.api.outer import App, Outer
from controller.api.parts import Parts
from controller.api.problems import Problem, problem_of
from controller.api.routes import ALL
from controller.core.errors import DrylineError

PREFIX = "/api/v1"
LIVE = f"{PREFIX}/live"
_CODES = {404: "path", 405: "method", 415: "media type"}


def create_app(parts: Parts, routes: Sequence[Routes] = ALL) -> FastAPI:
    """The application without its outermost layer."""
    app = bare_app(routes)
    app.state.parts = parts
    return app


def bare_app(routes: Sequence[Routes] = ALL) -> FastAPI:
    """Its routes and its document, without a line behind them."""
    app = FastAPI(
        title="Dryline",
        version=version("dryline"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers={HTTPException: _unusual, Exception: _fault},
    )
    for group in routes:
        for declared, endpoint in group.all:
            _add(app, declared, endpoint)
    app.router.routes.append(WebSocketRoute(LIVE, live))
    app.state.document = complete(app.openapi())
    return app


def outer(app: App, parts: Parts, *, strict_transport: bool = False) -> Outer:
    """With everything around it, as it is served."""
    return Outer(
        app, lambda: parts.door.settings, parts.counts, parts.given.clock.link_s,
        strict_transport=strict_transport,
    )  # fmt: skip


def _add(app: FastAPI, declared: Declared, endpoint: Callable[..., Any]) -> None:
    rooted = declared.path.startswith("//")  # what supervisors of processes look for
    path = declared.path[1:] if rooted else PREFIX + declared.path
    app.router.add_api_route(
        path,
        endpoint,
        methods=[declared.method],
        status_code=declared.status,
        response_model=None,
        route_class_override=GuardedRoute,
        **operation(declared),
    )


async def live(websocket: WebSocket) -> None:
    """The live socket: who may view may look; the page it comes from is checked first."""
    parts: Parts = websocket.app.state.parts
    try:
        caller = await parts.guard.caller(websocket, "GET", socket=True)
        if caller.identity is None:
            raise Problem("session", ["log in first"])
        require(caller.identity, Permission.VIEW)
    except DrylineError as error:
        problem = problem_of(error)
        await websocket.send_denial_response(problem_response(problem))
        return
    token = caller.token if caller.own is None else None
    connection = parts.hub.admit(caller.identity, token)
    if connection is None:
        await no_place(websocket)
        return
    connection.direct = take_direct(websocket)
    await websocket.accept()
    await converse(websocket, parts.hub, connection)


setattr(live, MARK, "live")


async def _unusual(_: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, not this method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = _CODES.get(status, "request")
    headers = dict(getattr(error, "headers", None) or {})
    return problem_response(Problem(code, [], status=status, headers=headers))


async def _fault(_: Request, error: Exception) -> Response:
    """A fault of the program: the server writes it into its log, nobody outside hears of it."""
    return problem_response(Problem("internal", []))
