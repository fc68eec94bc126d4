"""Who goes first on a busy machine: control, then everything that only looks on or tidies up."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
NICENESS = 10
POLITE = frozenset({"backup", "export", "import", "inspect", "rehearse", "restore"})


def step_back(words: Sequence[str]) -> None:
    """Give way if the words of a command line ask for long work beside a line that may run.

    To be called before anything else is imported: that alone takes most of a second of a core.
    """
    if words and words[0] in POLITE:
        give_way(NICENESS)


def give_way(nice: int) -> None:
    """Let processes of a lower nice value go first, for the rest of this process; 0 to 19.

    Linux shares the processors among sessions before it looks at nice values (sched_autogroup), so
    a process that leads a session of its own lowers that as well. A session that others began is
    left alone: it may hold the controller.
    """
    os.nice(nice)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # another system, or a kernel without such groups
            AUTOGROUP.write_text(str(nice), encoding="ascii")
