"""The stream of tags from a controller to mirrors, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from controller.api.links import MirrorLinks
from controller.api.mirror import Mirror
from controller.clock import SystemClock
from controller.config import load_line
from controller.core.errors import DrylineError
from controller.core.sample import GOOD, Quality
from controller.line import Line
from controller.live_frames import LENGTH, read_frame, read_hello
from controller.live_stream import MOST_MIRRORS, LiveStream
from controller.run_folder import live_path
from controller.run_store import STORE
from controller.supervise import Supervisor
from tests.support.virtual_line import SHIPPED, Recorder

CLOCK = SystemClock()


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(load_line(SHIPPED), CLOCK, Recorder(), tmp_path / STORE)


@asynccontextmanager
async def serving(line: Line, folder: Path) -> AsyncIterator[LiveStream]:
    async with Supervisor(CLOCK) as supervisor, LiveStream(live_path(folder, ""), line) as stream:
        supervisor.keep("live stream", stream.publish)
        yield stream


@asynccontextmanager
async def mirroring(folder: Path) -> AsyncIterator[Mirror]:
    mirror = Mirror()
    async with Supervisor(CLOCK) as supervisor:
        supervisor.keep("links", MirrorLinks(folder, mirror, CLOCK, supervisor).run)
        yield mirror


async def until(condition, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def show(line: Line, tag: str, value: float, quality: int = GOOD) -> None:
    k = line.table.index(tag)
    line.table.value[k], line.table.quality[k], line.table.time_ns[k] = value, quality, 5


async def test_the_mirror_has_every_tag_with_value_quality_and_time(line, tmp_path):
    show(line, "COAT.TORQUE", 33.5)
    show(line, "ENC.DP.ZONE", float("nan"), int(Quality.BAD_SENSOR))
    async with serving(line, tmp_path), mirroring(tmp_path) as mirror:
        await until(lambda: mirror.utc_ns)
        assert {tag.name for tag in mirror.tags} == {tag.name for tag in line.table.tags}
        k = mirror.index("COAT.TORQUE")
        assert (mirror.value[k], mirror.quality[k], mirror.time_ns[k]) == (33.5, GOOD, 5)
        assert mirror.tags[k].unit == "%"
        k = mirror.index("ENC.DP.ZONE")
        assert np.isnan(mirror.value[k])
        assert mirror.quality[k] == Quality.BAD_SENSOR
        show(line, "COAT.TORQUE", 34.0)
        await until(lambda: mirror.value[mirror.index("COAT.TORQUE")] == 34.0)


async def test_a_controller_that_comes_back_is_mirrored_again(line, tmp_path):
    show(line, "COAT.TORQUE", 1.0)
    async with mirroring(tmp_path) as mirror:
        async with serving(line, tmp_path):
            await until(lambda: mirror.utc_ns)
            k = mirror.index("COAT.TORQUE")
            boot = mirror.sources[""].hello.boot
            assert mirror.quality[k] == GOOD
        await until(lambda: mirror.quality[k] == Quality.BAD_LINK)
        async with serving(line, tmp_path):
            await until(lambda: mirror.quality[k] == GOOD)
            assert mirror.index("COAT.TORQUE") == k
            assert mirror.sources[""].hello.boot != boot


async def test_a_mirror_that_never_reads_costs_the_others_nothing(line, tmp_path):
    with socket.socket(socket.AF_UNIX) as deaf:
        async with serving(line, tmp_path) as stream, mirroring(tmp_path) as mirror:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect(str(live_path(tmp_path, "")))
            await until(lambda: len(stream._open) == 2)
            await until(lambda: mirror.utc_ns)
            first = mirror.sources[""].number
            await until(lambda: mirror.sources[""].number >= first + 60)
            waiting = [w.transport.get_write_buffer_size() for w in stream._open]
            # what waits for the deaf one is at most a hello and a frame
            assert max(waiting) < 200_000


async def test_no_more_mirrors_than_there_are_places(line, tmp_path):
    async with serving(line, tmp_path) as stream:
        path = str(live_path(tmp_path, ""))
        streams = [await asyncio.open_unix_connection(path) for _ in range(MOST_MIRRORS)]
        await until(lambda: len(stream._open) == MOST_MIRRORS)
        reader, writer = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        for _, open_writer in [*streams, (reader, writer)]:
            open_writer.close()
        await until(lambda: not stream._open)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LENGTH.pack(2, b"F") + b"{}", "began with"),
        (LENGTH.pack(2**31, b"H"), "announced a message of 2147483648 bytes"),
        (LENGTH.pack(2, b"H") + b"[]", "makes no sense"),
        (LENGTH.pack(14, b"H") + b'{"format": 99}', "different versions"),
    ],
)
async def test_what_is_no_stream_of_ours_is_refused_in_words(content, told):
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    with pytest.raises(DrylineError, match=told):
        await read_hello(reader)


async def test_a_frame_of_another_length_is_refused():
    reader = asyncio.StreamReader()
    reader.feed_data(LENGTH.pack(16, b"F") + bytes(16))
    with pytest.raises(DrylineError, match="for 3 tags"):
        await read_frame(reader, 3)
