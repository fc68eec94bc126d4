"""Packets that no honest client sends: mutants of real ones, lies about lengths, plain noise."""

import asyncio
import contextlib
import struct
from collections.abc import Callable, Sequence
from random import Random

NONE = b"http://opcfoundation.org/UA/SecurityPolicy#None"
AES = b"http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss"
LENGTHS = (0, 1, 7, 8, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ANSWER_S = 0.02  # a server that says nothing is not waited for longer
Maker = Callable[[Random], bytes]


def _text(value: bytes | None) -> bytes:
    return struct.pack("<i", -1) if value is None else struct.pack("<i", len(value)) + value


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", 8 + len(body)) + body


def opcua(dice: Random) -> bytes:
    """HEL, OPN, MSG and CLO of an OPC UA client."""
    hello = struct.pack("<IIIII", 0, 65536, 65536, 0, 0) + _text(b"opc.tcp://127.0.0.1/")
    policy = dice.choice((NONE, AES, b"", None, b"x" * 300))
    blob = dice.choice((None, b"", dice.randbytes(900)))
    head = struct.pack("<I", dice.getrandbits(32) if dice.random() < 0.5 else 0)
    open_ = head + _text(policy) + _text(blob) + _text(blob) + dice.randbytes(140)
    message = struct.pack("<IIII", 1, 1, 2, 2) + b"\x01\x00" + struct.pack("<H", dice.choice(
        (428, 461, 467, 527, 631, 673, 751, 787, 826, 0, 65535))) + dice.randbytes(60)  # fmt: skip
    parts = [_chunk(b"HELF", hello), _chunk(b"OPNF", open_), _chunk(b"MSGF", message)]
    parts += [_chunk(b"MSGC", message), _chunk(b"CLOF", message), _chunk(b"ERRF", message)]
    first = b"" if dice.random() < 0.3 else parts[0]
    return first + b"".join(dice.choices(parts, k=dice.randint(0, 3)))


def modbus(dice: Random) -> bytes:
    """One or a few requests, of any function, with any count."""
    frames = []
    for _ in range(dice.randint(1, 4)):
        function = dice.choice((1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 0, 0x80, 0xFF))
        start = dice.choice((0, 40, 42, 119, 65535))
        count = dice.choice((0, 1, 2, 125, 126, 2000, 65535))
        more = dice.randbytes(dice.choice((0, 0, 1, 5, 30)))
        rest = struct.pack(">HH", start, count) + more
        pdu = bytes((function,)) + rest
        header = struct.pack(">HHHB", dice.getrandbits(16), dice.choice((0, 0, 0, 1)),
                             len(pdu) + 1, dice.choice((1, 1, 0, 255)))  # fmt: skip
        frames.append(header + pdu)
    return b"".join(frames)


def http(dice: Random) -> bytes:
    """Requests of a browser, and the beginning of a WebSocket."""
    path = dice.choice(("/", "/api/v1/tags", "/api/v1/session", "/api/v1/live", "/healthz"))
    head = [f"{dice.choice(('GET', 'POST', 'PUT', 'OPTIONS'))} {path} HTTP/1.1",
            "Host: 127.0.0.1", f"Content-Length: {dice.choice((0, 5, 10**9, -1))}"]  # fmt: skip
    if dice.random() < 0.4:
        head += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]  # fmt: skip
    if dice.random() < 0.4:
        head += ["Transfer-Encoding: chunked", f"X-{'a' * dice.choice((1, 9000))}: b"]
    body = dice.choice((b"", b'{"name": "x", "password": "y"}', b"[" * 5000, b"\xff\xfe\x00"))
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def spoilt(packet: bytes, dice: Random) -> bytes:
    """A mutant: never the packet itself."""
    found = bytearray(packet)
    for _ in range(dice.randint(1, 4)):
        what, at = dice.randrange(6), dice.randrange(len(found) + 1)
        if what == 0 and at < len(found):
            found[at] ^= 1 << dice.randrange(8)
        elif what == 1:
            del found[at:]
        elif what == 2:
            found[at:at] = dice.randbytes(dice.choice((1, 4, 64)))
        elif what == 3 and at + 4 <= len(found):
            found[at : at + 4] = struct.pack("<I", dice.choice(LENGTHS))
        elif what == 4 and at + 2 <= len(found):
            found[at : at + 2] = struct.pack(">H", dice.choice(LENGTHS) & 0xFFFF)
        else:
            found += found[:at]
    return bytes(found) if found != packet else dice.randbytes(64)


async def throw(port: int, make: Maker, count: int, seed: int, at_once: int) -> int:
    """Send so many, each on a connection of its own; how many were sent."""
    dices: Sequence[Random] = [Random(seed * 1000 + k) for k in range(at_once)]
    sent = await asyncio.gather(*(_throw(port, make, count // at_once, d) for d in dices))
    return sum(sent)


async def _throw(port: int, make: Maker, count: int, dice: Random) -> int:
    sent = 0
    for _ in range(count):
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                noise = dice.random() < 0.1
                writer.write(dice.randbytes(200) if noise else spoilt(make(dice), dice))
                sent += 1
                async with asyncio.timeout(ANSWER_S):
                    await reader.read(4096)
            finally:
                writer.transport.abort()
    return sent
