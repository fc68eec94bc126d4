"""Alarms of the line's own figures: what stands, what came and went, what to do."""

import math

import pytest

from controller.alarms.alarm import By
from controller.alarms.states import Move
from controller.history.status import HistorianStatus
from controller.line_health import LineAlarms, figures
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
FINE = HistorianStatus(disk_free=50e9)


class Panel:
    """The alarms, told figures second by second."""

    def __init__(self) -> None:
        self.alarms = LineAlarms("LINE", [SINK])
        self.now_s = 0.0

    def show(self, status=FINE, seconds=1, record="", **sink):
        found = []
        values = figures(status, record)
        values += [float(read(SinkStatus(name="plant", **sink))) for _, read in FIGURES]
        for _ in range(seconds):
            self.now_s += 1.0
            found += self.alarms.scan(self.now_s, int(self.now_s * 1e9), values)
        return found

    def standing(self):
        return {f"{a.tag}.{a.name}" for a in self.alarms.active}


def test_a_healthy_line_has_no_alarm():
    panel = Panel()
    assert panel.show(seconds=300, state=State.SENDING) == []
    assert panel.show(seconds=300, state=State.BACKFILL, queue=10**6) == []
    assert panel.standing() == set()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.799, set()), (0.801, {"LINE.HISTORY.OUTBOX.hi"})]
)
def test_the_outbox_is_told_above_80_percent_of_its_limit(share, expected):
    panel = Panel()
    panel.show(HistorianStatus(disk_free=50e9, outbox_share=share), state=State.SENDING)
    assert panel.standing() == expected


def test_an_alarm_says_what_to_do_and_goes_when_the_figure_is_back_by_its_dead_band():
    panel = Panel()
    (came,) = panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.81), state=State.SENDING)
    assert (came.alarm.station, came.alarm.tag, came.move) == (
        "",
        "LINE.HISTORY.OUTBOX",
        Move.RAISE,
    )
    assert "outbox_mb" in came.alarm.action
    assert "what waits for sinks fills 80 % of its disk limit" in came.text
    assert panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.77), state=1) == []
    (gone,) = panel.show(HistorianStatus(disk_free=50e9, outbox_share=0.74), state=1)
    assert gone.move is Move.CLEAR
    assert panel.standing() == set()


@pytest.mark.parametrize("broken", [{"status": HistorianStatus(disk_free=50e9, failing=True)},
                                    {"record": "disk is full"}])  # fmt: skip
def test_a_disk_that_refuses_is_told_at_once(broken):
    panel = Panel()
    (came,) = panel.show(**broken, state=State.SENDING)
    assert came.alarm.id in {"LINE.HISTORY.FAILING.failing", "LINE.RECORD.FAILING.failing"}


def test_a_full_disk_has_two_steps_and_an_unknown_one_none():
    panel = Panel()
    panel.show(HistorianStatus(disk_free=1.9e9), state=State.SENDING)
    assert panel.standing() == {"LINE.DISK.FREE.lo"}
    panel.show(HistorianStatus(disk_free=0.1e9), state=State.SENDING)
    assert panel.standing() == {"LINE.DISK.FREE.lo", "LINE.DISK.FREE.lolo"}
    assert panel.show(HistorianStatus(disk_free=math.nan), state=State.SENDING) == []
    assert len(panel.standing()) == 2  # not knowing clears nothing


@pytest.mark.parametrize(
    ("state", "after_s", "name"),
    [(State.OFF, 16, "lo"), (State.WAITING, 61, "hi"), (State.DISK, 1, "hihi"),
     (State.STOPPED, 1, "hihi")],
)  # fmt: skip
def test_a_sink_that_does_not_send_is_told_in_time(state, after_s, name):
    panel = Panel()
    assert panel.show(seconds=after_s - 1, state=state) == []
    (came,) = panel.show(state=state)
    assert came.alarm.tag == "LINE.SINK.PLANT.STATE"
    assert panel.standing() == {f"LINE.SINK.PLANT.STATE.{name}"}
    panel.show(seconds=2, state=State.SENDING)
    assert panel.standing() == set()


def test_refused_lines_are_told_until_nothing_lies_in_quarantine():
    panel = Panel()
    panel.show(state=State.SENDING, quarantined=1)
    assert panel.standing() == {"LINE.SINK.PLANT.QUARANTINED.hi"}
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


def test_a_remark_says_behind_the_text_what_is_meant():
    panel = Panel()
    panel.alarms.remark("SECURITY.REFUSED", "coater: another certificate")
    values = figures(FINE, "", refused=1) + [1.0] * len(FIGURES)
    (came,) = [
        t for t in panel.alarms.scan(1.0, 1, values) if t.alarm.tag == "LINE.SECURITY.REFUSED"
    ]
    assert came.text.endswith("refused: coater: another certificate")
    (standing,) = [a for a in panel.alarms.active if a.tag == "LINE.SECURITY.REFUSED"]
    assert standing.text.endswith("refused: coater: another certificate")
    panel.alarms.remark("SECURITY.REFUSED", "calender: expired")
    (standing,) = [a for a in panel.alarms.active if a.tag == "LINE.SECURITY.REFUSED"]
    assert "expired" in standing.text


def test_what_somebody_shelved_does_not_stand_and_is_still_shelved_after_a_restart():
    panel = Panel()
    panel.show(record="disk is full", state=State.SENDING)
    one, by = "LINE.RECORD.FAILING.failing", By(actor="ann", engineer=True)
    panel.alarms.board.shelve(one, int(3600e9), int(panel.now_s * 1e9), by, "disk is exchanged")
    assert panel.standing() == set()
    again = Panel()
    assert again.alarms.recall(panel.alarms.memory().alarms, int(2e9)) == ()
    again.now_s = 3.0
    again.show(record="disk is full", state=State.SENDING)
    assert again.standing() == set()


def test_the_alarms_of_a_part_have_its_name():
    alarms = LineAlarms("LINE.COAT.CAL", [])
    assert "LINE.COAT.CAL.RECORD.FAILING.failing" in alarms.board.alarms
    assert alarms.board.missing == ()
