"""The coater's PLC: sequence, permissives, trips and expiry, against physics and instruments."""

import pytest

from plc_sim.instruments import InstrumentFault
from plc_sim.logic.coater import MOVING, NEXT, Logic
from plc_sim.models.coater import Model
from plc_sim.plc import Mode
from tests.support.coater_rig import RECIPE, Rig, points


@pytest.fixture
def running():
    return Rig(seed=3).start(300.0)


def standstill(rig):
    return rig.model.line_m_per_s == 0.0 and rig.model.nips.gap_um > 1900.0


def test_from_cold_to_run_on_one_command():
    rig = Rig()
    rig.send(RECIPE)
    rig.write(CMD=Mode.RUN)
    seen = []
    start_s = rig.now_s
    while rig.mode is not Mode.RUN:
        rig.tick()
        if not seen or seen[-1] is not rig.mode:
            seen.append(rig.mode)
        assert rig.now_s - start_s < 2400.0
    assert seen == [Mode.WARMUP, Mode.THREAD, Mode.RUN]
    rig.run(600.0)
    assert rig["COAT.V.LINE"] == pytest.approx(5.0, abs=0.02)
    assert rig["COAT.LOAD.C"] == pytest.approx(30.0, abs=1.5)
    assert rig["COAT.SME"] == pytest.approx(40.0, abs=4.0)
    assert rig["COAT.ENIP"] == pytest.approx(65.0, abs=8.0)
    assert rig["COAT.TENS.FILM"] == pytest.approx(1.5, abs=0.4)
    assert rig["COAT.TENS.FOIL"] == pytest.approx(60.0, abs=3.0)
    assert rig["COAT.FIBIDX"] == pytest.approx(0.6, abs=0.06)
    assert rig["COAT.QLAM"] == pytest.approx(40.0, abs=1.0)
    assert rig.trip == "none"


def test_warm_up_alone_never_moves():
    rig = Rig()
    rig.send(RECIPE)
    rig.write(CMD=Mode.WARMUP)
    rig.run(1500.0)
    assert rig.mode is Mode.WARMUP
    assert abs(rig["COAT.TROLL2.PV"] - 80.0) < 5.0
    assert abs(rig["COAT.TBARREL.PV"] - 60.0) < 5.0
    assert abs(rig["COAT.TLAM.PV"] - 120.0) < 5.0
    assert rig["COAT.METER"] == 0.0
    assert standstill(rig)


def test_threading_waits_for_heat_and_permits():
    rig = Rig()
    rig.send(RECIPE)
    rig.write(CMD=Mode.THREAD)
    rig.run(60.0)
    assert rig.mode is Mode.WARMUP
    rig.warm()
    rig.model.feed_permit = 0.0
    rig.run(5.0)
    assert rig.mode is Mode.WARMUP
    rig.model.feed_permit = 1.0
    rig.run(5.0)
    assert rig.mode is Mode.THREAD


def test_thread_stays_slow_until_run_is_wanted():
    rig = Rig()
    rig.warm()
    rig.send(RECIPE)
    rig.write(CMD=Mode.THREAD)
    rig.run(1000.0)
    assert rig.mode is Mode.THREAD
    assert rig["COAT.V.LINE"] == pytest.approx(0.5, abs=0.01)
    rig.write(CMD=Mode.RUN)
    rig.run(5.0)
    assert rig.mode is Mode.RUN


def test_hold_stops_feed_and_line_opens_rolls_and_keeps_heat(running):
    running.write(CMD=Mode.HOLD)
    running.run(30.0)
    assert running.mode is Mode.HOLD
    assert standstill(running)
    running.run(120.0)
    assert running["COAT.FEED.PV"] < 0.3
    assert running["COAT.SCREW.N"] == 0.0
    assert abs(running["COAT.TROLL1.PV"] - 80.0) < 4.0
    running.write(CMD=Mode.RUN)
    assert running.run_until(lambda r: r.mode is Mode.RUN, 900.0) > 60.0


def test_stop_turns_the_heaters_off(running):
    running.write(CMD=Mode.STOP)
    running.run(300.0)
    assert running.mode is Mode.STOP
    assert running["COAT.PWR"] < 1.0


@pytest.mark.parametrize("attribute", ["emergency_stop", "rolls_permit"])
def test_drives_stop_at_once_and_rolls_open(running, attribute):
    setattr(running.model, attribute, 1.0 - getattr(running.model, attribute))
    assert running.run_until(lambda r: r.model.line_m_per_s == 0.0, 2.0) <= 0.7
    running.run(0.6)
    assert standstill(running)
    assert (
        running.trip
        == {"emergency_stop": "emergency stop", "rolls_permit": "enclosure stop"}[attribute]
    )


def test_a_trip_needs_its_cause_gone_a_reset_and_another_command(running):
    running.model.emergency_stop = 1.0
    running.run(2.0)
    running.write(RESET=1)
    running.run(2.0)
    assert running.mode is Mode.TRIP
    running.model.emergency_stop = 0.0
    running.run(2.0)
    assert running.mode is Mode.TRIP
    running.write(RESET=2)
    running.run(120.0)
    assert running.mode is Mode.HOLD  # RUN is still commanded
    assert running.model.line_m_per_s == 0.0
    running.write(CMD=Mode.HOLD)
    running.run(1.0)
    running.write(CMD=Mode.RUN)
    running.run_until(lambda r: r.mode is Mode.RUN, 1200.0)


