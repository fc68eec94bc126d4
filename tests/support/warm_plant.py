"""The simulated plant as it is after an hour of work: dry air, warm rolls, powder in the nips.

    python -m tests.support.warm_plant run --line ... --run ...

takes the words of `python -m plc_sim`. The plant is brought there in lockstep with the recipes of
the working directory; its PLCs then start as after power-up.
"""

from pathlib import Path

from controller.config import LineConfig, load_line
from controller.control.states import State
from controller.core.event import Verb
from plc_sim import __main__ as program
from plc_sim.lockstep import Lockstep
from plc_sim.plant import Plant
from tests.support.creep_recipes import creep_recipe

RECIPES = Path("recipes")
DRY_DEGC = -57.5
LEVEL_MM = 24.0  # more than the coater wants before it creeps
HOUR_S = 3600.0
REST_S = 10.0


def warm_plant(config: LineConfig, seed: int, recipes: Path) -> Plant:
    """A plant whose machines stand, ready to creep."""
    plant = Plant(seed=seed, soaked=False)
    line = Lockstep(config, plant)
    for station in line.stations:
        line.deploy(station, creep_recipe(recipes, config, config.station(station).kind))
    line.start()
    line.run_until(lambda: line.value("ENC.DP.ZONE") <= DRY_DEGC, HOUR_S)
    line.command("coater", Verb.CONFIRM)
    line.run_until(lambda: line.value("COAT.WEDGE") >= LEVEL_MM, HOUR_S)
    for station in ("coater", "calender"):
        line.command(station, Verb.HOLD)  # held machines stay warm
        line.until_state(station, State.HELD, HOUR_S)
    line.run(REST_S)
    return plant


def main() -> None:
    """The plant's own command line with another plant."""
    loaded: list[LineConfig] = []

    def load(folder: Path) -> LineConfig:
        loaded.append(load_line(folder))
        return loaded[-1]

    def plant(seed: int) -> Plant:
        return warm_plant(loaded[-1], seed, RECIPES)

    program.load_line, program.Plant = load, plant  # type: ignore[assignment, misc]
    program.app()


if __name__ == "__main__":
    main()
