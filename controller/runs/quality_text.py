"""What a run came to, as JSON and as rows of a table."""

from math import floor, log10
from typing import Any

from controller.runs.measure import Sort
from controller.runs.quality import Figure, RunSummary


def as_json(summary: RunSummary) -> dict[str, Any]:
    """Plain JSON values; every figure with what it was computed from."""
    head, energy = summary.head, summary.energy
    return {
        "run": head.id,
        "station": head.station,
        "kind": head.kind,
        "recipe": head.recipe,
        "trial": head.trial,
        "outcome": head.outcome.value,
        "duration_s": summary.duration_s,
        "ready_s": summary.ready_s,
        "execute_s": summary.course.execute_s,
        "states_s": dict(summary.course.seconds),
        "state_unknown_s": summary.course.unknown_s,
        "metres": summary.metres,
        "execute_metres": summary.execute_metres,
        "energy": {
            "run_kwh": energy.run_kwh,
            "execute_kwh": energy.execute_kwh,
            "mean_kw": energy.mean_kw,
            "per_metre_kwh": energy.per_metre_kwh,
            "known": energy.known,
        },
        "figures": {name: _figure_json(figure) for name, figure in summary.figures.items()},
    }


def _figure_json(figure: Figure) -> dict[str, Any]:
    spec, measure = figure.spec, figure.measure
    return {
        "text": measure.text,
        "unit": measure.unit,
        "sort": measure.sort.value,
        "tags": [f"{'-' if sign < 0 else ''}{tag}" for tag, sign in measure.terms],
        "method": f"time in EXECUTE; mean and sd of {figure.step_s} s means of Good values",
        "n": figure.n,
        "effective_n": figure.effective_n,
        "mean": figure.mean,
        "sd": figure.sd,
        "minimum": figure.minimum,
        "maximum": figure.maximum,
        "inside": figure.inside,
        "known": figure.known,
        "uncertain": figure.uncertain,
        "dose": figure.dose,
        "dose_unit": measure.title_unit if measure.sort is Sort.DOSE else None,
        "spec": {"low": spec.low, "high": spec.high, "from": spec.text} if spec else None,
        "cpk": figure.capability.cpk,
        "why_no_cpk": figure.capability.why_not,
        "notes": list(figure.notes),
    }


def table_rows(summary: RunSummary) -> list[dict[str, str]]:
    """One row a measure, for a person."""
    return [_row(figure) for figure in summary.figures.values()]


def _row(figure: Figure) -> dict[str, str]:
    found = figure.capability
    spec = figure.spec
    limits = "-" if spec is None else f"{number(spec.low)} .. {number(spec.high)}"
    unit = f", {figure.measure.unit}" if figure.measure.unit else ""
    return {
        "measure": f"{figure.measure.text}{unit}",
        "mean": beside_sd(figure.mean, figure.sd),
        "sd": "-" if figure.sd is None else f"{figure.sd:.2g}",
        "min": number(figure.minimum),
        "max": number(figure.maximum),
        "limits": limits,
        "inside": percent(figure.inside),
        "known": percent(figure.known),
        "Cpk": f"{found.cpk:.2f}" if found.cpk is not None else "-",
    }


def notes(summary: RunSummary) -> list[str]:
    """What the table leaves out: doses, why there is no Cpk, what is odd about a measure."""
    found = []
    for figure in summary.figures.values():
        text = figure.measure.text
        if figure.dose is not None:
            found.append(f"{text}: dose {figure.dose:.4g} {figure.measure.title_unit}")
        if figure.capability.cpk is None:
            found.append(f"{text}: no Cpk, {figure.capability.why_not}")
        found += [f"{text}: {note}" for note in figure.notes]
    return found


def number(value: float | None) -> str:
    """Four digits, '-' for what is not known."""
    return "-" if value is None else f"{value:.4g}"


def beside_sd(mean: float | None, sd: float | None) -> str:
    """A mean to the second digit of its sd, as 104.62 beside 0.50."""
    if mean is None or not sd:
        return number(mean)
    return f"{mean:.{max(0, 1 - floor(log10(sd)))}f}"


def percent(share: float | None) -> str:
    """'99.5 %', rounded down: 100 % means all of it."""
    return "-" if share is None else f"{int(1000.0 * share + 1e-9) / 10:g} %"
