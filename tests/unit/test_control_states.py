"""The station state machine against the published table."""

import pytest

from controller.control.states import (
    TABLE,
    TARGET,
    CommandCode,
    PackMl,
    State,
    diagram,
    enabled,
    enabled_mask,
    next_state,
    packml,
    restored,
    when_done,
)
from controller.core.errors import Refused
from controller.core.event import Verb

VERBS = [Verb[c.name] for c in CommandCode]

# state: MTP code, PackML number, enabled commands, where it leads by itself
PUBLISHED = {
    "IDLE": (16, 4, "START STOP ABORT", None),
    "STARTING": (8, 3, "STOP HOLD ABORT COMPLETE", "EXECUTE"),
    "EXECUTE": (64, 6, "STOP HOLD PAUSE ABORT RESTART COMPLETE", "COMPLETING"),
    "COMPLETING": (65536, 16, "STOP HOLD ABORT", "COMPLETED"),
    "COMPLETED": (131072, 17, "RESET STOP ABORT", None),
    "PAUSING": (8192, 13, "STOP HOLD ABORT COMPLETE", "PAUSED"),
    "RESUMING": (16384, 14, "STOP HOLD ABORT COMPLETE", "EXECUTE"),
    "UNHOLDING": (4096, 12, "STOP HOLD ABORT COMPLETE", "EXECUTE"),
    "PAUSED": (32, 5, "STOP HOLD RESUME ABORT COMPLETE", None),
    "HOLDING": (1024, 10, "STOP ABORT", "HELD"),
    "HELD": (2048, 11, "STOP UNHOLD ABORT", None),
    "STOPPING": (128, 7, "ABORT", "STOPPED"),
    "STOPPED": (4, 2, "RESET ABORT", None),
    "ABORTING": (256, 8, "", "ABORTED"),
    "ABORTED": (512, 9, "RESET", None),
    "RESETTING": (32768, 15, "STOP ABORT", "IDLE"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_state_is_as_published(name):
    code, packml_number, commands, done = PUBLISHED[name]
    state = State[name]
    assert state == code
    assert packml(state) == packml_number
    assert {v.value for v in enabled(state)} == set(commands.split())
    assert when_done(state) is (State[done] if done else None)


def test_no_state_is_missing():
    assert set(TABLE) == set(State) == {State[n] for n in PUBLISHED}


def test_command_codes_are_as_published():
    published = "RESET 2 START 4 STOP 8 HOLD 16 UNHOLD 32 PAUSE 64 RESUME 128 ABORT 256 "
    published += "RESTART 512 COMPLETE 1024"
    words = published.split()
    assert {c.name: c.value for c in CommandCode} == {
        n: int(v) for n, v in zip(words[::2], words[1::2], strict=True)
    }
    assert list(TARGET) == VERBS == list(Verb)[:10]


@pytest.mark.parametrize(
    ("state", "verb", "target"),
    [
        (State.IDLE, Verb.START, State.STARTING),
        (State.EXECUTE, Verb.RESTART, State.STARTING),
        (State.EXECUTE, Verb.COMPLETE, State.COMPLETING),
        (State.PAUSED, Verb.HOLD, State.HOLDING),
        (State.PAUSED, Verb.RESUME, State.RESUMING),
        (State.HELD, Verb.UNHOLD, State.UNHOLDING),
        (State.HOLDING, Verb.STOP, State.STOPPING),
        (State.STOPPING, Verb.ABORT, State.ABORTING),
        (State.ABORTED, Verb.RESET, State.RESETTING),
        (State.EXECUTE, Verb.PAUSE, State.PAUSING),
    ],
)
def test_commands_lead_where_they_say(state, verb, target):
    assert next_state(state, verb) is target


@pytest.mark.parametrize("state", list(State))
def test_every_other_command_is_refused_with_what_is_possible(state):
    for verb in set(Verb) - set(enabled(state)):
        with pytest.raises(Refused) as caught:
            next_state(state, verb)
        (reason,) = caught.value.reasons
        assert caught.value.code == "not_enabled"
        assert state.name in reason
        assert all(v.value in reason for v in enabled(state))


def test_enabled_mask_is_the_sum_of_command_codes():
    assert enabled_mask(State.IDLE) == 4 + 8 + 256
    assert enabled_mask(State.ABORTING) == 0


def test_packml_numbers_are_used_once_each_but_clearing():
    assert {packml(s) for s in State} == set(PackMl) - {PackMl.CLEARING}


def test_a_restart_never_brings_motion_back():
    still = {State.IDLE, State.HELD, State.STOPPED, State.ABORTED, State.COMPLETED}
    for state in State:
        assert restored(state) in still | {State.STOPPING, State.ABORTING}
    assert restored(State.EXECUTE) is State.HELD
    assert restored(State.STARTING) is State.HELD


def test_diagram_shows_every_move_of_the_table_once():
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    arrows = [line for line in lines if "-->" in line]
    moves = sum(len(r.enabled) + (r.done is not None) for r in TABLE.values())
    assert len(arrows) == len(set(arrows)) == moves + 1
    assert "    EXECUTE --> HOLDING: HOLD" in lines
    assert "    ABORTING --> ABORTED: done" in lines
