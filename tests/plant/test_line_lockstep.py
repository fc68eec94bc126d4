"""The whole line in lockstep: it starts, it repeats itself bit for bit, its stations are apart."""

import hashlib

import numpy as np
import pytest

from controller.control.states import State
from controller.core.event import EventKind, Verb
from controller.core.sample import GOOD, Quality
from plc_sim.lockstep import Lockstep
from plc_sim.plc import Mode
from plc_sim.score import rig

HOUR_S = 3600.0
STATIONS = ("enclosure", "coater", "calender")


def started(seed: int = 1) -> Lockstep:
    line = rig(seed=seed)
    line.start()
    for name in STATIONS:
        line.until_state(name, State.EXECUTE, 2 * HOUR_S)
    return line


@pytest.fixture(scope="module")
def producing() -> Lockstep:
    """A line in production; tests must leave it so."""
    return started()


def test_all_three_come_into_production_within_an_hour(producing):
    assert producing.plant.now_s < HOUR_S
    assert producing.value("COAT.V.LINE") == pytest.approx(5.0, abs=0.1)
    assert producing.value("CAL.V.PV") == pytest.approx(5.0, abs=0.3)
    refused = [e.text for e in producing.log.events if "refused" in e.text]
    assert refused == []
    for name, plc in producing.plcs.items():
        prefix = producing.stations[name].prefix
        assert producing.value(f"{prefix}.REJECTS") == 0.0
        assert producing.value(f"{prefix}.WDOG") == 0.0
        assert plc.trip_code == 0


def hash_of(seed: int) -> str:
    line = rig(seed=seed)
    line.hashing = True
    line.start()
    line.run(600.0)
    return line.sample_hash()


def test_equal_seeds_give_equal_samples_and_others_do_not():
    first = hash_of(1)
    assert hash_of(1) == first
    assert hash_of(2) != first


def enclosure_hash(*, abort: bool) -> tuple[str, State, State]:
    """Ten minutes of production of all stations without the couplings through the air."""
    line = rig()
    line.plant._couple = lambda: None  # heat of the machines is physics, not the controller
    line.start()
    for name in STATIONS:
        line.until_state(name, State.EXECUTE, 2 * HOUR_S)
    region = line.table.region("enclosure")
    digest = hashlib.blake2b()

    def take(now_s: float) -> None:
        columns = slice(region.start, region.stop)
        for column in (line.table.value, line.table.quality, line.table.time_ns):
            digest.update(column[columns].tobytes())

    line.on_scan = take
    line.run(60.0)
    if abort:
        answer = line.command("calender", Verb.ABORT)
        assert answer.accepted
    else:
        line.run(0.1)
    line.run(600.0)
    state = {n: s.procedure.state for n, s in line.stations.items()}
    return digest.hexdigest(), state["enclosure"], state["calender"]


def test_aborting_one_station_does_not_change_one_sample_of_another():
    with_abort, enclosure, calender = enclosure_hash(abort=True)
    without, _, running = enclosure_hash(abort=False)
    assert (enclosure, calender, running) == (State.EXECUTE, State.ABORTED, State.EXECUTE)
    assert with_abort == without


def states(line: Lockstep) -> dict[str, State]:
    return {n: s.procedure.state for n, s in line.stations.items()}


def back_to_production(line: Lockstep, *names: str) -> None:
    for name in names:
        assert line.command(name, Verb.UNHOLD).accepted
    for name in STATIONS:
        line.until_state(name, State.EXECUTE, 2 * HOUR_S)


@pytest.mark.parametrize("fault", ["comm_drop", "stale_values"])
def test_a_lost_link_holds_the_coater_and_nobody_else(producing, fault):
    line = producing
    line.inject("coater", fault, for_s=10.0)
    line.run(5.0)
    assert line.table.sample("COAT.TORQUE").quality >= Quality.BAD
    assert line.table.sample("CAL.THK.C").quality == GOOD
    assert line.value("COAT.STATE") != Mode.STOP  # the number of before stays, to be read
    assert line.plcs["coater"].logic.mode is Mode.HOLD
    line.run(30.0)
    assert line.table.sample("COAT.TORQUE").quality == GOOD
    assert states(line)["coater"] is State.HELD
    assert states(line)["enclosure"] is State.EXECUTE
    assert line.value("COAT.CMD.RB") == Mode.HOLD
    back_to_production(line, "coater")


def test_a_link_lost_for_a_moment_holds_the_machine_as_well(producing):
    line = producing
    line.inject("coater", "comm_drop", for_s=0.5)
    line.run(30.0)
    assert states(line)["coater"] is State.HELD
    assert line.plcs["coater"].logic.mode is Mode.HOLD
    back_to_production(line, "coater")


def test_the_enclosure_dries_on_through_a_lost_link(producing):
    line = producing
    line.inject("enclosure", "comm_drop", for_s=20.0)
    line.run(60.0)
    assert states(line) == dict.fromkeys(STATIONS, State.EXECUTE)
    assert line.plcs["enclosure"].logic.mode is Mode.RUN
    assert line.stations["enclosure"].loops["L1"].pid.in_control


def test_local_and_back_to_remote_is_no_bump(producing):
    line = producing
    line.inject("enclosure", "local_mode", for_s=30.0)
    line.run(20.0)
    image = line.plcs["enclosure"].image
    image.value[image.slot("DHU.FREG.SP")] = 71.0  # by hand
    fan = image.value[image.slot("DHU.FAN.SP")]
    line.run(20.0)
    assert states(line)["enclosure"] is State.EXECUTE
    assert image.value[image.slot("DHU.FREG.SP")] == 71.0
    assert image.value[image.slot("DHU.FAN.SP")] == pytest.approx(fan, abs=3.0)
    texts = [e.text for e in line.log.events if e.kind is EventKind.DEVICE][-2:]
    assert texts == ["station switched to local", "station switched to remote"]
    assert line.command("enclosure", Verb.SET, "DHU.FREG.SP", 60.0).accepted


def test_a_restarted_plc_is_held_until_somebody_says_unhold(producing):
    line = producing
    line.inject("calender", "plc_restart", for_s=1.0)
    assert line.command("coater", Verb.HOLD).accepted  # the buffer takes one minute of web
    line.run(60.0)
    assert states(line)["calender"] is State.HELD
    assert "PLC restarted" in line.stations["calender"].procedure.reason
    assert line.value("CAL.V.PV") == pytest.approx(0.0, abs=0.01)
    assert line.value("CAL.LOAD.SP.RB") == 0.0
    back_to_production(line, "calender", "coater")
    assert line.value("CAL.V.PV") == pytest.approx(5.0, abs=0.5)


def test_a_whole_line_stops_in_order_and_starts_again(producing):
    line = producing
    for name in ("coater", "calender", "enclosure"):
        assert line.command(name, Verb.STOP).accepted
        line.until_state(name, State.STOPPED, 900.0)
    assert np.isfinite(line.table.value).all()
    for name, station in line.stations.items():
        assert line.value(f"{station.prefix}.STATE") == Mode.STOP
        assert "timed out" not in station.procedure.reason
        assert line.command(name, Verb.RESET).accepted
        line.until_state(name, State.IDLE, 60.0)
    line.start()
    for name in STATIONS:
        line.until_state(name, State.EXECUTE, 2 * HOUR_S)
