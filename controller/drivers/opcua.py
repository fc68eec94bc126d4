"""OPC UA driver. Only this file and opcua_channel.py of `controller` know asyncua.

asyncua serves as codec and secure channel only. Its reconnection can leave a subscription silently
dead and its notification loop makes an object or a task of every change, so here every connection
is a fresh client, one subscription carries all points, and the driver keeps its own Publish
requests outstanding: whoever does not call `receive` asks for nothing more, and nothing piles up on
this side. The server's queue per point is bounded; what overflows it is counted in `losses`.

Source times are believed while the device's clock, judged by its heartbeat, is within `max_skew_s`;
beyond that samples carry their time of arrival. Their quality stays: the values are right.
"""
# asyncua's hints contradict its own use: plain numbers and strings for its Int32 and String
# mypy: disable-error-code="arg-type, attr-defined"

import asyncio
import logging
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
from asyncua import Client, ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.ua.ua_binary import struct_from_binary
from numpy.typing import NDArray

from controller.core.errors import LinkLost, ProtocolFault
from controller.core.point import Point
from controller.core.ports import Clock
from controller.core.sample import Samples
from controller.drivers import opcua_channel as channel
from controller.drivers import opcua_settings as fixed
from controller.drivers.cancellation import plain_cancellation
from controller.drivers.opcua_bulk import Changes, changes
from controller.drivers.opcua_image import FIRST_BAD, TYPE_MISMATCH, DeviceImage
from controller.drivers.opcua_objects import listed
from controller.drivers.opcua_settings import Settings

__all__ = ["Driver", "Settings"]
logging.getLogger("asyncua").setLevel(logging.WARNING)  # at INFO every message is formatted
_VALUE: Final = ua.AttributeIds.Value
_NAMESPACES: Final = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)
_LINK_ERRORS: Final = (OSError, ua.UaError)  # a TimeoutError is an OSError
_CODEC_ERRORS: Final = (struct.error, ValueError, TypeError, LookupError, AttributeError)


