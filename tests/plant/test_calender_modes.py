"""Calender, PLC program: from cold to production, down again, trips and lost controllers."""

import pytest

from plc_sim.instruments import InstrumentFault
from plc_sim.logic.calender import Logic
from plc_sim.models.calender import Model
from plc_sim.models.web import PATH_M, STROKE_M
from plc_sim.plc import Mode
from tests.support.calender_rig import Rig, calender_points, film

FULL_OPEN_UM = 1900.0


@pytest.fixture
def rig() -> Rig:
    """Warm rolls, in production at 5 m/min."""
    rig = Rig(roll_degc=80.0)
    rig.coater = lambda _t: 0.30
    rig.produce()
    return rig


def is_safe(rig: Rig) -> bool:
    return rig.model.line_m_per_s == 0.0 and rig.model.cylinders.opening_m > 1.9e-3


def trip(rig: Rig, within_s: float) -> str:
    rig.until(lambda: rig.mode is Mode.TRIP, within_s)
    rig.run(0.6)
    assert is_safe(rig)
    return rig.trip


def reset(rig: Rig) -> None:
    rig.set(RESET=rig.tag("CAL.RESET") + 1.0)
    rig.run(0.2)


def test_the_wiring_of_model_and_program_is_the_same_and_every_trip_has_its_label() -> None:
    labels = next(p.labels for p in calender_points() if p.tag == "CAL.TRIP")
    assert labels == Logic.TRIPS
    assert Model.SENSORS == Logic.SENSORS
    assert Model.ACTUATORS == Logic.ACTUATORS


def test_every_tag_of_the_station_is_alive_in_production(rig: Rig) -> None:
    shown = {p.tag: rig.tag(p.tag) for p in calender_points()}
    silent = {"CAL.TRIP", "CAL.WDOG", "CAL.REJECTS", "CAL.RESET", "CAL.MODE"}
    dead = [tag for tag, value in shown.items() if value == 0.0 and tag not in silent]
    assert dead == []
    for point in calender_points():
        assert point.low <= shown[point.tag] <= point.high, point.tag


def test_run_asked_of_a_cold_machine_warms_threads_and_runs_by_itself() -> None:
    rig = Rig()
    rig.coater = lambda _t: 0.30
    rig.set(CMD=Mode.RUN, TROLL_SP=80.0, LOAD_SP=600.0, V_SP=5.0)
    rig.run(1.0)
    assert rig.mode is Mode.WARMUP
    warm_s = rig.until(lambda: rig.mode is Mode.THREAD, 2400.0)
    assert 600.0 < warm_s < 1800.0
    rig.run(30.0)
    assert rig.tag("CAL.V.PV") == pytest.approx(0.5, abs=0.01)
    assert rig.tag("CAL.LOAD.PV") == pytest.approx(50.0, abs=5.0)
    rig.until(lambda: rig.mode is Mode.RUN, 300.0)
    rig.run(120.0)
    assert rig.tag("CAL.V.PV") == pytest.approx(5.0, abs=0.01)
    assert rig.tag("CAL.LOAD.PV") == pytest.approx(600.0, abs=6.0)
    assert rig.tag("CAL.THK.C") == pytest.approx(104.3, abs=2.0)
    assert rig.tag("CAL.DENS") == pytest.approx(2.88, abs=0.05)
    assert rig.tag("CAL.TENS.IN") == pytest.approx(60.0, abs=3.0)
    assert rig.tag("CAL.TENS.OUT") == pytest.approx(60.0, abs=3.0)


def test_roll_temperature_settles_without_overshoot_of_more_than_3_k() -> None:
    rig = Rig()
    rig.set(CMD=Mode.WARMUP, TROLL_SP=100.0)
    seen = rig.sample(3600.0, lambda: rig.tag("CAL.TROLL.U"))
    assert max(seen) < 103.0
    assert all(98.0 < t < 102.0 for t in seen[-3000:])


def test_the_calender_threads_and_runs_alone_on_leader() -> None:
    rig = Rig(roll_degc=80.0)
    rig.produce()
    rig.run(120.0)
    assert rig.mode is Mode.RUN
    assert rig.tag("BUF.POS") == pytest.approx(50.0, abs=0.5)
    assert rig.model.ledger.metres == []


def test_hold_stops_and_opens_and_keeps_the_rolls_warm(rig: Rig) -> None:
    rig.set(CMD=Mode.HOLD)
    rig.run(4.0)
    assert rig.mode is Mode.HOLD
    assert is_safe(rig)
    assert rig.tag("CAL.GAP.PV") > FULL_OPEN_UM
    assert rig.tag("CAL.LOAD.PV") == pytest.approx(0.0, abs=1.0)
    rig.run(900.0)
    assert rig.tag("CAL.TROLL.U") == pytest.approx(80.0, abs=2.0)


def test_stop_lets_the_rolls_cool(rig: Rig) -> None:
    rig.set(CMD=Mode.STOP)
    rig.run(900.0)
    assert rig.mode is Mode.STOP
    assert is_safe(rig)
    assert rig.tag("CAL.TROLL.U") < 78.0
    assert rig.tag("CAL.PWR") < 0.5


def test_after_a_hold_production_comes_back_through_threading(rig: Rig) -> None:
    rig.set(CMD=Mode.HOLD)
    rig.run(10.0)
    rig.set(CMD=Mode.RUN)
    rig.until(lambda: rig.mode is Mode.THREAD, 60.0)
    rig.until(lambda: rig.mode is Mode.RUN, 300.0)


