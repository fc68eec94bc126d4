"""The controller's side of the stream of tags: the whole image, ten times a second, to mirrors.

One encoding for all. A mirror that does not read gets no more until it has: it misses frames, and
nobody waits for it. Only processes of the same user on this machine can connect.
"""

import asyncio
import secrets
from pathlib import Path

import numpy as np

from controller.core.tag import Tag
from controller.folder_socket import FolderServer
from controller.line import Line
from controller.line_health import OWN
from controller.live_frames import Frame, Hello, TagMeta, frame_bytes, hello_bytes

PERIOD_S = 0.1
MOST_MIRRORS = 16


class LiveStream(FolderServer):
    """Serves the image of a line at a Unix socket."""

    def __init__(self, path: Path, line: Line) -> None:
        super().__init__(path)
        self._line = line
        own = (*line.stations, OWN)
        regions = [line.table.region(name) for name in own]
        self._rows = np.concatenate([np.arange(r.start, r.stop) for r in regions])
        self._hello = hello_bytes(_hello(line, [line.table.tags[k] for k in self._rows.tolist()]))
        self._number = 0

    async def publish(self) -> None:
        """Send the image for ever; without a mirror nothing is encoded."""
        clock = self._line.clock
        while True:
            await clock.sleep_link(PERIOD_S)
            reading = [w for w in self._open if not w.transport.get_write_buffer_size()]
            if reading:
                content = frame_bytes(self._frame())
                for writer in reading:
                    writer.write(content)

    def _frame(self) -> Frame:
        table, rows = self._line.table, self._rows
        self._number += 1
        return Frame(
            self._number, self._line.clock.utc_ns(),
            table.value[rows], table.quality[rows], table.time_ns[rows],
        )  # fmt: skip

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) <= MOST_MIRRORS:
            writer.write(self._hello)
            await reader.read()  # a mirror says nothing; this ends when it is gone


def _hello(line: Line, tags: list[Tag]) -> Hello:
    return Hello(
        boot=secrets.token_hex(8),
        line=line.config.name,
        part=line.config.part,
        speed=line.clock.speed,
        period_s=PERIOD_S,
        stations=tuple(line.stations),
        tags=tuple(
            TagMeta(
                name=tag.name, station=tag.station, description=tag.description, unit=tag.unit,
                kind=tag.kind.value, low=tag.low, high=tag.high, resolution=tag.resolution,
                labels=tag.labels,
            )
            for tag in tags
        ),
    )  # fmt: skip
