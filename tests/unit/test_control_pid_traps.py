"""Known traps of a bare PID law, shown on simple-pid itself and shown absent in the loop block."""

import math
import random
from collections import deque

import pytest
from simple_pid import PID

from controller.control.pid import Pid
from controller.control.pid_config import Algorithm, Direction, LoopMode, PidConfig

GOOD = 0
BOTH = pytest.mark.parametrize("algorithm", list(Algorithm), ids=lambda a: a.value)


def loop(algorithm, kc=1.0, ti_s=10.0, sp=50.0, **settings) -> Pid:
    pid = Pid(
        PidConfig(
            name="L",
            kc=kc,
            ti_s=ti_s,
            sp=sp,
            direction=Direction.REVERSE,
            out_low=0.0,
            out_high=100.0,
            sp_low=-100.0,
            sp_high=100.0,
            algorithm=algorithm,
            **({"period_s": 0.1} | settings),
        )
    )
    pid.set_mode(LoopMode.AUTO)
    return pid


def bare(kp, ki, kd=0.0, sp=50.0, **settings) -> PID:
    return PID(
        kp, ki, kd, setpoint=sp, sample_time=None, output_limits=(0, 100), time_fn=float, **settings
    )


def peak_through_saturation(control) -> float:
    """Start-up to 50 on a lag of 60 s behind 5 s dead time; the actuator saturates on the way."""
    pv = peak = 0.0
    pipe = deque([0.0] * 50)
    for k in range(6000):
        pipe.append(control(0.1 * k, pv))
        pv += (pipe.popleft() - pv) * 0.1 / 60.0
        peak = max(peak, pv)
    return peak


def test_bare_law_overshoots_out_of_saturation():
    law = bare(5.0, 0.25)
    assert peak_through_saturation(lambda _, pv: law(pv, dt=0.1)) > 55.0


def test_conditional_integration_does_not_overshoot_out_of_saturation():
    pid = loop(Algorithm.SIMPLE_PID, kc=5.0, ti_s=20.0)
    assert peak_through_saturation(lambda t, pv: pid.scan(t, pv, GOOD)) < 51.0


def test_back_calculation_halves_the_overshoot_at_least():
    pid = loop(Algorithm.BACK_CALCULATION, kc=5.0, ti_s=20.0)
    assert peak_through_saturation(lambda t, pv: pid.scan(t, pv, GOOD)) < 53.8


def test_bare_law_is_poisoned_by_one_nan():
    law = bare(1.0, 0.1)
    law(math.nan, dt=0.1)
    assert math.isnan([law(49.0, dt=0.1) for _ in range(100)][-1])


@BOTH
def test_one_nan_does_no_harm(algorithm):
    clean, struck = loop(algorithm), loop(algorithm)
    for k in range(100):
        clean.scan(0.1 * k, 49.0, GOOD)
        struck.scan(0.1 * k, math.nan if k == 50 else 49.0, GOOD)
    assert struck.out == pytest.approx(clean.out, abs=0.05)


def test_bare_law_jumps_on_manual_to_auto():
    law = bare(2.0, 0.1, sp=60.0, auto_mode=False)
    law.set_auto_mode(True, last_output=40.0)
    assert law(50.0, dt=0.1) > 60.0


@BOTH
def test_manual_to_auto_does_not_jump(algorithm):
    pid = loop(algorithm, kc=2.0, ti_s=20.0, sp=60.0)
    pid.initialise(40.0)
    assert pid.scan(0.0, 50.0, GOOD) == 40.0
    assert pid.scan(0.1, 50.0, GOOD) == pytest.approx(40.1)


def test_bare_law_jumps_on_a_gain_change():
    law = bare(2.0, 0.1, sp=60.0)
    before = law(50.0, dt=0.1)
    law.Kp = 3.0
    assert law(50.0, dt=0.1) - before > 9.0


@BOTH
def test_gain_change_does_not_jump(algorithm):
    pid = loop(algorithm, kc=2.0, ti_s=20.0, sp=60.0)
    pid.initialise(20.0)
    for k in range(10):
        before = pid.scan(0.1 * k, 50.0, GOOD)
    pid.tune(3.0, 20.0, 0.0)
    assert pid.scan(1.0, 50.0, GOOD) - before == pytest.approx(3.0 / 20.0 * 10.0 * 0.1)


def noise_gain(control) -> float:
    source = random.Random(1)
    pv = [source.gauss(0.0, 0.1) for _ in range(2000)]
    out = [control(0.1 * k, x) for k, x in enumerate(pv)]
    mean = sum(out) / len(out)
    return math.sqrt(sum((u - mean) ** 2 for u in out) / len(out))


def test_bare_derivative_multiplies_noise():
    law = PID(1.0, 0.0, 5.0, sample_time=None, time_fn=float)
    assert noise_gain(lambda _, pv: law(pv, dt=0.1)) > 5.0


@BOTH
def test_derivative_is_filtered(algorithm):
    pid = loop(algorithm, kc=1.0, ti_s=0.0, td_s=5.0, sp=0.0)
    pid.initialise(50.0)
    assert noise_gain(lambda t, pv: pid.scan(t, pv, GOOD)) < 1.0


def test_bare_law_never_computes_again_when_dt_is_below_its_sample_time():
    law = PID(1.0, 1.0, setpoint=1.0, sample_time=1.0)
    assert len({law(0.0, dt=0.3) for _ in range(30)}) == 1


@BOTH
def test_scans_shorter_than_the_period_compute_once_per_period(algorithm):
    pid = loop(algorithm, period_s=1.0)
    outs = {pid.scan(0.3 * k, 49.0, GOOD) for k in range(31)}
    assert len(outs) == 10
