"""The simulated PLC's Modbus server, asked in raw bytes and by an independent master."""

import asyncio
import re
import struct

import pytest

from controller.core.errors import ConfigError
from plc_sim.instruments import Status
from plc_sim.plc import MAX_BEATS, Plc
from plc_sim.servers.modbus import MAX_CONNECTIONS, Server
from tests.support.debian import require
from tests.support.modbus_peers import Rig, soon


def _ask(tid: int, pdu: bytes, unit: int = 1, protocol: int = 0) -> bytes:
    return struct.pack(">HHHB", tid, protocol, len(pdu) + 1, unit) + pdu


def _read(function: int, address: int, count: int) -> bytes:
    return struct.pack(">BHH", function, address, count)


def _write(address: int, *words: int) -> bytes:
    n = len(words)
    return struct.pack(f">BHHB{n}H", 16, address, n, 2 * n, *words)


class _Raw:
    """A master that sends what it is told and cuts answers by their length."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def __aenter__(self) -> "_Raw":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._rig.server.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    async def answer(self) -> tuple[int, int, bytes]:
        """Transaction, unit and PDU of the next answer."""
        async with asyncio.timeout(30):
            head = await self.reader.readexactly(7)
            tid, protocol, length, unit = struct.unpack(">HHHB", head)
            assert protocol == 0
            return tid, unit, await self.reader.readexactly(length - 1)

    async def pdu(self, request: bytes, unit: int = 1) -> bytes:
        self.writer.write(_ask(77, request, unit))
        tid, answered_by, pdu = await self.answer()
        assert (tid, answered_by) == (77, unit)
        return pdu

    async def silent(self, seconds: float = 0.1) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(1) == b"?"
        except TimeoutError:
            return True


async def test_ten_requests_in_one_segment_get_ten_answers_in_order() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        raw.writer.write(b"".join(_ask(t, _read(3, t, t + 1)) for t in range(10)))
        for t in range(10):
            tid, _, pdu = await raw.answer()
            assert (tid, pdu[:2], len(pdu)) == (t, bytes((3, 2 * t + 2)), 2 * t + 4)


async def test_hundreds_of_requests_cut_anywhere_are_all_answered() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        stream = b"".join(_ask(t, _read(3, 0, 120)) for t in range(300))
        for k in range(0, len(stream), 101):
            raw.writer.write(stream[k : k + 101])
            await asyncio.sleep(0)
        assert [(await raw.answer())[0] for _ in range(300)] == list(range(300))


async def test_after_a_frame_with_a_wrong_protocol_id_the_next_is_answered() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        raw.writer.write(_ask(1, _read(3, 0, 1), protocol=5) + _ask(2, _read(3, 0, 1)))
        assert (await raw.answer())[0] == 2


async def test_a_stream_that_cannot_be_cut_is_dropped_and_others_are_served() -> None:
    async with Rig() as rig, _Raw(rig) as raw, _Raw(rig) as other:
        raw.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await raw.answer()
        assert (await other.pdu(_read(3, 0, 1)))[0] == 3


@pytest.mark.parametrize(
    ("request_pdu", "expected"),
    [
        (_read(3, 0, 0), b"\x83\x03"),
        (_read(3, 0, 126), b"\x83\x03"),
        (_read(4, 0, 126), b"\x84\x03"),
        (_read(2, 0, 2001), b"\x82\x03"),
        (_read(3, 119, 2), b"\x83\x02"),
        (_read(3, 199, 2), b"\x83\x02"),
        (_read(3, 65535, 2), b"\x83\x02"),
        (_read(2, 63, 2), b"\x82\x02"),
        (b"\x03\x00", b"\x83\x03"),
        (_read(3, 0, 1) + b"\0", b"\x83\x03"),
        (b"\x05\x00\x00\xff\x00", b"\x85\x01"),
        (b"\x2b\x0e\x01\x00", b"\xab\x01"),
        (b"\x63", b"\xe3\x01"),
        (struct.pack(">BHH", 6, 44, 1), b"\x86\x03"),
        (struct.pack(">BHH", 6, 7, 1), b"\x86\x02"),
        (_write(42, 1), b"\x90\x03"),
        (_write(40, 1), b"\x90\x03"),
        (_write(0, 1, 1), b"\x90\x02"),
        (_write(79, 1, 1), b"\x90\x02"),
        (b"\x10\x00\x28\x00\x02\x04\x00\x01", b"\x90\x03"),
        (b"\x10\x00\x28\x00\x02\x02\x00\x01", b"\x90\x03"),
        (b"\x10\x00\x28\x00\x00\x00", b"\x90\x03"),
    ],
)
async def test_a_wrong_request_gets_its_own_function_and_a_code(
    request_pdu: bytes, expected: bytes
) -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        before = list(rig.plc.image.value)
        assert await raw.pdu(request_pdu) == expected
        written = [k for k, p in enumerate(rig.points) if p.access.value == "W"]
        assert [rig.plc.image.value[k] for k in written] == [before[k] for k in written]


async def test_another_unit_is_told_that_nobody_is_there() -> None:
    async with Rig(unit_id=3) as rig, _Raw(rig) as raw:
        assert await raw.pdu(_read(3, 0, 1), unit=1) == b"\x83\x0b"
        assert (await raw.pdu(_read(3, 3, 1), unit=3)) == b"\x03\x02\x00\x01"


async def test_input_registers_and_coils_mirror_the_map_and_holes_read_zero() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        rig.set("ENC.PRESS.PV", 51.2)
        rig.set("ENC.DOOR.3", 1.0)
        assert await raw.pdu(_read(4, 12, 1)) == b"\x04\x02" + (512).to_bytes(2, "big")
        assert (await raw.pdu(_read(4, 12, 5)))[1:] == (await raw.pdu(_read(3, 12, 5)))[1:]
        assert await raw.pdu(_read(1, 26, 1)) == b"\x01\x01\x01"
        assert await raw.pdu(_read(3, 30, 10)) == b"\x03\x14" + bytes(20)


async def test_encoding_saturates_and_marks_what_failed() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        rig.set("ENC.DP.ZONE", -61.24)
        rig.set("ENC.DP.RET", -61.0, Status.FAILED)
        rig.set("ENC.DP.SUP", 99999.0, Status.SATURATED)
        rig.set("ENC.DP.REF", float("nan"))
        rig.set("ENC.PPM", -99999.0)
        pdu = await raw.pdu(_read(3, 7, 5))
        assert struct.unpack(">5h", pdu[2:]) == (-612, -32768, 32767, -32768, -32767)
        rig.set("DHU.KWH", 12345678.91)
        pdu = await raw.pdu(_read(3, 200, 2))
        assert int.from_bytes(pdu[2:], "big") == 1234567891


async def test_a_write_takes_all_set_points_behind_a_good_ticket_and_reads_back() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        beat = Plc.heart(rig.clock.link_s())
        sent = _write(40, 1, beat, 3, 9, (-600) & 0xFFFF)
        assert await raw.pdu(sent) == struct.pack(">BHH", 16, 40, 5)
        assert [rig.get(t) for t in ("ENC.CMD", "ENC.RESET", "ENC.DP.SP")] == [3, 9, -60.0]
        assert await raw.pdu(_read(3, 42, 3)) == b"\x03\x06" + struct.pack(">HHh", 3, 9, -600)


@pytest.mark.parametrize(
    ("sequence", "age", "command", "code"),
    [(1, MAX_BEATS + 2, 1, 4), (0, 0, 1, 7), (40000, 0, 1, 7), (1, 0, 5, 3)],
)
async def test_a_bad_ticket_or_value_is_refused_with_its_code_and_counted(
    sequence: int, age: int, command: int, code: int
) -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        beat = (Plc.heart(rig.clock.link_s()) - age) % 65536
        answer = await raw.pdu(_write(40, sequence, beat, command))
        assert answer == bytes((0x90, code))
        assert rig.get("ENC.CMD") == 0
        rig.scan()
        assert rig.get("ENC.REJECTS") == 1


async def test_writes_are_refused_in_local() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        rig.plc.remote = False
        beat = Plc.heart(rig.clock.link_s())
        assert await raw.pdu(_write(40, 1, beat)) == b"\x90\x06"


async def test_faults_of_the_wire() -> None:
    async with Rig() as rig, _Raw(rig) as raw:
        rig.server.stale = True
        before = await raw.pdu(_read(3, 0, 25))
        rig.set("ENC.DP.ZONE", 3.0)
        await asyncio.sleep(0.25)
        assert await raw.pdu(_read(3, 0, 25)) == before
        rig.server.stale = False
        rig.server.swapped_words = True
        rig.set("DHU.KWH", 655.37)  # 0x0001 0001
        assert await raw.pdu(_read(3, 3, 1)) == b"\x03\x02\x01\x00"
        rig.server.swapped_words = False
        rig.server.drop = True
        raw.writer.write(_ask(1, _read(3, 0, 1)))
        assert await raw.silent()
        rig.server.drop = False
        assert (await raw.pdu(_read(3, 3, 1))) == b"\x03\x02\x00\x01"


async def test_one_connection_too_many_is_turned_away() -> None:
    async with Rig() as rig:
        masters = [await asyncio.open_connection("127.0.0.1", rig.server.port) for _ in range(17)]
        assert await soon(lambda: len(rig.server.connections) == MAX_CONNECTIONS)
        masters[-1][1].write(_ask(1, _read(3, 0, 1)))
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await masters[-1][0].readexactly(1)
        for _, writer in masters:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_client_that_never_reads_is_cut_off() -> None:
    async with Rig() as rig, _Raw(rig) as raw, _Raw(rig) as other:
        flood = b"".join(_ask(t, _read(3, 0, 120)) for t in range(2000))

        async def ask_on_and_on() -> None:
            for _ in range(200):
                raw.writer.write(flood)
                await raw.writer.drain()

        with pytest.raises(ConnectionError):
            await ask_on_and_on()
        assert (await other.pdu(_read(3, 3, 1))) == b"\x03\x02\x00\x01"


@pytest.mark.parametrize("host", ["::", "192.0.2.1", "plc.example", ""])
def test_only_loopback_without_an_explicit_word(host: str) -> None:
    rig = Rig()
    with pytest.raises(ConfigError, match="loopback"):
        Server(rig.plc, port=0, clock=rig.clock, host=host)
    Server(rig.plc, port=0, clock=rig.clock, host=host, allow_remote=True)


async def _mbpoll(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        require("mbpoll"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_mbpoll_reads_and_writes() -> None:
    async with Rig() as rig:
        rig.set("ENC.DP.ZONE", -61.2)
        rig.set("ENC.DOOR.2", 1.0)
        line = ("-m", "tcp", "-p", str(rig.server.port), "-a", "1", "-1", "-q")
        code, out = await _mbpoll(*line, "-t", "4", "-r", "8", "-c", "1", "127.0.0.1")
        assert code == 0, out
        assert re.search(r"\[8\]:\s+64924 \(-612\)", out)
        code, out = await _mbpoll(*line, "-t", "1", "-r", "25", "-c", "2", "127.0.0.1")
        assert re.findall(r"\[(\d+)\]:\s+([01])", out) == [("25", "0"), ("26", "1")]
        beat = Plc.heart(rig.clock.link_s())
        words = ("1", str(beat), "2", "0", str(65536 - 590))
        write = ("-t", "4", "-r", "41", "127.0.0.1")
        code, out = await _mbpoll(*line, *write, *words)
        assert code == 0, out
        assert (rig.get("ENC.CMD"), rig.get("ENC.DP.SP")) == (2, -59.0)
        code, out = await _mbpoll(*line, *write, *words)
        assert code != 0
        assert "egative acknowledge" in out
