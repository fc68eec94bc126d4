"""Every interlock of the simulated PLCs trips without Dryline: nothing of the controller runs here.

What a controller would send is replaced by an operator's hand that has set the machine going; with
Dryline gone even that ends. Readings are bent on the wires, the physics goes on.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from plc_sim.instruments import Status
from plc_sim.logic import calender, coater, enclosure, enclosure_trips
from plc_sim.logic.pass_box import OUTPUTS
from plc_sim.plc import Mode
from tests.support import calender_rig, coater_rig, enclosure_rig

Rig = Any
FAILED = int(Status.FAILED)
HEATER_TRIPS = (
    "regeneration hot", "no regeneration flow", "rotor stopped", "air hot", "heater limiter",
)  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """readings: what the wires show from now on; failed: instruments that say so of themselves.

    within_s: the trip must have come; safe: outputs that must then be reached within settle_s.
    """

    station: str
    trip: str
    within_s: float
    safe: Mapping[str, float]
    readings: Mapping[str, float] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    settle_s: float = 1.0

    def __str__(self) -> str:
        how = "_".join([*self.readings, *(f"{name}_failed" for name in self.failed)])
        return f"{self.station}-{self.trip}-{how}".replace(" ", "_")


NO_HEAT = {"heater_pct": 0.0}
TOXIC = {
    "exhaust_pct": 100.0,
    "rolls_permit": 0.0,
    "feed_permit": 0.0,
    "horn": 1.0,
    "glove_lock": 1.0,
}
LOW = {"makeup_damper_pct": 100.0, "glove_lock": 1.0, "feed_permit": 0.0}
LOCKED = {"glove_lock": 1.0}
RELIEF = {"relief_open": 1.0, "makeup_damper_pct": 0.0}
ROLLS = {"v": 0.0, "open": 1.0, "load_ds": 0.0, "load_os": 0.0, "enable": 0.0}
LINE = {
    "line_m_per_min": 0.0, "feeder_pct": 0.0, "nip_open": 1.0, "brake": 1.0, "screw_rpm": 0.0,
    "lamination_n_per_mm": 0.0,
}  # fmt: skip
SCREW_S = 30.0  # it runs on for 3 s to empty itself, then ramps down


def _enclosure(trip: str, within_s: float, safe: Mapping[str, float], **r: float) -> Cause:
    return Cause("enclosure", trip, within_s, safe, r, settle_s=2.0)


def _calender(trip: str, within_s: float, **r: float) -> Cause:
    return Cause("calender", trip, within_s, ROLLS, r, settle_s=0.5)


def _coater(trip: str, within_s: float, **r: float) -> Cause:
    return Cause("coater", trip, within_s, LINE, r, settle_s=SCREW_S)


CAUSES = (
    _enclosure("pressure low", 3.0, LOW, pressure_pa=2.0),
    _enclosure("pressure high", 3.0, RELIEF, pressure_pa=180.0),
    _enclosure("hydrogen sulfide", 0.2, TOXIC, h2s_ppm=12.0),
    _enclosure("oxygen low", 1.0, TOXIC, oxygen_pct=17.0),
    _enclosure("regeneration hot", 11.0, NO_HEAT, regeneration_degc=210.0),
    _enclosure("no regeneration flow", 6.0, NO_HEAT, regeneration_flow_pct=10.0, pressure_pa=40.0),
    _enclosure("rotor stopped", 700.0, NO_HEAT, rotor_pulses=1.0),
    _enclosure("air hot", 61.0, NO_HEAT, temp_degc=33.0),
    _enclosure("heater limiter", 1.0, NO_HEAT, limiter_ok=0.0),
    Cause("enclosure", "hydrogen sulfide", 0.2, TOXIC, failed=("h2s_ppm",), settle_s=2.0),
    Cause("enclosure", "oxygen low", 1.0, TOXIC, failed=("oxygen_pct",), settle_s=2.0),
    Cause("enclosure", "pressure low", 3.0, LOCKED, failed=("pressure_pa",), settle_s=2.0),
    Cause("enclosure", "regeneration hot", 11.0, NO_HEAT, failed=("regeneration_degc",)),
    _calender("line load high", 1.2, load_ds=1300.0, load_os=1300.0),
    _calender("load difference", 2.2, load_ds=700.0, load_os=500.0),
    _calender("web break", 0.7, tens_in=1.0),
    _calender("web break", 0.7, tens_out=1.0),
    _calender("nip guard", 0.2, guard=0.0),
    _calender("emergency stop", 0.2, estop=0.0),
    _calender("roll hot", 61.0, troll_u=155.0),
    _calender("roll hot", 61.0, troll_l=155.0),
    _calender("enclosure permit", 0.2, permit=0.0),
    _calender("buffer end", 2.2, buffer=2.0),
    _calender("buffer end", 2.2, buffer=97.0),
    Cause("calender", "load difference", 2.2, ROLLS, failed=("load_ds",)),
    Cause("calender", "load difference", 2.2, ROLLS, failed=("load_os",)),
    _coater("torque high", 5.2, torque_pct=97.0),
    _coater("gap low", 1.2, gap_um=35.0),
    _coater("web break", 0.7, film_present=0.0),
    _coater("web break", 0.7, film_n=0.1),
    _coater("web break", 0.7, film_n=8.0),
    _coater("barrel hot", 31.0, barrel_degc=112.0),
    _coater("enclosure stop", 0.2, rolls_permit=0.0),
    _coater("emergency stop", 0.2, emergency_stop=1.0),
    _coater("buffer end", 0.2, buffer_permit=0.0),
    Cause("coater", "torque high", 5.2, LINE, failed=("torque_pct",), settle_s=SCREW_S),
    Cause("coater", "gap low", 1.2, LINE, failed=("gap_um",), settle_s=SCREW_S),
    Cause("coater", "web break", 0.7, LINE, failed=("film_n",), settle_s=SCREW_S),
)  # fmt: skip


class Alone:
    """One station in production on its own. `bend` changes what its PLC reads from now on."""

    def __init__(self, station: str) -> None:
        self.station = station
        self.rig: Rig = _RIGS[station]()
        self.plc = self.rig.plc
        self._readings: dict[int, float] = {}
        self._failed: set[int] = set()
        self.out: list[float] = []
        self._scan = self.plc.scan
        self.plc.scan = self._bent
        self.go(2.0)
        assert (self.rig.mode, self.rig.trip) == (Mode.RUN, "none")

    def _bent(self, link_s: float, now_s: float, s: list[float], status: list[int]) -> list[float]:
        s, status = list(s), list(status)
        for k, value in self._readings.items():
            s[k] = value
        for k in self._failed:
            status[k] = FAILED
        self.out = list(self._scan(link_s, now_s, s, status))
        return self.out

    def bend(self, readings: Mapping[str, float], failed: tuple[str, ...] = ()) -> None:
        place = self.plc.logic.SENSORS.index
        self._readings = {place(name): value for name, value in readings.items()}
        self._failed = {place(name) for name in failed}

    def remove_dryline(self) -> None:
        """Not one ticket more."""
        for name in ("connected", "watchdog_fed"):
            if hasattr(self.rig, name):
                setattr(self.rig, name, False)

    def go(self, seconds: float) -> None:
        self.rig.run(seconds)

    def until(self, done: Callable[[], bool], within_s: float) -> float:
        start = self.rig.now_s
        while not done() and self.rig.now_s - start <= within_s:
            self.go(0.1)
        return self.rig.now_s - start

    def outputs(self, names: Mapping[str, float]) -> dict[str, float]:
        place = self.plc.logic.ACTUATORS.index
        return {name: self.out[place(name)] for name in names}

    @property
    def expired(self) -> bool:
        return self.rig.plc.image.value[self.plc._wdog] > 0.5


def _produce_enclosure() -> Rig:
    rig = enclosure_rig.Rig(start_frost_point_degc=-65.0)
    rig.start(enclosure_rig.FULL)
    rig.until(lambda: rig.mode is Mode.RUN, 1000.0)
    rig.run(60.0)
    return rig


def _produce_calender() -> Rig:
    rig = calender_rig.Rig(roll_degc=80.0, noise=False)
    rig.coater = lambda _: 0.30
    rig.set(CMD=Mode.RUN, TROLL_SP=80.0, LOAD_SP=600.0, V_SP=5.0)
    rig.until(lambda: rig.mode is Mode.RUN, 1000.0)
    rig.run(60.0)
    return rig


def _produce_coater() -> Rig:
    return coater_rig.Rig().start(settle_s=30.0)


_RIGS: Mapping[str, Callable[[], Rig]] = {
    "enclosure": _produce_enclosure,
    "calender": _produce_calender,
    "coater": _produce_coater,
}


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_every_cause_trips_latches_and_makes_the_machine_safe(cause: Cause) -> None:
    alone = Alone(cause.station)
    alone.bend(cause.readings, cause.failed)
    took_s = alone.until(lambda: alone.rig.trip != "none", cause.within_s)
    assert alone.rig.trip == cause.trip, f"after {took_s:.1f} s"
    alone.until(lambda: alone.outputs(cause.safe) == cause.safe, cause.settle_s)
    assert alone.outputs(cause.safe) == pytest.approx(cause.safe)
    alone.bend({})
    alone.go(5.0)
    assert alone.rig.trip == cause.trip  # the cause is gone, the trip stays until it is reset
    assert alone.rig.mode is Mode.TRIP


@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_with_dryline_removed_the_machine_is_safe_all_the_same(cause: Cause) -> None:
    """The cause comes as Dryline goes: it trips, or the outputs expire and the machine stops."""
    alone = Alone(cause.station)
    alone.remove_dryline()
    alone.bend(cause.readings, cause.failed)
    alone.go(cause.within_s + 3.0 + SCREW_S)
    assert alone.expired
    if cause.station == "enclosure":  # it goes on drying when expired: every cause must trip
        assert alone.rig.trip == cause.trip
        assert alone.outputs(cause.safe) == pytest.approx(cause.safe)
        return
    assert alone.rig.mode in (Mode.TRIP, Mode.HOLD)
    still = (
        {"v": 0.0} if cause.station == "calender" else {"line_m_per_min": 0.0, "feeder_pct": 0.0}
    )
    assert alone.outputs(still) == still
    opened = "open" if cause.station == "calender" else "nip_open"
    assert alone.outputs({opened: 1.0}) == {opened: 1.0}


def test_no_trip_of_any_plc_is_left_out() -> None:
    covered = {(c.station, c.trip) for c in CAUSES}
    logics = {"enclosure": enclosure, "calender": calender, "coater": coater}
    every = {(name, trip) for name, m in logics.items() for trip in m.Logic.TRIPS if trip != "none"}
    assert covered == every
    assert {enclosure_trips.TEXTS.index(t) for t in HEATER_TRIPS} == {
        k for k in range(1, 10) if enclosure_trips.HEATER_OFF >> k & 1
    }


@pytest.mark.parametrize("station", list(_RIGS))
def test_outputs_that_nobody_renews_expire_within_two_seconds(station: str) -> None:
    alone = Alone(station)
    alone.remove_dryline()
    alone.until(lambda: alone.expired, 5.0)
    assert alone.expired
    took_s = alone.until(lambda: alone.rig.mode is not Mode.RUN, 0.5)
    assert took_s <= 0.5
    assert alone.rig.mode is Mode.HOLD


@pytest.mark.parametrize(
    ("readings", "outputs", "within_s"),
    [
        ({"dp_zone_degc": -45.0}, {"feed_permit": 0.0}, 25.0),  # too moist to feed powder
        ({"door_mask": 1.0}, {"rolls_permit": 0.0, "glove_lock": 1.0, "feed_permit": 0.0}, 1.5),
        ({"h2s_ppm": 6.0}, {"exhaust_pct": 100.0, "horn": 1.0, "feed_permit": 0.0}, 1.5),
    ],
)
def test_the_enclosure_takes_its_permits_back_by_itself(
    readings: dict[str, float], outputs: dict[str, float], within_s: float
) -> None:
    alone = Alone("enclosure")
    permits = {"feed_permit": 1.0, "rolls_permit": 1.0}
    alone.until(lambda: alone.outputs(permits) == permits, 300.0)
    assert alone.outputs(permits) == permits
    alone.remove_dryline()
    alone.bend(readings)
    alone.go(within_s)
    assert alone.outputs(outputs) == outputs


@pytest.mark.parametrize(
    "reading", [{"feed_permit": 0.0}, {"nip_closed": 0.0}, {"screw_rpm": 0.0}], ids=str
)
def test_powder_is_fed_only_into_a_turning_closed_and_permitted_machine(
    reading: dict[str, float],
) -> None:
    alone = Alone("coater")
    assert alone.outputs({"feeder_pct": 0.0})["feeder_pct"] > 0.0
    alone.bend(reading)
    alone.go(1.1)
    assert alone.outputs({"feeder_pct": 0.0}) == {"feeder_pct": 0.0}


def test_lamination_needs_its_temperature() -> None:
    alone = Alone("coater")
    assert alone.outputs({"lamination_n_per_mm": 0.0})["lamination_n_per_mm"] > 0.0
    alone.bend({"lamination_degc": 110.0})
    alone.go(0.3)
    assert alone.outputs({"lamination_n_per_mm": 0.0}) == {"lamination_n_per_mm": 0.0}


def test_a_hot_machine_is_heated_no_further_and_a_hot_heater_is_cooled() -> None:
    alone = Alone("coater")
    alone.bend({"barrel_degc": 112.0})
    alone.go(32.0)
    assert alone.rig.trip == "barrel hot"
    assert alone.outputs({"barrel_pct": 0.0})["barrel_pct"] <= 0.0
    alone = Alone("calender")
    alone.bend({"troll_u": 155.0})
    alone.go(2.0)  # long before it trips
    assert alone.outputs({"heater": 0.0}) == {"heater": 0.0}
    alone = Alone("enclosure")
    alone.bend({"regeneration_degc": 210.0})
    alone.go(60.0)
    assert alone.rig.trip == "regeneration hot"
    assert alone.outputs({"fan_pct": 0.0})["fan_pct"] >= 40.0


def test_the_feeder_stops_before_the_screw_of_a_jammed_mixer() -> None:
    alone = Alone("coater")
    alone.bend({"torque_pct": 97.0})
    alone.until(lambda: alone.rig.trip != "none", 5.5)
    alone.go(0.6)
    now = alone.outputs({"feeder_pct": 0.0, "screw_rpm": 0.0})
    assert now["feeder_pct"] == 0.0
    assert now["screw_rpm"] > 50.0


def test_a_wet_enclosure_holds_its_lot_and_an_open_door_leaves_the_heater_on() -> None:
    alone = Alone("enclosure")
    alone.bend({"dp_zone_degc": -66.0})
    alone.go(5.0)
    assert alone.rig.tag("ENC.LOT.HOLD") == 0.0
    alone.bend({"dp_zone_degc": -59.0, "door_mask": 1.0})
    alone.go(25.0)
    assert alone.rig.tag("ENC.LOT.HOLD") == 1.0
    assert alone.outputs({"rolls_permit": 0.0, "glove_lock": 1.0}) == {
        "rolls_permit": 0.0, "glove_lock": 1.0,
    }  # fmt: skip
    assert alone.outputs({"heater_pct": 0.0})["heater_pct"] > 0.0


@pytest.mark.parametrize(
    ("readings", "failed", "opens"),
    [
        ({"pass_box_dp_degc": -46.0}, (), True),
        ({"pass_box_dp_degc": -34.0}, (), False),  # though -20 is asked for
        ({"pass_box_dp_degc": -46.0, "pressure_pa": 4.0}, (), False),
        ({"pass_box_dp_degc": -46.0}, ("pass_box_dp_degc",), False),
    ],
)
def test_the_inner_door_opens_only_to_a_dry_box_under_pressure(
    readings: dict[str, float], failed: tuple[str, ...], opens: bool
) -> None:
    alone = Alone("enclosure")
    alone.rig.set({"ENC.PB.SP": -20.0})
    asked = {"pass_box_requests": 1.0}
    alone.bend({"pass_box_requests": 0.0})
    alone.go(2.0)
    alone.bend(asked)
    alone.go(30.0)  # the outer door has been open and the box is being purged
    alone.bend(asked | readings, failed)
    inner = [alone.outputs({"pass_box_inner": 0.0})["pass_box_inner"] for _ in _each(alone, 60)]
    assert any(inner) is opens


def _each(alone: Alone, seconds: int) -> Iterator[int]:
    for k in range(seconds):
        alone.go(1.0)
        yield k


def test_no_state_of_the_pass_box_opens_both_doors() -> None:
    assert all(not (outer and inner) for outer, inner, _ in OUTPUTS.values())


def test_nothing_of_the_controller_is_needed_for_it() -> None:
    """A process that has only the PLC programs in it has no station, block, loop or driver."""
    code = (
        "import sys, plc_sim.plc, plc_sim.logic.enclosure, plc_sim.logic.coater, "
        "plc_sim.logic.calender; "
        "print([m for m in sys.modules if m.startswith('controller.') "
        "and m.split('.')[1] not in ('core', 'clock')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
