"""The run of a station: begun by START, with the recipe that was latched then, ended by itself."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from controller.control.phases import PhaseStep, steps_again
from controller.control.procedure import NOTHING_LEFT, Left, Step
from controller.control.states import State
from controller.core.event import EventKind
from controller.core.run import Deployment, Outcome, RunHead

if TYPE_CHECKING:
    from controller.control.station import Station

NS = 1_000_000_000
OUTCOMES = {
    State.COMPLETED: Outcome.COMPLETED,
    State.STOPPED: Outcome.STOPPED,
    State.ABORTED: Outcome.ABORTED,
}
MAX_METER_STEP = 20.0  # metres between two scans; more is a counter that was set, not web
LOT_LENGTH = "lot_length"


def run_id(station: str, utc_ns: int, last: str) -> str:
    """'coater-20261122-085205'; with -2 and so on where the last run has that name already."""
    begun = datetime.fromtimestamp(utc_ns // NS, UTC).strftime("%Y%m%d-%H%M%S")
    own = f"{station}-{begun}"
    before, count = last[: len(own)], last[len(own) + 1 :]
    if own > before:
        return own
    return f"{before}-{int(count or 1) + 1}"  # the same second, or a clock that was set back


@dataclass(slots=True)
class RunState:
    """What of an open run must survive a restart, as plain values.

    reached: number of the phase that was begun last, one more than there are when all are done;
    phase, spent_s: the phase that was broken off and the time spent in it; confirmed: its prompt.
    lot, lot_end_m: lots counted out, and the metre of the run at which the last of them ends.
    boot: boot counter of the PLC that holds the set points.
    """

    reached: int = 1
    phase: int = 0
    spent_s: float = 0.0
    confirmed: bool = False
    time_s: float = 0.0
    metres: float = 0.0
    lot: int = 0
    lot_end_m: float = 0.0
    boot: float | None = None


class Run:
    """An open run on its station."""

    def __init__(
        self, station: "Station", head: RunHead, deployment: Deployment, state: RunState
    ) -> None:
        self._s = station
        self.head, self.deployment, self.state = head, deployment, state
        master = deployment.master
        self._settings = _settings(station, deployment)
        self.expected = dict(self._settings)
        self.phases = [
            PhaseStep(station, phase, k, self.expected, self._entered)
            for k, phase in enumerate(master.recipe.phases if master else (), 1)
        ]
        formula = master.recipe.formula if master else {}
        self._lot_m = formula[LOT_LENGTH].value if LOT_LENGTH in formula else 0.0
        self._meter = station.offset.get(f"{station.prefix}.METER", -1)
        self._meter_seen: float | None = None
        self._scanned_s: float | None = None
        self._inside = 0  # phase that was entered last, since the last change of state
        if 0 < state.phase <= len(self.phases):
            self.phases[state.phase - 1].confirmed = state.confirmed

    # -- steps -----------------------------------------------------------------------------------

    def start_steps(self) -> tuple[Step, ...]:
        """All phases, from the first one on; what an earlier START reached is forgotten."""
        self.state.reached, self.state.phase, self.state.spent_s = 1, 0, 0.0
        return tuple(p.step() for p in self.phases)

    def back_steps(self) -> tuple[Step, ...]:
        """From held or paused to where it was."""
        return steps_again(self.phases, self.state.reached)

    def moved(self, left: Left) -> None:
        """The station has changed its state. left: where the phases stood then."""
        self._inside = 0
        self.state = self.remembered(left)

    def remembered(self, left: Left) -> RunState:
        """What to come back with when all ends here. left: where the phases stand.

        On the way back a phase before the one that was broken off leaves that one what it had.
        """
        state = replace(self.state, reached=max(self.state.reached, left.phase))
        if left.begun and left.phase >= state.phase:
            state.phase, state.spent_s = left.phase, left.spent_s
            state.confirmed = self.phases[left.phase - 1].confirmed
        return state

    def begin_anew(self) -> None:
        """No phase counts as done any more: the PLC has lost what they had set."""
        self.state.reached, self.state.phase, self.state.spent_s = 1, 0, 0.0
        self.expected.clear()
        self.expected.update(self._settings)

    def recalled(self) -> None:
        """Expect what the phases had set before the restart of the program."""
        for phase in self.phases[: self.state.reached]:
            phase.was_begun(done=phase.number < self.state.reached)

    @property
    def left(self) -> Left:
        """What is to be credited to the phase that was broken off."""
        state = self.state
        return Left(state.phase, state.spent_s, begun=True) if state.phase else NOTHING_LEFT

    def _entered(self, number: int) -> None:
        phase = self.phases[number - 1]
        if number == self._inside:
            text = f"set points of phase {number} {phase.phase.name} are sent again"
            self._tell(text, phase=number)
            return
        self._inside = number
        # A phase that is gone through again asks again, unless a hold has broken it off.
        broken_off = number == self.state.phase
        phase.confirmed = phase.confirmed and broken_off
        if broken_off:
            self.state.phase = 0
        self.state.reached = max(self.state.reached, number)
        self._tell(f"phase {number} {phase.phase.name}: {phase.phase.title}", phase=number)
        if phase.phase.prompt is not None:
            asks = ", to be confirmed" if phase.asks else ""
            self._tell(f"prompt{asks}: {phase.phase.prompt.text}", phase=number)

    def asking(self) -> PhaseStep | None:
        """The phase under way that waits for a person; not before it has said so."""
        return self._asking(self._s.procedure.under_way())

    def phase_number(self) -> int:
        """The phase under way, or the one to go on with; 0 when all are done."""
        return self._number(self._s.procedure.under_way())

    def shown(self) -> tuple[int, bool]:
        """Both at once: the number of the phase, and whether it asks."""
        left = self._s.procedure.under_way()
        return self._number(left), self._asking(left) is not None

    def _asking(self, left: Left) -> PhaseStep | None:
        phase = self.phases[left.phase - 1] if left.begun else None
        return phase if phase is not None and phase.asks else None

    def _number(self, left: Left) -> int:
        number = left.phase or self.state.phase or self.state.reached
        return number if number <= len(self.phases) else 0

    def executes(self) -> None:
        """All phases are done."""
        self.state.reached, self.state.phase = len(self.phases) + 1, 0
        if self._lot_m and self._meter >= 0 and not self.state.lot:
            self.state.lot_end_m = self.state.metres
            self._next_lot()

    # -- what passes -----------------------------------------------------------------------------

    def scan(self, now_s: float) -> None:
        """Count time and metres."""
        state, s = self.state, self._s
        if self._scanned_s is not None:
            state.time_s += now_s - self._scanned_s
        self._scanned_s = now_s
        if self._meter < 0 or not s.usable(self._meter):
            return
        meter = s.v[self._meter]
        if self._meter_seen is not None:
            step = meter - self._meter_seen
            if 0.0 < step < MAX_METER_STEP:
                state.metres += step
        self._meter_seen = meter
        if state.lot and self._lot_m and state.metres >= state.lot_end_m:
            self._next_lot()

    def _next_lot(self) -> None:
        self.state.lot += 1
        self.state.lot_end_m += self._lot_m
        self.add_lot("out", f"{self.head.id}-L{self.state.lot:02d}", "")

    def add_lot(self, way: str, lot: str, actor: str) -> None:
        """Note a lot that goes in or comes out, with the metre it does so at."""
        if way == "in":
            self.head = replace(self.head, lots_in=(*self.head.lots_in, lot))
        else:
            self.head = replace(self.head, lots_out=(*self.head.lots_out, lot))
        metres = round(self.state.metres, 2)
        self._tell(f"lot {way} {lot} at {metres:g} m", actor=actor, lot=lot, metres=metres)

    def snapshot(self) -> RunHead:
        """The head as it stands now."""
        return replace(self.head, metres=round(self.state.metres, 2))

    def ended(self, state: State, reason: str, utc_ns: int) -> RunHead:
        """The head of the run when the station has come to rest."""
        outcome = OUTCOMES[state]
        self.head = replace(
            self.head, ended_ns=utc_ns, outcome=outcome, why_ended=reason,
            metres=round(self.state.metres, 2),
        )  # fmt: skip
        self._tell(f"run {self.head.id} {outcome}: {reason}", outcome=outcome.value)
        return self.head

    def _tell(self, text: str, actor: str = "", **data: object) -> None:
        self._s.tell(EventKind.RUN, self.head.id, text, actor, **data)


def _settings(station: "Station", deployment: Deployment) -> dict[str, float]:
    """Settings of the station that the formula of a recipe feeds: tag -> value."""
    master = deployment.master
    return {
        f"{station.prefix}.SET.{p.setting}": master.recipe.formula[p.name].value
        for p in (station.FORMULA if master else ())
        if p.setting and master
    }
