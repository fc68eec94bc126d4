"""One line in real processes for all fault tests: starting it is the dearest part of them."""

from collections.abc import Iterator

import pytest

from tests.support import bare_timer
from tests.support.line_under_test import ROOT, STATIONS, LineUnderTest

# Settings with which something moves within seconds instead of after an hour of warming up.
QUICK = {
    "enclosure": {"TREG.START": 100.0},
    "coater": {"TROLL": 40.0, "TBARREL": 25.0, "TLAM": 60.0},
    "calender": {"ALONE": 1.0, "TROLL": 25.0, "V": 0.5, "WEB": 10.0, "TENS": 70.0},
}
TIMER = "timer.bin"
PREFIX = {"enclosure": "ENC", "coater": "COAT", "calender": "CAL"}


def stalled_s(line: LineUnderTest, start_ns: int, stop_ns: int) -> float:
    """For how long the machine itself stood still at most in a stretch of time."""
    return bare_timer.stalled_s(line.folder / TIMER, start_ns, stop_ns)


def scans_lost(line: LineUnderTest, start_ns: int, stop_ns: int) -> int:
    """How many scans the machine itself took away in a stretch of time."""
    return bare_timer.scans_lost(line.folder / TIMER, start_ns, stop_ns)


@pytest.fixture(scope="session")
def session_line() -> Iterator[LineUnderTest]:
    """Plant and controller at speed 1, all stations started; beside it a bare timer."""
    with LineUnderTest() as line, bare_timer.ticking(line.folder / TIMER, ROOT):
        line.start_plant()
        line.start_controller()
        line.settle()
        for station, settings in QUICK.items():
            for key, value in settings.items():
                line.do(station, "SET", f"{PREFIX[station]}.SET.{key}", value)
            line.start(station)
        yield line


@pytest.fixture
def line(session_line: LineUnderTest) -> LineUnderTest:
    """The line with all damage of earlier tests taken back and every station active."""
    session_line.settle()
    for station in STATIONS:
        session_line.activate(station)
    return session_line
