"""Released coater recipes whose phases take seconds: they wait for modes, not for heat."""

from pathlib import Path

from controller.clock import ManualClock
from controller.core.recipe import RecipeId, Version
from controller.core.run import MasterRecipe
from controller.recipe_store import RecipeStore
from tests.support.recipe_kinds import BASE, shipped_kinds, store

NAME = "test-film"
PHASES = """phases:
  - name: heat
    title: Heat
    set: {.TROLL1.SP: =roll_temperature, .TBARREL.SP: 60, .CMD: warm-up}
    until: [{tag: .STATE, op: is, value: warm-up, for_s: 0.2}]
    timeout_s: 60
    on_timeout: hold
    on_unhold: skip
  - name: ramp
    title: Foil tight
    ramps: [{tag: .TENS.FOIL.SP, to: 120, rate: 1200}]
    timeout_s: 60
    on_timeout: hold
    on_unhold: skip
  - name: ask
    title: Film
    prompt: {text: "Film on the foil?", confirm: true}
    timeout_s: 3000
    on_timeout: hold
    on_unhold: skip
  - name: run
    title: Run
    set: {.V.LINE.SP: =line_speed, .CMD: warm-up}
    until: [{tag: .STATE, op: is, value: warm-up, for_s: 0.2}]
    timeout_s: 60
    on_timeout: abort
    on_unhold: repeat
"""
PROMPT_PHASE = 3


def quick(version: str, base: str = "null", title: str = "Test film") -> str:
    """The text of a quick recipe."""
    head, _, rest = BASE.partition("phases:")
    limits = rest[rest.index("limits:") :]
    for find, put in (("version: 1.2.0", f"version: {version}"), ("base: 1.1.0", f"base: {base}"),
                      ("title: Test film", f"title: {title}")):  # fmt: skip
        head = head.replace(find, put)
    return head + PHASES + "\n" + limits


def path_of(root: Path, version: str) -> Path:
    """Where a version lies."""
    return root / "coater" / NAME / f"{version}.yaml"


def draft(root: Path, version: str, base: str = "null", title: str = "Test film") -> RecipeId:
    """A draft below a folder of recipes."""
    path = path_of(root, version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(quick(version, base, title), encoding="utf-8")
    return RecipeId("coater", NAME, Version.parse(version))


def release(root: Path, version: str, base: str = "null", title: str = "Test film") -> RecipeStore:
    """A released version; returns the store it lies in."""
    own = draft(root, version, base, title)
    recipes = store(root)
    recipes.release(own, "Grace Other", "for a test", override="a test")
    return recipes


def master(root: Path, version: str) -> MasterRecipe:
    """A version as a station gets it."""
    recipes = RecipeStore(root, shipped_kinds(), ManualClock())
    stored = recipes.load(recipes.find("coater", f"{NAME}@{version}"))
    return MasterRecipe(stored.recipe, stored.content_hash, stored.file.text)
