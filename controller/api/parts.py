"""What the API is made of, put together once; tests put together their own."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from controller.access.certificate import Certificate
from controller.access.door import Door
from controller.access.identity import Identity, Via
from controller.access.signature import Proof, Signature, Wanted, sign, sign_at_terminal
from controller.alarms.catalogue import line_alarms, station_alarms
from controller.alarms.definition import AlarmDefinition
from controller.api.alarm_acts import AlarmActs
from controller.api.alarm_watch import AlarmImage
from controller.api.asking import Controllers
from controller.api.carrying import Carrier
from controller.api.changes import Changes
from controller.api.commands import CommandBook
from controller.api.counts import Counts
from controller.api.deployments import Deployments, Proven, Tools
from controller.api.energy import EnergyTags
from controller.api.line_facts import LineFacts
from controller.api.live import LiveHub
from controller.api.mirror import Mirror
from controller.api.pools import Pools
from controller.api.read_back import ReadBacks
from controller.api.recipe_work import RecipeWork
from controller.api.recording import Recording
from controller.api.rehearsing import Rehearsals
from controller.api.repeat_journal import FILE as REQUESTS
from controller.api.repeat_journal import RepeatJournal
from controller.api.repeats import Repeats
from controller.api.simulator import Simulator
from controller.api.station_meta import stations_meta
from controller.api.station_watch import StationImage
from controller.api.who import Guard
from controller.audit.moment import Now
from controller.audit.trail import Trail
from controller.config import LineConfig
from controller.core.errors import Refused
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
    certificate: Certificate | None = None
    on_stop: Callable[[], None] | None = None


@dataclass(slots=True, init=False)
class Parts:
    """The given things and those made of them."""

    given: Given
    facts: LineFacts
    meta: dict[str, Any]
    energy: EnergyTags
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
    stations: StationImage
    alarm_acts: AlarmActs
    deployments: Deployments
    recipes: RecipeWork
    simulator: Simulator
    rehearsals: Rehearsals
    hub: LiveHub
    guard: Guard
    fed: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False

    def __init__(self, given: Given) -> None:
        clock = given.clock
        self.given, self.fed, self.ready = given, asyncio.Event(), False
        self.facts, self.kinds = LineFacts.of(given.config), recipe_kinds(given.config)
        self.meta = stations_meta(given.config, self.facts)
        self.energy = EnergyTags.of(given.config)
        self.mirror, self.pools, self.counts = Mirror(), Pools(), Counts()
        self.recording = Recording(given.trail, self.pools.trail, clock.link_s)
        journal = RepeatJournal(given.run / REQUESTS, lambda: given.now().utc_ns)
        self.repeats = Repeats(clock.link_s, journal, self.pools.answers)
        self.book = CommandBook(given.now().utc_ns // 1_000_000)
        self.carrier = Carrier(given.controllers, self.book, self.recording, self.now_ns)
        self.changes = Changes(self.facts, self.mirror, self.carrier, self.book, clock.link_s)
        self.read_backs = ReadBacks(self.book, self.mirror, self.facts, clock)
        self.alarms = AlarmImage(self.mirror)
        self.alarm_acts = AlarmActs(
            self.alarms, self.facts, self.changes, self.carrier, _alarm_table(given.config)
        )
        self.recipes = RecipeWork(
            given.recipes, self.kinds, given.recipes.root, given.run, given.trail,
            given.door.desk, partial(sign, given.door, given.trail, given.now),
        )  # fmt: skip
        self.deployments = Deployments(self.changes, self.carrier, self._tools())
        self.simulator = Simulator(given.run)
        self.rehearsals = Rehearsals(
            given.run, given.config.folder, given.recipes.root, lambda: given.now().utc_ns
        )
        self.stations = StationImage(self.mirror)
        self.hub = LiveHub(
            self.mirror, self.alarms, self.stations, self.book, self.facts, clock, self.counts
        )
        self.guard = Guard(given.door, self.pools, given.proxies, given.encrypted)

    def _tools(self) -> Tools:
        given, pools = self.given, self.pools
        return Tools(
            library=given.recipes, kinds=self.kinds, files=pools.files.do,
            passwords=pools.passwords.do, ask=given.controllers.ask, sign=self._sign,
            signed=self.recipes.require_signed, told=self.recipes.told,
        )  # fmt: skip

    def _sign(self, by: Identity, proven: Proven, wanted: Wanted) -> Signature | None:
        """In a session with its ticket; at the terminal with the password, if there are users."""
        door, trail, now = self.given.door, self.given.trail, self.given.now
        if by.via is not Via.TERMINAL:
            return sign(door, trail, now, by, proven.ticket, wanted)
        if not door.desk.users():
            return None
        if not proven.password:
            raise Refused("ticket", ["sign it with a password: there are users on this line"])
        proof = Proof(name=by.user, password=proven.password, code=proven.code)
        return sign_at_terminal(door, trail, now, proof, wanted)

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


def _alarm_table(config: LineConfig) -> dict[str, AlarmDefinition]:
    """Every alarm in the tables, by id."""
    sinks = [sink.name for sink in config.sinks]
    rows = [*line_alarms("LINE", sinks)]
    for station in config.stations:
        rows += station_alarms(station.kind, station.name, station.prefix)
    return {row.id: row for row in rows}
