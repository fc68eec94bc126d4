"""Smith predictor and mid-ranging around a Pid, on small simulated processes."""

import math

import pytest

from controller.control.deadtime import DeadTime
from controller.control.midrange import MidRange
from controller.control.pid import Pid
from controller.control.pid_config import Direction, LoopMode, LoopStatus, PidConfig
from controller.control.shaping import FirstOrder, MovingAverage
from controller.control.smith import Prediction, SmithLoop, SmithModel
from controller.core.errors import ConfigError

GOOD, BAD = 0, 130
GAIN, TAU_S, DISTANCE_M = -0.026, 2.8, 1.25  # um per N/mm: thickness on line load


def thickness_loop(kc, ti_s) -> Pid:
    pid = Pid(
        PidConfig(
            name="L16",
            kc=kc,
            ti_s=ti_s,
            period_s=1.0,
            direction=Direction.DIRECT,
            out_low=150.0,
            out_high=1200.0,
            sp_low=50.0,
            sp_high=200.0,
            sp=104.0,
        )
    )
    pid.initialise(600.0)
    return pid


class Calender:
    """Thickness behind a first-order lag and the web between roll and gauge."""

    def __init__(self, speed_m_per_min: float) -> None:
        self.speed_m_per_s = speed_m_per_min / 60.0
        self.position_m = 0.0
        self.disturbance_um = 0.0
        self._lag = FirstOrder(TAU_S, GAIN * 600.0)
        self._web = DeadTime(104.0)

    def step(self, load: float, dt_s: float) -> float:
        self.position_m += self.speed_m_per_s * dt_s
        made = 104.0 - GAIN * 600.0 + self._lag.step(GAIN * load, dt_s) + self.disturbance_um
        return self._web.push(self.position_m, made, DISTANCE_M)


def smith(prediction=Prediction.ON, kc=9.8) -> SmithLoop:
    model = SmithModel(gain=GAIN, tau_s=TAU_S, distance_m=DISTANCE_M)
    # kc = tau / (|gain| * (lambda + 0)), lambda = 11 s: far too fast for the dead time without it.
    loop = SmithLoop(thickness_loop(kc, TAU_S), model, prediction)
    loop.settle()
    loop.pid.set_mode(LoopMode.AUTO)
    return loop


def run(loop, plant, seconds, start_s=0.0):
    thickness, trace = 104.0, []
    for k in range(int(seconds * 10)):
        load = loop.scan(start_s + 0.1 * k, thickness, GOOD, plant.position_m)
        thickness = plant.step(load, 0.1)
        trace.append(thickness)
    return trace


def settling_s(trace, band):
    outside = [k for k, x in enumerate(trace) if abs(x - 104.0) > band]
    return 0.1 * (outside[-1] + 1) if outside else 0.0


@pytest.mark.parametrize("speed", [1.0, 5.0, 20.0])
def test_prediction_settles_a_disturbance_at_any_speed_with_one_tuning(speed):
    loop, plant = smith(), Calender(speed)
    run(loop, plant, 20.0)
    plant.disturbance_um = 2.1
    dead_s = DISTANCE_M / plant.speed_m_per_s
    trace = run(loop, plant, 3.0 * dead_s + 120.0, start_s=20.0)
    assert max(trace) == pytest.approx(106.1, abs=0.01)  # nobody sees it before the gauge does
    # One dead time until it is seen, one until the cure is: no loop can be much faster.
    assert settling_s(trace, 0.5) < 2.0 * dead_s + 20.0
    assert min(trace) > 103.9


def test_the_same_tuning_oscillates_without_prediction():
    loop, plant = smith(Prediction.OFF), Calender(5.0)
    run(loop, plant, 20.0)
    plant.disturbance_um = 2.1
    assert min(run(loop, plant, 120.0, start_s=20.0)) < 103.0


