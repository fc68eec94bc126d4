"""The ways to end: SIGTERM while a PLC is mute, Ctrl-C of `dryline up`, a dead child."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.core.errors import DrylineError
from tests.support.line_under_test import ROOT, STATIONS, ConsoleClient, LineUnderTest, seconds

STOP_S = 5.0
UP_S = 30.0


def test_controller_stops_in_order_while_a_plc_does_not_answer(line: LineUnderTest) -> None:
    for station in ("coater", "enclosure"):
        line.plc(station, "pause")
    line.wait_for(lambda: not line.station("coater")["link_up"], "coater lost", 3.0)
    line.wait_for(lambda: not line.station("enclosure")["link_up"], "enclosure lost", 3.0)
    told_ns = line.clock.utc_ns()
    begun_s = time.monotonic()
    code = line.stop_controller()
    took_s = time.monotonic() - begun_s
    gone_ns = line.clock.utc_ns()
    print(f"\nSIGTERM with two paused PLCs: gone after {took_s:.2f} s")
    assert code == 0
    assert took_s <= STOP_S
    assert "not stored" not in line.log("controller")
    assert "Traceback" not in line.log("controller")
    with line.reader() as reader:
        texts = [event.text for event in reader.events(told_ns)]
        last = reader.latest("CAL.HEART")
        assert not reader.damage()
    assert "controller stopped in order" in texts
    assert not [text for text in texts if text.startswith("gap")]
    # Everything the calender sent up to the signal is there, what waited in memory too.
    assert last is not None
    assert seconds(told_ns - last.time_ns) < 0.5
    assert last.time_ns < gone_ns


def test_states_survive_an_orderly_stop(line: LineUnderTest) -> None:
    line.do("coater", "HOLD")
    line.run_until("coater", state="HELD", within_s=10.0)
    line.do("enclosure", "SET", "ENC.SET.PRESS", 45.0)
    assert line.stop_controller() == 0
    line.settle()
    line.run_until("coater", state="HELD", within_s=2.0)
    assert line.station("coater")["reason"].startswith("HOLD by test")
    line.run_until("calender", state="HELD", within_s=2.0)
    assert "controller restarted in" in line.station("calender")["reason"]
    assert line.value("enclosure", "ENC.SET.PRESS") == 45.0


@contextlib.contextmanager
def _as_in_a_terminal() -> Iterator[None]:
    """Whoever runs the tests may have begun them under nohup, which `dryline up` respects."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class Up:
    """`dryline up` in a process group of its own, as a terminal would start it."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.run = folder / "up"
        self.log = folder / "up.log"
        command = ["up", "--line", str(folder / "plant"), "--run", str(self.run), *more]
        with self.log.open("ab") as log, _as_in_a_terminal():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "controller", *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_running(self, plcs_up: int = 0) -> None:
        """Until the controller answers and so many PLCs and processes are there."""
        console = ConsoleClient(self.run / "controller.sock")
        deadline = time.monotonic() + UP_S
        while time.monotonic() < deadline:
            with contextlib.suppress(DrylineError):
                console.ask(op="status")
                console.close()
                said = self.log.read_text(encoding="utf-8").count(" is up, boot ")
                if said >= plcs_up and len(self.members()) == 4 + len(STATIONS):
                    return
            time.sleep(0.05)
        raise AssertionError(f"not up\n{self.log.read_text(encoding='utf-8')}")

    def members(self) -> dict[int, str]:
        """Processes of the group that are still alive, with their command lines."""
        alive = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(fields[2]) == self.process.pid and fields[0] != "Z":
                        words = (entry / "cmdline").read_bytes().split(b"\0")
                        alive[int(entry.name)] = b" ".join(words[1:5]).decode()
        return alive

    def child(self, words: str) -> int:
        """Process number of the member whose command line holds these words."""
        return next(pid for pid, command in self.members().items() if words in command)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_S)


@pytest.fixture
def up() -> Iterator[Up]:
    """`dryline up` on free ports of its own."""
    with LineUnderTest() as other:  # for its folders and ports; nothing of it is started
        running = Up(other.folder)
        try:
            yield running
        finally:
            running.close()


def expect_all_gone(up: Up, within_s: float) -> int:
    begun_s = time.monotonic()
    code = up.process.wait(within_s)
    print(f"\nup ended after {time.monotonic() - begun_s:.2f} s with {code}")
    assert up.members() == {}
    assert not (up.run / "controller.sock").exists()
    assert not (up.run / "plant.sock").exists()
    return code


def test_ctrl_c_ends_up_and_everything_below_it(up: Up) -> None:
    up.wait_until_running(plcs_up=len(STATIONS))
    os.killpg(up.process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    assert expect_all_gone(up, 2 * STOP_S) == 0
    assert "Traceback" not in up.log.read_text(encoding="utf-8")


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGHUP])
def test_orders_to_end_that_come_again_and_again_leave_nobody_behind(
    up: Up, order: signal.Signals
) -> None:
    up.wait_until_running(plcs_up=len(STATIONS))
    for _ in range(20):
        with contextlib.suppress(ProcessLookupError):
            os.kill(up.process.pid, order)
        time.sleep(0.02)
    assert expect_all_gone(up, 2 * STOP_S) == 0
    assert "Traceback" not in up.log.read_text(encoding="utf-8")


def test_dead_controller_ends_up_with_an_error_and_leaves_no_plc_behind(up: Up) -> None:
    up.wait_until_running()
    os.kill(up.child("-m controller controller"), signal.SIGKILL)
    code = up.process.wait(2 * STOP_S)
    assert code == 1
    assert up.members() == {}
