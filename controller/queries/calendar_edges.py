"""Edges of calendar buckets: local hours, days, weeks and months as UTC nanoseconds.

A day has 23, 24 or 25 hours, and a zone may skip one. An hour begins whenever the clocks show it
whole: the hour that comes twice is two buckets. Weeks begin on Monday.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

import numpy as np

from controller.clock import NS
from controller.history.codec import Ints
from controller.queries.local_time import day_begin, local

MAX_BUCKETS = 10_000
HOUR_S, DAY_S = 3600, 86_400


class Per(StrEnum):
    """What one bucket is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


SHORTEST_S = {
    Per.HOUR: HOUR_S,
    Per.DAY: 23 * HOUR_S,
    Per.WEEK: 7 * DAY_S - HOUR_S,
    Per.MONTH: 28 * DAY_S - HOUR_S,
}


def calendar_edges(start_ns: int, stop_ns: int, per: Per, zone: tzinfo = UTC) -> Ints:
    """The ends of a window and every edge of the calendar inside it.

    The first and the last bucket may be a part of their hour, day, week or month. ValueError when
    there would be more than MAX_BUCKETS, or none.
    """
    if stop_ns <= start_ns:
        raise ValueError("the window ends before it begins")
    buckets = (stop_ns - start_ns) // (SHORTEST_S[per] * NS) + 2
    if buckets > MAX_BUCKETS:
        raise ValueError(
            f"about {buckets} buckets: allowed are {MAX_BUCKETS}; take longer ones, or less time"
        )
    inner = _hours(start_ns, stop_ns, zone) if per is Per.HOUR else _days(start_ns, per, zone)
    edges = [start_ns]
    for edge in inner:
        if edge >= stop_ns:
            break
        if edge > edges[-1]:  # else it begins with the window, or a skipped day with the next
            edges.append(edge)
    return np.array([*edges, stop_ns], np.int64)


def _days(start_ns: int, per: Per, zone: tzinfo) -> Iterator[int]:
    """Beginnings of days, weeks or months, from one not after the start on."""
    day = local(start_ns, zone).date() - timedelta(days=1)  # the clocks may have gone back over it
    if per is Per.WEEK:
        day -= timedelta(days=day.weekday())
    elif per is Per.MONTH:
        day = day.replace(day=1)
    while True:
        yield day_begin(day, zone)
        day = _next(day, per)


def _next(day: date, per: Per) -> date:
    if per is Per.MONTH:
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day + timedelta(days=7 if per is Per.WEEK else 1)


def _hours(start_ns: int, stop_ns: int, zone: tzinfo) -> Iterator[int]:
    """Whenever the clocks show a whole hour, or jump over one.

    In seconds; between two changes of the clocks the offset from UTC stays what it is.
    """
    start_s, stop_s = start_ns // NS, -(-stop_ns // NS)
    while start_s < stop_s:
        change_s = _change_s(start_s, stop_s, zone)
        offset_s = _offset_s(start_s, zone)
        for edge_s in range(
            -(-(start_s + offset_s) // HOUR_S) * HOUR_S, change_s + offset_s, HOUR_S
        ):
            yield (edge_s - offset_s) * NS
        if (change_s + offset_s - 1) // HOUR_S < (change_s + _offset_s(change_s, zone)) // HOUR_S:
            yield change_s * NS
        start_s = change_s


def _change_s(start_s: int, stop_s: int, zone: tzinfo) -> int:
    """When the offset from UTC changes next; the end of the window when it does not."""
    offset_s = _offset_s(start_s, zone)
    same_s = start_s
    while same_s < stop_s:
        later_s = min(same_s + DAY_S, stop_s)  # no zone changes twice in a day
        if _offset_s(later_s, zone) == offset_s:
            same_s = later_s
            continue
        while later_s - same_s > 1:
            middle_s = (same_s + later_s) // 2
            if _offset_s(middle_s, zone) == offset_s:
                same_s = middle_s
            else:
                later_s = middle_s
        return later_s
    return stop_s


def _offset_s(time_s: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(time_s, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())
