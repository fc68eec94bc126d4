"""Prepared Modbus frames are pymodbus' own; a damaged answer never becomes a value."""

import asyncio
import struct
from collections.abc import Iterator, Sequence
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest, ReadDiscreteInputsResponse
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
)

from controller.core.errors import LinkLost, ProtocolFault
from controller.drivers.modbus_codec import Area, Block
from controller.drivers.modbus_frames import Request, read_request, write_request
from controller.drivers.modbus_link import Answers, Link

FRAMER = FramerSocket(DecodePDU(False))
UNITS = st.integers(0, 255)
TRANSACTIONS = st.one_of(st.integers(1, 65000), st.integers(64_997, 65_000))
WORDS = st.integers(0, 65535)
NOW_NS = 1_767_225_600_000_000_000


class Wire(asyncio.Transport):
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.aborted


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def deliver(link: Link, piece: bytes) -> None:
    """As the event loop does it: as much as there is room for, then the rest."""
    while piece:
        room = link.get_buffer(-1)
        size = min(len(room), len(piece))
        assert size
        room[:size] = piece[:size]
        link.buffer_updated(size)
        piece = piece[size:]


def encoded(pdu: ModbusPDU, transaction: int) -> bytes:
    pdu.transaction_id = transaction
    return FRAMER.buildFrame(pdu)


class Asked:
    """A request on its way, and what became of it."""

    def __init__(self, transaction: int) -> None:
        self.link = Link(lambda: NOW_NS, 60.0)
        self.wire = Wire()
        self.link.connection_made(self.wire)
        self.link._transaction = transaction - 1
        self.answers = Answers()

    async def ask(self, requests: Sequence[Request], pieces: Sequence[bytes]) -> None:
        """Every piece is delivered; what is still open then is ended as lost."""
        asking = asyncio.ensure_future(self.link.ask(requests, self.answers))
        await asyncio.sleep(0)
        for piece in pieces:
            deliver(self.link, piece)
        await asyncio.sleep(0)
        if not asking.done():
            self.link.connection_lost(None)
        try:
            await asking
        finally:
            if self.link._watch is not None:
                self.link._watch.cancel()


def on_its_way(runner: asyncio.Runner, transaction: int) -> Asked:
    async def made() -> Asked:
        return Asked(transaction)

    return runner.run(made())


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    area = draw(st.sampled_from(Area))
    count = draw(st.integers(1, 125 if area is Area.HOLDING else 2000))
    return Block(area, draw(st.integers(0, 65536 - count)), count, ())


def reading(block: Block, unit: int) -> ModbusPDU:
    words = block.area is Area.HOLDING
    kind = ReadHoldingRegistersRequest if words else ReadDiscreteInputsRequest
    return kind(address=block.start, count=block.count, dev_id=unit)


