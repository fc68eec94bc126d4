"""The anchor: number and hash of the newest record, kept outside the folder of the trail.

A chain of hashes shows what was altered inside, not that its end was cut off or that the whole file
was exchanged for an older copy of itself. The anchor does. Its file has two slots of fixed length
that are written in turn, so that a crash in the middle of one leaves the other.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from controller.durable import make_folder
from controller.whole_file import SECRET, replace_file

SLOT = re.compile(rb"([0-9]{20}) ([0-9a-f]{64}) ([0-9a-f]{16})\n")
SLOT_BYTES = 20 + 1 + 64 + 1 + 16 + 1
ENVIRONMENT = "DRYLINE_ANCHORS"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A record as it was known somewhere else. origin: where, in words."""

    number: int
    hash: str
    origin: str = "anchor file"


class AnchorState(Enum):
    """What was found in the place of an anchor."""

    WHOLE = "whole"
    MISSING = "missing"
    DAMAGED = "damaged"  # a slot does not read: altered, or cut off by a power cut


class AnchorFile:
    """The anchor of one trail on disk. Not for two writers at once: the trail's lock sees to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[list[Anchor], AnchorState]:
        """What the slots say, newest first. OSError when they cannot be read."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return [], AnchorState.MISSING
        found = [_parse(raw[k * SLOT_BYTES : (k + 1) * SLOT_BYTES]) for k in (0, 1)]
        whole = [anchor for anchor in found if anchor is not None]
        whole.sort(key=lambda anchor: -anchor.number)
        intact = len(whole) == len(found) and len(raw) == 2 * SLOT_BYTES
        return whole, AnchorState.WHOLE if intact else AnchorState.DAMAGED

    def write(self, number: int, content_hash: str) -> None:
        """Put down a newer head, durably. OSError or StoreError when the disk refuses."""
        slot = _slot(number, content_hash)
        if not self.path.exists():
            make_folder(self.path.parent, 0o700)
            replace_file(self.path, slot * 2, SECRET)
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            first, second = (
                _parse(os.pread(descriptor, SLOT_BYTES, k * SLOT_BYTES)) for k in (0, 1)
            )
            older = 0 if first is None or (second and second.number >= first.number) else 1
            _write_all(descriptor, slot, older * SLOT_BYTES)
            if os.fstat(descriptor).st_size != 2 * SLOT_BYTES:
                _write_all(descriptor, slot, (1 - older) * SLOT_BYTES)
                os.ftruncate(descriptor, 2 * SLOT_BYTES)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def default_anchor(trail: Path, folder: Path | None = None) -> AnchorFile:
    """The anchor of the trail at a path: in `folder`, or where this user's programs keep state."""
    whole = trail.resolve()
    place = folder or _state_folder()
    mark = hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]
    return AnchorFile(place / f"{whole.parent.name}-{mark}.anchor")


def _state_folder() -> Path:
    if given := os.environ.get(ENVIRONMENT):
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "dryline" / "anchors"


def _slot(number: int, content_hash: str) -> bytes:
    head = f"{number:020d} {content_hash} "
    return f"{head}{_check(head.encode())}\n".encode("ascii")


def _check(head: bytes) -> str:
    return hashlib.sha256(head).hexdigest()[:16]


def _parse(slot: bytes) -> Anchor | None:
    match = SLOT.fullmatch(slot)
    if match is None or _check(slot[:86]) != match[3].decode():
        return None
    return Anchor(int(match[1]), match[2].decode())


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written
