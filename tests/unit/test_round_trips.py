"""How long the PLC takes to confirm what is written: measured by the link, shown as tags."""

import pytest

from controller.core.sample import GOOD, Quality
from controller.drivers.memory import LinkFault
from controller.round_trips import SECONDS, RoundTrips
from tests.support.tiny_station import Bench
from tests.support.virtual_line import VirtualLine

SLOW_S = 0.12
LAST, LONGEST = "ENC.LINK.RTT", "ENC.LINK.RTTMAX"


def test_the_last_and_the_longest_of_a_minute():
    trips = RoundTrips()
    for took_s, now_s in ((0.004, 1000.0), (0.030, 1000.4), (0.005, 1003.0)):
        trips.add(took_s, now_s)
    assert trips.figures(1003.1) == (0.005, 0.030)


def test_what_is_older_than_a_minute_is_forgotten():
    trips = RoundTrips()
    trips.add(0.030, 1000.9)
    trips.add(0.005, 1030.0)
    assert trips.figures(1000.0 + SECONDS - 0.1) == (0.005, 0.030)
    assert trips.figures(1000.0 + SECONDS + 0.1) == (0.005, 0.005)
    assert trips.figures(1000.0 + 2 * SECONDS) == (0.0, 0.0)


def test_a_long_silence_leaves_nothing_of_the_time_before():
    trips = RoundTrips()
    for second in range(SECONDS):
        trips.add(1.0, 1000.0 + second)
    trips.add(0.002, 9000.0)
    assert trips.figures(9000.0) == (0.002, 0.002)


def test_a_clock_that_stands_still_is_no_harm():
    trips = RoundTrips()
    trips.add(0.030, 1000.0)
    trips.add(0.002, 999.0)
    assert trips.figures(999.0) == (0.002, 0.030)


def test_without_a_confirmed_write_the_figures_are_bad_not_zero():
    bench = Bench()
    bench.start()
    bench.run(1)
    names = ("T.LINK.RTT", "T.LINK.RTTMAX")
    timing = bench.station.timing
    timing.round_trip_ms = timing.round_trip_worst_ms = 0.0
    bench.scan()
    assert {bench.table.sample(n).quality for n in names} == {Quality.BAD_NO_DATA}
    timing.round_trip_ms, timing.round_trip_worst_ms = 4.0, 30.0
    bench.scan()
    assert [bench.table.sample(n).value for n in names] == [4.0, 30.0]
    assert {bench.table.sample(n).quality for n in names} == {GOOD}


async def test_a_slow_wire_shows_in_its_own_station_and_goes_by(tmp_path):
    async with VirtualLine(tmp_path) as line:
        line.cut("enclosure", LinkFault.LATENCY, 3.0, SLOW_S)
        await line.pass_time(2.5)
        assert line.value(LAST) == pytest.approx(1000.0 * SLOW_S, rel=0.1)
        assert line.value("COAT.LINK.RTTMAX") < 1000.0 * SLOW_S / 2
        await line.pass_time(3.0)
        assert line.value(LAST) < 1000.0 * SLOW_S / 2
        assert line.value(LONGEST) == pytest.approx(1000.0 * SLOW_S, rel=0.1)
        await line.pass_time(SECONDS + 1.0)
        assert line.value(LONGEST) < 1000.0 * SLOW_S / 2


async def test_a_lost_plc_has_no_round_trip_after_a_minute(tmp_path):
    async with VirtualLine(tmp_path) as line:
        line.cut("enclosure", LinkFault.LATENCY, 2.0, SLOW_S)
        await line.pass_time(1.5)
        assert line.quality(LAST) == GOOD
        line.cut("enclosure", LinkFault.DOWN, SECONDS + 2.0)
        await line.pass_time(SECONDS + 1.0)
        assert line.quality(LAST) == Quality.BAD_NO_DATA
        assert line.quality("ENC.LINK.AGE") == GOOD
