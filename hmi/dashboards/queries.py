"""Questions in Flux. What is in the database: docs/reference/influx-layout.md.

Only what changed is stored, at the latest after a minute, and a Bad sample has no value. So a line
may join two values that are a minute apart, but must break where the quality was Bad in between or
nothing came for longer. Rows without a value are put there: a chart breaks at them at any zoom.
"""

from collections.abc import Sequence
from enum import Enum

FIRST_BAD = 128
TIMES = "range(start: v.timeRangeStart, stop: v.timeRangeStop)"
BUCKET = "from(bucket: v.defaultBucket)"
STORED_S = 60  # a tag is stored at least so often
SILENT_S = 2 * STORED_S + 5  # a value holds no longer than that
_SERIES = (
    '  |> keep(columns: ["_time", "_value", "_measurement", "_field", "tag"])\n'
    '  |> group(columns: ["_measurement", "_field", "tag"])\n'
    '  |> sort(columns: ["_time"])\n'
)
# Looked for minute by minute, which the database counts by itself.
_LOST = (
    "lost = points\n"
    '  |> filter(fn: (r) => r._field == "quality")\n'
    f"  |> aggregateWindow(every: {STORED_S}s, fn: last, "
    'createEmpty: false, timeSrc: "_start")\n'
    "  |> elapsed(unit: 1s)\n"
    f"  |> filter(fn: (r) => r.elapsed > {SILENT_S})\n"
    f"  |> map(fn: (r) => ({{r with _time: time(v: int(v: r._time) - {STORED_S}000000000)}}))\n"
    '  |> drop(columns: ["_value", "elapsed"])\n'
)
SPEC_LIMIT_DEGC = -60.0  # frost point up to which a saving counts


class Shown(Enum):
    """How one window of the screen becomes one point."""

    MEAN = "mean"  # measurements
    LAST = "last"  # set points and states, which have no middle


def any_of(tags: Sequence[str]) -> str:
    """Condition of a filter: one of these tags."""
    return " or ".join(f'r.tag == "{tag}"' for tag in tags)


def _points(station: str, condition: str) -> str:
    """Rows of a station, "" for all of them, that satisfy a condition."""
    measurement = f'r._measurement == "{station}"' if station else 'r._measurement != "events"'
    return (
        f"{BUCKET}\n  |> {TIMES}\n"
        f'  |> filter(fn: (r) => {measurement} and r.line == "${{line}}")\n'
        f"  |> filter(fn: (r) => {condition})\n"
    )


def values(station: str, condition: str, shown: Shown) -> str:
    """One series a tag, with a row without a value wherever it was Bad or nothing came."""
    return (
        f"points = {_points(station, condition)}"
        "good = points\n"
        '  |> filter(fn: (r) => r._field == "value")\n'
        f"  |> aggregateWindow(every: v.windowPeriod, fn: {shown.value}, "
        'createEmpty: false, timeSrc: "_start")\n'
        "bad = points\n"
        '  |> filter(fn: (r) => r._field == "quality")\n'
        f"  |> filter(fn: (r) => r._value >= {FIRST_BAD})\n"
        '  |> drop(columns: ["_value"])\n'
        '  |> set(key: "_field", value: "value")\n'
        f"{_LOST}"
        '  |> set(key: "_field", value: "value")\n'
        f"union(tables: [good, bad, lost])\n{_SERIES}"
    )


def newest(station: str, condition: str) -> str:
    """The newest value of each tag."""
    return (
        _points(station, condition) + '  |> filter(fn: (r) => r._field == "value")\n'
        "  |> last()\n"
        '  |> keep(columns: ["_time", "_value", "_measurement", "_field", "tag"])\n'
        '  |> group(columns: ["_measurement", "_field", "tag"])\n'
    )


