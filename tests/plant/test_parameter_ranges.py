"""The enclosure with its PLC and its dew-point loop all over the plausible ranges of its physics.

The designs of grey room and dry room stay as they are: they are the boundary of the comparison
and not an uncertainty of the physics. What they do to a saving is shown by the last test.
"""

from functools import cache
from math import sqrt
from random import Random
from statistics import fmean, pstdev

import pytest

from controller.control.states import State
from controller.core.event import Verb
from plc_sim.models.dry_room import DRY_ROOM_STEP_S, optimised_design
from plc_sim.models.grey_room import GREY_STEP_S, grey_room
from plc_sim.models.parameter import Source
from plc_sim.models.parameters import SECTIONS, numbers
from plc_sim.models.room import Room
from plc_sim.models.surroundings import Scenario
from plc_sim.plant import Plant
from plc_sim.score import rig

DRAWS = 4
SET_POINT = -60.0
PHYSICS = ("rotor", "air handling", "enclosure", "pass box", "sulfide", "rooms")


def latin_hypercube(seed: int, draws: int) -> list[dict[str, float]]:
    """Draws in which each assumed number meets each part of its range once."""
    rng = Random(seed)
    out: list[dict[str, float]] = [{} for _ in range(draws)]
    for row in (row for name in PHYSICS for row in SECTIONS["enclosure"][name]):
        if row.source is not Source.ASSUMED:
            continue
        parts = rng.sample(range(draws), draws)
        for drawn, part in zip(out, parts, strict=True):
            drawn[row.name] = row.low + (part + rng.random()) / draws * (row.high - row.low)
    return out


def sized(drawn: dict[str, float]) -> dict[str, float]:
    """With a make-up damper that passes what leaves, even before the supply fan has run up.

    A damper too small for its fans is an error of design: the PLC trips on low pressure.
    """
    leaves = drawn["supply_design"] * drawn["regeneration_ratio"] + drawn["leak_flow"]
    least = 1.3 * leaves / sqrt(drawn["makeup_booster_share"])
    return drawn | {"makeup_flow_open": max(drawn["makeup_flow_open"], least)}


@cache
def drawn_parameters() -> list[dict[str, float]]:
    return [sized(drawn) for drawn in latin_hypercube(1, DRAWS)]


@pytest.mark.parametrize("draw", range(DRAWS))
def test_loop_is_stable_and_saves_energy_all_over_the_ranges(draw):
    parameters = {"enclosure": drawn_parameters()[draw]}
    line = rig("enclosure", seed=draw, scenario=Scenario(), soaked=False, parameters=parameters)
    for tag, value in (("ENC.SET.DP", SET_POINT), ("ENC.SET.READY", SET_POINT + 2.0)):
        assert line.command("enclosure", Verb.SET, tag, value).accepted
    line.start("enclosure")
    line.until_state("enclosure", State.EXECUTE, 7200.0)
    line.run(1800.0)
    box = line.plant.enclosure
    before = box.truth()
    frost, pressure, fan = [], [], []
    for _ in range(480):
        line.run(5.0)
        frost.append(box.frost_point_degc)
        pressure.append(box.chamber.pressure_pa)
        fan.append(box.unit.fan)
    after = box.truth()
    assert line.stations["enclosure"].procedure.state is State.EXECUTE
    assert pstdev(frost) < 1.5
    assert min(pressure) > 20.0
    assert max(pressure) < 80.0
    off = fmean(frost) - SET_POINT
    assert abs(off) < 1.0 or fmean(fan) > 95.0 or fmean(fan) < 45.0  # else an end of the range
    spent = after["energy_env_kwh"] - before["energy_env_kwh"]
    base = after["energy_base_kwh"] - before["energy_base_kwh"]
    assert 0.1 < 1.0 - spent / base < 0.9
    assert abs(after["water_residual"]) < 1e-9


def test_draws_meet_each_part_of_each_range_once():
    draws = latin_hypercube(3, 5)
    rows = [r for name in PHYSICS for r in SECTIONS["enclosure"][name] if r.name in draws[0]]
    assert len(rows) > 60
    for row in rows:
        parts = sorted(int(5 * (d[row.name] - row.low) / (row.high - row.low)) for d in draws)
        assert parts == [0, 1, 2, 3, 4], row.name


def test_plant_takes_parameters_by_section_and_refuses_unknown_ones():
    plant = Plant(parameters={"film": {"film_width_m": 0.15}, "line": {"lot_m": 50.0}})
    assert plant.coater._p["film_width_m"] == plant.calender._p["film_width_m"] == 0.15
    with pytest.raises(ValueError, match="coater: unknown parameters: no_such"):
        Plant(parameters={"coater": {"no_such": 1.0}})
    with pytest.raises(ValueError, match="no section slitter"):
        Plant(parameters={"slitter": {}})
    with pytest.raises(ValueError, match="no section day"):
        Plant(parameters={"day": {"people": 5.0}})


def test_a_generous_grey_room_beside_a_lean_dry_room_saves_nothing():
    v = numbers("enclosure")
    ends = {r.name: r.high for r in SECTIONS["enclosure"]["grey room"] if r.name != "grey_inlet"}
    grey = grey_room(v | ends)
    lean = Room(optimised_design(v), v, dt_s=DRY_ROOM_STEP_S)
    weather = (20.0, 0.010)
    for room, step_s in ((grey, GREY_STEP_S), (lean, DRY_ROOM_STEP_S)):
        for _ in range(round(7200.0 / step_s)):
            room.step(step_s, 3, weather, 0.010)
    assert lean.power_w < grey.power_w
