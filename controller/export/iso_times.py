"""Times as text, ISO 8601 with nine decimals, whole columns at once; and back, exactly.

'2026-11-22T08:52:05.123456789Z', in a zone '2026-11-22T09:52:05.123456789+01:00'.
"""

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from controller.clock import NS
from controller.history.codec import Ints
from controller.history.source import BEGINNING, END
from controller.queries.local_time import TimeError, local, parse_moment

DAY_S = 86_400
QUARTER_S = 900
CLOCK = 29  # characters before the zone
_COLONS, _T, _POINT = (13, 16), 10, 19
_MARKS = [4, 7, _T, *_COLONS, _POINT, CLOCK]
_MARK_BYTES = np.frombuffer(b"--T::.Z", np.uint8)
_DIGITS = [k for k in range(CLOCK) if k not in _MARKS]
_ZERO = ord("0")
_WITH_OFFSET = re.compile(r"\d{4}-.*[T ].*:.*(?:Z|[+-]\d\d:?\d\d(?::\d\d)?)", re.I | re.A)
_WITHOUT = re.compile(r"\d{4}-[^+Zz]*", re.A)
Bytes = NDArray[np.uint8]


def utc_cells(time_ns: Ints) -> list[str]:
    """Each time in UTC, with Z."""
    out = np.empty((len(time_ns), CLOCK + 1), np.uint8)
    out[:, CLOCK] = ord("Z")
    return _texts(_clock(out, time_ns))


def local_cells(time_ns: Ints, zone: tzinfo) -> list[str]:
    """Each time as clocks of a zone show it, with the difference to UTC in whole minutes."""
    offsets_s, place = np.unique(_offsets_s(time_ns, zone), return_inverse=True)
    suffixes = [_offset_text(s).encode() for s in offsets_s.tolist()]
    out = np.empty((len(time_ns), CLOCK + 6), np.uint8)
    out[:, CLOCK:] = np.array(suffixes, "S6").view(np.uint8).reshape(-1, 6)[place]
    return _texts(_clock(out, time_ns + offsets_s[place] * NS))


def _offsets_s(time_ns: Ints, zone: tzinfo) -> Ints:
    """Difference to UTC at each time, asked for only once where it stays the same."""
    seconds = time_ns // NS
    quarters, place = np.unique(seconds // QUARTER_S, return_inverse=True)
    firsts = (quarters * QUARTER_S).tolist()
    begins = np.array([_offset_s(first, zone) for first in firsts], np.int64)
    ends = np.array([_offset_s(first + QUARTER_S - 1, zone) for first in firsts], np.int64)
    out = begins[place]
    changed = (begins != ends)[place]
    out[changed] = [_offset_s(second, zone) for second in seconds[changed].tolist()]
    return out


def _offset_s(time_s: int, zone: tzinfo) -> int:
    offset = local(time_s * NS, zone).utcoffset()
    return round(offset.total_seconds() / 60) * 60 if offset else 0


def _offset_text(offset_s: int) -> str:
    hours, minutes = divmod(abs(offset_s) // 60, 60)
    return f"{'-' if offset_s < 0 else '+'}{hours:02d}:{minutes:02d}"


def _clock(out: Bytes, time_ns: Ints) -> Bytes:
    """Fill in the characters before the zone, one row a time."""
    days, in_day = np.divmod(time_ns, DAY_S * NS)
    day, place = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(day.astype("datetime64[D]")).astype("S10")
    out[:, :_T] = dates.view(np.uint8).reshape(-1, _T)[place]
    out[:, _T], out[:, _POINT] = ord("T"), ord(".")
    out[:, _COLONS] = ord(":")
    seconds, rest = np.divmod(in_day, NS)
    minutes, seconds = np.divmod(seconds.astype(np.int32), 60)
    hours, minutes = np.divmod(minutes, 60)
    for at, field in ((11, hours), (14, minutes), (17, seconds)):
        out[:, at], out[:, at + 1] = field // 10 + _ZERO, field % 10 + _ZERO
    rest = rest.astype(np.int32)
    for at in range(CLOCK - 1, _POINT, -1):
        rest, digit = np.divmod(rest, 10)
        out[:, at] = digit + _ZERO
    return out


def _texts(table: Bytes) -> list[str]:
    n, width = table.shape
    whole = table.tobytes().decode("ascii")
    return [whole[k : k + width] for k in range(0, n * width, width)]


def times_of(cells: Sequence[str], zone: tzinfo | None) -> tuple[Ints, dict[int, str]]:
    """UTC nanoseconds of each cell, and by row what is wrong; 0 stands where something is.

    zone: of times that do not name one; None: they are refused.
    """
    fast = _canonical(cells)
    if fast is not None:
        return fast, {}
    out, wrong = np.zeros(len(cells), np.int64), {}
    for k, cell in enumerate(cells):
        try:
            out[k] = time_of(cell, zone)
        except TimeError as error:
            wrong[k] = str(error)
    return out, wrong


def time_of(cell: str, zone: tzinfo | None) -> int:
    """UTC nanoseconds of one point in time; TimeError says what is wrong with it."""
    text = cell.strip()
    if _WITH_OFFSET.fullmatch(text) or (zone is not None and _WITHOUT.fullmatch(text)):
        time_ns = parse_moment(text, zone or UTC).ns
    elif _WITHOUT.fullmatch(text):
        raise TimeError("has no Z and no offset: name its zone with --zone")
    else:
        raise TimeError("is no point in time as 2026-11-22T08:52:05.5Z")
    return checked(time_ns)


def checked(time_ns: int) -> int:
    """The time, if a history can hold it; TimeError when it cannot."""
    if not BEGINNING < time_ns < END:
        raise TimeError("is outside the years 1824 to 2116")
    return time_ns


def _canonical(cells: Sequence[str]) -> Ints | None:
    """As `times_of`, of cells that are all as `utc_cells` writes them; None when one is not."""
    n = len(cells)
    joined = "".join(cells)
    if len(joined) != n * (CLOCK + 1) or not joined.isascii():
        return None
    table = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(n, CLOCK + 1)
    digits = table[:, _DIGITS] - _ZERO  # wraps around below "0"
    if (table[:, _MARKS] != _MARK_BYTES).any() or (digits > 9).any():
        return None
    number = digits.astype(np.int64)
    hours, minutes, seconds = (number[:, k] * 10 + number[:, k + 1] for k in (8, 10, 12))
    days = _days(table[:, :_T])
    if days is None or (hours > 23).any() or (minutes > 59).any() or (seconds > 59).any():
        return None
    rest = number[:, 14:] @ 10 ** np.arange(8, -1, -1)
    return np.asarray((days * DAY_S + (hours * 60 + minutes) * 60 + seconds) * NS + rest)


def _days(dates: Bytes) -> Ints | None:
    """Days since 1970 of dates; None when one is none, or one that a history cannot hold."""
    day, place = np.unique(np.ascontiguousarray(dates).view("S10")[:, 0], return_inverse=True)
    try:
        days = day.astype("U10").astype("datetime64[D]").astype(np.int64)
    except ValueError:
        return None
    first, last = BEGINNING // (DAY_S * NS) + 1, END // (DAY_S * NS) - 1
    inside = ((first <= days) & (days <= last)).all()
    return np.asarray(days[place]) if inside else None
