"""What the stations must remember over a restart, on disk.

One small JSON file, replaced whole (write, fsync, rename, fsync of the folder) and guarded by a
checksum, with the last copies kept: a torn or foreign file is never believed, an older good one is.
"""

import hashlib
import json
import logging
import os
import threading
from dataclasses import asdict
from pathlib import Path

from controller.control.station_memory import Memory

log = logging.getLogger("dryline.memory")

COPIES = 3
VERSION = 1


class MemoryFile:
    """Saves and loads the memories of all stations."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = ""
        self._one_at_a_time = threading.Lock()  # a save that was given up still runs in its thread

    def save(self, memories: dict[str, Memory]) -> bool:
        """Write if anything changed; False when the disk refused (the next change tries again)."""
        body = json.dumps({name: asdict(m) for name, m in memories.items()}, sort_keys=True)
        with self._one_at_a_time:
            return body == self._last or self._write(body)

    def _write(self, body: str) -> bool:
        text = json.dumps({"version": VERSION, "sum": _sum(body), "body": body})
        new = self._path.with_suffix(".new")
        try:
            with new.open("w") as f:
                f.write(text)
                f.flush()
                os.fsync(f.fileno())
            for k in range(COPIES - 1, 0, -1):
                older = self._copy(k - 1)
                if older.exists():
                    older.replace(self._copy(k))
            new.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            log.warning("station memory not saved: %s", error)
            return False
        self._last = body
        return True

    def load(self) -> dict[str, Memory]:
        """The newest copy that is whole; empty when there is none."""
        for k in range(COPIES):
            path = self._copy(k)
            try:
                return _parse(path.read_text())
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("%s is damaged (%s), trying an older copy", path.name, error)
        return {}

    def _copy(self, k: int) -> Path:
        return self._path if k == 0 else self._path.with_suffix(f".{k}")


def _parse(text: str) -> dict[str, Memory]:
    outer = json.loads(text)
    if outer["version"] != VERSION or outer["sum"] != _sum(outer["body"]):
        raise ValueError("version or checksum does not fit")
    inner = json.loads(outer["body"])
    return {name: Memory.of(fields) for name, fields in inner.items()}


def _sum(body: str) -> str:
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()
