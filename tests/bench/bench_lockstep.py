"""How much faster than real time the line runs in lockstep, and the plant models alone.

python -m tests.bench.bench_lockstep
"""

import time

from plc_sim.lockstep import Lockstep
from plc_sim.plant import Plant
from plc_sim.plc import Mode
from plc_sim.score import rig

WARM_S = 2400.0
TICK_S = 0.05


def run(seconds: float = 900.0, rounds: int = 3) -> dict[str, float]:
    """Best of some rounds in CPU time: other programs on the machine must not count."""
    line = rig()
    line.start()
    line.run(WARM_S)
    whole = max(_speed(line.run, seconds) for _ in range(rounds))
    plant = _plant_of(line)
    models = max(_speed(lambda s: _models(plant, s), seconds) for _ in range(rounds))
    physics = max(_speed(lambda s: _plant(plant, s), seconds) for _ in range(rounds))
    first = rig(seed=7)
    again = rig(seed=7)
    for each in (first, again):
        each.hashing = True
        each.start()
        each.run(120.0)
    return {
        "whole line, x real time": whole,
        "plant with instruments, x real time": physics,
        "plant models alone, x real time": models,
        "same seed, same hash (1 yes)": float(first.sample_hash() == again.sample_hash()),
    }


def _plant_of(line: Lockstep) -> Plant:
    """A plant whose actuators stand as the PLC programs of a line drive them."""
    plant = Plant(seed=1)
    for name, site in plant.sites.items():
        plant.actuate(name, line.plcs[name].logic.scan(0.0, Mode.RUN, *plant.readings(name)))
        site.model.step(site.model.PERIOD_S)
    return plant


def models_speed(line: Lockstep, seconds: float) -> float:
    """How many times faster than real time the models of three stations are by themselves."""
    plant = _plant_of(line)
    return _speed(lambda s: _models(plant, s), seconds)


def _speed(work: object, seconds: float) -> float:
    begun = time.process_time()
    work(seconds)  # type: ignore[operator]
    return seconds / (time.process_time() - begun)


def _plant(plant: Plant, seconds: float) -> None:
    for _ in range(round(seconds / TICK_S)):
        plant.step()


def _models(plant: Plant, seconds: float) -> None:
    enclosure, coater, calender = plant.enclosure, plant.coater, plant.calender
    for tick in range(round(seconds / 0.1)):
        enclosure.step(0.1)
        if tick % 2:
            coater.step(0.2)
        calender.step(0.1)


def main() -> None:
    """Print the figures."""
    for name, value in run().items():
        print(f"{name:45} {value:12.1f}")


if __name__ == "__main__":
    main()
