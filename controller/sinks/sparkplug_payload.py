"""Payloads of Sparkplug B as bytes and back: the part of its protobuf schema that Dryline uses.

    Payload  1 timestamp  2 metrics (repeated)  3 seq
    Metric   1 name  2 alias  3 timestamp  4 datatype  5 is_historical  7 is_null  9 properties
             10 int  11 long  12 float  13 double  14 boolean  15 string
    PropertySet    1 keys (repeated)  2 values (repeated)
    PropertyValue  1 type  2 is_null  3 int  4 long  5 float  6 double  7 boolean  8 string

Source: Sparkplug 3.0.0, chapter 6. What a reader does not know it passes over, as protobuf asks
for. Times are milliseconds since 1970, UTC.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

Value = float | int | bool | str | None
Field = int | bytes  # of a message: a varint, or the bytes of whatever else

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10
MAX_UINT64 = 2**64 - 1
PROPERTY_OFFSET = 7  # a value of a property has the number of that of a metric less this


class DataType(IntEnum):
    """Types of metrics and properties that Dryline writes, by their numbers in Sparkplug."""

    INT32 = 3
    INT64 = 4
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


class NotSparkplugError(ValueError):
    """Bytes that are no payload."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a metric."""

    datatype: int
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One value. name, alias, time_ms, datatype: None when they are left out.

    A value None is null. Integers are signed.
    """

    name: str | None = None
    alias: int | None = None
    time_ms: int | None = None
    datatype: int | None = None
    value: Value = None
    is_historical: bool = False
    properties: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One message. seq: None where none belongs (NDEATH)."""

    time_ms: int | None = None
    metrics: Sequence[Metric] = ()
    seq: int | None = None


def encode(payload: Payload) -> bytes:
    """The bytes of a payload; ValueError when a number does not fit."""
    out = bytearray()
    if payload.time_ms is not None:
        out += _number(1, payload.time_ms)
    for metric in payload.metrics:
        out += _bytes(2, encode_metric(metric))
    if payload.seq is not None:
        out += _number(3, payload.seq)
    return bytes(out)


def encode_metric(metric: Metric) -> bytes:
    """The bytes of one metric, without what stands in front of it in a payload."""
    out = bytearray()
    if metric.name is not None:
        out += _text(1, metric.name)
    for number, given in ((2, metric.alias), (3, metric.time_ms), (4, metric.datatype)):
        if given is not None:
            out += _number(number, given)
    if metric.is_historical:
        out += _number(5, 1)
    if metric.value is None:
        out += _number(7, 1)
    if metric.properties:
        out += _bytes(9, _properties(metric.properties))
    out += _value(10, metric.value, metric.datatype)
    return bytes(out)


def decode(content: bytes) -> Payload:
    """The payload in some bytes; NotSparkplugError when they hold none."""
    time_ms = seq = None
    metrics = []
    for number, found in _fields(content):
        match number:
            case 1:
                time_ms = _whole(found)
            case 2:
                metrics.append(_metric(_message(found)))
            case 3:
                seq = _whole(found)
    return Payload(time_ms=time_ms, metrics=tuple(metrics), seq=seq)


def varint(value: int) -> bytes:
    """An unsigned number: seven bits a byte, the lowest first, the top bit where more follow."""
    if not 0 <= value <= MAX_UINT64:
        raise ValueError(f"{value} does not fit into 64 bits")
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _key(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def _number(number: int, value: int) -> bytes:
    return _key(number, VARINT) + varint(value)


def _bytes(number: int, content: bytes) -> bytes:
    return _key(number, LENGTH) + varint(len(content)) + content


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode("utf-8", "replace"))


def _value(first: int, value: Value, datatype: int | None) -> bytes:
    """The one value of a metric (first = 10) or of a property (first = 3)."""
    match value:
        case None:
            return b""
        case bool():
            return _number(first + 4, int(value))
        case int() if datatype == DataType.INT32:
            if not -(2**31) <= value < 2**31:
                raise ValueError(f"{value} does not fit into 32 bits")
            return _number(first, value & 0xFFFFFFFF)
        case int():
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{value} does not fit into 64 bits")
            return _number(first + 1, value & MAX_UINT64)
        case float():
            return _key(first + 3, FIXED64) + struct.pack("<d", value)
        case str():
            return _text(first + 5, value)


