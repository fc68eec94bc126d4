"""Plants in production, each brought there once; what happens to them happens in a fork."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from controller.config import load_line
from controller.control.states import State
from controller.core.event import Verb
from controller.core.run import MasterRecipe
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from plc_sim.lockstep import Lockstep
from plc_sim.models.surroundings import STEADY
from plc_sim.score import SHIPPED_LINE, rig

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
HOUR_S = 3600.0
FOLLOWED = {"enclosure": "standard@1.1.0", "coater": "nmc-standard@1.1.0",
            "calender": "line-load@1.1.0"}  # fmt: skip
# From EXECUTE on, until filters, index and buffer have found their values.
CALM_S: Mapping[str, float] = {"enclosure": 600.0, "coater": 600.0, "calender": 300.0}


@cache
def warm(name: str) -> Lockstep:
    """A line in production, never to be stepped itself: `in_fork` gives every user one of its own.

    name: a station alone, "line" for all of them, with " by recipe" behind it when the recipes of
    FOLLOWED run instead of the built-in procedures.
    """
    which, _, recipe = name.partition(" by ")
    stations = tuple(CALM_S) if which == "line" else (which,)
    line = rig(*stations, scenario=STEADY)
    if stations == ("coater",):
        line.plant.coater.feed_permit = 1.0
    if stations == ("calender",):
        assert line.command("calender", Verb.SET, "CAL.SET.ALONE", 1.0).accepted
    for station in stations if recipe else ():
        assert line.deploy(station, shipped(station)).accepted
    line.start()
    for station in stations:
        _produce(line, station)
    line.run(max(CALM_S[s] for s in stations))
    for station in stations:
        procedure = line.stations[station].procedure
        assert procedure.state is State.EXECUTE, f"{station}: {procedure.reason}"
    return line


def shipped(station: str) -> MasterRecipe:
    """The recipe of FOLLOWED."""
    config = load_line(SHIPPED_LINE)
    library = RecipeLibrary(RECIPES, recipe_kinds(config))
    stored = library.load(library.find(config.station(station).kind, FOLLOWED[station]))
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)


def _produce(line: Lockstep, station: str) -> None:
    s = line.stations[station]
    prompt = line.table.index(f"{s.prefix}.RUN.PROMPT")
    end_s = line.plant.now_s + 2 * HOUR_S
    while s.procedure.state is not State.EXECUTE:
        assert line.plant.now_s < end_s, f"{station}: {s.procedure.waiting_for()}"
        if line.table.value[prompt]:
            line.command(station, Verb.CONFIRM)
        line.run(1.0)
