"""Causes of the alarms that every station has: its link, its PLC, its bypasses."""

from collections.abc import Iterator

from controller.core.event import Verb
from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import Act, Cause, How, clear, fault, give, inject

PREFIX = {"enclosure": "ENC", "coater": "COAT", "calender": "CAL"}
# A fault that trips the PLC and ends at once, its level, and the text of the trip.
TRIPS = {
    "enclosure": ("regeneration_fan_slip", 20.0, "no regeneration flow"),
    "coater": ("emergency_stop", 1.0, "emergency stop"),
    "calender": ("web_break", 1.0, "web break"),
}
# What may be bypassed; everything that the calender requires its PLC would refuse all the same.
BYPASSABLE = {"enclosure": "door 1 open", "coater": "torque"}


def _break(station: str) -> Act:
    """Its loops divide by nought; the shell around the scan does what it always does."""

    def act(line: Lockstep) -> None:
        s = line.stations[station]
        whole, s.control = s.scan, lambda now_s: 1 / 0

        def scan(now_s: float, utc_ns: int) -> None:
            try:
                whole(now_s, utc_ns)
            except ZeroDivisionError as error:
                s.fault(error, utc_ns)
            else:
                if s.faulted:
                    s.mend()

        s.scan = scan

    return act


def _mend(station: str) -> Act:
    def act(line: Lockstep) -> None:
        del line.stations[station].control  # that of its kind again

    return act


def _of(station: str) -> Iterator[Cause]:
    p = PREFIX[station]
    yield fault("lost link", station, "comm_drop", how=How.PLC,
                alarms=(f"{p}.LINK.AGE.hi", f"{p}.LINK.AGE.hihi"))  # fmt: skip
    yield fault("frozen PLC", station, "stale_values", how=How.PLC,
                alarms=(f"{p}.LINK.AGE.hi", f"{p}.LINK.AGE.hihi"))  # fmt: skip
    yield fault("local switch", station, "local_mode", how=How.PLC, alarms=(f"{p}.WDOG.expired",))
    yield Cause(
        key="mistake of the program", station=station, warm=station, how=How.PROGRAM,
        alarms=(f"{p}.SCAN.FAULTED.faulted",), begin=_break(station), end=_mend(station),
    )  # fmt: skip
    name, level, trip = TRIPS[station]
    yield fault("tripped PLC", station, name, level, alarms=(f"{p}.TRIP.tripped",), trip=trip,
                goes_with_reset=True)  # fmt: skip
    if station in BYPASSABLE:
        target = BYPASSABLE[station]
        yield Cause(
            key="bypass", station=station, warm=station, how=How.PERSON,
            alarms=(f"{p}.INTERLOCK.BYPASSED.bypassed",),
            begin=give(station, Verb.BYPASS, target, 600.0),
            end=give(station, Verb.UNBYPASS, target),
        )  # fmt: skip


def _web_cut_out(line: Lockstep) -> None:
    line.plant.web.pop(4.0)


# Trips that come from a neighbour, by wire.
_FROM_BESIDE = (
    Cause(key="door of the enclosure", station="coater", warm="line", trip="enclosure stop",
          alarms=("COAT.TRIP.tripped",), begin=inject("enclosure", "door_open"),
          end=clear("enclosure", "door_open"), goes_with_reset=True),
    Cause(key="door of the enclosure", station="calender", warm="line", trip="enclosure permit",
          alarms=("CAL.TRIP.tripped",), begin=inject("enclosure", "door_open"),
          end=clear("enclosure", "door_open"), goes_with_reset=True),
    Cause(key="calender far too slow", station="coater", warm="line", trip="buffer end",
          alarms=("COAT.TRIP.tripped",), begin=inject("calender", "drive_slip", -60.0),
          end=clear("calender", "drive_slip"), repair=_web_cut_out, goes_with_reset=True),
)  # fmt: skip
CAUSES: tuple[Cause, ...] = (
    *(cause for station in PREFIX for cause in _of(station)), *_FROM_BESIDE,
)  # fmt: skip
