"""Whatever is asked, breaks or restarts: the table of states is kept, and a run stays one run."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.control.command_desk import TO_MOTION
from controller.control.states import TABLE, TARGET, State, enabled, restored
from controller.control.station_parts import QUIET, AfterLinkLoss
from controller.core.event import Command, DeployOrder, EventKind, Verb
from controller.core.recipe import Limits, OnTimeout, OnUnhold, Op
from controller.core.sample import GOOD, Quality
from controller.core.tag import Kind
from controller.stations.common import Mode
from tests.support.tiny_recipe import (
    QUICK,
    STANDARD,
    RecipeBench,
    master,
    phase,
    pv_at,
    ramp,
    when,
)

ENDS = frozenset({State.COMPLETED, State.STOPPED, State.ABORTED})
WAYS_TO_MOTION = frozenset({State.STARTING, State.UNHOLDING, State.RESUMING})
MOVING = frozenset({Mode.WARMUP, Mode.THREAD, Mode.RUN})
EDGES = {
    (old, new)
    for old, row in TABLE.items()
    for new in (*(TARGET[v] for v in row.enabled), row.done)
    if new is not None
}
# What the first look at a PLC may do: a machine found active, or still in motion, is held.
FIRST_LOOK = {(old, State.HELD) for old in QUIET} | {(State.HELD, State.HOLDING)}

RECIPES = (
    None,
    QUICK,
    STANDARD,
    master(phase("a", sets={".CMD": Mode.RUN}, until=[pv_at(10)], on_unhold=OnUnhold.SKIP),
           version="1.1.0", lot_length=5),
    master(phase("a", ask="Load it", timeout_s=5, on_timeout=OnTimeout.ABORT),
           phase("b", sets={".CMD": Mode.RUN, ".OUT.SP": 20}, until=[when("OTHER.PV", Op.IS, 1)],
                 timeout_s=5), version="1.2.0"),
    master(phase("a", sets={".CMD": Mode.WARMUP, ".L2.SP": 5}, on_unhold=OnUnhold.SKIP,
                 ramps=[ramp(".FREE.SP", 50, 600), ramp(".L1.SP", 60, 600)]),
           phase("b", sets={".CMD": Mode.RUN}, ramps=[ramp(".FREE.SP", 10, 6000)], ask="Go?"),
           phase("c", sets={".FREE.SP": 90}, until=[when(".STATE", Op.IS, 3, for_s=0.5)]),
           version="1.3.0", limits={".PV": Limits(lo=20, hi=60), ".SEQ": Limits(hi=1)}),
    master(phase("a", until=[pv_at(0)]), kind="coater"),
)  # fmt: skip

numbers = st.sampled_from([0, 1, 25, 40, 1e9, -1.0, float("nan"), float("inf"), None, "x", "30"])
set_targets = st.sampled_from(
    ["T.FREE.SP", "T.OUT.SP", "T.STEPS.SP", "T.SET.SP", "T.L1.SP", "T.L2.SP", "T.CMD", "T.PV", ""]
)
plain_verbs = st.sampled_from([*TARGET, Verb.CONFIRM])
qualities = st.sampled_from([GOOD, GOOD, Quality.UNCERTAIN_HELD, Quality.BAD_SENSOR])
reasons = st.sampled_from(["", "because"])


@st.composite
def commands(draw):
    """Any command with any arguments, most of them the procedure's."""
    verb = draw(st.one_of(plain_verbs, st.sampled_from(list(Verb))))
    target, value, order = "", None, None
    if verb is Verb.SET:
        target, value = draw(set_targets), draw(numbers)
    elif verb is Verb.MODE:
        target = draw(st.sampled_from(["T.L1", "L2", "T.L9"]))
        value = draw(st.sampled_from(["MAN", "AUTO", "CAS", "WARP", None]))
    elif verb is Verb.TUNE:
        target, value = "T.L1", draw(st.sampled_from(["1,10,0", "0,0,0", "x"]))
    elif verb is Verb.LOT:
        target, value = draw(st.sampled_from(["in", "out", "up"])), draw(st.sampled_from(["A", ""]))
    elif verb is Verb.DEPLOY:
        expected = draw(st.one_of(st.none(), st.none(), st.integers(0, 4)))
        order = DeployOrder(master=draw(st.sampled_from(RECIPES)), expected=expected)
        order = draw(st.sampled_from([order, order, order, None]))
    return Command(
        id="c", actor="ann", station="tiny", verb=verb, target=target, value=value,
        reason=draw(reasons), order=order,
    )  # fmt: skip


