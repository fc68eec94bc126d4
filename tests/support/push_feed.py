"""A controller that only gives its tags to mirrors: python -m tests.support.push_feed RUN TAGS

Ten times a second every tag changes; its value is the time of the change (monotonic seconds), so
whoever is shown it knows how old it is.
"""

import asyncio
import sys
import time
from pathlib import Path

import numpy as np

from controller.exact_loop import run_exactly
from controller.folder_socket import FolderServer
from controller.live_frames import Frame, Hello, TagMeta, frame_bytes, hello_bytes
from controller.run_folder import live_path

PERIOD_S = 0.1
PREFIX = "PUSH"


def hello_of(tags: int) -> Hello:
    """Who speaks."""
    about = (PREFIX.lower(), "bench", "s", "real", 0.0, 1e9, 1e-6, ())
    metas = tuple(TagMeta(f"{PREFIX}.T{k}", *about) for k in range(tags))
    return Hello("1", "push", "", 1.0, PERIOD_S, (PREFIX.lower(),), metas)


class Feed(FolderServer):
    """The stream of tags, with the values that it is given."""

    def __init__(self, path: Path, tags: int) -> None:
        super().__init__(path)
        self._hello = hello_bytes(hello_of(tags))
        self._tags = tags

    def publish(self, number: int) -> None:
        """A change of every tag, now."""
        value = np.full(self._tags, round(time.monotonic(), 6))
        times = np.full(self._tags, time.time_ns(), np.int64)
        quality = np.zeros(self._tags, np.uint8)
        content = frame_bytes(Frame(number, time.time_ns(), value, quality, times))
        for writer in self._open:
            writer.write(content)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._hello)
        await reader.read()


async def run(folder: Path, tags: int) -> None:
    """Until killed."""
    async with Feed(live_path(folder, ""), tags) as feed:
        print("up", flush=True)
        due_s, number = time.monotonic(), 0
        while True:
            due_s = max(due_s + PERIOD_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())
            number += 1
            feed.publish(number)


def main() -> None:
    """The feed of the command line."""
    run_exactly(run(Path(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
