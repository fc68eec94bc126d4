"""Which sinks a line has, and where in the run folder each keeps what it knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

FOLDER = "sinks"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """One sink of line.toml; settings: of its kind, with `kind` in front."""

    name: str
    kind: str
    settings: BaseModel


@dataclass(frozen=True, slots=True)
class SinkPlaces:
    """Files of one sink of one controller. part: of the line; "" for all of it."""

    run: Path
    name: str
    part: str = ""

    @property
    def ledger(self) -> Path:
        """What is sent, what was refused."""
        return self._file("db")

    @property
    def status(self) -> Path:
        """How it is now."""
        return self._file("json")

    @property
    def session(self) -> Path:
        """Number of its last session, where a protocol counts them."""
        return self._file("session")

    def _file(self, suffix: str) -> Path:
        stem = f"{self.name}-{self.part}" if self.part else self.name
        return self.run / FOLDER / f"{stem}.{suffix}"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a sink is at work.

    line, part: as in what it sends; store: the history it reads; folder: that of line.toml.
    """

    line: str
    part: str
    store: Path
    folder: Path
    places: SinkPlaces


def all_places(run: Path, name: str) -> list[SinkPlaces]:
    """Those of every controller that has run this sink; if none has, those of the whole line."""
    before = f"{name}-"
    found = [SinkPlaces(run, name, "")] if SinkPlaces(run, name).ledger.exists() else []
    folder = run / FOLDER
    for path in sorted(folder.glob(f"{before}*.db")) if folder.is_dir() else ():
        found.append(SinkPlaces(run, name, path.stem.removeprefix(before)))
    return found or [SinkPlaces(run, name)]


def ledgers(run: Path, sinks: Sequence[SinkConfig], part: str) -> list[Path]:
    """The ledgers of all sinks of one controller."""
    return [SinkPlaces(run, sink.name, part).ledger for sink in sinks]
