"""Is the trail the one that was written? Names the first record that is not, and what was done.

Without an anchor only what happened inside the file can be seen. With anchors (the file outside,
and heads that were noted elsewhere) also an end that was cut off, an older copy in the place of
the trail, and a chain that somebody computed anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from controller.audit.anchor import Anchor
from controller.audit.record import FIRST_PREVIOUS, MAX_LINE, Category, Record, decode
from controller.core.errors import StoreError


class Damage(StrEnum):
    """What was done to a trail."""

    ALTERED = "altered"  # the content of a record is not what was written
    DELETED = "deleted"
    MOVED = "moved"  # records changed places
    INSERTED = "inserted"  # lines that nobody wrote through the program
    CUT = "cut"  # the end is missing, in the middle of a record
    BEHIND = "behind"  # the end is missing at a record, or an older copy lies here
    REWRITTEN = "rewritten"  # a whole chain that is not the anchored one
    MISSING = "missing"  # no trail where there was one
    BROKEN = "broken"  # the program found it broken and went on; nobody answered for it yet
    UNFINISHED = "unfinished"  # a crash leaves this until the next start; so may an attacker
    ANCHOR = "anchor"  # the anchor itself is missing or damaged


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad record, what was done to it, and in words what is seen."""

    number: int
    damage: Damage
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """records: how many were found whole and in order; head: the last of these."""

    records: int
    head: Anchor | None
    finding: Finding | None
    notes: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Nothing was found."""
        return self.finding is None


@dataclass(frozen=True, slots=True)
class _Line:
    raw: bytes
    record: Record | None
    whole: bool  # ends as a line ends


class _Chain:
    """Walks along a trail."""

    def __init__(self, anchors: Sequence[Anchor]) -> None:
        self.anchors: Mapping[int, Sequence[Anchor]] = {
            number: [a for a in anchors if a.number == number]
            for number in {a.number for a in anchors}
        }
        self.anchored = max(self.anchors, default=0)
        self.count = 0
        self.first = self.expected = 1
        self.previous = self.before = FIRST_PREVIOUS
        self.checked = 0  # the newest record that an anchor has confirmed
        self.breaks: list[tuple[int, str]] = []
        self.notes: list[str] = []

    def begin(self, record: Record) -> None:
        """A file may go on after a break in the one before it."""
        if record.number > 1 and _continues(record):
            self.first = self.expected = record.number
            self.previous = record.previous
            confirmed = record.number - 1
            for anchor in self.anchors.get(confirmed, ()):
                if anchor.hash == record.previous:
                    self.checked = confirmed

    def take(self, record: Record) -> Finding | None:
        """The next record, if it is the one; then only an anchor can speak against it."""
        self.before, self.previous = self.previous, record.hash
        self.expected += 1
        self.count += 1
        if record.entry.category is Category.TRAIL:
            self._about_trail(record)
        for anchor in self.anchors.get(record.number, ()):
            if anchor.hash != record.hash:
                since = f"after record {self.checked}" if self.checked else "from the beginning on"
                return Finding(
                    record.number, Damage.REWRITTEN,
                    f"record {record.number} is not the one that {anchor.origin} knows: the chain "
                    f"was made anew somewhere {since}, at this record at the latest",
                )  # fmt: skip
            self.checked = record.number
        return None

    def _about_trail(self, record: Record) -> None:
        entry = record.entry
        if _continues(record):
            self.breaks.append((record.number, entry.detail))
        elif entry.action == "break accepted":
            self.notes += [
                f"break before record {number} ({why}) accepted by {entry.actor}: {entry.reason}"
                for number, why in self.breaks
            ]
            self.breaks.clear()
        elif entry.action != "begun":
            self.notes.append(f"record {record.number}: {entry.action}. {entry.detail}".strip())

    def fits(self, record: Record | None) -> bool:
        """This record is the next one."""
        return (
            record is not None
            and record.number == self.expected
            and record.previous == self.previous
        )


def verify(path: Path, anchors: Sequence[Anchor] = (), size: int | None = None) -> Verification:
    """Read the whole trail. anchors: heads as they are known elsewhere.

    size: read only so many bytes, when the line goes on writing. StoreError when it cannot be read.
    """
    chain = _Chain(anchors)
    if not path.exists():
        missing = Finding(1, Damage.MISSING, f"{path}: there is no audit trail here")
        return Verification(0, None, missing)
    try:
        with path.open("rb") as stream:
            finding = _walk(_lines(stream, size), chain)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
    finding = finding or _at_end(chain)
    head = Anchor(chain.expected - 1, chain.previous, path.name) if chain.count else None
    return Verification(chain.count, head, finding, tuple(chain.notes))


def _walk(lines: Iterator[_Line], chain: _Chain) -> Finding | None:
    for line in lines:
        record = line.record
        if chain.count == 0 and record is not None:
            chain.begin(record)
        if not chain.fits(record) or record is None:
            return _explained(line, lines, chain)
        finding = chain.take(record)
        if finding is not None:
            follower = next(lines, None)
            return _narrowed(finding, follower.record if follower else None, chain)
    return None


def _narrowed(finding: Finding, follower: Record | None, chain: _Chain) -> Finding:
    """The anchored record itself, or what follows it, says that only this one is wrong."""
    number = finding.number
    anchored = {a.hash for a in chain.anchors[number]}
    if follower is None or not anchored & {follower.hash, follower.previous}:
        return finding
    if follower.hash in anchored:
        return Finding(number, Damage.INSERTED, f"a second record {number} stands there")
    return Finding(number, Damage.ALTERED, f"record {number} is not as it was written")


def _at_end(chain: _Chain) -> Finding | None:
    head = chain.expected - 1
    if head < chain.anchored:
        origin = chain.anchors[chain.anchored][0].origin
        return Finding(
            chain.expected, Damage.BEHIND,
            f"the trail ends with record {head}, but {origin} knows record {chain.anchored}: "
            "the end was cut off, or an older copy was put here",
        )  # fmt: skip
    if chain.breaks:
        number, why = chain.breaks[0]
        return Finding(number, Damage.BROKEN,
                       f"was found broken before record {number} and continued: {why}; "
                       "look into it, then `dryline audit accept`")  # fmt: skip
    if chain.anchors and chain.anchored < head and chain.checked == chain.anchored:
        return Finding(
            chain.anchored + 1, Damage.UNFINISHED,
            f"{head - chain.anchored} records after record {chain.anchored} are in no anchor: "
            "a kill leaves this until the next start; if there was none, they were added by hand",
        )  # fmt: skip
    return None


def _explained(line: _Line, rest: Iterator[_Line], chain: _Chain) -> Finding:
    """What was done at the first line that is not the expected record."""
    expected, record = chain.expected, line.record
    if not line.whole:
        return _unfinished(chain)
    later = [following.record for following in rest]
    if record is None:
        first = next((r for r in later if r is not None), None)
        if first is not None and chain.fits(first):
            return Finding(expected, Damage.INSERTED,
                           f"before record {expected} stands what is no record")  # fmt: skip
        if first is None and chain.anchors and expected > chain.anchored:
            return Finding(expected, Damage.INSERTED,
                           f"after record {expected - 1} stands what is no record")  # fmt: skip
        return Finding(expected, Damage.ALTERED,
                       f"record {expected} is not as it was written")  # fmt: skip
    if record.number > expected:
        if any(r is not None and r.number == expected for r in later):
            return Finding(expected, Damage.MOVED,
                           f"record {record.number} stands in the place of {expected}")  # fmt: skip
        return Finding(expected, Damage.DELETED,
                       f"record {expected} is missing, {record.number} follows")  # fmt: skip
    if record.number < expected:
        return _repeated(record, later, chain)
    return _unchained(record, later, chain)


def _unfinished(chain: _Chain) -> Finding:
    number = chain.expected
    if number <= chain.anchored:
        return Finding(number, Damage.CUT, f"the trail ends in the middle of record {number}")
    return Finding(
        number, Damage.UNFINISHED,
        f"the trail ends in the middle of record {number}, which was never confirmed: a kill "
        "leaves this until the next start",
    )  # fmt: skip


def _repeated(record: Record, later: Sequence[Record | None], chain: _Chain) -> Finding:
    """A number that was there already: the line before may be the wrong one."""
    last = chain.expected - 1
    follower = later[0] if later else None
    genuine = (
        record.number == last
        and record.hash != chain.previous
        and record.previous == chain.before
        and (_confirmed(chain, record) or (follower and follower.previous == record.hash))
    )
    number = last if genuine else chain.expected
    return Finding(number, Damage.INSERTED, f"a second record {record.number} stands there")


def _unchained(record: Record, later: Sequence[Record | None], chain: _Chain) -> Finding:
    """The right number, whole in itself, but after another record than the one before it."""
    expected = chain.expected
    follower = later[0] if later else None
    if follower is not None and chain.fits(follower):
        return Finding(expected, Damage.INSERTED, f"a second record {expected} stands there")
    goes_on = follower is None or follower.previous == record.hash
    if expected > chain.first and goes_on:
        return Finding(expected - 1, Damage.ALTERED,
                       f"record {expected - 1} is not the one that {expected} follows")  # fmt: skip
    return Finding(expected, Damage.ALTERED, f"record {expected} is not as it was written")


def _confirmed(chain: _Chain, record: Record) -> bool:
    return any(a.hash == record.hash for a in chain.anchors.get(record.number, ()))


def _continues(record: Record) -> bool:
    return record.entry.category is Category.TRAIL and record.entry.action == "continued"


def _lines(stream: BinaryIO, size: int | None) -> Iterator[_Line]:
    left = size
    while left is None or left > 0:
        limit = MAX_LINE + 1 if left is None else min(MAX_LINE + 1, left)
        raw = stream.readline(limit)
        if not raw:
            return
        if left is not None:
            left -= len(raw)
        ended = raw.endswith(b"\n")
        while not ended and len(raw) > MAX_LINE and left != 0:  # the rest of what is no record
            more = stream.readline(limit if left is None else min(limit, left))
            if not more:
                break
            if left is not None:
                left -= len(more)
            ended = more.endswith(b"\n")
        yield _Line(raw, decode(raw) if ended else None, ended)
