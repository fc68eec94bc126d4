"""The API in one process, without sockets: fake controllers, a fed mirror, people with sessions."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI
from starlette.datastructures import State as AppState

from controller.access.roles import Role
from controller.access.secret import Secret
from controller.access.settings import AccessSettings
from controller.api.app import bare_app, outer
from controller.api.asking import Controllers
from controller.api.parts import Given, Parts
from controller.api.problems import Problem
from controller.api.serving import at_terminal
from controller.clock import ManualClock
from controller.config import LineConfig, load_line
from controller.console import ANSWER_S
from controller.control.states import State
from controller.core.sample import GOOD
from controller.line import tag_table
from controller.live_frames import Frame, Hello, TagMeta
from controller.queries.sources import open_service
from controller.recipe_kind import recipe_kinds
from controller.recipe_store import RecipeStore
from tests.support.access_rig import GOOD as PASSWORD
from tests.support.access_rig import NONE, Rig, rig
from tests.support.line_under_test import SHIPPED

NAME = "line7"
ORIGIN = f"http://{NAME}:8040"
BASE = "/api/v1"
PEER = "10.0.0.5"
SETTINGS = AccessSettings(hosts=frozenset({NAME}), origins=frozenset({ORIGIN}))
Json = dict[str, Any]


class FakeControllers(Controllers):
    """Answers as the test says; `asked` has every request."""

    def __init__(self, stations: Sequence[str]) -> None:
        self.asked: list[Json] = []
        self.answers: dict[str, Any] = {}
        self.refuse: Json | None = None
        self.gone = False
        self.silent = False
        self.interlocks: list[Json] = []
        self._stations = stations

    async def ask(self, station: str, request: Json, timeout_s: float = ANSWER_S) -> Json:
        self.asked.append(request)
        if self.gone:
            raise Problem("not controlled", [f"nobody controls {station} now"])
        if self.silent:
            raise Problem("no answer", ["the controller did not answer in time"])
        op = request["op"]
        if op in self.answers:
            found = self.answers[op]
            return found(request) if callable(found) else found
        if op == "recipe":  # what a controller says of a station to which nothing was deployed
            return {
                "requested": None, "current": None, "pending": False, "run": "", "run_s": 0.0,
                "phase": 0, "metres": 0.0, "prompt": "", "drift": [], "deployments": [],
            }  # fmt: skip
        if self.refuse is not None:
            return self.refuse
        return {"accepted": True, "code": "ok", "reasons": []}

    async def status(self) -> Json:
        stations = {name: _status() | {"interlocks": self.interlocks} for name in self._stations}
        return {
            "line": "pilot", "time_ns": 0, "stations": stations, "uncontrolled": [], "silent": [],
            "controllers": [], "line_stations": list(stations),
            "history": {"stored": 0, "queued": 0, "dropped": 0, "failing": False, "error": ""},
        }  # fmt: skip

    @property
    def commands(self) -> list[Json]:
        """What was asked to be done."""
        looks = ("status", "tags", "alarms", "recipe", "trials")
        return [request for request in self.asked if request["op"] not in looks]


def _status() -> Json:
    return {
        "state": "IDLE", "reason": "", "step": "", "left_s": 0.0, "waiting_for": [],
        "cannot_start": ["Door is open, must be off: close the door"], "recipe": {},
        "link_up": True, "faulted": False, "late_ms": 0.0, "overruns": 0, "loops": {},
    }  # fmt: skip


@dataclass
class ApiRig:
    """What a test of the API works with."""

    parts: Parts
    access: Rig
    controllers: FakeControllers
    clock: ManualClock
    app: Any
    config: LineConfig
    keys: Iterator[int] = field(default_factory=itertools.count)

    # -- the plant -------------------------------------------------------------------------------

    def attach(self, part: str = "") -> None:
        """A controller of the whole line is heard."""
        tags = tuple(
            TagMeta(t.name, t.station, t.description, t.unit, t.kind.value, t.low, t.high,
                    t.resolution, t.labels)
            for t in tag_table(self.config).tags
        )  # fmt: skip
        stations = tuple(self.config.line_stations)
        hello = Hello("b00t", self.config.name, part, 1.0, 0.1, stations, tags)
        self.parts.mirror.attach(hello, self.clock.link_s())
        self.values = np.zeros(len(tags))
        self.at = {tag.name: k for k, tag in enumerate(tags)}
        for station in self.config.stations:
            self.values[self.at[f"{station.prefix}.SERVICE.STATE"]] = State.IDLE
        self.feed()

    def feed(self, quality: int = GOOD, **values: float) -> None:
        """A frame, with other values of some tags (dots as __)."""
        for name, value in values.items():
            self.values[self.at[name.replace("__", ".")]] = value
        n = len(self.values)
        utc_ns = self.clock.utc_ns()
        frame = Frame(
            next(self.keys), utc_ns, self.values.copy(), np.full(n, quality, np.uint8),
            np.full(n, utc_ns, np.int64),
        )  # fmt: skip
        self.parts.mirror.apply("", frame, self.clock.link_s())

    def show(self, tag: str, value: float) -> None:
        """A frame in which a tag has another value."""
        self.values[self.at[tag]] = value
        self.feed()

    def pass_s(self, seconds: float) -> None:
        """Time passes, of all clocks; the controller goes on talking."""
        self.clock.t_s += seconds
        self.access.clock.pass_s(seconds)
        self.feed()

    @property
    def now_ms(self) -> int:
        return self.parts.now_ns() // 1_000_000

    # -- people ----------------------------------------------------------------------------------

    def stranger(self, **headers: str) -> httpx.AsyncClient:
        """Somebody at a browser of ours who is not logged in."""
        return self._client(outer(self.app, self.parts), PEER, headers)

    def from_address(self, peer: str, **headers: str) -> httpx.AsyncClient:
        """Somebody at another address."""
        return self._client(outer(self.app, self.parts), peer, headers)

    def terminal(self) -> httpx.AsyncClient:
        """The owner of the run folder."""
        return self._client(at_terminal(outer(self.app, self.parts)), PEER, {})

    def person(self, name: str, *roles: Role) -> httpx.AsyncClient:
        """Somebody with roles, logged in."""
        self.access.user(name, *roles)
        return self.login(name)

    def login(self, name: str) -> httpx.AsyncClient:
        login = self.access.login(name, PASSWORD, NONE, PEER)
        return self.stranger(
            cookie=f"dryline-session={login.own.reveal()}", **{"x-csrf-token": login.csrf.reveal()}
        )

    def script(self, token: Secret) -> httpx.AsyncClient:
        """A script with a token."""
        return self.stranger(authorization=f"Bearer {token.reveal()}")

    def _client(self, app: Any, peer: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 4711))
        usual = {"origin": ORIGIN, "x-requested-with": "dryline"}
        return _Client(transport=transport, base_url=ORIGIN + BASE, headers={**usual, **headers})

    def ticket(self, name: str, purpose: str, subject: str, http: httpx.AsyncClient) -> str:
        """A password entered again, in the session of a client."""
        own = Secret(http.headers["cookie"].partition("=")[2])
        self.access.clock.pass_s(61)
        door = self.access.door
        return door.ticket(door.of_cookie(own), PASSWORD, NONE, purpose, subject).reveal()

    async def do(self, http: httpx.AsyncClient, station: str, **wish: Any) -> httpx.Response:
        """Both steps, on a fresh picture; the answer to the second."""
        proposed = await http.post(f"/stations/{station}/changes", json=wish)
        assert proposed.status_code == 201, proposed.text
        return await self.execute(http, proposed.json())

    async def execute(
        self, http: httpx.AsyncClient, proposal: Json, ticket: str = ""
    ) -> httpx.Response:
        body = {"seen_t": self.now_ms, "ticket": ticket}
        return await http.post(f"/changes/{proposal['token']}/execute", json=body)


class _Client(httpx.AsyncClient):
    """Sends another key with every change, unless the test gives one."""

    async def request(self, method: str, url: Any, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", None) or {})
        if method not in ("GET", "HEAD") and "idempotency-key" not in headers:
            headers["idempotency-key"] = uuid.uuid4().hex
        return await super().request(method, url, headers=headers, **more)


@cache
def _shipped() -> LineConfig:
    return load_line(SHIPPED)


@cache
def _routes() -> FastAPI:
    """All routes, built once: that takes longer than most tests."""
    return bare_app()


def _app_of(parts: Parts) -> FastAPI:
    """As `create_app`, with routes that other tests use too."""
    app = copy(_routes())
    app.middleware_stack, app.state = None, AppState()
    app.state.parts, app.state.document = parts, _routes().state.document
    return app


@contextmanager
def api_rig(
    folder: Path,
    settings: AccessSettings = SETTINGS,
    recipes: Path | None = None,
    config: LineConfig | None = None,
    asked: Controllers | None = None,
) -> Iterator[ApiRig]:
    """Parts of the shipped line with fakes around them. asked: other controllers than fakes."""
    config, clock = config or _shipped(), ManualClock()
    with rig(folder, settings) as access:
        controllers = FakeControllers(config.line_stations)
        run = folder / "run"
        history = open_service(config, run, clock)
        given = Given(
            config=config, run=run, clock=clock, now=access.clock, door=access.door,
            trail=access.trail, controllers=asked or controllers, history=history,
            recipes=RecipeStore(recipes or folder / "recipes", recipe_kinds(config), clock),
        )  # fmt: skip
        parts = Parts(given)
        parts.ready = True
        found = ApiRig(parts, access, controllers, clock, _app_of(parts), config)
        found.attach()
        try:
            yield found
        finally:
            history.close()
            parts.pools.close()


def narrowed(station: str, limits: Mapping[str, tuple[float, float]]) -> LineConfig:
    """The shipped line with limits for operators."""
    config = _shipped()
    stations = [
        replace(s, operator_limits=limits) if s.name == station else s for s in config.stations
    ]
    return replace(config, stations=tuple(stations))


@asynccontextmanager
async def all_of(*clients: httpx.AsyncClient) -> AsyncIterator[None]:
    """Close clients at the end."""
    try:
        yield
    finally:
        await asyncio.gather(*(client.aclose() for client in clients))
