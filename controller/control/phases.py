"""The phases of a recipe as steps of the procedure: set points, ramps, transitions, prompts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.control.pid import Pid
from controller.control.pid_config import LoopMode
from controller.control.procedure import Condition, Step
from controller.core.event import Verb
from controller.core.recipe import OnTimeout, OnUnhold, Op, Phase, Ramp, Transition
from controller.core.sample import FIRST_BAD, GOOD, quality_text

if TYPE_CHECKING:
    from controller.control.station import Station

ON_TIMEOUT = {OnTimeout.HOLD: Verb.HOLD, OnTimeout.ABORT: Verb.ABORT}
ROUNDING = 1e-9  # of a ramp's last step


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag of a recipe is read and written on the station. name: the full tag."""

    name: str
    read: Callable[[], tuple[float, int]]
    write: Callable[[float], None]


def place(station: "Station", tag: str) -> Place:
    """The place of a tag as a recipe names it: a loop's set point or output, or a tag."""
    name = station.prefix + tag if tag.startswith(".") else tag
    pids = {loop.name: loop.pid for loop in station.loops.values()}
    owner, _, end = name.rpartition(".")
    if owner in pids and end in ("SP", "OP"):
        pid = pids[owner]
        if end == "SP":
            return Place(name, lambda: (pid.sp_target, GOOD), lambda value: _aim(pid, value))
        return Place(name, lambda: (pid.out, GOOD), pid.initialise)
    if name not in station.offset:  # only a transition may name a tag of another station
        return Place(name, lambda: station.foreign(name), _refuse)
    k = station.offset[name]
    return Place(name, lambda: (station.v[k], station.q[k]), lambda value: station.put(k, value))


def _aim(pid: Pid, value: float) -> None:
    """A cascade keeps its set point: a recipe can wait for a person to give it back."""
    if pid.mode is not LoopMode.CAS:
        pid.set_sp(value)


def _shown(station: "Station", tag: str, value: float, quality: int = GOOD) -> str:
    """A value of a tag for a reader: its label, or the number with its unit, or why it is Bad."""
    if quality >= FIRST_BAD:
        return quality_text(quality)
    k = station.table.index(tag) if tag in station.table else -1
    labels = station.table.tags[k].labels if k >= 0 else ()
    if 0 <= value < len(labels):
        return labels[int(value)]
    return f"{value:g} {station.table.tags[k].unit if k >= 0 else ''}".rstrip()


def wanted(station: "Station", transition: Transition, tag: str) -> str:
    """'COAT.TBARREL.PV within 5 of 60 degC for 10 s'."""
    value = _shown(station, tag, transition.target.value)
    what = f"within {transition.band:g} of" if transition.op is Op.WITHIN else str(transition.op)
    lasting = f" for {transition.for_s:g} s" if transition.for_s else ""
    return f"{tag} {what} {value}{lasting}"


def _arrives(station: "Station") -> Condition:
    """A phase is not over while nothing it has set can reach the PLC."""
    takeover = station.takeover
    return Condition(
        text="set points reach the PLC",
        test=lambda: takeover.up and not takeover.local,
        show=lambda: "the station is switched to local" if takeover.up else "the link is down",
    )


def _refuse(value: float) -> None:
    raise ValueError(f"a tag of another station cannot be set to {value:g}")


@dataclass(slots=True)
class _Moving:
    """One ramp under way."""

    ramp: Ramp
    at: Place
    last_s: float = 0.0
    arrived: bool = False

    def begin(self, now_s: float) -> None:
        self.last_s = now_s
        self.arrived = False

    def scan(self, now_s: float) -> None:
        if self.arrived:
            return
        value, _ = self.at.read()
        most = self.ramp.rate_per_min * (now_s - self.last_s) / 60.0
        self.last_s = now_s
        rest = self.ramp.target.value - value
        self.arrived = abs(rest) <= most + ROUNDING
        self.at.write(self.ramp.target.value if self.arrived else value + (most, -most)[rest < 0])

    def condition(self) -> Condition:
        return Condition(text=f"ramp of {self.at.name}", test=lambda: self.arrived, show=self.show)

    def show(self) -> str:
        return f"at {self.at.read()[0]:g} of {self.ramp.target.value:g}"


