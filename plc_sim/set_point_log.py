"""The PLC's own log of its set points: what was asked for, what came to act, and when.

It is kept by the PLC and not by whoever writes to it, so it shows what every client together did.
"""

from pathlib import Path
from typing import Self

from plc_sim.set_point_ramps import Note

FILE_END = ".setpoints.csv"
HEADER = "t_s,tag,asked,effective,acts\n"
RESTART = "RESTART"  # in the place of a tag: a power cycle, everything at its default


class SetPointLog:
    """Keeps the notes of one PLC. Times are plant seconds; a restart is a note without tag."""

    def __init__(self) -> None:
        self.notes: list[tuple[float, Note]] = []

    def note(self, now_s: float, note: Note) -> None:
        """Keep one."""
        self.notes.append((now_s, note))

    def restarted(self, now_s: float) -> None:
        """Keep that the PLC had a power cycle."""
        self.notes.append((now_s, Note(RESTART, 0.0, 0.0)))

    def take(self) -> list[tuple[float, Note]]:
        """The notes since the last call."""
        taken, self.notes = self.notes, []
        return taken


class SetPointFile(SetPointLog):
    """A log that is appended to a file at each `flush`."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", encoding="ascii")
        if not self._file.tell():
            self._file.write(HEADER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()
        self._file.close()

    def flush(self) -> None:
        """Bring what was noted to the file."""
        if self.notes:
            self._file.writelines(
                f"{now_s:.3f},{n.tag},{n.asked!r},{n.effective!r},{int(n.acts)}\n"
                for now_s, n in self.take()
            )
            self._file.flush()


def read_log(path: Path) -> list[tuple[float, Note]]:
    """The notes of a file; a last line that was cut off is left out."""
    text = path.read_text(encoding="ascii")
    notes = []
    for line in text[: text.rfind("\n") + 1].splitlines()[1:]:
        t_s, tag, asked, effective, acts = line.split(",")
        notes.append((float(t_s), Note(tag, float(asked), float(effective), acts == "1")))
    return notes
