"""A controller for each station: one is killed, restarted, upgraded; the others do not notice."""

import json
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from controller.core.event import EventKind
from tests.faults.conftest import QUICK
from tests.support.line_under_test import PREFIX, STATIONS, LineUnderTest, seconds
from tests.support.split_line import SplitLine, Watched

KILLS = 10
OTHERS = {s: tuple(o for o in STATIONS if o != s) for s in STATIONS}
BAD_S = 1.0
GOOD_S = 2.0
LOOK_S = 0.1
COUNT_OFF = 2  # scans; the look at the clock and the one at the count are not the same moment


@pytest.fixture(scope="module")
def split(session_line: LineUnderTest) -> Iterator[SplitLine]:
    session_line.settle()
    with SplitLine(session_line) as split:
        for station, settings in QUICK.items():
            for key, value in settings.items():
                split.command(station, "SET", f"{PREFIX[station]}.SET.{key}", value)
        for station in STATIONS:
            going(split, station)
        yield split
    session_line.settle()


def going(split: SplitLine, station: str) -> None:
    """Get a station into motion from wherever it is."""
    verbs = {"IDLE": "START", "HELD": "UNHOLD", "STOPPED": "RESET", "ABORTED": "RESET"}

    def there() -> bool:
        state = split.status(station)["state"]
        if state in verbs:
            split.command(station, verbs[state])
        return state in ("STARTING", "UNHOLDING", "EXECUTE")

    split.line.wait_for(there, f"{station} going")


def watch(split: SplitLine, stations: tuple[str, ...]) -> dict[str, Watched]:
    return {s: Watched(split.scans(s)) for s in stations}


def until(
    split: SplitLine, watched: Mapping[str, Watched], test: Callable[[], bool], within_s: float
) -> float:
    """Look at the watched stations until something is so; how long that took, wall seconds."""
    begun_s = time.monotonic()
    while not test():
        assert time.monotonic() - begun_s < within_s, split.line._tails()
        for station, one in watched.items():
            one.see(split.scans(station))
        time.sleep(LOOK_S)
    for station, one in watched.items():
        one.see(split.scans(station))
    return time.monotonic() - begun_s


def told_until(split: SplitLine, since_ns: int, kind: EventKind, text: str) -> list[str]:
    """Events of all histories since a time, as soon as this text is among them."""

    def told() -> list[str]:
        with split.reader() as reader:
            found = [e.text for e in reader.events(since_ns, kind=kind)]
        return found if any(text in t for t in found) else []

    return split.line.wait_for(told, text, 5.0)


def expect_no_scan_missed(watched: Mapping[str, Watched], what: str) -> None:
    for station, one in watched.items():
        late = np.percentile(one.late_ms, [50, 99])
        print(
            f"  {station:9} {one.count} scans in {one.seconds:.1f} s, {one.missed} missed, "
            f"late p50 {late[0]:.1f} p99 {late[1]:.1f} ms while {what}"
        )
        assert one.missed == 0, station
        assert abs(one.count - 10 * one.seconds) <= COUNT_OFF, station
        assert not one.pid_changed


def test_ten_kills_of_one_controller_cost_the_others_no_scan(split: SplitLine) -> None:
    ready_s = []
    watched = watch(split, OTHERS["coater"])
    for _ in range(KILLS):
        going(split, "coater")
        split.kill("coater")
        until(split, watched, lambda: split.line.raw["coater"].read(["COAT.WDOG"]) == [1.0], 5.0)
        assert set(split.foreign("calender", "coater").values()) == {"Good"}  # its PLC lives
        split.start("coater")
        ready_s.append(until(split, watched, lambda: split.link_up("coater"), 30.0))
        until(split, watched, lambda: split.status("coater")["state"] == "HELD", 5.0)
        assert "controller restarted in" in split.status("coater")["reason"]
        assert set(split.foreign("calender", "coater").values()) == {"Good"}
    print(f"\n{KILLS} kills of the coater's controller; link up {max(ready_s):.2f} s after start")
    expect_no_scan_missed(watched, "the coater's controller died")
    for station in OTHERS["coater"]:
        assert split.status(station)["state"] not in ("HELD", "ABORTED")


def test_upgrade_is_an_orderly_stop_and_a_start(split: SplitLine) -> None:
    going(split, "calender")
    watched = watch(split, OTHERS["calender"])
    begin_ns = split.line.clock.utc_ns()
    assert split.stop("calender") == 0
    split.start("calender")
    ready_s = until(split, watched, lambda: split.link_up("calender"), 30.0)
    print(f"\nstop and start of the calender's controller: link up {ready_s:.2f} s after start")
    expect_no_scan_missed(watched, "the calender's controller was restarted")
    assert "controller restarted in" in split.status("calender")["reason"]
    begun = "only calender, started"
    told = told_until(split, begin_ns, EventKind.SYSTEM, begun)
    assert [text for text in told if begun in text or "stopped" in text] == [
        "controller stopped in order",
        next(text for text in told if begun in text),
    ]