def _properties(properties: Mapping[str, Property]) -> bytes:
    keys = b"".join(_text(1, key) for key in properties)
    values = (
        _number(1, p.datatype)
        + (_number(2, 1) if p.value is None else b"")
        + _value(3, p.value, p.datatype)
        for p in properties.values()
    )
    return keys + b"".join(_bytes(2, value) for value in values)


def _metric(content: bytes) -> Metric:
    name = alias = time_ms = datatype = None
    is_null = is_historical = False
    properties: dict[str, Property] = {}
    raw: tuple[int, Field] | None = None
    for number, found in _fields(content):
        match number:
            case 1:
                name = _string(found)
            case 2:
                alias = _whole(found)
            case 3:
                time_ms = _whole(found)
            case 4:
                datatype = _whole(found)
            case 5:
                is_historical = bool(_whole(found))
            case 7:
                is_null = bool(_whole(found))
            case 9:
                properties = _property_set(_message(found))
            case 10 | 11 | 12 | 13 | 14 | 15:
                raw = number, found
    value = None if is_null or raw is None else _plain(raw[0], raw[1])
    return Metric(
        name=name, alias=alias, time_ms=time_ms, datatype=datatype, value=value,
        is_historical=is_historical, properties=properties,
    )  # fmt: skip


def _property_set(content: bytes) -> dict[str, Property]:
    keys, values = [], []
    for number, found in _fields(content):
        if number == 1:
            keys.append(_string(found))
        elif number == 2:
            values.append(_property(_message(found)))
    if len(keys) != len(values):
        raise NotSparkplugError(f"{len(keys)} properties with {len(values)} values")
    return dict(zip(keys, values, strict=True))


def _property(content: bytes) -> Property:
    datatype, value, is_null = 0, None, False
    for number, found in _fields(content):
        match number:
            case 1:
                datatype = _whole(found)
            case 2:
                is_null = bool(_whole(found))
            case 3 | 4 | 5 | 6 | 7 | 8:
                value = _plain(number + PROPERTY_OFFSET, found)
    return Property(datatype, None if is_null else value)


def _plain(number: int, found: Field) -> Value:
    """A value by the number that its field has in a metric."""
    match number:
        case 10:
            value = _whole(found) & 0xFFFFFFFF
            return value - 2**32 if value >= 2**31 else value
        case 11:
            value = _whole(found)
            return value - 2**64 if value >= 2**63 else value
        case 12 | 13:
            return _real(found)
        case 14:
            return bool(_whole(found))
        case _:
            return _string(found)


def _fields(content: bytes) -> Iterator[tuple[int, Field]]:
    """Number and content of every field of a message."""
    at = 0
    while at < len(content):
        key, at = _read_varint(content, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(content, at)
            yield number, value
            continue
        if wire == LENGTH:
            size, at = _read_varint(content, at)
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
        else:
            raise NotSparkplugError(f"wire type {wire}")
        if at + size > len(content):
            raise NotSparkplugError("cut short")
        yield number, content[at : at + size]
        at += size


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for k in range(MAX_VARINT_BYTES):
        if at + k >= len(content):
            raise NotSparkplugError("cut short")
        byte = content[at + k]
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value & MAX_UINT64, at + k + 1
    raise NotSparkplugError("a number of more than ten bytes")


def _whole(found: Field) -> int:
    if not isinstance(found, int):
        raise NotSparkplugError("a number was expected")
    return found


def _message(found: Field) -> bytes:
    if not isinstance(found, bytes):
        raise NotSparkplugError("bytes were expected")
    return found


def _string(found: Field) -> str:
    try:
        return _message(found).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotSparkplugError("text that is not UTF-8") from error


def _real(found: Field) -> float:
    content = _message(found)
    if len(content) not in (4, 8):
        raise NotSparkplugError("a number of four or eight bytes was expected")
    (value,) = struct.unpack("<d" if len(content) == 8 else "<f", content)
    return float(value)
