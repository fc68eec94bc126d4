"""The outermost layer: names, sizes, times, headers, and one log line a change. Plain ASGI.

Nothing comes further that is for another host, too large or too slow; nothing goes out without the
headers that browsers need to be careful, and no fault of the program tells of itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from controller.access.settings import AccessSettings
from controller.access.web_guard import SAFE_METHODS, wrong_host
from controller.access.web_headers import security_headers
from controller.api.counts import Counts
from controller.api.declared import MARK
from controller.api.logs import members
from controller.api.problems import PROBLEM, Problem
from controller.api.who import AT_TERMINAL

log = logging.getLogger("dryline.api")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 320 * 1024
MAX_PATH, MAX_QUERY, MAX_HEADERS = 1_000, 16_000, 60
MAX_HEAD = 32 * 1024  # of all headers together: what comes in one piece the parser takes whole
BODY_S = 15.0  # for a body to come
ANSWER_S = 60.0  # for an answer to begin


class Outer:
    """Around the application of the API."""

    def __init__(
        self, app: App, settings: Callable[[], AccessSettings], counts: Counts,
        link_s: Callable[[], float], *, strict_transport: bool = False,
    ) -> None:  # fmt: skip
        self._app, self._settings, self._counts, self._link_s = app, settings, counts, link_s
        self._headers = _encoded(security_headers(strict_transport=strict_transport))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run()
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self.refusal(scope)
        if problem is None:
            await self._app(scope, receive, send)
            return
        await receive()
        body = problem.body
        head = {"type": "websocket.http.response.start", "status": problem.status,
                "headers": [(b"content-type", PROBLEM.encode()), *self._headers]}  # fmt: skip
        await send(head)
        await send({"type": "websocket.http.response.body", "body": body})

    def refusal(self, scope: Scope) -> Problem | None:
        """Why a request is not looked at any further."""
        path = str(scope.get("path", ""))
        if len(path) > MAX_PATH or len(scope.get("query_string", b"")) > MAX_QUERY:
            return Problem("too large", ["the address is too long"], status=414)
        if not path.isprintable():
            return Problem("path", ["there is no such path"])
        if len(scope["headers"]) > MAX_HEADERS:
            return Problem("too large", ["too many headers"], status=431)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEAD:
            return Problem("too large", ["the headers are too long"], status=431)
        if scope.get(AT_TERMINAL):
            return None
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        denial = wrong_host(headers, self._settings())
        return Problem(denial.code, [denial.reason], status=denial.status) if denial else None


class _Exchange:
    """One request and its answer."""

    def __init__(self, outer: Outer, scope: Scope, receive: Receive, send: Send) -> None:
        self._o, self._scope, self._receive, self._send = outer, scope, receive, send
        self._status = 0
        self._read, self._complete = 0, False
        self._begun_s = outer._link_s()  # noqa: SLF001 - one module

    async def run(self) -> None:
        outer = self._o
        problem = outer.refusal(self._scope)
        try:
            if problem is not None:
                await self._answer(problem)
            else:
                await self._answered()
        finally:
            outer._counts.request(str(self._scope["method"]), self._status)  # noqa: SLF001
            self._log()

    async def _answered(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S) as self._patience:
                await self._o._app(self._scope, self._bounded, self._sent)  # noqa: SLF001
        except Problem as error:
            await self._answer(error)
        except TimeoutError:
            told = "it took too long, and may have been done all the same: look"
            await self._answer(Problem("too long", [told]))

    async def _bounded(self) -> Message:
        try:
            async with asyncio.timeout(None if self._complete else BODY_S):
                message = await self._receive()
        except TimeoutError:
            raise Problem("too long", ["the request came too slowly"], status=408) from None
        self._complete = self._complete or not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > MAX_BODY:
            raise Problem("too large", [f"at most {MAX_BODY} bytes"])
        return message

    async def _sent(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = int(message["status"])
            self._patience.reschedule(None)  # what it streams may take its time
            had = {name.lower() for name, _ in message["headers"]}
            more = [(k, v) for k, v in self._o._headers if k.lower() not in had]  # noqa: SLF001
            message = {**message, "headers": [*message["headers"], *more]}
        await self._send(message)

    async def _answer(self, problem: Problem) -> None:
        if self._status:  # it has begun: all that is left is to break it off
            return
        self._status = problem.status
        own = {"Content-Type": PROBLEM, "Content-Length": str(len(problem.body)),
               "Connection": "close", **problem.headers}  # fmt: skip
        headers = [*_encoded(own), *self._o._headers]  # noqa: SLF001
        start = {"type": "http.response.start", "status": problem.status, "headers": headers}
        await self._send(start)
        await self._send({"type": "http.response.body", "body": problem.body})

    def _log(self) -> None:
        """One line for a change, whatever became of it; reading is no news."""
        scope = self._scope
        if scope["method"] in SAFE_METHODS or not 200 <= self._status < 300:
            return
        declared = getattr(getattr(scope.get("route"), "endpoint", None), MARK, None)
        if not getattr(declared, "told", True):
            return
        caller = scope.get("state", {}).get("caller")
        identity = getattr(caller, "identity", None)
        took_ms = round(1000 * (self._o._link_s() - self._begun_s))  # noqa: SLF001
        by = identity.actor if identity else None
        said = {
            "by": by.name if by else "nobody", "from": getattr(caller, "address", ""),
            "method": scope["method"], "route": getattr(scope.get("route"), "path", ""),
            **scope.get("path_params", {}), "status": self._status, "ms": took_ms,
        }  # fmt: skip
        log.info("change %s", members(**{k: v for k, v in said.items() if k != "token"}))


def _encoded(headers: Mapping[str, str]) -> Sequence[tuple[bytes, bytes]]:
    return [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()]
