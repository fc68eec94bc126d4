"""The wire between a controller and whoever mirrors its tags on the same machine.

Messages are a length (4 bytes), a kind (1 byte) and content. A hello comes first and describes the
tags; then frames follow, each the whole image: a reader that missed some has lost nothing that is
still true. Numbers are little-endian.
"""

import asyncio
import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import DrylineError

FORMAT = 1
HELLO, FRAME = b"H", b"F"
LENGTH = struct.Struct("<I1s")
HEAD = struct.Struct("<Qq")  # number, UTC nanoseconds of the plant
MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class TagMeta:
    """A tag as a mirror knows it; as in `Tag`."""

    name: str
    station: str
    description: str
    unit: str
    kind: str
    low: float
    high: float
    resolution: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hello:
    """Who speaks. boot: changes with every start of the controller."""

    boot: str
    line: str
    part: str
    speed: float
    period_s: float
    stations: tuple[str, ...]
    tags: tuple[TagMeta, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The image at one moment, in the order of the hello's tags. number: rises by one a frame."""

    number: int
    utc_ns: int
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    time_ns: NDArray[np.int64]


def hello_bytes(hello: Hello) -> bytes:
    """A hello as a message."""
    plain = {
        "format": FORMAT, "boot": hello.boot, "line": hello.line, "part": hello.part,
        "speed": hello.speed, "period_s": hello.period_s, "stations": hello.stations,
        "tags": [[getattr(tag, name) for name in TagMeta.__slots__] for tag in hello.tags],
    }  # fmt: skip
    return _message(HELLO, json.dumps(plain).encode())


def frame_bytes(frame: Frame) -> bytes:
    """A frame as a message."""
    head = HEAD.pack(frame.number, frame.utc_ns)
    columns = (frame.value.astype("<f8"), frame.quality, frame.time_ns.astype("<i8"))
    return _message(FRAME, b"".join((head, *(column.tobytes() for column in columns))))


async def read_hello(reader: asyncio.StreamReader) -> Hello:
    """The first message. DrylineError when it is none of ours; IncompleteReadError at the end."""
    kind, content = await _read(reader)
    if kind != HELLO:
        raise DrylineError(f"the stream of tags began with {kind!r}")
    try:
        plain: dict[str, Any] = json.loads(content)
        if plain["format"] != FORMAT:
            raise DrylineError(
                f"the controller speaks format {plain['format']} of the stream of tags, this "
                f"program {FORMAT}: they are of different versions"
            )
        tags = [dict(zip(TagMeta.__slots__, row, strict=True)) for row in plain["tags"]]
        return Hello(
            boot=plain["boot"], line=plain["line"], part=plain["part"], speed=plain["speed"],
            period_s=plain["period_s"], stations=tuple(plain["stations"]),
            tags=tuple(TagMeta(**{**tag, "labels": tuple(tag["labels"])}) for tag in tags),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise DrylineError(f"the hello of the stream of tags makes no sense: {error}") from error


async def read_frame(reader: asyncio.StreamReader, tags: int) -> Frame:
    """The next message. DrylineError when it is no frame of so many tags."""
    kind, content = await _read(reader)
    if kind != FRAME or len(content) != HEAD.size + 17 * tags:
        raise DrylineError(f"the stream of tags sent {len(content)} bytes for {tags} tags")
    number, utc_ns = HEAD.unpack_from(content)
    at = HEAD.size
    return Frame(
        number, utc_ns,
        np.frombuffer(content, "<f8", tags, at),
        np.frombuffer(content, np.uint8, tags, at + 8 * tags),
        np.frombuffer(content, "<i8", tags, at + 9 * tags),
    )  # fmt: skip


def _message(kind: bytes, content: bytes) -> bytes:
    return LENGTH.pack(len(content), kind) + content


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    length, kind = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > MAX_BYTES:
        raise DrylineError(f"the stream of tags announced a message of {length} bytes")
    return kind, await reader.readexactly(length)
