"""docs/reference/alarms.md, made from the tables of alarms and the table of states."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from controller.alarms.catalogue import line_alarms, station_alarms
from controller.alarms.definition import AlarmDefinition, Measure
from controller.alarms.states import TABLE, diagram
from controller.config import load_line

LINE = Path(__file__).resolve().parents[2] / "controller" / "lines" / "pilot"
Table = Callable[[Sequence[str], Iterable[Sequence[object]]], str]


def alarm_reference(table: Table, note: str) -> str:
    """The page. table: makes a Markdown table; note: the first line."""
    config = load_line(LINE)
    parts = [(s.title, station_alarms(s.kind, s.name, s.prefix)) for s in config.stations] + [
        ("The line itself", line_alarms("LINE", ["NAME"]))
    ]
    tables = "\n".join(f"## {title}\n\n{_rows(table, rows)}" for title, rows in parts)
    ways = table(
        ("state", "move", "leads to"),
        [(s.value, m.value, new.value) for s, ways in TABLE.items() for m, new in ways.items()],
    )
    return f"""{note}
# Alarms

Every alarm asks a person for an action; what asks for none is an event. A limit with the name of a
tag is relative to it. A recipe may replace the limits hi, hihi, lo and lolo; "recipe" stands where
only a recipe gives one. Every tag with alarms also has TAG.bad, for a value that is bad for another
reason than its link; these are left out here.

{tables}
## States

{ways}
```mermaid
{diagram()}```
"""


def _rows(table: Table, alarms: Iterable[AlarmDefinition]) -> str:
    head = ("alarm", "", "limit", "dead-band", "delay s", "what", "what to do", "within s", "else")
    return table(
        head,
        [
            (
                d.id, int(d.priority), _limit(d), d.deadband, f"{d.on_delay_s:g}/{d.off_delay_s:g}",
                d.text, d.action, d.respond_s, d.consequence,
            )
            for d in alarms
            if d.measure is not Measure.QUALITY
        ],
    )  # fmt: skip


def _limit(d: AlarmDefinition) -> str:
    if d.limit is None:
        return "recipe"
    if d.measure is Measure.DEVIATION:
        return f"{d.reference} {d.limit:+g} {d.unit}".rstrip(" -")
    return f"{d.limit:g} {d.unit}".rstrip(" -")
