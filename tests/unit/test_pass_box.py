"""The pass-box sequence: doors never open together, released by frost point."""

from hypothesis import given
from hypothesis import strategies as st

from plc_sim.logic.pass_box import OUTPUTS, BoxState, PassBoxSequence


def test_no_state_opens_both_doors_or_purges_with_a_door_open():
    for outer, inner, purge in OUTPUTS.values():
        assert outer + inner + purge <= 1.0


def run(box, seconds, requests, *, allowed=True, dry=True):
    states = [box.scan(1.0, requests, allowed=allowed, dry=dry) for _ in range(seconds)]
    return list(dict.fromkeys(states))


def test_one_request_goes_through_all_states_once():
    box = PassBoxSequence()
    box.scan(1.0, 0.0, allowed=True, dry=True)
    assert run(box, 150, 1.0) == [
        BoxState.OUTER_OPEN,
        BoxState.PURGING,
        BoxState.RELEASED,
        BoxState.INNER_OPEN,
        BoxState.IDLE,
    ]


def test_wet_box_is_not_released_and_gives_up():
    box = PassBoxSequence()
    box.scan(1.0, 0.0, allowed=True, dry=True)
    states = run(box, 1500, 1.0, dry=False)
    assert BoxState.RELEASED not in states
    assert box.state is BoxState.IDLE


def test_pressure_loss_closes_the_inner_door_at_once():
    box = PassBoxSequence()
    box.scan(1.0, 0.0, allowed=True, dry=True)
    while box.state is not BoxState.INNER_OPEN:
        box.scan(1.0, 1.0, allowed=True, dry=True)
    assert box.scan(1.0, 1.0, allowed=False, dry=True) is BoxState.IDLE


def test_requests_from_before_the_start_are_forgotten():
    box = PassBoxSequence()
    assert run(box, 100, 7.0) == [BoxState.IDLE]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=300))
def test_inner_door_opens_only_when_dry_and_allowed(inputs):
    box = PassBoxSequence()
    requests = 0.0
    for step, allowed, dry in inputs:
        requests += step == 3
        state = box.scan(5.0, requests, allowed=allowed, dry=dry)
        assert state is not BoxState.INNER_OPEN or (allowed and dry)
