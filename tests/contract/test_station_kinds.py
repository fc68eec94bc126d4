"""Every station kind in the folder keeps the contract: it fits its model, its PLC program, its
instruments and its rows of the I/O list, and brings itself up and down."""

import importlib

import pytest

from controller.config import LineConfig, StationConfig, installed_modules, load_line
from controller.control.states import TABLE, State
from controller.core.event import Verb
from controller.core.point import Access
from controller.core.tag import Kind
from controller.line import build_station, station_kind, tag_table
from controller.stations.common import Mode as WantedMode
from plc_sim.faults import FAULTS, Where
from plc_sim.lockstep import EventList, Lockstep
from plc_sim.models.surroundings import STEADY
from plc_sim.plc import Mode
from plc_sim.score import SHIPPED_LINE, rig

LINE: LineConfig = load_line(SHIPPED_LINE)
KINDS = installed_modules().kinds
PLC_TAGS = ("HEART", "BOOT", "MAP", "STATE", "TRIP", "REMOTE", "WDOG", "REJECTS", "SEQ")
HOUR_S = 3600.0


def config_of(kind: str) -> StationConfig:
    return next(s for s in LINE.stations if s.kind == kind)


def part(package: str, kind: str):
    return importlib.import_module(f"plc_sim.{package}.{kind}")


def built(kind: str):
    return build_station(config_of(kind), tag_table(LINE), EventList())


def test_the_shipped_line_has_every_kind():
    assert {s.kind for s in LINE.stations} == set(KINDS)
    assert set(KINDS) >= {"coater", "calender", "enclosure"}


def test_all_tags_of_the_line_are_unique():
    names = [t.name for t in tag_table(LINE).tags]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS)
