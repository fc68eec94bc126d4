"""PLCs that do not behave: frozen, mute, restarted, in local, with a wrong clock or byte order."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from controller.core.event import EventKind
from controller.core.sample import Quality
from tests.support.line_under_test import (
    PREFIX,
    STATIONS,
    LineUnderTest,
    first_time_ns,
    seconds,
)

BAD_S = 1.0
GOOD_S = 2.0
STALE_S = 3 * 0.2 + 2 * 0.1 + 0.05  # three heartbeats, a scan, and one between two scans
LAST_S = 1.5
FAR_NS = 2**62
# A set point of each station that its start moves away from the PLC's own default.
CHANGED = {"enclosure": "ENC.TEMP.SP", "coater": "COAT.TLAM.SP", "calender": "CAL.TENS.IN.SP"}


def inject(line: LineUnderTest, name: str, level: float | None = None) -> int:
    """The fault at all stations at once; when, UTC ns."""
    now_ns = line.clock.utc_ns()
    for station in STATIONS:
        line.fault(station, name, level)
    return now_ns


def clear(line: LineUnderTest, name: str) -> int:
    """End it at all stations; when, UTC ns."""
    now_ns = line.clock.utc_ns()
    for station in STATIONS:
        line.clear(station, name)
    return now_ns


def all_good(line: LineUnderTest) -> bool:
    return all(line.qualities(s) == {"Good"} for s in STATIONS)


def none_good(line: LineUnderTest) -> bool:
    return not any("Good" in line.qualities(s) for s in STATIONS)


def outage(line: LineUnderTest, station: str, begin_ns: int, end_ns: int) -> tuple[int, int, int]:
    """Of the heartbeat: last change before the outage, first Bad, first Good after `end_ns`."""
    tag = f"{PREFIX[station]}.HEART"
    beats = line.samples(tag, begin_ns - 10**9, FAR_NS)
    bad_ns = first_time_ns(line.samples(tag, begin_ns, FAR_NS), bad=True)
    good_ns = first_time_ns(line.samples(tag, end_ns, FAR_NS), bad=False)
    assert bad_ns is not None
    assert good_ns is not None
    before = beats.time_ns < bad_ns
    changes = np.flatnonzero(np.diff(beats.values[before]) != 0) + 1
    return int(beats.time_ns[before][changes[-1]]), bad_ns, good_ns


def test_frozen_values_on_a_healthy_link_are_bad_after_three_heartbeats(
    line: LineUnderTest,
) -> None:
    begin_ns = inject(line, "stale_values")
    line.wait_for(lambda: none_good(line), "all Bad", 2.0)
    assert all(line.qualities(s) == {"Bad: stale"} for s in STATIONS)
    time.sleep(LAST_S)
    assert none_good(line)
    end_ns = clear(line, "stale_values")
    line.wait_for(lambda: all_good(line), "all Good", 5.0)
    line.wait_for_history()
    for station in STATIONS:
        beat_ns, bad_ns, good_ns = outage(line, station, begin_ns, end_ns)
        detected, back = seconds(bad_ns - beat_ns), seconds(good_ns - end_ns)
        print(f"\n{station}: frozen, Bad {detected:.2f} s after the last beat, back {back:.2f} s")
        assert detected <= STALE_S
        assert back <= GOOD_S
        for tag in line.device_tags(station):
            series = line.samples(tag, bad_ns, end_ns)
            assert len(series)
            assert (series.quality == Quality.BAD_STALE).all(), tag


def test_dropped_server_is_bad_within_a_second_and_found_again(line: LineUnderTest) -> None:
    begin_ns = inject(line, "comm_drop")
    line.wait_for(lambda: none_good(line), "all Bad", 2.0)
    time.sleep(LAST_S)
    end_ns = clear(line, "comm_drop")
    line.wait_for(lambda: all_good(line), "all Good", 5.0)
    line.wait_for_history()
    for station in STATIONS:
        _, bad_ns, good_ns = outage(line, station, begin_ns, end_ns)
        detected, back = seconds(bad_ns - begin_ns), seconds(good_ns - end_ns)
        print(f"\n{station}: dropped, Bad after {detected:.2f} s, Good again after {back:.2f} s")
        assert detected <= BAD_S
        assert back <= GOOD_S


def test_restarted_plc_keeps_its_default_set_points_until_somebody_says_unhold(
    line: LineUnderTest,
) -> None:
    plcs = {s: (line.raw[s], tag) for s, tag in CHANGED.items()}
    # No loop moves this one, so it stays away from its default until the restart. Set points
    # go no faster than their rate, this one 0.1 K/s.
    line.do("enclosure", "SET", "ENC.TEMP.SP", 24.0)
    line.wait_for(lambda: plcs["enclosure"][0].read(["ENC.TEMP.SP"])[0] == 24.0, "taken", 40.0)
    wanted = {s: plc.read([tag])[0] for s, (plc, tag) in plcs.items()}
    default = {s: plc.points[tag].default for s, (plc, tag) in plcs.items()}
    for station, tag in CHANGED.items():
        assert abs(wanted[station] - default[station]) > 1.0, tag
    begin_ns = inject(line, "plc_restart")
    for station in STATIONS:
        line.run_until(station, state="HELD", within_s=10.0)
        assert "PLC restarted" in line.station(station)["reason"]
    line.wait_for(lambda: all_good(line), "all Good", 10.0)
    clear(line, "plc_restart")
    time.sleep(1.0)
    for station, (plc, tag) in plcs.items():
        assert plc.read([tag])[0] == pytest.approx(default[station], abs=0.5), tag
        assert any("PLC restarted" in e.text for e in line.events(begin_ns, station))
    for station in ("coater", "calender"):
        line.do(station, "UNHOLD")
        line.wait_for(
            lambda s=station: plcs[s][0].read([CHANGED[s]])[0] == wanted[s], "sent again", 40.0
        )


@pytest.fixture
def by_hand(line: LineUnderTest) -> Iterator[LineUnderTest]:
    """The enclosure's loops in manual: what moves now is a bump."""
    for loop in ("ENC.L1", "ENC.L2"):
        line.do("enclosure", "MODE", loop, "MAN")
    time.sleep(0.5)
    yield line
    for loop in ("ENC.L1", "ENC.L2"):
        line.do("enclosure", "MODE", loop, "AUTO")


