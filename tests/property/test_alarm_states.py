"""The table of alarm states against a model of flags, and boards against what must always hold."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.alarms.definition import Priority
from controller.alarms.states import ASIDE, STANDING, TABLE, AlarmState, Move, diagram, next_state
from controller.control.states import State
from controller.core.errors import Refused
from controller.core.sample import Quality
from tests.support.alarm_rig import ENGINEER, NS, Rig, definition


@dataclass
class Flags:
    """What an alarm is, told without any names of states."""

    standing: bool = False
    unacknowledged: bool = False
    latched: bool = False
    aside: Move | None = None

    def do(self, move: Move) -> None:
        if move in (Move.SHELVE, Move.SUPPRESS, Move.REMOVE):
            self._put_aside(move)
        elif move in (Move.UNSHELVE, Move.RELEASE, Move.RETURN):
            back = {
                Move.UNSHELVE: Move.SHELVE,
                Move.RELEASE: Move.SUPPRESS,
                Move.RETURN: Move.REMOVE,
            }
            if self.aside is back[move]:
                self.aside = None
        elif self.aside is None:
            self._judged(move)

    def _judged(self, move: Move) -> None:
        if move is Move.RAISE and not self.standing:
            self.standing = self.unacknowledged = True
            self.latched = False
        elif move in (Move.CLEAR, Move.LATCH) and self.standing:
            self.standing = False
            self.latched = move is Move.LATCH
        elif move is Move.ACKNOWLEDGE:
            self.unacknowledged = False
        elif move is Move.RESET and not self.standing:
            self.latched = False

    def _put_aside(self, move: Move) -> None:
        if move is Move.REMOVE and self.aside is not Move.REMOVE:
            self.__init__(aside=move)  # type: ignore[misc]
        if self.aside is not None:
            return
        if move is Move.SHELVE:
            self.__init__(aside=move)  # type: ignore[misc]
        elif not self.latched:
            if self.unacknowledged:
                self.standing = False
            else:
                self.__init__(aside=move)  # type: ignore[misc]

    @property
    def name(self) -> AlarmState:
        if self.aside is not None:
            return {
                Move.SHELVE: AlarmState.SHELVED,
                Move.SUPPRESS: AlarmState.SUPPRESSED,
                Move.REMOVE: AlarmState.OUT_OF_SERVICE,
            }[self.aside]
        if self.standing:
            return AlarmState.UNACKNOWLEDGED if self.unacknowledged else AlarmState.ACKNOWLEDGED
        if self.latched:
            return AlarmState.LATCHED if self.unacknowledged else AlarmState.LATCHED_ACKNOWLEDGED
        return AlarmState.RETURNED if self.unacknowledged else AlarmState.NORMAL


@given(st.lists(st.sampled_from(Move), max_size=40))
def test_the_table_says_what_the_flags_say(moves):
    state, flags = AlarmState.NORMAL, Flags()
    for move in moves:
        state = next_state(state, move) or state
        flags.do(move)
        assert state is flags.name


def test_every_state_has_a_row_and_none_leads_to_itself():
    assert set(TABLE) == set(AlarmState)
    assert all(new is not state for state, ways in TABLE.items() for new in ways.values())


def test_every_state_can_be_reached_and_leads_back_to_normal():
    for state in AlarmState:
        seen, todo = {state}, [state]
        while todo:
            for new in TABLE[todo.pop()].values():
                if new not in seen:
                    seen.add(new)
                    todo.append(new)
        assert seen == set(AlarmState)


def test_the_diagram_has_every_way_of_the_table():
    ways = sum(len(ways) for ways in TABLE.values())
    lines = diagram().splitlines()
    assert len([line for line in lines if "-->" in line]) == ways + 1
    assert "    Unacknowledged --> Acknowledged: acknowledge" in lines


# -- boards --------------------------------------------------------------------------------------

RUNS = frozenset(State) - {State.EXECUTE}
ALARMS = ("T.PV.lo", "T.PV.hi", "T.PV.hihi", "T.PV.gas")
ACTS = (
    "acknowledge",
    "acknowledge",
    "acknowledge",
    "reset",
    "reset",
    "shelve",
    "shelve once",
    "unshelve",
    "take out",
    "put back",
)
QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD_SENSOR)

STEP = st.one_of(
    st.tuples(st.just("value"), st.sampled_from([0.0, 20.0, 50.0, 86.0, 92.0, 97.0, float("nan")])),
    st.tuples(st.just("quality"), st.sampled_from(QUALITIES)),
    st.tuples(st.just("station"), st.sampled_from([State.IDLE, State.EXECUTE, State.HELD])),
    st.tuples(st.just("act"), st.tuples(st.sampled_from(ACTS), st.sampled_from(ALARMS))),
    st.tuples(st.just("time"), st.sampled_from([0.1, 5.0, 70.0])),
)  # fmt: skip


def rig() -> Rig:
    return Rig(
        definition("lo", limit=10.0, suppressed_in=RUNS, group="g"),
        definition("hi", suppressed_in=RUNS, group="g"),
        definition("hihi", limit=95.0, priority=Priority.CRITICAL, group="g"),
        definition("gas", above=True, limit=96.0, latching=True),
    )


def play(it: Rig, step: tuple[str, object]) -> None:
    kind, what = step
    if kind == "value":
        it.v["T.PV"] = what
    elif kind == "quality":
        it.q["T.PV"] = what
    elif kind == "station":
        it.station = what
    elif kind == "time":
        it.now_s += what
    else:
        try:
            do(it, *what)
        except Refused:
            return
    it.scan()


def do(it: Rig, what: str, alarm: str) -> None:
    board, now = it.board, it.utc_ns
    calls = {
        "acknowledge": lambda: board.acknowledge(alarm, it.occurrence(alarm), now, ENGINEER),
        "reset": lambda: board.reset(alarm, now, ENGINEER),
        "shelve": lambda: board.shelve(alarm, now + 60 * NS, now, ENGINEER, "why"),
        "shelve once": lambda: board.shelve(
            alarm, now + 60 * NS, now, ENGINEER, "why", one_shot=True
        ),
        "unshelve": lambda: board.unshelve(alarm, now, ENGINEER),
        "take out": lambda: board.take_out(alarm, now, ENGINEER, "why"),
        "put back": lambda: board.put_back(alarm, now, ENGINEER),
    }
    it.told.extend(calls[what]())


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=30, max_size=60))
def test_the_record_of_a_board_is_one_unbroken_chain(steps):
    it = rig()
    it.station = State.EXECUTE
    for step in steps:
        play(it, step)
    state = dict.fromkeys(ALARMS, AlarmState.NORMAL)
    occurrence = dict.fromkeys(ALARMS, 0)
    for t in it.told:
        key = t.alarm.id
        assert t.before is state[key]
        assert next_state(t.before, t.move) is t.after
        state[key] = t.after
        occurrence[key] += t.move is Move.RAISE
        assert t.occurrence == occurrence[key]
    assert state == {key: it.state(key) for key in ALARMS}


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=30, max_size=60))
def test_a_bad_value_moves_nothing_and_a_state_fits_its_condition(steps):
    it = rig()
    it.station = State.EXECUTE
    for step in steps:
        before = len(it.told)
        play(it, step)
        blind = it.q["T.PV"] >= 128 or it.v["T.PV"] != it.v["T.PV"]
        new = {t.move for t in it.told[before:]}
        if blind and step[0] in ("value", "quality"):
            assert new <= {Move.UNSHELVE}, new
        for alarm in it.board.alarms.values():
            if alarm.state in STANDING:
                assert alarm.active
            elif alarm.state not in ASIDE:
                assert not alarm.active
            assert (alarm.aside is not None) is (
                alarm.state in (AlarmState.SHELVED, AlarmState.OUT_OF_SERVICE)
            )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(STEP, st.booleans()), min_size=30, max_size=50))
def test_a_restart_at_any_moment_changes_nothing_of_what_follows(steps):
    straight, broken = rig(), rig()
    straight.station = broken.station = State.EXECUTE
    straight.scan()
    broken.scan()
    for step, restarts in steps:
        if restarts:
            assert broken.restart() == ()
            straight.scan()
            broken.scan()
        play(straight, step)
        play(broken, step)
    shown = [
        [(t.alarm.id, t.before, t.after, t.occurrence, t.time_ns) for t in it.told]
        for it in (straight, broken)
    ]
    assert shown[0] == shown[1]
