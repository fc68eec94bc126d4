"""A process that writes audit records from several threads and says what was confirmed.

    python -m tests.support.audit_writer FOLDER THREADS [STEP COUNT]

For every record that `append` returned a line with its number and hash goes to standard output. At
the COUNT-th time of STEP the process kills itself (SIGKILL), if it is not killed from outside.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.audit.anchor import AnchorFile
from controller.audit.append_file import AppendFile
from controller.audit.moment import moments
from controller.audit.trail import TRAIL, Trail
from controller.durable import sync_folder
from tests.support.audit_trails import anchor_of, entry

# Step -> where it is: the process dies right before the call, or right after it.
STEPS: dict[str, tuple[type, str, bool]] = {
    "before write": (AppendFile, "_write", False),
    "half written": (AppendFile, "_write", False),
    "before sync": (AppendFile, "_sync", False),
    "after sync": (AppendFile, "_sync", True),
    "before anchor": (AnchorFile, "write", False),
    "after anchor": (AnchorFile, "write", True),
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(step: str, count: int) -> None:
    owner, name, after = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def armed(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < count:
            return real(self, *args)
        if step == "half written":
            real(self, args[0][: len(args[0]) // 2])
        elif after:
            real(self, *args)
        return die()

    setattr(owner, name, armed)


def main(folder: Path, threads: int) -> None:
    out = sys.stdout.fileno()
    with Trail(folder / "run" / TRAIL, moments(), anchor=anchor_of(folder)) as trail:
        os.write(out, b"ready\n")

        def write(name: str) -> None:
            for k in range(100_000):
                (made,) = trail.append(entry("SET", actor=name, target=str(k)))
                os.write(out, f"{made.number} {made.hash}\n".encode())

        running = [
            threading.Thread(target=write, args=(f"user{n}",), daemon=True) for n in range(threads)
        ]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()


if __name__ == "__main__":
    sync_folder(Path(sys.argv[1]))
    if len(sys.argv) > 3:
        arm(sys.argv[3], int(sys.argv[4]))
    main(Path(sys.argv[1]), int(sys.argv[2]))
