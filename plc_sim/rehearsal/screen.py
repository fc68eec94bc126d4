"""The report for a person: tables on a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.recipe_diff import rows
from plc_sim.rehearsal.compare import Pair, over_seeds, paired
from plc_sim.rehearsal.report import Report
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.verdict import clock

SIGNIFICANT = 4
SAME = "0"


def show(report: Report, console: Console) -> None:
    """Verdict first, then what it is made from."""
    console.print(f"[bold]{escape(report.title)}[/bold]  {_setting(report)}", highlight=False)
    colour = "green" if report.passed else "red"
    console.print(escape(report.summary()), style=colour, highlight=False, soft_wrap=True)
    for reason in report.reasons():
        console.print(f"  - {reason}", markup=False, highlight=False, soft_wrap=True)
    for warning in report.warnings():
        console.print(f"  note: {warning}", style="yellow", markup=False, highlight=False,
                      soft_wrap=True)  # fmt: skip
    for name, value in report.case.drawn.items():
        console.print(f"  drawn: {name} = {value:.4g}", markup=False, highlight=False)
    if report.diff is not None:
        _show_diff(report, console)
    if report.results:
        console.print(_phases(report.results[0]))
        console.print(_loops(report.results[0]))
        console.print(_paired(report) if report.against else _figures(report))
    for name, why in report.not_modelled.items():
        console.print(f"  {name}: {why}", style="dim", highlight=False, soft_wrap=True)


def _setting(report: Report) -> str:
    case = report.case
    beside = ", ".join(f"{name} {m.recipe.id}" for name, m in case.beside.items())
    text = f"on {case.station}, neighbours {case.neighbours}"
    return f"{text} ({beside})" if beside else text


def empty_table(title: str, *columns: str) -> Table:
    """The first column is text, numbers stand to the right and never wrap."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False,
                  padding=(0, 1, 0, 0))  # fmt: skip
    for k, column in enumerate(columns):
        table.add_column(
            column, justify="right" if k else "left", no_wrap=k > 0, min_width=12 * (k == 0)
        )
    return table


def _phases(result: Result) -> Table:
    table = empty_table(_seed("phases", result), "phase", "begins", "takes", "times out after")
    for p in result.facts.phases:
        took = f"{p.took_s:.0f} s" + ("" if p.done else ", not done")
        table.add_row(escape(f"{p.number} {p.name}"), clock(p.begun_s), took, f"{p.timeout_s:g} s")
    ready = result.facts.ready_s
    if ready is not None:
        table.add_row("ready", clock(ready), "", "")
    return table


def _loops(result: Result) -> Table:
    table = empty_table(_seed("loops", result), "loop", "unit", "band", "settled", "overshoot",
                   "mean error", "IAE, min", "at limit")  # fmt: skip
    for loop in result.loops:
        first = loop.first
        settled = "" if first is None else "not" if first.settle_s is None \
            else f"{first.settle_s:.0f} s"  # fmt: skip
        table.add_row(
            escape(f"{loop.loop.rpartition('.')[2]} {loop.title}"),
            "" if loop.unit == "-" else loop.unit,
            f"{loop.band:g}",
            settled,
            f"{first.overshoot:.2g}" if first else "",
            f"{loop.mean_error:.2g}",
            f"{loop.iae:.3g}",
            f"{loop.limited_pct:.1f} %",
        )
    return table


def _figures(report: Report) -> Table:
    many = len(report.results) > 1
    table = empty_table("figures", "figure", "unit", "mean" if many else "value",
                   *(("lowest", "highest") if many else ()))  # fmt: skip
    for row in over_seeds(report.results):
        if row.key.startswith("phase.") or ".L" in row.key:
            continue  # they have tables of their own
        extremes = (_number(row.low), _number(row.high)) if many else ()
        table.add_row(escape(row.text), _unit(row.unit), _number(row.mean), *extremes)
    return table


def _paired(report: Report) -> Table:
    many = len(report.results) > 1
    versions = (report.old_title.rpartition("@")[2], report.title.rpartition("@")[2])
    table = empty_table("figures side by side", "figure", "unit", *versions, "difference",
                   *(("seed by seed",) if many else ()))  # fmt: skip
    table.caption = "* every seed moved the same way" if many else None
    for pair in paired(report.old, report.results):
        cells = _pair_cells(pair, many=many)
        if cells[4] == SAME and (pair.key.startswith("phase.") or ".L" in pair.key):
            continue  # of times and loops only what has changed
        table.add_row(*cells)
    return table


def _pair_cells(pair: Pair, *, many: bool) -> Sequence[str]:
    d = pair.difference
    cells = [escape(pair.text), _unit(pair.unit), _number(pair.old), _number(pair.new)]
    if d is None:
        return [*cells, "", *([""] if many else [])]
    size = max(abs(pair.old or 0.0), abs(pair.new or 0.0))
    shown = _moved(d.mean, size)
    cells.append(f"{shown} *" if pair.same_sign and shown != SAME else shown)
    if many:
        low, high = _moved(d.low, size), _moved(d.high, size)
        cells.append(low if low == high else f"{low} .. {high}")
    return cells


def _moved(difference: float, size: float) -> str:
    """A difference that shows in the figures themselves, or SAME."""
    if abs(difference) <= 10.0**-SIGNIFICANT * size:
        return SAME
    return f"{difference:+.2g}"


def _show_diff(report: Report, console: Console) -> None:
    if report.diff is None or report.diff.empty:
        console.print("the two versions do not differ in anything the process would notice")
        return
    table = Table("what", "old", "new", "unit", "change", "risk",
                  title=f"{report.diff.old} -> {report.diff.new}")  # fmt: skip
    for row in rows(report.diff):
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def _seed(what: str, result: Result) -> str:
    return f"{what}, seed {result.seed}"


def _unit(unit: str) -> str:
    return "" if unit == "-" else unit


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{SIGNIFICANT}g}"
