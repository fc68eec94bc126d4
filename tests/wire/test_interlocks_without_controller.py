"""Over real wires and with nothing of the controller running: a hard interlock of each PLC trips.

Plant and PLCs are processes of their own. Only bare library clients look at them.
"""

import time
from collections.abc import Iterator

import pytest

from tests.support.line_under_test import PREFIX, STATIONS, LineUnderTest

pytestmark = pytest.mark.timeout(180)
TRIPPED = 5.0


@pytest.fixture(scope="module")
def plant() -> Iterator[LineUnderTest]:
    with LineUnderTest() as line:
        line.start_plant()
        yield line


def shown(line: LineUnderTest, station: str, *names: str) -> list[float]:
    return line.raw[station].read([f"{PREFIX[station]}.{name}" for name in names])


@pytest.mark.parametrize(
    ("station", "fault", "level", "trip"),
    [
        ("enclosure", "h2s_release", 5.0, "hydrogen sulfide"),
        ("coater", "emergency_stop", 1.0, "emergency stop"),
        ("calender", "emergency_stop", 1.0, "emergency stop"),
    ],
)
def test_a_hard_interlock_trips_and_latches_while_nobody_is_connected(
    plant: LineUnderTest, station: str, fault: str, level: float, trip: str
) -> None:
    assert not plant.controller_runs()
    labels = plant.config.station(station).points
    text = next(p.labels for p in labels if p.tag == f"{PREFIX[station]}.TRIP")
    assert shown(plant, station, "TRIP", "WDOG") == [0.0, 1.0]  # nobody renews the outputs
    plant.fault(station, fault, level)
    plant.wait_for(lambda: shown(plant, station, "TRIP")[0] != 0.0, f"{station} tripped", 90.0)
    code, mode = shown(plant, station, "TRIP", "STATE")
    assert (text[int(code)], mode) == (trip, TRIPPED)
    plant.clear(station, fault)
    time.sleep(1.0)
    assert shown(plant, station, "TRIP", "STATE") == [code, TRIPPED]


def test_a_plc_that_nobody_writes_to_drives_nothing(plant: LineUnderTest) -> None:
    for station in STATIONS:
        assert shown(plant, station, "CMD", "SEQ", "REJECTS") == [0.0, 0.0, 0.0]
    assert shown(plant, "coater", "V.LINE", "SCREW.N")[0] == pytest.approx(0.0, abs=0.05)
    assert shown(plant, "calender", "V.PV")[0] == pytest.approx(0.0, abs=0.05)