class Driver:
    """One connection to one OPC UA server, used once. Implements `controller.core.ports.Driver`.

    A refused write (WriteFailed) leaves the connection usable; after any other DriverError a fresh
    driver is needed. `receive` and `write` may run side by side, two writes may not.
    """

    def __init__(
        self,
        settings: Settings,
        points: Sequence[Point],
        tag_index: Mapping[str, int],
        clock: Clock,
        *,
        map_version: int = 1,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._map_version = map_version
        self._station = points[0].station if points else ""
        self._image = DeviceImage(points, tag_index, clock, settings.max_skew_s)
        self._types = [ua.VariantType[name] for name in self._image.types]
        self._kinds = np.array([kind.value for kind in self._types], np.uint8)
        self._client: Client | None = None
        self._nodes: list[ua.NodeId] = []
        self._ticket: list[ua.NodeId] = []
        self._heard_s = 0.0  # link time at which the subscription last delivered a heartbeat
        self._suspected = False  # the heartbeat moved without being delivered
        self._idle_since_s = 0.0
        self._renew_at_s = 0.0
        self._publishes: list[asyncio.Future[Any]] = []
        self._depth = fixed.PUBLISHES
        self._acks: list[ua.SubscriptionAcknowledgement] = []
        self._reread = False

    @property
    def losses(self) -> int:
        """Samples or notifications the server had to drop before they reached us."""
        return self._image.losses

    @property
    def clock_skew_s(self) -> float:
        """The device's clock minus ours, plant seconds."""
        return self._image.clock_skew_s

    async def connect(self) -> None:
        """Open the connection, check the map node by node, subscribe to every point."""
        try:
            async with asyncio.timeout(self._settings.connect_s), plain_cancellation():
                await self._open()
                await self._check_map()
                self._image.start()
                await self._subscribe()
        except BaseException as error:
            await self.close()
            if isinstance(error, _LINK_ERRORS):
                self._lost("no connection", error)
            raise

    async def read_all(self) -> Samples:
        """One sample of every point, stamped with the time of reading."""
        try:
            values = await self._read(self._nodes)
        except _LINK_ERRORS as error:
            self._lost("read failed", error)
        return self._shape(listed(range(len(values)), values), stamped=False)

    async def receive(self) -> Samples:
        """What the subscription delivers next: one notification message, in columns.

        LinkLost when the connection is gone or the subscription is dead: the heartbeat was not
        delivered for `stale_s` although a direct read shows that it moves. A message that got lost
        on the way is made up for by reading everything once.
        """
        self._heard_s += self._clock.link_s() - self._idle_since_s  # nobody asked meanwhile
        try:
            while True:
                if self._reread:
                    self._reread = False
                    return await self.read_all()
                await self._renew()
                if self._clock.link_s() - self._heard_s > self._settings.stale_s:
                    await self._probe()
                samples = await self._next_message()
                if samples is not None:
                    return samples
        except _LINK_ERRORS as error:
            self._lost("subscription failed", error)
        finally:
            self._idle_since_s = self._clock.link_s()

    async def write(self, values: NDArray[np.float64] | None) -> None:
        """Write the ticket and the whole output image in one call.

        After a refusal or a lost answer the device is first asked what it accepted last.
        """
        image = self._image
        numbers, rows = ([], []) if values is None else (image.numbers(values), image.written)
        nodes = [*self._ticket, *(self._nodes[k] for k in rows)]
        types = [ua.VariantType.Int32] * 2 + [self._types[k] for k in rows]
        try:
            if image.sequence is None:
                await self._read_ticket()
            sequence = image.next_sequence()
            numbers = [sequence, image.heart, *numbers]
            request = ua.WriteRequest()
            request.Parameters.NodesToWrite = [
                ua.WriteValue(node, _VALUE, None, ua.DataValue(ua.Variant(raw, kind)))
                for node, raw, kind in zip(nodes, numbers, types, strict=True)
            ]
            answer = await self._ask(request, ua.WriteResponse)
        except _LINK_ERRORS as error:
            self._lost("write not answered, it may have been executed", error)
        if len(answer.Results) != len(nodes):
            raise self._fault("answer to another write")
        names = [*image.ticket, *(image.names[k] for k in rows)]
        image.wrote(sequence, names, [status.value for status in answer.Results])

    async def close(self) -> None:
        """Say goodbye if the server listens, then cut the connection."""
        client, self._client = self._client, None
        for publish in self._publishes:
            if not publish.cancel() and not publish.cancelled():
                publish.exception()  # seen: otherwise asyncio reports it as forgotten
        self._publishes.clear()
        if client is None:
            return
        protocol = client.uaclient.protocol
        try:
            if protocol is not None and not protocol.is_closed:
                async with asyncio.timeout(fixed.CLOSE_S), plain_cancellation():
                    await client.close_session()
        except _LINK_ERRORS:
            pass  # it was a courtesy
        finally:
            if protocol is not None and protocol.transport is not None:
                protocol.transport.abort()
            client.disconnect_socket()
        await asyncio.sleep(0)  # let the transport tell its protocol

    def _fault(self, text: str) -> ProtocolFault:
        return ProtocolFault(f"{self._settings.endpoint}: {text}")

    def _lost(self, what: str, error: BaseException | None = None) -> NoReturn:
        cause = f": {str(error) or type(error).__name__}" if error else ""
        raise LinkLost(f"{self._settings.endpoint}: {what}{cause}") from error

    async def _open(self) -> None:
        client = self._client = channel.new_client(self._settings)
        # step by step: Client.connect() would start three tasks that reconnect by themselves
        await channel.open_session(client, self._settings, self._station)
        self._renew_at_s = self._clock.link_s() + fixed.RENEW_S

    async def _check_map(self) -> None:
        s, image = self._settings, self._image
        uris = _content((await self._read([_NAMESPACES]))[0]) or []
        if s.namespace not in uris:
            raise self._fault(f"no namespace {s.namespace!r}; the server has {', '.join(uris)}")
        index = uris.index(s.namespace)
        self._nodes = [ua.NodeId(p.address.removeprefix("s="), index) for p in image.points]
        self._ticket = [ua.NodeId(name, index) for name in image.ticket]
        nodes = self._nodes + self._ticket
        types = await self._read(nodes, ua.AttributeIds.DataType)
        rights = await self._read(nodes, ua.AttributeIds.UserAccessLevel)
        if wrong := image.mismatches(map(_builtin, types), map(_content, rights)):
            raise self._fault(
                f"{len(wrong)} nodes are not as the I/O list says: {'; '.join(wrong)}"
            )
        spoken = await self._read_ticket()
        if spoken != self._map_version:
            raise self._fault(f"device has tag map version {spoken}, not {self._map_version}")

    async def _read_ticket(self) -> int:
        """Ask the device what the next ticket needs; returns its version of the tag map."""
        rows = self._image.ticket_rows
        values = [_content(dv) for dv in await self._read([self._nodes[k] for k in rows])]
        if not all(isinstance(value, int) for value in values):
            raise self._fault("MAP, SEQ or HEART has no value")
        spoken, self._image.sequence, self._image.heart = values
        return int(spoken)

    async def _subscribe(self) -> None:
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            fixed.PUBLISHING_MS, fixed.LIFETIME, fixed.KEEP_ALIVE, PublishingEnabled=True
        )
        answer = await self._ask(request, ua.CreateSubscriptionResponse)
        for start in range(0, len(self._nodes), fixed.SLICE):
            items = ua.CreateMonitoredItemsRequest()
            items.Parameters.SubscriptionId = answer.Parameters.SubscriptionId
            rows = range(start, min(start + fixed.SLICE, len(self._nodes)))
            items.Parameters.ItemsToCreate = [self._monitored(k) for k in rows]
            made = await self._ask(items, ua.CreateMonitoredItemsResponse)
            bad = [
                f"{self._image.names[k]}: {result.StatusCode.name}"
                for k, result in zip(rows, made.Results, strict=False)
                if not result.StatusCode.is_good()
            ]
            if bad or len(made.Results) != len(rows):
                raise self._fault(f"cannot watch {'; '.join(bad)}")
        self._heard_s = self._idle_since_s = self._clock.link_s()

    def _monitored(self, row: int) -> ua.MonitoredItemCreateRequest:
        sampling_ms = self._image.points[row].scan_s * 1000
        return ua.MonitoredItemCreateRequest(
            ua.ReadValueId(self._nodes[row], _VALUE),
            ua.MonitoringMode.Reporting,
            ua.MonitoringParameters(row, sampling_ms, QueueSize=fixed.QUEUE, DiscardOldest=True),
        )

    async def _next_message(self) -> Samples | None:
        """Wait for a message until the heartbeat is overdue; None for one without samples."""
        while len(self._publishes) < self._depth:
            self._publishes.append(self._publish())
        overdue_s = self._heard_s + self._settings.stale_s - self._clock.link_s()
        done, _ = await asyncio.wait(
            self._publishes, timeout=max(0.01, overdue_s), return_when=asyncio.FIRST_COMPLETED
        )
        answered = next((f for f in self._publishes if f in done), None)
        if answered is None:
            self._protocol()  # LinkLost if somebody closed it
            return None
        self._publishes.remove(answered)
        body = answered.result()
        found = changes(bytes(body)) or self._looked_at(body)
        return None if found is None else self._take(found)

    def _publish(self) -> asyncio.Future[Any]:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements, self._acks = self._acks, []
        # the public call waits for the answer, which would take a task for each request
        return self._protocol()._send_request(request, 0)  # noqa: SLF001

    def _looked_at(self, body: Any) -> Changes | None:  # noqa: ANN401
        """A message as the library decodes it; None for one that says nothing."""
        try:
            result = self._decode(body, ua.PublishResponse).Parameters
        except ua.uaerrors.BadTooManyPublishRequests:
            self._depth = max(1, self._depth - 1)
            return None
        message = result.NotificationMessage
        if not message.NotificationData:
            return None  # keep-alive
        items: list[Any] = []
        for part in message.NotificationData:
            if isinstance(part, ua.StatusChangeNotification):
                self._lost(f"subscription ended: {part.Status.name}")
            items += getattr(part, "MonitoredItems", ())
        rows, values = [i.ClientHandle for i in items], [i.Value for i in items]
        return listed(rows, values, result.SubscriptionId, message.SequenceNumber)

    def _take(self, found: Changes) -> Samples | None:
        self._acks.append(ua.SubscriptionAcknowledgement(found.subscription, found.number))
        self._reread |= not self._image.got_message(found.number)
        if not len(found.rows):
            return None
        if found.rows.max() >= len(self._nodes):
            raise self._fault("notification for a point that was never asked for")
        if self._image.has_heart(found.rows):
            self._heard_s, self._suspected = self._clock.link_s(), False
        return self._shape(found, stamped=True)

    async def _probe(self) -> None:
        """Look whether the device's heart beats although the subscription does not say so.

        A heart that has just begun to beat again gets a little time to be reported.
        """
        known = self._image.heart
        await self._read_ticket()
        if self._suspected:
            self._lost(f"subscription is dead: the device is at heartbeat {self._image.heart}")
        self._suspected = self._image.heart != known
        early_s = self._suspected * (self._settings.stale_s - fixed.GRACE_S)
        self._heard_s = self._clock.link_s() - early_s

    async def _renew(self) -> None:
        if self._clock.link_s() >= self._renew_at_s and self._client is not None:
            self._renew_at_s += fixed.RENEW_S
            await self._client.open_secure_channel(renew=True)
            self._client.uaclient.revolve_security_token()

    def _shape(self, found: Changes, *, stamped: bool) -> Samples:
        """Columns of samples; `stamped` False ignores the device's times."""
        status, raw = found.status, found.values
        wrong = found.kinds != self._kinds[found.rows]
        if wrong.any():
            raw = np.where(wrong, np.nan, raw)
            status = np.where(wrong & (status < FIRST_BAD), np.uint32(TYPE_MISMATCH), status)
        return self._image.samples(found.rows, raw, status, found.source_ns, stamped=stamped)

    def _protocol(self) -> UASocketProtocol:
        protocol = self._client.uaclient.protocol if self._client else None
        if protocol is None or protocol.is_closed:
            self._lost("the connection is closed")
        return protocol

    async def _read(self, nodes: Sequence[ua.NodeId], attribute: int = _VALUE) -> list[Any]:
        values: list[Any] = []
        for start in range(0, len(nodes), fixed.SLICE):
            part = nodes[start : start + fixed.SLICE]
            request = ua.ReadRequest()
            request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Source
            request.Parameters.NodesToRead = [ua.ReadValueId(n, attribute) for n in part]
            answer = await self._ask(request, ua.ReadResponse)
            if len(answer.Results) != len(part):
                raise self._fault("answer to another read")
            values += answer.Results
        return values

    async def _ask(self, request: object, answer: type) -> Any:  # noqa: ANN401
        """One service call with its own deadline."""
        async with asyncio.timeout(self._settings.timeout_s), plain_cancellation():
            body = await self._protocol().send_request(request)
        return self._decode(body, answer)

    def _decode(self, body: Any, answer: type) -> Any:  # noqa: ANN401
        """The decoded answer; UaError for a service fault, ProtocolFault for nonsense."""
        self._protocol().check_answer(body, "")
        try:
            decoded: Any = struct_from_binary(answer, body)
        except _CODEC_ERRORS as error:
            raise self._fault(f"undecodable: {error!r}") from error
        decoded.ResponseHeader.ServiceResult.check()
        return decoded


def _content(value: Any) -> Any:  # noqa: ANN401
    """What a DataValue holds, None if nothing."""
    return None if value.Value is None else value.Value.Value


def _builtin(data_type: Any) -> str | None:  # noqa: ANN401
    """Name of a built-in data type, "" for one derived from it, None for no type at all."""
    node = _content(data_type)
    if not isinstance(node, ua.NodeId):
        return None
    known = {kind.value: kind.name for kind in ua.VariantType}
    return known.get(node.Identifier, "") if node.NamespaceIndex == 0 else ""
