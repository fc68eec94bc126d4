"""A device that lies, in every way we could think of, never gets a wrong value past the driver."""

import asyncio
import struct
from collections.abc import Callable

import numpy as np
import pytest

from controller.core.errors import DriverError, LinkLost, ProtocolFault, WriteFailed
from controller.core.sample import is_good
from tests.support.modbus_peers import CLOSE, Lie, LyingServer, Piece, Rig

TIMEOUT_S = 0.3
SLACK_S = 0.4  # a busy machine


def _pdu(frame: bytes, pdu: bytes) -> bytes:
    """The frame with another PDU and the right length."""
    return frame[:4] + struct.pack(">H", len(pdu) + 1) + frame[6:7] + pdu


def _words(n: int) -> Lie:
    """An honest frame around n registers that are all 7."""
    return lambda q, a: [_pdu(a, bytes((q[7], 2 * n)) + b"\0\7" * n)]


def _resized(change: int) -> Lie:
    """As many payload bytes more or less as said, byte count agreeing."""

    def lie(q: bytes, a: bytes) -> list[Piece]:
        payload = (a[9:] + b"\0" * 8)[: max(0, len(a) - 9 + change)]
        return [_pdu(a, bytes((a[7], len(payload))) + payload)]

    return lie


READ_LIES: dict[str, tuple[Lie, type[DriverError]]] = {
    "transaction id of another request": (
        lambda q, a: [struct.pack(">H", int.from_bytes(a[:2], "big") + 1) + a[2:]],
        ProtocolFault,
    ),
    "transaction id 0": (lambda q, a: [b"\0\0" + a[2:]], ProtocolFault),
    "another unit": (lambda q, a: [a[:6] + b"\x02" + a[7:]], ProtocolFault),
    "unit 0": (lambda q, a: [a[:6] + b"\0" + a[7:]], ProtocolFault),
    "protocol id 1": (lambda q, a: [a[:2] + b"\0\1" + a[4:]], ProtocolFault),
    "two bytes too few": (_resized(-2), ProtocolFault),
    "two bytes too many": (_resized(2), ProtocolFault),
    "no payload": (lambda q, a: [_pdu(a, bytes((a[7], 0)))], ProtocolFault),
    "125 registers": (_words(125), ProtocolFault),
    "byte count says more than there is": (
        lambda q, a: [_pdu(a, bytes((a[7], a[8] + 2)) + a[9:])],
        ProtocolFault,
    ),
    "byte count says less than there is": (
        lambda q, a: [_pdu(a, bytes((a[7], a[8] - 1)) + a[9:])],
        ProtocolFault,
    ),
    "another function": (lambda q, a: [_pdu(a, bytes((a[7] ^ 7,)) + a[8:])], ProtocolFault),
    "function unknown to all": (lambda q, a: [_pdu(a, b"\x63" + a[8:])], ProtocolFault),
    "exception illegal address": (lambda q, a: [_pdu(a, bytes((q[7] | 0x80, 2)))], ProtocolFault),
    "exception device failure": (lambda q, a: [_pdu(a, bytes((q[7] | 0x80, 4)))], ProtocolFault),
    "exception of another function": (lambda q, a: [_pdu(a, b"\x90\x02")], ProtocolFault),
    "exception code 0x80 with a tail": (
        lambda q, a: [_pdu(a, bytes((q[7] | 0x80, 2, 0, 0)))],
        ProtocolFault,
    ),
    "echo of the request": (lambda q, a: [q], ProtocolFault),
    "garbage": (lambda q, a: [bytes(range(200, 240))], ProtocolFault),
    "text": (lambda q, a: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], ProtocolFault),
    "length 0": (lambda q, a: [a[:4] + b"\0\0" + a[6:]], ProtocolFault),
    "length 65535": (lambda q, a: [a[:4] + b"\xff\xff" + a[6:]], ProtocolFault),
    "length one too long": (
        lambda q, a: [a[:4] + struct.pack(">H", len(a) - 5) + a[6:]],
        LinkLost,
    ),
    "length one too short": (
        lambda q, a: [a[:4] + struct.pack(">H", len(a) - 7) + a[6:]],
        ProtocolFault,
    ),
    "two answers in one segment": (lambda q, a: [a + a], ProtocolFault),
    "two answers one after the other": (lambda q, a: [a, 0.005, a, 0.005], ProtocolFault),
    "a kilobyte of zeros": (lambda q, a: [b"\0" * 1024], DriverError),
    "truncated frame, then silence": (lambda q, a: [a[:-3]], LinkLost),
    "half a header, then silence": (lambda q, a: [a[:4]], LinkLost),
    "silence": (lambda q, a: [], LinkLost),
    "an answer after the time-out": (lambda q, a: [TIMEOUT_S + 0.1, a], LinkLost),
    "slow drip": (lambda q, a: [p for k in range(len(a)) for p in (a[k : k + 1], 0.05)], LinkLost),
    "close in mid-frame": (lambda q, a: [a[:9], CLOSE], LinkLost),
    "close instead of an answer": (lambda q, a: [CLOSE], LinkLost),
}

LEGAL: dict[str, Lie] = {
    "byte by byte": (lambda q, a: [p for k in range(len(a)) for p in (a[k : k + 1], 0.0005)]),
    "split in the header": (lambda q, a: [a[:3], 0.01, a[3:]]),
    "split after the header": (lambda q, a: [a[:7], 0.01, a[7:]]),
    "late but in time": (lambda q, a: [0.1, a]),
}


