"""Every PLC program keeps the contract of plc_sim.plc.Logic, whatever its inputs are."""

import importlib
from math import isfinite
from pathlib import Path
from random import Random

import pytest

import plc_sim.logic
from controller.config import load_line
from plc_sim.instruments import Status
from plc_sim.plc import SCAN_S, Mode, Plc
from plc_sim.score import SHIPPED_LINE

LINE = load_line(SHIPPED_LINE)
KINDS = sorted(
    path.stem
    for path in Path(plc_sim.logic.__file__).parent.glob("*.py")
    if "\nclass Logic" in path.read_text("utf-8")
)


def instruments(kind):
    return importlib.import_module(f"plc_sim.field.{kind}").INSTRUMENTS


def _range(instrument):
    """Where its readings lie; switches and counters have no limits of their own."""
    low = instrument.low if isfinite(instrument.low) else 0.0
    high = instrument.high if isfinite(instrument.high) else 1.0
    return low, max(low, high)


class Bench:
    """A PLC whose sensors and commands come from dice."""

    def __init__(self, kind, seed):
        config = next(s for s in LINE.stations if s.kind == kind)
        self.prefix = config.prefix
        self.plc = Plc(config.prefix, config.points, self.logic(kind))
        self.dice = Random(seed)
        self.now_s = 0.0
        self.sequence = 0
        self.ranges = [_range(i) for i in instruments(kind)]
        n = len(self.plc.logic.SENSORS)
        self.sensors, self.status = [0.0] * n, [int(Status.GOOD)] * n

    @staticmethod
    def logic(kind):
        return importlib.import_module(f"plc_sim.logic.{kind}").Logic()

    def tag(self, name):
        return self.plc.image.value[self.plc.image.slot(f"{self.prefix}.{name}")]

    def throw(self):
        """New inputs anywhere in the range of their instruments, sometimes marked as failed."""
        for k, (low, high) in enumerate(self.ranges):
            if self.dice.random() < 0.05:
                middle = self.dice.uniform(low, high)
                self.sensors[k] = self.dice.choice((low, high, middle, middle, middle))
                self.status[k] = self.dice.choice((0, 0, 0, 1, 2, 3))

    def write(self, mode):
        self.sequence = (self.sequence + 1) % 65536
        points = self.plc.image.points
        items = [(self.plc.image.slot(f"{self.prefix}.CMD"), float(mode))]
        slots = [k for k, p in enumerate(points) if p.access == "W" and "CMD" not in p.tag]
        for k in self.dice.sample(slots, 3):
            p = points[k]
            value = self.dice.uniform(p.low, p.high)
            items.append((k, value if p.kind == "real" else float(int(value))))
        self.plc.write(self.now_s, self.sequence, self.plc.heart(self.now_s), items)

    def scan(self):
        self.now_s += SCAN_S
        return list(self.plc.scan(self.now_s, self.now_s, self.sensors, self.status))

    def run(self, scans):
        out = []
        for k in range(scans):
            if k % 7 == 0:
                self.throw()
            if k % 40 == 0:
                self.write(self.dice.choice(list(Mode)[: Mode.TRIP]))
            out.append(self.scan())
        return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_outputs_stay_finite_and_codes_known_whatever_the_inputs_are(kind, seed):
    bench = Bench(kind, seed)
    logic = bench.plc.logic
    for out in bench.run(4000):
        assert len(out) == len(logic.ACTUATORS)
        assert all(isfinite(x) for x in out), dict(zip(logic.ACTUATORS, out, strict=True))
        assert 0 <= bench.plc.trip_code < len(logic.TRIPS)
        assert logic.mode in Mode
    assert all(isfinite(x) for x in bench.plc.image.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_leaves_nothing_of_the_life_before(kind):
    used, fresh = Bench(kind, 1), Bench(kind, 1)
    used.run(3000)
    used.plc.restart()
    fresh.now_s = used.now_s
    for bench in (used, fresh):
        bench.dice = Random(9)
        bench.sequence = 0
        bench.plc._turn = 0  # which scans serve the wire is no part of the program
        bench.sensors = [low for low, _ in bench.ranges]
        bench.status = [0] * len(bench.status)
    assert used.run(2000) == fresh.run(2000)
    assert used.tag("STATE") == fresh.tag("STATE")
    assert used.tag("BOOT") == fresh.tag("BOOT") + 1


@pytest.mark.parametrize("kind", KINDS)
def test_equal_inputs_give_equal_outputs(kind):
    assert Bench(kind, 4).run(1500) == Bench(kind, 4).run(1500)


@pytest.mark.parametrize("kind", KINDS)
def test_every_trip_text_is_told_once(kind):
    trips = Bench.logic(kind).TRIPS
    assert trips[0] == "none"
    assert len(set(trips)) == len(trips)
