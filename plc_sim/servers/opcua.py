"""OPC UA server of one simulated PLC. Only this file and opcua_guard.py of `plc_sim` know asyncua.

Clients read and subscribe as they like. They write only under a ticket: one Write call that holds
PREFIX.WRITE.SEQ and PREFIX.WRITE.BEAT beside the set points, taken by the PLC whole or not at all.
Answers to a write, element by element:

    Good                      taken
    BadTransactionFailed      not applied, because another element of the call was refused
    BadUserAccessDenied       no ticket in the call
    BadTimeout                on BEAT: the ticket saw too old a heartbeat
    BadSequenceNumberInvalid  on SEQ: the number was used before
    BadInvalidState           on SEQ: the station is switched to local
    BadOutOfRange             value outside its range or not a number
    BadNotWritable, BadNodeIdUnknown, BadTypeMismatch, BadWriteNotSupported: as in OPC 10000-4

It binds to loopback unless told otherwise. What asyncua's server leaves open even when configured
securely is closed in opcua_guard.py. Its habits that matter here are put right in this file: an
unknown sequence number in Republish is answered with BadMessageNotAvailable (an empty message sends
asyncua clients into an endless loop), a value is not copied for each subscriber, and nobody becomes
administrator.
"""
# asyncua's hints contradict its own use: plain numbers and strings for its Int32 and String
# mypy: disable-error-code="arg-type, attr-defined"

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService
from asyncua.server.internal_server import InternalServer
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.user_managers import UserManager

from controller.core.point import Access, Point
from controller.core.ports import Clock
from controller.core.tag import Kind
from plc_sim.instruments import Status
from plc_sim.plc import Plc, Verdict
from plc_sim.servers import opcua_map as about
from plc_sim.servers.opcua_guard import GuardedCore, GuardedServer
from plc_sim.servers.quiet_log import quieten

logging.getLogger("asyncua").setLevel(logging.WARNING)  # at INFO every message is formatted
quieten()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CODES: Final = ua.StatusCodes
_GOOD: Final = ua.StatusCode()
_NOT_APPLIED: Final = ua.StatusCode(_CODES.BadTransactionFailed)

_STATUS: Final = {status: ua.StatusCode(code) for status, code in about.STATUS.items()}
_READ_WRITE: Final = 3  # AccessLevel: CurrentRead, CurrentWrite
_EARLY: Final = 0.9  # share of a point's scan time after which a change is shown


