"""The Modbus TCP face of a simulated PLC, and the only file of the simulator that knows pymodbus.

Requests are decoded and answers encoded by pymodbus; the stream in between is cut here, because
the library's server answers only the first of several requests in one segment, stays mute after a
frame with a wrong protocol id and answers a bad count with function 0x80.

Reads (FC1 and FC2: bits, FC3 and FC4: words) see the image as last published; the ranges of the
map exist as a whole, holes read 0. An instrument that failed reads -32768. A write (FC16) begins
with the ticket at 40, SEQ and BEAT; what follows are set points. It is taken whole or refused:

    1  function not served            4  ticket too late
    2  outside the map, or read-only  6  station switched to local
    3  value outside its range,       7  sequence number used before
       no ticket, or a bad count     11  not this unit
"""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
)

from controller.core.errors import ConfigError, Problem
from controller.core.point import Access, Point, Wire
from controller.core.ports import Clock
from plc_sim.instruments import Status
from plc_sim.plc import Image, Plc, Verdict

# The library would log every bad frame that anyone sends.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

WORD_RANGES = ((0, 119), (200, 229))  # first and last address, inclusive
BIT_RANGES = ((0, 63),)
WRITABLE = (40, 79)
TICKET = 40
INVALID_INT16 = -32768  # the word for "no valid value"
MAX_CONNECTIONS = 16  # as a small PLC has
MAX_UNSENT_BYTES = 1 << 20  # a client that asks without reading is cut off

REFUSAL = {
    Verdict.STALE: ExcCodes.DEVICE_FAILURE,
    Verdict.OLD_SEQUENCE: ExcCodes.NEGATIVE_ACKNOWLEDGE,
    Verdict.LOCAL: ExcCodes.DEVICE_BUSY,
    Verdict.OUT_OF_RANGE: ExcCodes.ILLEGAL_VALUE,
    Verdict.UNKNOWN: ExcCodes.ILLEGAL_ADDRESS,
}
_BITS = (1, 2)  # function codes
_WORDS = (3, 4)
_WRITE_ONE = 6
_WRITE_MANY = 16
_SERVED = (*_BITS, *_WORDS, _WRITE_ONE, _WRITE_MANY)
_HEADER = 6
_LIMITS = {Wire.INT16: (-32767, 32767), Wire.UINT16: (0, 65535), Wire.UINT32: (0, 4294967295)}


