"""Fault schedules from a CSV file: station, name, start_s, for_s (empty: for ever), level (empty:
the fault's own)."""

import csv
from math import inf
from pathlib import Path

from controller.core.errors import ConfigError, Problem
from plc_sim.faults import Injection, find

COLUMNS = ("station", "name", "start_s", "for_s", "level")


def read_schedule(path: Path) -> list[Injection]:
    """All injections of a file; ConfigError with every mistake at once."""
    problems: list[Problem] = []
    injections: list[Injection] = []
    with path.open(newline="", encoding="utf-8") as f:
        reader = csv.DictReader(f)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = ",".join(reader.fieldnames or ())
            raise ConfigError([_problem(path, 1, "header", found, f"must be {','.join(COLUMNS)}")])
        for row in reader:
            try:
                injections.append(_injection(row))
            except (LookupError, ValueError, TypeError) as error:
                text = str(error).strip("'\"")
                shown = ",".join(str(v) for v in row.values())
                problems.append(_problem(path, reader.line_num, "row", shown, text))
    if problems:
        raise ConfigError(problems)
    return injections


def _injection(row: dict[str, str]) -> Injection:
    fault = find(row["station"], row["name"])
    start_s = float(row["start_s"])
    return Injection(
        fault=fault,
        start_s=start_s,
        end_s=start_s + float(row["for_s"]) if row["for_s"] else inf,
        level=float(row["level"]) if row["level"] else fault.level,
    )


def _problem(path: Path, line: int, field: str, value: str, message: str) -> Problem:
    return Problem(file=path.name, line=line, field=field, value=value, message=message)
