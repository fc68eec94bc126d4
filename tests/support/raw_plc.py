"""Independent eyes on the simulated PLCs: bare library clients that know nothing of our drivers."""
# mypy: disable-error-code="arg-type, attr-defined, no-untyped-call"

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from controller.config import StationConfig
from controller.core.point import Access, Point, Wire
from tests.support.black_hole import LoopThread

TIMEOUT_S = 10.0  # no bar: a busy machine may take seconds
SESSION_MS = 15_000


class RawPlc:
    """Reads tags of one PLC, past the controller and past every relay.

    station: from the line folder of the plant, whose addresses are the real ones. run: its run
    folder, which has the keys that the PLC lets in.
    """

    def __init__(self, station: StationConfig, loop: LoopThread, run: Path) -> None:
        self._run = run
        self.points = {p.tag: p for p in station.points}
        self.written = tuple(p.tag for p in station.points if p.access is Access.WRITE)
        self._station = station
        self._loop = loop
        self._modbus: ModbusTcpClient | None = None
        self._opcua: Client | None = None
        self._index = 0  # of the namespace, known while connected

    def read(self, tags: Sequence[str]) -> list[float]:
        """The values the PLC shows now, engineering units; connects again where need be."""
        points = [self.points[tag] for tag in tags]
        try:
            return self._read(points)
        except (OSError, ua.UaError, ModbusException):
            self.close()  # the server has been restarted since
            return self._read(points)

    def _read(self, points: Sequence[Point]) -> list[float]:
        if self._station.protocol == "modbus":
            return [self._read_modbus(p) for p in points]
        return self._loop.call(self._read_opcua(points), 2 * TIMEOUT_S)

    def write(self, values: Sequence[tuple[str, float]]) -> bool:
        """Write numbers under a ticket of our own, as any other program can; whether taken."""
        prefix = self._station.prefix
        heart, seq = (int(v) for v in self.read([f"{prefix}.HEART", f"{prefix}.SEQ"]))
        ticket = (seq + 1) % 65536, heart
        if self._station.protocol == "modbus":
            return self._write_modbus(ticket, values)
        return self._loop.call(self._write_opcua(ticket, values), 2 * TIMEOUT_S)

    def _write_modbus(self, ticket: tuple[int, int], values: Sequence[tuple[str, float]]) -> bool:
        """From the ticket to the last word; in between stands what the PLC holds."""
        assert self._modbus is not None
        wanted = {int(self.points[tag].address[3:]): (self.points[tag], v) for tag, v in values}
        words = self._modbus.read_holding_registers(40, count=max(wanted) - 39).registers
        words[:2] = ticket
        for address, (point, value) in wanted.items():
            raw = min(max(value / point.scale, -32768), 65535) if value == value else 32767
            words[address - 40] = round(raw) & 0xFFFF
        return not self._modbus.write_registers(40, words).isError()

    async def _write_opcua(
        self, ticket: tuple[int, int], values: Sequence[tuple[str, float]]
    ) -> bool:
        assert self._opcua is not None
        prefix, int32 = self._station.prefix, ua.VariantType.Int32
        items: list[tuple[str, Any, float]] = [
            (f"{prefix}.WRITE.SEQ", int32, ticket[0]),
            (f"{prefix}.WRITE.BEAT", int32, ticket[1]),
        ]
        items += [(self.points[tag].address[2:], ua.VariantType.Double, v) for tag, v in values]
        nodes = [self._opcua.get_node(ua.NodeId(name, self._index)) for name, _, _ in items]
        wanted = [ua.DataValue(ua.Variant(value, kind)) for _, kind, value in items]
        codes = await self._opcua.write_values(nodes, wanted, raise_on_partial_error=False)
        return all(code.is_good() for code in codes)

    def close(self) -> None:
        """Drop the connection; the next read opens a new one."""
        if self._modbus is not None:
            self._modbus.close()
            self._modbus = None
        if self._opcua is not None:
            client, self._opcua = self._opcua, None
            self._loop.call(_leave(client))

    def _read_modbus(self, point: Point) -> float:
        if self._modbus is None:
            s = self._station.settings.model_dump()
            self._modbus = ModbusTcpClient(s["host"], port=s["port"], timeout=TIMEOUT_S)
            assert self._modbus.connect()
        area, _, digits = point.address.partition(":")
        address = int(digits)
        if area == "di":
            return float(self._modbus.read_discrete_inputs(address, count=1).bits[0])
        count = 2 if point.wire is Wire.UINT32 else 1
        words = self._modbus.read_holding_registers(address, count=count).registers
        raw = words[0] * 65536 + words[1] if count == 2 else words[0]
        if point.wire is Wire.INT16 and raw > 32767:
            raw -= 65536
        return raw * point.scale

    async def _read_opcua(self, points: Sequence[Point]) -> list[float]:
        settings = self._station.settings.model_dump()
        if self._opcua is None:
            client = Client(settings["endpoint"], timeout=TIMEOUT_S)
            client.session_timeout = SESSION_MS
            if settings["security"] != "insecure":
                await self._secure(client, settings)
            await client.connect()
            self._opcua = client
            self._index = await client.get_namespace_index(settings["namespace"])
        nodes = [
            self._opcua.get_node(ua.NodeId(p.address.removeprefix("s="), self._index))
            for p in points
        ]
        values = await self._opcua.read_values(nodes)
        return [float(v) * p.scale for v, p in zip(values, points, strict=True)]

    async def _secure(self, client: Client, settings: dict[str, Any]) -> None:
        pki = self._run / "pki"
        ours = CertProperties(pki / "own" / "controller.pem", "pem")
        theirs = CertProperties(pki / "plc" / f"{self._station.name}.der", "der")
        policy = getattr(security_policies, f"SecurityPolicy{settings['security']}")
        client.application_uri = settings["application_uri"]
        client.set_user(settings["user"])
        client.set_password((self._run / settings["password_file"]).read_text("utf-8").strip())
        await client.set_security(policy, ours, ours, server_certificate=theirs)


async def _leave(client: Client) -> None:
    try:
        async with asyncio.timeout(1.0):
            await client.disconnect()
    except (OSError, ua.UaError):
        client.disconnect_socket()