class _Payload(ModbusPDU):
    """Answer to a read whose payload is at hand as bytes."""

    def __init__(self, function_code: int, payload: bytes) -> None:
        super().__init__()
        self.function_code = function_code
        self._payload = payload

    def encode(self) -> bytes:
        """Byte count and payload."""
        return bytes((len(self._payload),)) + self._payload


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where one point lies in the map, and its slot in the image."""

    slot: int
    address: int
    point: Point


def _cell(slot: int, point: Point) -> _Cell:
    """The place of a point; ConfigError when the map has no such address."""
    area, _, digits = point.address.partition(":")
    ranges, wanted = (BIT_RANGES, "di") if point.wire is Wire.BIT else (WORD_RANGES, "hr")
    size = 2 if point.wire is Wire.UINT32 else 1
    known = point.wire is Wire.BIT or point.wire in _LIMITS
    if known and area == wanted and digits.isdecimal() and _inside(ranges, int(digits), size):
        return _Cell(slot, int(digits), point)
    message = f"{point.wire}: this PLC has {wanted}:N with N in {ranges}"
    raise ConfigError(
        [
            Problem(
                file="I/O list",
                line=None,
                field=f"{point.tag} address",
                value=point.address,
                message=message,
            )
        ]
    )


class _Map:
    """The published words and bits, and the way between them and the image."""

    def __init__(self, points: Sequence[Point]) -> None:
        cells = [_cell(slot, point) for slot, point in enumerate(points)]
        words = [c for c in cells if c.point.wire is not Wire.BIT]
        bits = [c for c in cells if c.point.wire is Wire.BIT]
        self.words = np.zeros(WORD_RANGES[-1][1] + 1, ">u2")
        self.bits = np.zeros(BIT_RANGES[-1][1] + 1, np.uint8)
        self._written = [c for c in words if c.point.access is Access.WRITE]
        self._word_slot = np.array([c.slot for c in words], np.int64)
        self._address = np.array([c.address for c in words], np.int64)
        self._scale = np.array([c.point.scale for c in words])
        limits = [_LIMITS[c.point.wire] for c in words]
        self._low = np.array([low for low, _ in limits], np.float64)
        self._high = np.array([high for _, high in limits], np.float64)
        self._signed = np.array([c.point.wire is Wire.INT16 for c in words], np.bool_)
        self._double = np.array([c.point.wire is Wire.UINT32 for c in words], np.bool_)
        self._bit_slot = np.array([c.slot for c in bits], np.int64)
        self._bit_address = np.array([c.address for c in bits], np.int64)

    def publish(self, image: Image, *, swapped: bool) -> None:
        """Encode the whole image; values beyond the wire saturate, unknown ones read invalid."""
        value = np.array(image.value, np.float64)
        status = np.array(image.status, np.uint8)[self._word_slot]
        raw = np.rint(value[self._word_slot] / self._scale)
        lost = ~np.isfinite(raw)
        raw = np.clip(np.where(lost, 0.0, raw), self._low, self._high)
        raw[self._signed & (lost | (status == Status.FAILED))] = INVALID_INT16
        whole = raw.astype(np.int64)
        double = self._double
        high, low = whole[double] >> 16, whole[double] & 0xFFFF
        if swapped:
            high, low = low, high
        words = self.words
        words[self._address] = (whole & 0xFFFF).astype(np.uint16)
        words[self._address[double]] = high.astype(np.uint16)
        words[self._address[double] + 1] = low.astype(np.uint16)
        if swapped:
            words.byteswap(inplace=True)
        self.bits[self._bit_address] = value[self._bit_slot] != 0

    def set_points(self, address: int, words: Sequence[int]) -> list[tuple[int, float]] | None:
        """(slot, value) of every written point in the span; None when it cuts one in half."""
        items = []
        stop = address + len(words)
        for cell in self._written:
            size = 2 if cell.point.wire is Wire.UINT32 else 1
            if cell.address + size <= address or cell.address >= stop:
                continue
            if cell.address < address or cell.address + size > stop:
                return None
            raw = 0
            for word in words[cell.address - address :][:size]:
                raw = raw << 16 | word
            if cell.point.wire is Wire.INT16 and raw > 0x7FFF:
                raw -= 0x10000
            items.append((cell.slot, round(raw * cell.point.scale, 9)))
        return items


class Server:
    """Serves one PLC on one port, inside TLS where it is told how.

    Wire faults are attributes that may be set at any time.

    stale: nothing new is published, answers stay good. drop: requests are swallowed.
    swapped_words: the bytes of registers and the words of 32-bit values change places, both ways.
    refused_bare counts writes that came without a ticket and so never reached the PLC.
    """

    def __init__(
        self,
        plc: Plc,
        *,
        port: int,
        clock: Clock,
        host: str = "127.0.0.1",
        unit_id: int = 1,
        allow_remote: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not allow_remote and not _is_loopback(host):
            message = (
                "not a loopback address; the simulator has no protection, allow_remote says so"
            )
            raise ConfigError(
                [Problem(file="simulator", line=None, field="host", value=host, message=message)]
            )
        self.host = host
        self.port = port
        self._tls = tls
        self.unit_id = unit_id
        self.stale = False
        self.drop = False
        self.swapped_words = False
        self.refused_bare = 0
        self._plc = plc
        self._clock = clock
        self._map = _Map(plc.image.points)
        self._decoder = DecodePDU(True)
        self._framer = FramerSocket(self._decoder)
        self._listener: asyncio.Server | None = None
        self.connections: set[_Connection] = set()

    async def start(self) -> None:
        """Publish and listen; `port` 0 becomes the port the system chose."""
        self.publish()
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: _Connection(self), self.host, self.port, ssl=self._tls
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.close()
        for connection in tuple(self.connections):
            connection.abort()
        await listener.wait_closed()

    def publish(self) -> None:
        """Show the PLC's image on the wire, after each of its scans or at leisure."""
        if not self.stale:
            self._map.publish(self._plc.image, swapped=self.swapped_words)

    def answer(self, frame: bytes) -> bytes:
        """The answer to one whole frame; empty where none is due."""
        if self.drop or frame[2:4] != b"\0\0":
            return b""
        reply = self._judge(frame[6], frame[7:])
        reply.transaction_id = int.from_bytes(frame[:2], "big")
        reply.dev_id = frame[6]
        return self._framer.buildFrame(reply)

    def _judge(self, unit: int, pdu: bytes) -> ModbusPDU:
        function = pdu[0]
        if unit != self.unit_id:
            return ExceptionResponse(function, ExcCodes.GATEWAY_NO_RESPONSE)
        if function not in _SERVED:
            return ExceptionResponse(function, ExcCodes.ILLEGAL_FUNCTION)
        request = self._decoder.decode(pdu)
        if request is None:
            return ExceptionResponse(function, ExcCodes.ILLEGAL_VALUE)
        if function in _BITS or function in _WORDS:
            return self._read(request, pdu)
        if function == _WRITE_ONE:
            return self._refuse_bare(function, request.address, 1)
        return self._write(cast(WriteMultipleRegistersRequest, request), pdu)

    def _read(self, request: ModbusPDU, pdu: bytes) -> ModbusPDU:
        function, start, count = request.function_code, request.address, request.count
        if len(pdu) != 5:
            return ExceptionResponse(function, ExcCodes.ILLEGAL_VALUE)
        if not _inside(WORD_RANGES if function in _WORDS else BIT_RANGES, start, count):
            return ExceptionResponse(function, ExcCodes.ILLEGAL_ADDRESS)
        if function in _WORDS:
            return _Payload(function, self._map.words[start : start + count].tobytes())
        bits = self._map.bits[start : start + count]
        return _Payload(function, np.packbits(bits, bitorder="little").tobytes())

    def _write(self, request: WriteMultipleRegistersRequest, pdu: bytes) -> ModbusPDU:
        function, start, count = request.function_code, request.address, request.count
        words = [int(w) for w in request.registers]
        whole = len(words) == count and request.byte_count == 2 * count
        if not whole or len(pdu) != 6 + 2 * count or not 1 <= count <= 123:
            return ExceptionResponse(function, ExcCodes.ILLEGAL_VALUE)
        if start != TICKET or count < 2 or not _inside((WRITABLE,), start, count):
            return self._refuse_bare(function, start, count)
        if self.swapped_words:
            words = [(w << 8 | w >> 8) & 0xFFFF for w in words]
        items = self._map.set_points(TICKET + 2, words[2:])
        if items is None:
            return ExceptionResponse(function, ExcCodes.ILLEGAL_VALUE)
        answer = self._plc.write(self._clock.link_s(), words[0], words[1], items)
        if answer.verdict is not Verdict.ACCEPTED:
            return ExceptionResponse(function, REFUSAL[answer.verdict])
        self.publish()  # what was just written reads back at once
        return WriteMultipleRegistersResponse(address=start, count=count)

    def _refuse_bare(self, function: int, start: int, count: int) -> ModbusPDU:
        """A write without a ticket: outside the writable range, or inside it but unsigned."""
        self.refused_bare += 1
        inside = _inside((WRITABLE,), start, count)
        code = ExcCodes.ILLEGAL_VALUE if inside else ExcCodes.ILLEGAL_ADDRESS
        return ExceptionResponse(function, code)


class _Connection(asyncio.Protocol):
    """Cuts one client's byte stream into frames and answers each, in order."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        if len(self._server.connections) >= MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._server.connections.discard(self)

    def abort(self) -> None:
        """Drop the client at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answer every whole frame; keep the rest. A stream that cannot be cut is dropped."""
        transport = cast(asyncio.Transport, self._transport)
        buffer = self._buffer
        buffer += data
        answers = []
        start = 0
        while len(buffer) - start >= _HEADER:
            length = int.from_bytes(buffer[start + 4 : start + 6], "big")
            if not 2 <= length <= 254:
                transport.abort()
                return
            stop = start + _HEADER + length
            if len(buffer) < stop:
                break
            answers.append(self._server.answer(bytes(buffer[start:stop])))
            start = stop
        del buffer[:start]
        transport.write(b"".join(answers))
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            transport.abort()


def _inside(ranges: Sequence[tuple[int, int]], start: int, count: int) -> bool:
    return any(first <= start and start + count - 1 <= last for first, last in ranges)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
