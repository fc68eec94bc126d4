"""The I/O list as a whole: rows against each other, against the stations and the protocols."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from controller.core.errors import Problem
from controller.core.point import READ_BACK, Access, Wire
from controller.core.tag import Kind
from controller.explain import closest, quoted
from controller.io_row import Row, problem

TICKET = (40, 41)  # holding registers of sequence number and seen heartbeat
FIRST_OUTPUT = 42
MAX_OUTPUTS = 121  # registers one request can write behind the ticket
MODBUS_FAST_S = 1.0  # the tags a ticket is made of must be read at least this often

COMMON: Mapping[str, tuple[Access, Kind]] = {  # what every station's PLC must have
    "HEART": (Access.READ, Kind.INTEGER),
    "BOOT": (Access.READ, Kind.INTEGER),
    "MAP": (Access.READ, Kind.INTEGER),
    "STATE": (Access.READ, Kind.ENUM),
    "TRIP": (Access.READ, Kind.ENUM),
    "REMOTE": (Access.READ, Kind.BOOLEAN),
    "WDOG": (Access.READ, Kind.BOOLEAN),
    "REJECTS": (Access.READ, Kind.INTEGER),
    "SEQ": (Access.READ, Kind.INTEGER),
    "CMD": (Access.WRITE, Kind.ENUM),
    "RESET": (Access.WRITE, Kind.INTEGER),
}
WIRES: Mapping[str, tuple[Wire, ...]] = {
    "opcua": (Wire.DOUBLE, Wire.FLOAT, Wire.INT32, Wire.UINT32, Wire.BOOL),
    "modbus": (Wire.INT16, Wire.UINT16, Wire.UINT32, Wire.BIT),
}
_NODE = re.compile(r"s=\S+")
_CELL = re.compile(r"(hr|di):(0|[1-9][0-9]{0,4})")
_LAST_CELL = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """What line.toml says of a station that its rows must fit; None where line.toml is wrong.

    ranges: first and last address the device defines, by area ("hr", "di"); empty: not known.
    """

    name: str
    prefix: str | None
    protocol: str | None
    ranges: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Cells:
    """Modbus addresses [start, stop) of one row."""

    area: str
    start: int
    stop: int
    row: Row


def check_rows(
    rows: Sequence[Row], stations: Sequence[StationFacts] | None, file: str
) -> tuple[list[Problem], list[Problem]]:
    """Problems that belong to no row, and warnings; those of a row are added to the row.

    stations: None when line.toml is so wrong that they are not known.
    """
    _check_names(rows, file)
    if stations is None:
        return [], []
    known = {facts.name: facts for facts in stations}
    of_station: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.station is not None:
            of_station[row.station].append(row)
    for name, strange in of_station.items():
        if name not in known:
            more = f" ({len(strange) - 1} more rows too)" if len(strange) > 1 else ""
            message = f"not in line.toml{more}: {closest(name, known)}allowed: {quoted(known)}"
            strange[0].wrong("station", message, file)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    by_tag = {row.tag: row for row in reversed(rows) if row.tag}
    for facts in stations:
        own = of_station[facts.name]
        if not own:
            message = "has no rows: add those of its tags"
            problems.append(problem(file, None, f"station {facts.name}", "", message))
        elif facts.prefix:
            problems += _check_common(facts, by_tag, file)
        check = _PROTOCOLS.get(facts.protocol or "")
        if check:
            warnings += check(own, facts, file)
    warnings += _foreign_prefixes(rows, stations, file)
    return problems, warnings


def _check_names(rows: Iterable[Row], file: str) -> None:
    """No tag twice, and none that is the read-back of a written one."""
    first: dict[str, int] = {}
    read_back: dict[str, tuple[str, int]] = {}
    for row in rows:
        if row.tag and row.access is Access.WRITE:
            read_back.setdefault(row.tag + READ_BACK, (row.tag, row.line))
    for row in rows:
        if row.tag is None:
            continue
        if row.tag in first:
            row.wrong("tag", f"already in line {first[row.tag]}: a tag has one row", file)
        if row.tag in read_back:
            base, line = read_back[row.tag]
            row.wrong("tag", f"is made by itself as read-back of {base}, line {line}", file)
        first.setdefault(row.tag, row.line)


def _check_common(facts: StationFacts, by_tag: Mapping[str, Row], file: str) -> list[Problem]:
    """The tags by which every PLC is supervised."""
    missing = []
    for suffix, (access, kind) in COMMON.items():
        tag = f"{facts.prefix}.{suffix}"
        row = by_tag.get(tag)
        if row is None:
            message = f"missing: add a row, station {facts.name}, type {kind}, access {access}"
            missing.append(problem(file, None, f"tag {tag}", "", message))
            continue
        if row.station not in (facts.name, None):
            row.wrong("station", f"must be {facts.name}, whose prefix is {facts.prefix}", file)
        if row.access not in (access, None):
            row.wrong("access", f"must be {access}: every station's {suffix} is", file)
        if row.kind not in (kind, None):
            row.wrong("type", f"must be {kind}: every station's {suffix} is", file)
        needs_speed = facts.protocol == "modbus" and suffix in ("HEART", "MAP", "SEQ")
        if needs_speed and row.scan_s is not None and row.scan_s > MODBUS_FAST_S:
            row.wrong("scan_s", f"must be at most {MODBUS_FAST_S:g} s over Modbus", file)
    return missing


def _foreign_prefixes(
    rows: Iterable[Row], stations: Sequence[StationFacts], file: str
) -> list[Problem]:
    owner = {facts.prefix: facts.name for facts in stations if facts.prefix}
    return [
        problem(
            file,
            row.line,
            "tag",
            row.tag,
            f"its prefix is that of station {owner[prefix]}, but the row is of {row.station}",
        )
        for row in rows
        if row.tag
        and (prefix := row.tag.partition(".")[0]) in owner
        and row.station not in (owner[prefix], None)
        and row.tag.partition(".")[2] not in COMMON
    ]


def _check_wires(rows: Iterable[Row], protocol: str, file: str) -> None:
    allowed = WIRES[protocol]
    for row in rows:
        if row.wire is not None and row.wire not in allowed:
            row.wrong("wire", f"not over {protocol}: allowed: {quoted(allowed)}", file)


def _check_opcua(rows: Sequence[Row], facts: StationFacts, file: str) -> list[Problem]:
    _check_wires(rows, "opcua", file)
    first: dict[str, Row] = {}
    for row in rows:
        if row.address is None:
            continue
        if not _NODE.fullmatch(row.address):
            row.wrong("address", "must be an OPC UA string node id without spaces, as s=X.Y", file)
        elif row.address in first:
            other = first[row.address]
            row.wrong("address", f"is that of {other.tag}, line {other.line}", file)
        first.setdefault(row.address, row)
    return []


def _check_modbus(rows: Sequence[Row], facts: StationFacts, file: str) -> list[Problem]:
    _check_wires(rows, "modbus", file)
    cells = [found for row in rows if (found := _cells(row, facts, file))]
    cells.sort(key=lambda c: (c.area, c.start, c.row.line))
    farthest: _Cells | None = None
    for here in cells:
        if farthest and farthest.area == here.area and here.start < farthest.stop:
            late, early = sorted((here, farthest), key=lambda c: -c.row.line)
            text = f"overlaps {early.row.tag} ({early.row.text['address']}, line {early.row.line})"
            late.row.wrong("address", text, file)
        if farthest is None or farthest.area != here.area or here.stop > farthest.stop:
            farthest = here
    return _check_outputs(cells, facts, file)


def _cells(row: Row, facts: StationFacts, file: str) -> _Cells | None:
    """The addresses of a row, if it has right ones."""
    if row.address is None:
        return None
    match = _CELL.fullmatch(row.address)
    if not match or int(match[2]) > _LAST_CELL:
        row.wrong("address", f"must be hr:N or di:N with N from 0 to {_LAST_CELL}", file)
        return None
    area, start = match[1], int(match[2])
    stop = start + (2 if row.wire is Wire.UINT32 else 1)
    if row.wire is not None and (area == "di") != (row.wire is Wire.BIT):
        row.wrong("address", "di goes with wire bit, hr with int16, uint16 and uint32", file)
        return None
    ranges = facts.ranges.get(area, ())
    if stop - 1 > _LAST_CELL:
        row.wrong("address", f"a uint32 takes two registers: at most hr:{_LAST_CELL - 1}", file)
    elif area == "hr" and start <= TICKET[1] and stop > TICKET[0]:
        row.wrong("address", f"hr:{TICKET[0]} and hr:{TICKET[1]} are kept for the ticket", file)
    elif ranges and not any(a <= start and stop <= b + 1 for a, b in ranges):
        shown = ", ".join(f"{a}-{b}" for a, b in ranges)
        row.wrong("address", f"outside what the device of {facts.name} defines: {shown}", file)
    elif row.access is Access.WRITE and (area == "di" or start < FIRST_OUTPUT):
        row.wrong("address", f"a written point must be at hr:{FIRST_OUTPUT} or above", file)
    else:
        return _Cells(area, start, stop, row)
    return None


def _check_outputs(cells: Iterable[_Cells], facts: StationFacts, file: str) -> list[Problem]:
    """Ticket and outputs travel in one request: no stranger inside, not too long; holes warn."""
    registers = [c for c in cells if c.area == "hr" and c.start >= FIRST_OUTPUT]
    outputs = [c for c in registers if c.row.access is Access.WRITE]
    if not outputs:
        return []
    last = outputs[-1]
    for here in registers:
        if here.start < last.start and here.row.access is Access.READ:
            here.row.wrong("address", "lies between written points, which travel as one", file)
    if last.stop - FIRST_OUTPUT > MAX_OUTPUTS:
        highest = FIRST_OUTPUT + MAX_OUTPUTS - 1
        last.row.wrong("address", f"written points must end at hr:{highest} or below", file)
    gaps = [(FIRST_OUTPUT, outputs[0])] if outputs[0].start > FIRST_OUTPUT else []
    gaps += [(a.stop, b) for a, b in pairwise(outputs) if a.stop < b.start]
    return [
        problem(
            file,
            after.row.line,
            "address",
            after.row.text["address"],
            f"hole of {after.start - start} before it: written points should be contiguous "
            f"from hr:{FIRST_OUTPUT}",
            after.row.tag,
        )
        for start, after in gaps
    ]


_PROTOCOLS: Mapping[str, Callable[[Sequence[Row], StationFacts, str], list[Problem]]] = {
    "opcua": _check_opcua,
    "modbus": _check_modbus,
}
