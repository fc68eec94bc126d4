"""Modbus TCP frames, and the only file of the controller that knows pymodbus.

pymodbus encodes each request, once; of a request that is sent again and again only the transaction
id changes. What comes back is judged here, because the library takes transaction id 0, wrong
counts, other functions and wrong echoes for an answer. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

from controller.drivers.modbus_codec import Area, Block

LONGEST_FRAME = 260
LAST_TRANSACTION = 65000
_HEADER = 6  # transaction, protocol, length
_LONGEST = LONGEST_FRAME - _HEADER  # unit and PDU
_UNIT = 6  # where the unit's number lies; the PDU follows it
_FRAMER = FramerSocket(DecodePDU(False))
_READS = {
    Area.HOLDING: ReadHoldingRegistersRequest,
    Area.DISCRETE: ReadDiscreteInputsRequest,
}


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One request and the one answer that is good enough.

    tail: the frame behind its transaction id. head: how the expected answer begins behind the
    transaction id: protocol, length, unit, function, and for a read the byte count, for a write
    address and count. payload_at: where the payload begins in that answer, which has `size` bytes.
    """

    function: int
    unit: int
    tail: bytes
    head: bytes
    payload_at: int
    size: int

    @property
    def echo(self) -> bytes:
        """The PDU of the expected answer, as far as it is known before."""
        return self.head[_UNIT - 1 :]


def read_request(block: Block, unit: int) -> Request:
    """The request for one block."""
    kind = _READS[block.area]
    request = kind(address=block.start, count=block.count, dev_id=unit)
    payload = block.payload_bytes
    head = _head(unit, bytes((request.function_code, payload)), payload)
    start = 2 + len(head)
    return Request(request.function_code, unit, _tail_of(request), head, start, start + payload)


def write_request(address: int, words: Sequence[int], unit: int) -> Request:
    """The request that writes `words` from `address` on; its answer is the echo of both."""
    request = WriteMultipleRegistersRequest(address=address, registers=list(words), dev_id=unit)
    echo = bytes((request.function_code,)) + request.encode()[:4]
    head = _head(unit, echo, 0)
    size = 2 + len(head)
    return Request(request.function_code, unit, _tail_of(request), head, size, size)


def _tail_of(request: ModbusPDU) -> bytes:
    return _FRAMER.buildFrame(request)[2:]


def _head(unit: int, pdu: bytes, more: int) -> bytes:
    length = 1 + len(pdu) + more
    return b"\0\0" + length.to_bytes(2, "big") + bytes((unit,)) + pdu


def framing_fault(data: bytes, transaction: int, unit: int) -> str | None:
    """What is wrong with the frame of an answer; "" when it is whole, None when more must come."""
    size = len(data)
    length = int.from_bytes(data[4:6], "big")
    if size >= 2 and (found := int.from_bytes(data[:2], "big")) != transaction:
        return f"transaction {found} instead of {transaction}"
    if size >= 4 and (protocol := int.from_bytes(data[2:4], "big")):
        return f"protocol id {protocol} instead of 0"
    if size >= _HEADER and not 3 <= length <= _LONGEST:
        return f"impossible length {length}"
    if size > _HEADER and data[_UNIT] != unit:
        return f"unit {data[_UNIT]} instead of {unit}"
    if size > _HEADER + length and size > _HEADER:
        return f"{size - _HEADER - length} bytes more than one answer"
    return None if size < _HEADER or size < _HEADER + length else ""


def pdu_of(data: bytes) -> bytes:
    """Function and what follows, of a frame that is whole."""
    return data[_UNIT + 1 :]
