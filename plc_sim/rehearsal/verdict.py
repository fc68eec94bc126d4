"""The verdict: passed, or failed with every reason, its time and the live values.

A good run is started, is never held, stopped or aborted by itself, stays inside the limits of its
recipe and is completed. A lolo or hihi alarm, and any of priority high or critical, fails it at
once; other alarms are warnings as long as each stays below MAX_ALARM_SHARE of production: that much
is a start-up or a disturbance.

With faults injected the question is another one, whether it recovers. Trips and holds are the right
answer to a fault and are told as warnings; at the end the station must be in production, quiet for
the last QUIET_S, and be completed; quiet is no alarm that fails a good run at once, and others as
short as there. Such a rehearsal says nothing about the recipe's limits, so it
does not count for a release.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from controller.control.states import State
from controller.core.recipe import Recipe
from plc_sim.rehearsal.facts import AlarmTime, Facts, Move, PhaseTime
from plc_sim.rehearsal.scripted_operator import Action
from plc_sim.rehearsal.trace import Trace

MAX_ALARM_SHARE = 0.01
NEAR_TIMEOUT = 0.8  # of a timeout: so near is worth a word
QUIET_S, QUIET_SHARE = 600.0, 0.2  # of production, whichever is shorter
MAX_LIVE = 8
_BAD_MOVES = {
    State.HOLDING: "held", State.ABORTING: "aborted", State.STOPPING: "stopped",
    State.HELD: "held", State.ABORTED: "aborted",
}  # fmt: skip


class Criteria(StrEnum):
    """What was asked."""

    GOOD_RUN = "good run"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What it came to; reasons is empty exactly when it passed."""

    criteria: Criteria
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No reason against it."""
        return not self.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All a verdict is made from. asked_s: production asked for; neighbours: trouble beside."""

    facts: Facts
    trace: Trace
    prefix: str
    recipe: Recipe | None
    asked_s: float
    criteria: Criteria
    refused: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    neighbours: tuple[str, ...] = ()


def judge(e: Evidence) -> Verdict:
    """The verdict on one rehearsal."""
    reasons, warnings = list(e.refused), list[str]()
    moves = [f"{_BAD_MOVES[m.new]} at {clock(m.at_s)} {_where(e, m)}: {m.reason}{_live(e, m)}"
             for m in _breaks(e.facts.moves)]  # fmt: skip
    recovery = e.criteria is Criteria.RECOVERY
    (warnings if recovery else reasons).extend(moves)
    if e.facts.ready_s is None and not reasons:
        reasons.append(f"not in EXECUTE after {clock(e.facts.ended_s)}: {_standing(e)}")
    if recovery:
        reasons += _not_recovered(e)
        warnings += [_told(a) for a in e.facts.alarms]
        if moves:
            share = 100.0 * e.facts.production_s / max(e.asked_s, 1.0)
            warnings.append(f"in EXECUTE for {min(share, 100.0):.0f} % of the production asked for")
    else:
        failed, allowed = _alarms(e.facts)
        reasons += failed
        warnings += allowed
    if not reasons and e.facts.state is not State.COMPLETED:
        text = f"COMPLETE did not lead to COMPLETED: {e.facts.state.name} at the end"
        reasons.append(text)
    warnings += _slow(e.facts.phases)
    warnings += [f"{a.verb} at {clock(a.at_s)} refused: {'; '.join(a.refused)}"
                 for a in e.actions if a.refused]  # fmt: skip
    warnings += [f"beside: {text}" for text in e.neighbours]
    return Verdict(criteria=e.criteria, reasons=tuple(reasons), warnings=tuple(warnings))


