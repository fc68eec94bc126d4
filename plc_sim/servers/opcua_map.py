"""What an OPC UA server tells: node ids, raw numbers, status codes, units. Knows no library.

Type and status numbers are those of OPC 10000-6.

Units are told by their UNECE Recommendation 20 code: clients show the text and compare the number,
so both have to come from the published list (OPC 10000-8, EUInformation).
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from controller.core.point import Point, Wire
from controller.core.tag import Kind
from controller.core.units import UNITS
from plc_sim.instruments import Status
from plc_sim.plc import Verdict

BUILTIN = {Wire.DOUBLE: 11, Wire.FLOAT: 10, Wire.INT32: 6, Wire.UINT32: 7, Wire.BOOL: 1}
STATUS = {
    Status.GOOD: 0,
    Status.HELD: 0x40900000,  # UncertainLastUsableValue
    Status.SATURATED: 0x40940000,  # UncertainEngineeringUnitsExceeded
    Status.FAILED: 0x808C0000,  # BadSensorFailure
}
SEQ, BEAT = "WRITE.SEQ", "WRITE.BEAT"  # the ticket, behind the station's prefix
REFUSAL = {  # which element of a write is to blame ("" for the tag itself) and what it is told
    Verdict.STALE: (BEAT, 0x800A0000),  # BadTimeout
    Verdict.OLD_SEQUENCE: (SEQ, 0x80880000),  # BadSequenceNumberInvalid
    Verdict.LOCAL: (SEQ, 0x80AF0000),  # BadInvalidState
    Verdict.OUT_OF_RANGE: ("", 0x803C0000),  # BadOutOfRange
    Verdict.UNKNOWN: ("", 0x803B0000),  # BadNotWritable
}
LIMITS = {  # of the server, far below the library's own; counts, seconds or ms as named
    "max_connections": 20,
    "max_pending_activation_seconds": 5.0,
    "max_pending_messages_per_connection": 100,
    "max_session_timeout_ms": 60_000,
    "max_subscriptions": 60,
    "max_lifetime_count": 3_000,
    "max_keep_alive_count": 1_000,
    "max_unacked_messages_per_subscription": 50,
    "max_monitored_item_queue_size": 100,
}
UNIT_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"
NO_YES = ("no", "yes")


@dataclass(frozen=True, slots=True)
class Unit:
    """Common code, symbol and name in the published list."""

    code: str
    symbol: str
    name: str

    @property
    def number(self) -> int:
        """The code as OPC UA's UnitId: its characters as one big-endian number."""
        return int.from_bytes(self.code.encode("ascii"), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Only signed and encrypted, only trusted certificates, only users with a password.

    policy: "Basic256Sha256" or "Aes256Sha256RsaPss". bundle: file with our key and certificate,
    PEM. trusted: folder of client certificates (*.der). users: name to password.
    """

    policy: str
    bundle: Path
    trusted: Path
    users: Mapping[str, str] = field(repr=False)

    def clients(self) -> frozenset[bytes]:
        """The certificates that are trusted now."""
        return frozenset(path.read_bytes() for path in self.trusted.glob("*.der"))

    def admits(self, user: str, password: str) -> bool:
        """True for a known user with the right password; as slow for a wrong one."""
        known = self.users.get(user, "")
        return bool(known) & hmac.compare_digest(known.encode(), password.encode())


def application_uri(station: str) -> str:
    """What the server of a station calls itself."""
    return f"urn:dryline:plc:{station}"


def unit_of(point: Point) -> Unit:
    """The published unit; "one" where the list has none for ours."""
    known = UNITS[point.unit]
    return Unit(known.unece or "C62", known.symbol or "1", known.name)


def texts_of(point: Point) -> tuple[str, ...]:
    """Texts of the codes 0, 1, ...; empty for numbers."""
    return NO_YES if point.kind is Kind.BOOLEAN else point.labels


def identifier_of(point: Point) -> str:
    """The string identifier in an address of the form s=NAME."""
    kind, _, name = point.address.partition("=")
    if kind != "s" or not name:
        raise ValueError(f"{point.tag}: address {point.address!r} is not of the form s=NAME")
    return name


def raw_of(value: float, point: Point) -> float | int | bool:
    """Engineering value to the number on the wire."""
    if point.wire is Wire.BOOL:
        return value != 0
    raw = value / point.scale
    return raw if point.wire in (Wire.DOUBLE, Wire.FLOAT) else round(raw)


def check_endpoint(endpoint: str, allow_remote: bool) -> None:
    """ValueError where the address can be reached from other machines without leave."""
    host = urlparse(endpoint).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not allow_remote:
        raise ValueError(
            f"{endpoint}: would be reachable from other machines, and a simulated PLC obeys "
            "everybody. Bind to 127.0.0.1 or allow remote clients explicitly"
        )
