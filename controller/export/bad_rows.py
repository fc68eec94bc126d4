"""What becomes of rows that cannot be taken: a reason to stop, or a list in a file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from controller.core.errors import ConfigError, Problem
from controller.export.incoming import Findings, Wrong
from controller.runs.csv_cells import line
from controller.text_file import shown
from controller.whole_file import whole_file

MOST = 20  # problems that are told at once
HEADER = ("file", "line", "column", "value", "problem")


class BadRows(Protocol):
    """Hears of every row that cannot be taken."""

    def take(self, file: Path, findings: Findings) -> None:
        """What was found in one block."""
        ...

    def settle(self) -> None:
        """All was heard; raises when it stands in the way."""
        ...


class NoBadRows:
    """One such row and nothing is imported: ConfigError with the first ones."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def take(self, file: Path, findings: Findings) -> None:
        """Raises when there is enough to tell."""
        self._problems += [_problem(file, wrong) for wrong in findings.wrong]
        if len(self._problems) >= MOST:
            self.settle()

    def settle(self) -> None:
        """Raises when there was one."""
        if self._problems:
            raise ConfigError(self._problems[:MOST])


class ListedBadRows:
    """They are left out and listed in a CSV file, which is there only if there is one."""

    def __init__(self, path: Path, files: ExitStack) -> None:
        """files: closes the file at the end, or takes it away when something fails."""
        self._path, self._files = path, files
        self._stream: BinaryIO | None = None

    def take(self, file: Path, findings: Findings) -> None:
        """Write them down."""
        for wrong in findings.wrong:
            cells = (str(file), wrong.line, wrong.column, wrong.cell, wrong.message)
            self._file().write(line(cells).encode())

    def settle(self) -> None:
        """They were told where they are listed."""

    def _file(self) -> BinaryIO:
        if self._stream is None:
            self._stream = self._files.enter_context(whole_file(self._path))
            self._stream.write(line(HEADER).encode())
        return self._stream


@contextmanager
def bad_rows(listed_in: Path | None) -> Iterator[BadRows]:
    """Where bad rows go during an import; None: they make it fail."""
    if listed_in is None:
        yield NoBadRows()
        return
    with ExitStack() as files:
        yield ListedBadRows(listed_in, files)


def _problem(file: Path, wrong: Wrong) -> Problem:
    value = shown(wrong.cell) if wrong.cell else ""
    return Problem(
        file=str(file), line=wrong.line, field=wrong.column, value=value, message=wrong.message
    )
