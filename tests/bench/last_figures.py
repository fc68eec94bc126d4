"""The last figures in docs/explanation/benchmarks.md, made from bench-out/bench.json."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "benchmarks.md"
BEGIN = "<!-- last figures: python -m tests.bench --write-docs -->"
END = "<!-- end of the last figures -->"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    shown = f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}"
    return f"{shown} {unit}".strip()


def _row(goal: Mapping[str, Any]) -> str:
    sign = "at most" if goal["better"] == "below" else "at least"
    bound = "" if goal["bound"] is None else f"{sign} {_number(goal['bound'], goal['unit'])}"
    verdict = {None: "", True: "met", False: "missed"}[goal["met"]]
    figure = _number(goal["value"], goal["unit"])
    cells = (goal["goal"], goal["what"], figure, bound, verdict, goal["note"])
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def table(kept: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown from the content of bench.json."""
    taken = dict(kept["about"])
    day, machine, load = (taken.pop(key) for key in ("date", "machine", "load"))
    versions = ", ".join(f"{name} {version}" for name, version in taken.items())
    yield f"Taken on {day} on {machine}, load {load} at the end; {versions}."
    yield ""
    yield "| goal | what | figure | goal's bound | | note |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield from map(_row, kept["goals"])
    for name, reason in kept.get("failed", {}).items():
        yield ""
        yield f"`{name}` brought no figures: {reason}."


def between(page: str, lines: Iterator[str]) -> str:
    """The page with these lines between its two marks; ValueError when one is missing."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs a line {BEGIN} and a line {END}")
    return "\n".join((head + begin, "", *lines, "", end + tail))


def write(source: Path, page: Path = PAGE) -> int:
    """Put the figures of `source` into the page; 1 with a message when there are none."""
    if not source.exists():
        sys.stderr.write(f"{source} is not there: run the benchmarks first\n")
        return 1
    kept = json.loads(source.read_text(encoding="utf-8"))
    text = between(page.read_text(encoding="utf-8"), table(kept))
    page.write_text(text, encoding="utf-8")
    print(f"written to {page}")
    return 0
