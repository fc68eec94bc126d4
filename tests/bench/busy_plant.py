"""An OPC UA plant whose every value changes in each publishing interval.

asyncua's server takes connections, sessions, subscriptions and monitored items. A server that
makes objects of its values cannot send 100,000 of them a second, so what it would publish is
replaced: the items of a notification are bytes that were laid out once and are filled by numpy.
What a client receives is the same. Values and source times change each time; a part of them may
carry a status.
"""

import asyncio
import multiprocessing
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.server.internal_subscription import InternalSubscription

from controller.core.point import Point, Wire
from tests.support.opcua_peers import Bench, point, small_map

_FORMS = {
    Wire.DOUBLE: (11, "<f8"), Wire.FLOAT: (10, "<f4"), Wire.INT32: (6, "<i4"),
    Wire.UINT32: (7, "<u4"), Wire.BOOL: (1, "u1"),
}  # fmt: skip
_VALUE, _STATUS, _SOURCE = 1, 2, 4
_UNCERTAIN = 0x40900000
_EPOCH = 116_444_736_000_000_000
_NOISE = np.random.default_rng(1).normal(0.0, 0.05, 10_007)
_ODD = (Wire.INT32, Wire.UINT32, Wire.BOOL, Wire.FLOAT)


def points_of(count: int, *, mixed: bool) -> list[Point]:
    """So many points: those of every PLC, and doubles; of a mixed plant each tenth is another."""
    known = small_map()
    found = list(known)
    for k in range(count - len(known)):
        wire = _ODD[k // 10 % len(_ODD)] if mixed and k % 10 == 0 else Wire.DOUBLE
        found.append(point(f"X{k}", wire, scan_s=0.1))
    return found


class _Notification:
    """The items of a DataChangeNotification as bytes, filled anew for each message."""

    def __init__(self, items: Sequence[tuple[int, Wire]], *, mixed: bool) -> None:
        """items: handle and type of each."""
        parts, places, self._forms = [struct.pack("<i", len(items))], [], []
        at = len(parts[0])
        for k, (handle, wire) in enumerate(items):
            kind, form = _FORMS[wire]
            told = mixed and k % 40 == 7  # a status now and then
            mask = _VALUE | _SOURCE | _STATUS * told
            size = np.dtype(form).itemsize
            part = struct.pack("<IBB", handle, mask, kind) + bytes(size)
            parts.append(part + struct.pack("<I", _UNCERTAIN) * told + bytes(8))
            places.append((at + 6, at + len(parts[-1]) - 8))
            self._forms.append(form)
            at += len(parts[-1])
        parts.append(struct.pack("<i", -1))
        self._bytes = np.frombuffer(b"".join(parts), np.uint8).copy()
        self._value_at, self._source_at = np.array(places).T
        self._turn = 0

    def filled(self) -> bytes:
        """The bytes with other values and the time of now."""
        self._turn += 1
        forms = np.array(self._forms)
        for form in np.unique(forms).tolist():
            (of,) = np.nonzero(forms == form)
            self._put(self._value_at[of], self._values(form, of).astype(form))
        now = time.time_ns() // 100 + _EPOCH
        self._put(self._source_at, np.full(len(forms), now, "<i8"))
        return self._bytes.tobytes()

    def _values(self, form: str, of: Any) -> Any:
        """Doubles as an instrument sends them: slow waves with noise, in steps of 0.001."""
        if form != "<f8":
            return (self._turn + of) % (2 if form == "u1" else 97)
        noise = _NOISE[(self._turn * 7919 + of) % len(_NOISE)]
        return np.rint(1000.0 * (50.0 + 5.0 * np.sin(self._turn / 600.0 + of) + noise)) / 1000.0

    def _put(self, at: Any, values: Any) -> None:
        size = values.dtype.itemsize
        self._bytes[at[:, None] + np.arange(size)] = values.view(np.uint8).reshape(-1, size)


def _replace_publishing(points: Sequence[Point], *, mixed: bool) -> None:
    made: dict[int, tuple[int, _Notification]] = {}
    wires = {point.address.removeprefix("s="): point.wire for point in points}

    def always(_: InternalSubscription) -> bool:
        return True

    def fill(own: Any, result: ua.PublishResult) -> None:
        own._triggered_datachanges = {}
        items = own.monitored_item_srv._monitored_items.values()
        if not items:
            return
        number = own.data.SubscriptionId
        if made.get(number, (0,))[0] != len(items):
            known = [(i.client_handle, wires[i.read_value_id.NodeId.Identifier]) for i in items]
            made[number] = (len(items), _Notification(known, mixed=mixed))
        told = ua.ExtensionObject(
            ua.FourByteNodeId(ua.ObjectIds.DataChangeNotification_Encoding_DefaultBinary),
            made[number][1].filled(),
        )
        result.NotificationMessage.NotificationData.append(told)

    InternalSubscription.has_published_results = always  # type: ignore[method-assign]
    InternalSubscription._pop_triggered_datachanges = fill  # type: ignore[method-assign]


def _serve(pipe: Connection, count: int, mixed: bool, port: int) -> None:
    async def run() -> None:
        points = points_of(count, mixed=mixed)
        _replace_publishing(points, mixed=mixed)
        bench = Bench(points=points, port=port)
        await bench.start()
        assert bench._task is not None
        bench._task.cancel()
        pipe.send(bench.server.endpoint)
        while not pipe.poll():  # noqa: ASYNC110 - until the other end is closed
            await asyncio.sleep(0.2)

    asyncio.run(run())


@contextmanager
def busy_plant(count: int, *, mixed: bool = False, port: int = 0) -> Iterator[str]:
    """Endpoint of such a plant in a process of its own; port: 0 for any that is free."""
    context = multiprocessing.get_context("spawn")
    pipe, far = context.Pipe()
    process = context.Process(target=_serve, args=(far, count, mixed, port), daemon=True)
    process.start()
    far.close()
    try:
        yield pipe.recv()
    finally:
        process.kill()
        process.join()
        pipe.close()
