"""What became of requests, for a client that asks again after this process was restarted.

A line when something is begun and one when it has its answer; the newest are read again at a start.
What was done is on the disk before its answer goes out; that something was begun outlives a kill,
not always a power cut. Of a request stands here only what recognises it: digests with its
Idempotency-Key in them, which is not written down, so that nobody can try passwords out on them.
"""

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.clock import NS
from controller.core.errors import StoreError
from controller.durable import sync_folder
from controller.whole_file import SECRET, replace_file

FILE = "requests.jsonl"
KEPT_S = 24 * 3600.0
MOST = 2_000
MOST_BYTES = 8 * 1024  # of an answer; of a longer one only that it was given
MOST_LINES = 3 * MOST  # then the file is written anew
MAX_FILE = 64 * 1024 * 1024  # what is larger was not written here


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it can be sent again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One request. asked: tells it from others; status: 0 while it has no answer; reply: None then,
    and for an answer that was too long to keep. utc_ns: when."""

    asked: str
    utc_ns: int
    status: int = 0
    reply: Reply | None = None


class RepeatJournal:
    """The file. Its methods may be called from any thread; all but `find` block on the disk."""

    def __init__(self, path: Path, utc_ns: Callable[[], int]) -> None:
        self._path, self._utc_ns = path, utc_ns
        self._turn = threading.Lock()
        self._lines = 0
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        for name, kept in _read(path):
            self._lines += 1
            self._take(name, kept)

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, name: str) -> Kept | None:
        """What is known of a request; None when nothing is, or it was too long ago."""
        kept = self._kept.get(name)
        if kept is None or abs(self._utc_ns() - kept.utc_ns) > KEPT_S * NS:
            return None
        return kept

    def begun(self, name: str, asked: str) -> None:
        """It is about to be done; StoreError."""
        self._put(name, Kept(asked=asked, utc_ns=self._utc_ns()))

    def ended(self, name: str, asked: str, reply: Reply | None) -> None:
        """It has its answer; None: it came to nothing, and may be tried again. StoreError."""
        if reply is None:
            self._put(name, None)
            return
        fits = len(reply.body) <= MOST_BYTES
        kept = Kept(
            asked=asked, utc_ns=self._utc_ns(), status=reply.status, reply=reply if fits else None
        )
        self._put(name, kept, sync=reply.status < 300)

    def _put(self, name: str, kept: Kept | None, *, sync: bool = False) -> None:
        with self._turn:
            self._take(name, kept)
            try:
                if self._lines >= MOST_LINES:
                    content = b"".join(_line(n, k) for n, k in self._kept.items())
                    replace_file(self._path, content, SECRET)
                    self._lines = len(self._kept)
                    return
                _append(self._path, _line(name, kept), sync=sync)
            except OSError as error:
                raise StoreError(f"{self._path}: {error.strerror or error}") from error
            self._lines += 1

    def _take(self, name: str, kept: Kept | None) -> None:
        self._kept.pop(name, None)
        if kept is not None:
            self._kept[name] = kept
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)


def _append(path: Path, line: bytes, *, sync: bool) -> None:
    fresh = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, SECRET)
    try:
        left = line
        while left:
            left = left[os.write(handle, left) :]
        if sync:
            os.fdatasync(handle)
    finally:
        os.close(handle)
    if fresh:
        sync_folder(path.parent)


def _line(name: str, kept: Kept | None) -> bytes:
    """It begins anew even where a full disk has left half a line before it."""
    plain: dict[str, Any] = {"request": name}
    if kept is not None:
        plain |= {"asked": kept.asked, "utc_ns": kept.utc_ns, "status": kept.status}
    if kept is not None and kept.reply is not None:
        body = kept.reply.body.decode("utf-8", "replace")
        plain |= {"headers": kept.reply.headers, "body": body}
    return b"\n" + json.dumps(plain, ensure_ascii=False).encode() + b"\n"


def _read(path: Path) -> Iterator[tuple[str, Kept | None]]:
    """Line by line; what cannot be read is left out: then the request is as if never made."""
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_FILE else b""
    except OSError:
        return
    for line in raw.splitlines():
        try:
            plain = json.loads(line)
            name = str(plain["request"])
            yield name, _kept(plain) if "asked" in plain else None
        except (ValueError, TypeError, LookupError, RecursionError):
            continue


def _kept(plain: Mapping[str, Any]) -> Kept:
    status, reply = int(plain["status"]), None
    if "body" in plain:
        headers = tuple((str(key), str(value)) for key, value in plain["headers"])
        reply = Reply(status, headers, str(plain["body"]).encode())
    return Kept(
        asked=str(plain["asked"]), utc_ns=int(plain["utc_ns"]), status=status, reply=reply
    )  # fmt: skip
