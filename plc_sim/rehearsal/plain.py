"""The report as plain values: what a release and a script read."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from controller.recipe_diff import as_json
from plc_sim.rehearsal.case import Upset
from plc_sim.rehearsal.compare import Pair, Row, over_seeds, paired
from plc_sim.rehearsal.loops import LoopFigures
from plc_sim.rehearsal.report import Report, by_seed
from plc_sim.rehearsal.result import Result
from plc_sim.rehearsal.verdict import Criteria

DIGITS = 9  # significant; what a double has beyond is noise of the arithmetic


def as_plain(report: Report) -> dict[str, Any]:
    """Everything but the trajectory, in an order that does not change.

    `passed`, `content_hash` and `summary` are what a release asks for. A rehearsal with faults
    has `recovered` instead of `passed`, one with other gains or on a drawn plant `went_well`: they
    are no proof that the recipe keeps its limits.
    """
    case = report.case
    verdict = _verdict(report)
    plain: dict[str, Any] = {
        verdict: report.passed,
        "content_hash": case.master.content_hash if case.master else "",
        "summary": report.summary(),
        "recipe": report.title,
        "station": case.station,
        "criteria": report.criteria.value,
        "neighbours": case.neighbours.value,
        "beside": {name: str(m.recipe.id) for name, m in case.beside.items()},
        "minutes": case.minutes,
        "operator_delay_s": case.operator_s,
        "seeds": [o.case.seed for o in report.outcomes],
        "faults": [_upset(u) for u in case.upsets],
        "software": report.software,
        "reasons": report.reasons(),
        "warnings": report.warnings(),
        "not_modelled": dict(report.not_modelled),
        "curves": [
            {"title": title, "columns": list(names)} for title, names in report.curves.items()
        ],
        "figures": [_row(row) for row in over_seeds(report.results)],
        "runs": [_run(r) for r in report.results],
    }
    if report.against:
        plain["against"] = {
            "recipe": report.old_title,
            "passed": report.old_passed,
            "reasons": list(by_seed(report.against, lambda r: r.verdict.reasons)),
            "figures": [_pair(p) for p in paired(report.old, report.results)],
            "runs": [_run(r) for r in report.old],
            "diff": as_json(report.diff) if report.diff else None,
        }
    if case.drawn:
        plain["drawn"] = dict(case.drawn)
    if case.gains is not None:
        plain["tuning"] = _tuning(report)
    shown: dict[str, Any] = finite(plain)
    return shown


def _verdict(report: Report) -> str:
    if report.tuned or report.drawn:
        return "went_well"
    return "recovered" if report.criteria is Criteria.RECOVERY else "passed"


def _tuning(report: Report) -> dict[str, Any]:
    """The first seed with the gains that are looked at, and with the present ones."""
    found = {}
    for name, outcomes in (("new", report.outcomes), ("present", report.against)):
        for outcome in outcomes[:1]:
            shown = outcome.result.course if outcome.result else None
            if outcome.case.gains is not None:
                found[name] = {"gains": asdict(outcome.case.gains), "course": shown}
    return found


def _upset(upset: Upset) -> dict[str, Any]:
    return {
        "station": upset.fault.station, "name": upset.fault.name, "level": upset.level,
        "start_s": upset.start_s, "for_s": upset.for_s,
        "from": "production" if upset.from_production else "start of the plant",
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    return {
        "key": row.key, "text": row.text, "unit": row.unit,
        "mean": row.mean, "low": row.low, "high": row.high,
        "by_seed": {str(seed): value for seed, value in row.by_seed.items()},
    }  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    d = pair.difference
    return {
        "key": pair.key, "text": pair.text, "unit": pair.unit, "old": pair.old, "new": pair.new,
        "difference": d.mean if d else None, "low": d.low if d else None,
        "high": d.high if d else None, "same_sign": pair.same_sign,
    }  # fmt: skip


def _run(result: Result) -> dict[str, Any]:
    facts, verdict = result.facts, result.verdict
    return {
        "seed": result.seed,
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "warnings": list(verdict.warnings),
        "ready_s": facts.ready_s,
        "production_s": facts.production_s,
        "ended_s": facts.ended_s,
        "states": [
            {"at_s": m.at_s, "old": m.old.name, "new": m.new.name, "reason": m.reason}
            for m in facts.moves
        ],
        "phases": [asdict(p) for p in facts.phases],
        "alarms": [asdict(a) for a in facts.alarms],
        "told": [asdict(t) for t in facts.told],
        "loops": [_loop(loop) for loop in result.loops],
        "figures": {f.key: {"value": f.value, "unit": f.unit} for f in result.figures},
        "digest": result.digest,
    }


def _loop(loop: LoopFigures) -> dict[str, Any]:
    plain = asdict(loop)
    for change, shown in zip(loop.changes, plain["changes"], strict=True):
        shown["overshoot_pct"] = change.overshoot_pct
    return plain


def finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """JSON knows no infinity and no not-a-number: None in their place; numbers are rounded."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if isfinite(value) else None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value
