"""Which recipe a station shall follow, which one it follows, and the run that does so.

Deployed is what the next START latches; a running station keeps what it has. So a new version
never stops anything, and a run is one recipe from its first scan to its last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from controller.alarms.limit import AlarmLimit, Level
from controller.control.drift import DriftWatch
from controller.control.procedure import NOTHING_LEFT, Step
from controller.control.run import Run, RunState, run_id
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.event import Command, EventKind
from controller.core.recipe import Limits
from controller.core.run import BUILT_IN, Deployment, MasterRecipe, Outcome, RunHead

if TYPE_CHECKING:
    from controller.control.station import Station

NS = 1_000_000_000
KEPT = 20  # deployments remembered for a way back; the store has them all
REMEMBER_S = 1.0  # elapsed times of an open run are saved so often (plant time)
_NO_RUN = (0.0, 0.0, 0.0, 0.0, 0.0)
_EXECUTE = State.EXECUTE  # asked for at every scan
_BACK = (State.UNHOLDING, State.RESUMING)
_ENDS = frozenset({State.COMPLETED, State.STOPPED, State.ABORTED})


@dataclass(slots=True)
class RecipeMemory:
    """What of recipes and run must survive a restart; recipes by their hash, "" for built-in."""

    deployments: list[dict[str, Any]] = field(default_factory=list)
    current: int = 0
    head: dict[str, Any] | None = None
    state: dict[str, Any] | None = None
    last_id: str = ""
    lots_waiting: list[str] = field(default_factory=list)


class RecipeDesk:
    """Deployments, run and drift of one station; part of its scan."""

    def __init__(self, station: "Station") -> None:
        self._s = station
        self._usual: Mapping[State, Sequence[Step]] = {}
        self.deployments: list[Deployment] = []
        self.current: Deployment | None = None
        self.run: Run | None = None
        self.ended: RunHead | None = None  # the run that ended last in this life of the program
        self.unread: Mapping[str, Any] | None = None  # newest deployment, its recipe unreadable
        self.news: list[Deployment | RunHead] = []  # for the store; it takes them off the front
        self.lots_waiting: list[str] = []
        self._last_id = ""
        self._saved_s = 0.0
        self.drift = DriftWatch(station)

    def bind(self, usual: Mapping[State, Sequence[Step]]) -> None:
        """Know the steps of the built-in procedure."""
        self._usual = usual

    @property
    def requested(self) -> Deployment | None:
        """What the next START latches; None: nobody has deployed anything."""
        return self.deployments[-1] if self.deployments else None

    @property
    def pending(self) -> bool:
        """A START would latch another recipe than the one of the run under way."""
        requested, current = self.requested, self.current
        if self.run is None or requested is current:  # the same one has the same number
            return False
        return _number(requested) != _number(current)

    # -- commands --------------------------------------------------------------------------------

    def deploy(self, command: Command) -> None:
        """Take a recipe for the next START; Refused when somebody else was quicker."""
        s, order, last = self._s, command.order, self.requested
        if order is None:
            raise Refused("value", ["DEPLOY without a recipe"])
        if not command.reason.strip():
            raise Refused("reason", ["a deployment needs a reason"])
        number = _number(last)
        if order.expected is not None and order.expected != number:
            raise Refused("conflict", [_conflict(order.expected, last)])
        master = order.master
        if master is not None and master.recipe.id.kind != s.setup.kind:
            raise Refused("kind", [f"{master.recipe.id} is not for a station of {s.setup.kind}"])
        new = Deployment(
            number=number + 1, master=master, actor=command.actor, reason=command.reason.strip(),
            time_ns=s.utc_ns, because=order.because, trial=order.trial,
            signature=order.signature,
        )  # fmt: skip
        before = self.deployments[:-1] if self.unread else self.deployments
        self.deployments, self.unread = [*before[1 - KEPT :], new], None
        self.news.append(new)
        was = last.title if last else BUILT_IN
        when = "at the next START" if self.run else "at START"
        text = f"deployment {new.number}: {was} -> {new.title}, latched {when}"
        s.tell(
            EventKind.RECIPE, new.title, text, command.actor,
            number=new.number, reason=new.reason, because=new.because, trial=new.trial,
            signature=new.signature,
        )  # fmt: skip

    def start(self, command: Command) -> None:
        """Begin a run: latch what was requested and freeze it."""
        s = self._s
        if self.unread:
            told = f"the recipe of deployment {self.unread['number']} cannot be read any more"
            raise Refused("recipe", [f"{told}: deploy a recipe"])
        self.current = self.requested or Deployment(
            number=0, master=None, actor="", reason="", time_ns=s.utc_ns
        )
        master = self.current.master
        self._last_id = run_id(s.name, s.utc_ns, self._last_id)
        head = RunHead(
            id=self._last_id, station=s.name, kind=s.setup.kind, recipe=self.current.title,
            content_hash=master.content_hash if master else "", begun_ns=s.utc_ns,
            begun_by=command.actor, reason=command.reason, software=s.setup.software,
            trial=self.current.trial, lots_in=tuple(self.lots_waiting),
        )  # fmt: skip
        self.lots_waiting = []
        self.run = Run(s, head, self.current, RunState(boot=s.takeover.boot))
        self._latch()
        text = f"run {head.id} begins with {head.recipe}"
        s.tell(
            EventKind.RUN, head.id, text, command.actor, recipe=head.recipe, reason=command.reason,
            content_hash=head.content_hash, deployment=self.current.number,
            lots_in=list(head.lots_in), software=head.software, trial=head.trial,
            signature=self.current.signature,
        )  # fmt: skip

    def confirm(self, command: Command) -> None:
        """Note that a person has done what the prompt asks for."""
        asking = self.run.asking() if self.run else None
        if asking is None or asking.phase.prompt is None:
            raise Refused("prompt", [f"{self._s.name} asks for no confirmation now"])
        asking.confirmed = True
        text = f"confirmed: {asking.phase.prompt.text}"
        self._s.tell(EventKind.RUN, asking.phase.name, text, command.actor, reason=command.reason)

    def lot(self, command: Command) -> None:
        """Note a lot; one that goes in before START belongs to the next run."""
        lot = str(command.value or "").strip()
        if command.target not in ("in", "out"):
            raise Refused("value", [f"LOT {command.target!r}: in or out"])
        if not lot or len(lot) > 80 or not lot.isprintable():
            raise Refused("value", ["LOT needs the name of the lot, 1 to 80 printable characters"])
        if self.run is not None:
            self.run.add_lot(command.target, lot, command.actor)
        elif command.target == "in":
            self.lots_waiting.append(lot)
        else:
            raise Refused("run", [f"{self._s.name} has no open run that {lot} could come out of"])

    # -- the scan --------------------------------------------------------------------------------

    def moved(self, new: State, reason: str) -> None:
        """The station has changed its state."""
        s, run = self._s, self.run
        if run is None:
            return
        run.moved(s.procedure.left)
        if new in _BACK:
            if run.phases:
                s.procedure.use(_BACK, run.back_steps())
            s.procedure.credit(run.left)
        elif new is State.STARTING:
            if run.phases:  # RESTART comes here too: the whole of the same recipe again
                s.procedure.use((State.STARTING,), run.start_steps())
            s.procedure.credit(NOTHING_LEFT)
        elif new is State.EXECUTE:
            run.executes()
        elif new in _ENDS:
            self.ended = run.ended(new, reason, s.utc_ns)
            self.news.append(self.ended)
            self.run = None
            self.drift.clear()
            self._use_steps()
            s.alarm_desk.use_limits()

    def plc_read(self, boot: float) -> None:
        """All of the PLC has been read; one that has restarted has lost what phases had set."""
        run = self.run
        if run is None:
            return
        if run.state.boot not in (None, boot) and run.phases:
            run.begin_anew()
            text = f"PLC restarted (boot {boot:g}): UNHOLD begins with the first phase"
            self._s.tell(EventKind.RUN, run.head.id, text)
        run.state.boot = boot

    def scan(self, now_s: float) -> None:
        """Once a scan, after the procedure."""
        run = self.run
        if run is None:
            return
        run.scan(now_s)
        if now_s >= self.drift.due_s:
            self.drift.scan(now_s, run.expected)
        if now_s - self._saved_s >= REMEMBER_S:
            self._saved_s = now_s
            self._s.changed = True

    def figures(self) -> tuple[float, float, float, float, float]:
        """Time (s), phase, whether a prompt waits, drifted set points, whether one is pending."""
        run = self.run
        if run is None:
            return _NO_RUN
        phase = prompt = 0.0
        if self._s.procedure.state is not _EXECUTE:  # there all phases are done
            number, asks = run.shown()
            phase, prompt = float(number), float(asks)
        drifted = float(len(self.drift.found))
        return run.state.time_s, phase, prompt, drifted, float(self.pending)

    def alarm_limits(self) -> Mapping[str, tuple[AlarmLimit, ...]]:
        """Limits of the recipe by tag, in the place of those of the station kind."""
        master = self.current.master if self.run and self.current else None
        return {t: alarm_limits(x) for t, x in master.recipe.limits.items()} if master else {}

    # -- restart ---------------------------------------------------------------------------------

    def memory(self) -> RecipeMemory:
        """What must survive a restart."""
        run = self.run
        state = run.remembered(self._s.procedure.under_way()) if run else None
        return RecipeMemory(
            deployments=[
                *(_plain(d) for d in (self.deployments[:-1] if self.unread else self.deployments)),
                *([dict(self.unread)] if self.unread else []),
            ],
            current=self.current.number if run and self.current else 0,
            head=asdict(run.head) if run else None,
            state=asdict(state) if state else None,
            last_id=self._last_id,
            lots_waiting=list(self.lots_waiting),
        )

    def recall(self, memory: RecipeMemory, masters: Mapping[str, MasterRecipe]) -> None:
        """Come back after a restart. masters: the recipes the memory names, by hash.

        A deployment whose recipe is not among them is forgotten; where it is the newest, nothing
        starts before somebody has deployed again: an older recipe is not what was asked for.
        """
        plain = memory.deployments
        self.deployments = [_deployment(d, masters) for d in plain if _read(d, masters)]
        if plain and not _read(plain[-1], masters):
            self.unread = plain[-1]
            self.deployments.append(_deployment({**plain[-1], "hash": ""}, masters))
        self._last_id = memory.last_id
        self.lots_waiting = list(memory.lots_waiting)
        if memory.head is None or memory.state is None:
            return
        head = run_head(memory.head)
        by_number = {d.number: d for d in self.deployments}
        built_in = Deployment(number=0, master=None, actor="", reason="", time_ns=head.begun_ns)
        self.current = by_number.get(memory.current, built_in)
        if head.content_hash != (self.current.master.content_hash if self.current.master else ""):
            master = masters[head.content_hash] if head.content_hash else None
            self.current = replace(built_in, master=master)
        self.run = Run(self._s, head, self.current, RunState(**memory.state))
        self.run.recalled()
        self._s.alarm_desk.use_limits()

    def masters(self) -> dict[str, MasterRecipe]:
        """Every recipe that `memory` names, by hash."""
        named = [d.master for d in (*self.deployments, self.current) if d and d.master]
        return {m.content_hash: m for m in named}

    # -- inside ----------------------------------------------------------------------------------

    def _latch(self) -> None:
        """Write the formula where the station kind looks for it."""
        s = self._s
        self.drift.clear()
        master = self.current.master if self.current else None
        for parameter in s.FORMULA if master else ():
            if parameter.setting and master:
                value = master.recipe.formula[parameter.name].value
                s.v[s.settings[parameter.setting]] = value
        s.alarm_desk.use_limits()

    def _use_steps(self) -> None:
        for state in (State.STARTING, *_BACK):
            self._s.procedure.use((state,), self._usual.get(state, ()))


def alarm_limits(limits: Limits) -> tuple[AlarmLimit, ...]:
    """The alarm limits of one tag of a recipe."""
    return tuple(
        AlarmLimit(level=level, limit=limit, deadband=limits.deadband, on_delay_s=limits.delay_s)
        for level in Level
        if (limit := getattr(limits, level.value)) is not None
    )


def run_head(plain: Mapping[str, Any]) -> RunHead:
    """A head as `asdict` and JSON have left it."""
    lists = {key: tuple(plain[key]) for key in ("lots_in", "lots_out")}
    return RunHead(**{**plain, **lists, "outcome": Outcome(plain["outcome"])})


def _number(deployment: Deployment | None) -> int:
    return deployment.number if deployment else 0


def _conflict(expected: int, last: Deployment | None) -> str:
    if last is None:
        return f"deployment {expected} was expected, nothing has been deployed yet: look again"
    when = datetime.fromtimestamp(last.time_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f"{last.actor} deployed {last.title} at {when} (deployment {last.number}: {last.reason}), "
        f"you saw deployment {expected}: look at it, then deploy again if it still applies"
    )


def _plain(d: Deployment) -> dict[str, Any]:
    return {
        "number": d.number, "hash": d.master.content_hash if d.master else "", "actor": d.actor,
        "reason": d.reason, "time_ns": d.time_ns, "because": d.because, "trial": d.trial,
        "signature": d.signature,
    }  # fmt: skip


def _read(plain: Mapping[str, Any], masters: Mapping[str, MasterRecipe]) -> bool:
    return not plain["hash"] or plain["hash"] in masters


def _deployment(plain: Mapping[str, Any], masters: Mapping[str, MasterRecipe]) -> Deployment:
    fields = {key: value for key, value in plain.items() if key != "hash"}
    return Deployment(master=masters[plain["hash"]] if plain["hash"] else None, **fields)
