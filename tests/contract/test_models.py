"""Every model of the physics keeps the contract of plc_sim.plant.Model."""

import importlib
from math import isfinite
from pathlib import Path
from random import Random

import pytest

import plc_sim.models
from plc_sim.models.surroundings import Surroundings
from plc_sim.models.web import Web
from plc_sim.plant import TICK_S, Plant
from tests.support.calender_rig import film


def kinds():
    """Modules of the folder that hold a Model."""
    folder = Path(plc_sim.models.__file__).parent
    return sorted(
        path.stem for path in folder.glob("*.py") if "\nclass Model" in path.read_text("utf-8")
    )


def fresh(kind, seed=1):
    model = importlib.import_module(f"plc_sim.models.{kind}").Model
    if kind == "enclosure":
        return model(seed=seed, soaked=True, surroundings=Surroundings(seed))
    if kind == "calender":
        web = Web()
        web.push(film(100.0))
        found = model(web, seed=seed)
        found.rolls_permit = True  # from the enclosure
        return found
    return model(seed=seed)


def run(model, commands, steps):
    """Sensor values of every step while the actuators jump about."""
    dice = Random(commands)
    seen = []
    values = [0.0] * len(model.ACTUATORS)
    for k in range(steps):
        if k % 20 == 0:
            values = [dice.choice((0.0, 1.0, 10.0, 50.0, 100.0, 500.0)) for _ in values]
        model.actuate(values)
        model.step(model.PERIOD_S)
        seen.append(tuple(model.sense()))
    return seen


@pytest.mark.parametrize("kind", kinds())
def test_it_senses_one_finite_number_a_sensor_whatever_the_plc_does(kind):
    model = fresh(kind)
    for values in run(model, commands=3, steps=3000):
        assert len(values) == len(model.SENSORS)
        assert all(isfinite(v) for v in values), dict(zip(model.SENSORS, values, strict=True))
    assert all(isfinite(v) for v in model.truth().values())


@pytest.mark.parametrize("kind", kinds())
def test_equal_seeds_give_equal_worlds(kind):
    first, second = fresh(kind), fresh(kind)
    assert run(first, 5, 1000) == run(second, 5, 1000)
    assert first.truth() == second.truth()


@pytest.mark.parametrize("kind", kinds())
def test_sensing_twice_changes_nothing(kind):
    model = fresh(kind)
    run(model, 5, 100)
    assert list(model.sense()) == list(model.sense())


@pytest.mark.parametrize("kind", kinds())
def test_its_period_is_a_whole_number_of_plant_ticks(kind):
    ticks = fresh(kind).PERIOD_S / TICK_S
    assert ticks == pytest.approx(round(ticks))
    assert round(ticks) >= 1


@pytest.mark.parametrize("kind", kinds())
def test_a_fault_it_does_not_know_is_an_error(kind):
    with pytest.raises((KeyError, ValueError, LookupError)):
        fresh(kind).set_fault("no such fault", 1.0)


def test_safe_outputs_stand_still():
    plant = Plant()
    for name in plant.sites:
        plant.actuate(name, plant.safe_outputs(name))
    for _ in range(round(600.0 / TICK_S)):
        plant.step()
    assert plant.coater.line_m_per_s == 0.0
    assert plant.calender.line_m_per_s == 0.0
    assert plant.coater.drive_power_w < 500.0  # pumps and fans at most
    assert plant.calender.drive_power_w < 500.0
