"""`dryline up --split`: a controller that dies is started again, the others run on."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from controller.consoles import status
from controller.core.errors import DrylineError
from tests.faults.test_orderly_stop import STOP_S, Up
from tests.support.line_under_test import STATIONS, LineUnderTest

UP_S = 60.0  # nine processes start at once


@pytest.fixture
def up() -> Iterator[Up]:
    """Plant and three controllers on free ports of their own."""
    with LineUnderTest() as other:  # for its folders and ports; nothing of it is started
        running = Up(other.folder, "--split")
        try:
            yield running
        finally:
            running.close()


def controllers(up: Up) -> dict[str, int]:
    """Process of the controller of each station that has its PLC."""
    try:
        found = status(up.run)
    except DrylineError:
        return {}
    return {
        c["part"]: c["pid"]
        for c in found["controllers"]
        if all(found["stations"][name]["link_up"] for name in c["stations"])
    }


def until(up: Up, test: Callable[[], bool]) -> float:
    begun_s = time.monotonic()
    while not test():
        told = up.log.read_text(encoding="utf-8")
        assert time.monotonic() - begun_s < UP_S, f"{controllers(up)}\n{told}"
        assert up.process.poll() is None, told
        time.sleep(0.1)
    return time.monotonic() - begun_s


def test_a_dead_controller_is_started_again_and_ctrl_c_ends_all(up: Up) -> None:
    until(up, lambda: set(controllers(up)) == set(STATIONS))
    before = controllers(up)
    os.kill(before["coater"], signal.SIGKILL)
    took_s = until(up, lambda: controllers(up).get("coater", before["coater"]) != before["coater"])
    print(f"\nthe coater's controller killed: another has its PLC after {took_s:.1f} s")
    after = controllers(up)
    assert {s: after[s] for s in ("enclosure", "calender")} == {
        s: before[s] for s in ("enclosure", "calender")
    }
    said = "the controller of coater has ended (signal 9); it is started again in 1 s"
    assert said in up.log.read_text(encoding="utf-8")
    os.killpg(up.process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    assert up.process.wait(2 * STOP_S) == 0
    assert up.members() == {}
    assert not list(up.run.glob("*.sock"))
    assert "Traceback" not in up.log.read_text(encoding="utf-8")


def test_a_dead_plant_ends_all_of_them(up: Up) -> None:
    until(up, lambda: set(controllers(up)) == set(STATIONS))
    os.kill(up.child("-m plc_sim run"), signal.SIGKILL)
    assert up.process.wait(2 * STOP_S) == 1
    begun_s = time.monotonic()  # PLC programs see that their plant is gone, and end by themselves
    while up.members() and time.monotonic() - begun_s < UP_S:
        time.sleep(0.1)
    assert up.members() == {}
