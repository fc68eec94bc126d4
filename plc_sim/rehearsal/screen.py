"""The report for a person: tables on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.recipe_diff import rows
from plc_sim.rehearsal.compare import Pair, over_seeds, paired
from plc_sim.rehearsal.report import Report
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.verdict import clock

SIGNIFICANT = 4


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


def _phases(result: Result) -> Table:
    table = Table("phase", "begins", "takes", "times out after", title=_seed("phases", result))
    for p in result.facts.phases:
        took = f"{p.took_s:.0f} s" + ("" if p.done else ", not done")
        table.add_row(escape(f"{p.number} {p.name}"), clock(p.begun_s), took, f"{p.timeout_s:g} s")
    ready = result.facts.ready_s
    if ready is not None:
        table.add_row("ready", clock(ready), "", "")
    return table


def _loops(result: Result) -> Table:
    table = Table("loop", "band", "settled after", "overshoot", "mean error", "IAE", "at a limit",
                  title=_seed("loops", result))  # fmt: skip
    for loop in result.loops:
        unit = "" if loop.unit == "-" else loop.unit
        first = loop.first
        settled = "" if first is None else "not" if first.settle_s is None \
            else f"{first.settle_s:.0f} s"  # fmt: skip
        table.add_row(
            escape(f"{loop.loop} {loop.title}"),
            f"{loop.band:g} {unit}",
            settled,
            f"{first.overshoot:.3g} {unit}" if first else "",
            f"{loop.mean_error:.3g} {unit}",
            f"{loop.iae:.4g} {unit} min",
            f"{loop.limited_pct:.1f} %",
        )
    return table


def _figures(report: Report) -> Table:
    many = len(report.results) > 1
    table = Table("figure", "mean" if many else "value", *(("lowest", "highest") if many else ()),
                  "unit")  # fmt: skip
    for row in over_seeds(report.results):
        if row.key.startswith("phase.") or ".L" in row.key:
            continue  # they have tables of their own
        extremes = (_number(row.low), _number(row.high)) if many else ()
        table.add_row(escape(row.text), _number(row.mean), *extremes, row.unit)
    return table


def _paired(report: Report) -> Table:
    many = len(report.results) > 1
    old, new = report.old_title.partition("@")[2], report.title.partition("@")[2]
    table = Table("figure", old, new, "difference", *(("lowest", "highest") if many else ()),
                  "unit", caption="* every seed the same way" if many else None)  # fmt: skip
    for pair in paired(report.old, report.results):
        table.add_row(*_pair_cells(pair, many=many))
    return table


def _pair_cells(pair: Pair, *, many: bool) -> Sequence[str]:
    d = pair.difference
    mark = " *" if pair.same_sign else ""
    cells = [escape(pair.text), _number(pair.old), _number(pair.new)]
    cells.append(f"{d.mean:+.{SIGNIFICANT - 1}g}{mark}" if d else "")
    if many:
        cells += [f"{d.low:+.3g}", f"{d.high:+.3g}"] if d else ["", ""]
    return [*cells, pair.unit]


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


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{SIGNIFICANT}g}"
