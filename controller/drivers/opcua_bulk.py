"""Data changes of OPC UA decoded in bulk: columns straight from the bytes of a Publish response.

An object for each value is what acquisition costs. Here a message whose items all have one layout
is one view of its bytes; in one of several layouts the places of the items are found first, and
then each layout is taken by itself. Layouts may change with every item. What is neither (arrays,
structures, events, several notifications in a message, diagnostics) is left to the library's own
decoder, and so is everything damaged: it names what is wrong. Knows no library and does no I/O.

Encoding: OPC 10000-6, 5.2; the response: OPC 10000-4, 5.14.5 and 7.25.
"""

import struct
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_PUBLISH_RESPONSE: Final = 829  # numbers of the binary encodings, namespace 0
_DATA_CHANGE: Final = 811
_FOUR_BYTE: Final = 1  # a node id of this form, namespace 0
_AS_BYTES: Final = 1  # the body of a structure follows as bytes

_HEADER: Final = struct.Struct("<BBHqIIBi")  # type, time, handle, result, diagnostics, texts
_NO_STRUCTURE: Final = bytes(3)  # the additional header, null
_SUBSCRIPTION: Final = struct.Struct("<Ii")  # id, count of sequence numbers that are available
_MESSAGE: Final = struct.Struct("<?Iqi")  # more, sequence number, time, count of notifications
_NOTIFICATION: Final = struct.Struct("<BBHBii")  # type, form, length; count of its items
_COUNT: Final = struct.Struct("<i")

_VALUE, _STATUS, _SOURCE, _SERVER, _SOURCE_PICO, _SERVER_PICO = 1, 2, 4, 8, 16, 32
_TAIL: Final = ((_STATUS, 4), (_SOURCE, 8), (_SOURCE_PICO, 2), (_SERVER, 8), (_SERVER_PICO, 2))
_KNOWN_BITS: Final = 63
_NULL, _BOOLEAN, _STRING, _DATE_TIME = 0, 1, 12, 13
_NUMBERS: Final = {
    _BOOLEAN: "u1", 2: "i1", 3: "u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 8: "<i8", 9: "<u8",
    10: "<f4", 11: "<f8",
}  # fmt: skip
_SIZES: Final = {k: np.dtype(f).itemsize for k, f in _NUMBERS.items()} | {_NULL: 0, _DATE_TIME: 8}
_HEAD: Final = 6  # client handle, mask, type
_EPOCH: Final = 116_444_736_000_000_000  # 1970 in units of 0.1 us since 1601
_LATEST: Final = _EPOCH + (2**63 - 1) // 1000 * 10


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Values with what was said about them, an entry each: those of one notification message, in
    its order, or those of a read.

    subscription, number: of the message. rows: client handles. kinds: numbers of built-in types, 0
    where there is no value. values: NaN where it is no number; booleans are 0 and 1. source_ns:
    UTC, 0 where there is no time that could be ours.
    """

    subscription: int
    number: int
    rows: NDArray[np.int64]
    kinds: Bytes
    values: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ns: NDArray[np.int64]


def changes(body: bytes) -> Changes | None:
    """Columns of a whole Publish response (type id and all); None where the library has to look."""
    try:
        found = _items(body)
        if found is None:
            return None
        subscription, number, start, count, end = found
        columns = _uniform(body, start, count, end) or _mixed(body, start, count, end)
    except (struct.error, IndexError):  # cut short
        return None
    return columns and Changes(subscription, number, *columns)


_Columns = tuple[
    NDArray[np.int64], Bytes, NDArray[np.float64], NDArray[np.uint32], NDArray[np.int64]
]


def _items(body: bytes) -> tuple[int, int, int, int, int] | None:
    """Subscription, number of the message; first byte, count and end of its items."""
    form, space, kind, _, _, result, diagnostics, texts = _HEADER.unpack_from(body)
    at = _HEADER.size + len(_NO_STRUCTURE)
    if (form, space, kind, result, diagnostics) != (_FOUR_BYTE, 0, _PUBLISH_RESPONSE, 0, 0):
        return None
    if texts > 0 or body[_HEADER.size : at] != _NO_STRUCTURE:
        return None
    subscription, available = _SUBSCRIPTION.unpack_from(body, at)
    at += _SUBSCRIPTION.size + 4 * max(0, available)
    _, number, _, notifications = _MESSAGE.unpack_from(body, at)
    at += _MESSAGE.size
    form, space, kind, how, length, count = _NOTIFICATION.unpack_from(body, at)
    if (notifications, form, space, kind, how) != (1, _FOUR_BYTE, 0, _DATA_CHANGE, _AS_BYTES):
        return None
    start = at + _NOTIFICATION.size
    end = start - _COUNT.size + length - _COUNT.size  # behind the items is a count of diagnostics
    if count <= 0 or end <= start or not _ends(body, end):
        return None
    return subscription, number, start, count, end


def _ends(body: bytes, at: int) -> bool:
    """Whether nothing but results of acknowledgements stands behind the items."""
    (of_items,) = _COUNT.unpack_from(body, at)
    (results,) = _COUNT.unpack_from(body, at + _COUNT.size)
    at += 2 * _COUNT.size + 4 * max(0, results)
    (diagnostics,) = _COUNT.unpack_from(body, at)
    return of_items <= 0 and diagnostics <= 0 and at + _COUNT.size == len(body)


@cache
def _tail_size(mask: int) -> int:
    return sum(size for bit, size in _TAIL if mask & bit)


@cache
def _tail_place(mask: int, wanted: int) -> int:
    """Where a field lies behind the value."""
    place = 0
    for bit, size in _TAIL:
        if bit == wanted:
            break
        place += size * bool(mask & bit)
    return place


def _uniform(body: bytes, start: int, count: int, end: int) -> _Columns | None:
    """All items have the layout of the first: one view of the bytes."""
    mask, kind = body[start + 4], body[start + 5]
    if not mask & _VALUE or mask > _KNOWN_BITS or kind not in _SIZES:
        return None
    size = _HEAD + _SIZES[kind] + _tail_size(mask)
    if count * size != end - start:
        return None
    items = np.frombuffer(body, np.uint8, count * size, start).reshape(count, size)
    first = mask | kind << 8
    if (_field(items, 4, "<u2") != first).any():
        return None
    return (
        _field(items, 0, "<u4").astype(np.int64),
        np.full(count, kind, np.uint8),
        _numbers(items, kind),
        *_tail(items, _HEAD + _SIZES[kind], mask),
    )


def _field(items: Bytes, place: int, form: str) -> NDArray[np.generic]:
    """One field of all items, uint8[item, byte], as a view."""
    return np.ndarray((len(items),), np.dtype(form), items, place, (items.strides[0],))


def _numbers(items: Bytes, kind: int) -> NDArray[np.float64]:
    form = _NUMBERS.get(kind)
    if form is None:
        return np.full(len(items), np.nan)
    raw = _field(items, _HEAD, form)
    return (raw != 0 if kind == _BOOLEAN else raw).astype(np.float64)


def _tail(items: Bytes, place: int, mask: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Status and source time, from where the value ends."""
    status = np.zeros(len(items), np.uint32)
    source_ns = np.zeros(len(items), np.int64)
    if mask & _STATUS:
        status[:] = _field(items, place + _tail_place(mask, _STATUS), "<u4")
    if mask & _SOURCE:
        source_ns[:] = utc_ns(_field(items, place + _tail_place(mask, _SOURCE), "<i8"))
    return status, source_ns