def test_sensors_actuators_and_instruments_agree_in_order(kind):
    model, logic, field = part("models", kind).Model, part("logic", kind).Logic, part("field", kind)
    assert logic.SENSORS == model.SENSORS
    assert logic.ACTUATORS == model.ACTUATORS
    assert tuple(i.sensor for i in field.INSTRUMENTS) == model.SENSORS
    assert len(set(model.SENSORS)) == len(model.SENSORS)
    assert len(set(model.ACTUATORS)) == len(model.ACTUATORS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_plc_finds_its_tags_in_the_io_list(kind):
    config, logic = config_of(kind), part("logic", kind).Logic
    points = {p.tag: p for p in config.points}
    for name in PLC_TAGS:
        assert points[f"{config.prefix}.{name}"].access is Access.READ
    for name in ("CMD", "RESET"):
        assert points[f"{config.prefix}.{name}"].access is Access.WRITE
    assert set(logic.COPIES) <= set(points)
    assert all(points[tag].access is Access.READ for tag in logic.COPIES)
    assert set(logic.COPIES.values()) <= set(logic.SENSORS)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_have_the_same_texts_on_both_sides(kind):
    config, logic = config_of(kind), part("logic", kind).Logic
    points = {p.tag: p for p in config.points}
    trip = points[f"{config.prefix}.TRIP"]
    assert trip.labels == logic.TRIPS
    assert trip.high == len(logic.TRIPS) - 1
    names = tuple(m.name.lower().replace("warmup", "warm-up") for m in Mode)
    assert points[f"{config.prefix}.STATE"].labels == names
    assert points[f"{config.prefix}.CMD"].labels == names[: Mode.TRIP]
    assert {m.name: m.value for m in WantedMode} == {m.name: m.value for m in Mode}


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_of_the_table_has_somebody_who_plays_it(kind):
    config, field = config_of(kind), part("field", kind)
    mine = [f for f in FAULTS if f.station == config.name]
    assert mine
    instrument = {f.name for f in mine if f.where is Where.INSTRUMENT}
    assert instrument == set(field.FAULTS)
    assert {sensor for sensor, _ in field.FAULTS.values()} <= {i.sensor for i in field.INSTRUMENTS}
    plant = rig(config.name).plant
    for fault in mine:
        if fault.where is Where.MODEL:
            plant.sites[config.name].model.set_fault(fault.name, fault.level)
            plant.sites[config.name].model.set_fault(fault.name, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_loop_may_ask_for_the_plc_takes(kind):
    station = built(kind)
    points = {p.tag: p for p in config_of(kind).points}
    assert station.loops
    for key, loop in station.loops.items():
        c = loop.pid.config
        assert loop.name == f"{station.prefix}.{key}"
        assert loop.pv in station.offset
        assert loop.wanted in c.modes
        if loop.out:
            assert points[loop.out].access is Access.WRITE
            assert points[loop.out].low <= c.out_low < c.out_high <= points[loop.out].high
            assert points[loop.out].unit == c.out_unit
        if loop.pv in points:
            assert points[loop.pv].unit == c.pv_unit
    outs = [loop.out for loop in station.loops.values() if loop.out]
    assert len(set(outs)) == len(outs)  # one writer a tag


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_names_exists(kind):
    station = built(kind)
    for key, (default, low, high, _, text) in station.SETTINGS.items():
        assert low <= default <= high, key
        assert text
    board = station.alarm_desk.board
    assert board.missing == ()
    limited = [a for a in board.alarms.values() if a.armed and a.definition.level]
    assert len(limited) > 10
    for alarm in limited:
        tag = station.tag_at(station.at(alarm.definition.tag))
        inside = tag.low <= alarm.limit <= tag.high
        assert inside or alarm.definition.reference, alarm.definition.id
    for tag in station.COMPUTED:
        assert station.at(tag) in station.writable
    for tag in station.FOREIGN:
        assert tag in station.table
        assert station.table.tags[station.table.index(tag)].station != station.name


@pytest.mark.parametrize("kind", KINDS)
def test_no_setting_leads_a_step_to_a_set_point_the_plc_refuses(kind):
    points = config_of(kind).points
    cls = station_kind(config_of(kind).kind)
    for key, (_, low, high, *_rest) in cls.SETTINGS.items():
        for value in (low, high):
            station = built(kind)
            station.takeover.adopted = True
            for point in points:
                if point.access is Access.WRITE:
                    station.v[station.at(point.tag)] = point.default
            station.v[station.settings[key]] = value
            for steps in station.procedure._steps.values():
                for step in steps:
                    step.enter()
                    assert all(c.unmet() for c in step.until)
            for k, point in station.writable.items():
                assert point.low <= station.v[k] <= point.high, f"{key} = {value}: {point.tag}"
                assert point.kind is Kind.REAL or station.v[k] == int(station.v[k]), point.tag
            loop_outs = {lp.out: lp for lp in station.loops.values() if lp.out}
            for tag, loop in loop_outs.items():
                assert station.v[station.at(tag)] == loop.pid.out


@pytest.mark.parametrize("kind", KINDS)
def test_every_acting_state_has_steps(kind):
    station = built(kind)
    for state in State:
        acts = TABLE[state].done is not None and state is not State.EXECUTE
        assert bool(station.procedure._steps[state]) is acts, state.name


def alone(kind: str) -> Lockstep:
    """A kind by itself, with what its neighbours would provide."""
    line = rig(config_of(kind).name, scenario=STEADY)
    if kind == "coater":
        line.plant.coater.feed_permit = 1.0
    if kind == "calender":
        answer = line.command("calender", Verb.SET, "CAL.SET.ALONE", 1.0)
        assert answer.accepted
    return line


@pytest.fixture(scope="module", params=KINDS)
def running(request):
    """Name and line of a kind in EXECUTE."""
    kind = request.param
    line = alone(kind)
    name = config_of(kind).name
    assert line.stations[name].procedure.state is State.IDLE
    line.start(name)
    line.until_state(name, State.EXECUTE, 5 * HOUR_S)
    return name, line


def states_since(line, name, count):
    return [e.data["new"] for e in line.log.events[count:] if e.kind == "state"]


def command(line, name, verb):
    answer = line.command(name, verb)
    assert answer.accepted, answer.reasons


def plc_mode(line, name):
    return line.value(f"{line.stations[name].prefix}.STATE")


def test_a_kind_alone_comes_into_production(running):
    name, line = running
    line.run(60.0)
    assert line.stations[name].procedure.state is State.EXECUTE
    assert plc_mode(line, name) == Mode.RUN
    assert all(loop.active for loop in line.stations[name].loops.values())


def test_a_kind_alone_is_held_and_continues(running):
    name, line = running
    line.until_state(name, State.EXECUTE, HOUR_S)
    seen = len(line.log.events)
    command(line, name, Verb.HOLD)
    line.until_state(name, State.HELD, 120.0)
    line.run(30.0)
    command(line, name, Verb.UNHOLD)
    line.until_state(name, State.EXECUTE, 2 * HOUR_S)
    expected = ["HOLDING", "HELD", "UNHOLDING", "EXECUTE"]
    assert states_since(line, name, seen) == expected
    assert plc_mode(line, name) == Mode.RUN


def test_a_kind_alone_is_paused_and_resumes(running):
    name, line = running
    line.until_state(name, State.EXECUTE, HOUR_S)
    seen = len(line.log.events)
    command(line, name, Verb.PAUSE)
    line.until_state(name, State.PAUSED, 120.0)
    command(line, name, Verb.RESUME)
    line.until_state(name, State.EXECUTE, 2 * HOUR_S)
    assert states_since(line, name, seen) == ["PAUSING", "PAUSED", "RESUMING", "EXECUTE"]
    assert plc_mode(line, name) == Mode.RUN


def test_a_kind_alone_aborts_by_a_trip_and_resets(running):
    name, line = running
    line.until_state(name, State.EXECUTE, HOUR_S)
    line.plcs[name].trip_code = 1
    line.until_state(name, State.ABORTED, 60.0)
    text = line.plcs[name].logic.TRIPS[1]
    assert line.stations[name].procedure.reason == f"PLC tripped: {text}"
    line.run(120.0)  # until what the trip itself disturbed has come to rest
    command(line, name, Verb.RESET)
    line.until_state(name, State.IDLE, 600.0)
    assert plc_mode(line, name) == Mode.STOP
    assert line.value(f"{line.stations[name].prefix}.TRIP") == 0.0


def test_a_kind_alone_starts_again_and_stops(running):
    name, line = running
    line.until_state(name, State.IDLE, 10.0)
    line.start(name)
    line.until_state(name, State.EXECUTE, 5 * HOUR_S)
    command(line, name, Verb.STOP)
    line.until_state(name, State.STOPPED, 900.0)
    assert "timed out" not in line.stations[name].procedure.reason
    assert plc_mode(line, name) == Mode.STOP
    command(line, name, Verb.RESET)
    line.until_state(name, State.IDLE, 60.0)


def test_a_kind_alone_completes(running):
    name, line = running
    line.until_state(name, State.IDLE, 10.0)
    line.start(name)
    line.until_state(name, State.EXECUTE, 5 * HOUR_S)
    command(line, name, Verb.COMPLETE)
    line.until_state(name, State.COMPLETED, 900.0)
    assert plc_mode(line, name) == Mode.STOP
