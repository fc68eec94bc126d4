"""Moments by two clocks: one that people read, one that nobody can set."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.clock import NS, WallClock

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment.

    utc_ns: by the wall clock, which may be set; mono_ns: monotonic, comparable among moments of the
    same `boot`, the identity of one start of the machine.
    """

    utc_ns: int
    mono_ns: int
    boot: str

    def seconds_since(self, mono_ns: int, boot: str) -> float | None:
        """Seconds since another moment, by the clock that nobody sets; None across a restart."""
        return (self.mono_ns - mono_ns) / NS if boot == self.boot else None


Now = Callable[[], Moment]


def moments(clock: WallClock | None = None) -> Now:
    """A source of moments of this machine."""
    wall = clock or WallClock()
    boot = boot_id()
    return lambda: Moment(wall.utc_ns(), wall.mono_ns(), boot)


def boot_id() -> str:
    """Which start of the machine this is; a new one for every process where nobody says.

    The latter ends every session with the process: too early, never too late.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return uuid.uuid4().hex


def clock_step_s(before: Moment, after: Moment) -> float:
    """How far the wall clock was set between two moments, in seconds; positive: set forward.

    Across a restart of the machine only a step back can be seen.
    """
    passed = after.seconds_since(before.mono_ns, before.boot)
    by_wall = (after.utc_ns - before.utc_ns) / NS
    return min(by_wall, 0.0) if passed is None else by_wall - passed
