"""The alarms of a station or of the line, out of the tables in `controller/alarms/kinds`."""

import importlib
import importlib.util
from collections.abc import Iterable, Sequence

from controller.alarms.definition import AlarmDefinition, Measure, bad_value
from controller.alarms.kinds import common
from controller.alarms.kinds.line import ALARMS as OF_LINE
from controller.alarms.kinds.line import sink_alarms

# Written by the station itself, so never Bad while it is scanned.
OWN = frozenset({".LINK.AGE", ".INTERLOCK.BYPASSED", ".SCAN.FAULTED"})


def rows_of(kind: str) -> tuple[AlarmDefinition, ...]:
    """The table of a station kind, unplaced; empty where the kind has none."""
    name = f"controller.alarms.kinds.{kind}"
    if not kind.isidentifier() or importlib.util.find_spec(name) is None:
        return ()
    rows: tuple[AlarmDefinition, ...] = importlib.import_module(name).ALARMS
    return rows


def station_alarms(kind: str, station: str, prefix: str) -> tuple[AlarmDefinition, ...]:
    """Every alarm of a station: link and machine, its kind's, and one for each tag that may be Bad.

    Where the kind alarms a condition of all stations in its own way, its row takes the place.
    """
    own = rows_of(kind)
    ids = {row.id for row in own}
    rows = [*(row for row in common.ALARMS if row.id not in ids), *own]
    return tuple(row.placed(kind, station, prefix) for row in (*rows, *_bad_of(rows, kind)))


def line_alarms(prefix: str, sinks: Iterable[str] = ()) -> tuple[AlarmDefinition, ...]:
    """Every alarm of the line's own figures. prefix: LINE, or LINE.COAT.CAL of a part."""
    rows = (*OF_LINE, *sink_alarms(sinks))
    return tuple(row.placed("line", "", prefix) for row in rows)


def _bad_of(rows: Sequence[AlarmDefinition], kind: str) -> list[AlarmDefinition]:
    """One for each tag, however many alarms it has."""
    of: dict[str, list[AlarmDefinition]] = {}
    for row in rows:
        # A reference of another measure than IMBALANCE and APART is a set point of our own.
        inputs = row.tags if row.measure in (Measure.IMBALANCE, Measure.APART) else (row.tag,)
        for tag in inputs:
            if tag not in OWN:
                of.setdefault(tag, []).append(row)
    return [bad_value(tag, alarms, key=f"{kind}:{tag}.bad") for tag, alarms in of.items()]
