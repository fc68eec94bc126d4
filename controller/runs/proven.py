"""The range of each parameter that good runs have proven: what a change is judged against."""

from collections.abc import Mapping

from controller.core.recipe import RecipeId, Version
from controller.core.run import Outcome
from controller.recipe_file import parse_recipe
from controller.recipe_kind import RecipeKind
from controller.run_store import RunReader


def proven_ranges(
    reader: RunReader, kind: RecipeKind, kinds: Mapping[str, RecipeKind]
) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each parameter over the completed runs of a kind of station.

    Runs that were stopped or aborted prove nothing. A recipe that this program cannot read any
    more is passed over: its parameters may have meant something else.
    """
    texts = {
        head.content_hash: head.recipe
        for head in reader.runs()
        if head.kind == kind.name and head.outcome is Outcome.COMPLETED and head.content_hash
    }
    ranges: dict[str, tuple[float, float]] = {}
    for content_hash, title in texts.items():
        name, _, version = title.partition("/")[2].partition("@")
        own = RecipeId(kind.name, name, Version.parse(version))
        found, _ = parse_recipe(reader.recipe_text(content_hash), title, own, kinds)
        for key, quantity in found.recipe.formula.items() if found else ():
            low, high = ranges.get(key, (quantity.value, quantity.value))
            ranges[key] = (min(low, quantity.value), max(high, quantity.value))
    return ranges
