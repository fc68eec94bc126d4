"""A comparison as JSON and as rows of a table."""

from dataclasses import asdict
from math import isfinite
from typing import Any

from controller.runs.compare import Comparison, Row, Side
from controller.runs.quality_text import beside_sd, number


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Plain JSON values; every figure with the method it was found by."""
    c = comparison
    return {
        "kind": c.kind,
        "axis": c.axis.value,
        "stretch": {"low": c.low, "high": c.high, "unit": c.axis.unit},
        "level": c.level,
        "trial": list(c.trial),
        "base": list(c.base),
        "measures": {row.measure.name: _row_json(row) for row in c.rows},
        "energy": {"trial": asdict(c.trial_energy), "base": asdict(c.base_energy)},
        "notes": list(c.notes),
    }


def _row_json(row: Row) -> dict[str, Any]:
    interval = row.interval
    return {
        "text": row.measure.text,
        "unit": row.measure.title_unit,
        "sort": row.measure.sort.value,
        "method": row.method,
        "evidence": row.evidence.value,
        "trial": _side_json(row.trial),
        "base": _side_json(row.base),
        "difference": row.difference,
        "interval": None if interval is None else asdict(interval),
        "why_no_interval": row.why_not,
        "verdict": row.verdict,
    }


def _side_json(side: Side) -> dict[str, Any]:
    spec = side.spec
    return {
        "runs": list(side.runs),
        "mean": side.mean if isfinite(side.mean) else None,
        "sd": side.sd,
        "n": side.n,
        "effective_n": side.effective_n,
        "units_of_evidence": side.units,
        "known": side.known,
        "spec": {"low": spec.low, "high": spec.high, "from": spec.text} if spec else None,
        "cpk": side.capability.cpk,
        "why_no_cpk": side.capability.why_not,
    }


def table_rows(comparison: Comparison) -> list[dict[str, str]]:
    """One row a measure, for a person; the keys are the headings."""
    return [
        {
            "measure": row.measure.text,
            "unit": row.measure.title_unit,
            "trial": _mean_sd(row.trial),
            "trial Cpk": _cpk(row.trial),
            "base": _mean_sd(row.base),
            "base Cpk": _cpk(row.base),
            "p": "-" if row.interval is None else f"{row.interval.p:.2g}",
            "verdict": row.verdict,
        }
        for row in comparison.rows
    ]


def energy_rows(comparison: Comparison) -> list[dict[str, str]]:
    """Energy side by side; means over the runs of a side."""
    trial, base = comparison.trial_energy, comparison.base_energy
    names = (
        ("energy of the run", "kWh", trial.run_kwh, base.run_kwh),
        ("energy in EXECUTE", "kWh", trial.execute_kwh, base.execute_kwh),
        ("mean power in EXECUTE", "kW", trial.mean_kw, base.mean_kw),
        ("energy in EXECUTE a metre", "kWh/m", trial.per_metre_kwh, base.per_metre_kwh),
    )
    return [
        {"energy": text, "unit": unit, "trial": number(first), "base": number(second)}
        for text, unit, first, second in names
    ]


def _mean_sd(side: Side) -> str:
    if not isfinite(side.mean):
        return "-"
    shown = beside_sd(side.mean, side.sd)
    return shown if side.sd is None else f"{shown} (sd {side.sd:.2g})"


def _cpk(side: Side) -> str:
    return "-" if side.capability.cpk is None else f"{side.capability.cpk:.2f}"
