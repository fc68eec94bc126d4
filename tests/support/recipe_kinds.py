"""The recipe kinds of the shipped line, and recipes to try things with."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from controller.clock import ManualClock
from controller.config import load_line
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.recipe_store import RecipeStore
from tests.support.documents import ROOT

RECIPES = ROOT / "recipes"
BASE = (ROOT / "tests" / "golden" / "recipes" / "base.yaml").read_text(encoding="utf-8")


@cache
def shipped_kinds() -> dict[str, RecipeKind]:
    """Parameters and tags of every kind on the shipped line."""
    return recipe_kinds(load_line(ROOT / "controller" / "lines" / "pilot"))


def film(version: str, edits: Mapping[str, str] | None = None) -> str:
    """The coater recipe of the corpus in another version, with pieces of its text replaced."""
    text = BASE.replace("version: 1.2.0", f"version: {version}").replace(
        "base: 1.1.0", "base: null"
    )
    for find, replace in (edits or {}).items():
        if text.count(find) != 1:
            raise ValueError(f"{find!r} stands {text.count(find)} times in the recipe")
        text = text.replace(find, replace)
    return text


def put(root: Path, version: str, edits: Mapping[str, str] | None = None) -> Path:
    """Write that recipe where it belongs below a folder of recipes."""
    path = root / "coater" / "test-film" / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(film(version, edits), encoding="utf-8")
    return path


def store(root: Path) -> RecipeStore:
    """A store on a folder, at 2026-01-01T00:00:00Z."""
    return RecipeStore(root, shipped_kinds(), ManualClock())