def test_web_break_trips_and_a_new_thread_mends_it(running):
    running.model.set_fault("web_break", 1.0)
    running.run(1.5)
    assert running.trip == "web break"
    assert running["COAT.TENS.FILM"] == 0.0
    running.run(10.0)
    running.write(RESET=1, CMD=Mode.HOLD)
    running.run(2.0)
    running.write(CMD=Mode.RUN)
    running.run_until(lambda r: r.mode is Mode.RUN, 1200.0)
    assert not running.model.broken


def test_too_much_tension_tears_the_film(running):
    running.write(TENS_FILM_SP=8.0)
    running.run_until(lambda r: r.trip == "web break", 120.0)
    assert running.model.broken


def test_a_dead_tension_cell_counts_as_a_web_break(running):
    running.rack.set_fault("film_n", InstrumentFault.FAILED, 1.0)
    running.run(1.5)
    assert running.trip == "web break"


def test_a_gap_below_40_um_opens_the_rolls(running):
    running.write(GAP1_SP=32.0)
    running.run_until(lambda r: r.trip == "gap low", 120.0)
    running.run(3.0)
    assert standstill(running)


def test_high_torque_stops_feeder_then_screw():
    rig = Rig(parameters={"mixer_consistency_nm": 0.95}).start(300.0)
    rig.write(SCREW_SP=600)
    rig.run_until(lambda r: r.trip == "torque high", 300.0)
    out = dict(zip(Model.ACTUATORS, rig.logic._out, strict=True))
    assert out["feeder_pct"] == 0.0
    assert rig["COAT.SCREW.N"] > 300.0
    rig.run(15.0)
    assert rig["COAT.SCREW.N"] < 1.0


def test_a_hot_barrel_trips_and_its_heater_goes_off():
    rig = Rig()
    rig.warm()
    rig.send(RECIPE)
    rig.write(CMD=Mode.WARMUP, TBARREL_SP=119.0)
    late_s = rig.run_until(lambda r: r["COAT.TBARREL.PV"] > 110.0, 1500.0)
    assert late_s > 60.0
    assert 28.0 < rig.run_until(lambda r: r.trip == "barrel hot", 60.0) < 35.0
    rig.run(600.0)
    assert rig["COAT.TBARREL.PV"] < 112.0
    assert rig.mode is Mode.TRIP


def test_without_permit_the_feed_stops_and_the_line_holds_until_told(running):
    running.model.feed_permit = 0.0
    running.run(0.7)
    assert running.logic._out[Model.ACTUATORS.index("feeder_pct")] == 0.0
    assert running.mode is Mode.RUN
    running.run(12.0)
    assert running.mode is Mode.HOLD
    running.model.feed_permit = 1.0
    running.run(60.0)
    assert running.mode is Mode.HOLD
    running.write(CMD=Mode.HOLD)
    running.run(1.0)
    running.write(CMD=Mode.RUN)
    running.run(2.0)
    assert running.mode is Mode.THREAD


def test_expired_outputs_hold_the_line(running):
    running.watchdog_fed = False
    running.run(4.0)
    assert running.mode is Mode.HOLD
    running.watchdog_fed = True
    running.run(30.0)
    assert running["COAT.WDOG"] == 0.0
    assert running.mode is Mode.HOLD


def test_buffer_at_its_end_stops_the_line(running):
    running.model.buffer_permit = 0.0
    running.run(1.0)
    assert running.trip == "buffer end"


def test_lamination_presses_only_near_its_temperature(running):
    running.write(TLAM_SP=135.0)
    running.run(10.0)
    assert running["COAT.QLAM"] < 1.0
    running.run_until(lambda r: r["COAT.QLAM"] > 39.0, 900.0)
    assert running["COAT.TLAM.PV"] > 129.0


def test_a_restarted_plc_stops_and_counts_metres_from_zero(running):
    assert running["COAT.METER"] > 10.0
    running.plc.restart()
    running.run(1.0)
    assert running.mode is Mode.STOP
    running.run(10.0)
    assert running["COAT.METER"] < 0.5
    assert running["COAT.BOOT"] == 2.0


def test_motion_is_entered_only_through_warm_up_or_hold():
    into_run = {mode for mode, row in NEXT.items() for to in row.values() if to is Mode.RUN}
    assert into_run == set(MOVING)
    assert all(NEXT[Mode.STOP][c] not in MOVING for c in Mode)
    assert all(NEXT[Mode.TRIP][c] not in MOVING for c in Mode)
    assert all(NEXT[mode][Mode.TRIP] is Mode.TRIP for mode in Mode)


def test_the_io_list_names_the_trips_and_every_copied_tag():
    rows = {p.tag: p for p in points()}
    assert rows["COAT.TRIP"].labels == Logic.TRIPS
    assert set(Logic.COPIES) <= set(rows)
    assert set(Logic.COPIES.values()) <= set(Model.SENSORS)