class Watched(RecipeBench):
    """A bench that judges every event and every command at the moment it happens."""

    def __init__(self, *args, **options):
        self.open_id = ""  # run that is open, as the events tell it
        self.ids = set()
        self.ending = False
        self.executing = None  # the command that is being executed
        self.first_look = False
        self.loading = True
        super().__init__(*args, **options)
        self.loading = False
        self._wrap()

    def _wrap(self):
        desk, plain = self.station._desk, self.station._desk.execute

        def execute(command):
            before, had = self._all(), self.recipes.run
            self.executing = command
            answer = plain(command)
            self.executing = None
            self.judge(command, answer, before, had)
            return answer

        desk.execute = execute

    def _all(self):
        s = self.station
        pids = [(loop.pid.sp_target, loop.pid.out, loop.pid.mode) for loop in s.loops.values()]
        run = s.recipes.run
        asked = run and [p.confirmed for p in run.phases]
        return (
            s.procedure.state, s.v[s._own :], pids, list(s.recipes.deployments),
            list(s.recipes.lots_waiting), run and run.head, asked, len(s.recipes.news),
        )  # fmt: skip

    def judge(self, command, answer, before, had):
        """A refused command has changed nothing; an accepted one did what the table says."""
        verb, state, now = command.verb, before[0], self.state
        if not answer.accepted:
            assert answer.reasons
            assert self._all() == before
            assert self.recipes.run is had
        if verb in TARGET:
            assert answer.accepted <= (verb in enabled(state))
            if answer.accepted:
                straight = TARGET[verb]
                assert now is straight
            elif verb in enabled(state):
                assert verb in TO_MOTION | {Verb.RESET}
                assert answer.code in ("permissive", "trip", "recipe")
            else:
                assert answer.code == "not_enabled"
        else:
            assert now is state
        began = had is None and self.recipes.run is not None
        assert began == (had is None and answer.accepted and verb in TO_MOTION)

    def event(self, event):
        super().event(event)
        if self.loading:
            return
        if (
            event.kind is EventKind.RUN
            and event.text.startswith("run ")
            and (" begins with " in event.text)
        ):
            assert not self.open_id
            assert self.executing is not None
            assert self.executing.verb in TO_MOTION
            self.open_id = event.subject
            assert self.open_id not in self.ids
            self.ids.add(self.open_id)
        assert event.data.get("run", "") == self.open_id, event
        if self.ending:
            assert event.kind is EventKind.RUN
            assert "outcome" in event.data
            self.open_id, self.ending = "", False
        else:
            assert "outcome" not in event.data
        if event.kind is EventKind.STATE:
            self._moved(State[event.data["old"]], State[event.data["new"]])

    def _moved(self, old, new):
        assert (old, new) in (EDGES | FIRST_LOOK if self.first_look else EDGES), (old, new)
        if new in WAYS_TO_MOTION:
            assert self.executing is not None
            assert self.executing.verb in TO_MOTION
        self.ending = new in ENDS and bool(self.open_id)

    def adopt(self):
        self.first_look = not self.station.takeover.adopted
        super().adopt()
        self.first_look = False

    def come_back(self, memory, masters):
        self.loading = True  # "IDLE -> HELD" is how a fresh station tells that it is back
        super().come_back(memory, masters)
        self.loading = False

    def restarted(self, *, adopted=True):
        state = self.state
        again = super().restarted(adopted=False)
        again.open_id, again.ids = self.open_id, self.ids
        assert again.state is restored(state)
        before, after = self.plain_memory()["recipes"], again.plain_memory()["recipes"]
        assert after == before
        if adopted:
            again.adopt()
        return again


