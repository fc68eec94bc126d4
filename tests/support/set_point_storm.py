"""Generated set points from every side at once, at the real stations, in lockstep.

The machines are obedient ones (no physics), so that a day's worth of writes takes seconds and every
loop is free to do what it likes; the PLC around them is the simulator's own, and so is its log.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isfinite, nan
from random import Random

from controller.config import LineConfig, load_line
from controller.control.pid_config import LARGEST
from controller.control.states import State
from controller.core.event import Answer, Command, Verb
from controller.core.point import Access, Point
from controller.core.recipe import Op, Quantity
from controller.core.run import MasterRecipe
from controller.core.tag import Kind
from controller.line import build_station
from plc_sim import lockstep
from plc_sim.faults import Fault, FaultSchedule
from plc_sim.lockstep import Lockstep
from plc_sim.plc import WORD, Image, Plc, Verdict
from plc_sim.set_point_log import SetPointLog
from tests.support.set_point_judge import Judge, free_tags
from tests.support.tiny_recipe import master, phase, ramp, when
from tests.support.virtual_line import SHIPPED, Obedient

SENT_S = 0.2  # the lockstep gear sends an image this often
PER_SCAN = 40
NEXT = {
    State.IDLE: Verb.START, State.HELD: Verb.UNHOLD, State.PAUSED: Verb.RESUME,
    State.STOPPED: Verb.RESET, State.COMPLETED: Verb.RESET, State.ABORTED: Verb.RESET,
}  # fmt: skip
ODD: tuple[object, ...] = (
    None, True, "", "nan", "inf", "-inf", "1e999", "12,5", "0x10", "ten", " 7 ", "-0", 10**30,
)  # fmt: skip


class Machine(Obedient):
    """Obedient, and its rolls as warm as they shall be."""

    def bind(self, image: Image) -> None:
        super().bind(image)
        if "CAL.TROLL.SP" in image.names:
            wanted = image.slot("CAL.TROLL.SP")
            self._follow += [(image.slot(f"CAL.TROLL.{side}"), wanted) for side in "UL"]


class Field:
    """What Lockstep needs of a plant: time, faults of the wires and PLCs, and no instruments."""

    def __init__(self, stations: Sequence[str]) -> None:
        self.now_s = 0.0
        self._tick = 0
        self.sites = dict.fromkeys(stations)
        self.faults = FaultSchedule()

    def step(self) -> list[tuple[Fault, float]]:
        self._tick += 1
        self.now_s = self._tick * lockstep.TICK_S
        return self.faults.changes(self.now_s)

    def readings(self, station: str) -> tuple[list[float], list[int]]:
        return [], []

    def actuate(self, station: str, values: Sequence[float]) -> None:
        """Nothing moves."""


def wild(dice: Random, low: float, high: float) -> float:
    """In range, at its ends, just outside, far away, or no number at all."""
    kind = dice.random()
    if kind < 0.05:
        return dice.choice((nan, inf, -inf, 1e300, -1e300, 5e-324, -0.0))
    if kind < 0.20:
        return dice.choice((low - 1e-6, high + 1e-6, low - 1.0, high * 2.0 + 1.0, 1e9))
    return dice.choice((low, high, dice.uniform(low, high), dice.uniform(low, high)))


class Storm:
    """Three stations under fire. written: generated set points by path."""

    def __init__(self, seed: int, monkeypatch_logic: Callable[[str, object], None]) -> None:
        self.dice = Random(seed)
        self.config: LineConfig = load_line(SHIPPED)
        monkeypatch_logic("logic_of", lambda kind: Machine(kind != "enclosure"))
        field = Field(self.config.line_stations)
        self.line = Lockstep(self.config, field)  # type: ignore[arg-type]  # as much as it needs
        self.names = tuple(self.line.stations)
        self.points = {s.name: s.points for s in self.config.stations}
        self.logs = {name: SetPointLog() for name in self.names}
        self.judges = {}
        for name, plc in self.line.plcs.items():
            station = self.line.stations[name]
            free = free_tags(station.RESTING, station.prefix)
            self.judges[name] = Judge(self.points[name], free)
            plc.keep_journal(self.logs[name])
        self.cells = {cell.name: cell for cell in self.line._cells}
        self.written: Counter[str] = Counter()
        self.answers: Counter[bool] = Counter()
        self._ids = itertools.count()
        self._masters: dict[str, MasterRecipe] = {}

    # -- time ------------------------------------------------------------------------------------

    def judge(self, *, alone: bool = True) -> None:
        """Judge what was noted. alone: only the controller has written since the last time."""
        for name, log in self.logs.items():
            self.judges[name].see(log.take(), SENT_S if alone else inf)

    def scan(self, times: int = 1) -> None:
        self.line.run(times * lockstep.SCAN_TICKS * lockstep.TICK_S)

    def keep_going(self) -> None:
        """Every station that stands is started, continued or reset."""
        for name, station in self.line.stations.items():
            state = station.procedure.state
            if verb := NEXT.get(state):
                self.give(name, verb)
            run = station.recipes.run
            if run is not None and run.asking():
                self.give(name, Verb.CONFIRM)

    def give(self, name: str, verb: Verb, target: str = "", value: object = None, **more) -> None:
        command = Command(
            id=str(next(self._ids)), actor="ann", station=name, verb=verb, target=target,
            value=value, reason="storm", **more,
        )  # type: ignore[arg-type]  # fmt: skip
        self.line.stations[name].submit(command, self._heard)

    def _heard(self, answer: Answer) -> None:
        self.answers[answer.accepted] += 1

    def shake(self) -> None:
        """Other measured values for every loop, sometimes of a failed instrument."""
        for name in self.names:
            image = self.line.plcs[name].image
            for loop in self.line.stations[name].loops.values():
                k = image.slot(loop.pv)
                p = image.points[k]
                if p.access is Access.READ and self.dice.random() < 0.3:
                    image.value[k] = self.dice.uniform(p.low, p.high)
                    image.status[k] = self.dice.choice((0, 0, 0, 0, 0, 0, 1, 2, 3))

    def produce(self) -> None:
        """Every station in EXECUTE with the settings it ships with, the calender on its own."""
        image = self.line.plcs["calender"].image
        for tag, value in (("CAL.GUARD", 1.0), ("CAL.ESTOP", 1.0), ("BUF.POS", 50.0)):
            image.value[image.slot(tag)] = value
        for name in self.names:
            for key, (default, *_) in self.line.stations[name].SETTINGS.items():
                self.give(name, Verb.SET, f"{self.line.stations[name].prefix}.SET.{key}", default)
            self.give(name, Verb.DEPLOY, order=lockstep.DeployOrder(master=None))
        self.give("calender", Verb.SET, "CAL.SET.ALONE", 1.0)
        for _ in range(100):
            self.scan(50)
            self.keep_going()
            if all(s.procedure.state is State.EXECUTE for s in self.line.stations.values()):
                return
        stations = self.line.stations.items()
        raise AssertionError(
            {n: (s.procedure.reason, s.procedure.waiting_for()) for n, s in stations}
        )

    # -- the paths -------------------------------------------------------------------------------

    def commands(self, count: int) -> None:
        """SET of tags, settings and loops, MODE and TUNE, as a person or a script gives them."""
        dice = self.dice
        for begin in range(0, count, PER_SCAN):
            for _ in range(min(PER_SCAN, count - begin)):
                name = dice.choice(self.names)
                target, low, high = dice.choice(self._targets(name))
                value = dice.choice(ODD) if dice.random() < 0.1 else wild(dice, low, high)
                self.give(name, Verb.SET, target, str(value) if dice.random() < 0.1 else value)
            name = dice.choice(self.names)
            loop = dice.choice(list(self.line.stations[name].loops.values()))
            self.give(name, Verb.MODE, loop.name, dice.choice(("AUTO", "MAN", "CAS", "", "X")))
            self.scan()
            if begin % (50 * PER_SCAN) == 0:
                self.keep_going()
                self.judge()
        self.written["commands"] += count

    def _targets(self, name: str) -> list[tuple[str, float, float]]:
        station = self.line.stations[name]
        tags = [(p.tag, p.low, p.high) for p in station.writable.values()]
        prefix = station.prefix
        tags += [(f"{prefix}.SET.{k}", low, high) for k, (_, low, high, *_) in
                 station.SETTINGS.items()]  # fmt: skip
        tags += [(f"{x.name}.SP", x.pid.sp_low, x.pid.sp_high) for x in station.loops.values()]
        return [*tags, ("NOBODY.KNOWS", 0.0, 1.0)]

    def loops(self, count: int) -> None:
        """Loops in automatic on measured values that leap, with gains that leap too."""
        dice, begun = self.dice, self._asked_by_loops()
        self.produce()
        while self._asked_by_loops() - begun < count:
            self.keep_going()
            self.shake()
            for name in self.names:
                for loop in self.line.stations[name].loops.values():
                    kc, ti_s = 10.0 ** dice.uniform(-3, 3), 10.0 ** dice.uniform(-1, 3)
                    self.give(name, Verb.TUNE, loop.name, f"{kc},{ti_s},{dice.choice((0, 5))}")
                    self.give(name, Verb.MODE, loop.name, dice.choice(("AUTO", "AUTO", "CAS")))
                    sp = dice.uniform(loop.pid.sp_low, loop.pid.sp_high)
                    self.give(name, Verb.SET, f"{loop.name}.SP", sp)
            for _ in range(30):
                self.shake()
                self.scan()
            self.judge()
        self.written["loops"] += count

    def _asked_by_loops(self) -> int:
        return sum(judge.wishes for judge in self.judges.values())

    def recipes(self, count: int) -> None:
        """Recipes whose phases set and ramp what no check has seen before."""
        begun = self.written["recipes"]
        while self.written["recipes"] - begun < count:
            for name in self.names:
                self.give(name, Verb.ABORT)
            self.scan(5)
            for name in self.names:
                self.give(name, Verb.RESET)
            self.scan(10)
            for name in self.names:
                order = lockstep.DeployOrder(master=self._recipe(name))
                self.give(name, Verb.DEPLOY, order=order)
                self.give(name, Verb.START)
            for _ in range(12):
                self.scan(5)
                self.keep_going()
            self.judge()

    def _recipe(self, name: str) -> MasterRecipe:
        dice, station = self.dice, self.line.stations[name]
        points = [p for p in station.writable.values() if not p.tag.endswith(".RESET")]
        phases = []
        for k in range(3):
            chosen = dice.sample(points, len(points) // 2)
            sets = {self._short(p, station.prefix): self._set_to(p, station) for p in chosen}
            moved = [p for p in points if p not in chosen and p.kind is Kind.REAL][:2]
            ramps = [
                ramp(self._short(p, station.prefix), dice.uniform(p.low, p.high),
                     10.0 ** dice.uniform(-1, 9))
                for p in moved
            ]  # fmt: skip
            until = [when(".HEART", Op.AT_LEAST, 0.0, for_s=0.5)]
            phases.append(phase(f"phase {k}", sets=sets, ramps=ramps, until=until, timeout_s=3.0))
            self.written["recipes"] += len(sets) + len(ramps)
        made = master(*phases, kind=station.setup.kind, version=f"1.0.{self.written['recipes']}")
        formula = {p.name: Quantity(dice.uniform(p.low, p.high), p.unit) for p in station.FORMULA}
        made = replace(made, recipe=replace(made.recipe, formula=formula))
        self._masters[made.content_hash] = made
        return made

    @staticmethod
    def _short(point: Point, prefix: str) -> str:
        return point.tag.removeprefix(prefix) if point.tag.startswith(prefix + ".") else point.tag

    def _set_to(self, p: Point, station: object) -> float:
        if p.tag.endswith(".CMD"):
            return float(self.dice.randint(0, 4))
        value = wild(self.dice, p.low, p.high)
        owned = p.tag in self.line.stations[p.station].owner
        return value if not owned or abs(value) < LARGEST else p.low  # a loop takes no more

    def restored(self, count: int) -> None:
        """The controller dies and comes back with a memory that somebody has spoilt."""
        dice, begun = self.dice, self.written["restored"]
        while self.written["restored"] - begun < count:
            for cell in self.cells.values():
                memory = cell.station.memory()
                settings = cell.station.SETTINGS
                memory.settings = {
                    k: wild(dice, *settings[k][1:3]) for k in memory.settings
                }  # fmt: skip
                for key, saved in memory.loops.items():
                    pid = cell.station.loops[key].pid
                    saved["sp"] = wild(dice, pid.sp_low, pid.sp_high)
                    saved["kc"] = wild(dice, 1e-3, 9.0)
                    self.written["restored"] += 2
                self.written["restored"] += len(memory.settings)
                self._reborn(cell, memory)
            self.keep_going()
            self.scan(dice.randint(1, 20))
            self.keep_going()
            self.scan(10)
            self.judge()

    def _reborn(self, cell: lockstep._Cell, memory: object) -> None:
        line = self.line
        station = build_station(self.config.station(cell.name), line.table, line.log)
        cell.station = line.stations[cell.name] = station
        cell.written = []
        utc_ns = line.clock.utc_ns()
        station.recall(memory, utc_ns, self._masters)  # type: ignore[arg-type]  # as the store gives it
        line._read(cell, utc_ns)
        station.adopt(utc_ns)

    def taken_over(self, count: int) -> None:
        """Links that break in the middle of a move, and hands at the machine in local."""
        dice, begun = self.dice, self.written["takeover"]
        while self.written["takeover"] - begun < count:
            name = dice.choice(self.names)
            fault = dice.choice(("comm_drop", "stale_values", "local_mode"))
            self.line.inject(name, fault, for_s=dice.uniform(0.1, 3.0))
            self.scan(2)
            if fault == "local_mode":
                image = self.line.plcs[name].image
                for k, p in enumerate(image.points):
                    if p.access is Access.WRITE and p.kind is Kind.REAL:
                        image.value[k] = dice.uniform(p.low, p.high)
                        self.written["takeover"] += 1
            for _ in range(20):
                target, low, high = dice.choice(self._targets(name))
                self.give(name, Verb.SET, target, wild(dice, low, high))
                self.written["takeover"] += 1
            self.scan(40)
            self.keep_going()
            self.judge(alone=False)

    def plc_restarts(self, count: int) -> None:
        """PLCs that forget everything while set points are under way."""
        dice, begun = self.dice, self.written["PLC restart"]
        while self.written["PLC restart"] - begun < count:
            name = dice.choice(self.names)
            for target, low, high in self._targets(name):
                self.give(name, Verb.SET, target, dice.uniform(low, high))
                self.written["PLC restart"] += 1
            self.scan(dice.randint(1, 8))
            self.line.inject(name, "plc_restart", for_s=0.2)
            self.scan(6)
            self.keep_going()
            self.scan(10)
            self.judge()

    def foreign(self, count: int) -> None:
        """Another program with a ticket of its own writes what it likes."""
        dice = self.dice
        for k in range(count):
            name = dice.choice(self.names)
            cell, plc = self.cells[name], self.line.plcs[name]
            written = [j for j, p in enumerate(plc.image.points) if p.access is Access.WRITE]
            j = dice.choice(written)
            p = plc.image.points[j]
            value = wild(dice, p.low, p.high)
            answer = self._write(cell, plc, [(j, value)])
            fits = isfinite(value) and p.low <= value <= p.high
            assert answer is (Verdict.ACCEPTED if fits else Verdict.OUT_OF_RANGE), (p.tag, value)
            if k % PER_SCAN == 0:
                self.scan()
                self.judge(alone=False)
        self.written["other program"] += count

    def _write(self, cell: lockstep._Cell, plc: Plc, items: list[tuple[int, float]]) -> Verdict:
        now_s = self.line.plant.now_s
        sequence = (int(plc._last_seq) + 1) % WORD
        verdict = plc.write(now_s, sequence, plc.heart(now_s), items).verdict
        if verdict is Verdict.ACCEPTED:
            cell.sequence = sequence
        cell.written = []  # the real link sends its whole image again, five times a second
        return verdict

    def rejects(self) -> int:
        """Writes that the PLCs have refused since they were started."""
        return sum(plc._rejected for plc in self.line.plcs.values())
