"""Trails for tests: a clock that the test moves, entries, and what a forger does to a file."""

from dataclasses import dataclass
from pathlib import Path

from controller.audit.anchor import AnchorFile
from controller.audit.moment import Moment
from controller.audit.record import (
    FIRST_PREVIOUS,
    Category,
    Entry,
    Record,
    decode,
    encode,
)
from controller.audit.trail import TRAIL, Trail
from controller.clock import NS

UTC0_NS = 1_767_225_600 * NS


@dataclass
class TestClock:
    """Two clocks: `set_s` moves the wall's alone."""

    t_s: float = 1_000.0
    wall_s: float = 0.0
    boot: str = "boot-1"
    __test__ = False

    def __call__(self) -> Moment:
        return Moment(
            UTC0_NS + round((self.t_s + self.wall_s) * NS), round(self.t_s * NS), self.boot
        )

    def pass_s(self, seconds: float) -> None:
        self.t_s += seconds

    def set_s(self, seconds: float) -> None:
        self.wall_s += seconds


def entry(action: str = "START", **more: object) -> Entry:
    members = {
        "category": Category.COMMAND, "actor": "sato", "source": "10.0.0.5", "station": "coater",
    } | more  # fmt: skip
    return Entry(action=action, **members)


def open_trail(folder: Path, clock: TestClock | None = None, **more: object) -> Trail:
    """A trail in `run`, its anchor in another folder."""
    return Trail(folder / "run" / TRAIL, clock or TestClock(), anchor=anchor_of(folder), **more)


def anchor_of(folder: Path) -> AnchorFile:
    return AnchorFile(folder / "elsewhere" / "run.anchor")


def records_in(path: Path) -> list[Record | None]:
    return [decode(line) for line in path.read_bytes().splitlines(keepends=True)]


def lines_in(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def forged(record: Record, previous: str, **changed: object) -> bytes:
    """A line whose own hash is right: somebody computed it anew."""
    members = {field: getattr(record.entry, field) for field in Entry.__slots__} | changed
    return encode(Entry(**members), record.number, record.moment, previous, late=False)[0]


def chain_anew(records: list[Record], begin: int, **changed: object) -> list[bytes]:
    """The whole chain computed anew from an index on, the first of them changed."""
    previous = records[begin].previous if begin else FIRST_PREVIOUS
    made: list[bytes] = []
    for k, record in enumerate(records[begin:]):
        line = forged(record, previous, **(changed if k == 0 else {}))
        again = decode(line)
        assert again is not None
        made.append(line)
        previous = again.hash
    return made
