"""Every alarm of the line's own figures: raised by its figure, acknowledged, shelved, cleared."""

from dataclasses import replace
from math import nan

import pytest

from controller.alarms.alarm import NS, By
from controller.alarms.journal import entries_of
from controller.alarms.kpi import figures as kpi
from controller.alarms.states import AlarmState, Move
from controller.alarms.transition import events
from controller.core.errors import Refused
from controller.history.status import HistorianStatus
from controller.line_health import GB, LineAlarms, figures
from controller.sinks.condition import State
from controller.sinks.figures import FIGURES
from controller.sinks.influx_settings import Settings
from controller.sinks.places import SinkConfig
from controller.sinks.status import SinkStatus

OPERATOR, ENGINEER = By(actor="ann"), By(actor="eve", engineer=True)
T0_NS = 1_767_225_600 * NS
URL = "http://localhost:8086"
SINK = SinkConfig(
    name="plant", kind="influx", settings=Settings(kind="influx", url=URL, bucket="line")
)
FINE = HistorianStatus(disk_free=50 * GB)
# Alarm without the prefix -> what is wrong, as the parts of the line tell it.
CAUSES = {
    "HISTORY.FAILING.failing": {"status": replace(FINE, failing=True)},
    "RECORD.FAILING.failing": {"record": "disk is full"},
    "SECURITY.REFUSED.refused": {"refused": 1},
    "SECURITY.INSECURE.insecure": {"insecure": 1},
    "SECURITY.EXPIRES.lo": {"expires_d": 20.0},
    "SECURITY.EXPIRES.lolo": {"expires_d": 3.0},
    "HISTORY.OUTBOX.hi": {"status": replace(FINE, outbox_share=0.85)},
    "DISK.FREE.lo": {"status": replace(FINE, disk_free=1.5 * GB)},
    "DISK.FREE.lolo": {"status": replace(FINE, disk_free=0.1 * GB)},
    "SINK.PLANT.STATE.lo": {"sink": {"state": State.OFF}},
    "SINK.PLANT.STATE.hi": {"sink": {"state": State.WAITING}},
    "SINK.PLANT.STATE.hihi": {"sink": {"state": State.STOPPED}},
    "SINK.PLANT.QUARANTINED.hi": {"sink": {"state": State.SENDING, "quarantined": 3}},
}
every_alarm = pytest.mark.parametrize("name", CAUSES)


class Panel:
    """The line's alarms, told its figures second by second."""

    def __init__(self) -> None:
        self.alarms = LineAlarms("LINE", [SINK])
        self.board = self.alarms.board
        self.seconds = 0
        self.journal = []
        self.show(5)

    @property
    def utc_ns(self) -> int:
        return T0_NS + self.seconds * NS

    def show(
        self, seconds, *, status=FINE, record="", refused=0, insecure=0, expires_d=90.0, sink=None
    ) -> None:
        told = SinkStatus(name="plant", **(sink or {"state": State.SENDING}))
        values = figures(status, record, refused=refused, insecure=insecure, expires_d=expires_d)
        values += [float(read(told)) for _, read in FIGURES]
        self.tell_all(seconds, values)

    def tell_all(self, seconds, values) -> None:
        for _ in range(seconds):
            self.seconds += 1
            self.keep(self.alarms.scan(float(self.seconds), self.utc_ns, values))

    def keep(self, told) -> None:
        self.journal += [entry for event in events(told) for entry in entries_of(event)]

    def state(self, name: str) -> AlarmState:
        return self.board.alarms[f"LINE.{name}"].state


def test_every_alarm_of_the_line_has_a_cause() -> None:
    bad = {name for name in Panel().board.alarms if name.endswith(".bad")}
    assert set(Panel().board.alarms) - bad == {f"LINE.{name}" for name in CAUSES}


@every_alarm
def test_its_whole_life(name: str) -> None:
    panel, alarm = Panel(), f"LINE.{name}"
    panel.show(120, **CAUSES[name])
    assert panel.state(name) is AlarmState.UNACKNOWLEDGED
    with pytest.raises(Refused):
        panel.board.acknowledge(alarm, 0, panel.utc_ns, OPERATOR)
    panel.keep(panel.board.acknowledge(alarm, 1, panel.utc_ns, OPERATOR))
    until_ns = panel.utc_ns + 60 * NS
    panel.keep(panel.board.shelve(alarm, until_ns, panel.utc_ns, ENGINEER, "being mended"))
    panel.show(59, **CAUSES[name])
    assert panel.state(name) is AlarmState.SHELVED
    panel.show(1, **CAUSES[name])
    assert panel.state(name) is AlarmState.UNACKNOWLEDGED  # still so: it comes again
    panel.show(2)
    assert panel.state(name) is AlarmState.RETURNED
    panel.keep(panel.board.acknowledge(alarm, 2, panel.utc_ns, OPERATOR))
    assert panel.state(name) is AlarmState.NORMAL
    moves = [e.move for e in panel.journal if e.alarm == alarm]
    assert moves == [Move.RAISE, Move.ACKNOWLEDGE, Move.SHELVE, Move.UNSHELVE, Move.RAISE,
                     Move.CLEAR, Move.ACKNOWLEDGE]  # fmt: skip
    report = kpi(panel.journal, T0_NS, panel.utc_ns + NS)
    assert dict(report.top)[alarm] == 2
    assert report.alarms == sum(e.came for e in panel.journal)


@every_alarm
def test_a_figure_that_nobody_knows_neither_clears_nor_raises_it(name: str) -> None:
    panel = Panel()
    panel.show(120, **CAUSES[name])
    count = len(figures(FINE, "")) + len(FIGURES)
    panel.tell_all(120, [nan] * count)
    assert panel.state(name) is AlarmState.UNACKNOWLEDGED
    fresh = Panel()
    fresh.tell_all(120, [nan] * count)
    assert fresh.state(name) is AlarmState.NORMAL


@every_alarm
def test_it_is_remembered_across_a_restart_with_its_acknowledgement(name: str) -> None:
    panel, alarm = Panel(), f"LINE.{name}"
    panel.show(120, **CAUSES[name])
    panel.keep(panel.board.acknowledge(alarm, 1, panel.utc_ns, OPERATOR))
    again = LineAlarms("LINE", [SINK])
    assert again.recall(panel.alarms.memory().alarms, panel.utc_ns) == ()
    assert again.board.alarms[alarm].state is AlarmState.ACKNOWLEDGED
    assert again.board.alarms[alarm].occurrence == 1
