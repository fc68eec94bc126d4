"""A real InfluxDB is killed, hangs, refuses and is slow: nothing is lost, nothing disturbed.

Plant, controller, process of the sinks and server are real; plant time runs twenty times faster
than the wall, so an hour without a server is three minutes of the test. One line lives through all
of it; at the end every tag in the database has the count and hash that it has in the local store.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.__main__ import app
from controller.sinks.condition import State
from tests.support.line_under_test import ROOT, STATIONS
from tests.support.manners import Manner
from tests.support.outage_line import MIB, SINK, OutageLine, Stage

pytestmark = pytest.mark.timeout(900)

SPEED = float(os.environ.get("OUTAGE_SPEED", "20"))
HOUR_S = 3600.0 / SPEED  # wall seconds
TEN_MINUTES_S = 600.0 / SPEED
BASE_S = 20.0
SHORT_S = 12.0  # longer than a post may take
PRODUCES_S = 240.0  # until the last station does, warm and dry
LATE_S = 2.0  # answers of a slow server
MOST_GROWTH = 64 * MIB
MOST_AGE_S = 1.0
LEAST_DRAIN = 10.0  # times the rate of the line
STALL_MS = 20.0  # a machine that stands still so long says nothing about the controller
ROUNDS = 3  # so often is timing measured on a machine that does
Act = Callable[[], None]
OUT = ROOT / "bench-out" / "history-outages.json"


class Base:
    """What the line does while all is well."""

    def __init__(self, up: OutageLine) -> None:
        up.drain(60.0)
        start_s, (before, _) = time.monotonic(), up.sent()
        time.sleep(BASE_S)
        stop_s, (after, _) = time.monotonic(), up.sent()
        self.per_s = (after - before) / (stop_s - start_s)
        self.late_p99_ms = up.late_p99_ms(start_s, stop_s)
        self.live_age_s = up.arrivals.age_s(start_s + 1.0, stop_s)
        self.memory = up.look_at_memory()

    def bar_ms(self, station: str) -> float:
        """How late scans may be at the 99th percentile."""
        base = self.late_p99_ms[station]
        return max(2.0 * base, base + 10.0)


@pytest.fixture(scope="module")
def up() -> Iterator[OutageLine]:
    with tempfile.TemporaryDirectory(prefix="dry-outage-") as folder:
        made = OutageLine(Path(folder), SPEED)
        with made.running():
            # A line that only warms up has half the samples a second, and would be no measure.
            for station in STATIONS:
                made.line.run_until(station, state="EXECUTE", within_s=PRODUCES_S)
            yield made


@pytest.fixture(scope="module")
def base(up: OutageLine) -> Base:
    found = Base(up)
    print(f"\nbase: {vars(found)}")
    return found


def disturbed(stage: Stage, base: Base) -> list[str]:
    """What of live samples and loops was too late while the rest was sent."""
    late = [
        f"{station}: {ms} ms, bar {base.bar_ms(station)}"
        for figures in (stage.late_p99_ms, stage.drain_late_p99_ms)
        for station, ms in figures.items()
        if ms > base.bar_ms(station)
    ]
    old = [f"live: {stage.live_age_s} s old"] if stage.live_age_s > MOST_AGE_S else []
    return late + old


def outage(up: OutageLine, base: Base, name: str, seconds: float, begin: Act, end: Act) -> Stage:
    """The first outage of some; where the machine itself stood still, timing is judged again."""
    first = stage = up.outage(name, seconds, begin, end)
    for _ in range(ROUNDS - 1):
        if not disturbed(stage, base) or stage.machine_ms < STALL_MS:
            break
        base = Base(up)  # of the machine as it is now
        stage = up.outage(f"{name} again", min(seconds, SHORT_S), begin, end)
    assert not disturbed(stage, base), (stage, vars(base))
    return first


def test_an_hour_without_a_server_that_was_killed(up: OutageLine, base: Base) -> None:
    stage = outage(up, base, "killed", HOUR_S, up.influx.kill, up.influx.start)
    assert stage.waited > 0.9 * HOUR_S * base.per_s
    assert stage.drain_per_s >= LEAST_DRAIN * base.per_s


def test_ten_minutes_of_a_server_that_hangs(up: OutageLine, base: Base) -> None:
    stage = outage(up, base, "hung", TEN_MINUTES_S, up.influx.pause, up.influx.resume)
    assert stage.waited > 0.5 * TEN_MINUTES_S * base.per_s


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_answers_with_an_error(up: OutageLine, base: Base, status: int) -> None:
    bad = Manner(status, "not now")
    stage = outage(up, base, str(status), SHORT_S / 2, lambda: up.behave(bad), up.behave)
    assert stage.waited > 0


def test_a_server_that_answers_slowly(up: OutageLine, base: Base) -> None:
    """It has everything all the time, a little later.

    At most there waits what is on its way, what came since, and a second each for the history to
    be on disk and for the status to be told.
    """
    before, _ = up.sent()
    slow = Manner(late_s=LATE_S)
    stage = outage(up, base, "slow", SHORT_S, lambda: up.behave(slow), up.behave)
    after, _ = up.sent()
    assert after - before > 0.8 * SHORT_S * base.per_s
    assert stage.waited < (2 * LATE_S + 2.0) * base.per_s


def test_a_server_that_refuses_one_tag(up: OutageLine, base: Base) -> None:
    """Its lines lie in quarantine with the reason and are sent when somebody says so."""

    def refuse() -> None:
        up.mapper.refuse = ",tag=ENC.SCAN.COUNT"

    outage(up, base, "poison", SHORT_S / 2, refuse, up.behave)
    quarantined = up.status().quarantined
    assert quarantined > 0
    listed = CliRunner().invoke(
        app, ["sink", "quarantine", SINK, "--run", str(up.line.run)], env={"COLUMNS": "300"}
    )
    assert "field type conflict" in listed.stdout
    assert "tag=ENC.SCAN.COUNT" in listed.stdout
    told = CliRunner().invoke(app, ["sink", "retry", SINK, "--run", str(up.line.run)])
    assert f"{quarantined} line(s) are sent again" in told.stdout
    up.line.wait_for(lambda: up.status().quarantined == 0, "nothing left in quarantine")


def test_a_server_that_refuses_the_token_until_the_file_has_another(
    up: OutageLine, base: Base
) -> None:
    def refuse() -> None:
        up.mapper.token += "-newer"
        status = up.reach(State.STOPPED)
        assert status.reason == "401: unauthorized access"

    def mend() -> None:
        up.write_token(up.mapper.token)

    stage = outage(up, base, "token", SHORT_S / 2, refuse, mend)
    assert stage.waited > 0


def test_memory_did_not_grow(up: OutageLine, base: Base) -> None:
    grown = {name: up.memory.peak[name] - at_first for name, at_first in base.memory.items()}
    print("\ngrown, MiB:", {name: round(size / MIB, 1) for name, size in grown.items()})
    assert max(grown.values()) <= MOST_GROWTH, grown


def test_at_the_end_the_database_has_every_sample_once_as_it_is_here(
    up: OutageLine, base: Base
) -> None:
    up.finish()
    compared = up.compare()
    samples = sum(c.here[0] for c in compared)
    print(f"\n{samples} samples of {len(compared)} tags compared")
    assert [c for c in compared if c.here != c.there] == []
    assert samples > HOUR_S * base.per_s
    here, there = up.events()
    assert there == here
    status = up.status()
    assert (status.dropped, status.quarantined) == (0, 0)
    OUT.parent.mkdir(exist_ok=True)
    memory = {name: up.memory.peak[name] - size for name, size in base.memory.items()}
    figures = {"base": vars(base), **up.figures(), "samples": samples, "grown_bytes": memory}
    OUT.write_text(json.dumps(figures, indent=1), encoding="utf-8")
