"""The scripted operator: confirms prompts, and after a fault resets, unholds and starts again."""

from dataclasses import dataclass
from math import isfinite

from controller.control.states import State
from controller.core.event import Command, Verb
from plc_sim.lockstep import Lockstep
from plc_sim.rehearsal.case import Case

ACTOR = "rehearsal"
MAX_ATTEMPTS = 3
_WAY_BACK = {
    State.HELD: Verb.UNHOLD,
    State.PAUSED: Verb.RESUME,
    State.ABORTED: Verb.RESET,
    State.STOPPED: Verb.RESET,
    State.IDLE: Verb.START,
}


@dataclass(frozen=True, slots=True)
class Action:
    """What the operator did, and why it was refused if it was."""

    at_s: float
    verb: Verb
    refused: tuple[str, ...] = ()


class Operator:
    """Looks once a second. Without faults a station that comes to rest stays as it is: then the
    rehearsal has failed, and nobody covers it up."""

    def __init__(self, line: Lockstep, case: Case) -> None:
        self._line, self._case = line, case
        station = line.stations[case.station]
        self._procedure = station.procedure
        self._prompt = line.table.index(f"{station.prefix}.RUN.PROMPT")
        self._asked_s: float | None = None
        self._rested_s: float | None = None
        self._attempts = 0
        self.actions: list[Action] = []

    def look(self, at_s: float) -> None:
        """See to a prompt and to a station that rests."""
        if self._line.table.value[self._prompt]:
            self._asked_s = at_s if self._asked_s is None else self._asked_s
            if at_s - self._asked_s >= self._case.operator_s:
                self._asked_s = None
                self._give(at_s, Verb.CONFIRM)
        else:
            self._asked_s = None
        if self._case.upsets:
            self._bring_back(at_s)

    def persists(self, at_s: float) -> bool:
        """Whether the operator will still try to bring a station at rest back."""
        return bool(self._case.upsets) and (self._attempts < MAX_ATTEMPTS or self._way_back_goes())

    def _way_back_goes(self) -> bool:
        return self._procedure.state in (State.RESETTING, State.IDLE)

    def _bring_back(self, at_s: float) -> None:
        verb = _WAY_BACK.get(self._procedure.state)
        if verb is None or self._fault_lasts():
            self._rested_s = None
            return
        self._rested_s = at_s if self._rested_s is None else self._rested_s
        if at_s - self._rested_s < self._case.operator_s:
            return
        self._rested_s = None
        if verb in (Verb.UNHOLD, Verb.START, Verb.RESUME):
            if self._attempts >= MAX_ATTEMPTS:
                return
            self._attempts += 1
        self._give(at_s, verb)

    def _fault_lasts(self) -> bool:
        """A fault that ends by itself is waited for; one that never does is not."""
        faults = self._line.plant.faults
        ends = any(isfinite(u.for_s) for u in self._case.upsets)
        return bool(faults.active()) and ends

    def _give(self, at_s: float, verb: Verb) -> None:
        command = Command(
            id=f"operator-{len(self.actions)}", actor=ACTOR, station=self._case.station, verb=verb,
            reason="rehearsal",
        )  # fmt: skip
        answer = self._line.give(command)
        self.actions.append(Action(at_s, verb, answer.reasons))
