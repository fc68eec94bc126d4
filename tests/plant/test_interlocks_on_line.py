"""Interlocks of the line, by their faults: what the PLCs do alone, and what the controller adds.

The hard ones are looked at in the physics, not in what a tag says of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from controller.alarms.alarm import NS
from controller.alarms.states import AlarmState, Move
from controller.control.interlock import MAX_BYPASS_NS
from controller.control.states import State
from controller.core.event import Command, EventKind, Verb
from plc_sim.lockstep import Lockstep
from plc_sim.plant import Plant
from plc_sim.score import rig
from tests.support.alarm_causes import Act, acts, clear, give, inject
from tests.support.alarm_life import journal_of
from tests.support.forked import in_fork
from tests.support.warm_lines import warm

Look = Callable[[Plant], float]
LONG_S = 3600.0


def _laminator_cold(line: Lockstep) -> None:
    line.plant.coater.lamination.temp_degc -= 12.0


def _nips_open(line: Lockstep) -> None:
    line.plant.coater.nips.gap_um = 1500.0


def _moist(line: Lockstep) -> None:
    line.plant.enclosure.add_water_g(10.0)


LOOKS: Mapping[str, Look] = {
    "coater speed": lambda p: p.coater.line_m_per_s,
    "coater nip open mm": lambda p: p.coater.nips.gap_um / 1000.0,
    "coater feed": lambda p: p.coater._u[p.coater.ACTUATORS.index("feeder_pct")],
    "lamination load": lambda p: p.coater.lamination.load_n_per_mm,
    "calender speed": lambda p: p.calender.line_m_per_s,
    "calender opening mm": lambda p: p.calender.cylinders.opening_m * 1000.0,
    "heater kW": lambda p: p.enclosure.unit.power_heater_w / 1000.0,
    "supply m3/s": lambda p: p.enclosure.unit.supply_m3_s,
    "exhaust m3/s": lambda p: p.enclosure.unit.exhaust_m3_s,
}


@dataclass(frozen=True, kw_only=True)
class Hard:
    """An interlock of a PLC. stops: what must stand still or be off within so many seconds; opens:
    what must have at least this by then; keeps: what must go on; tags: what the PLC tells."""

    cause: Act
    within_s: float
    stops: tuple[str, ...] = ()
    opens: Mapping[str, float] | None = None
    keeps: tuple[str, ...] = ()
    tags: Mapping[str, float] | None = None


HARD: Mapping[str, Hard] = {
    "guard of the calender": Hard(
        cause=inject("calender", "guard_open"), within_s=0.5, stops=("calender speed",)),
    "rolls of the calender behind the guard": Hard(
        cause=inject("calender", "guard_open"), within_s=2.0, opens={"calender opening mm": 2.0}),
    "emergency stop of the calender": Hard(
        cause=inject("calender", "emergency_stop"), within_s=0.5, stops=("calender speed",),
        keeps=("coater speed",)),
    "emergency stop of the coater": Hard(
        cause=inject("coater", "emergency_stop"), within_s=0.5, stops=("coater speed",)),
    "rolls of the coater behind its emergency stop": Hard(
        cause=inject("coater", "emergency_stop"), within_s=2.0, opens={"coater nip open mm": 2.0}),
    "door of the enclosure": Hard(
        cause=inject("enclosure", "door_open"), within_s=2.0,
        stops=("coater speed", "calender speed"), keeps=("heater kW", "supply m3/s"),
        tags={"ENC.GLOVE.LOCK": 1.0, "ENC.PERMIT": 0.0}),
    "heater without flow": Hard(
        cause=inject("enclosure", "regeneration_fan_slip", 10.0), within_s=8.0,
        stops=("heater kW",), keeps=("supply m3/s",)),
    "heater without rotor": Hard(
        cause=inject("enclosure", "rotor_stopped"), within_s=700.0, stops=("heater kW",),
        keeps=("supply m3/s",)),
    "heater behind its limiter": Hard(
        cause=inject("enclosure", "heater_stuck"), within_s=60.0, stops=("heater kW",),
        keeps=("supply m3/s",)),
    "feed without dry air": Hard(
        cause=_moist, within_s=60.0, stops=("coater feed",), tags={"ENC.PERMIT": 0.0}),
    "feed into a jammed mixer": Hard(
        cause=acts(give("coater", Verb.BYPASS, "torque", 600.0), inject("coater", "mixer_jam", 90)),
        within_s=10.0, stops=("coater feed",)),
    "feed into an open nip": Hard(cause=_nips_open, within_s=0.8, stops=("coater feed",)),
    "lamination with a cold roll": Hard(
        cause=_laminator_cold, within_s=15.0, stops=("lamination load",)),
    "hydrogen sulfide": Hard(
        cause=inject("enclosure", "h2s_release", 5.0), within_s=40.0,
        stops=("coater speed", "calender speed", "coater feed"), opens={"exhaust m3/s": 0.08},
        tags={"ENC.HORN": 1.0, "ENC.EXHAUST": 100.0}),
    "full buffer": Hard(
        cause=inject("calender", "drive_slip", -80.0), within_s=200.0,
        stops=("calender speed", "coater speed")),
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_a_hard_interlock_acts_on_the_machine(name: str) -> None:
    line, it = warm("line"), HARD[name]

    def play() -> dict[str, Any]:
        before = {look: read(line.plant) for look, read in LOOKS.items()}
        it.cause(line)
        least = dict(before)
        most = dict(before)
        begun_s = line.plant.now_s
        while line.plant.now_s - begun_s < it.within_s - 0.01:
            line.run(0.1)
            for look, read in LOOKS.items():
                least[look] = min(least[look], read(line.plant))
                most[look] = max(most[look], read(line.plant))
        after = {look: read(line.plant) for look, read in LOOKS.items()}
        return {"before": before, "after": after, "least": least, "most": most,
                "tags": {tag: line.value(tag) for tag in it.tags or {}}}  # fmt: skip

    told = in_fork(play)
    for look in it.stops:
        assert told["before"][look] > 0.01, f"{look} was off before"
        assert told["least"][look] == pytest.approx(0.0, abs=0.02), look
    for look, wanted in (it.opens or {}).items():
        assert told["before"][look] < wanted
        assert told["most"][look] >= wanted, look
    for look in it.keeps:
        assert told["least"][look] > 0.3 * told["before"][look], look
    assert told["tags"] == dict(it.tags or {})


def test_the_pass_box_opens_its_inner_door_only_dry_and_under_pressure() -> None:
    line = warm("enclosure")

    def play() -> dict[str, Any]:
        around, box = line.plant.surroundings, line.plant.enclosure.box
        seen: dict[str, Any] = {"both": False, "inner": [], "inner_with_door": False}

        def look(_: float) -> None:
            seen["both"] = seen["both"] or (box.outer and box.inner)
            if box.inner:
                seen["inner"].append([line.value("ENC.PB.DP"), line.value("ENC.PRESS.PV")])

        line.on_scan = look
        around.pass_box_requests += 1
        line.run(1500.0)
        passed = len(seen["inner"])
        line.inject("enclosure", "door_open")
        line.run(10.0)
        around.pass_box_requests += 1
        line.run(300.0)
        seen["inner_with_door"] = len(seen["inner"]) > passed
        return seen

    told = in_fork(play)
    assert not told["both"]
    assert told["inner"]
    assert all(dp < -35.0 and pa > 0.0 for dp, pa in told["inner"])
    assert not told["inner_with_door"]


# -- permissives and trips of the controller ------------------------------------------------------

# Station -> what keeps it from starting -> how.
UNMET: Mapping[str, Mapping[str, Act]] = {
    "enclosure": {
        "remote switch": inject("enclosure", "local_mode"),
        "latched PLC trip": inject("enclosure", "nitrogen_leak", 200.0),
        **{f"door {k} open": inject("enclosure", "door_open", float(k)) for k in range(1, 5)},
    },
    "coater": {
        "remote switch": inject("coater", "local_mode"),
        "latched PLC trip": inject("coater", "emergency_stop"),
    },
    "calender": {
        "remote switch": inject("calender", "local_mode"),
        "latched PLC trip": inject("calender", "emergency_stop"),
        "nip guard closed": inject("calender", "guard_open"),
        "emergency stop free": inject("calender", "emergency_stop"),
    },
}
WHEN_S = {"latched PLC trip": 900.0}


@pytest.mark.parametrize(("station", "name"), [(s, n) for s, own in UNMET.items() for n in own])
def test_start_is_refused_with_the_name_and_live_value_of_what_is_not_met(
    station: str, name: str
) -> None:
    line = rig(station)
    desk = line.stations[station].interlock_desk
    assert desk.unmet() == ()
    UNMET[station][name](line)
    line.run_until(lambda: any(name in reason for reason in desk.unmet()), WHEN_S.get(name, 5.0))
    answer = line.command(station, Verb.START)
    assert not answer.accepted
    (reason,) = [r for r in answer.reasons if r.startswith(name)]
    assert "must be" in reason
    (row,) = [r for r in desk.rows() if r["name"] == name]
    assert (row["kind"], row["ok"]) == ("permissive", False)
    assert line.stations[station].procedure.state is State.IDLE


def test_every_permissive_and_trip_of_the_controller_has_a_cause() -> None:
    line = warm("line")
    for name, station in line.stations.items():
        rows = list(station.interlock_desk.rows())
        assert {r["name"] for r in rows if r["kind"] == "permissive"} == set(UNMET[name])
        assert {r["name"] for r in rows if r["kind"] == "trip"} == (
            {"torque"} if name == "coater" else set()
        )


def test_a_torque_that_stays_high_holds_the_coater_before_its_plc_trips() -> None:
    line = warm("coater")

    def play() -> dict[str, Any]:
        station = line.stations["coater"]
        seen = len(line.log.events)
        line.inject("coater", "mixer_jam", 45.0)
        line.until_state("coater", State.HELD, 60.0)
        told = [e.text for e in line.log.events[seen:] if e.kind is EventKind.INTERLOCK]
        refused = line.command("coater", Verb.UNHOLD)
        latched = station.interlock_desk.trips.first_out
        line.plant.faults.clear("coater", "mixer_jam")
        line.run(5.0)
        again = line.command("coater", Verb.UNHOLD)
        return {"told": told, "refused": refused.accepted, "again": again.accepted,
                "trip": line.plcs["coater"].trip_code, "latched": latched,
                "left": station.interlock_desk.trips.first_out}  # fmt: skip

    told = in_fork(play)
    assert "mixer torque" in told["told"][0]
    assert told["trip"] == 0
    assert told["latched"] == "torque"
    assert told["again"]
    assert told["left"] == ""


def bypass(station: str, name: str, for_s: float, reason: str = "the switch is being changed"):
    return Command(id="b", actor="eve", station=station, verb=Verb.BYPASS, target=name,
                   value=for_s, reason=reason)  # fmt: skip


def test_a_bypass_lets_the_station_start_is_alarmed_while_it_lasts_and_ends_by_itself() -> None:
    line = rig("enclosure")
    desk = line.stations["enclosure"].interlock_desk
    board = line.stations["enclosure"].alarm_desk.board
    alarm = board.alarms["ENC.INTERLOCK.BYPASSED.bypassed"]
    line.inject("enclosure", "door_open")
    line.run(3.0)
    assert not line.command("enclosure", Verb.START).accepted
    assert line.give(bypass("enclosure", "door 1 open", 60.0)).accepted
    line.run(0.2)
    assert alarm.state is AlarmState.UNACKNOWLEDGED
    assert desk.unmet() == ()
    line.run(58.0)
    assert desk.unmet() == ()
    line.run(3.0)
    assert alarm.state is AlarmState.RETURNED
    assert len(desk.unmet()) == 1
    events = [e for e in line.log.events if e.kind is EventKind.INTERLOCK]
    assert [e.data["bypassed"] for e in events] == [True, False]
    assert events[0].data["reason"] == "the switch is being changed"
    assert events[0].actor == "eve"
    assert "its time is over" in events[1].text
    moves = [e.move for e in journal_of(line) if e.alarm == alarm.definition.id]
    assert moves == [Move.RAISE, Move.CLEAR]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (bypass("enclosure", "door 1 open", 60.0, reason=" "), "needs a reason"),
        (bypass("enclosure", "door 1 open", MAX_BYPASS_NS / NS + 1.0), "28801 s"),
        (bypass("enclosure", "door 1 open", 0.0), "0 s"),
        (bypass("enclosure", "door 9 open", 60.0), "no interlock 'door 9 open'"),
        (bypass("enclosure", "latched PLC trip", 60.0), "may not be bypassed"),
        (bypass("calender", "nip guard closed", 60.0), "may not be bypassed"),
        (bypass("calender", "emergency stop free", 60.0), "may not be bypassed"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_a_bypass_that_must_not_be_is_refused(command: Command, says: str) -> None:
    line = rig(command.station)
    answer = line.give(command)
    assert not answer.accepted
    assert says in " ".join(answer.reasons)
    assert line.stations[command.station].interlock_desk.bypassed == 0.0


def test_with_its_trip_bypassed_the_plc_is_still_there() -> None:
    line = warm("coater")

    def play() -> list[object]:
        assert line.give(bypass("coater", "torque", 600.0)).accepted
        line.inject("coater", "mixer_jam", 80.0)
        line.run(4.0)
        held = line.stations["coater"].procedure.state.name
        line.run(4.0)
        return [held, line.plcs["coater"].logic.TRIPS[line.plcs["coater"].trip_code]]

    assert in_fork(play) == ["EXECUTE", "torque high"]


def test_a_trip_stays_until_it_is_reset_with_its_cause_gone() -> None:
    line = warm("calender")

    def play() -> list[bool]:
        line.inject("calender", "emergency_stop")
        line.until_state("calender", State.ABORTED, 10.0)
        line.command("calender", Verb.RESET)
        line.run(15.0)
        with_cause = line.plcs["calender"].trip_code != 0
        clear("calender", "emergency_stop")(line)
        line.run(5.0)
        without_reset = line.plcs["calender"].trip_code != 0
        while line.stations["calender"].procedure.state is not State.IDLE:
            line.command("calender", Verb.RESET)
            line.run(1.0)
        return [with_cause, without_reset, line.plcs["calender"].trip_code != 0]

    assert in_fork(play) == [True, True, False]
