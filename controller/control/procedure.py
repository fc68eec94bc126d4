"""Procedure: drives a station through the MTP service states, one step after another.

Every acting state (STARTING, HOLDING, ...) is a tuple of steps; a step writes its wishes on
entry, then waits for its conditions. A step that takes too long holds the station and says what it
was waiting for. A state without steps completes at the next scan.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.control.states import State, next_state, when_done
from controller.core.event import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something a step or a START waits for. `test` must be False on bad quality.

    show: the live values behind it, for "what is it waiting for?".
    """

    text: str
    test: Callable[[], bool]
    show: Callable[[], str]

    def unmet(self) -> str:
        """'rolls within 5 K of set point (72.3 of 80.0 degC)'."""
        return f"{self.text} ({self.show()})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an acting state.

    settle_s: so long all conditions must hold without a break. timeout_s: after this the
    station is held, or what `on_timeout` says. scan: called at every scan after the entry, before
    the conditions. phase: number of the recipe phase, 0 for a step of the built-in procedure.
    """

    name: str
    enter: Callable[[], None]
    until: tuple[Condition, ...] = ()
    settle_s: float = 0.0
    timeout_s: float = 600.0
    on_timeout: Verb | None = None
    scan: Callable[[float], None] | None = None
    phase: int = 0


class Left(NamedTuple):
    """Where the phases of a recipe stood when a state was left.

    phase: the one under way, between two of them the next one, one more than there are behind the
    last; 0 outside of phases. spent_s: since its entry. begun: it has been entered.
    """

    phase: int
    spent_s: float = 0.0
    begun: bool = False


NOTHING_LEFT = Left(0)


_EXECUTE = State.EXECUTE  # asked for at every scan

# States that say for ever after why they were entered: "complete" would tell nobody anything.
_KEEPS_REASON = frozenset({State.HELD, State.PAUSED, State.STOPPED, State.ABORTED})

# Where a time-out leads: away from an acting state that cannot finish. Aborting and stopping
# have nowhere safer to go, so they end as if complete, with the reason recorded.
_ON_TIMEOUT: Mapping[State, Verb | None] = {
    State.STARTING: Verb.HOLD,
    State.UNHOLDING: Verb.HOLD,
    State.RESUMING: Verb.HOLD,
    State.PAUSING: Verb.HOLD,
    State.COMPLETING: Verb.HOLD,
    State.RESETTING: Verb.STOP,
    State.HOLDING: None,
    State.STOPPING: None,
    State.ABORTING: None,
}


class Procedure:
    """State, current step and the reason of the last change.

    on_change(old, new, reason) is called after every change of state, outside of any step.
    """

    def __init__(
        self,
        steps: Mapping[State, Sequence[Step]],
        on_change: Callable[[State, State, str], None],
        state: State = State.IDLE,
    ) -> None:
        self._steps = {s: tuple(steps.get(s, ())) for s in State}
        self._on_change = on_change
        self.state = state
        self.reason = ""
        self.step_index = 0
        self._entered = False
        self._step_since_s = 0.0
        self._met_since_s: float | None = None
        self._now_s = 0.0
        self._head_start: dict[int, float] = {}  # phase -> seconds it had when it was broken off
        self.left = NOTHING_LEFT
        self.since_s = 0.0

    def use(self, states: Sequence[State], steps: Sequence[Step]) -> None:
        """Other steps for some states; not for the one under way."""
        for state in states:
            self._steps[state] = tuple(steps)

    def credit(self, left: Left) -> None:
        """Count what was spent in a phase before it was broken off, when it is entered again."""
        self._head_start = {left.phase: left.spent_s} if left.begun else {}

    @property
    def step(self) -> Step | None:
        """The step that is under way, if any."""
        steps = self._steps[self.state]
        return steps[self.step_index] if self.step_index < len(steps) else None

    def waiting_for(self) -> tuple[str, ...]:
        """Every condition of the current step that is not met, with live values."""
        step = self.step
        return tuple(c.unmet() for c in step.until if not c.test()) if step else ()

    def step_left_s(self, now_s: float) -> float:
        """Seconds until the current step times out; 0 when nothing is timed."""
        step = self.step
        if step is None or not self._entered:
            return 0.0
        return max(0.0, step.timeout_s - (now_s - self._step_since_s))

    def under_way(self) -> Left:
        """The recipe phase under way and the time spent in it."""
        steps, step = self._steps[self.state], self.step
        if not steps or not steps[-1].phase:
            return NOTHING_LEFT
        if step is None:
            return Left(steps[-1].phase + 1)
        if self._entered:
            return Left(step.phase, self._now_s - self._step_since_s, begun=True)
        spent_s = self._head_start.get(step.phase)
        return Left(step.phase) if spent_s is None else Left(step.phase, spent_s, begun=True)

    def command(self, verb: Verb, reason: str) -> None:
        """Take a procedure command; Refused names what is enabled instead."""
        self.go(next_state(self.state, verb), reason)

    def force(self, state: State, reason: str) -> None:
        """Start in a state (after a restart of the program), without passing through others."""
        self.go(state, reason)

    def go(self, state: State, reason: str) -> None:
        """Change the state and tell."""
        self.left = self.under_way()
        old, self.state, self.reason = self.state, state, reason
        self.step_index = 0
        self._entered = False
        self._met_since_s = None
        self.since_s = -1.0
        self._on_change(old, state, reason)

    def enter_again(self) -> None:
        """Let the step under way write its wishes once more, at the next scan."""
        if self._entered:
            left = self.under_way()
            if left.begun:
                self._head_start[left.phase] = left.spent_s
            self._entered = False

    def scan(self, now_s: float) -> None:
        """Advance by at most one step or state."""
        self._now_s = now_s
        if self.since_s < 0:
            self.since_s = now_s
        steps = self._steps[self.state]
        if self.step_index >= len(steps):
            # EXECUTE without steps is continuous: it ends by COMPLETE, STOP or a fault.
            target = when_done(self.state)
            if target is not None and (steps or self.state is not _EXECUTE):
                self.go(target, self.reason if target in _KEEPS_REASON else "complete")
            return
        step = steps[self.step_index]
        if not self._entered:
            step.enter()
            self._entered = True  # not before: a step whose wishes failed has not been entered
            self._step_since_s = now_s - self._spent_before(step)
            self._met_since_s = None
            return
        if step.scan is not None:
            step.scan(now_s)
        for condition in step.until:
            if not condition.test():
                self._met_since_s = None
                if now_s - self._step_since_s > step.timeout_s:
                    self._time_out(step)
                return
        if self._met_since_s is None:
            self._met_since_s = now_s
        if now_s - self._met_since_s >= step.settle_s:
            self.step_index += 1
            self._entered = False

    def _spent_before(self, step: Step) -> float:
        """The credit of a phase that is entered again; given once, and not if it had timed out."""
        spent_s = self._head_start.pop(step.phase, 0.0)
        return spent_s if spent_s < step.timeout_s else 0.0

    def _time_out(self, step: Step) -> None:
        text = f"{self.state.name}: step {step.name} timed out after {step.timeout_s:g} s, "
        text += "waiting for " + "; ".join(self.waiting_for())
        verb = step.on_timeout or _ON_TIMEOUT.get(self.state)
        if verb is None:
            self.step_index += 1
            self._entered = False
            self.reason = f"{self.reason}; {text}"
            return
        self.go(next_state(self.state, verb), text)
