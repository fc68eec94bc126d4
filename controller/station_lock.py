"""One controller per station: a lock for each station in the run folder, freed by death.

Two controllers of one station would take turns writing its outputs, each refusing to believe what
the other has set. So a controller takes the locks of all its stations before it opens anything,
or it takes none and says who holds what it wanted.
"""

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Self

from controller.clock import NS
from controller.core.errors import DrylineError
from controller.durable import make_folder

FOLDER = "locks"
MAX_HOLDER_BYTES = 200


class StationLocks:
    """The right to control some stations on one run folder; a context.

    part: name of the part of the line that takes them, "" for the whole line.
    """

    def __init__(self, run: Path, stations: Sequence[str], part: str, utc_ns: int) -> None:
        self._run, self._stations = run, tuple(stations)
        since = datetime.fromtimestamp(utc_ns / NS, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        whose = f"the controller of {part}" if part else "the controller of the whole line"
        self._who = f"{whose} (pid {os.getpid()}, since {since})"
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Take all of them; DrylineError with every station that somebody else holds."""
        folder = self._run / FOLDER
        make_folder(folder)
        refusals = []
        with ExitStack() as taken:
            for station in self._stations:
                stream = taken.enter_context((folder / f"{station}.lock").open("a+b"))
                holder = _take(stream)
                if holder is None:
                    stream.truncate(0)  # who held it last may have died without a word
                    stream.write(self._who.encode())
                    stream.flush()
                else:
                    refusals.append(f"{station} is controlled by {holder}")
            if refusals:
                raise DrylineError(
                    "; ".join(refusals) + ". Stop that one first, or choose another run folder"
                )
            self._held = taken.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have them. The files stay: deleting them would race."""
        self._held.close()


def _take(stream: BinaryIO) -> str | None:
    """None when the lock is ours now, else who holds it."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        return stream.read(MAX_HOLDER_BYTES).decode() or "a controller that is just starting"
    return None