def test_a_perfect_model_leaves_no_echo_of_its_own_action():
    loop, plant = smith(), Calender(5.0)
    loop.pid.set_sp(100.0)
    trace = run(loop, plant, 150.0)
    assert trace[-1] == pytest.approx(100.0, abs=0.05)
    assert min(trace) > 99.9


def test_model_is_averaged_over_the_turn_as_the_measurement_is():
    model = SmithModel(gain=GAIN, tau_s=TAU_S, distance_m=DISTANCE_M, average_m=1.6)
    loop, plant, turn = SmithLoop(thickness_loop(9.8, TAU_S), model), Calender(5.0), MovingAverage()
    loop.settle()
    loop.pid.set_mode(LoopMode.AUTO)
    pv, trace = 104.0, []
    for k in range(2000):
        if k == 400:
            loop.pid.set_sp(100.0)
        thickness = plant.step(loop.scan(0.1 * k, pv, GOOD, plant.position_m), 0.1)
        mean = turn.push(plant.position_m, thickness, model.average_m)
        pv = thickness if math.isnan(mean) else mean
        trace.append(thickness)
    assert trace[-1] == pytest.approx(100.0, abs=0.05)
    assert min(trace) > 99.8  # without the average in the model the loop would swing


def test_switching_the_prediction_does_not_move_the_output():
    loop, plant = smith(), Calender(5.0)
    loop.pid.set_sp(100.0)
    run(loop, plant, 8.0)  # model and measurement differ most on the way
    before = loop.pid.out
    thickness = 104.0
    loop.switch(Prediction.OFF)
    assert loop.scan(8.0, thickness, GOOD, plant.position_m) == before
    loop.switch(Prediction.ON)
    assert loop.scan(8.1, thickness, GOOD, plant.position_m) == before


def test_bad_gauge_goes_to_fallback_and_comes_back_bumpless():
    loop, plant = smith(), Calender(5.0)
    run(loop, plant, 10.0)
    before = loop.pid.out
    loop.scan(10.0, math.nan, BAD, plant.position_m)
    assert loop.pid.status is LoopStatus.FALLBACK
    loop.scan(10.1, math.nan, GOOD, plant.position_m)
    assert loop.pid.status is LoopStatus.FALLBACK
    assert loop.scan(11.5, 106.0, GOOD, plant.position_m) == before


def test_feed_forward_is_not_taken_for_a_model_error():
    loop, plant = smith(), Calender(5.0)
    run(loop, plant, 10.0)
    for k in range(600):
        loop.scan(10.0 + 0.1 * k, 104.0, GOOD, plant.position_m + 0.01 * k, ff=50.0)
    assert loop.pid.out == pytest.approx(650.0, abs=0.5)


def test_the_model_starts_at_rest_with_the_output_of_the_loop():
    model = SmithModel(gain=GAIN, tau_s=TAU_S, distance_m=DISTANCE_M, gauge_s=2.0)
    loop = SmithLoop(thickness_loop(9.8, TAU_S), model)
    for k in range(300):
        loop.scan(0.1 * k, 104.0, GOOD, 0.01 * k)
        assert loop.corrected_pv == 104.0


def test_dead_time_of_the_gauge_adds_to_that_of_the_web():
    model = SmithModel(gain=GAIN, tau_s=0.0, distance_m=1.0, gauge_s=5.0)
    loop = SmithLoop(thickness_loop(9.8, TAU_S), model)
    loop.scan(0.0, 104.0, GOOD, 0.0)
    loop.pid.set_out(700.0)
    seen = [loop.scan(t, 104.0, GOOD, 0.1 * t) and loop.corrected_pv for t in range(1, 30)]
    corrected = [k for k, pv in enumerate(seen, start=1) if pv != 104.0]
    assert (corrected[0], corrected[-1]) == (1, 15)  # 10 s on the web and 5 s in the gauge


