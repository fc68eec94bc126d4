"""One rehearsal: START, production, COMPLETE, with a scripted operator; then its result."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from controller.config import LineConfig, load_line
from controller.control.states import State
from controller.control.station_parts import DOWN, QUIET
from controller.core.event import Verb
from controller.core.recipe import Recipe
from controller.core.run import BUILT_IN, MasterRecipe
from plc_sim.lockstep import Lockstep
from plc_sim.models.surroundings import Surroundings
from plc_sim.plant import Plant
from plc_sim.rehearsal.case import Case, Neighbours
from plc_sim.rehearsal.facts import Facts, gather
from plc_sim.rehearsal.figure import View, energy, settled_mask
from plc_sim.rehearsal.kinds import StationKind, station_kind
from plc_sim.rehearsal.loops import loop_figures
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.scripted_operator import Operator
from plc_sim.rehearsal.spread import parameters_of, scenario_of, set_instruments
from plc_sim.rehearsal.trace import Recorder, Trace
from plc_sim.rehearsal.tuning import course
from plc_sim.rehearsal.verdict import Criteria, Evidence, judge

ROW_S = 1.0
AFTERMATH_S = 60.0  # recorded of a station that came to rest too early
SLACK_S = 120.0  # beyond the sum of all timeouts of the phases
BUILT_IN_READY_S = 5 * 3600.0
COMPLETE_S = 1200.0
TOLD_EACH_S = 30.0
Progress = Callable[[float, float], None]  # plant seconds done, plant seconds expected


class Rehearsal:
    """A case under way. `run` carries it through."""

    def __init__(self, case: Case, progress: Progress | None = None) -> None:
        self.case = case
        self._progress = progress
        config = load_line(case.line)
        own = config.station(case.station)
        self.kind: StationKind = station_kind(own.kind)
        self.recipe: Recipe | None = case.master.recipe if case.master else None
        real = case.neighbours is Neighbours.REAL
        self.names = tuple(s.name for s in config.stations if real or s is own)
        self.line = _line(config, case, self.names, self.kind)
        if not real:
            self.line.on_scan = self.kind.ideal(self.line, case.neighbours, case.seed)
        self.station = self.line.stations[case.station]
        self.operator = Operator(self.line, case)
        self._recorder = Recorder(
            self.line.table, case.station, self.kind.TRUTH, lambda: self.kind.read(self.line.plant)
        )
        self._start_ns = self.line.clock.utc_ns()
        self._start_s = self.line.plant.now_s
        self._told_s = 0.0
        self._expected_s = 1800.0 + case.production_s
        self._refused: tuple[str, ...] = ()
        self.production_from_s: float | None = None
        self.production_to_s: float | None = None

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Result:
        """From START to the end."""
        self._deploy()
        self._start_ns, self._start_s = self.line.clock.utc_ns(), self.line.plant.now_s
        self._recorder.take(0.0)
        if self._start():
            self._get_ready()
            if self.production_from_s is not None:
                self._produce()
        return self._result()

    @property
    def at_s(self) -> float:
        """Seconds since START."""
        return round(self.line.plant.now_s - self._start_s, 3)

    @property
    def _state(self) -> State:
        return self.station.procedure.state

    def _deploy(self) -> None:
        masters = dict(self.case.beside)
        if self.case.master is not None:
            masters[self.case.station] = self.case.master
        for name, master in masters.items():
            answer = self.line.deploy(name, master, "rehearsal")
            if not answer.accepted:
                raise ValueError(f"{name}: DEPLOY refused: {'; '.join(answer.reasons)}")
        gains = self.case.gains
        if gains is not None:
            answer = self.line.command(self.case.station, Verb.TUNE, gains.loop, gains.value)
            if not answer.accepted:
                raise ValueError("; ".join(answer.reasons))

    def _start(self) -> bool:
        refused = []
        for name in self.names:
            answer = self.line.command(name, Verb.START)
            if not answer.accepted:
                refused += [f"START of {name} refused: {reason}" for reason in answer.reasons]
        self._refused = tuple(refused)
        return not refused

    def _get_ready(self) -> None:
        """Until every station is in EXECUTE, or it is clear that one of them will not be."""
        limit_s = self.at_s + _longest_s(self.case.master)
        stations = [self.line.stations[n] for n in self.names]
        while not all(s.procedure.state is State.EXECUTE for s in stations):
            beside = self._stuck_beside(late=self.at_s > limit_s)
            if beside or self._given_up() or self.at_s > limit_s:
                self._refused = beside
                self._second(AFTERMATH_S)
                return
            self._second()
        self.production_from_s = self.at_s
        self._expected_s = self.at_s + self.case.production_s
        for upset in self.case.upsets:
            if upset.from_production:
                self.line.inject(upset.fault.station, upset.fault.name, upset.level,
                                 after_s=upset.start_s, for_s=upset.for_s)  # fmt: skip

    def _stuck_beside(self, *, late: bool) -> tuple[str, ...]:
        """Neighbours without which there is no production, and why; nobody brings them back."""
        found = []
        for name in self.names:
            procedure = self.line.stations[name].procedure
            resting = procedure.state in QUIET | DOWN or procedure.state is State.HELD
            waits = late and procedure.state is not State.EXECUTE
            if name != self.case.station and (resting or waits):
                why = procedure.reason or "; ".join(procedure.waiting_for())
                found.append(f"no production: {name} is {procedure.state.name}: {why}")
        return tuple(found)

    def _produce(self) -> None:
        """The time asked for, then COMPLETE; a station that comes to rest ends it earlier."""
        until_s = self.at_s + self.case.production_s
        while self.at_s < until_s - 1e-6:
            if self._given_up():
                self._second(AFTERMATH_S)
                break
            self._second(min(ROW_S, until_s - self.at_s))
        self.production_to_s = self.at_s
        if self._state is State.EXECUTE:
            self.line.command(self.case.station, Verb.COMPLETE)
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        end_s = self.at_s + COMPLETE_S
        while self._state not in QUIET and self._state is not State.HELD and self.at_s < end_s:
            self._second()

    def _given_up(self) -> bool:
        """The station rests, or is about to, and nobody will bring it back."""
        state = self._state
        stuck = state in QUIET | DOWN or state in (State.HELD, State.HOLDING)
        return stuck and not self.operator.persists(self.at_s)

    def _second(self, seconds: float = ROW_S) -> None:
        """Let time pass, record, and let the operator look."""
        end_s = self.at_s + seconds
        while self.at_s < end_s - 1e-6:
            self.line.run(min(ROW_S, end_s - self.at_s))
            self._recorder.take(self.at_s)
            self.operator.look(self.at_s)
        if self._progress is not None and self.at_s - self._told_s >= TOLD_EACH_S:
            self._told_s = self.at_s
            self._progress(self.at_s, max(self._expected_s, self.at_s))

    # -- the result ------------------------------------------------------------------------------

    def _result(self) -> Result:
        case, trace = self.case, self._recorder.trace()
        events = [e for e in self.line.log.events if e.station == case.station]
        facts = gather(events, self._start_ns, self.at_s, self.recipe)
        begun_s = self.production_from_s
        mask = settled_mask(trace, facts.execute, begun_s or 0.0)
        if begun_s is None:
            mask[:] = False
        metres = tuple(self.line.plant.calender.ledger.metres)
        view = View(trace, mask, self.station.prefix, metres)
        ended_s = self.production_to_s or self.at_s
        figures = [*energy(trace, begun_s, ended_s)]
        if not view.empty:
            figures += self.kind.figures(view)
        master = case.master
        return Result(
            recipe=str(master.recipe.id) if master else BUILT_IN,
            content_hash=master.content_hash if master else "",
            station=case.station,
            seed=case.seed,
            minutes=case.minutes,
            verdict=judge(
                Evidence(
                    facts=facts,
                    trace=trace,
                    prefix=self.station.prefix,
                    recipe=self.recipe,
                    asked_s=case.production_s,
                    refused=self._refused,
                    criteria=Criteria.RECOVERY if case.upsets else Criteria.GOOD_RUN,
                    actions=tuple(self.operator.actions),
                    neighbours=self._neighbours(),
                )
            ),
            facts=facts,
            production_from_s=begun_s,
            loops=loop_figures(trace, self.station.loops, self.kind.BANDS, facts.execute),
            figures=tuple(figures),
            digest=self._digest(trace, facts),
            trace=trace,
            course=self._course(trace, begun_s, ended_s),
        )

    def _course(self, trace: Trace, begun_s: float | None, ended_s: float) -> dict[str, Any] | None:
        """Production as a loop saw it whose gains are looked at."""
        if self.case.gains is None or begun_s is None:
            return None
        name = self.case.gains.loop.removeprefix(f"{self.station.prefix}.")
        return course(trace, self.station.loops[name], (begun_s, ended_s))

    def _neighbours(self) -> tuple[str, ...]:
        """What went wrong beside the station."""
        found = []
        for name in self.names:
            if name == self.case.station:
                continue
            events = [e for e in self.line.log.events if e.station == name]
            facts = gather(events, self._start_ns, self.at_s, None)
            for move in facts.moves:
                if move.new in (State.HOLDING, State.ABORTING):
                    found.append(f"{name} at {move.at_s:.0f} s: {move.reason}")
        return tuple(found)

    def _digest(self, trace: Trace, facts: Facts) -> str:
        found = blake2b(trace.digest().encode(), digest_size=16)
        for event in self.line.log.events:
            found.update(f"{event.time_ns} {event.station} {event.text}\n".encode())
        return found.hexdigest()


def rehearse(case: Case, progress: Progress | None = None) -> Result:
    """Rehearse one case. LookupError or ValueError when it cannot be built."""
    return Rehearsal(case, progress).run()


def _line(config: LineConfig, case: Case, names: tuple[str, ...], kind: StationKind) -> Lockstep:
    formula = dict(case.master.recipe.formula) if case.master else {}
    parameters = kind.parameters(formula)
    for name, master in case.beside.items():
        other = station_kind(config.station(name).kind)
        for section, values in other.parameters(master.recipe.formula).items():
            parameters.setdefault(section, {}).update(values)
    for section, values in parameters_of(case.drawn).items():
        parameters.setdefault(section, {}).update(values)
    around = Surroundings(case.seed, scenario_of(case.drawn))
    plant = Plant(case.seed, around, stations=names, parameters=parameters)
    set_instruments(plant, case.drawn)
    for upset in case.upsets:
        if upset.fault.station not in names:
            raise ValueError(f"{upset.fault.station} {upset.fault.name}: only stations that are "
                             f"simulated have faults: {', '.join(names)}")  # fmt: skip
    line = Lockstep(config, plant)
    for upset in case.upsets:
        if not upset.from_production:
            line.inject(upset.fault.station, upset.fault.name, upset.level,
                        after_s=upset.start_s, for_s=upset.for_s)  # fmt: skip
    return line


def _longest_s(master: MasterRecipe | None) -> float:
    """How long STARTING may take by the recipe's own timeouts."""
    if master is None:
        return BUILT_IN_READY_S
    return sum(phase.timeout_s for phase in master.recipe.phases) + SLACK_S
