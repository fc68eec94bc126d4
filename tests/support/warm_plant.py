"""The simulated plant as it is after half an hour: dry air, warm rolls, powder in the nips.

    python -m tests.support.warm_plant run --line ... --run ...

takes the words of `python -m plc_sim`. The plant is brought there in lockstep with the recipes of
the working directory; its PLCs then start as after power-up. A fork of it goes on in lockstep, as
the control run that shows how far each tag moves by itself: the bands lie in BANDS afterwards.
"""

import os
from pathlib import Path

from controller.config import LineConfig, load_line
from controller.control.states import State
from controller.core.event import Verb
from plc_sim import __main__ as program
from plc_sim.lockstep import Lockstep
from plc_sim.models.surroundings import STEADY, Surroundings
from plc_sim.plant import Plant
from tests.support import noise
from tests.support.creep_recipes import LOOP_MODES, creep_recipe

RECIPES = Path("recipes")
BANDS = Path("bands.npz")
STANDING, CREEPING = "standing", "creeping"
DRY_DEGC = -57.5
LEVEL_MM = 24.0  # more than the coater wants before it creeps
HOUR_S = 3600.0
REST_S = 10.0
# From EXECUTE on, until what a start stirs up has settled: pressure, powder in the mixer, tension.
CALM_S = {"enclosure": 12.0, "coater": 22.0, "calender": 12.0}
STAND_S = 7.0  # and the slowest points have been read again
CONTROL_S = 240.0
MACHINES = ("coater", "calender")


def warm_plant(config: LineConfig, seed: int, recipes: Path) -> Plant:
    """A plant whose machines stand, ready to creep; nobody reaches into the enclosure."""
    plant = Plant(seed=seed, soaked=False, surroundings=Surroundings(seed, STEADY))
    line = _begun(config, plant, recipes)
    line.run_until(lambda: line.value("ENC.DP.ZONE") <= DRY_DEGC, HOUR_S)
    line.command("coater", Verb.CONFIRM)
    line.run_until(lambda: line.value("COAT.WEDGE") >= LEVEL_MM, HOUR_S)
    for station in MACHINES:
        line.command(station, Verb.HOLD)  # held machines stay warm
        line.until_state(station, State.HELD, HOUR_S)
    line.run(REST_S)
    return plant


def control_run(config: LineConfig, plant: Plant, recipes: Path) -> dict[str, noise.Bands]:
    """The bands while machines creep, the enclosure just started again, and while they stand."""
    line = _begun(config, plant, recipes)
    line.until_state("enclosure", State.EXECUTE, HOUR_S)
    for station in MACHINES:
        line.command(station, Verb.CONFIRM)
    for station in MACHINES:
        line.until_state(station, State.EXECUTE, HOUR_S)
    line.run(CALM_S["calender"])  # the slowest of all to come so far
    first = noise.bands(config, line, noise.record(line, CONTROL_S / 2))
    _again(line, "enclosure")
    line.until_state("enclosure", State.EXECUTE, HOUR_S)
    line.run(CALM_S["enclosure"])
    second = noise.bands(config, line, noise.record(line, CONTROL_S))
    for station in MACHINES:
        _again(line, station)
    line.run(STAND_S)
    standing = noise.bands(config, line, noise.record(line, CONTROL_S / 2))
    return {CREEPING: noise.wider(first, second), STANDING: standing}


def _begun(config: LineConfig, plant: Plant, recipes: Path) -> Lockstep:
    """Every station has begun to follow "creep"."""
    line = Lockstep(config, plant)
    for station in line.stations:
        line.deploy(station, creep_recipe(recipes, config, config.station(station).kind))
    for (station, loop), mode in LOOP_MODES.items():
        line.command(station, Verb.MODE, loop, mode)
    line.start()
    return line


def _again(line: Lockstep, station: str) -> None:
    """Abort what a station does, and begin anew."""
    line.command(station, Verb.ABORT)
    line.until_state(station, State.ABORTED, HOUR_S)
    line.command(station, Verb.RESET)
    line.until_state(station, State.IDLE, HOUR_S)
    line.start(station)


def main() -> None:
    """The plant's own command line with another plant."""
    loaded: list[LineConfig] = []

    def load(folder: Path) -> LineConfig:
        loaded.append(load_line(folder))
        return loaded[-1]

    def plant(seed: int) -> Plant:
        warm = warm_plant(loaded[-1], seed, RECIPES)
        if os.fork() == 0:  # a plant cannot be copied otherwise
            noise.save(BANDS, control_run(loaded[-1], warm, RECIPES))
            os._exit(0)
        return warm

    program.load_line, program.Plant = load, plant  # type: ignore[assignment, misc]
    program.app()


if __name__ == "__main__":
    main()
