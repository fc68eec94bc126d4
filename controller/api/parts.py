"""What the API is made of, put together once; tests put together their own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from controller.access.door import Door
from controller.access.signature import sign
from controller.alarms.catalogue import line_alarms, station_alarms
from controller.api.alarm_acts import AlarmActs
from controller.api.alarm_watch import AlarmImage
from controller.api.asking import Controllers
from controller.api.carrying import Carrier
from controller.api.changes import Changes
from controller.api.commands import CommandBook
from controller.api.counts import Counts
from controller.api.deployments import Deployments, Tools
from controller.api.line_facts import LineFacts
from controller.api.live import LiveHub
from controller.api.mirror import Mirror
from controller.api.pools import Pools
from controller.api.read_back import ReadBacks
from controller.api.recipe_work import RecipeWork
from controller.api.recording import Recording
from controller.api.repeats import Repeats
from controller.api.who import Guard
from controller.audit.moment import Now
from controller.audit.trail import Trail
from controller.config import LineConfig
from controller.core.ports import Clock
from controller.queries.service import HistoryService
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_store import RecipeStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the API gets from outside. config: of the whole line; run: its folder."""

    config: LineConfig
    run: Path
    clock: Clock
    now: Now
    door: Door
    trail: Trail
    controllers: Controllers
    history: HistoryService
    recipes: RecipeStore
    proxies: frozenset[str] = frozenset()
    encrypted: bool = False
    on_stop: Callable[[], None] | None = None


@dataclass(slots=True, init=False)
class Parts:
    """The given things and those made of them."""

    given: Given
    facts: LineFacts
    kinds: dict[str, RecipeKind]
    mirror: Mirror
    pools: Pools
    counts: Counts
    recording: Recording
    repeats: Repeats
    book: CommandBook
    carrier: Carrier
    changes: Changes
    read_backs: ReadBacks
    alarms: AlarmImage
    alarm_acts: AlarmActs
    deployments: Deployments
    recipes: RecipeWork
    hub: LiveHub
    guard: Guard
    fed: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False

    def __init__(self, given: Given) -> None:
        clock = given.clock
        self.given, self.fed, self.ready = given, asyncio.Event(), False
        self.facts, self.kinds = LineFacts.of(given.config), recipe_kinds(given.config)
        self.mirror, self.pools, self.counts = Mirror(), Pools(), Counts()
        self.recording = Recording(given.trail, self.pools.trail, clock.link_s)
        self.repeats, self.book = Repeats(clock.link_s), CommandBook()
        self.carrier = Carrier(given.controllers, self.book, self.recording, self.now_ns)
        self.changes = Changes(self.facts, self.mirror, self.carrier, self.book, clock.link_s)
        self.read_backs = ReadBacks(self.book, self.mirror, self.facts, clock)
        self.alarms = AlarmImage(self.mirror)
        self.alarm_acts = AlarmActs(
            self.alarms, self.facts, self.changes, self.carrier, _priorities(given.config)
        )
        self.recipes = RecipeWork(
            given.recipes, self.kinds, given.recipes.root, given.run, given.trail.path,
            partial(sign, given.door, given.trail, given.now),
        )  # fmt: skip
        self.deployments = Deployments(self.changes, self.carrier, self._tools())
        self.hub = LiveHub(self.mirror, self.alarms, self.book, self.facts, clock, self.counts)
        self.guard = Guard(given.door, self.pools, given.proxies, given.encrypted)

    def _tools(self) -> Tools:
        given, pools = self.given, self.pools
        return Tools(
            library=given.recipes, kinds=self.kinds, files=pools.files.do,
            sessions=pools.door.do, ask=given.controllers.ask,
            sign=partial(sign, given.door, given.trail, given.now), told=self.recipes.told,
        )  # fmt: skip

    @property
    def door(self) -> Door:
        """Logins, sessions, tokens."""
        return self.given.door

    def inside(self, text: str) -> str:
        """A text without the folders that only this machine's people need to know."""
        given = self.given
        for folder in (given.run, given.recipes.root, given.config.folder):
            text = text.replace(f"{folder}/", "")
        return text

    def now_ns(self) -> int:
        """Plant time, UTC nanoseconds; by this process's own clock before anybody was heard."""
        heard = self.mirror.now_ns(self.given.clock.link_s())
        return heard or self.given.clock.utc_ns()


def _priorities(config: LineConfig) -> dict[str, int]:
    """Of every alarm in the tables, by id."""
    sinks = [sink.name for sink in config.sinks]
    rows = [*line_alarms("LINE", sinks)]
    for station in config.stations:
        rows += station_alarms(station.kind, station.name, station.prefix)
    return {row.id: int(row.priority) for row in rows}