def test_local_station_takes_no_writes_and_returns_without_a_bump(by_hand: LineUnderTest) -> None:
    line = by_hand
    before = {
        s: dict(zip(line.raw[s].written, line.raw[s].read(line.raw[s].written), strict=True))
        for s in STATIONS
    }
    begin_ns = inject(line, "local_mode")
    for station in STATIONS:
        remote = f"{PREFIX[station]}.REMOTE"
        line.wait_for(lambda s=station, t=remote: line.value(s, t) == 0.0, f"{station} local", 3.0)
    refused = line.command("enclosure", "SET", "ENC.PRESS.SP", 60.0)
    assert refused["code"] == "local"
    time.sleep(LAST_S)
    for station in ("coater", "calender"):
        line.run_until(station, state="HELD", within_s=1.0)
        assert "local" in line.station(station)["reason"]
        refused = line.command(station, "UNHOLD")
        assert not refused["accepted"]
    clear(line, "local_mode")
    for station in STATIONS:
        remote = f"{PREFIX[station]}.REMOTE"
        line.wait_for(lambda s=station, t=remote: line.value(s, t) == 1.0, f"{station} remote", 3.0)
    time.sleep(0.5)
    line.wait_for_history()
    for station in STATIONS:
        plc = line.raw[station]
        for tag, value in zip(plc.written, plc.read(plc.written), strict=True):
            point = plc.points[tag]
            if not tag.endswith((".CMD", ".RESET")):
                moved = abs(value - before[station][tag]) / (point.high - point.low)
                assert moved < 0.01, f"{tag}: {before[station][tag]:g} -> {value:g}"
        texts = [e.text for e in line.events(begin_ns, station, EventKind.DEVICE)]
        assert "station switched to local" in texts
        assert "station switched to remote" in texts


@pytest.mark.parametrize("skew_s", [30.0, -30.0])
def test_wrong_clock_of_a_plc_neither_spoils_quality_nor_order(
    line: LineUnderTest, skew_s: float
) -> None:
    begin_ns = inject(line, "clock_skew", skew_s)
    time.sleep(LAST_S)
    end_ns = clear(line, "clock_skew")
    time.sleep(1.0)
    line.wait_for_history()
    for station in STATIONS:
        assert line.qualities(station) == {"Good"}
        assert not line.events(begin_ns, station, EventKind.LINK)
        for tag in line.device_tags(station):
            series = line.samples(tag, begin_ns - 60 * 10**9, FAR_NS)
            assert (np.diff(series.time_ns) > 0).all(), tag
            assert (series.time_ns <= line.clock.utc_ns()).all(), tag
            recent = series.time_ns >= begin_ns
            assert not (series.quality[recent] >= 128).any(), tag
        beats = line.samples(f"{PREFIX[station]}.HEART", begin_ns, end_ns)
        steps = np.diff(beats.values) % 65536
        assert len(beats) > 0.8 * seconds(end_ns - begin_ns) / 0.2
        assert (steps <= 2).all(), f"{station}: {steps.tolist()}"


def test_swapped_words_never_pass_for_values(line: LineUnderTest) -> None:
    time.sleep(1.0)
    begin_ns = line.clock.utc_ns()
    line.fault("enclosure", "swapped_words")
    line.wait_for(lambda: "Good" not in line.qualities("enclosure"), "all Bad", 2.0)
    time.sleep(LAST_S)
    assert "Good" not in line.qualities("enclosure")
    end_ns = line.clock.utc_ns()
    line.clear("enclosure", "swapped_words")
    line.wait_for(lambda: line.qualities("enclosure") == {"Good"}, "Good again", 5.0)
    line.wait_for_history()
    _, bad_ns, good_ns = outage(line, "enclosure", begin_ns, end_ns)
    detected, back = seconds(bad_ns - begin_ns), seconds(good_ns - end_ns)
    print(f"\nswapped words: Bad after {detected:.2f} s, Good again after {back:.2f} s")
    assert detected <= BAD_S
    assert back <= GOOD_S
    spans = {tag.name: tag.high - tag.low for p in line.config.station("enclosure").points
             for tag in p.tags()}  # fmt: skip
    for tag in line.device_tags("enclosure"):
        if tag.endswith((".HEART", ".SEQ")):
            continue
        with line.reader() as reader:
            known = reader.at(tag, begin_ns)
        assert known is not None
        series = line.samples(tag, begin_ns, end_ns)
        good = series.values[series.quality < 128]
        assert (np.abs(good - known.value) <= 0.1 * spans[tag] + 1.0).all(), tag
