"""A fixed priority for control where the system grants it: no usual program then delays a scan.

Off unless `realtime_priority` in line.toml asks for it. The thread that scans gets it, and those of
the history one less: while such a thread holds Python's lock the scan waits for it, and it must not
be put aside for a usual program then. All others, and programs it starts (sinks), begin as usual.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

HIGHEST = 49  # the kernel serves interrupts at 50


@dataclass(frozen=True, slots=True)
class RealTime:
    """What became of it. wanted: 1 to HIGHEST, 0 for none; refused: why it is not granted, and
    what to do."""

    wanted: int = 0
    refused: str = ""

    @property
    def priority(self) -> int:
        """The one in force; 0 for none."""
        return 0 if self.refused else self.wanted


def ask_for(priority: int) -> RealTime:
    """Give the calling thread this priority, first come first served (SCHED_FIFO), 0 for none.

    Never fails: what the system does not grant is told in the answer.
    """
    if priority and sys.platform != "linux":
        return RealTime(priority, "real-time priority is known on Linux only: remove it")
    if priority:
        try:
            _begin(priority)
        except PermissionError:
            return RealTime(priority, _advice(priority))
        except OSError as error:
            return RealTime(priority, f"real-time priority {priority}: {error.strerror}")
    return RealTime(priority)


def follow(priority: int) -> None:
    """Put the calling thread one behind that of the scans, whose priority this is (0 for none).

    Never fails: what is not granted is told by `ask_for`. Of priority 1 there is nothing behind.
    """
    if priority > 1 and sys.platform == "linux":
        with suppress(OSError):
            _begin(priority - 1)


def _begin(priority: int) -> None:
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK  # neither threads nor programs inherit it
    os.sched_setscheduler(0, policy, os.sched_param(priority))


def _advice(priority: int) -> str:
    return (
        f"real-time priority {priority} is not granted, control runs without it: give the service "
        f"LimitRTPRIO={priority} (systemd), the container --ulimit rtprio={priority}, or the "
        "program the capability CAP_SYS_NICE"
    )
