"""A hundred thousand writes to the simulated PLCs: none lands outside its limits or above a rate.

The PLC takes a set point as it was asked for or refuses it, and lets it act at its rate. So it is
looked at three times: the set points it holds, its own log of what came to act, and at every scan
the references that its program gives to the drives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, nan
from random import Random

import pytest

from controller.core.point import Access
from plc_sim.plc import SCAN_S, WORD, Mode, Verdict
from plc_sim.set_point_log import SetPointLog
from tests.plant.test_interlocks_alone import Alone
from tests.support.set_point_judge import Judge

WRITES = 34_000  # of each station
BURST = 17  # in one scan


@dataclass(frozen=True)
class Rate:
    """What a drive may be asked for: units per second, up and down.

    A trip stops faster: then `down` does not hold.
    """

    up: float
    down: float


RATES: Mapping[str, Mapping[str, Rate]] = {
    "calender": {"v": Rate(0.25, 10.0)},
    "coater": {
        "line_m_per_min": Rate(5.0 / 24.0, 0.5),
        "screw_rpm": Rate(20.0, 20.0),
        "ratio": Rate(0.05, 0.05),
        "gap_um": Rate(100.0, 100.0),
    },
    "enclosure": {},
}
"""Fans, rotor and valves of the enclosure have no ramp in the PLC: their drives ramp themselves."""


class Log:
    """Every scan of one PLC: what it holds and drives, against its limits."""

    def __init__(self, alone: Alone) -> None:
        self.alone, self.image = alone, alone.plc.image
        self.written = [(k, p) for k, p in enumerate(self.image.points) if p.access is Access.WRITE]
        place = alone.plc.logic.ACTUATORS.index
        self.rates = [(place(n), n, rate) for n, rate in RATES[alone.station].items()]
        self.before = list(alone.out)
        self.judge, self.notes = Judge(self.image.points), SetPointLog()
        self.judge.start_from(self.image.effective, self.image.value)
        alone.plc.keep_journal(self.notes)
        self.outside: list[str] = []
        self.too_fast: list[str] = []
        self.scans = 0

    def scan(self) -> None:
        alone = self.alone
        mode = alone.rig.mode
        alone.go(0.1)
        self.scans += 1
        for k, point in self.written:
            held = self.image.value[k]
            if not (isfinite(held) and point.low <= held <= point.high):
                self.outside.append(f"{point.tag} {held}")
        if mode is alone.rig.mode and mode in (Mode.RUN, Mode.THREAD):
            dt_s = 2 * SCAN_S  # one step of the rig
            for k, name, rate in self.rates:
                change = (alone.out[k] - self.before[k]) / dt_s
                if not -rate.down - 1e-6 <= change <= rate.up + 1e-6:
                    self.too_fast.append(f"{name} {change:+g}/s in {mode.name}")
        self.before = list(alone.out)
        self.judge.see(self.notes.take())


def _value(dice: Random, low: float, high: float) -> float:
    kind = dice.random()
    if kind < 0.1:
        return dice.choice((nan, inf, -inf, 1e300, -1e300))
    if kind < 0.3:
        return dice.choice((low - 1e-6, high + 1e-6, low - 1.0, high * 2.0 + 1.0))
    return dice.choice((low, high, dice.uniform(low, high)))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("station", list(RATES))
def test_no_write_gets_past_limits_or_rates(station: str) -> None:
    dice = Random(17)
    alone = Alone(station)
    plc, log = alone.plc, Log(alone)
    alone.remove_dryline()
    steered = {f"{alone.rig.plc.image.names[plc._cmd]}", plc.image.names[plc._reset]}
    slots = [(k, p) for k, p in log.written if p.tag not in steered]
    sequence = int(plc.image.value[plc._seq])
    taken = refused = sent = 0
    while sent < WRITES:
        now_s = alone.rig.now_s
        for _ in range(BURST):
            k, p = dice.choice(slots)
            value = _value(dice, p.low, p.high)
            ahead = (sequence + 1) % WORD
            answer = plc.write(now_s, ahead, plc.heart(now_s), [(k, value)])
            sent += 1
            good = isfinite(value) and p.low <= value <= p.high
            assert (answer.verdict is Verdict.ACCEPTED) is good, (p.tag, value, answer)
            taken, refused = taken + good, refused + (not good)
            sequence = ahead if good else sequence
        if alone.rig.trip != "none":  # what was asked for has hurt the machine: press reset
            reset = plc.image.value[plc._reset] + 1.0
            sequence = (sequence + 1) % WORD
            items = [(plc._reset, reset % 1000.0), (plc._cmd, float(Mode.RUN))]
            plc.write(now_s, sequence, plc.heart(now_s), items)
        log.scan()
    assert taken > WRITES / 2
    assert refused > WRITES / 10
    assert log.outside == []
    assert log.too_fast == []
    assert log.judge.verdict() == ""
    assert log.judge.moves > 1_000
