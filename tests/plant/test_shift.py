"""An eight-hour shift of the whole line in lockstep, from the physics to the loops."""

import re
from collections import Counter

import numpy as np
import pytest

from controller.control.states import State
from controller.core.event import EventKind
from controller.core.sample import FIRST_BAD, Quality
from plc_sim.lockstep import Lockstep
from plc_sim.models.quality import specs, summarize
from plc_sim.score import rig

HOUR_S = 3600.0
SHIFT_S = 8 * HOUR_S
SETTLE_S = 0.5 * HOUR_S
SET_POINT_DEGC = -65.0
STATIONS = ("enclosure", "coater", "calender")
# Figures of a historian and of wires that are not there in lockstep.
NOT_ON_THIS_LINE = re.compile(r"LINE\..*|[A-Z]+\.LINK\.RTT(MAX)?")


class Watch:
    """Looks at the line once a plant second."""

    def __init__(self, line: Lockstep) -> None:
        self.line = line
        self.frost_point: list[float] = []
        self.buffer: list[float] = []
        self.states: Counter[tuple[State, ...]] = Counter()
        self.bad: Counter[str] = Counter()
        self.first_nan_s: float | None = None
        names = [t.name for t in line.table.tags]
        self._names = np.array(names)
        self._mine = np.array([not NOT_ON_THIS_LINE.fullmatch(n) for n in names])

    def look(self) -> None:
        line, table = self.line, self.line.table
        if self.first_nan_s is None and not np.isfinite(table.value).all():
            self.first_nan_s = line.plant.now_s
        self.bad.update(self._names[(table.quality >= FIRST_BAD) & self._mine].tolist())
        self.states[tuple(line.stations[n].procedure.state for n in STATIONS)] += 1
        self.frost_point.append(line.plant.enclosure.frost_point_degc)
        self.buffer.append(line.value("BUF.POS"))


@pytest.fixture(scope="module")
def shift() -> Watch:
    """The line brought up, and a shift behind it."""
    line = rig()
    line.start()
    for name in STATIONS:
        line.until_state(name, State.EXECUTE, 2 * HOUR_S)
    watch = Watch(line)
    for _ in range(round(SHIFT_S)):
        line.run(1.0)
        watch.look()
    return watch


pytestmark = pytest.mark.timeout(900)


def test_the_line_produces_for_the_whole_shift(shift):
    assert dict(shift.states) == {(State.EXECUTE,) * 3: round(SHIFT_S)}
    texts = [e.text for e in shift.line.log.events if e.kind is EventKind.DEVICE]
    assert texts == []


def test_the_frost_point_is_held(shift):
    frost = np.array(shift.frost_point[round(SETTLE_S) :])
    assert np.mean(np.abs(frost - SET_POINT_DEGC) <= 1.0) > 0.98
    assert frost.max() < -60.0


def test_the_buffer_is_kept_from_its_ends(shift):
    assert min(shift.buffer) > 5.0
    assert max(shift.buffer) < 95.0


def test_no_tag_was_ever_without_a_number(shift):
    assert shift.first_nan_s is None


def test_no_tag_was_ever_bad(shift):
    assert dict(shift.bad) == {}
    absent = {t.name for t in shift.line.table.tags if NOT_ON_THIS_LINE.fullmatch(t.name)}
    assert {shift.line.table.sample(n).quality for n in absent} == {Quality.BAD_NO_DATA}


def test_energy_was_used_and_less_of_it_than_in_a_dry_room(shift):
    truth = shift.line.plant.truth()["enclosure"]
    assert 0.0 < truth["energy_env_kwh"] < truth["energy_base_kwh"]
    for tag in ("DHU.KWH", "GREY.KWH", "COAT.PWR", "CAL.PWR"):
        assert shift.line.value(tag) > 0.0


def test_water_is_neither_made_nor_lost(shift):
    assert abs(shift.line.plant.truth()["enclosure"]["water_residual"]) < 1e-9


def test_the_shift_made_good_metres(shift):
    metres = shift.line.plant.calender.ledger.metres
    made_m = sum(m.length_m for m in metres)
    assert made_m == pytest.approx(5.0 * SHIFT_S / 60.0, rel=0.05)
    good = [m for m in metres if all(s.holds(m) for s in specs())]
    assert sum(m.length_m for m in good) > 0.8 * made_m
    lots = {m.lot for m in metres}
    assert len(lots) >= 10
    lot = summarize([m for m in metres if m.lot == max(lots) - 1], specs())
    assert lot.yield_share > 0.8


def test_every_scan_was_made_and_every_write_taken(shift):
    line = shift.line
    for name in STATIONS:
        prefix = line.stations[name].prefix
        assert line.value(f"{prefix}.SCAN.COUNT") == pytest.approx(line.plant.now_s * 10.0, abs=3)
        assert line.value(f"{prefix}.REJECTS") == 0.0
        assert line.value(f"{prefix}.LINK.LOSSES") == 0.0
