"""What holds for the small blocks and the state machine whatever they are fed."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.alarms.states import Move
from controller.control.deadtime import DeadTime
from controller.control.shaping import Deadband, FirstOrder, MovingAverage, Ramp, RateLimit
from controller.control.states import TABLE, State, enabled, next_state, restored, when_done
from controller.control.validate import MedianOfThree, Pick, SignalCheck, SignalLimits
from controller.core.event import Verb
from tests.support.alarm_rig import Rig, definition

ANY = st.floats(allow_nan=True, allow_infinity=True)
SANE = st.floats(-1e6, 1e6)
MOVE = st.sampled_from([None, *list(Verb)[:10]])  # None: the state's work is complete


def moved(state: State, move: Verb | None) -> State:
    """The next state; a move that is not possible leaves it."""
    if move is None:
        return when_done(state) or state
    return next_state(state, move) if move in enabled(state) else state


def reachable(start: State) -> set[State]:
    seen, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for move in (None, *enabled(state)):
            new = moved(state, move)
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return seen


@given(st.sampled_from(State))
def test_every_state_can_reach_idle_and_execution(state):
    assert {State.IDLE, State.EXECUTE} <= reachable(state)


@given(st.sampled_from(State))
def test_every_state_has_a_way_out(state):
    assert any(moved(state, move) is not state for move in (None, *list(Verb)[:10]))


@given(st.lists(MOVE, max_size=60))
def test_any_sequence_stays_within_the_table_and_abort_always_ends_in_aborted(moves):
    state = State.IDLE
    for move in moves:
        state = moved(state, move)
        assert state in TABLE
        if state not in (State.ABORTING, State.ABORTED):
            assert Verb.ABORT in enabled(state)
            assert moved(moved(state, Verb.ABORT), None) is State.ABORTED
        assert restored(state) is restored(restored(state))


@given(st.lists(MOVE, max_size=60))
def test_execution_is_only_entered_through_a_command_from_rest(moves):
    allowed = {State.STARTING, State.UNHOLDING, State.RESUMING, State.EXECUTE}
    state = State.IDLE
    for move in moves:
        old, state = state, moved(state, move)
        if state is State.EXECUTE:
            assert old in allowed


@given(SANE, st.lists(st.tuples(ANY, st.floats(0.0, 1e6)), max_size=30))
def test_filters_stay_within_what_they_have_seen(start, steps):
    lag, limit, held = FirstOrder(5.0, start), RateLimit(2.0, 3.0, start), Deadband(1.0, start)
    low = high = start
    for raw, dt_s in steps:
        value = max(min(raw, 1e9), -1e9) if math.isfinite(raw) else raw
        if math.isfinite(value):
            low, high = min(low, value), max(high, value)
        margin = 1e-9 * max(abs(low), abs(high), 1.0)
        for out in (lag.step(value, dt_s), limit.step(value, dt_s), held.step(value)):
            assert low - margin <= out <= high + margin


@given(SANE, SANE, st.floats(1e-3, 1e3), st.lists(st.floats(0.0, 1e3), max_size=30))
def test_ramp_never_exceeds_its_rate_nor_its_target(start, target, rate, steps):
    ramp, last = Ramp(start), start
    ramp.to(target, rate)
    for dt_s in steps:
        now = ramp.step(dt_s)
        assert abs(now - last) <= rate * dt_s * (1.0 + 1e-9) + 1e-6
        assert min(start, target) <= now <= max(start, target)
        last = now


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.floats(-1.0, 5.0), st.one_of(SANE, ANY), st.floats(0.1, 20.0)), max_size=60
    )
)
def test_average_lies_between_the_smallest_and_largest_value_or_is_unknown(pushes):
    mean, at, seen = MovingAverage(), 0.0, [0.0]
    for step, raw, window in pushes:
        value = max(min(raw, 1e6), -1e6) if math.isfinite(raw) else raw
        at += step
        if math.isfinite(value):
            seen.append(value)
        got = mean.push(at, value, window)
        assert 0.0 <= mean.coverage <= 1.0
        if not math.isnan(got):
            assert min(seen) - 1.0 <= got <= max(seen) + 1.0


@given(
    st.floats(0.5, 20.0),
    st.lists(st.tuples(st.floats(0.0, 3.0), SANE), min_size=1, max_size=60),
)
def test_constant_dead_time_delivers_exactly_what_was_sent(delay, pushes):
    line, at, sent = DeadTime(0.0), 0.0, []
    for step, value in pushes:
        at += step
        sent = [s for s in sent if s[0] != at] + [(at, value)]
        expected = [v for x, v in sent if x <= at - delay]
        assert line.push(at, value, delay) == (expected[-1] if expected else 0.0)


@given(st.lists(st.tuples(ANY, ANY, ANY), max_size=60))
def test_dead_time_only_ever_delivers_what_was_sent(pushes):
    line, sent = DeadTime(0.5), {0.5}
    for at, value, delay in pushes:
        if not math.isnan(value):
            sent.add(value)
        got = line.push(at, value, delay)
        assert got in sent or math.isnan(got)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), ANY, st.sampled_from([0, 65, 128])), max_size=60))
def test_alarm_changes_alternate_and_only_good_data_decide(samples):
    rig = Rig(
        definition(limit=10.0, deadband=2.0, on_delay_s=20.0, off_delay_s=5.0),
        definition("lo", limit=-10.0, deadband=0.0),
    )
    active = {"T.PV.hi": False, "T.PV.lo": False}
    for dt_s, value, quality in samples:
        before = len(rig.told)
        rig.q["T.PV"] = quality
        rig.scan(value, after_s=dt_s)
        for t in rig.told[before:]:
            assert quality < 128
            assert math.isfinite(value)
            assert t.move is (Move.CLEAR if active[t.alarm.id] else Move.RAISE)
            active[t.alarm.id] = not active[t.alarm.id]
    assert {key: alarm.active for key, alarm in rig.board.alarms.items()} == active


PROBE = st.tuples(st.one_of(SANE, ANY), st.sampled_from([0, 65, 128, 132]))


@given(st.lists(st.tuples(PROBE, PROBE, PROBE), max_size=20))
def test_vote_is_one_of_or_between_the_usable_probes(votes):
    block = MedianOfThree(1.0, 0.0, Pick.HIGHER)
    for now_s, probes in enumerate(votes):
        quality = block.scan(float(now_s), *probes)
        usable = [v for v, q in probes if q < 128 and math.isfinite(v)]
        assert (quality < 128) is bool(usable)
        if usable:
            assert min(usable) <= block.value <= max(usable)


@given(st.lists(st.tuples(ANY, st.sampled_from([0, 64, 65, 67, 128, 131])), max_size=40))
def test_signal_check_never_makes_a_quality_better(samples):
    check = SignalCheck(SignalLimits(low=-10.0, high=10.0, rate_per_s=1.0, stuck_s=5.0))
    for now_s, (value, quality) in enumerate(samples):
        judged = check.scan(float(now_s), value, quality)
        assert judged >= quality
        assert judged >= 128 or (math.isfinite(value) and -10.0 <= value <= 10.0)
