"""What many plants came to: tables on a terminal, plain values for a script and a file."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from plc_sim.rehearsal.many import LEVEL, Study
from plc_sim.rehearsal.plain import finite
from plc_sim.rehearsal.screen import empty_table

_SHOWN_CAUSES = 12


def show_study(study: Study, console: Console, again: str) -> None:
    """The answer first. again: the command that rehearses one plant alone, without its seed."""
    colour = "green" if study.enough else "red"
    said = f"{study.outcomes[0].case.station}, {study.spread.title}: {study.summary()}"
    console.print(said, style=colour, markup=False, highlight=False, soft_wrap=True)
    for outcome in study.not_run:
        text = f"  not run: plant {outcome.case.seed}: {outcome.error}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    if not study.results:
        return
    console.print(_points(study))
    if study.outside():
        console.print(_outside(study))
    if study.causes():
        console.print(_causes(study))
    for result in study.worst():
        why = "; ".join(result.verdict.reasons) or "passed, with alarms"
        text = f"  plant {result.seed}: {why}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    if study.worst():
        text = f"look at one of them: {again} --plant SEED"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _points(study: Study) -> Table:
    table = empty_table("figures", "figure", "unit", "plants", "5 %", "median", "95 %")
    for row in study.points():
        if row.key.startswith("phase.") or ".L" in row.key:
            continue  # times of phases and loops: in the JSON
        table.add_row(escape(row.text), "" if row.unit == "-" else row.unit, str(row.plants),
                      *(f"{v:.4g}" for v in (row.low, row.middle, row.high)))  # fmt: skip
    return table


def _outside(study: Study) -> Table:
    table = empty_table("limits passed in production", "limit", "plants", "of them failed")
    for row in study.outside():
        table.add_row(escape(row.limit), str(len(row.seeds)), str(row.failed))
    return table


def _causes(study: Study) -> Table:
    table = empty_table("what goes with failure", "parameter", "unit", "rank correlation",
                        "median, passed", "median, failed")  # fmt: skip
    table.caption = "* more than chance would show in 19 of 20 cases"
    for row in study.causes()[:_SHOWN_CAUSES]:
        table.add_row(escape(row.name), "" if row.unit == "-" else row.unit,
                      f"{row.rank:+.2f}{' *' if row.likely else ''}",
                      f"{row.passed_median:.4g}", f"{row.failed_median:.4g}")  # fmt: skip
    return table


def study_as_plain(study: Study, recipe: str, content_hash: str, software: str) -> dict[str, Any]:
    """Everything as plain values; `sure` takes the place of `passed`, so that no release takes it
    for the record of a rehearsal."""
    case = study.outcomes[0].case
    low, high = study.interval
    plain: dict[str, Any] = {
        "sure": study.enough,
        "summary": study.summary(),
        "recipe": recipe, "content_hash": content_hash,
        "station": case.station, "minutes": case.minutes, "neighbours": case.neighbours.value,
        "spread": study.spread.title,
        "plants": len(study.outcomes), "ran": len(study.results), "passed": study.passed,
        "least": study.least, "sure_of": study.sure_of,
        "interval": {"level": LEVEL, "method": "Clopper-Pearson", "low": low, "high": high},
        "not_run": [{"seed": o.case.seed, "error": o.error} for o in study.not_run],
        "figures": [
            {"key": p.key, "text": p.text, "unit": p.unit, "plants": p.plants,
             "p5": p.low, "p50": p.middle, "p95": p.high}
            for p in study.points()
        ],
        "outside": [
            {"limit": o.limit, "plants": len(o.seeds), "failed": o.failed, "seeds": list(o.seeds)}
            for o in study.outside()
        ],
        "causes": [
            {"parameter": c.name, "unit": c.unit, "rank_correlation": c.rank, "likely": c.likely,
             "median_passed": c.passed_median, "median_failed": c.failed_median}
            for c in study.causes()
        ],
        "worst": [r.seed for r in study.worst()],
        "each": [
            {"seed": o.case.seed, "passed": o.result.verdict.passed,
             "reasons": list(o.result.verdict.reasons), "drawn": dict(o.case.drawn),
             "digest": o.result.digest,
             "figures": {f.key: f.value for f in o.result.figures}}
            for o in study.outcomes if o.result
        ],
        "software": software,
    }  # fmt: skip
    shown: dict[str, Any] = finite(plain)
    return shown
