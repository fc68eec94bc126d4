"""Reference pages that are made from the code: `python -m tests.support.generated [--check]`.

Without an option all pages are written. With --check nothing is written; the exit code is 1 and the
stale pages are named when a page on disk is not what the code would make today.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import inf
from pathlib import Path
from typing import Any

import typer

from controller.__main__ import app
from controller.config import load_line, tag_dictionary
from controller.control.states import TABLE, CommandCode, State, diagram, enabled_mask
from controller.core.point import Point
from controller.core.tag import Tag
from controller.line import tag_table
from plc_sim.faults import FAULTS
from plc_sim.models.parameters import SECTIONS
from tests.support.generated_api import api
from tests.support.generated_metrics import metrics
from tests.support.generated_recipes import recipe_format

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
LINE = ROOT / "controller" / "lines" / "pilot"
BACK = "phases that were not done, and done ones without `on_unhold: skip`"
NOTE = "<!-- Made from the code by `make docs`; edits here are lost. -->\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(c) for c in line)} |\n" for line in lines)


def _span(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def state_machine() -> str:
    """docs/reference/state-machine.md."""
    states = [
        (
            state.name,
            int(state),
            f"{row.packml.name} {int(row.packml)}",
            ", ".join(v.value for v in row.enabled) or "none",
            enabled_mask(state),
            row.done.name if row.done is not None else "",
            row.restored.name,
        )
        for state, row in TABLE.items()
    ]
    head = ("state", "MTP code", "PackML", "commands taken", "mask", "when done", "after a restart")
    commands = table(("command", "code"), [(c.name, int(c)) for c in CommandCode])
    return f"""{NOTE}
# State machine of a station

Every station runs the service machine of the Module Type Package (VDI/VDE/NAMUR 2658-4). The
table is `controller.control.states.TABLE`; nothing else decides what follows what. The code is the
tag `PREFIX.SERVICE.STATE`, the PackML number (ISA-TR88.00.02) is `PREFIX.SERVICE.PACKML`.

A command that is not in the third column is refused, and the answer lists those that are. "When
done" is where the state leads when its steps are complete. "After a restart" is the state in which
a station comes back when the controller was restarted: motion never comes back by itself.

{table(head, states)}
The mask is the sum of the codes of the commands that are taken.

{commands}
{_recipes_in_it()}
## Diagram

Commands are in capitals; `done` is completion. {len(State)} states, {len(CommandCode)} commands.

```mermaid
{diagram()}```
"""


def _recipes_in_it() -> str:
    return f"""## Recipes in it

A station without a recipe goes through the steps of its kind. With one, the phases of the recipe
are the steps of STARTING, UNHOLDING and RESUMING:

| command | leads through | run and recipe |
| --- | --- | --- |
| START | all phases | latches the requested recipe and begins a run |
| RESTART | all phases, from the first one on | the same run, the same control recipe |
| UNHOLD, RESUME | {BACK} | the same run, the same control recipe |
| UNHOLD without a run | all phases | for a machine that was found active: as START |
| COMPLETE, STOP, ABORT | the steps of the kind | ends the run when the station has come to rest |

A phase that was broken off keeps the time it had spent and a prompt that was confirmed, also over
a restart of the controller; the time of one that had timed out begins anew. When the PLC has
restarted it has lost what the phases had set: UNHOLD begins with the first one, and none is left
out. A phase is not over while the link is down or the station is switched to local. A phase that
takes too long holds or aborts, as its recipe says. DEPLOY is taken in every state and changes
nothing before the next START; CONFIRM is taken while a prompt waits for it. The run ends in
COMPLETED, STOPPED or ABORTED; see [Recipes and runs](../explanation/recipes-and-runs.md).
"""


def tags() -> str:
    """docs/reference/tags.md."""
    config = load_line(LINE)
    wire = tag_dictionary(config)
    on_wire = {row["name"] for row in wire}
    own = [t for t in tag_table(config).tags if t.name not in on_wire]
    head = ("tag", "unit", "low", "high", "kind", "access", "rate", "address", "description")
    points = {p.tag: p for s in config.stations for p in s.points}
    parts = [
        f"""{NOTE}
# Tags of the pilot line

The first table of a station is its I/O list (`controller/lines/pilot/io_list.csv`): what is on the
wire. Access is seen from the controller: R is read, W is written and read back. The tag of the
read-back ends in `.RB`. Rate is how fast a set point comes to act, in its unit per second; where
it is empty, at once. The second table is what the station's program publishes of itself: its
procedure, its scan, its link, its settings (`PREFIX.SET.*`, changed with `dryline set`) and its
loops. All humidities in degC are frost points over ice.
"""
    ]
    for station in config.stations:
        rows = [r for r in wire if r["station"] == station.name]
        cells = [[r[key] for key in ("name", *head[1:5])] for r in rows]
        cells = [
            [*c, r["access"] if not str(r["name"]).endswith(".RB") else "read-back",
             _rate(points.get(str(r["name"]))), r["address"],
             _with_labels(str(r["description"]), r["labels"])]
            for c, r in zip(cells, rows, strict=True)
        ]  # fmt: skip
        parts.append(f"\n## {station.title}: on the wire ({station.protocol})\n\n")
        parts.append(table(head, cells))
        parts.append(f"\n## {station.title}: the station's own\n\n")
        parts.append(_own_table(t for t in own if t.station == station.name))
    names = {s.name for s in config.stations}
    parts.append("\n## The line's own\n\n")
    parts.append(_own_table(t for t in own if t.station not in names))
    return "".join(parts)


def _rate(point: Point | None) -> str:
    return "" if point is None or point.rate_per_s == inf else f"{point.rate_per_s:g}"


def _own_table(tags_: Iterable[Tag]) -> str:
    head = ("tag", "unit", "low", "high", "kind", "description")
    return table(
        head,
        [
            (t.name, t.unit, t.low, t.high, t.kind.value, _with_labels(t.description, t.labels))
            for t in tags_
        ],
    )


def _with_labels(text: str, labels: object) -> str:
    names = list(labels) if isinstance(labels, Sequence) else []
    return f"{text} ({', '.join(f'{k} {n}' for k, n in enumerate(names))})" if names else text


def faults() -> str:
    """docs/reference/faults.md."""
    head = ("id", "name", "acts on", "default", "allowed", "unit", "what it does")
    parts = [
        f"""{NOTE}
