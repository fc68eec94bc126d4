"""Ten thousand writes of any kind: nothing outside its limits ever lands in a PLC."""

from math import inf, isfinite, nan
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.point import Access
from plc_sim.plc import WORD, Plc, Verdict
from tests.support.enclosure_rig import enclosure_points
from tests.support.modbus_peers import IdleLogic

POINTS = tuple(enclosure_points())
WRITTEN = [k for k, p in enumerate(POINTS) if p.access is Access.WRITE]
SEEDS, WRITES = 200, 50


def number(dice: Random) -> float:
    """Most are near a limit of some point, some are no numbers at all."""
    point = dice.choice(POINTS)
    near = (point.low, point.high, dice.uniform(point.low, point.high))
    odd = (nan, inf, -inf, 1e300, -0.0, dice.uniform(-1e5, 1e5))
    return (
        dice.choice(odd)
        if dice.random() < 0.1
        else dice.choice(near) + dice.choice((0.0, 0.0, 0.0, 1e-9, -1e-9, 1.0, -1.0))
    )


def slot(dice: Random) -> int:
    """Most are writable."""
    return dice.choice(WRITTEN) if dice.random() < 0.95 else dice.randint(-3, len(POINTS) + 3)


@settings(max_examples=SEEDS, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_write_ever_lands_outside_its_limits(seed):
    dice = Random(seed)
    plc = Plc("ENC", POINTS, IdleLogic())
    now_s, sequence, rejected = 1.0, 0, 0
    value = plc.image.value
    for _ in range(WRITES):
        if dice.random() < 0.03:
            plc.remote = not plc.remote
        ahead = dice.choice((0, 0, 0, 0, 1, 3, -1, -3))
        late = dice.choice((0, 0, 0, 1, 2, 3, 4, -1))
        items = [(slot(dice), number(dice)) for _ in range(dice.randint(0, 2))]
        before = list(value)
        asked = (sequence + 1 + ahead) % WORD
        beat = (plc.heart(now_s) - late) % WORD
        answer = plc.write(now_s, asked, beat, items)
        if answer.verdict is Verdict.ACCEPTED:
            assert plc.remote
            assert late in (0, 1, 2)
            assert ahead >= 0
            expected = list(before)
            expected[plc.image.slot("ENC.SEQ")] = asked
            for k, value_asked in items:
                expected[k] = value_asked
            assert value == expected
            sequence = asked
        else:
            rejected += 1
            before[plc.image.slot("ENC.REJECTS")] = rejected
            assert value == before
        for point, held in zip(POINTS, value, strict=True):
            if point.access is Access.WRITE:
                assert isfinite(held)
                assert point.low <= held <= point.high, point.tag
        now_s += dice.choice((0.05, 0.05, 0.05, 2.0))
        plc.scan(now_s, now_s, (), ())
        assert value[plc.image.slot("ENC.REJECTS")] == rejected
