"""Local times and calendar edges in every zone there is."""

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.queries.calendar_edges import MAX_BUCKETS, Per, calendar_edges
from controller.queries.local_time import (
    TimeError,
    day_begin,
    local,
    local_text,
    parse_moment,
)

ZONES = st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"})).map(ZoneInfo)
SECONDS = st.integers(0, 2_600_000_000)  # 1970 to 2052
MINUTE_S, DAY_S = 60, 86_400


def changes(zone: ZoneInfo) -> list[int]:
    """Beginnings of the days (of UTC) in which the offset of a zone changes."""
    found = []
    for start_s in range(0, 2_200_000_000, DAY_S):
        a, b = (datetime.fromtimestamp(s, zone).utcoffset() for s in (start_s, start_s + DAY_S))
        if a != b:
            found.append(start_s)
    return found


CHANGES = {
    name: changes(ZoneInfo(name))
    for name in (
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
        "America/St_Johns", "Asia/Kathmandu", "America/Havana", "Asia/Beirut", "Antarctica/Troll",
        "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Kwajalein", "Asia/Gaza",
    )
}  # fmt: skip


@st.composite
def zones_and_times(draw: st.DrawFn) -> tuple[ZoneInfo, int]:
    """A zone and a second of it; often close to a change of its clocks."""
    if draw(st.booleans()):
        return draw(ZONES), draw(SECONDS)
    name = draw(st.sampled_from([n for n, times in CHANGES.items() if times]))
    return ZoneInfo(name), draw(st.sampled_from(CHANGES[name])) + draw(st.integers(0, DAY_S))


@given(zones_and_times(), st.integers(0, NS - 1))
def test_a_time_is_read_as_it_is_shown(where: tuple[ZoneInfo, int], part_ns: int) -> None:
    zone, second = where
    time_ns = second * NS + part_ns
    shown = local_text(time_ns, zone, 9)
    assert parse_moment(shown, zone).ns == time_ns
    assert parse_moment(shown, UTC).ns == time_ns  # its offset says all
    if time_ns >= 10**16:
        assert parse_moment(str(time_ns), zone).ns == time_ns


@given(zones_and_times(), st.integers(0, 9))
def test_a_time_is_never_shown_later_than_it_is(where: tuple[ZoneInfo, int], digits: int) -> None:
    zone, second = where
    time_ns = second * NS + 999_999_999
    assert 0 <= time_ns - parse_moment(local_text(time_ns, zone, digits), zone).ns < NS


@given(zones_and_times())
def test_a_time_without_offset_is_read_exactly_if_the_clocks_show_it_once(
    where: tuple[ZoneInfo, int],
) -> None:
    zone, second = where
    clock = local(second * NS, zone).replace(tzinfo=None, fold=0)
    around = {
        s
        for s in range(second - 26 * 3600, second + 26 * 3600, MINUTE_S)
        if datetime.fromtimestamp(s, zone).replace(tzinfo=None, fold=0) == clock
    }
    if len(around) == 1:
        assert parse_moment(clock.isoformat(" "), zone).ns == second * NS
    else:
        with pytest.raises(TimeError, match="there twice") as told:
            parse_moment(clock.isoformat(), zone)
        for each in around:
            assert local_text(each * NS, zone, 0) in str(told.value)


