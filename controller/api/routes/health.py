"""Whether the API and what it looks at are well; for people, supervisors and Prometheus."""

from fastapi import Request, Response

from controller.access.demands import Act
from controller.access.identity import require
from controller.access.roles import Permission
from controller.access.web_guard import is_this_machine
from controller.api.certificate_figures import certificates
from controller.api.declared import Anybody, Routes
from controller.api.figures import page_of
from controller.api.health_figures import figures
from controller.api.openapi import json_of
from controller.api.parts import Parts
from controller.api.routes.common import By, OfCaller, OfParts, answer
from controller.api.who import known
from controller.clock import NS

routes = Routes("health")
TEXT = "text/plain; charset=utf-8"
_PLAIN = {"description": "In a word.", "content": {"text/plain": {"schema": {"type": "string"}}}}
_HEALTH = {
    "ready": True, "t": 1795317022515, "boot": "5f3a9c01", "app": "0.1.0",
    "stations": {"coater": {"heard": True, "age_s": 0.08, "controller": ""}},
    "trail": "", "clients": 3,
}  # fmt: skip

_FIGURE = {"value": 0.08, "unit": "s", "text": "age of the last heartbeat",
           "quality_text": "Good", "label": ""}  # fmt: skip
_FIGURES = {
    "t": 1795317022515, "software": "dryline 0.1.0",
    "stations": {"coater": {
        "title": "Coater", "protocol": "opcua", "period_s": 0.1, "heard": True,
        "heard_age_s": 0.08, "controller": "", "link_up": True, "faulted": False,
        "link": {"up": _FIGURE, "age": _FIGURE, "losses": _FIGURE, "refused": _FIGURE,
                 "rtt": _FIGURE, "rttmax": _FIGURE},
        "scan": {"count": _FIGURE, "late": _FIGURE, "took": _FIGURE, "overruns": _FIGURE},
        "plc": {"heart": _FIGURE, "boot": _FIGURE, "rejects": _FIGURE},
    }},
    "controllers": [{"part": "", "stations": ["coater"], "pid": 4711, "since_ns": 0,
                     "software": "dryline 0.1.0", "record": "", "insecure": ["..."],
                     "real_time": {"wanted": 0, "refused": ""},
                     "history": {"stored": 0, "queued": 0, "dropped": 0, "failing": False}}],
    "history": {"stored": 0, "queued": 0, "dropped": 0, "failing": False, "error": ""},
    "line": {"LINE.HISTORY.QUEUE": _FIGURE},
    "sinks": [{"name": "plant", "kind": "influx", "figures": {"LINE.QUEUE": _FIGURE}}],
    "api": {"app": "0.1.0", "boot": "5f3a9c01", "ready": True, "windows": {"sato": 2},
            "requests": {"2xx": 4711}, "frames": 1, "frame_bytes": 1, "encoded": 1, "refused": 0,
            "conflated": 0, "stalls": 0,
            "closed": {"1001": 2}, "clock_ahead_s": 0.0,
            "pools": [{"name": "history", "inside": 0, "turned_away": 0}]},
    "windows": [{"number": 7, "user": "sato", "via": "session", "address": "10.0.0.5", "own": True,
                 "open_s": 812.4, "acknowledged_age_s": 0.04, "waiting": 1, "conflated": 0,
                 "stalls": 0}],
    "audit": {"records": 42, "bytes": 31000, "failing": "", "broken": "", "anchor_failing": "",
              "dropped": 0},
    "certificate": None,
    "certificates": [{"of": "controller", "not_after": "2027-11-22T10:45:00+00:00",
                      "days_left": 365.0, "fingerprint": "9f86...", "text": ""}],
    "recipes": {"coater": {"recipe": "coater/nmc@1.1.0", "number": 3, "content_hash": "9f86..."}},
}  # fmt: skip


def condition(parts: Parts) -> dict[str, object]:
    """Everything that a person asks first when something is wrong."""
    link_s = parts.given.clock.link_s()
    sources = parts.mirror.controllers()
    stations = {}
    for name in parts.facts.stations:
        source = sources.get(name)
        stations[name] = {
            "heard": source is not None and not source.silent,
            "age_s": round(link_s - source.seen_s, 2) if source else None,
            "controller": source.hello.part if source else None,
        }
    trail = parts.given.trail
    return {
        "ready": parts.ready, "t": parts.now_ns() // 1_000_000, "boot": parts.hub.boot,
        "app": parts.hub.app, "stations": stations, "trail": trail.failing or trail.broken,
        "clients": len(parts.hub.connections),
    }  # fmt: skip


@routes.get("/health", Act.LOOK, answers=json_of(_HEALTH, "How it is."))
async def health(parts: OfParts) -> Response:
    """How the API is: which controllers it hears, whether the audit trail can be written."""
    return answer(condition(parts))


@routes.get("/health/figures", Act.LOOK, answers=json_of(_FIGURES, "By subject."))
async def every_figure(by: By, parts: OfParts) -> Response:
    """Figures of links, scans, history, sinks, audit trail and the API itself, and versions.

    `windows`: how each window of the caller keeps up; of all windows for who administers users.
    """
    given = parts.given
    trusted = await parts.pools.files.do(certificates, given.run, given.now().utc_ns / NS)
    return answer(figures(parts, by) | {"certificates": trusted})


@routes.get("/health/ready", Anybody.OPEN, answers=json_of({"ready": True}, "Yes, or 503."))
async def ready(parts: OfParts) -> Response:
    """Whether it answers questions: every station is heard."""
    heard = [s for s in parts.mirror.sources.values() if not s.silent]
    good = parts.ready and bool(heard)
    return answer({"ready": good}, 200 if good else 503)


@routes.get("//healthz", Anybody.OPEN, answers=_PLAIN)
async def alive() -> Response:
    """Alive, for who starts and supervises the process."""
    return Response("alive\n", media_type=TEXT)


@routes.get("//readyz", Anybody.OPEN, answers=_PLAIN)
async def ready_plain(parts: OfParts) -> Response:
    """Ready, for the same."""
    return Response("ready\n" if parts.ready else "starting\n", 200 if parts.ready else 503)


@routes.get("//metrics", Anybody.OPEN, answers=_PLAIN)
async def metrics(request: Request, caller: OfCaller, parts: OfParts) -> Response:
    """Figures of the API for Prometheus; from other machines with a token that may view."""
    if caller.forwarded or not is_this_machine(caller.address):
        require(known(request.state), Permission.VIEW)
    kind, body = page_of(parts, request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": kind})


@routes.get("/openapi.json", Anybody.KNOWN, answers=json_of({"openapi": "3.1.0"}))
async def document(request: Request) -> Response:
    """This interface as an OpenAPI document."""
    return answer(request.app.state.document)