class Server:
    """Shows one PLC's image over OPC UA and hands complete writes to it.

    Faults on the wire are plain attributes, obeyed at the next `publish`: `stale` freezes every
    value and the heartbeat, `drop` closes all connections and refuses new ones,
    `clock_skew_s` shifts all source times.
    """

    def __init__(
        self,
        plc: Plc,
        *,
        endpoint: str,
        namespace: str,
        clock: Clock,
        allow_remote: bool = False,
        security: about.Security | None = None,
    ) -> None:
        about.check_endpoint(endpoint, allow_remote)
        self.stale = False
        self.drop = False
        self.clock_skew_s = 0.0
        self._plc = plc
        self._clock = clock
        self._namespace = namespace
        self._security = security
        points = plc.image.points
        self._types = [ua.VariantType(about.BUILTIN[p.wire]) for p in points]
        self._slot_of = {about.identifier_of(p): k for k, p in enumerate(points)}
        heart = next(p.tag for p in points if p.tag.endswith(".HEART"))
        self._prefix = heart.removesuffix("HEART")
        self._internal = _Internal(_Users(security), self)
        self._ua = GuardedServer(self._internal, security.clients if security else None)
        self._ua.set_endpoint(endpoint)
        self._dropped = False
        self._nodes: list[ua.NodeId] = []
        self._ticket: list[ua.NodeId] = []
        self._value: list[float] = [p.default for p in points]
        self._status: list[int] = [-1] * len(points)  # nothing shown yet
        self._due_s = [0.0] * len(points)

    @property
    def endpoint(self) -> str:
        """The address clients use; with the real port where the configured one was 0."""
        url = self._ua.endpoint
        port = self._ua.bserver.port if self._ua.bserver else url.port
        return url._replace(netloc=f"{url.hostname}:{port}").geturl()

    async def start(self) -> None:
        """Build the address space (about one second of CPU), show the image, listen."""
        await self._ua.init()
        self._ua.name = "Dryline simulated PLC"
        await self._ua.set_application_uri(about.application_uri(self._plc.image.points[0].station))
        if self._security:
            await self._secure(self._security)
        else:
            self._ua.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            self._ua.set_identity_tokens([ua.AnonymousIdentityToken])
        index = await self._ua.register_namespace(self._namespace)
        points = self._plc.image.points
        self._nodes = [ua.NodeId(about.identifier_of(p), index) for p in points]
        self._ticket = [ua.NodeId(self._prefix + name, index) for name in (about.SEQ, about.BEAT)]
        for answer in await self._internal.isession.add_nodes(self._address_space(index)):
            answer.StatusCode.check()
        await self.publish()
        self._due_s = [0.0] * len(points)  # the image is as old as the building took: renew it
        await self._ua.start()

    async def stop(self) -> None:
        """Close all connections and stop listening."""
        await self._ua.stop()

    async def publish(self) -> None:
        """Show what changed since the last call, each point at most once per its scan time.

        A changed status is shown at once. Call it after every scan of the PLC.
        """
        if self.drop is not self._dropped:
            await self._switch_link()
        if self._dropped or self.stale:
            return
        now_s = self._clock.link_s()
        image = self._plc.image
        changed = [
            k
            for k, (value, status) in enumerate(zip(image.value, image.status, strict=True))
            if status != self._status[k] or (value != self._value[k] and now_s >= self._due_s[k])
        ]
        if changed:
            await self._show(changed, now_s)

    async def take(self, writes: Sequence[ua.WriteValue]) -> list[ua.StatusCode]:
        """Judge one Write call of a client: everything is applied or nothing."""
        codes: list[ua.StatusCode] = []
        ticket: dict[str, int] = {}
        items: list[tuple[int, float]] = []
        for write in writes:
            codes.append(self._read_element(write, ticket, items))
        refused = any(not code.is_good() for code in codes)
        if not refused and len(ticket) < 2:
            return [ua.StatusCode(_CODES.BadUserAccessDenied)] * len(codes)
        if refused:
            return [_NOT_APPLIED if code.is_good() else code for code in codes]
        now_s = self._clock.link_s()
        answer = self._plc.write(now_s, ticket[about.SEQ], ticket[about.BEAT], items)
        if answer.verdict is Verdict.ACCEPTED:
            await self._show_taken(ticket, [slot for slot, _ in items], now_s)
            return codes
        blame, code = about.REFUSAL[answer.verdict]
        guilty = self._prefix + blame if blame else answer.tag
        names = [self._name(write) for write in writes]
        return [ua.StatusCode(code) if name == guilty else _NOT_APPLIED for name in names]

    def _name(self, write: ua.WriteValue) -> str:
        """Tag of an element; the identifier where it is a ticket node."""
        slot = self._slot_of.get(write.NodeId.Identifier)
        return str(write.NodeId.Identifier) if slot is None else self._plc.image.names[slot]

    def _read_element(
        self, write: ua.WriteValue, ticket: dict[str, int], items: list[tuple[int, float]]
    ) -> ua.StatusCode:
        """Sort one element into `ticket` or `items`, or say why it cannot be taken."""
        variant, wanted = write.Value.Value, ua.VariantType.Int32
        slot = None
        if write.NodeId not in self._ticket:
            slot = self._slot_of.get(write.NodeId.Identifier)
            if slot is None or write.NodeId != self._nodes[slot]:
                return ua.StatusCode(_CODES.BadNodeIdUnknown)
            if self._plc.image.points[slot].access is not Access.WRITE:
                return ua.StatusCode(_CODES.BadNotWritable)
            wanted = self._types[slot]
        if write.AttributeId != ua.AttributeIds.Value:
            return ua.StatusCode(_CODES.BadNotWritable)
        if write.IndexRange or (write.Value.StatusCode and write.Value.StatusCode.value):
            return ua.StatusCode(_CODES.BadWriteNotSupported)
        scalar = variant is not None and isinstance(variant.Value, int | float)
        if not scalar or variant.VariantType != wanted:
            return ua.StatusCode(_CODES.BadTypeMismatch)
        if slot is None:
            ticket[str(write.NodeId.Identifier).removeprefix(self._prefix)] = variant.Value
        else:
            items.append((slot, float(variant.Value) * self._plc.image.points[slot].scale))
        return _GOOD

    async def _show_taken(self, ticket: Mapping[str, int], slots: list[int], now_s: float) -> None:
        """Show an accepted write at once: who reads back must not see what was before it."""
        if self.stale:
            return
        seq = self._plc.image.slot(self._prefix + "SEQ")
        self._plc.image.value[seq] = float(ticket[about.SEQ])
        await self._show([*slots, seq], now_s)
        for node, name in zip(self._ticket, (about.SEQ, about.BEAT), strict=True):
            shown = _Shown(ua.Variant(ticket[name], ua.VariantType.Int32))
            await self._ua.write_attribute_value(node, shown)

    async def _show(self, slots: Sequence[int], now_s: float) -> None:
        image = self._plc.image
        skew = timedelta(seconds=self.clock_skew_s)
        stamp = _EPOCH + timedelta(microseconds=self._clock.utc_ns() // 1000) + skew
        for k in slots:
            value, status, point = image.value[k], image.status[k], image.points[k]
            self._value[k], self._status[k] = value, status
            self._due_s[k] = now_s + _EARLY * point.scan_s
            variant = ua.Variant(about.raw_of(value, point), self._types[k])
            shown = _Shown(variant, _STATUS[Status(status)], stamp)
            await self._ua.write_attribute_value(self._nodes[k], shown)

    async def _switch_link(self) -> None:
        listener = self._ua.bserver
        if listener is not None:
            self._dropped = self.drop
            await (listener.stop() if self.drop else listener.start())

    def _address_space(self, index: int) -> list[ua.AddNodesItem]:
        """A folder named after the station with one variable a point and the two of the ticket."""
        station = self._plc.image.points[0].station
        folder = ua.NodeId(station, index)
        items = [
            _item(
                ua.NodeId(ua.ObjectIds.ObjectsFolder),
                folder,
                ua.ObjectIds.Organizes,
                ua.ObjectIds.FolderType,
                ua.ObjectAttributes(),
            )
        ]
        for point, node, kind in zip(self._plc.image.points, self._nodes, self._types, strict=True):
            items.append(
                _variable(folder, node, ua.Variant(about.raw_of(point.default, point), kind))
            )
            items += _describe(items[-1], point)
        for node in self._ticket:
            items.append(_variable(folder, node, ua.Variant(0, ua.VariantType.Int32)))
            _allow_write(items[-1])
        return items

    async def _secure(self, security: about.Security) -> None:
        self._ua.set_security_policy([ua.SecurityPolicyType[f"{security.policy}_SignAndEncrypt"]])
        self._ua.set_identity_tokens([ua.UserNameIdentityToken])
        await self._ua.load_certificate(security.bundle, "pem")
        await self._ua.load_private_key(security.bundle, format="pem")


class _Shown(ua.DataValue):
    """A value as it was shown: never changed afterwards, so no subscriber needs its own copy."""

    __slots__ = ()

    def __deepcopy__(self, memo: dict[int, object]) -> "_Shown":
        return self


class _Users(UserManager):
    """Everybody is a plain user; with security, only those who know a password."""

    def __init__(self, security: about.Security | None) -> None:
        self._security = security

    def get_user(
        self,
        iserver: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,
    ) -> User | None:
        if self._security and not self._security.admits(username or "", password or ""):
            return None
        return User(role=UserRole.User, name=username)


class _Internal(GuardedCore):
    """asyncua's core with narrower limits, strict Republish and writes that go to the PLC."""

    def __init__(self, users: UserManager, server: Server) -> None:
        super().__init__(users)
        self.attribute_service = _Attributes(self.aspace, server)
        self.subscription_service = _Subscriptions(self.aspace, self)
        self.isession.subscription_service = self.subscription_service
        for name, limit in about.LIMITS.items():
            setattr(self, name, limit)


class _Attributes(AttributeService):
    """Writes of clients are judged by the PLC; writes of the server itself pass."""

    def __init__(self, aspace: AddressSpace, server: Server) -> None:
        super().__init__(aspace)
        self._server = server

    async def write(self, params: ua.WriteParameters, user: User) -> list[ua.StatusCode]:  # type: ignore[override]
        if user.role is UserRole.Admin:
            return await super().write(params, user)
        return await self._server.take(params.NodesToWrite)


class _Subscriptions(SubscriptionService):
    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        message = super().republish(params)
        if not message.NotificationData:
            raise ServiceError(_CODES.BadMessageNotAvailable)
        return message


def _item(
    parent: ua.NodeId,
    node: ua.NodeId,
    reference: int,
    definition: int,
    attributes: ua.NodeAttributes,
) -> ua.AddNodesItem:
    variable = isinstance(attributes, ua.VariableAttributes)
    name = str(node.Identifier)
    attributes.DisplayName = ua.LocalizedText(name)
    return ua.AddNodesItem(
        ParentNodeId=parent,
        ReferenceTypeId=ua.NodeId(reference),
        RequestedNewNodeId=node,
        BrowseName=ua.QualifiedName(name, node.NamespaceIndex),
        NodeClass=ua.NodeClass.Variable if variable else ua.NodeClass.Object,
        NodeAttributes=attributes,
        TypeDefinition=ua.NodeId(definition),
    )


def _variable(parent: ua.NodeId, node: ua.NodeId, value: ua.Variant) -> ua.AddNodesItem:
    """A read-only variable of the value's own type."""
    rank = ua.ValueRank.OneDimension if value.is_array else ua.ValueRank.Scalar
    kind = ua.NodeId(value.VariantType.value)
    attributes = ua.VariableAttributes(Value=value, DataType=kind, ValueRank=rank)
    component, plain = ua.ObjectIds.HasComponent, ua.ObjectIds.BaseDataVariableType
    return _item(parent, node, component, plain, attributes)


def _allow_write(item: ua.AddNodesItem) -> None:
    item.NodeAttributes.AccessLevel = item.NodeAttributes.UserAccessLevel = _READ_WRITE


def _describe(item: ua.AddNodesItem, point: Point) -> list[ua.AddNodesItem]:
    """Complete a point's variable; returns its properties: range and unit, or texts."""
    item.NodeAttributes.Description = ua.LocalizedText(point.description)
    item.NodeAttributes.MinimumSamplingInterval = point.scan_s * 1000
    if point.access is Access.WRITE:
        _allow_write(item)
    texts = [ua.LocalizedText(text) for text in about.texts_of(point)]
    properties: dict[str, object] = {}
    if point.kind is Kind.REAL:
        definition = ua.ObjectIds.AnalogItemType
        unit = about.unit_of(point)
        symbol, name = ua.LocalizedText(unit.symbol), ua.LocalizedText(unit.name)
        properties["EURange"] = ua.Range(point.low, point.high)
        properties["EngineeringUnits"] = ua.EUInformation(
            about.UNIT_NAMESPACE, unit.number, symbol, name
        )
    elif point.kind is Kind.BOOLEAN:
        definition = ua.ObjectIds.TwoStateDiscreteType
        properties["FalseState"], properties["TrueState"] = texts
    else:  # MultiStateDiscreteType asks for an unsigned value, the codes are Int32
        definition = ua.ObjectIds.DataItemType
        if texts:
            properties["EnumStrings"] = texts
    item.TypeDefinition = ua.NodeId(definition)
    return [_property(item.RequestedNewNodeId, name, value) for name, value in properties.items()]


def _property(owner: ua.NodeId, name: str, value: object) -> ua.AddNodesItem:
    node = ua.NodeId(f"{owner.Identifier!s}/{name}", owner.NamespaceIndex)
    structure = isinstance(value, ua.Range | ua.EUInformation)
    kind = ua.VariantType.ExtensionObject if structure else ua.VariantType.LocalizedText
    item = _variable(owner, node, ua.Variant(value, kind))
    item.BrowseName = ua.QualifiedName(name, 0)
    item.ReferenceTypeId = ua.NodeId(ua.ObjectIds.HasProperty)
    item.TypeDefinition = ua.NodeId(ua.ObjectIds.PropertyType)
    item.NodeAttributes.DisplayName = ua.LocalizedText(name)
    if structure:
        item.NodeAttributes.DataType = value.data_type
    return item
