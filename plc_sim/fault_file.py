"""Fault schedules from a CSV file: station, name, start_s, for_s (empty: for ever), level (empty:
the fault's own)."""

import csv
from math import inf, isfinite
from pathlib import Path

from controller.core.errors import ConfigError, Problem
from controller.text_file import read_text
from plc_sim.faults import Injection, find

COLUMNS = ("station", "name", "start_s", "for_s", "level")
MAX_BYTES = 4 * 1024 * 1024


def read_schedule(path: Path) -> list[Injection]:
    """All injections of a file; ConfigError with every mistake at once."""
    text, problems, _ = read_text(path, path.name, MAX_BYTES, "name a fault schedule")
    if text is None:
        raise ConfigError(problems)
    reader = csv.reader(text.splitlines())
    header = tuple(next(reader, ()))
    if header != COLUMNS:
        found = ",".join(header)
        raise ConfigError([_problem(path, 1, "header", found, f"must be {','.join(COLUMNS)}")])
    injections: list[Injection] = []
    for fields in reader:
        if not fields:
            continue
        try:
            injections.append(_injection(fields))
        except (LookupError, ValueError) as error:
            message = str(error).strip("'\"")
            problems.append(_problem(path, reader.line_num, "row", ",".join(fields), message))
    if problems:
        raise ConfigError(problems)
    return injections


def _injection(fields: list[str]) -> Injection:
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} fields, must be {len(COLUMNS)}: {','.join(COLUMNS)}")
    row = dict(zip(COLUMNS, fields, strict=True))
    fault = find(row["station"], row["name"])
    start_s = _number(row, "start_s")
    return Injection(
        fault=fault,
        start_s=start_s,
        end_s=start_s + _number(row, "for_s") if row["for_s"] else inf,
        level=_number(row, "level") if row["level"] else fault.level,
    )


def _number(row: dict[str, str], field: str) -> float:
    try:
        number = float(row[field])
    except ValueError:
        number = inf
    if not isfinite(number):
        raise ValueError(f"{field} = {row[field]!r}: must be a number")
    return number


def _problem(path: Path, line: int, field: str, value: str, message: str) -> Problem:
    return Problem(file=path.name, line=line, field=field, value=value, message=message)
