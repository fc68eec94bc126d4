"""`dryline trial compare`: the run of a trial beside runs of its base recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import SHIPPED_LINE, AsJson, LineFolder, RunFolder, print_json, screen, told
from controller.config import load_line
from controller.history.several import MergedReader
from controller.run_folder import histories
from controller.runs.alignment import Axis
from controller.runs.compare import Comparison
from controller.runs.compare import compare as compare_runs
from controller.runs.compare_plot import save_comparison_plot
from controller.runs.compare_text import as_json, energy_rows, table_rows
from controller.runs.quality import RunSummary
from controller.runs.statistics import LEVEL
from controller.runs.verdict import Evidence
from controller.trial_runs import Sides, sides_of, summary_of

_LINE = "{:40}  {:19}  {:17}"


def compare(  # noqa: PLR0913, PLR0917 - each is an option of the command
    trial: Annotated[str, typer.Argument(help="Id of a trial, or its unique beginning.")],
    base: Annotated[
        list[str] | None,
        typer.Argument(help="Runs to compare with; the newest of the base recipe if not given."),
    ] = None,
    axis: Annotated[Axis, typer.Option(help="What the runs are aligned at.")] = Axis.EXECUTE,
    by: Annotated[
        Evidence | None,
        typer.Option(help="What counts as independent; whole runs as soon as one side has two."),
    ] = None,
    level: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Confidence of the intervals.")
    ] = LEVEL,
    window: Annotated[
        tuple[float, float] | None, typer.Option(help="Only this part of the axis.")
    ] = None,
    run: RunFolder = Path("run"),
    line: LineFolder = SHIPPED_LINE,
    png: Annotated[Path | None, typer.Option(help="Plot into this file.")] = None,
    json: AsJson = False,
) -> None:
    """Compare a trial with runs of its base recipe: quality, energy, and how sure that is."""
    sides = told(lambda: sides_of(trial, base or [], run))
    config = told(lambda: load_line(line))
    paths = told(lambda: histories(config, run))
    with told(lambda: MergedReader(paths)) as history:
        of_trial = told(lambda: [summary_of(sides.run, run, config, history)])
        of_base = told(lambda: [summary_of(name, run, config, history) for name in sides.base])
    found = told(lambda: compare_runs(of_trial, of_base, axis, level=level, by=by, window=window))
    if png is not None:
        told(lambda: save_comparison_plot(found, of_trial, of_base, png))
    if json:
        print_json({"trial": sides.trial, "comparison": as_json(found)})
        return
    _print(sides, found, of_trial, of_base)
    if png is not None:
        _say(f"{png} written")


def _print(
    sides: Sides, found: Comparison, trial: Sequence[RunSummary], base: Sequence[RunSummary]
) -> None:
    _say(f"{sides.trial['id']}: {sides.trial['question']}")
    for name, runs in (("trial", trial), ("base", base)):
        for summary in runs:
            _say(f"{name:5}  {summary.head.id}  {summary.head.recipe}")
    unit = found.axis.unit
    _say(f"compared from {found.low:.0f} to {found.high:.0f} {unit}, {found.axis.text}")
    _say("")
    _say(_LINE.format("", "trial", "base"))
    for row in table_rows(found):
        unit = f", {row['unit']}" if row["unit"] not in ("", "-") else ""
        _say(_LINE.format(f"{row['measure']}{unit}", row["trial"], row["base"]))
        capable = {row["trial Cpk"], row["base Cpk"]} != {"-"}
        cpk = f"; Cpk {row['trial Cpk']}, base {row['base Cpk']}" if capable else ""
        _say(f"  {row['verdict']}{cpk}")
    for row in energy_rows(found):
        _say(_LINE.format(f"{row['energy']}, {row['unit']}", row["trial"], row["base"]))
    _say("")
    for note in found.notes:
        _say(f"note: {note}")


def _say(text: str) -> None:
    screen.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
