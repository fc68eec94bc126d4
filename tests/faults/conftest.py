"""One line in real processes for all fault tests: starting it is the dearest part of them."""

from collections.abc import Iterator

import pytest

from tests.support.line_under_test import STATIONS, LineUnderTest

# Settings with which something moves within seconds instead of after an hour of warming up.
QUICK = {
    "enclosure": {"TREG.START": 100.0},
    "coater": {"TROLL": 40.0, "TBARREL": 25.0, "TLAM": 60.0},
    "calender": {"ALONE": 1.0, "TROLL": 25.0, "V": 0.5, "WEB": 10.0, "TENS": 70.0},
}
PREFIX = {"enclosure": "ENC", "coater": "COAT", "calender": "CAL"}


@pytest.fixture(scope="session")
def session_line() -> Iterator[LineUnderTest]:
    """Plant and controller at speed 1, all stations started."""
    with LineUnderTest() as line:
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