def qualities(station: str, condition: str) -> str:
    """The worst quality of each window."""
    return (
        f"points = {_points(station, condition)}"
        "worst = points\n"
        '  |> filter(fn: (r) => r._field == "quality")\n'
        "  |> aggregateWindow(every: v.windowPeriod, fn: max, "
        'createEmpty: false, timeSrc: "_start")\n'
        f"{_LOST}union(tables: [worst, lost])\n{_SERIES}"
    )


def bad_now() -> str:
    """A row for every tag whose newest sample is Bad."""
    return (
        f"{BUCKET}\n  |> {TIMES}\n"
        '  |> filter(fn: (r) => r.line == "${line}" and r._field == "quality")\n'
        "  |> last()\n"
        f"  |> filter(fn: (r) => r._value >= {FIRST_BAD})\n"
        "  |> group()\n"
        '  |> keep(columns: ["_time", "tag", "_value"])\n'
        '  |> rename(columns: {_time: "since", _value: "quality"})\n'
    )


def events(condition: str, limit: int) -> str:
    """The newest events of the stations that are chosen."""
    return (
        f"{_events(condition)}"
        "  |> group()\n"
        '  |> sort(columns: ["_time"], desc: true)\n'
        f"  |> limit(n: {limit})\n"
        '  |> keep(columns: ["_time", "station", "kind", "_value"])\n'
        '  |> rename(columns: {_time: "time", _value: "text"})\n'
    )


def marks(condition: str) -> str:
    """Events as annotations of charts."""
    return (
        f"{_events(condition)}"
        "  |> group()\n"
        '  |> keep(columns: ["_time", "station", "_value"])\n'
        '  |> rename(columns: {_time: "time", _value: "text", station: "tags"})\n'
    )


def _events(condition: str) -> str:
    return (
        f"{BUCKET}\n  |> {TIMES}\n"
        '  |> filter(fn: (r) => r._measurement == "events" and r.line == "${line}")\n'
        '  |> filter(fn: (r) => r._field == "text" and r.station =~ /^${station:regex}$/)\n'
        f"  |> filter(fn: (r) => {condition})\n"
    )


def power_sum(tags: Sequence[str], series: str, formula: str = "SUM") -> str:
    """One series out of the sum of several tags of the enclosure, where all are Good.

    Only windows in which the frost point keeps the limit count. A window must be long enough to
    hold a sample of every tag: two minutes. formula: what becomes of SUM.
    """
    wanted = [*tags, "ENC.DP.ZONE"]
    added = " + ".join(f'r["{tag}"]' for tag in tags)
    return (
        _points("enclosure", any_of(wanted)) + '  |> filter(fn: (r) => r._field == "value")\n'
        "  |> aggregateWindow(every: v.windowPeriod, fn: mean, "
        'createEmpty: false, timeSrc: "_start")\n'
        '  |> group(columns: ["_measurement", "_field"])\n'
        '  |> pivot(rowKey: ["_time"], columnKey: ["tag"], valueColumn: "_value")\n'
        f'  |> filter(fn: (r) => r["ENC.DP.ZONE"] <= {SPEC_LIMIT_DEGC})\n'
        "  |> map(fn: (r) => ({_time: r._time, _measurement: r._measurement, "
        f'_field: "{series}", _value: {formula.replace("SUM", f"({added})")}}}))\n'
        '  |> group(columns: ["_measurement", "_field"])\n'
    )


def energy(tags: Sequence[str], every: str) -> str:
    """What counters of energy rose by in each window; one that begins anew adds nothing."""
    return (
        _points("enclosure", any_of(tags)) + '  |> filter(fn: (r) => r._field == "value")\n'
        "  |> difference(nonNegative: true)\n"
        f"  |> aggregateWindow(every: {every}, fn: sum, createEmpty: false, "
        'timeSrc: "_start")\n'
        '  |> keep(columns: ["_time", "_value", "_measurement", "_field", "tag"])\n'
        '  |> group(columns: ["_measurement", "_field", "tag"])\n'
    )
