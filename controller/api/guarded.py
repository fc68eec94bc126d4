"""What every request of a route goes through: who, may he, was it asked before."""

import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from controller.access.demands import DEMANDS
from controller.access.identity import Identity, Via, require
from controller.access.secret import Secret
from controller.api.declared import MARK, Anybody, Declared
from controller.api.problems import PROBLEM, Problem, problem_of
from controller.api.refusals import refusal
from controller.api.repeat_journal import Reply
from controller.api.repeats import Asking, fingerprint_of
from controller.api.who import headers_of
from controller.audit.refusals import is_recorded, mark_recorded
from controller.core.errors import DrylineError, Refused

if TYPE_CHECKING:
    from controller.api.parts import Parts

log = logging.getLogger("dryline.api")

Answering = Callable[[Request], Coroutine[Any, Any, Response]]
TICKET, KEY, REPLAYED = "x-dryline-ticket", "idempotency-key", "Idempotency-Replayed"
MAX_BODY = 64 * 1024
MAX_ERRORS = 20


class GuardedRoute(APIRoute):
    """A route that looks at its declaration first; without one it cannot be built."""

    def get_route_handler(self) -> Answering:
        """Called by the framework once, when the route is built."""
        declared: Declared = getattr(self.endpoint, MARK)
        inner = super().get_route_handler()

        async def answer(request: Request) -> Response:
            return await _Passage(request, declared, inner).answer()

        return answer


class _Passage:
    """One request on its way in."""

    def __init__(self, request: Request, declared: Declared, inner: Answering) -> None:
        self._request, self._declared, self._inner = request, declared, inner
        self._parts: Parts = request.app.state.parts
        self._body = b""  # as far as it was read

    async def answer(self) -> Response:
        """Problems become answers here, also those of the route itself."""
        try:
            identity = await self._admitted()
            if not self._declared.changes:
                return await self._inner(self._request)
            await self._readable()
            if identity is None or not self._declared.repeats:
                if identity is not None and self._declared.ticket:
                    await self._redeem(identity)
                return await self._inner(self._request)
            return await self._once(identity)
        except (DrylineError, RequestValidationError) as error:
            return await self._refused(error)

    async def _admitted(self) -> Identity | None:
        request, declared, parts = self._request, self._declared, self._parts
        caller = await parts.guard.caller(request, request.method, socket=False)
        request.state.caller = caller
        if declared.changes:
            parts.guard.require_our_page(caller, request.method, headers_of(request))
        identity = caller.identity
        if identity is None:
            if declared.needs is Anybody.OPEN:
                return None
            raise Problem("session", ["log in first"])
        try:
            _require(identity, declared, request.path_params.get("station", ""))
        except Refused as refused:
            what = f"{request.method} {request.scope['route'].path}"
            station = str(request.path_params.get("station", ""))
            why = "; ".join(refused.reasons)
            await parts.recording.denied(identity, what, station, refused.code, why)
            mark_recorded(refused)
            raise
        if declared.changes and identity.via is Via.SESSION and declared.acts:
            await parts.pools.door.do(parts.door.acted, identity)
        return identity

    async def _readable(self) -> None:
        """The body as JSON, if it is said to be: what the framework's parser could choke on."""
        body = self._body = await self._request.body()
        if len(body) > self._declared.openapi.get("x-max-body", MAX_BODY):
            raise Problem("too large", [f"at most {MAX_BODY} bytes"])
        kind = self._request.headers.get("content-type", "")
        if body and "json" in kind:
            _require_plain(body)

    async def _once(self, identity: Identity) -> Response:
        request = self._request
        keys = [v for k, v in headers_of(request) if k.lower() == KEY]
        if len(keys) != 1:
            raise Problem("key", ["send one header Idempotency-Key with every change"])
        body = await request.body()
        query = request.scope.get("query_string", b"")
        asking = Asking(
            who=f"{identity.via.value} {identity.user} {identity.label}", key=keys[0],
            asked=fingerprint_of(keys[0], request.method, request.url.path, query, body),
            passing=self._declared.passing,
        )  # fmt: skip
        reply, again = await self._parts.repeats.once(asking, self._work)
        response = Response(reply.body, reply.status)
        response.raw_headers[:] = [(k.encode(), v.encode()) for k, v in reply.headers]
        if again:
            response.headers[REPLAYED] = "true"
        return response

    async def _work(self) -> Reply:
        request = self._request
        try:
            if self._declared.ticket:
                await self._redeem(request.state.caller.identity)
            response = await self._inner(request)
        except (DrylineError, RequestValidationError) as error:
            response = await self._refused(error)
        headers = tuple((k.decode(), v.decode()) for k, v in response.raw_headers)
        return Reply(response.status_code, headers, bytes(response.body))

    async def _redeem(self, identity: Identity) -> None:
        """A person entered the password again, for just this; a script never does."""
        if identity.via is Via.TERMINAL:
            return
        ticket = Secret(self._request.headers.get(TICKET, ""))
        (act,) = self._declared.acts
        await self._parts.pools.door.do(
            self._parts.door.redeem, identity, ticket, act.value, self._request.url.path
        )

    async def _refused(self, error: DrylineError | RequestValidationError) -> Response:
        """The answer; what a known person wanted to change in vain is in the audit trail first."""
        problem = self._problem(error)
        known = getattr(getattr(self._request.state, "caller", None), "identity", None)
        told = isinstance(error, DrylineError) and is_recorded(error)
        if known is not None and self._declared.changes and not told:
            await self._parts.recording.refused(
                refusal(self._request, self._declared, known, problem, self._body)
            )
        return problem_response(problem)

    def _problem(self, error: DrylineError | RequestValidationError) -> Problem:
        if isinstance(error, RequestValidationError):
            problem = Problem("request", [_told(e) for e in error.errors()[:MAX_ERRORS]])
        else:
            problem = problem_of(error)
            problem.reasons = tuple(self._parts.inside(r) for r in problem.reasons)
            if problem.code in ("failed", "store"):
                log.warning("%s", error)
        return problem


def _require(identity: Identity, declared: Declared, station: str) -> None:
    """One of the acts is possible; Refused with the first reason why none is."""
    first: Refused | None = None
    for act in declared.acts:
        try:
            require(identity, DEMANDS[act].permission, station)
        except Refused as refused:
            first = first or refused
        else:
            return
    if first is not None:
        raise first


def _require_plain(body: bytes) -> None:
    """JSON that two readers understand alike: no member twice, no number that is none."""
    try:
        orjson.loads(body)  # stricter than the other, and it bears any depth
        json.loads(body, object_pairs_hook=_different)
    except (ValueError, RecursionError):
        raise Problem("request", ["the body is not JSON, or has a member twice"]) from None


def _different(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def problem_response(problem: Problem) -> Response:
    """A problem as it goes out."""
    headers = dict(problem.headers)
    return Response(problem.body, problem.status, headers, media_type=PROBLEM)


def _told(error: Mapping[str, object]) -> str:
    """Where and what; not what was sent, which may be a secret or long."""
    at = error["loc"]
    parts = at if isinstance(at, tuple) else ()
    place = ".".join(str(part) for part in parts if part != "body")
    return f"{place}: {error['msg']}" if place else str(error["msg"])