class Stations(RuleBasedStateMachine):
    """A station with recipes among people, wires and programs that do what they like."""

    @initialize(after=st.sampled_from(AfterLinkLoss), adopted=st.booleans(), moving=st.booleans())
    def begin(self, after, adopted, moving):
        self.bench = Watched(after, adopted=False)
        self.control = None
        self.asked = self.bench.wanted_mode
        if moving:
            self.bench.plc(STATE=Mode.RUN, CMD_RB=Mode.RUN)
        if adopted:
            self.adopt()

    @rule(batch=st.lists(commands(), min_size=1, max_size=3))
    def ask(self, batch):
        for command in batch:
            self.bench.station.submit(command, self.bench.answers.append)
        before = len(self.bench.answers)
        self.scan()
        assert len(self.bench.answers) == before + len(batch)

    @rule(number=st.integers(0, len(RECIPES) - 2))
    def produce(self, number):
        """What somebody would do on a good day: deploy, start, obey, confirm."""
        bench = self.bench
        bench.all_device_tags(GOOD)
        bench.plc(PV=30, REMOTE=1, TRIP=0)
        bench.other(1.0)
        bench.deploy(RECIPES[number])
        for verb in (Verb.ABORT, Verb.RESET, Verb.START):
            bench.give(verb)
            self.obey(25)

    @rule(pick=st.integers(0, 5), obeys=st.integers(0, 10))
    def go_on(self, pick, obeys):
        """A command that the state takes, one that does not end the run where there is one."""
        possible = enabled(self.bench.state)
        going_on = [v for v in possible if v not in (Verb.STOP, Verb.ABORT, Verb.COMPLETE)]
        if possible:
            self.bench.give((going_on or possible)[pick % len(going_on or possible)])
        self.obey(obeys)

    @rule(scans=st.integers(1, 30))
    def obey(self, scans):
        for _ in range(scans):
            self.scan()
            self.bench.echo()
            if self.bench.tag("RUN.PROMPT"):
                self.bench.give(Verb.CONFIRM)

    @rule(dt_s=st.sampled_from([0.0, 0.1, 3.0, 70.0]))
    def wait(self, dt_s):
        self.bench.now_s += dt_s
        self.scan()

    @rule(quality=qualities, pv=st.sampled_from([0.0, 15.0, 30.0, 96.0, float("nan")]))
    def measure(self, quality, pv):
        self.bench.plc(quality, PV=pv)

    @rule(quality=qualities, tag=st.sampled_from(["TRIP", "REMOTE", "STATE", "SEQ", "FREE_SP_RB"]),
          value=st.sampled_from([0, 1, 2, 3]))  # fmt: skip
    def plc(self, quality, tag, value):
        self.bench.plc(quality, **{tag: value})

    @rule(metres=st.sampled_from([-1e5, 0.1, 6.0, 19.0, 1e5]), other=st.sampled_from([0.0, 1.0]),
          quality=qualities)  # fmt: skip
    def roll(self, metres, other, quality):
        self.bench.plc(METER=self.bench.tag("METER") + metres)
        self.bench.other(other, quality)

    @rule(what=st.sampled_from(["link", "link", "plc", "program", "both"]),
          scans=st.integers(0, 5), back=st.booleans())  # fmt: skip
    def trouble(self, what, scans, back):
        """The link is lost for some scans, the PLC restarts, or the program does, or both."""
        self.bench.lose()
        for _ in range(scans):
            self.scan()
        if what in ("program", "both"):
            self.restart()
        if what in ("plc", "both"):
            self.bench.restart_plc()
        if back or what == "plc":
            self.adopt()

    def adopt(self):
        self.bench.adopt()
        self.asked = self.bench.wanted_mode  # what the PLC holds is no wish of the station

    def restart(self):
        own = self.bench.recipes.run and self.bench.recipes.run.head.id
        self.bench = self.bench.restarted(adopted=False)
        assert (self.bench.recipes.run and self.bench.recipes.run.head.id) == own
        self.asked = self.bench.wanted_mode

    def scan(self):
        """One scan; the wanted mode begins to move only on a way that a command has opened."""
        bench = self.bench
        told = len(bench.events)
        bench.scan()
        if bench.wanted_mode != self.asked and bench.wanted_mode in MOVING:
            left = [e.data["old"] for e in bench.events[told:] if e.kind is EventKind.STATE]
            assert {bench.state, *(State[name] for name in left)} & WAYS_TO_MOTION
        self.asked = bench.wanted_mode

    @invariant()
    def run_is_open_as_told(self):
        bench = self.bench
        run = bench.recipes.run
        assert bool(bench.open_id) == (run is not None)
        if run is None:
            self.control = None
            return
        assert run.head.id == bench.open_id
        assert bench.state not in QUIET
        told = (run.head.id, run.head.content_hash, run.head.recipe, run.head.begun_ns)
        current = bench.recipes.current
        hash_now = current.master.content_hash if current.master else ""
        assert (hash_now, len(run.phases)) == (
            run.head.content_hash,
            len(current.master.recipe.phases) if current.master else 0,
        )
        assert self.control is None or self.control == told or self.control[0] != told[0]
        self.control = told

    @invariant()
    def tags_of_the_run_are_in_range(self):
        bench = self.bench
        for tag in bench.table.tags:
            if not tag.name.startswith("T.RUN."):
                continue
            sample = bench.table.sample(tag.name)
            assert sample.quality == GOOD
            assert tag.low <= sample.value <= tag.high
            assert tag.kind is Kind.REAL or sample.value == int(sample.value)
        run = bench.recipes.run
        assert bench.tag("RUN.PHASE") <= (len(run.phases) if run else 0)
        if bench.tag("RUN.PROMPT"):
            assert bench.state in WAYS_TO_MOTION


