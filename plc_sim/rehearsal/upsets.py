"""Faults that a rehearsal is to survive, as they are written: `fan_slip`, `fan_slip@5+10`, a file.

A name alone stands for the second quarter of the production, so that half is left to recover in;
`@BEGIN+LASTS` says it in minutes of production. A file is a schedule in seconds of the plant.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from plc_sim.fault_file import read_schedule
from plc_sim.faults import find
from plc_sim.rehearsal.case import Upset

FAULT_FROM, FAULT_FOR = 0.25, 0.25
MINUTE_S = 60.0
WRITTEN = re.compile(r"(?P<name>[^@]+)(?:@(?P<begin>\d{1,5})\+(?P<lasts>\d{1,5}))?")


def read_upsets(text: str, station: str, minutes: float) -> list[Upset]:
    """Of a schedule from a file, or by name (STATION.NAME for one of a neighbour)."""
    path = Path(text)
    if text and (path.suffix == ".csv" or path.is_file()):
        return [
            Upset(fault=i.fault, level=i.level, start_s=i.start_s, for_s=i.end_s - i.start_s,
                  from_production=False)
            for i in read_schedule(path)
        ]  # fmt: skip
    return list(_by_name(text, station, minutes))


def _by_name(text: str, station: str, minutes: float) -> Iterator[Upset]:
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = WRITTEN.fullmatch(part)
        if match is None:
            raise ValueError(f"fault {part!r}: write NAME or NAME@BEGIN+LASTS, in minutes")
        where, dot, what = match["name"].partition(".")
        fault = find(where, what) if dot else find(station, where)
        begin, lasts = FAULT_FROM * minutes, FAULT_FOR * minutes
        if match["begin"]:
            begin, lasts = float(match["begin"]), float(match["lasts"])
        if begin >= minutes:
            told = f"only {minutes:g} min of production are rehearsed"
            raise ValueError(f"fault {fault.name} would begin after {begin:g} min: {told}")
        yield Upset(
            fault=fault, level=fault.level, start_s=MINUTE_S * begin, for_s=MINUTE_S * lasts,
            from_production=True,
        )  # fmt: skip
