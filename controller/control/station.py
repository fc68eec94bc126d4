"""Station: one machine, the unit of independence. Scanned in one fixed order, told the time.

1. snapshot of inputs; 2. queued commands; 3. procedure; 4. loops; 5. interlocks, the last word on
outputs; 6. alarms; 7. outputs staged in the table, from where the link writes them.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import ClassVar

from controller.alarms.catalogue import station_alarms
from controller.alarms.definition import AlarmDefinition
from controller.control.alarm_desk import AlarmDesk
from controller.control.command_desk import CommandDesk
from controller.control.interlock import Permissive, Trip
from controller.control.interlock_desk import InterlockDesk
from controller.control.loop import Loop
from controller.control.procedure import Procedure, Step
from controller.control.recipe_desk import RecipeDesk
from controller.control.states import TABLE, State
from controller.control.station_memory import Memory, bring_back, memory_of
from controller.control.station_parts import (
    ACTIVE,
    DOWN,
    HEALTH,
    QUIET,
    ScanTiming,
    StationSetup,
    changed_severity,
    health_tags,
    setting_tags,
)
from controller.control.takeover import Takeover
from controller.core.event import Answer, Command, Event, EventKind
from controller.core.point import Access
from controller.core.ports import EventLog
from controller.core.run import MasterRecipe
from controller.core.sample import FIRST_BAD, GOOD, Quality, quality_text
from controller.core.table import TagTable
from controller.core.tag import Tag
from controller.formulas.parameter import Parameter

MAX_QUEUE = 64
_KNOWN, _UNKNOWN = [GOOD] * 2, [int(Quality.BAD_NO_DATA)] * 2


class Station:
    """Base of all station kinds; a kind adds its loops, its steps and its interlocks.

    A kind calls `super().__init__` first and defines `loops_of`, `steps`, `control` and, where it
    needs them, `start_permissives`, `trips`, `SETTINGS` (name -> (default, low, high, unit,
    text): the values of its built-in procedure, each a tag PREFIX.SET.name), `FOREIGN`
    (tags of other stations it may read; their quality counts as anybody else's) and `COMPUTED`
    (outputs that nobody sets by hand -> what decides them; a leading "." stands for the prefix),
    `RESTING` (outputs nothing follows while another one, the switch, has a value -> switch, value),
    `FORMULA` (parameters of its recipes, with the setting each one feeds). Its alarms are the
    table `controller/alarms/kinds/KIND.py`.
    """

    FOREIGN: ClassVar[tuple[str, ...]] = ()
    COMPUTED: ClassVar[Mapping[str, str]] = {}
    RESTING: ClassVar[Mapping[str, tuple[str, float]]] = {}
    SETTINGS: ClassVar[Mapping[str, tuple[float, float, float, str, str]]] = {}
    FORMULA: ClassVar[tuple[Parameter, ...]] = ()
    LOOP_STATES: ClassVar[frozenset[State]] = frozenset({State.EXECUTE})

    @classmethod
    def loops_of(cls, prefix: str) -> dict[str, Loop]:
        """Fresh loops of this kind by short name ("L1"), not yet bound."""
        raise NotImplementedError

    @classmethod
    def own_tags(cls, name: str, prefix: str) -> tuple[Tag, ...]:
        """All tags that the station itself writes and that are not in the I/O list."""
        settings = setting_tags(name, prefix, cls.SETTINGS)
        loops = tuple(t for loop in cls.loops_of(prefix).values() for t in loop.tags(name))
        return health_tags(name, prefix) + settings + loops

    @classmethod
    def alarms_of(cls, kind: str, name: str, prefix: str) -> tuple[AlarmDefinition, ...]:
        """All alarms of a station of this kind."""
        return station_alarms(kind, name, prefix)

    def __init__(self, setup: StationSetup, table: TagTable, log: EventLog) -> None:
        self.setup, self.name, self.prefix = setup, setup.name, setup.prefix
        self.table, self._log = table, log
        region = table.region(setup.name)
        self._start, self._split, self._stop = region.start, region.split, region.stop
        self._own = region.split - region.start
        # Packing a list into the array's memory beats numpy's own conversion threefold.
        self._pack = Struct(f"{region.stop - region.split}d").pack_into
        self._names = names = [t.name for t in table.tags[region.start : region.stop]]
        self.offset = {name: k for k, name in enumerate(names)}
        self.v = [0.0] * len(names)
        self.q = [int(Quality.BAD_NO_DATA)] * len(names)
        self._q_read = self._q_seen = bytes(self.q[: self._own])  # bytes compare at a glance
        self._value_in, self._quality_in = (
            column[self._start : self._split] for column in (table.value, table.quality)
        )
        self._time_out = table.time_ns[self._split : self._stop]
        self._memory = table.value.data
        self._q_shown: list[int] = []
        self.now_s, self.utc_ns = 0.0, 0
        p = self.prefix
        self._health = self.offset[f"{p}.SERVICE.STATE"]
        own = ("SCAN.FAULTED", "LINK.UP", "LINK.AGE")
        self._faulted, self._up, self._age = (self.offset[f"{p}.{name}"] for name in own)
        self._trip_times = slice(self._age + 1, self._age + 3)  # LINK.RTT and LINK.RTTMAX
        self.settings = {key: self.offset[f"{p}.SET.{key}"] for key in self.SETTINGS}
        self.loops = self.loops_of(p)
        self._loop_list = list(self.loops.values())
        self.writable = {
            self.offset[pt.tag]: pt for pt in setup.points if pt.access is Access.WRITE
        }
        self.owner = {loop.out: loop for loop in self._loop_list if loop.out}
        foreign = [n for n in self.FOREIGN if n in table]
        self._foreign_index = [table.index(n) for n in foreign]
        self._foreign_at = {n: k for k, n in enumerate(foreign)}
        self._fv, self._fq = [0.0] * len(foreign), [int(Quality.BAD_NO_DATA)] * len(foreign)
        self._queue: deque[tuple[Command, Callable[[Answer], None]]] = deque()
        self.timing = ScanTiming()
        self.takeover = Takeover(self)
        self.recipes = RecipeDesk(self)
        self.faulted = False
        self.changed = False  # something in `memory()` changed; the shell saves and clears it
        for loop in self._loop_list:
            loop.bind(self.offset)
            if loop.out:
                loop.keep_to(self.writable[self.offset[loop.out]].rate_per_s)
        for key, (default, *_rest) in self.SETTINGS.items():
            self.v[self.settings[key]] = default
        usual = self.steps()
        self.procedure = Procedure(usual, self._state_changed)
        self.recipes.bind(usual)
        self.interlock_desk = InterlockDesk(self, self.start_permissives(), self.trips())
        self.alarm_desk = AlarmDesk(self, self.alarms_of(setup.kind, self.name, p))
        self._desk = CommandDesk(self)
        for k in set(range(self._own, len(self.v))) - set(self.writable):
            self.q[k] = GOOD
        self._commit()

    # -- what a kind defines ---------------------------------------------------------------------

    def steps(self) -> Mapping[State, Sequence[Step]]:
        """The steps of every acting state."""
        raise NotImplementedError

    def start_permissives(self) -> Sequence[tuple[str, Permissive]]:
        """What must hold before START is accepted, each on one tag."""
        return ()

    def trips(self) -> Sequence[tuple[str, Trip]]:
        """What holds the station while it is active, each on one tag."""
        return ()

    def control(self, now_s: float) -> None:
        """Scan the loops."""
        raise NotImplementedError

    def interlocks(self, now_s: float) -> None:
        """The last word of the controller on outputs (the PLC has the very last)."""
        if self.interlock_desk.bypassed:
            self.interlock_desk.expire(self.utc_ns)
        if self.procedure.state in ACTIVE:
            self.interlock_desk.scan_trips(now_s)

    def alarms(self, now_s: float) -> None:
        """Judge all alarms; which of them mean anything in this state their table says."""
        self.alarm_desk.scan(now_s)

    # -- the scan --------------------------------------------------------------------------------

    def scan(self, now_s: float, utc_ns: int) -> None:
        """One scan. Raises only for mistakes of the program itself."""
        self._snapshot()
        if self._foreign_index:
            self._fv = list(map(self.table.value.item, self._foreign_index))
            self._fq = list(map(self.table.quality.item, self._foreign_index))
        self.now_s, self.utc_ns = now_s, utc_ns
        try:
            if self._q_read != self._q_seen:
                self._tell_quality()
            self.takeover.watch()
            while self._queue:
                command, reply = self._queue.popleft()
                self._record(self._desk.execute(command), reply)
            self.procedure.scan(now_s)
            self.recipes.scan(now_s)
            self.control(now_s)
            self.interlocks(now_s)
        finally:  # a mistake in what comes before must not make the station blind
            v, t = self.v, self.timing
            v[self._faulted], v[self._up], v[self._age] = self.faulted, t.link_up, t.age_s
            self.alarms(now_s)
        if self.takeover.local:
            self.takeover.follow()
        self.timing.count += 1
        self._commit()

    def _snapshot(self) -> None:
        """Copy what the device wrote, values and qualities, into the image."""
        own = self._own
        self.v[:own] = self._value_in.tolist()
        q = self._quality_in.tobytes()
        if q != self._q_read:
            self._q_read = q
            self.q[:own] = q

    def _commit(self) -> None:
        v, t, h = self.v, self.timing, self._health
        procedure = self.procedure
        state, step = procedure.state, procedure.step
        v[h : h + HEALTH] = (
            state,
            TABLE[state].packml,
            procedure.step_index + 1 if step else 0,
            procedure.step_left_s(self.now_s) if step else 0.0,
            t.count,
            t.late_ms,
            t.took_ms,
            t.overruns,
            self.faulted,
            t.link_up,
            t.link_losses,
            t.writes_refused,
            t.age_s,
            t.round_trip_ms,
            t.round_trip_worst_ms,
            self.interlock_desk.bypassed,
            *self.recipes.figures(),
        )
        own = self._own
        self._pack(self._memory, 8 * self._split, *v[own:])
        self.q[self._trip_times] = _KNOWN if t.round_trip_worst_ms else _UNKNOWN
        quality = self.q[own:]
        if quality != self._q_shown:
            self.table.quality[self._split : self._stop] = quality
            self._q_shown = quality
        self._time_out.fill(self.utc_ns)

    def fault(self, error: Exception, utc_ns: int) -> None:
        """Called by the shell when `scan` raised: own tags go Bad and nothing more is written."""
        table = self.table
        table.quality[self._split : self._stop] = int(Quality.BAD_STATION)
        self._q_shown = []
        table.time_ns[self._split : self._stop] = utc_ns
        if not self.faulted:
            self.faulted = True
            self.utc_ns = utc_ns
            self.tell(EventKind.SYSTEM, self.name, f"scan failed: {type(error).__name__}: {error}")

    def mend(self) -> None:
        """Called by the shell when a scan succeeded again after a fault."""
        self.faulted = False
        if self.takeover.adopted:
            self.takeover.follow()
        self.hold("station fault has gone; held until somebody says UNHOLD")

    # -- reading and writing the image -----------------------------------------------------------

    def at(self, name: str) -> int:
        """Offset of a tag in the station's image; a leading "." stands for the prefix."""
        return self.offset[self.prefix + name if name[0] == "." else name]

    def tag_at(self, k: int) -> Tag:
        """The tag at an offset of the image."""
        return self.table.tags[self._start + k]

    def usable(self, k: int) -> bool:
        """True when the value at an offset is Good or Uncertain."""
        return self.q[k] < FIRST_BAD

    def foreign(self, name: str) -> tuple[float, int]:
        """Value and quality of another station's tag; Bad when there is none."""
        k = self._foreign_at.get(name)
        if k is None:
            return 0.0, int(Quality.BAD_NO_DATA)
        return self._fv[k], self._fq[k]

    def setting(self, key: str) -> float:
        """A value of the built-in procedure."""
        return self.v[self.settings[key]]

    def put(self, k: int, value: float) -> None:
        """Write an output from a step; the loop that owns it starts from there."""
        loop = self.owner.get(self._names[k])
        if loop is not None:
            loop.start_from(self.v, value)
        else:
            self.v[k] = value

    def outputs(self) -> list[float] | None:
        """The output image in the order of the W points; None while nothing may be written."""
        if not self.takeover.adopted or self.takeover.local or self.faulted:
            return None
        return self.takeover.stage.step(self.now_s, self.v)

    # -- link and restart ------------------------------------------------------------------------

    def adopt(self, utc_ns: int) -> None:
        """Take over what the PLC holds, so that the first write changes nothing. Called by the
        link after a full read has been applied to the table."""
        self.utc_ns = utc_ns
        self._snapshot()
        self.takeover.adopt()
        self._commit()

    def memory(self) -> Memory:
        """What must survive a restart."""
        return memory_of(self)

    def recall(
        self, memory: Memory, utc_ns: int, masters: Mapping[str, MasterRecipe] | None = None
    ) -> None:
        """Come back after a restart of the program: held if it was active, never in motion.

        masters: the recipes the memory names, by hash.
        """
        self.utc_ns = utc_ns
        bring_back(self, memory, masters or {})

    def hold(self, reason: str) -> None:
        """Hold the station if it is active."""
        if self.procedure.state in QUIET | DOWN:
            return
        if self.procedure.state not in (State.HELD, State.HOLDING):
            self.procedure.go(State.HOLDING, reason)
        else:
            self.procedure.reason = reason

    def _tell_quality(self) -> None:
        names = self._names[: self._own]
        for quality, tags, text in changed_severity(names, self._q_read, self._q_seen):
            self.tell(
                EventKind.QUALITY, tags[0], f"{text}: {quality_text(quality)}", tags=len(tags)
            )
        self._q_seen = self._q_read

    # -- commands --------------------------------------------------------------------------------

    def submit(self, command: Command, reply: Callable[[Answer], None]) -> None:
        """Queue a command for the next scan; `reply` is called with the answer then."""
        if len(self._queue) < MAX_QUEUE:
            self._queue.append((command, reply))
            return
        reasons = (f"{MAX_QUEUE} commands are waiting; try again",)
        self._record(Answer(command=command, accepted=False, code="busy", reasons=reasons), reply)

    def withdraw(self, command: Command) -> None:
        """Forget a command that waits."""
        self._queue = deque(item for item in self._queue if item[0] is not command)

    def _record(self, answer: Answer, reply: Callable[[Answer], None]) -> None:
        """Tell what became of a command, to the log and to the person who asked."""
        command = answer.command
        verdict = "accepted" if answer.accepted else f"refused ({'; '.join(answer.reasons)})"
        value = "" if command.value is None else f" = {command.value}"
        what = f"{command.verb} {command.target}".rstrip()
        self.tell(
            EventKind.COMMAND,
            command.target or command.verb.value,
            f"{what}{value}: {verdict}",
            actor=command.actor,
            id=command.id,
            reason=command.reason,
        )
        self.changed = True
        reply(answer)

    # -- events ----------------------------------------------------------------------------------

    def _state_changed(self, old: State, new: State, reason: str) -> None:
        self.changed = True
        active = new in self.LOOP_STATES
        if active != (old in self.LOOP_STATES):
            for loop in self._loop_list:
                loop.activate(active)
        text = f"{old.name} -> {new.name}: {reason}"
        self.tell(EventKind.STATE, self.name, text, old=old.name, new=new.name)
        self.recipes.moved(new, reason)

    def tell(
        self, kind: EventKind, subject: str, text: str, actor: str = "", **data: object
    ) -> None:
        """Record an event of this station at the time of the scan, and of its open run."""
        if self.recipes.run is not None:
            data["run"] = self.recipes.run.head.id
        self._log.event(
            Event(
                time_ns=self.utc_ns,
                kind=kind,
                station=self.name,
                subject=subject,
                text=text,
                actor=actor,
                data=data,
            )
        )
