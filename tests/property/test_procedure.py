"""Whatever is asked, in whatever order, a procedure moves only along the lines of the table."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.control.procedure import _ON_TIMEOUT, Condition, Procedure, Step
from controller.control.states import TABLE, TARGET, State, enabled
from controller.core.errors import Refused
from controller.core.event import Verb

ACTING = [s for s in State if TABLE[s].done is not None]
PROCEDURE_VERBS = list(TARGET)
moves = st.lists(
    st.one_of(
        st.sampled_from(PROCEDURE_VERBS),
        st.floats(0.05, 40.0),  # a scan after so many seconds
        st.booleans(),  # the conditions of all steps from now on
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None)
@given(
    moves=moves,
    start=st.sampled_from(list(State)),
    steps=st.dictionaries(st.sampled_from(ACTING), st.integers(1, 3)),
    settle_s=st.sampled_from([0.0, 5.0]),
)
def test_no_sequence_of_commands_and_scans_leaves_the_table(moves, start, steps, settle_s):
    met = [False]
    allowed = {
        (old, new)
        for old in State
        for new in (*(TARGET[v] for v in enabled(old)), TABLE[old].done)
        if new is not None
    }
    changes = []
    condition = Condition(text="c", test=lambda: met[0], show=lambda: "live")

    def built(n):
        return [
            Step(name=f"s{k}", enter=lambda: None, until=(condition,), settle_s=settle_s,
                 timeout_s=60.0)
            for k in range(n)
        ]  # fmt: skip

    procedure = Procedure(
        {s: built(n) for s, n in steps.items()}, lambda *c: changes.append(c), start
    )
    now_s = 0.0
    for move in moves:
        before = procedure.state
        if isinstance(move, bool):
            met[0] = move
        elif isinstance(move, float):
            now_s += move
            procedure.scan(now_s)
            assert len(procedure.waiting_for()) <= 1
        else:
            possible = move in enabled(before)
            try:
                procedure.command(move, "asked")
                assert possible
                assert procedure.state is TARGET[move]
            except Refused:
                assert not possible
                assert procedure.state is before
    assert all((old, new) in allowed for old, new, _ in changes)
    assert all(reason for _, _, reason in changes if reason != "")
    states = [start, *(new for _, new, _ in changes)]
    assert [old for old, _, _ in changes] == states[:-1]
    assert procedure.state is states[-1]


@settings(max_examples=100, deadline=None)
@given(start=st.sampled_from(list(State)), met=st.booleans())
def test_every_acting_state_comes_to_rest_by_itself(start, met):
    condition = Condition(text="c", test=lambda: met, show=lambda: "live")
    step = Step(name="s", enter=lambda: None, until=(condition,), timeout_s=60.0)
    procedure = Procedure({state: [step] for state in ACTING}, lambda *_: None, start)
    for k in range(400):
        procedure.scan(float(k))
    assert TABLE[procedure.state].done is None or procedure.state is State.EXECUTE


def test_every_acting_state_says_where_a_timeout_leads():
    assert set(_ON_TIMEOUT) | {State.EXECUTE} == set(ACTING)
    for state, verb in _ON_TIMEOUT.items():
        assert verb is None or verb in enabled(state)
    assert _ON_TIMEOUT[State.STARTING] is Verb.HOLD