@dataclass(slots=True)
class _Waited:
    """One transition under way: since when it has held without a break."""

    transition: Transition
    at: Place
    station: "Station"
    since_s: float | None = None
    met: bool = False

    def scan(self, now_s: float) -> None:
        if not self.transition.met(*self.at.read()):
            self.since_s, self.met = None, False
            return
        if self.since_s is None:
            self.since_s = now_s
        self.met = now_s - self.since_s >= self.transition.for_s

    def condition(self) -> Condition:
        text = wanted(self.station, self.transition, self.at.name)
        return Condition(text=text, test=lambda: self.met, show=self.show)

    def show(self) -> str:
        value, quality = self.at.read()
        shown = _shown(self.station, self.at.name, value, quality)
        if self.transition.for_s and self.transition.met(value, quality):
            return f"{shown}, not yet for long enough"
        return f"is {shown}"


@dataclass(slots=True)
class PhaseStep:
    """A phase while it runs on a station. number: from 1.

    entered: called on entry with the number; set points are written to `expected` (full tag ->
    value) as they are asked for, for whoever watches the PLC for drift.
    """

    station: "Station"
    phase: Phase
    number: int
    expected: dict[str, float]
    entered: Callable[[int], None]
    confirmed: bool = False
    _ramps: list[_Moving] = field(default_factory=list)
    _waits: list[_Waited] = field(default_factory=list)

    def __post_init__(self) -> None:
        s = self.station
        self._ramps = [_Moving(r, place(s, r.tag)) for r in self.phase.ramps]
        self._waits = [_Waited(t, place(s, t.tag), s) for t in self.phase.until]

    @property
    def asks(self) -> bool:
        """It waits for somebody to confirm."""
        prompt = self.phase.prompt
        return prompt is not None and prompt.confirm and not self.confirmed

    def step(self) -> Step:
        """The phase as a step of the procedure."""
        conditions = [_arrives(self.station)]
        conditions += [moving.condition() for moving in self._ramps]
        conditions += [waited.condition() for waited in self._waits]
        if self.phase.prompt is not None and self.phase.prompt.confirm:
            text = f"CONFIRM of: {self.phase.prompt.text}"
            conditions.append(
                Condition(text=text, test=lambda: self.confirmed, show=lambda: "not yet confirmed")
            )
        return Step(
            name=self.phase.name,
            enter=self._enter,
            until=tuple(conditions),
            timeout_s=self.phase.timeout_s,
            on_timeout=ON_TIMEOUT[self.phase.on_timeout],
            scan=self._scan,
            phase=self.number,
        )

    def was_begun(self, *, done: bool) -> None:
        """Expect what it had set, after a restart of the program."""
        for tag, target in self.phase.set.items():
            self.expected[place(self.station, tag).name] = target.value
        for moving in self._ramps:
            self.expected.pop(moving.at.name, None)
            if done:
                self.expected[moving.at.name] = moving.ramp.target.value

    def _enter(self) -> None:
        now_s = self.station.now_s
        for tag, target in self.phase.set.items():
            at = place(self.station, tag)
            at.write(target.value)
            self.expected[at.name] = target.value
        for moving in self._ramps:
            moving.begin(now_s)
            self.expected.pop(moving.at.name, None)
        for waited in self._waits:
            waited.since_s, waited.met = None, False
        self.entered(self.number)

    def _scan(self, now_s: float) -> None:
        for moving in self._ramps:
            if not moving.arrived:
                moving.scan(now_s)
                if moving.arrived:
                    self.expected[moving.at.name] = moving.ramp.target.value
        for waited in self._waits:
            waited.scan(now_s)


def steps_again(steps: Sequence[PhaseStep], reached: int) -> tuple[Step, ...]:
    """The steps that lead back from held or paused.

    Phases to be repeated, the phase that was broken off, and all after it. reached: number of the
    phase that was under way, above all numbers when all were done.
    """
    return tuple(
        p.step() for p in steps
        if p.number >= reached or p.phase.on_unhold is OnUnhold.REPEAT
    )  # fmt: skip
