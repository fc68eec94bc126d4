"""What changed in the recipe from the run before on the same station, or why nobody can say."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.core.errors import DrylineError
from controller.core.recipe import Recipe, RecipeId, Version
from controller.core.run import RunRecord
from controller.recipe_diff import Proven, RecipeDiff, as_json, diff, rows
from controller.recipe_file import parse_recipe
from controller.recipe_kind import RecipeKind
from controller.yaml_tree import read_yaml

COLUMNS = ("what", "old", "new", "unit", "change", "risk")
_OLD, _NEW = "recipe of the run before", "recipe of this run"


@dataclass(frozen=True, slots=True)
class RecipeChanges:
    """text: one sentence; found: None when the two were the same or cannot be compared."""

    text: str
    found: RecipeDiff | None = None

    @property
    def rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """The changes as a table, see COLUMNS."""
        return [] if self.found is None else rows(self.found)

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        table = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows]
        found = None if self.found is None else as_json(self.found)
        return {"told": self.text, "rows": table, "diff": found}


def recipe_changes(
    record: RunRecord, kinds: Mapping[str, RecipeKind], proven: Proven | None = None
) -> RecipeChanges:
    """Compare the recipes of a run and of the run before it; never fails.

    A recipe that the kinds of today no longer understand is told, not compared.
    """
    if not record.before:
        return RecipeChanges("no recipe to compare with: the station had no run with one before")
    if not record.recipe_text:
        return RecipeChanges("this run followed the built-in procedure, the one before a recipe")
    if record.before == record.recipe_text:
        return RecipeChanges("the same recipe as in the run before, to the letter")
    try:
        old = recipe_of(record.before, _OLD, kinds)
        new = recipe_of(record.recipe_text, _NEW, kinds)
    except DrylineError as error:
        return RecipeChanges(f"cannot be compared with the run before: {error}")
    if old.id.kind != new.id.kind:
        text = f"of another kind than in the run before: {old.id.kind}, {new.id.kind}"
        return RecipeChanges(text)
    found = diff(old, new, kinds[new.id.kind], proven)
    nothing = " (nothing that the process would notice)" if found.empty else ""
    return RecipeChanges(f"{old.id} -> {new.id}: {new.reason}{nothing}", found)


def proven_ranges(
    texts: Iterable[str], kinds: Mapping[str, RecipeKind]
) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each parameter over the recipes of good runs.

    Recipes that the kinds of today no longer understand prove nothing.
    """
    ranges: dict[str, tuple[float, float]] = {}
    for text in texts:
        try:
            formula = recipe_of(text, "recipe of an earlier run", kinds).formula
        except DrylineError:
            continue
        for name, quantity in formula.items():
            low, high = ranges.get(name, (quantity.value, quantity.value))
            ranges[name] = (min(low, quantity.value), max(high, quantity.value))
    return ranges


def recipe_of(text: str, file: str, kinds: Mapping[str, RecipeKind]) -> Recipe:
    """A recipe from its text alone; DrylineError when the kinds of today do not understand it.

    file: what the error calls it.
    """
    header = read_yaml(text, file)[0].value
    header = header if isinstance(header, dict) else {}
    kind, name, version = (str(header.get(key, "")) for key in ("kind", "name", "version"))
    try:
        own = RecipeId(kind, name, Version.parse(version))
    except ValueError as error:
        raise DrylineError(f"{file}: version {version!r} {error}") from None
    parsed, problems = parse_recipe(text, file, own, kinds)
    if parsed is None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise DrylineError(f"{problems[0]}{more}" if problems else f"{file}: not a recipe")
    return parsed.recipe


def text_hash(text: str) -> str:
    """Content hash of a recipe text; "" for the built-in procedure."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""
