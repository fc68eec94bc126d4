"""Modbus TCP: the driver.

Requests are encoded when the driver is built (`modbus_frames`), one connection moves them
(`modbus_link`), and all answers of a batch become columns in one pass (`modbus_codec`). Every
answer must match its request in transaction, unit, function, length and (for writes) address; one
that does not ends the connection, and no value of it is used.

The agreement with the device, besides the I/O list:

- PREFIX.HEART, PREFIX.MAP and PREFIX.SEQ lie in the fast group. Every batch ends with a read of
  MAP: a device that begins to swap bytes is found out before a value is used.
- One FC16 request from holding register 40 on carries SEQ (one more than the last accepted),
  BEAT (the latest HEART) and the whole output area. The device refuses late and repeated tickets,
  so that a request that was given up here cannot take effect there much later.
- Exception codes of a refused write: see `REFUSALS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from controller.core.errors import (
    ConfigError,
    DriverError,
    LinkLost,
    Problem,
    ProtocolFault,
    WriteFailed,
)
from controller.core.point import Point, Wire
from controller.core.ports import Clock
from controller.core.sample import Samples
from controller.drivers.modbus_blocks import TICKET_ADDRESS, plan
from controller.drivers.modbus_codec import OUTPUT_ADDRESS, Area, Batch, Block
from controller.drivers.modbus_frames import Request, read_request, write_request
from controller.drivers.modbus_link import Answers, Link
from controller.drivers.modbus_settings import Settings
from controller.drivers.modbus_tls import client_context, explain

__all__ = ["Driver", "Settings"]

REFUSALS = {
    1: "function not supported",
    2: "no such writable address",
    3: "a value is outside its range",
    4: "the ticket came too late",
    6: "the station is switched to local",
    7: "the sequence number was used before",
    10: "the gateway has no path to the device",
    11: "no answer from the device behind the gateway",
}
READ_ERRORS = REFUSALS | {
    2: "no such address",
    3: "bad count",
    4: "device failure",
    6: "device busy",
    7: "not acknowledged",
}
HANDSHAKE_S = 2.0
_WORD = 65536


def _word(payload: bytes, offset: int) -> int:
    return int.from_bytes(payload[2 * offset : 2 * offset + 2], "big")


@dataclass(frozen=True, slots=True, eq=False)
class _Poll:
    """Requests that are sent one after the other, and how their answers are decoded together."""

    batch: Batch
    requests: tuple[Request, ...]


class Driver:
    """One Modbus TCP connection to one device, with one request in flight at a time."""

    def __init__(
        self,
        settings: Settings,
        points: Sequence[Point],
        tag_index: Mapping[str, int],
        clock: Clock,
        map_version: int,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._map_version = map_version
        ranges = {Area.HOLDING: settings.holding_ranges, Area.DISCRETE: settings.discrete_ranges}
        self._plan = plan(points, ranges, settings.bridge_gap)
        self._heart, self._map, self._seq = self._find_special()
        self._last = np.zeros(1 + max(tag_index.values()))
        self._requests = {b: read_request(b, settings.unit_id) for b in self._plan.blocks}
        self._whole = self._poll(self._plan.blocks, tag_index)
        self._turns = [self._poll(g.blocks, tag_index) for g in self._plan.groups]
        self._due: list[float] = []
        self._link: Link | None = None
        self._sequence = 0
        self._resync = True
        self._beat = 0
        self._held = np.zeros(self._plan.outputs.words, np.uint16)
        self._noted = frozenset(b for b in self._plan.blocks if self._is_noted(b))

    def _find_special(self) -> list[tuple[Block, int]]:
        """Block and offset of HEART, MAP and SEQ."""
        found, missing = [], []
        fast = self._plan.groups[0].blocks if self._plan.groups else ()
        for suffix in ("HEART", "MAP", "SEQ"):
            tag = f"{self._settings.prefix}.{suffix}"
            places = ((b, s) for b in fast for s in b.spans if s.name == tag)
            block, span = next(places, (None, None))
            if block is None or span is None or span.point.wire is not Wire.UINT16:
                message = "the Modbus driver needs it as uint16 with scan_s at most 1"
                missing.append(
                    Problem(file="I/O list", line=None, field="tag", value=tag, message=message)
                )
            else:
                found.append((block, span.start - block.start))
        if missing:
            raise ConfigError(missing)
        return found

    def _poll(self, blocks: Sequence[Block], tag_index: Mapping[str, int]) -> _Poll:
        last = self._map[0]
        batch = Batch((*(b for b in blocks if b is not last), last), tag_index)
        return _Poll(batch, tuple(self._requests[b] for b in batch.blocks))

    async def connect(self) -> None:
        """Open the connection, read the fast blocks and check the map version."""
        s = self._settings
        tls = client_context(s) if s.tls else None
        link = self._link = Link(self._clock.utc_ns, s.timeout_s)
        try:
            await link.open(s.host, s.port, tls, HANDSHAKE_S if s.tls else s.timeout_s)
        except OSError as e:
            why = await explain(s) if s.tls else ""
            raise link.end(LinkLost(f"no connection to {s.host}:{s.port}{why}")) from e
        for block in self._plan.groups[0].blocks:
            await self._ask((block,), (self._requests[block],))

    async def read_all(self) -> Samples:
        """One sample of every device tag, read now, block after block."""
        return await self._read(self._whole)

    async def receive(self) -> Samples:
        """Wait until the next group is due (link time) and read it; missed turns are skipped."""
        groups = self._plan.groups
        if not self._due:
            start_s = self._clock.link_s()
            self._due = [start_s + g.phase_s for g in groups]
        k = min(range(len(groups)), key=self._due.__getitem__)
        wait_s = self._due[k] - self._clock.link_s()
        if wait_s > 0:
            await self._clock.sleep_link(wait_s)
        samples = await self._read(self._turns[k])
        late_s = self._clock.link_s() - self._due[k]
        period_s = groups[k].period_s
        self._due[k] += period_s * (1 + floor(late_s / period_s))
        return samples

    async def write(self, values: NDArray[np.float64] | None) -> None:
        """Write the ticket and, unless None, all outputs, in one request that is never repeated."""
        link = self._connected()
        async with link.turn():
            body: list[int] = []
            if values is not None:
                body = self._plan.outputs.encode(values, self._held)
            sequence = (self._sequence + 1) % _WORD
            words = [sequence, self._beat, *body]
            request = write_request(TICKET_ADDRESS, words, self._settings.unit_id)
            answers = Answers()
            await link.ask((request,), answers)
            pdu = answers.odd
            if len(pdu) == 2 and pdu[0] == request.function | 0x80:
                # The device may have restarted: its next answer to a read says where it counts.
                self._resync = True
                meaning = REFUSALS.get(pdu[1], "unknown reason")
                raise WriteFailed(f"refused by the device: {meaning} (exception {pdu[1]})")
            if pdu:
                message = f"answer {pdu.hex()} is not the echo {request.echo.hex()} of the write"
                raise link.end(WriteFailed(message))
            self._sequence = sequence

    async def close(self) -> None:
        """Drop the connection at once, without a farewell that a dead peer could delay."""
        if self._link is not None:
            self._link.end(LinkLost("closed"))
        await self._clock.sleep_link(0)  # one turn of the loop closes the socket

    async def _read(self, poll: _Poll) -> Samples:
        answers = await self._ask(poll.batch.blocks, poll.requests)
        values, quality = poll.batch.decode(answers.payloads, self._last)
        tags = poll.batch.tags
        self._last[tags] = values
        times_ns = poll.batch.times(answers.times_ns)
        return Samples(tags=tags, values=values, quality=quality, time_ns=times_ns)

    async def _ask(self, blocks: Sequence[Block], requests: Sequence[Request]) -> Answers:
        """Read blocks: the verified payloads of the answers. A write in between goes first."""
        link = self._connected()
        answers = Answers()
        while (done := len(answers.payloads)) < len(blocks):
            async with link.turn():
                await link.ask(requests, answers)
                for block, payload in zip(blocks[done:], answers.payloads[done:], strict=False):
                    if block in self._noted:
                        self._note(link, block, payload)
                if answers.odd:
                    block = blocks[len(answers.payloads)]
                    raise link.end(_read_fault(block, self._requests[block], answers.odd))
        return answers

    def _is_noted(self, block: Block) -> bool:
        return block in (self._map[0], self._heart[0], self._seq[0]) or self._holds_outputs(block)

    def _holds_outputs(self, block: Block) -> bool:
        first = OUTPUT_ADDRESS - block.start
        return block.area is Area.HOLDING and first >= 0 and first + len(self._held) <= block.count

    def _note(self, link: Link, block: Block, payload: bytes) -> None:
        """Keep what the ticket and the next write need; refuse another map than the agreed one."""
        if block is self._map[0]:
            version = _word(payload, self._map[1])
            if version != self._map_version:
                raise link.end(
                    ProtocolFault(
                        f"the device has map version {version}, the I/O list is version "
                        f"{self._map_version}"
                    )
                )
        if block is self._heart[0]:
            self._beat = _word(payload, self._heart[1])
        if block is self._seq[0] and self._resync:
            self._sequence = _word(payload, self._seq[1])
            self._resync = False
        if self._holds_outputs(block):
            first = OUTPUT_ADDRESS - block.start
            words = np.frombuffer(payload, ">u2", len(self._held), 2 * first)
            self._held = words.astype(np.uint16)

    def _connected(self) -> Link:
        if self._link is None:
            raise LinkLost("not connected")
        return self._link


def _read_fault(block: Block, request: Request, pdu: bytes) -> DriverError:
    """What is wrong with an answer that came in a proper frame."""
    if pdu[0] == request.function | 0x80 and len(pdu) == 2:
        meaning = READ_ERRORS.get(pdu[1], "unknown reason")
        fault = f"exception {pdu[1]}, {meaning}"
    elif pdu[0] != request.function:
        fault = f"answer of function {pdu[0]}"
    else:
        fault = f"{len(pdu) - 2} bytes, count says {pdu[1]}, {block.payload_bytes} expected"
    return ProtocolFault(f"read of {block}: {fault}")
