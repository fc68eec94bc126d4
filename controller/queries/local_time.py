"""Points in time as people write them, and as they are shown, in a zone of the IANA database.

Inside Dryline every time is UTC nanoseconds. A local time that a change of the clocks skips is
refused, one that it brings twice is refused until its offset says which of the two is meant.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from controller.clock import NS
from controller.explain import closest
from controller.text_file import shown

EARLIEST_NS, LATEST_NS = -(2**62), 2**62  # 1823 and 2116: sums of two still fit
ALLOWED = (
    "2026-11-22, 2026-11-22 14:00, 2026-11-22T14:00:00.5, with +01:00 or Z behind it,"
    " now, -15m (s, m, h, d, w), or nanoseconds since 1970"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_BACK_NS = {"s": NS, "m": 60 * NS, "h": 3600 * NS, "d": 86_400 * NS, "w": 7 * 86_400 * NS}
_BACK = re.compile(r"-(\d{1,9}(?:\.\d{1,9})?)([smhdw])")
_COUNT = re.compile(r"0|-?[1-9]\d*")
_SHORTEST = 17  # digits of nanoseconds: shorter numbers are seconds, or a date without its dashes
_POINT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    # A plus in a query string arrives as a blank, unless it is escaped.
    r" ?(?P<offset>Z|[+\- ]\d{2}:?\d{2}(?::\d{2})?)?)?",
    re.IGNORECASE | re.ASCII,
)


class TimeError(ValueError):
    """Not a point in time, or not exactly one; says what to write instead."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, or a distance from now. ns: UTC nanoseconds, or the distance."""

    ns: int
    is_relative: bool = False

    def at(self, now_ns: int) -> int:
        """UTC nanoseconds."""
        return now_ns + self.ns if self.is_relative else self.ns


NOW = Moment(0, is_relative=True)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo:
    """The zone of a name of the IANA database; TimeError with the nearest name."""
    if name not in _names():  # before ZoneInfo: that would look for files of any name
        raise TimeError(
            f"no time zone {shown(name)}: {closest(name, _names())}a name as Europe/Berlin"
        )
    return ZoneInfo(name)


def parse_moment(text: str, zone: tzinfo = UTC) -> Moment:
    """What a person has written; TimeError when it is nothing, or no single point in time."""
    text = text.strip()
    if text.lower() == "now":
        return NOW
    if back := _BACK.fullmatch(text):
        return _checked(-_span_ns(back[1], back[2]), text, is_relative=True)
    if _COUNT.fullmatch(text):
        if text != "0" and not _SHORTEST <= len(text.lstrip("-")) <= 19:
            raise TimeError(f"{shown(text)}: nanoseconds since 1970 have 17 to 19 digits, or are 0")
        return _checked(int(text), text)
    found = _POINT.fullmatch(text)
    if found is None:
        raise TimeError(f"{shown(text)} is no point in time; allowed: {ALLOWED}")
    return _checked(_point_ns(found, zone), text)


def _span_ns(number: str, unit: str) -> int:
    whole, _, part = number.partition(".")
    steps: int = 10 ** len(part)
    return int(whole + part) * _BACK_NS[unit] // steps


def _checked(ns: int, text: str, *, is_relative: bool = False) -> Moment:
    if not EARLIEST_NS <= ns <= LATEST_NS:
        raise TimeError(f"{shown(text)}: allowed are the years 1824 to 2116")
    return Moment(ns, is_relative)


def _point_ns(found: re.Match[str], zone: tzinfo) -> int:
    try:
        day = date.fromisoformat(found["date"])
        if found["hour"] is None:
            return first_of_day(day, zone)
        shown_time = time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
        clock = datetime.combine(day, shown_time)
        part_ns = int((found["part"] or "0").ljust(9, "0"))
        if found["offset"]:
            return ns_of(clock.replace(tzinfo=_offset(found["offset"]))) + part_ns
        return one_instant(clock, zone) + part_ns
    except TimeError:
        raise
    except (ValueError, OverflowError) as error:
        raise TimeError(f"{shown(found[0])} is no point in time: {error}") from error


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = re.sub(r"\D", "", text).ljust(6, "0")
    hours, minutes, seconds = (int(digits[k : k + 2]) for k in (0, 2, 4))
    if max(minutes, seconds) > 59:
        raise TimeError(f"{shown(text)} is no offset from UTC; as +01:00")
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-span if text[0] == "-" else span)


def ns_of(moment: datetime) -> int:
    """UTC nanoseconds of a time with a zone, without rounding."""
    whole, rest = divmod(moment - _EPOCH, _SECOND)
    return whole * NS + rest.microseconds * 1000


def instants_of(clock: datetime, zone: tzinfo) -> list[int]:
    """When the clocks of a zone show a time: never, once or twice, earliest first."""
    found = set()
    for fold in (0, 1):
        utc = clock.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if utc.astimezone(zone).replace(tzinfo=None, fold=0) == clock:
            found.add(ns_of(utc))
    return sorted(found)


def one_instant(clock: datetime, zone: tzinfo) -> int:
    """When the clocks of a zone show a time; TimeError unless they do so exactly once."""
    instants = instants_of(clock, zone)
    if len(instants) == 1:
        return instants[0]
    name = f"{clock.isoformat(' ')} in {zone}"
    if instants:
        readings = " or ".join(local_text(ns, zone, 0) for ns in instants)
        raise TimeError(f"{name} is there twice, the clocks go back: write {readings}")
    change_ns = first_not_before(clock, zone)
    before, after = (local_text(ns, zone, 0) for ns in (change_ns - NS, change_ns))
    raise TimeError(f"{name} does not exist: after {before} the clocks show {after}")


def first_of_day(day: date, zone: tzinfo) -> int:
    """When a day begins; TimeError when the zone has skipped it."""
    begins_ns = day_begin(day, zone)
    if local(begins_ns, zone).date() != day:
        raise TimeError(f"{day} does not exist in {zone}: the zone has skipped this day")
    return begins_ns


def day_begin(day: date, zone: tzinfo) -> int:
    """When the clocks first show a day or a later one: not always at midnight."""
    midnight = datetime.combine(day, time.min)
    instants = instants_of(midnight, zone)
    return instants[0] if instants else first_not_before(midnight, zone)


def first_not_before(clock: datetime, zone: tzinfo) -> int:
    """When the clocks jump over a time that they do not show."""
    early, late = (
        ns_of(clock.replace(tzinfo=zone, fold=fold).astimezone(UTC)) // NS for fold in (1, 0)
    )
    while early < late:  # the last second that shows less is before `early`
        middle = (early + late) // 2
        if local(middle * NS, zone).replace(tzinfo=None, fold=0) < clock:
            early = middle + 1
        else:
            late = middle
    return late * NS


def local(time_ns: int, zone: tzinfo) -> datetime:
    """A time on the clocks of a zone, whole seconds."""
    return (_EPOCH + timedelta(seconds=time_ns // NS)).astimezone(zone)


def local_text(time_ns: int, zone: tzinfo = UTC, digits: int = 3) -> str:
    """'2026-11-22T14:00:00.000+01:00'. digits: of the second, 0 to 9; what follows is cut off."""
    moment = local(time_ns, zone)
    part = f".{time_ns % NS:09d}"[: digits + 1] if digits else ""
    offset = moment.isoformat()[19:]
    return f"{moment.isoformat()[:19]}{part}{'Z' if str(zone) == 'UTC' else offset}"
