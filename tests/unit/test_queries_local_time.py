"""What people type as a point in time, and what they are told when it is none."""

from zoneinfo import ZoneInfo

import pytest

from controller.clock import NS
from controller.queries.local_time import (
    NOW,
    TimeError,
    day_begin,
    local,
    local_text,
    parse_moment,
    zone_of,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOON_NS = 1_795_345_200 * NS  # 2026-11-22T12:00:00+01:00


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2026-11-22 12:00", NOON_NS),
        ("2026-11-22T12:00", NOON_NS),
        ("2026-11-22t12:00:00", NOON_NS),
        (" 2026-11-22 12:00:00.000000001 ", NOON_NS + 1),
        ("2026-11-22 12:00:00,5", NOON_NS + NS // 2),
        ("2026-11-22T11:00:00Z", NOON_NS),
        ("2026-11-22T11:00z", NOON_NS),
        ("2026-11-22 06:00-05:00", NOON_NS),
        ("2026-11-22 06:00 -0500", NOON_NS),
        ("2026-11-22 16:45:00 05:45", NOON_NS),
        ("2026-11-22 11:53:28+00:53:28", NOON_NS),
        ("2026-11-22", NOON_NS - 12 * 3600 * NS),
        (str(NOON_NS), NOON_NS),
        ("0", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
    ],
)
def test_a_point_in_time_is_read(text: str, time_ns: int) -> None:
    found = parse_moment(text, BERLIN)
    assert (found.ns, found.is_relative) == (time_ns, False)
    assert found.at(5) == time_ns


@pytest.mark.parametrize(
    ("text", "back_s"),
    [
        ("-1h", 3600), ("-15m", 900), ("-90s", 90), ("-0.5h", 1800), ("-2d", 172_800),
        ("-1w", 604_800), ("-0s", 0),
    ],
)  # fmt: skip
def test_a_distance_from_now_is_read(text: str, back_s: int) -> None:
    assert parse_moment(text, BERLIN).at(NOON_NS) == NOON_NS - back_s * NS


def test_now_is_now() -> None:
    assert parse_moment("now") == parse_moment("NOW") == NOW
    assert NOW.at(7) == 7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no point in time; allowed: 2026-11-22"),
        ("soon", "no point in time; allowed: 2026-11-22"),
        ("+1h", "allowed: .* -15m"),
        ("1h", "allowed: .* -15m"),
        ("-1y", "allowed: .* -15m"),
        ("22.11.2026", "no point in time"),
        ("14:00", "no point in time"),
        ("2026-11", "no point in time"),
        ("2026-02-30", "day"),
        ("2026-13-01", "month"),
        ("2026-11-22 24:00", "hour"),
        ("2026-11-22 23:59:60", "second"),
        ("2026-11-22 12:00+25:00", "no point in time"),
        ("2026-11-22 12:00+01:77", "no offset from UTC"),
        ("2026-11-22+01:00", "no point in time"),
        ("20261122", "17 to 19 digits"),
        ("1795345200", "17 to 19 digits"),
        ("99999999999999999999", "17 to 19 digits"),
        ("9999999999999999999", "years 1824 to 2116"),
        ("2500-01-01", "years 1824 to 2116"),
        ("0001-01-01", "no point in time|years 1824"),
        ("-999999999w", "years 1824 to 2116"),
        ("٢٠٢٦-١١-٢٢", "no point in time"),
        ("2026-10-25 02:30", r"write 2026-10-25T02:30:00\+02:00 or 2026-10-25T02:30:00\+01:00"),
        ("2026-03-29 02:30", r"after .*T01:59:59\+01:00 .* show .*T03:00:00\+02:00"),
    ],
)  # fmt: skip
def test_what_is_no_point_in_time_is_told(text: str, told: str) -> None:
    with pytest.raises(TimeError, match=told):
        parse_moment(text, BERLIN)


def test_a_day_that_a_zone_has_skipped_is_refused() -> None:
    apia = ZoneInfo("Pacific/Apia")
    for text in ("2011-12-30", "2011-12-30 12:00"):
        with pytest.raises(TimeError, match="does not exist"):
            parse_moment(text, apia)
    assert parse_moment("2011-12-31", apia).ns - parse_moment("2011-12-29", apia).ns == 86_400 * NS


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),  # midnight is skipped
        ("America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00"),  # and here it comes twice
        ("America/St_Johns", "2010-11-07", "2010-11-07T00:00:00-02:30"),
    ],
)
def test_a_day_begins_when_the_clocks_first_show_it(zone: str, day: str, begins: str) -> None:
    where = ZoneInfo(zone)
    begins_ns = parse_moment(day, where).ns
    assert local_text(begins_ns, where, 0) == begins
    assert day_begin(local(begins_ns, where).date(), where) == begins_ns


@pytest.mark.parametrize(
    ("time_ns", "zone", "digits", "shown"),
    [
        (NOON_NS, "Europe/Berlin", 3, "2026-11-22T12:00:00.000+01:00"),
        (NOON_NS - 1, "Europe/Berlin", 3, "2026-11-22T11:59:59.999+01:00"),
        (NOON_NS - 1, "UTC", 9, "2026-11-22T10:59:59.999999999Z"),
        (NOON_NS, "Asia/Kathmandu", 0, "2026-11-22T16:45:00+05:45"),
        (-1, "UTC", 0, "1969-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_shown_with_its_offset(time_ns: int, zone: str, digits: int, shown: str) -> None:
    assert local_text(time_ns, ZoneInfo(zone), digits) == shown


@pytest.mark.parametrize("name", ["Europe/Berln", "europe/berlin", "Europe", "", "../etc", "/etc"])
def test_a_zone_that_is_none_is_told(name: str) -> None:
    with pytest.raises(TimeError, match="no time zone"):
        zone_of(name)