def test_standing_web_makes_the_model_wait():
    loop = smith()
    loop.scan(0.0, 104.0, GOOD, 0.0)
    loop.pid.set_mode(LoopMode.MAN)
    loop.pid.set_out(1000.0)
    for k in range(1, 300):
        loop.scan(0.1 * k, 104.0, GOOD, 0.0)
    assert loop.corrected_pv == pytest.approx(104.0 + GAIN * 400.0, abs=0.01)


# --- mid-ranging


def pair():
    """Dew point on fan, and regeneration temperature bringing the fan back to 55 %."""
    fan = Pid(
        PidConfig(
            name="L1",
            kc=20.0,
            ti_s=90.0,
            period_s=5.0,
            direction=Direction.DIRECT,
            out_low=40.0,
            out_high=100.0,
            sp_low=-75.0,
            sp_high=-20.0,
            sp=-65.0,
        )
    )
    heat = MidRange(
        PidConfig(
            name="L2",
            kc=0.05,
            ti_s=60.0,  # 0.05 K/min per %
            period_s=60.0,
            direction=Direction.DIRECT,
            out_low=100.0,
            out_high=170.0,
            sp_low=40.0,
            sp_high=100.0,
            sp=55.0,
        )
    )
    fan.initialise(80.0)
    heat.pid.initialise(130.0)
    fan.set_mode(LoopMode.AUTO)
    heat.pid.set_mode(LoopMode.AUTO)
    return fan, heat


def test_slow_actuator_moves_by_its_rate_per_minute():
    fan, heat = pair()
    for t in range(0, 601):
        fan.scan(float(t), -65.0, GOOD)
        heat.scan(float(t), fan)
    assert heat.pid.out == pytest.approx(130.0 + 10 * 0.05 * 25.0)


def test_slow_actuator_brings_the_fast_one_back_to_mid_range():
    fan, heat = pair()
    zone = FirstOrder(270.0, -65.0)
    slow = FirstOrder(430.0, 130.0)
    for t in range(20_000):
        fan_out = fan.scan(float(t), zone.value, GOOD)
        dry = slow.step(heat.scan(float(t), fan), 1.0)
        zone.step(-65.0 - 0.09 * (fan_out - 80.0) - 0.45 * (dry - 130.0), 1.0)
    assert fan.out == pytest.approx(55.0, abs=1.0)
    assert zone.value == pytest.approx(-65.0, abs=0.05)
    assert 130.0 < heat.pid.out < 140.0


def test_slow_actuator_holds_while_the_fast_loop_does_not_control():
    fan, heat = pair()
    fan.scan(0.0, -65.0, GOOD)
    heat.scan(0.0, fan)
    fan.set_mode(LoopMode.MAN)
    for t in range(1, 601):
        fan.scan(float(t), -65.0, GOOD)
        heat.scan(float(t), fan)
    assert heat.pid.out == 130.0
    assert heat.pid.status is LoopStatus.TRACKING


def test_slow_actuator_moves_while_the_fast_one_is_at_its_end():
    fan, heat = pair()
    for t in range(0, 601):
        fan.scan(float(t), -50.0, GOOD)
        heat.scan(float(t), fan)
    assert fan.status is LoopStatus.LIMITED_HIGH
    assert heat.pid.out > 140.0


def test_a_ready_loop_is_used_as_it_is_and_must_be_integral_only():
    fan, heat = pair()
    assert MidRange(heat.pid).pid is heat.pid
    with pytest.raises(ConfigError, match="integral_only"):
        MidRange(fan)


def test_manual_slow_actuator_stays_where_the_operator_put_it():
    fan, heat = pair()
    heat.pid.set_mode(LoopMode.MAN)
    heat.pid.set_out(160.0)
    for t in range(0, 601):
        fan.scan(float(t), -65.0, BAD)
        heat.scan(float(t), fan)
    assert (heat.pid.out, heat.pid.status) == (160.0, LoopStatus.MANUAL)
