"""Recipes for tests that want something to move within half a minute, in a folder of their own.

Every station kind gets "creep": its machine stands hot until somebody confirms, then it creeps.
Beside it the shipped recipes, released, and what must be refused: a draft and a tampered file.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from controller.clock import SystemClock
from controller.config import LineConfig
from controller.core.recipe import RecipeId, Version
from controller.core.run import MasterRecipe
from controller.recipe_kind import recipe_kinds
from controller.recipe_library import RecipeLibrary
from controller.recipe_store import RecipeStore

SHIPPED = Path(__file__).resolve().parents[2] / "recipes"
FIRST = Version.parse("1.0.0")
CREEP = "creep@1.0.0"
DRAFT, TAMPERED = "7.0.0", "8.0.0"
BASES = {"enclosure": "standard", "coater": "nmc-standard", "calender": "line-load"}
WHY = "for a test"
# In cascade as usual; in manual because no film has come to its gauge yet.
LOOP_MODES = {("coater", "L10"): "CAS", ("coater", "L12"): "MAN"}
LIMITS = {  # wide: a machine that creeps is not in production
    "enclosure": ".DP.ZONE: {hi: -45}",
    "coater": ".FIBIDX: {lo: 0}",
    "calender": "BUF.POS: {lo: 3, hi: 97}",
}
# A frost point near that of the warm plant, rolls that are warm soon, the slowest line.
CHANGES: Mapping[str, Mapping[str, str]] = {
    "enclosure": {
        "frost_point": "-58",
        "ready_frost_point": "-45",
        "regeneration_start_temperature": "100",
    },
    "coater": {
        "feed": "13",
        "film_gap_start": "200",
        "mixer_temperature": "25",
        "roll_temperature": "40",
        "lamination_temperature": "60",
        "line_speed": "0.5",
    },
    "calender": {
        "roll_temperature": "25",
        "web_source": "leader",
        "speed_alone": "0.5",
        "web_in_buffer": "10",
        "web_tension": "70",
    },
}
STANDBY = """
phases:
  - name: standby
    title: Hot and standing
    set:
{heat}
      .CMD: warm-up
    until:
      - {{tag: .STATE, op: is, value: warm-up}}
    prompt: {{text: "Confirm to creep", confirm: true}}
    timeout_s: 3600
    on_timeout: hold
  - name: creep
    title: Creep
    set:
{creep}
      .CMD: thread
    until:
      - {{tag: .STATE, op: is, value: thread}}
      - {{tag: {speed}, op: ">=", value: 0.4}}
    timeout_s: 3600
    on_timeout: hold
"""
DRYING = """
phases:
  - name: pull-down
    title: Start
    set:
      .CMD: run
      DHU.FAN.SP: =fan_start
      DHU.TREG.SP: =regeneration_start_temperature
      DHU.FREG.SP: =regeneration_flow
      DHU.NROT.SP: =rotor_speed
      .PRESS.SP: =pressure
      .TEMP.SP: =temperature
      .PB.SP: =pass_box_release
    until:
      - {tag: .STATE, op: is, value: run}
    timeout_s: 3600
    on_timeout: hold
  - name: produce
    title: Hand over to the dew-point loop
    set:
      .L1.SP: =frost_point
    until:
      - {tag: .STATE, op: is, value: run}
    timeout_s: 3600
    on_timeout: hold
"""
HEAT = {
    "coater": {
        ".TBARREL.SP": "mixer_temperature",
        **{f".TROLL{k}.SP": "roll_temperature" for k in (1, 2, 3)},
        ".TLAM.SP": "lamination_temperature",
        ".TENS.FILM.SP": "film_tension",
        ".TENS.FOIL.SP": "foil_tension",
    },
    "calender": {
        ".TROLL.SP": "roll_temperature",
        ".TENS.IN.SP": "web_tension",
        ".TENS.OUT.SP": "web_tension",
    },
}
CREEPING = {
    "coater": {
        ".FEED.SP": "feed",
        ".SCREW.SP": "screw_start",
        ".RATIO.SP": "speed_ratio_start",
        ".GAP1.SP": "film_gap_start",
        ".QLAM.SP": "lamination_load",
    },
    "calender": {".LOAD.SP": "line_load_start", ".GAP.SP": "gap", ".MODE": "roll_mode"},
}
SPEED = {"coater": ".V.LINE", "calender": ".V.PV"}


def make_recipes(root: Path, config: LineConfig) -> dict[str, tuple[str, ...]]:
    """Fill the folder; the released recipes of each kind, as NAME@VERSION."""
    shutil.copytree(SHIPPED, root)
    store = RecipeStore(root, recipe_kinds(config), SystemClock())
    for kind, base in BASES.items():
        own = RecipeId(kind, base, FIRST)
        for listed in store.every(kind):
            _release(store, listed.id)
        path = store.create(own, FIRST, "ann", WHY, "creep", CHANGES[kind])
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"\nphases:\n.*", _phases(kind), text, flags=re.S), encoding="utf-8")
        _release(store, RecipeId(kind, "creep", FIRST))
        store.create(own, Version.parse(DRAFT), "ann", WHY)
        path = store.create(own, Version.parse(TAMPERED), "ann", WHY)
        _release(store, RecipeId(kind, base, Version.parse(TAMPERED)))
        path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    return {
        kind: tuple(
            f"{x.id.name}@{x.id.version}"
            for x in store.every(kind)
            if x.entry is not None and not x.problems
        )
        for kind in BASES
    }


def creep_recipe(root: Path, config: LineConfig, kind: str) -> MasterRecipe:
    """The released "creep" of a kind."""
    library = RecipeLibrary(root, recipe_kinds(config))
    stored = library.released(library.find(kind, CREEP))
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)


def _release(store: RecipeStore, own: RecipeId) -> None:
    store.release(own, "bob", WHY, override=WHY)


def _phases(kind: str) -> str:
    limits = f"\nlimits:\n  {LIMITS[kind]}\n"
    if kind == "enclosure":
        return DRYING + limits
    heat, creeping = _sets(HEAT[kind]), _sets(CREEPING[kind])
    return STANDBY.format(heat=heat, creep=creeping, speed=SPEED[kind]) + limits


def _sets(values: Mapping[str, str]) -> str:
    return "\n".join(f"      {tag}: ={parameter}" for tag, parameter in values.items())
