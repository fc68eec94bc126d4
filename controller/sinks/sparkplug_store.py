"""What a Sparkplug session reads from disk: the tags with their newest values, its own number."""

import tomllib
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from controller.core.errors import ConfigError
from controller.core.sample import FIRST_BAD
from controller.core.tag import Writer
from controller.history.feed import Feed
from controller.history.query import Reader
from controller.io_list import read_io_list
from controller.line_file import IO_LIST, LINE_FILE
from controller.sinks.sparkplug_lines import Key, Reading, key_of
from controller.sinks.sparkplug_metrics import Catalogue
from controller.text_file import read_text

MAX_BYTES = 4 * 2**20
NUMBERS = 256


def device_tags(folder: Path) -> frozenset[str]:
    """Names of the tags that a PLC writes: I/O list of a line. ConfigError when it is unreadable.

    The controller has checked both files before it started the sinks.
    """
    text, problems, _ = read_text(folder / LINE_FILE, LINE_FILE, MAX_BYTES, "restore it")
    if text is None:
        raise ConfigError(problems)
    name = tomllib.loads(text).get("line", {}).get("io_list", IO_LIST)
    rows, problems, _ = read_text(folder / name, name, MAX_BYTES, "restore it")
    if rows is None:
        raise ConfigError(problems)
    points, problems = read_io_list(rows, name)
    if problems:
        raise ConfigError(problems)
    tags = (tag for point in points for tag in point.tags())
    return frozenset(tag.name for tag in tags if tag.writer is Writer.DEVICE)


def read_store(
    store: Path, of_devices: AbstractSet[str], wanted: AbstractSet[Key] = frozenset()
) -> tuple[Catalogue, dict[Key, Reading]]:
    """The metrics there are, and the newest of each that is in use. Raises StoreError.

    wanted: tags that are not in use any more and yet have samples to be sent.
    """
    with Feed(store) as feed:
        in_use = feed.tags_in_use()
        tags = [tag for tag in feed.tags() if tag.id in in_use or key_of(tag) in wanted]
    newest: dict[Key, Reading] = {}
    with Reader(store) as reader:
        for tag in tags:
            sample = reader.latest(tag.name) if tag.id in in_use else None
            if sample is not None:
                value = sample.value if sample.quality < FIRST_BAD else None
                key = key_of(tag)
                newest[key] = Reading(key, value, sample.quality, sample.time_ns)
    return Catalogue(tags, in_use, of_devices), newest


class SessionNumbers:
    """The number of each session, 0 to 255 and from 0 again; the last one outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = -1
        with suppress(OSError, ValueError):
            self._last = int(path.read_text(encoding="ascii")) % NUMBERS

    def next(self) -> int:
        """The number of a session that begins."""
        self._keep((self._last + 1) % NUMBERS)
        return self._last

    def give_back(self) -> None:
        """The broker has never seen the last number."""
        self._keep((self._last - 1) % NUMBERS)

    def _keep(self, number: int) -> None:
        self._last = number
        fresh = self._path.with_suffix(".newsession")
        with suppress(OSError):  # a disk that refuses is no reason not to connect
            fresh.write_text(str(number), encoding="ascii")
            fresh.replace(self._path)
