"""A line at work whose every scan is noted, beside a timer that notes when the machine itself stood
still: what tests need that ask whether control feels something."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.bare_timer import lateness, ticking
from tests.support.line_under_test import ROOT, STATIONS, LineUnderTest
from tests.support.neighbours import Window

TIMER = "timer.bin"
STALL_MS = 20.0  # a machine that stands still so long says nothing about the controller


@contextmanager
def counted_line(
    home: Path, module: str = "tests.support.counted_controller"
) -> Iterator[LineUnderTest]:
    """All stations active. home: of the notes; module: runs in the place of the controller."""
    (home / "recipes").symlink_to(ROOT / "recipes")
    words = (module, str(home))
    with ticking(home / TIMER, ROOT), LineUnderTest(home=home, controller_words=words) as line:
        line.start_plant()
        line.start_controller()
        line.settle()
        for station in STATIONS:
            line.activate(station)
        yield line


def stall_ms(line: LineUnderTest, window: Window) -> float:
    """For how long at most the machine stood still in a stretch of time."""
    return float(lateness(line.home / TIMER, window.start_ns, window.stop_ns).max())