async def _provoke(call: Callable[[], object]) -> tuple[DriverError, float]:
    """Call until it raises; the error and how long the last call took."""
    loop = asyncio.get_running_loop()
    while True:
        start = loop.time()
        try:
            await call()
        except DriverError as e:
            return e, loop.time() - start


@pytest.mark.parametrize("name", READ_LIES)
async def test_a_lying_answer_to_a_read_is_a_fault_in_time_and_no_sample(name: str) -> None:
    lie, expected = READ_LIES[name]
    async with Rig() as rig, LyingServer(rig) as liar, rig.connected(liar.port) as driver:
        liar.lie = lie
        error, took_s = await _provoke(driver.receive)
        assert isinstance(error, expected), error
        assert took_s < 2 * TIMEOUT_S + SLACK_S
        liar.lie = None
        with pytest.raises(LinkLost):  # the connection is not believed any more
            await driver.read_all()


@pytest.mark.parametrize("name", READ_LIES)
async def test_no_device_can_connect_with_a_lie(name: str) -> None:
    lie, _ = READ_LIES[name]
    async with Rig() as rig, LyingServer(rig) as liar:
        liar.lie = lie
        with pytest.raises(DriverError):
            async with rig.connected(liar.port) as driver:
                await driver.read_all()


@pytest.mark.parametrize("name", LEGAL)
async def test_an_answer_may_come_in_pieces(name: str) -> None:
    async with Rig() as rig, LyingServer(rig) as liar:
        liar.lie = LEGAL[name]
        rig.set("ENC.DP.ZONE", -61.5)
        async with rig.connected(liar.port) as driver:
            rig.table.apply(await driver.read_all())
        sample = rig.table.sample("ENC.DP.ZONE")
        assert sample.value == -61.5
        assert is_good(sample.quality)


async def test_a_lie_every_few_answers_never_yields_a_wrong_good_sample() -> None:
    lies = [lie for lie, _ in READ_LIES.values()]
    rng = np.random.default_rng(7)
    async with Rig() as rig, LyingServer(rig) as liar:
        for tag in ("ENC.DP.ZONE", "ENC.PRESS.PV", "DHU.TREGOUT", "DHU.KWH"):
            rig.set(tag, 12.5)
        rig.table.value[:] = 12.5
        good = faults = 0
        for lie in lies * 2:
            left = int(rng.integers(0, 8))

            def sometimes(q: bytes, a: bytes, lie: Lie = lie) -> list[Piece]:
                nonlocal left
                left -= 1
                return list(lie(q, a)) if left == 0 else [a]

            liar.lie = sometimes
            try:
                async with rig.connected(liar.port, timeout_s=0.1) as driver:
                    for _ in range(2):
                        rig.table.apply(await driver.read_all())
                        good += 1
            except DriverError:
                faults += 1
            for tag in ("ENC.DP.ZONE", "ENC.PRESS.PV", "DHU.TREGOUT", "DHU.KWH"):
                assert rig.table.sample(tag).value == 12.5
        assert good > 10
        assert faults > 10


def _echo(address: int, count: int) -> Lie:
    return lambda q, a: [_pdu(a, struct.pack(">BHH", 16, address, count))] if q[7] == 16 else [a]


WRITE_LIES: dict[str, tuple[Lie, type[DriverError]]] = {
    "echo of another address": (_echo(41, 15), WriteFailed),
    "echo of another count": (_echo(40, 14), WriteFailed),
    "echo 99/99": (_echo(99, 99), WriteFailed),
    "echo with a tail": (
        lambda q, a: [_pdu(a, a[7:] + b"\0")] if q[7] == 16 else [a],
        WriteFailed,
    ),
    "echo of a single write": (
        lambda q, a: [_pdu(a, b"\6" + a[8:])] if q[7] == 16 else [a],
        WriteFailed,
    ),
    "answer of a read": (
        lambda q, a: [_pdu(a, b"\3\2\0\0")] if q[7] == 16 else [a],
        WriteFailed,
    ),
    "exception of a read": (
        lambda q, a: [_pdu(a, b"\x83\2")] if q[7] == 16 else [a],
        WriteFailed,
    ),
    "transaction id 0": (lambda q, a: [b"\0\0" + a[2:]] if q[7] == 16 else [a], ProtocolFault),
    "silence": (lambda q, a: [] if q[7] == 16 else [a], LinkLost),
    "close": (lambda q, a: [CLOSE] if q[7] == 16 else [a], LinkLost),
}


@pytest.mark.parametrize("name", WRITE_LIES)
async def test_a_write_counts_only_with_its_exact_echo(name: str) -> None:
    lie, expected = WRITE_LIES[name]
    async with Rig() as rig, LyingServer(rig) as liar, rig.connected(liar.port) as driver:
        liar.lie = lie
        outputs = np.array([p.default for p in rig.points if p.access.value == "W"])
        with pytest.raises(expected):
            await driver.write(outputs)
        liar.lie = None
        with pytest.raises(LinkLost):
            await driver.write(outputs)


async def test_bytes_nobody_asked_for_end_the_connection() -> None:
    async with Rig() as rig, LyingServer(rig) as liar, rig.connected(liar.port) as driver:
        last_of_batch = b"\3\0\0"
        stray = b"\0\1\0\0\0\5\1\3\2\0\7"
        liar.lie = lambda q, a: [a, 0.02, stray] if q[7:10] == last_of_batch else [a]
        await driver.receive()
        await asyncio.sleep(0.5)
        with pytest.raises(ProtocolFault, match="nobody had asked"):
            await driver.receive()
