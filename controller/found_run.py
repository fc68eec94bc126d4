"""Runs and trials as people name them: a record, what the line knows of it, its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.config import LineConfig, StationConfig
from controller.core.errors import DrylineError, Refused, StoreError
from controller.core.run import RunRecord
from controller.history.several import AnyReader, MergedReader
from controller.line import station_kind, tag_table
from controller.recipe_diff import Proven
from controller.recipe_kind import RecipeKind, recipe_kinds
from controller.run_folder import histories
from controller.run_store import STORE, RunReader
from controller.runs.bundle import BundleSource
from controller.runs.key_plots import key_plots
from controller.runs.quality import RunSummary, summarise
from controller.runs.quality_text import as_json
from controller.runs.recipe_changes import (
    RecipeChanges,
    proven_ranges,
    recipe_changes,
    recipe_of,
)


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run with what the line knows of its station. proven: as for `recipe_diff.diff`."""

    record: RunRecord
    config: LineConfig
    station: StationConfig
    kinds: Mapping[str, RecipeKind]
    proven: Proven

    @property
    def changes(self) -> RecipeChanges:
        """Against the recipe of the run before."""
        return recipe_changes(self.record, self.kinds, self.proven)


def find_run(which: str, run: Path, config: LineConfig) -> FoundRun:
    """A run by its id, its unique beginning, or a station for its newest. run: folder."""
    with RunReader(run / STORE) as reader:
        record = reader.record(reader.find(which))
        good = reader.good_recipes(record.head.kind, record.head.begun_ns)
    name, kind = record.head.station, record.head.kind
    station = next((s for s in config.stations if s.name == name and s.kind == kind), None)
    if station is None:
        raise DrylineError(
            f"run {record.head.id} is of {kind} {name!r}, which this line does not have: name the "
            "folder of its line with --line"
        )
    kinds = recipe_kinds(config)
    return FoundRun(record, config, station, kinds, proven_ranges(good, kinds))


@dataclass(frozen=True, slots=True)
class RunQuality:
    """Figures of a run, or why there are none; notes on what was missing for them."""

    summary: RunSummary | None
    notes: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        figures = as_json(self.summary) if self.summary else {}
        return figures | {"notes": list(self.notes)}


def quality_of(found: FoundRun, history: AnyReader) -> RunQuality:
    """Figures as far as they can be had: a run must be seen and kept without them, too."""
    recipe, notes = None, []
    if found.record.recipe_text:
        try:
            recipe = recipe_of(found.record.recipe_text, "recipe of this run", found.kinds)
        except DrylineError as error:
            notes.append(f"without the limits of the recipe, which cannot be read: {error}")
    try:
        summary = summarise(found.record, recipe, found.station.prefix, history)
    except DrylineError as error:
        return RunQuality(None, (*notes, f"no figures: {error}"))
    return RunQuality(summary, tuple(notes))


def quality_in(found: FoundRun, run: Path) -> RunQuality:
    """The same, out of the histories of a run folder."""
    try:
        with MergedReader(histories(found.config, run)) as history:
            return quality_of(found, history)
    except StoreError as error:
        return RunQuality(None, (f"no figures: {error}",))


def find_trial(trials: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """A trial by its id or its unique beginning; Refused with what there is."""
    found = [t for t in trials if t["id"] == text] or [
        t for t in trials if text and str(t["id"]).startswith(text)
    ]
    if len(found) != 1:
        known = ", ".join(str(t["id"]) for t in (found or trials)[-5:]) or "none"
        raise Refused("unknown", [f"{text!r} names no single trial; newest: {known}"])
    return found[0]


def bundle_source(found: FoundRun, history: AnyReader) -> BundleSource:
    """What the bundle of a run is made of."""
    station, head = found.station, found.record.head
    return BundleSource(
        record=found.record,
        summary=quality_of(found, history).plain(),
        tags=[t for t in tag_table(found.config).tags if t.station == head.station],
        plots=key_plots(station_kind(station.kind), station.kind, station.prefix),
        kinds=found.kinds,
        proven=found.proven,
    )
