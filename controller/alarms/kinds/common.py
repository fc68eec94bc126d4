"""Sets of states that the tables share, and the alarms that every station has."""

from functools import partial

from controller.alarms.definition import AlarmDefinition, Priority
from controller.control.states import State

_ALL = frozenset(State)
_ON_HOLD = frozenset(
    {
        State.HOLDING,
        State.HELD,
        State.UNHOLDING,
        State.PAUSING,
        State.PAUSED,
        State.RESUMING,
    }
)
NOT_EXECUTE = _ALL - {State.EXECUTE}
NOT_KEPT = _ALL - {State.EXECUTE} - _ON_HOLD  # for what a held station goes on doing, as drying
AT_REST = frozenset({State.IDLE, State.STOPPED, State.COMPLETED, State.ABORTED})

_silent = partial(
    AlarmDefinition,
    tag=".LINK.AGE",
    above=True,
    unit="s",
    group="link",
    cause="the PLC, its network or its program has stopped",
)

ALARMS: tuple[AlarmDefinition, ...] = (
    _silent(
        name="hi",
        limit=3.0,
        priority=Priority.MEDIUM,
        text="the PLC has been silent for 3 s",
        consequence="values are bad and outputs are held; the PLC goes to its own safe state",
        action="look at the PLC and its network cable; be ready to run the station from its panel",
        respond_s=60.0,
    ),
    _silent(
        name="hihi",
        limit=10.0,
        priority=Priority.HIGH,
        text="the PLC has been silent for 10 s",
        consequence="the machine is out of our control and has stopped or will stop",
        action="go to the machine, bring it to a safe stop at its panel, then mend the link",
        respond_s=120.0,
    ),
    AlarmDefinition(
        tag=".TRIP",
        name="tripped",
        above=True,
        limit=0.5,
        priority=Priority.HIGH,
        group="machine",
        text="the PLC has tripped the machine",
        cause="a hard interlock of the PLC has found what the value says",
        consequence="the machine stands until the trip is reset",
        action="find and mend the cause at the machine, then RESET the station",
        respond_s=300.0,
    ),
    AlarmDefinition(
        tag=".WDOG",
        name="expired",
        above=True,
        limit=0.5,
        priority=Priority.MEDIUM,
        on_delay_s=5.0,
        group="link",
        text="the PLC has let our outputs expire",
        cause="the PLC gets no fresh set points: controller, write path or local switch",
        consequence="the machine is in its safe state and takes no set points",
        action="look at the events of the link and at the local/remote switch of the station",
        respond_s=120.0,
    ),
    AlarmDefinition(
        tag=".SCAN.FAULTED",
        name="faulted",
        above=True,
        limit=0.5,
        priority=Priority.MEDIUM,
        group="link",
        text="the station's program in the controller has failed",
        cause="a mistake in the program, or a value that it cannot take",
        consequence="set points are not renewed, the PLC goes to its safe state; only alarms go on",
        action="bring the machine to rest at its panel; keep the log of the controller, then start "
        "the controller again",
        respond_s=120.0,
        shelvable=False,
    ),
    AlarmDefinition(
        tag=".INTERLOCK.BYPASSED",
        name="bypassed",
        above=True,
        limit=0.5,
        priority=Priority.MEDIUM,
        text="an interlock of the controller is bypassed",
        cause="somebody has put a permissive or trip out of force, with a reason and an end",
        consequence="the controller does not stop the station for this cause; the PLC still does",
        action="watch the value yourself; end the bypass as soon as its reason is gone",
        respond_s=1800.0,
        shelvable=False,
    ),
)
