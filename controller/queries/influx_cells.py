"""Long windows of a server: aggregates that it makes itself, over cells of equal length.

A cell tells how many Good, Uncertain and Bad samples it has and the minimum, maximum, sum, first
and last of the Good ones: all that is exact. When they came is not known, so a mean over time takes
them as spread evenly over their cell, and the share of the cell that is known as the share of its
samples that are Good.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.core.sample import FIRST_BAD, FIRST_UNCERTAIN
from controller.history.aggregates import Aggregates
from controller.history.codec import Floats
from controller.queries.influx_wire import Rows
from controller.queries.influxql import QUALITY, VALUE, Place, identifier, select

MOST_CELLS = 50_000
LENGTHS_NS = tuple(s * NS for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 86_400))

_VALUES = ("count", "sum", "min", "max", "first", "last")


def cell_ns(start_ns: int, stop_ns: int) -> int:
    """Length of the cells of a window: the shortest that is not too many."""
    span_ns = stop_ns - start_ns
    return next((c for c in LENGTHS_NS if span_ns <= MOST_CELLS * c), LENGTHS_NS[-1])


def cell_statements(source: Place, start_ns: int, stop_ns: int, length_ns: int) -> list[str]:
    """Of Good samples, of all, and of Uncertain ones."""
    value, quality = identifier(VALUE), identifier(QUALITY)
    group = f"GROUP BY time({length_ns}ns) fill(none)"
    asked = [
        (", ".join(f"{name}({value})" for name in _VALUES), f"{quality} < {FIRST_UNCERTAIN}"),
        (f"count({quality}), last({quality})", ""),
        (
            f"count({quality})",
            f"{quality} >= {FIRST_UNCERTAIN} AND {quality} < {FIRST_BAD}",
        ),
    ]
    return [select(what, source, start_ns, stop_ns, only=only, group=group) for what, only in asked]


def cells_of(
    answers: Sequence[Sequence[Rows]], window: tuple[int, int], length_ns: int
) -> Aggregates:
    """One row for each cell that has samples, from the start of the cell to its end."""
    good, every, doubtful = (_columns(pieces) for pieces in answers)
    times = every["time"].astype(np.int64)
    begins_ns = np.maximum(times, window[0])
    ends_ns = np.minimum(times + length_ns, window[1])

    def spread(table: Mapping[str, NDArray[Any]], name: str, empty: float) -> Floats:
        out = np.full(len(times), empty)
        out[np.searchsorted(times, table["time"].astype(np.int64))] = table[name]
        return out

    total = every["count"].astype(np.int64)
    counts = spread(good, "count", 0.0).astype(np.int64)
    uncertain = spread(doubtful, "count", 0.0).astype(np.int64)
    sums = spread(good, "sum", 0.0)
    share = counts / np.maximum(total, 1)
    known_ns = np.rint((ends_ns - begins_ns) * share).astype(np.int64)
    with np.errstate(over="ignore", invalid="ignore"):  # close to the largest float64
        mean = np.divide(sums, counts, out=np.zeros(len(times)), where=counts > 0)
        integral = mean * known_ns.astype(np.float64)
    return Aggregates(
        good=counts,
        uncertain=uncertain,
        bad=total - counts - uncertain,
        minimum=spread(good, "min", np.nan),
        maximum=spread(good, "max", np.nan),
        total=sums,
        integral=integral,
        first=spread(good, "first", np.nan),
        last=spread(good, "last", np.nan),
        known_ns=known_ns,
        first_ns=begins_ns,
        last_ns=ends_ns,
        held=(every["last"].astype(float) < FIRST_UNCERTAIN) & (counts > 0),
    )


def _columns(pieces: Sequence[Rows]) -> dict[str, NDArray[Any]]:
    """Columns by name; those that an empty answer would have are there as well."""
    rows = [row for piece in pieces for row in piece.rows]
    names = pieces[0].columns if pieces else ("time", *_VALUES)
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: np.array(column) for name, column in zip(names, columns, strict=True)}