# Faults of the simulated plant

Inject one with `dryline fault STATION NAME`, for example
`dryline fault enclosure heater_failure --after 60 --for 600`. Times are plant seconds. "Acts on"
says which part of the station is hurt: the physics (model), the measuring chain (instrument) or
the PLC and its wire (plc). The level is the strength; 0 means that the fault is not there.
See [Trial a fault](../how-to/trial-a-fault.md).
"""
    ]
    by_station = sorted(FAULTS, key=lambda f: f.station)
    for station, group in groupby(by_station, key=lambda f: f.station):
        rows = [
            (f.id, f"`{f.name}`", f.where.value, f.level, _span(f.low, f.high), f.unit, f.effect)
            for f in group
        ]
        parts.append(f"\n## {station.capitalize()}\n\n{table(head, rows)}")
    return "".join(parts)


def parameters() -> str:
    """docs/reference/parameters.md."""
    head = ("parameter", "value", "unit", "plausible range", "source", "note")
    parts = [
        f"""{NOTE}
# Parameters of the simulated plant

From `plc_sim/models/parameters/`. The source says how well a number is founded:
*published* (literature or data sheet), *known* (a constant of nature or a standard figure),
*computed* (follows from other numbers), *assumed* (plausible, without a source, to be fitted on a
real plant). See [Physics](../explanation/physics.md) for what they are used for.
"""
    ]
    for section, tables in SECTIONS.items():
        parts.append(f"\n## {section.capitalize()}\n")
        for name, rows in tables.items():
            shown = [
                (f"`{p.name}`", p.value, p.unit, _span(p.low, p.high), p.source.value, p.note)
                for p in rows
            ]
            parts.append(f"\n### {section}: {name}\n\n{table(head, shown)}")
    return "".join(parts)


def command_line() -> str:
    """docs/reference/cli.md."""
    group: Any = typer.main.get_command(app)
    parts = [
        f"""{NOTE}
# Command line

`dryline COMMAND`. The same text, laid out for a terminal, comes with the option `--help`.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | refused by a station, or failed; the reasons are on standard error |
| 2 | wrong input: an option, or a configuration file; nothing was started |

Commands that act on a running line find it by its run folder (`--run`, default `run`): the
sockets of the controller and of the simulated plant are in it. With `--json` standard output holds
JSON and nothing else. Tables, progress and messages go where they do not disturb a pipe.
"""
    ]
    for name, command in _commands(group):
        arguments = [p for p in command.params if not p.opts[0].startswith("-")]
        options = [p for p in command.params if p.opts[0].startswith("-") and not p.hidden]
        usage = " ".join([name, *(_argument(p) for p in arguments)])
        parts.append(f"\n## dryline {name}\n\n{command.help}\n\n")
        parts.append(f"```text\ndryline {usage}{' [OPTIONS]' if options else ''}\n```\n\n")
        rows = [(f"`{p.name.upper()}`", p.help or "", _default(p)) for p in arguments]
        rows += [(f"`{_names(p)}`", p.help or "", _default(p)) for p in options]
        parts.append(table(("argument or option", "meaning", "default"), rows))
    return "".join(parts)


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its full name, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _argument(parameter: Any) -> str:
    text = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
    return text if parameter.required else f"[{text}]"


def _names(parameter: Any) -> str:
    return " / ".join([*parameter.opts, *parameter.secondary_opts])


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if isinstance(value, Path) and value.is_absolute():
        return "the shipped pilot line"
    return "" if value in (None, False, "") else str(value)


PAGES: Mapping[str, Callable[[], str]] = {
    "state-machine.md": state_machine,
    "tags.md": tags,
    "faults.md": faults,
    "parameters.md": parameters,
    "cli.md": command_line,
    "recipe-format.md": lambda: recipe_format(NOTE, table),
    "metrics.md": lambda: metrics(NOTE, table),
    "api.md": lambda: api(NOTE, table),
}


def stale(folder: Path = REFERENCE) -> list[str]:
    """Names of the pages that are missing or not what the code would make."""
    return [
        name
        for name, make in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != make()
    ]


def write(folder: Path = REFERENCE) -> None:
    """Write all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (folder / name).write_text(make(), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; 1 when a check finds stale pages."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.generated")
    parser.add_argument("--check", action="store_true", help="write nothing, name stale pages")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    names = stale()
    for name in names:
        sys.stderr.write(f"docs/reference/{name} is stale; run `make docs`\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