@st.composite
def skipped_times(draw: st.DrawFn) -> tuple[ZoneInfo, datetime]:
    """A zone and a time that its clocks jump over."""
    name = draw(st.sampled_from([n for n, times in CHANGES.items() if jumps(n)]))
    zone = ZoneInfo(name)
    before, after = draw(st.sampled_from(jumps(name)))
    inside = draw(st.integers(1, (after - before) // timedelta(minutes=1) - 1))
    return zone, before + inside * timedelta(minutes=1)


@cache
def jumps(name: str) -> list[tuple[datetime, datetime]]:
    """What the clocks of a zone show a minute before they are put forward, and then."""
    zone, found = ZoneInfo(name), []
    for start_s in CHANGES[name]:
        days = (datetime.fromtimestamp(s, zone) for s in (start_s, start_s + DAY_S))
        before, after = (day.utcoffset() for day in days)
        if before is None or after is None or before > after:
            continue
        seconds = range(start_s, start_s + DAY_S + 1, MINUTE_S)
        shown = (datetime.fromtimestamp(s, zone).replace(tzinfo=None, fold=0) for s in seconds)
        minute = timedelta(minutes=1)
        found += [(a, b) for a, b in itertools.pairwise(shown) if b - a > minute]
    return found


@given(skipped_times())
def test_a_time_that_the_clocks_skip_is_refused(where: tuple[ZoneInfo, datetime]) -> None:
    zone, clock = where
    with pytest.raises(TimeError, match="does not exist"):
        parse_moment(clock.isoformat(), zone)


@given(zones_and_times())
def test_a_day_begins_when_the_clocks_first_show_it(where: tuple[ZoneInfo, int]) -> None:
    zone, second = where
    day = local(second * NS, zone).date()
    begins_ns = day_begin(day, zone)
    assert local(begins_ns, zone).date() >= day
    before = [local(begins_ns - k * NS, zone).date() for k in (1, 60, 3600, 7200)]
    assert all(earlier < day for earlier in before)
    assert local(begins_ns, zone).date() == day  # it was shown, so it was not skipped
    assert parse_moment(str(day), zone).ns == begins_ns


@settings(max_examples=60)
@given(zones_and_times(), st.integers(1, 60), st.sampled_from(Per))
def test_edges_cover_the_window_and_rise(where: tuple[ZoneInfo, int], days: int, per: Per) -> None:
    zone, second = where
    start_ns = second * NS + 12_345
    stop_ns = start_ns + days * DAY_S * NS
    edges = calendar_edges(start_ns, stop_ns, per, zone)
    assert edges.dtype == np.int64
    assert (edges[0], edges[-1]) == (start_ns, stop_ns)
    assert (np.diff(edges) > 0).all()


@settings(max_examples=80)
@given(zones_and_times(), st.integers(MINUTE_S, 3 * DAY_S))
def test_hours_begin_whenever_the_clocks_show_or_jump_over_a_whole_one(
    where: tuple[ZoneInfo, int], length_s: int
) -> None:
    zone, second = where
    second = second // MINUTE_S * MINUTE_S
    assume(local(second * NS, zone).second == 0)  # offsets of whole minutes
    length_s = length_s // MINUTE_S * MINUTE_S
    edges = calendar_edges(second * NS, (second + length_s) * NS, Per.HOUR, zone)
    clocks = [
        datetime.fromtimestamp(s, zone).replace(tzinfo=None, fold=0)
        for s in range(second - MINUTE_S, second + length_s, MINUTE_S)
    ]
    wanted = [
        second + k * MINUTE_S
        for k, (before, now) in enumerate(itertools.pairwise(clocks))
        if k and (now.minute == 0 or _hour(before) < _hour(now))
    ]
    assert (edges[1:-1] // NS).tolist() == wanted


def _hour(clock: datetime) -> datetime:
    return clock.replace(minute=0, second=0)


@settings(max_examples=60)
@given(zones_and_times(), st.integers(1, 40), st.sampled_from([Per.DAY, Per.WEEK, Per.MONTH]))
def test_days_weeks_and_months_begin_on_their_first_day(
    where: tuple[ZoneInfo, int], days: int, per: Per
) -> None:
    zone, second = where
    edges = calendar_edges(second * NS, (second + days * DAY_S) * NS, per, zone)
    shown = [local(int(edge), zone).date() for edge in edges[1:-1]]
    first = {
        Per.DAY: lambda _: True,
        Per.WEEK: lambda day: day.weekday() == 0,
        Per.MONTH: lambda day: day.day == 1,
    }
    last = local((second + days * DAY_S) * NS - 1, zone).date()
    day = local(second * NS, zone).date()
    wanted = []
    while day < last:
        day += timedelta(days=1)
        if first[per](day) and second * NS < day_begin(day, zone) < edges[-1]:
            wanted.append(day)
    skipped = {day for day in wanted if local(day_begin(day, zone), zone).date() != day}
    assert {d for d in shown if d not in skipped} >= set(wanted) - skipped
    assert len(shown) == len({day_begin(day, zone) for day in wanted})


@pytest.mark.parametrize(
    ("zone", "window", "per", "hours"),
    [
        ("Europe/Berlin", ("2026-03-28", "2026-03-31"), Per.DAY, [24, 23, 24]),
        ("Europe/Berlin", ("2026-10-24", "2026-10-27"), Per.DAY, [24, 25, 24]),
        ("Europe/Berlin", ("2026-10-25 01:00", "2026-10-25 04:00"), Per.HOUR, [1, 1, 1, 1]),
        ("Europe/Berlin", ("2026-03-29 01:00", "2026-03-29 04:00"), Per.HOUR, [1, 1]),
        ("Europe/Berlin", ("2026-10-19", "2026-11-02"), Per.WEEK, [169, 168]),
        ("Europe/Berlin", ("2026-10-24 18:00", "2026-10-26 06:00"), Per.DAY, [6, 25, 6]),
        ("America/New_York", ("2026-03-01", "2026-05-01"), Per.MONTH, [743, 720]),
        ("America/New_York", ("2026-10-31", "2026-11-03"), Per.DAY, [24, 25, 24]),
        ("Asia/Tokyo", ("2026-10-24", "2026-10-27"), Per.DAY, [24, 24, 24]),
        ("Asia/Kathmandu", ("2026-01-01 00:30", "2026-01-01 02:30"), Per.HOUR, [0.5, 1, 0.5]),
        ("Australia/Lord_Howe", ("2026-04-04", "2026-04-07"), Per.DAY, [24, 24.5, 24]),
        ("Australia/Lord_Howe", ("2026-10-03", "2026-10-06"), Per.DAY, [24, 23.5, 24]),
        ("Australia/Lord_Howe", ("2026-04-05", "2026-04-05 03:00"), Per.HOUR, [1, 1.5, 1]),
        ("Australia/Lord_Howe", ("2026-10-04", "2026-10-04 04:00"), Per.HOUR, [1, 1, 0.5, 1]),
        ("Pacific/Apia", ("2011-12-28", "2012-01-01"), Per.DAY, [24, 24, 24]),
        ("Pacific/Apia", ("2011-12-01", "2012-01-01"), Per.MONTH, [720]),
        ("America/St_Johns", ("2010-11-06", "2010-11-09"), Per.DAY, [24, 25, 24]),
    ],
)  # fmt: skip
def test_lengths_of_buckets(
    zone: str, window: tuple[str, str], per: Per, hours: list[float]
) -> None:
    where = ZoneInfo(zone)
    start_ns, stop_ns = (parse_moment(text, where).ns for text in window)
    edges = calendar_edges(start_ns, stop_ns, per, where)
    assert (np.diff(edges) / (3600 * NS)).tolist() == hours


def test_too_many_or_no_buckets_are_refused() -> None:
    with pytest.raises(ValueError, match=f"allowed are {MAX_BUCKETS}"):
        calendar_edges(0, (MAX_BUCKETS + 10) * 3600 * NS, Per.HOUR)
    with pytest.raises(ValueError, match="ends before it begins"):
        calendar_edges(5, 5, Per.DAY)