def clock(seconds: float) -> str:
    """'0:27:31' since START."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _breaks(moves: Sequence[Move]) -> Iterator[Move]:
    """Moves away from a good run; where the way is HOLDING to HELD, the first of them."""
    for move in moves:
        entered = move.new in (State.HOLDING, State.ABORTING, State.STOPPING)
        at_once = (move.new is State.HELD and move.old is not State.HOLDING) or (
            move.new is State.ABORTED and move.old is not State.ABORTING
        )
        if entered or at_once:
            yield move


def _where(e: Evidence, move: Move) -> str:
    phase = _phase_at(e.facts.phases, move.at_s) if move.old is not State.EXECUTE else None
    if phase is None:
        return f"in {move.old.name}"
    return f"in phase {phase.number} {phase.name} after {move.at_s - phase.begun_s:.0f} s"


def _phase_at(phases: Sequence[PhaseTime], at_s: float) -> PhaseTime | None:
    inside = [p for p in phases if p.begun_s <= at_s <= p.begun_s + p.took_s + 1e-6]
    return inside[-1] if inside else None


def _live(e: Evidence, move: Move) -> str:
    """The watched values just before: what the phase waited for, what the recipe limits."""
    if e.recipe is None:
        return ""
    phase = _phase_at(e.facts.phases, move.at_s)
    waited = [t.tag for t in e.recipe.phases[phase.number - 1].until] if phase else []
    names = dict.fromkeys(_full(e, tag) for tag in (*waited, *e.recipe.limits))
    known = [n for n in names if n in e.trace][:MAX_LIVE]
    shown = ", ".join(e.trace.shown(n, move.at_s) for n in known)
    return f" [{shown}]" if shown else ""


def _full(e: Evidence, tag: str) -> str:
    return e.prefix + tag if tag.startswith(".") else tag


def _standing(e: Evidence) -> str:
    phases = e.facts.phases
    text = e.facts.state.name
    return f"{text}, phase {phases[-1].number} {phases[-1].name}" if phases else text


def _alarms(facts: Facts) -> tuple[list[str], list[str]]:
    """Alarms that fail a run, and those that are allowed to it."""
    failed, allowed = list[str](), list[str]()
    groups: dict[tuple[str, str], list[AlarmTime]] = {}
    for alarm in facts.alarms:
        groups.setdefault((alarm.tag, alarm.name), []).append(alarm)
    whole_s = max(facts.production_s, 1.0)
    for alarms in groups.values():
        total_s = sum(a.for_s for a in alarms)
        text = _told(alarms[0])
        if len(alarms) > 1:
            text += f"; {len(alarms)} times, {total_s:.0f} s in all"
        text += f" ({100.0 * total_s / whole_s:.1f} % of production)"
        bad = alarms[0].serious or total_s > MAX_ALARM_SHARE * whole_s
        (failed if bad else allowed).append(text)
    return failed, allowed


def _told(alarm: AlarmTime) -> str:
    said = f"{alarm.tag} {alarm.name} alarm at {clock(alarm.at_s)} for {alarm.for_s:.0f} s"
    return f"{said}: {alarm.value:g}, limit {alarm.limit:g}" if isfinite(alarm.value) else said


def _not_recovered(e: Evidence) -> Iterator[str]:
    facts = e.facts
    if facts.ready_s is None:
        return
    asked_to_s = facts.ready_s + e.asked_s
    end_s = facts.execute[-1][1]
    if facts.state is not State.COMPLETED:
        yield f"not recovered: {facts.state.name} at the end, last in EXECUTE at {clock(end_s)}"
    quiet_from_s = min(end_s, asked_to_s) - min(QUIET_S, QUIET_SHARE * e.asked_s)
    if facts.execute[-1][0] > quiet_from_s:
        yield f"back in EXECUTE at {clock(facts.execute[-1][0])} only, too late to judge"
    for alarm in facts.alarms:
        late_s = alarm.at_s + alarm.for_s - max(quiet_from_s, alarm.at_s)
        allowed_s = 0.0 if alarm.serious else MAX_ALARM_SHARE * e.asked_s
        if late_s > allowed_s:
            yield f"not quiet at the end: {_told(alarm)}"


def _slow(phases: Sequence[PhaseTime]) -> Iterator[str]:
    for p in phases:
        if p.done and p.took_s > NEAR_TIMEOUT * p.timeout_s:
            yield (f"phase {p.number} {p.name} took {p.took_s:.0f} s of the {p.timeout_s:g} s "
                   f"until it times out")  # fmt: skip
