"""Facts: what happened, read from the events of the station. Times are seconds since START."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.alarms.definition import Priority
from controller.alarms.journal import Entry, entries_of
from controller.alarms.limit import Level
from controller.alarms.states import STANDING
from controller.control.states import State
from controller.core.event import Event, EventKind
from controller.core.recipe import Recipe

_SERIOUS = frozenset({Level.HIHI.value, Level.LOLO.value})
NS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of state."""

    at_s: float
    old: State
    new: State
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTime:
    """How long a phase took. done: it was left because it was over."""

    number: int
    name: str
    title: str
    begun_s: float
    took_s: float
    timeout_s: float
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmTime:
    """An alarm while it stood during EXECUTE. name: its level or condition; value: when it came;
    over: it went before the record ended."""

    tag: str
    name: str
    priority: Priority
    at_s: float
    for_s: float
    value: float
    limit: float
    over: bool

    @property
    def serious(self) -> bool:
        """What no good run comes to, however shortly."""
        return self.name in _SERIOUS or self.priority <= Priority.HIGH


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something the machine or the line said: a trip, a lost link, a prompt."""

    at_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything the verdict is made from. ended_s: length of the record.

    execute: the intervals in EXECUTE.
    """

    ended_s: float
    moves: tuple[Move, ...]
    phases: tuple[PhaseTime, ...]
    alarms: tuple[AlarmTime, ...]
    told: tuple[Told, ...]
    execute: tuple[tuple[float, float], ...]

    @property
    def ready_s(self) -> float | None:
        """Seconds from START to the first EXECUTE."""
        return self.execute[0][0] if self.execute else None

    @property
    def production_s(self) -> float:
        """Seconds in EXECUTE."""
        return sum(stop - start for start, stop in self.execute)

    @property
    def state(self) -> State:
        """The last state."""
        return self.moves[-1].new if self.moves else State.IDLE


def gather(events: Iterable[Event], start_ns: int, ended_s: float, recipe: Recipe | None) -> Facts:
    """The facts of one station from its events since START at start_ns (UTC)."""
    own = [e for e in events if e.time_ns >= start_ns]
    times = [round((e.time_ns - start_ns) * NS, 3) for e in own]
    moves = tuple(
        Move(at_s=at, old=State[str(e.data["old"])], new=State[str(e.data["new"])],
             reason=e.text.partition(": ")[2])
        for at, e in zip(times, own, strict=True) if e.kind is EventKind.STATE
    )  # fmt: skip
    told = tuple(
        Told(at_s=at, kind=e.kind.value, text=e.text)
        for at, e in zip(times, own, strict=True)
        if e.kind in (EventKind.DEVICE, EventKind.INTERLOCK, EventKind.LINK, EventKind.RUN)
    )
    execute = tuple(_execute(moves, ended_s))
    return Facts(
        ended_s=ended_s,
        moves=moves,
        phases=_phases(own, times, moves, ended_s, recipe),
        alarms=tuple(_alarms(own, times, execute, ended_s)),
        told=told,
        execute=execute,
    )


def _execute(moves: Sequence[Move], ended_s: float) -> Iterable[tuple[float, float]]:
    since: float | None = None
    for move in moves:
        if since is not None:
            yield since, move.at_s
        since = move.at_s if move.new is State.EXECUTE else None
    if since is not None:
        yield since, ended_s


def _phases(
    events: Sequence[Event],
    times: Sequence[float],
    moves: Sequence[Move],
    ended_s: float,
    recipe: Recipe | None,
) -> tuple[PhaseTime, ...]:
    """From one entry to the next, or to the change of state that ends it."""
    if recipe is None:
        return ()
    entries = [
        (at, int(str(e.data["phase"])))
        for at, e in zip(times, events, strict=True)
        if e.kind is EventKind.RUN and "phase" in e.data and e.text.startswith("phase ")
    ]
    ends = sorted([*((at, True) for at, _ in entries),
                   *((m.at_s, m.new is State.EXECUTE) for m in moves)])  # fmt: skip
    found = []
    for at, number in entries:
        stop, done = next(((t, ok) for t, ok in ends if t > at), (ended_s, False))
        phase = recipe.phases[number - 1]
        found.append(
            PhaseTime(
                number=number, name=phase.name, title=phase.title, begun_s=at,
                took_s=round(stop - at, 3), timeout_s=phase.timeout_s, done=done,
            )
        )  # fmt: skip
    return tuple(found)


def _alarms(
    events: Sequence[Event],
    times: Sequence[float],
    execute: Sequence[tuple[float, float]],
    ended_s: float,
) -> list[AlarmTime]:
    """Every time that an alarm stood in EXECUTE. What stands longer than that is not over."""
    since: dict[str, tuple[float, str, Entry]] = {}
    found: list[AlarmTime] = []
    for at, event in zip(times, events, strict=True):
        for entry in entries_of(event):
            if entry.after in STANDING:
                since.setdefault(entry.alarm, (at, event.subject, entry))
            elif entry.alarm in since:
                found.extend(_standing(*since.pop(entry.alarm), at, execute, over=True))
    for came in since.values():
        found.extend(_standing(*came, ended_s, execute, over=False))
    return sorted(found, key=lambda a: (a.at_s, a.tag, a.name))


def _standing(  # each is a part of it
    came_s: float, tag: str, entry: Entry, gone_s: float,
    execute: Sequence[tuple[float, float]], *, over: bool,
) -> Iterable[AlarmTime]:  # fmt: skip
    for start, stop in execute:
        begun_s, left_s = max(came_s, start), min(gone_s, stop)
        if begun_s < left_s or start <= came_s == left_s:
            yield AlarmTime(
                tag=tag, name=entry.alarm.removeprefix(f"{tag}."),
                priority=Priority(entry.priority), at_s=begun_s,
                for_s=round(left_s - begun_s, 3), value=entry.value, limit=entry.limit,
                over=over,
            )  # fmt: skip
