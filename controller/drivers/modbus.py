"""Modbus TCP: the driver, and the only file of the controller that knows pymodbus.

pymodbus moves the bytes: connection, request encoding, transaction numbers, time-outs. What comes
back is judged here, because its client takes transaction id 0, wrong counts, other functions and
wrong echoes for an answer. Every answer must match its request in transaction, unit, function,
length and (for writes) address; one that does not ends the connection, and no value of it is used.

The agreement with the device, besides the I/O list:

- PREFIX.HEART, PREFIX.MAP and PREFIX.SEQ lie in the fast group. Every batch ends with a read of
  MAP: a device that begins to swap bytes is found out before a value is used.
- One FC16 request from holding register 40 on carries SEQ (one more than the last accepted),
  BEAT (the latest HEART) and the whole output area. The device refuses late and repeated tickets,
  so that a request that was given up here cannot take effect there much later.
- Exception codes of a refused write: see `REFUSALS`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from math import floor
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusTlsClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

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
from controller.drivers.modbus_settings import Settings
from controller.drivers.modbus_tls import client_context, explain

__all__ = ["Driver", "Settings"]
# The library reports every failed call as an error; here a failure is an exception and is told
# once, by whoever supervises the driver.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

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
_CLOSED = "the device closed the connection"
_WORD = 65536
_HEADER = 6  # transaction, protocol, length
_LONGEST = 254  # unit and PDU


_READ_REQUESTS = {
    Area.HOLDING: ReadHoldingRegistersRequest,
    Area.DISCRETE: ReadDiscreteInputsRequest,
}


def _word(payload: bytes, offset: int) -> int:
    return int.from_bytes(payload[2 * offset : 2 * offset + 2], "big")


class _Answer(ModbusPDU):
    """One answer as it came: the bytes of its PDU, or what is wrong with it."""

    def __init__(self, unit: int, transaction: int, pdu: bytes, fault: str = "") -> None:
        super().__init__(dev_id=unit, transaction_id=transaction)
        self.pdu = pdu
        self.fault = fault


class _StrictFramer(FramerSocket):
    """Cuts answers out of the byte stream and believes none that does not match the request.

    A violation is returned as an answer with a fault: an exception raised here would end in the
    event loop's handler, not with the caller.
    """

    def __init__(self) -> None:
        super().__init__(DecodePDU(False))
        self.waiting = False
        self.unasked = False

    def handleFrame(  # noqa: N802  the library's name
        self, data: bytes, exp_devid: int, exp_tid: int
    ) -> tuple[int, ModbusPDU | None]:
        """Take the one answer that is due out of `data`, or wait for more bytes."""
        if not self.waiting:
            self.unasked = True
            return len(data), None
        size = len(data)
        length = int.from_bytes(data[4:6], "big")
        fault = ""
        if size >= 2 and (tid := int.from_bytes(data[:2], "big")) != exp_tid:
            fault = f"transaction {tid} instead of {exp_tid}"
        elif size >= 4 and (protocol := int.from_bytes(data[2:4], "big")):
            fault = f"protocol id {protocol} instead of 0"
        elif size >= _HEADER and not 3 <= length <= _LONGEST:
            fault = f"impossible length {length}"
        elif size > _HEADER and data[6] != exp_devid:
            fault = f"unit {data[6]} instead of {exp_devid}"
        elif size > _HEADER and size > _HEADER + length:
            fault = f"{size - _HEADER - length} bytes more than one answer"
        elif size < _HEADER or size < _HEADER + length:
            return 0, None
        self.waiting = False
        return size, _Answer(exp_devid, exp_tid, b"" if fault else data[7:], fault)


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
        self._whole = self._batch(self._plan.blocks, tag_index)
        self._turns = [self._batch(g.blocks, tag_index) for g in self._plan.groups]
        self._due: list[float] = []
        self._lock = asyncio.Lock()
        self._framer = _StrictFramer()
        self._client: AsyncModbusTcpClient | None = None
        self._broken = "not connected"
        self._sequence = 0
        self._resync = True
        self._beat = 0
        self._held = np.zeros(self._plan.outputs.words, np.uint16)

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

    def _batch(self, blocks: Sequence[Block], tag_index: Mapping[str, int]) -> Batch:
        last = self._map[0]
        return Batch((*(b for b in blocks if b is not last), last), tag_index)

    async def connect(self) -> None:
        """Open the connection, read the fast blocks and check the map version."""
        s = self._settings
        client = self._client = self._new_client()
        client.ctx.framer = self._framer
        if not await client.connect():
            why = await explain(s) if s.tls else ""
            raise self._break(LinkLost(f"no connection to {s.host}:{s.port}{why}"))
        self._broken = ""
        for block in self._plan.groups[0].blocks:
            await self._ask(block)

    def _new_client(self) -> AsyncModbusTcpClient:
        s = self._settings
        if not s.tls:
            return AsyncModbusTcpClient(
                s.host,
                port=s.port,
                timeout=s.timeout_s,
                retries=0,
                reconnect_delay=0,
                trace_connect=self._on_connection,
            )
        client = AsyncModbusTlsClient(
            s.host,
            sslctx=client_context(s),
            port=s.port,
            timeout=s.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._on_connection,
        )
        client.ctx.comm_params.timeout_connect = HANDSHAKE_S
        return client

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
        async with self._lock:
            self._raise_if_broken()
            body: list[int] = []
            if values is not None:
                body = self._plan.outputs.encode(values, self._held)
            sequence = (self._sequence + 1) % _WORD
            words = [sequence, self._beat, *body]
            request = WriteMultipleRegistersRequest(
                address=TICKET_ADDRESS, registers=words, dev_id=self._settings.unit_id
            )
            pdu = await self._exchange(request)
            if pdu[0] == request.function_code | 0x80 and len(pdu) == 2:
                # The device may have restarted: its next answer to a read says where it counts.
                self._resync = True
                meaning = REFUSALS.get(pdu[1], "unknown reason")
                raise WriteFailed(f"refused by the device: {meaning} (exception {pdu[1]})")
            echo = bytes((request.function_code,)) + request.encode()[:4]
            if pdu != echo:
                raise self._break(
                    WriteFailed(f"answer {pdu.hex()} is not the echo {echo.hex()} of the write")
                )
            self._sequence = sequence

    async def close(self) -> None:
        """Drop the connection at once, without a farewell that a dead peer could delay."""
        self._broken = self._broken or "closed"
        self._abort()
        await self._clock.sleep_link(0)  # one turn of the loop closes the socket

    async def _read(self, batch: Batch) -> Samples:
        payloads: list[bytes] = []
        times: list[int] = []
        for block in batch.blocks:
            payloads.append(await self._ask(block))
            times.append(self._clock.utc_ns())
        values, quality = batch.decode(payloads, self._last)
        self._last[batch.tags] = values
        return Samples(tags=batch.tags, values=values, quality=quality, time_ns=batch.times(times))

    async def _ask(self, block: Block) -> bytes:
        """Read one block: the verified payload of the answer."""
        kind = _READ_REQUESTS[block.area]
        request = kind(address=block.start, count=block.count, dev_id=self._settings.unit_id)
        async with self._lock:
            self._raise_if_broken()
            pdu = await self._exchange(request)
        function, expected = request.function_code, block.payload_bytes
        if pdu[0] == function and pdu[1] == expected == len(pdu) - 2:
            payload = pdu[2:]
            self._note(block, payload)
            return payload
        if pdu[0] == function | 0x80 and len(pdu) == 2:
            meaning = READ_ERRORS.get(pdu[1], "unknown reason")
            fault = f"exception {pdu[1]}, {meaning}"
        elif pdu[0] != function:
            fault = f"answer of function {pdu[0]}"
        else:
            fault = f"{len(pdu) - 2} bytes, count says {pdu[1]}, {expected} expected"
        raise self._break(ProtocolFault(f"read of {block}: {fault}"))

    def _note(self, block: Block, payload: bytes) -> None:
        """Keep what the ticket and the next write need; refuse another map than the agreed one."""
        if block is self._map[0]:
            version = _word(payload, self._map[1])
            if version != self._map_version:
                raise self._break(
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
        first = OUTPUT_ADDRESS - block.start
        if block.area is Area.HOLDING and first >= 0 and first + len(self._held) <= block.count:
            words = np.frombuffer(payload, ">u2", len(self._held), 2 * first)
            self._held = words.astype(np.uint16)

    async def _exchange(self, request: ModbusPDU) -> bytes:
        """Send one request; the PDU of the answer that belongs to it, at least 2 bytes."""
        client = cast(AsyncModbusTcpClient, self._client)
        if self._framer.unasked:
            raise self._break(ProtocolFault("the device sent bytes nobody had asked for"))
        self._framer.waiting = True
        try:
            answer = cast(_Answer, await client.ctx.execute(False, request))
        except ConnectionException as e:
            raise self._break(LinkLost(self._broken or _CLOSED)) from e
        except ModbusException as e:
            timeout_s = self._settings.timeout_s
            raise self._break(LinkLost(f"no answer within {timeout_s:g} s")) from e
        except asyncio.CancelledError:
            self._break(LinkLost("a request was abandoned"))
            raise
        if answer.fault:
            raise self._break(ProtocolFault(answer.fault))
        return answer.pdu

    def _on_connection(self, up: bool) -> None:
        """Fail the request in flight as soon as the peer is gone; the library would wait.

        It would also connect again by itself at the next request, hence the mark.
        """
        if up or self._client is None:
            return
        self._broken = self._broken or _CLOSED
        self._fail_pending(self._client)

    def _fail_pending(self, client: AsyncModbusTcpClient) -> None:
        pending = client.ctx.response_future
        if self._framer.waiting and not pending.done():
            self._framer.waiting = False
            pending.set_exception(ConnectionException(self._broken))

    def _raise_if_broken(self) -> None:
        if self._broken:
            raise LinkLost(self._broken)

    def _break(self, error: DriverError) -> DriverError:
        """Nothing is sent or believed on this connection any more; returns `error` for raising."""
        self._broken = self._broken or str(error)
        self._abort()
        return error

    def _abort(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if client.ctx.transport is not None:
            cast(asyncio.Transport, client.ctx.transport).abort()
        client.close()
        self._fail_pending(client)