def test_dead_plc_of_the_coater_is_bad_for_the_calender_and_nothing_else(split: SplitLine) -> None:
    line = split.line
    going(split, "calender")
    watched = watch(split, ("enclosure", "calender"))
    state = split.status("calender")["state"]
    lost_ns = line.clock.utc_ns()
    line.plc("coater", "kill")
    bad_s = until(
        split,
        watched,
        lambda: all(q.startswith("Bad") for q in split.foreign("calender", "coater").values()),
        5.0,
    )
    up_ns = line.wait_for(lambda: line.plc_up_ns("coater", lost_ns), "PLC of the coater back")
    until(
        split,
        watched,
        lambda: set(split.foreign("calender", "coater").values()) == {"Good"},
        10.0,
    )
    good_s = seconds(line.clock.utc_ns() - up_ns)
    print(f"\nPLC of the coater killed: Bad in the calender after {bad_s:.2f} s, "
          f"Good {good_s:.2f} s after its return")  # fmt: skip
    assert bad_s <= BAD_S
    assert good_s <= GOOD_S
    assert split.status("calender")["state"] == state
    assert split.status("calender")["link_up"]
    assert not [one for one in watched.values() if one.pid_changed]
    told = told_until(split, lost_ns, EventKind.LINK, "reading coater: link up")
    assert [text for text in told if text.startswith("reading")] == [
        "reading coater: link lost",
        "reading coater: link up",
    ]


def test_reading_alone_does_not_keep_a_plc_from_going_safe(split: SplitLine) -> None:
    line = split.line
    split.kill("coater")
    line.wait_for(lambda: line.raw["coater"].read(["COAT.WDOG"]) == [1.0], "watchdog", 5.0)
    before = line.raw["coater"].read(["COAT.SEQ", "COAT.REJECTS", "COAT.STATE"])
    time.sleep(2.0)
    assert line.raw["coater"].read(["COAT.WDOG"]) == [1.0]
    assert line.raw["coater"].read(["COAT.SEQ", "COAT.REJECTS", "COAT.STATE"]) == before
    assert set(split.foreign("calender", "coater").values()) == {"Good"}
    split.start("coater")
    line.wait_for(lambda: split.link_up("coater"), "coater up")
    assert line.raw["coater"].read(["COAT.REJECTS"]) == before[1:2]


def test_second_controller_of_a_station_is_told_who_has_it(split: SplitLine) -> None:
    pid = split.process["coater"].pid
    for words in (("--station", "coater"), ("--station", "calender", "--station", "coater"), ()):
        refused = split.another(*words)
        assert refused.returncode == 1
        assert f"coater is controlled by the controller of coater (pid {pid}, since" in (
            refused.stderr
        )
        assert "Traceback" not in refused.stderr
    assert split.all_links_up()


def test_commands_find_the_controller_of_their_station(split: SplitLine) -> None:
    run = split.line.run
    answer = json.loads(split.dryline("status", "--json").stdout)
    assert list(answer["stations"]) == list(STATIONS)
    assert {c["part"] for c in answer["controllers"]} == set(STATIONS)
    assert answer["uncontrolled"] == []
    assert split.dryline("set", "CAL.SET.TENS", "71").returncode == 0
    assert split.dryline("set", "ENC.SET.PRESS", "46").returncode == 0
    split.kill("coater")
    status = split.dryline("status")
    assert "coater  NOBODY CONTROLS IT" in status.stderr
    refused = split.dryline("hold", "coater")
    assert refused.returncode == 1
    assert "nobody controls coater now; controlled: enclosure, calender" in refused.stderr
    assert "dryline controller --station coater" in refused.stderr
    split.start("coater")
    split.line.wait_for(lambda: split.link_up("coater"), "coater up")
    split.line.wait_for(
        lambda: not (run / "history-coater.db-journal").exists()
        and json.loads(split.dryline(
            "history", "COAT.HEART", "CAL.HEART", "--last", "20s", "--buckets", "2", "--json"
        ).stdout or "[]"),
        "history of both",
    )  # fmt: skip
    told = split.dryline("events", "--limit", "200", "--json").stdout
    assert {"enclosure", "coater", "calender"} <= {e["station"] for e in json.loads(told)}


def test_history_goes_on_from_the_whole_line_to_its_parts(split: SplitLine) -> None:
    names = {p.name for p in split.line.run.glob("history*.db")}
    assert names == {"history.db", *(f"history-{s}.db" for s in STATIONS)}
    with split.reader() as reader:
        span = reader.span("CAL.HEART")
        assert span is not None
        series = reader.raw("CAL.HEART", span[0], span[1] + 1)
        owners = [t for t in reader.tags() if t.name.startswith("COAT.")]
    with split.line.reader() as before:
        whole = before.span("CAL.HEART")
    assert whole is not None
    assert span[0] == whole[0]
    assert span[1] > whole[1]
    assert (np.diff(series.time_ns) > 0).all()
    assert {t.station for t in owners} == {"coater"}