def test_a_lost_controller_leaves_the_machine_held_within_2_s(rig: Rig) -> None:
    rig.connected = False
    rig.until(lambda: rig.mode is Mode.HOLD, 2.0)
    rig.run(1.0)
    assert is_safe(rig)
    rig.connected = True
    rig.run(60.0)
    assert rig.mode is Mode.HOLD, "motion must wait for a command"
    rig.set(CMD=Mode.HOLD)
    rig.run(1.0)
    rig.set(CMD=Mode.RUN)
    rig.until(lambda: rig.mode is Mode.THREAD, 60.0)


def test_a_cold_machine_without_a_controller_stays_stopped() -> None:
    rig = Rig()
    rig.set(CMD=Mode.STOP)
    rig.connected = False
    rig.run(5.0)
    assert rig.mode is Mode.STOP
    assert rig.tag("CAL.PWR") < 0.5


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("estop_free", "emergency stop"),
        ("guard_closed", "nip guard"),
        ("rolls_permit", "enclosure permit"),
    ],
)
def test_stop_circuits_brake_within_half_a_second(rig: Rig, attribute: str, text: str) -> None:
    setattr(rig.model, attribute, False)
    assert trip(rig, 0.3) == text
    reset(rig)
    assert rig.mode is Mode.TRIP, "no reset while the cause is present"
    setattr(rig.model, attribute, True)
    rig.run(0.3)
    reset(rig)
    rig.run(30.0)
    assert rig.mode is Mode.HOLD, "a reset alone moves nothing"
    assert is_safe(rig)
    rig.set(CMD=Mode.WARMUP)
    rig.run(1.0)
    rig.set(CMD=Mode.RUN)
    rig.until(lambda: rig.mode is Mode.THREAD, 120.0)


def test_brake_holds_its_half_second_at_full_speed() -> None:
    rig = Rig(roll_degc=80.0)
    rig.produce(v_m_per_min=20.0)
    rig.model.estop_free = False
    rig.until(lambda: rig.mode is Mode.TRIP, 0.3)
    assert rig.until(lambda: is_safe(rig), 1.0) <= 0.5


def test_an_open_enclosure_keeps_the_rolls_from_threading() -> None:
    rig = Rig(roll_degc=80.0)
    rig.model.rolls_permit = False
    rig.set(CMD=Mode.RUN, TROLL_SP=80.0)
    rig.run(120.0)
    assert rig.mode is Mode.WARMUP
    rig.model.rolls_permit = True
    rig.until(lambda: rig.mode is Mode.THREAD, 30.0)


def test_too_much_line_load_opens_the_gap_after_a_second(rig: Rig) -> None:
    rig.set(LOAD_SP=1300.0)
    rig.until(lambda: rig.tag("CAL.LOAD.PV") > 1200.0, 60.0)
    rig.run(0.8)
    assert rig.mode is Mode.RUN
    assert trip(rig, 1.0) == "line load high"


def test_a_side_that_does_not_follow_trips_on_the_difference() -> None:
    rig = Rig(roll_degc=80.0, parameters={"gain_os": 0.3})
    rig.set(CMD=Mode.RUN, TROLL_SP=80.0, LOAD_SP=600.0, V_SP=5.0)
    assert trip(rig, 400.0) == "load difference"


def test_a_broken_load_cell_trips(rig: Rig) -> None:
    rig.rack.set_fault("load_os", InstrumentFault.FAILED, 1.0)
    assert trip(rig, 3.0) == "load difference"


def test_a_torn_web_trips_and_threading_mends_it(rig: Rig) -> None:
    rig.web.torn = True
    assert trip(rig, 3.0) == "web break"
    reset(rig)
    rig.set(CMD=Mode.HOLD)
    rig.run(1.0)
    rig.set(CMD=Mode.RUN)
    rig.until(lambda: rig.mode is Mode.RUN, 400.0)
    assert not rig.web.torn


def test_rolls_at_150_degc_lose_their_heater_at_once_and_trip_after_a_minute(rig: Rig) -> None:
    rig.set(TROLL_SP=150.0)
    rig.until(lambda: rig.tag("CAL.PWR") > 15.0, 60.0)
    rig.warm(75.0)
    rig.run(30.0)
    assert rig.tag("CAL.PWR") < 4.0
    assert rig.mode is Mode.RUN
    assert trip(rig, 60.0) == "roll hot"


def test_a_standing_coater_slows_the_calender_and_stops_it_before_the_buffer_is_empty(
    rig: Rig,
) -> None:
    rig.coater = None
    rig.model.coater_m_per_s = 0.0
    rig.until(lambda: rig.tag("BUF.POS") < 10.0, 120.0)
    assert rig.tag("CAL.V.PV") < 4.5
    assert trip(rig, 120.0) == "buffer end"
    assert 0.0 < rig.web.position < 0.05


def test_a_full_buffer_stops_once_and_can_then_be_emptied(rig: Rig) -> None:
    def fill() -> None:
        rig.web.push(film(0.95 * STROKE_M + PATH_M - rig.web.content_m + 1.0))

    fill()
    assert trip(rig, 3.0) == "buffer end"
    reset(rig)
    rig.set(CMD=Mode.HOLD)
    rig.run(1.0)
    rig.coater = None
    rig.set(CMD=Mode.RUN)
    rig.until(lambda: rig.mode is Mode.RUN and rig.tag("BUF.POS") < 80.0, 400.0)


def test_a_restarted_plc_stands_still(rig: Rig) -> None:
    rig.plc.restart()
    rig.connected = False
    rig.run(1.0)
    assert rig.mode is Mode.STOP
    assert is_safe(rig)
    assert rig.tag("CAL.LOAD.SP") == 0.0