TestStations = Stations.TestCase
TestStations.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def reach(state):
    """A bench in a state, with a run that is open where the state is one of a run's."""
    bench = Watched()
    ways = {
        State.IDLE: (), State.STARTING: (Verb.START,), State.STOPPING: (Verb.START, Verb.STOP),
        State.HOLDING: ("execute", Verb.HOLD), State.HELD: ("execute", Verb.HOLD, "obey"),
        State.UNHOLDING: ("execute", Verb.HOLD, "obey", Verb.UNHOLD),
        State.PAUSING: ("execute", Verb.PAUSE), State.PAUSED: ("execute", Verb.PAUSE, "obey"),
        State.RESUMING: ("execute", Verb.PAUSE, "obey", Verb.RESUME),
        State.EXECUTE: ("execute",), State.COMPLETING: ("execute", Verb.COMPLETE),
        State.COMPLETED: ("execute", Verb.COMPLETE, "obey"),
        State.STOPPED: ("execute", Verb.STOP, "obey"), State.ABORTING: ("execute", Verb.ABORT),
        State.ABORTED: ("execute", Verb.ABORT, "obey"),
        State.RESETTING: ("execute", Verb.STOP, "obey", Verb.RESET),
    }  # fmt: skip
    bench.deploy(STANDARD)
    for step in ways[state]:
        if step == "execute":
            bench.plc(PV=30)
            bench.ok(Verb.START)
            bench.to_execute()
        elif step == "obey":
            bench.run(0.5)
        else:
            if step is Verb.RESET:
                bench.plc(STATE=Mode.RUN)  # so that resetting takes its time
            bench.ok(step)
    assert bench.state is state
    return bench


@pytest.mark.parametrize("state", list(State))
def test_every_state_takes_the_commands_of_the_table_and_no_others(state):
    for verb in TARGET:
        bench = reach(state)
        answer = bench.give(verb)  # judged by the bench, as everything that is told
        assert answer.accepted == (verb in enabled(state)), verb
        bench.run(1)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", [v for v in Verb if v not in TARGET])
def test_other_commands_leave_every_state_as_it_is(state, verb):
    bench = reach(state)
    given = {
        Verb.SET: {"target": "T.SET.SP", "value": 33},
        Verb.TUNE: {"target": "L1", "value": "2,9,0"},
        Verb.MODE: {"target": "L1", "value": "MAN"}, Verb.LOT: {"target": "in", "value": "A"},
        Verb.DEPLOY: {"order": DeployOrder(master=QUICK)},
        Verb.BYPASS: {"target": "hot", "value": 60.0}, Verb.UNBYPASS: {"target": "hot"},
    }.get(verb, {})  # fmt: skip
    answer = bench.give(verb, **given)  # that the state stays is judged by the bench
    nothing_to_do = (Verb.CONFIRM, Verb.UNBYPASS)  # nobody asks, nothing is bypassed
    assert answer.accepted == (verb not in nothing_to_do)


@pytest.mark.parametrize("state", list(State))
def test_every_state_comes_back_after_a_restart_as_the_table_says(state):
    bench = reach(state)
    own = bench.recipes.run and bench.running.head.id
    again = bench.restarted()  # judged by the bench
    assert (again.recipes.run and again.running.head.id) == own
    again.run(1)
