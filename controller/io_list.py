"""The I/O list: a CSV file with one row a point, read strictly, all mistakes at once."""

import csv

from controller.core.errors import Problem
from controller.core.point import Point
from controller.explain import closest
from controller.io_row import ALL_COLUMNS, COLUMNS, OPTIONAL, STATION, TAG, Row, RowParser, problem
from controller.text_file import shown


def read_io_list(text: str, file: str) -> tuple[list[Point], list[Problem]]:
    """The points of all rows that are right by themselves, and all mistakes, in file order."""
    rows, problems = read_rows(text, file)
    points = [point for row in rows if (point := row.point())]
    return points, in_file_order(rows, problems)


def in_file_order(rows: list[Row], problems: list[Problem]) -> list[Problem]:
    """Problems of the whole file and of its rows, by line and column."""
    found = [*problems, *(p for row in rows for p in sorted(row.problems, key=lambda p: p.field))]
    return sorted(found, key=lambda p: p.line or 0)


def read_rows(text: str, file: str) -> tuple[list[Row], list[Problem]]:
    """Every row, each with its own problems; and the problems of the file as a whole.

    Each line is read by itself, so that one stray quotation mark spoils one row and not the rest.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    header, problems = _header(lines[0], file)
    if header is None:
        return [], problems
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if line:
            rows.append(_row(line, number, header, file))
    if not rows:
        problems.append(problem(file, None, "rows", "", "none: the list needs one row a point"))
    return rows, problems


def _header(line: str, file: str) -> tuple[list[str] | None, list[Problem]]:
    expected = f"the first line must be {','.join(COLUMNS)}"
    names, wrong = _fields(line)
    if wrong:
        return None, [problem(file, 1, "header", shown(line), f"{wrong}; {expected}")]
    if len(set(names) & set(COLUMNS)) < len(COLUMNS) // 2:
        marks = {";": "semicolons", "\t": "tabs"}
        used = next((word for mark, word in marks.items() if mark in line), "")
        hint = f"separated by {used}, save the file with commas" if used else "not a header"
        return None, [problem(file, 1, "header", shown(line), f"{hint}; {expected}")]
    problems = []
    for column in COLUMNS:
        if column not in names:
            problems.append(problem(file, 1, column, "", f"column missing; {expected}"))
    for position, name in enumerate(names):
        if name not in ALL_COLUMNS:
            near = closest(name, [c for c in ALL_COLUMNS if c not in names])
            problems.append(
                problem(file, 1, "header", shown(name), f"unknown column: {near}{expected}")
            )
        elif name in names[:position]:
            problems.append(problem(file, 1, name, "", "column given twice: remove one"))
    if not problems and tuple(names) not in (COLUMNS, ALL_COLUMNS):
        return None, [problem(file, 1, "header", shown(line), f"wrong order; {expected}")]
    return names, problems


def _fields(line: str) -> tuple[list[str], str]:
    """The fields of one line, or what is wrong with its quotation marks."""
    try:
        return next(csv.reader([line], strict=True), []), ""
    except csv.Error as error:
        hint = 'quote a text that holds a comma, and write "" for a quotation mark inside it'
        return [], f"cannot be split into fields, {error}: {hint}"


def _row(line: str, number: int, header: list[str], file: str) -> Row:
    """One row. Under a wrong header the columns are taken by position where the count is right."""
    fields, wrong = _fields(line)
    columns = ALL_COLUMNS if header[-1] in OPTIONAL else COLUMNS
    if len(fields) == len(columns):
        header = list(columns)
    elif not wrong and len(fields) != len(header):
        wrong = f"{len(fields)} fields, must be {len(columns)} as in the header"
        wrong += ": quote a text that holds a comma" if len(fields) > len(columns) else ""
    if not wrong and not any(fields):
        wrong = "empty row: remove it"
    if wrong:
        return _broken(line, number, wrong, file)
    row = Row(number, dict(zip(reversed(header), reversed(fields), strict=True)))
    RowParser(row, file).parse()
    return row


def _broken(line: str, number: int, wrong: str, file: str) -> Row:
    """A row without fields; it keeps tag and station, so that they do not count as missing."""
    row = Row(number, {})
    tag, _, rest = line.partition(",")
    station = rest.partition(",")[0]
    row.tag = tag if TAG.fullmatch(tag) else None
    row.station = station if STATION.fullmatch(station) else None
    row.problems.append(problem(file, number, "row", shown(line), wrong))
    return row