def answer(block: Block, unit: int, payload: bytes, transaction: int) -> bytes:
    """The honest answer, as pymodbus encodes it."""
    pdu: ModbusPDU
    if block.area is Area.HOLDING:
        words = list(struct.unpack(f">{block.count}H", payload))
        pdu = ReadHoldingRegistersResponse(registers=words, dev_id=unit)
    else:
        bits = [bool(payload[k // 8] >> k % 8 & 1) for k in range(8 * len(payload))]
        pdu = ReadDiscreteInputsResponse(bits=bits, dev_id=unit)
    return encoded(pdu, transaction)


@given(blocks(), UNITS, TRANSACTIONS, st.data())
def test_a_prepared_read_is_what_pymodbus_sends_and_its_answer_what_pymodbus_answers(
    runner: asyncio.Runner, block: Block, unit: int, transaction: int, data: st.DataObject
) -> None:
    payload = data.draw(st.binary(min_size=block.payload_bytes, max_size=block.payload_bytes))
    asked = on_its_way(runner, transaction)
    honest = answer(block, unit, payload, transaction)
    runner.run(asked.ask((read_request(block, unit),), (honest,)))
    assert asked.wire.sent == [encoded(reading(block, unit), transaction)]
    assert (asked.answers.payloads, asked.answers.times_ns) == ([payload], [NOW_NS])
    assert not asked.answers.odd


@given(st.integers(0, 65000), st.lists(WORDS, min_size=1, max_size=123), UNITS, TRANSACTIONS)
def test_a_write_is_what_pymodbus_sends_and_only_its_echo_is_taken(
    runner: asyncio.Runner, address: int, words: list[int], unit: int, transaction: int
) -> None:
    asked = on_its_way(runner, transaction)
    echo = WriteMultipleRegistersResponse(address=address, count=len(words), dev_id=unit)
    request = write_request(address, words, unit)
    honest = encoded(echo, transaction)
    runner.run(asked.ask((request,), (honest,)))
    wanted = WriteMultipleRegistersRequest(address=address, registers=words, dev_id=unit)
    assert asked.wire.sent == [encoded(wanted, transaction)]
    assert asked.answers.payloads == [b""]
    assert request.echo == honest[7:]
    assert not asked.answers.odd


@given(st.lists(blocks(), min_size=2, max_size=5), UNITS, TRANSACTIONS)
def test_a_batch_is_sent_request_by_request_each_after_the_answer_before_it(
    runner: asyncio.Runner, batch: list[Block], unit: int, transaction: int
) -> None:
    asked = on_its_way(runner, transaction)
    wanted, honest = [], []
    for k, block in enumerate(batch):
        number = transaction + k if transaction + k <= 65000 else transaction + k - 65000
        wanted.append(encoded(reading(block, unit), number))
        honest.append(answer(block, unit, bytes([k]) * block.payload_bytes, number))
    requests = tuple(read_request(block, unit) for block in batch)

    async def talk() -> None:
        asking = asyncio.ensure_future(asked.link.ask(requests, asked.answers))
        await asyncio.sleep(0)
        for k, piece in enumerate(honest):
            assert asked.wire.sent == wanted[: k + 1]
            deliver(asked.link, piece)
        await asking
        asked.link._watch.cancel()

    runner.run(talk())
    assert asked.wire.sent == wanted
    assert asked.answers.payloads == [bytes([k]) * b.payload_bytes for k, b in enumerate(batch)]


class Verdict(Enum):
    WAIT = "more is to come"
    FAULT = "not the frame of the answer"
    ODD = "a proper frame around something else"
    GOOD = "the answer"


def verdict(frame: bytes, transaction: int, unit: int, function: int, payload: int) -> Verdict:
    """The rule of the driver, spelled out: what the bytes that have come so far are."""
    fields = struct.pack(">HH", transaction, 0)
    for k in (2, 4):
        if len(frame) >= k and frame[:k] != fields[:k]:
            return Verdict.FAULT
    if len(frame) < 6:
        return Verdict.WAIT
    (length,) = struct.unpack_from(">H", frame, 4)
    if length < 3 or length > 254 or len(frame) > 6 + length:
        return Verdict.FAULT
    if len(frame) > 6 and frame[6] != unit:
        return Verdict.FAULT
    if len(frame) < 6 + length:
        return Verdict.WAIT
    right = frame[7] == function and frame[8] == payload == len(frame) - 9
    return Verdict.GOOD if right else Verdict.ODD


@st.composite
def damaged(draw: st.DrawFn, honest: bytes) -> bytes:
    """A field of the header changed, bytes changed, cut out, put in, doubled, or none of it."""
    frame = bytearray(honest)
    if draw(st.booleans()):
        at, size = draw(st.sampled_from(((0, 2), (2, 2), (4, 2), (6, 1), (7, 1), (8, 1))))
        near = st.integers(0, 5).map(lambda k: k - 2 + int.from_bytes(honest[at : at + size]))
        value = draw(st.one_of(near, st.sampled_from((0, 1, 2, 254, 255, 256)), WORDS))
        frame[at : at + size] = (value % 256**size).to_bytes(size)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.one_of(st.integers(0, min(9, len(frame))), st.integers(0, len(frame))))
        kind = draw(st.sampled_from(("change", "cut", "insert", "double")))
        if kind == "change" and at < len(frame):
            frame[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del frame[at : at + draw(st.integers(1, 4))]
        elif kind == "insert":
            frame[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "double":
            frame += bytes(frame)
    return bytes(frame[:1000])


@settings(max_examples=500)
@given(blocks(), UNITS, TRANSACTIONS, st.data())
def test_a_damaged_answer_is_judged_field_by_field_however_it_is_cut(
    runner: asyncio.Runner, block: Block, unit: int, transaction: int, data: st.DataObject
) -> None:
    size = block.payload_bytes
    honest = answer(block, unit, bytes(k % 251 for k in range(size)), transaction)
    frame = data.draw(damaged(honest))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(frame)), max_size=4)))
    pieces = [frame[a:b] for a, b in zip([0, *cuts], [*cuts, len(frame)], strict=True)]
    request = read_request(block, unit)
    expected, come = Verdict.WAIT, b""
    for piece in pieces:
        if piece and expected is Verdict.WAIT:
            come += piece
            expected = verdict(come, transaction, unit, request.function, size)
    asked = on_its_way(runner, transaction)
    found = Verdict.GOOD
    try:
        runner.run(asked.ask((request,), pieces))
    except ProtocolFault:
        found = Verdict.FAULT
    except LinkLost:
        found = Verdict.WAIT
    else:
        found = Verdict.ODD if asked.answers.odd else Verdict.GOOD
    assert found is expected
    assert asked.answers.payloads == ([come[9:]] if expected is Verdict.GOOD else [])
    assert asked.answers.odd == (come[7:] if expected is Verdict.ODD else b"")
    assert asked.wire.aborted is (expected is Verdict.FAULT)
    # What follows an answer unasked ends the connection at the next request.
    rest = frame[len(come) :]
    if rest and expected in (Verdict.GOOD, Verdict.ODD):
        with pytest.raises(ProtocolFault, match="nobody had asked"):
            runner.run(asked.ask((request,), ()))
