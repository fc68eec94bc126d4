"""A loop: a pid wired to tags, with the mode it takes while the station runs."""

import pytest

from controller.control.loop import Loop
from controller.control.pid import Pid
from controller.control.pid_config import Direction, LoopMode, LoopStatus, PidConfig
from controller.core.errors import Refused
from controller.core.sample import GOOD
from controller.core.tag import Kind

PV, OUT, BASE = 0, 1, 2


def make(**options):
    pid = Pid(
        PidConfig(
            name="oven", kc=2.0, ti_s=10.0, period_s=1.0, direction=Direction.REVERSE,
            out_low=10.0, out_high=90.0, sp_low=0.0, sp_high=100.0, sp=50.0,
            pv_unit="degC", out_unit="%", modes=(LoopMode.MAN, LoopMode.AUTO),
        )
    )  # fmt: skip
    loop = Loop("X.L1", pid, pv="X.PV", out="X.OUT", **options)
    loop.bind({"X.PV": PV, "X.OUT": OUT, "X.L1.SP": BASE})
    return loop, [50.0, 0.0] + [0.0] * 5


def test_tags_stand_in_the_order_they_are_published():
    loop, v = make()
    names = [t.name for t in loop.tags("oven")]
    assert names == ["X.L1.SP", "X.L1.WSP", "X.L1.OP", "X.L1.MODE", "X.L1.STATUS"]
    loop.activate(True)
    loop.scan(0.0, v, [GOOD, GOOD])
    assert v[BASE:] == [50.0, 50.0, v[OUT], LoopMode.AUTO, loop.pid.status]


def test_tags_carry_units_ranges_and_labels():
    loop, _ = make()
    sp, _, op, mode, status = loop.tags("oven")
    assert (sp.unit, sp.low, sp.high) == ("degC", 0.0, 100.0)
    assert (op.unit, op.low, op.high) == ("%", 10.0, 90.0)
    assert mode.kind is status.kind is Kind.ENUM
    assert mode.labels == tuple(m.name for m in LoopMode)
    assert len(status.labels) == len(LoopStatus) == status.high + 1


@pytest.mark.parametrize("held", [0.0, 33.0, 100.0])
def test_an_adopted_output_stays_until_the_loop_takes_it(held):
    loop, v = make()
    loop.adopt(v, held)
    for k in range(5):
        loop.scan(float(k), v, [GOOD, GOOD])
        assert v[OUT] == held
    loop.activate(True)
    loop.scan(6.0, v, [GOOD, GOOD])
    assert v[OUT] == min(max(held, 10.0), 90.0)


def test_a_set_output_replaces_an_adopted_one_even_when_it_looks_the_same():
    loop, v = make()
    loop.adopt(v, 0.0)
    loop.set_out(10.0)
    loop.scan(0.0, v, [GOOD, GOOD])
    assert v[OUT] == 10.0


def test_a_step_that_puts_an_output_puts_it_within_the_limits():
    loop, v = make()
    loop.start_from(v, 95.0)
    assert v[OUT] == 90.0


def test_taking_over_makes_no_bump():
    loop, v = make()
    loop.adopt(v, 42.0)
    loop.activate(True)
    v[PV] = 20.0
    loop.scan(0.0, v, [GOOD, GOOD])
    assert v[OUT] == 42.0
    loop.scan(1.0, v, [GOOD, GOOD])
    assert v[OUT] > 42.0


def test_the_wanted_mode_survives_a_rest():
    loop, _ = make(wanted=LoopMode.MAN)
    loop.activate(True)
    assert loop.pid.mode is LoopMode.MAN
    loop.want(LoopMode.AUTO)
    assert loop.pid.mode is LoopMode.AUTO
    loop.activate(False)
    assert (loop.pid.mode, loop.wanted) == (LoopMode.MAN, LoopMode.AUTO)
    loop.activate(True)
    assert loop.pid.mode is LoopMode.AUTO


def test_a_mode_it_does_not_have_is_refused_while_it_rests():
    loop, _ = make()
    with pytest.raises(Refused, match="CAS is not one of MAN, AUTO"):
        loop.want(LoopMode.CAS)
    assert loop.wanted is LoopMode.AUTO


def test_a_loop_without_output_only_publishes():
    loop, v = make()
    inner = Loop("X.L2", loop.pid, pv="X.PV")
    inner.bind({"X.PV": PV, "X.L2.SP": BASE})
    inner.adopt(v, 33.0)
    inner.activate(True)
    inner.scan(0.0, v, [GOOD, GOOD])
    assert v[OUT] == 0.0
    assert v[BASE + 2] == 33.0
