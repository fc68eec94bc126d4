"""Alarms of the line's own figures: what stands, what came and went, what to do."""

import math

import pytest

from controller.control.alarm import Level
from controller.core.event import EventKind
from controller.history.status import HistorianStatus
from controller.line_health import HealthAlarms, figures, health_tags
from controller.sinks.condition import State
from controller.sinks.figures import FIGURES
from controller.sinks.influx_settings import Settings
from controller.sinks.places import SinkConfig
from controller.sinks.status import SinkStatus

SINK = SinkConfig(
    name="plant",
    kind="influx",
    settings=Settings(kind="influx", url="http://localhost:8086", bucket="line"),
)
NAMES = [f"LINE.{tag.name}" for tag in health_tags([SINK])]
FINE = HistorianStatus(disk_free=50e9)


class Panel:
    """The alarms, told figures second by second."""

    def __init__(self) -> None:
        self.alarms = HealthAlarms([SINK])
        self.now_s = 0.0

    def show(self, status=FINE, seconds=1, record="", **sink):
        found = []
        values = figures(status, record)
        values += [float(read(SinkStatus(name="plant", **sink))) for _, read in FIGURES]
        for _ in range(seconds):
            self.now_s += 1.0
            found += self.alarms.scan(self.now_s, int(self.now_s * 1e9), NAMES, values)
        return found

    def standing(self):
        return {(a.tag, a.level) for a in self.alarms.active}


def test_a_healthy_line_has_no_alarm():
    panel = Panel()
    assert panel.show(seconds=300, state=State.SENDING) == []
    assert panel.show(seconds=300, state=State.BACKFILL, queue=10**6) == []
    assert panel.standing() == set()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.799, set()), (0.801, {("LINE.HISTORY.OUTBOX", Level.HI)})]
)
def test_the_outbox_is_told_above_80_percent_of_its_limit(share, expected):
    panel = Panel()
    panel.show(HistorianStatus(disk_free=50e9, outbox_share=share), state=State.SENDING)
    assert panel.standing() == expected


def test_an_alarm_says_what_to_do_and_goes_when_the_figure_is_back_by_its_dead_band():
    panel = Panel()
    (came,) = panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.81), state=State.SENDING)
    assert (came.kind, came.station, came.subject) == (EventKind.ALARM, "", "LINE.HISTORY.OUTBOX")
    assert came.data["active"] is True
    assert "outbox_mb" in came.data["action"]
    assert panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.77), state=1) == []
    (gone,) = panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.74), state=1)
    assert gone.data["active"] is False
    assert panel.standing() == set()


@pytest.mark.parametrize("broken", [{"status": HistorianStatus(disk_free=50e9, failing=True)},
                                    {"record": "disk is full"}])  # fmt: skip
def test_a_disk_that_refuses_is_told_at_once(broken):
    panel = Panel()
    (came,) = panel.show(**broken, state=State.SENDING)
    assert came.subject in {"LINE.HISTORY.FAILING", "LINE.RECORD.FAILING"}


def test_a_full_disk_has_two_steps_and_an_unknown_one_none():
    panel = Panel()
    panel.show(HistorianStatus(disk_free=1.9e9), state=State.SENDING)
    assert panel.standing() == {("LINE.DISK.FREE", Level.LO)}
    panel.show(HistorianStatus(disk_free=0.1e9), state=State.SENDING)
    assert panel.standing() == {("LINE.DISK.FREE", Level.LO), ("LINE.DISK.FREE", Level.LOLO)}
    assert panel.show(HistorianStatus(disk_free=math.nan), state=State.SENDING) == []
    assert len(panel.standing()) == 2  # not knowing clears nothing


@pytest.mark.parametrize(
    ("state", "after_s", "level"),
    [(State.OFF, 16, Level.LO), (State.WAITING, 61, Level.HI), (State.DISK, 1, Level.HIHI),
     (State.STOPPED, 1, Level.HIHI)],
)  # fmt: skip
def test_a_sink_that_does_not_send_is_told_in_time(state, after_s, level):
    panel = Panel()
    assert panel.show(seconds=after_s - 1, state=state) == []
    (came,) = panel.show(state=state)
    assert came.subject == "LINE.SINK.PLANT.STATE"
    assert panel.standing() == {("LINE.SINK.PLANT.STATE", level)}
    panel.show(seconds=2, state=State.SENDING)
    assert panel.standing() == set()


def test_refused_lines_are_told_until_nothing_lies_in_quarantine():
    panel = Panel()
    panel.show(state=State.SENDING, quarantined=1)
    assert panel.standing() == {("LINE.SINK.PLANT.QUARANTINED", Level.HI)}
    panel.show(state=State.SENDING, quarantined=0)
    assert panel.standing() == set()


def test_all_alarms_of_the_line_name_an_action():
    panel = Panel()
    panel.show(
        HistorianStatus(failing=True, outbox_share=1.0, disk_free=0.0),
        record="no", seconds=100, state=State.STOPPED, quarantined=3,
    )  # fmt: skip
    assert len(panel.alarms.active) == 8  # STATE hi and hihi both
    assert all(a.action and a.text for a in panel.alarms.active)
