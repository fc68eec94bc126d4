"""Verifying a trail that may be written at the same moment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from controller.audit.anchor import Anchor, AnchorFile, AnchorState
from controller.audit.append_file import TurnLock
from controller.audit.verify import Verification, verify
from controller.core.errors import StoreError


def check(
    path: Path, anchor: AnchorFile, more: Sequence[Anchor] = ()
) -> tuple[Verification, AnchorState]:
    """The trail as it stands now, compared with its anchor file and with `more` heads.

    Reads everything: some 10,000 records a second or more. StoreError when it cannot be read.
    """
    try:
        with _standing_still(path):
            size = path.stat().st_size if path.exists() else None
            known, state = anchor.read()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    return verify(path, [*known, *more], size), state


@contextmanager
def _standing_still(path: Path) -> Iterator[None]:
    """Nobody is between writing a record and its anchor. A copy that cannot be locked stands
    still by itself."""
    try:
        lock = TurnLock(path.with_name(path.name + ".lock"))
    except OSError:
        yield
        return
    try:
        with lock.turn():
            yield
    finally:
        lock.close()