def utc_ns(stamps: NDArray[np.generic]) -> NDArray[np.int64]:
    """UTC nanoseconds of OPC UA times, in microseconds as the library has them; 0 where a time is
    before 1970 or beyond what fits."""
    ticks = stamps.astype(np.int64)
    ours = (ticks > _EPOCH) & (ticks < _LATEST)
    return np.where(ours, (np.where(ours, ticks, _EPOCH) - _EPOCH) // 10 * 1000, 0)


def _mixed(body: bytes, start: int, count: int, end: int) -> _Columns | None:
    """Items of any layouts that are known here, in any order."""
    places = _places(body, start, count, end)
    if places is None:
        return None
    buffer = np.frombuffer(body, np.uint8)
    at = np.array(places, np.int64)
    masks = buffer[at[:-1] + 4]
    kinds = np.where(masks & _VALUE, buffer[np.minimum(at[:-1] + 5, len(body) - 1)], 0)
    kinds = kinds.astype(np.uint8)
    rows = _field(_cut(buffer, at[:-1], 4), 0, "<u4").astype(np.int64)
    values = np.full(count, np.nan)
    status = np.zeros(count, np.uint32)
    source_ns = np.zeros(count, np.int64)
    layouts = masks.astype(np.uint16) | kinds.astype(np.uint16) << 8
    for layout in np.unique(layouts).tolist():
        mask, kind = layout & 255, layout >> 8
        (of,) = np.nonzero(layouts == layout)
        if kind in _NUMBERS:
            values[of] = _numbers(_cut(buffer, at[of], _HEAD + _SIZES[kind]), kind)
        tail = _tail_size(mask)
        if tail:
            items = _cut(buffer, at[of + 1] - tail, tail)  # a tail ends where the next item begins
            status[of], source_ns[of] = _tail(items, 0, mask)
    return rows, kinds, values, status, source_ns


def _cut(buffer: Bytes, at: NDArray[np.int64], size: int) -> Bytes:
    """uint8[item, byte]: so many bytes from each of these places."""
    cut: Bytes = buffer[at[:, None] + np.arange(size)]
    return cut


def _places(body: bytes, start: int, count: int, end: int) -> list[int] | None:
    """Where each item begins, and where the last one ends."""
    if count > end - start:
        return None
    places = [start]
    at, known = start, _FIXED
    for _ in range(count):
        at += known.get(body[at + 4 : at + 6]) or _size_at(body, at)
        places.append(at)
    return places if at == end and places[-1] > places[-2] else None


_FIXED: Final = {
    bytes((mask, kind)): _HEAD + size + _tail_size(mask)
    for mask in range(_KNOWN_BITS + 1)
    if mask & _VALUE
    for kind, size in _SIZES.items()
}


def _size_at(body: bytes, at: int) -> int:
    """Of an item whose size its two bytes do not tell; beyond the message where it isn't known."""
    mask = body[at + 4]
    if mask <= _KNOWN_BITS and not mask & _VALUE:
        return _HEAD - 1 + _tail_size(mask)
    if mask <= _KNOWN_BITS and body[at + 5] == _STRING:
        length: int = _COUNT.unpack_from(body, at + _HEAD)[0]
        return _HEAD + _COUNT.size + max(0, length) + _tail_size(mask)
    return len(body)
