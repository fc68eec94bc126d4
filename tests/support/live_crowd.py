"""Many windows at the live socket: python -m tests.support.live_crowd PORT SECONDS DEAF COOKIE...

Each cookie is the session of 40 honest windows, or of so many of all as --windows asks for, which
read and acknowledge everything; of the first there are DEAF more, which say what they want to see
and then never read again. Those that are sent away come back. At the end a line of JSON says what
the honest ones got.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import re
import struct
import time
from dataclasses import dataclass, field

import websockets

WINDOWS = 40  # of one session
TAGS = ["COAT.V.*", "COAT.L8.*", "COAT.L10.*", "ENC.DP.*", "ENC.L1.*", "CAL.THK.*", "CAL.LOAD.*"]
AWAY_S = 12.0  # after so long a deaf one was sent away, and comes back
HELLO = json.dumps({"op": "hello", "v": 1})
VIEW = json.dumps({"op": "view", "id": 1, "tags": TAGS, "alarms": True, "stations": True})
_POSITION = re.compile(r'"s":(\d+)')
_TIME = re.compile(r'"t":(\d+)')


@dataclass
class Crowd:
    """ages_s: of every frame when it came; silences_s: the longest of each window; dropped: windows
    that were closed before the end."""

    port: int
    until_s: float
    ages_s: list[float] = field(default_factory=list)
    silences_s: list[float] = field(default_factory=list)
    frames: int = 0
    dropped: int = 0
    came_back: int = 0

    async def honest(self, cookie: str) -> None:
        """One window that does as it should."""
        uri, headers = self._address(cookie)
        async with websockets.connect(
            uri, origin=headers.pop("Origin"), additional_headers=headers, compression=None,
            open_timeout=60, close_timeout=5,
        ) as ws:  # fmt: skip
            await ws.send(HELLO)
            await ws.send(VIEW)
            last_s, silence_s = time.monotonic(), 0.0
            try:
                while time.monotonic() < self.until_s:
                    async with asyncio.timeout(20.0):
                        text = await ws.recv()
                    if '"op":"f"' not in text[:12]:
                        continue
                    now_s = time.monotonic()
                    silence_s, last_s = max(silence_s, now_s - last_s), now_s
                    self._came(text)
                    await ws.send(f'{{"ack":{_POSITION.search(text)[1]}}}')
            except (TimeoutError, websockets.ConnectionClosed):
                self.dropped += 1
            self.silences_s.append(silence_s)

    def _came(self, text: str) -> None:
        self.frames += 1
        self.ages_s.append(time.time() - int(_TIME.search(text)[1]) / 1000.0)

    async def deaf(self, cookie: str) -> None:
        """A window that never reads, and comes back when it was sent away."""
        while time.monotonic() < self.until_s:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._deaf_once(cookie)
                self.came_back += 1

    async def _deaf_once(self, cookie: str) -> None:
        _, headers = self._address(cookie)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=4096)
        key = base64.b64encode(os.urandom(16)).decode()
        head = ["GET /api/v1/live HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Upgrade: websocket",
                "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13",
                *(f"{name}: {value}" for name, value in headers.items())]  # fmt: skip
        writer.write("\r\n".join([*head, "", ""]).encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_masked(HELLO) + _masked(VIEW))
        writer.transport.pause_reading()
        await asyncio.sleep(min(AWAY_S, max(0.0, self.until_s - time.monotonic())))
        writer.close()

    def _address(self, cookie: str) -> tuple[str, dict[str, str]]:
        origin = f"http://127.0.0.1:{self.port}"
        uri = f"ws://127.0.0.1:{self.port}/api/v1/live"
        return uri, {"Cookie": cookie, "Origin": origin}


def _masked(text: str) -> bytes:
    """A text frame of a client; the mask may be zero."""
    content = text.encode()
    assert len(content) < 65_536
    size = (
        bytes([0x80 | len(content)]) if len(content) < 126
        else b"\xfe" + struct.pack(">H", len(content))
    )  # fmt: skip
    return b"\x81" + size + b"\0\0\0\0" + content


async def crowded(crowd: Crowd, cookies: list[str], deaf: int, windows: int) -> None:
    """All of them, until the end."""
    async with asyncio.TaskGroup() as group:
        for _ in range(deaf):
            group.create_task(crowd.deaf(cookies[0]))
        for k in range(windows):
            group.create_task(crowd.honest(cookies[1 + k // WINDOWS]))
            await asyncio.sleep(0.01)


def main() -> None:
    """The crowd of the command line."""
    os.nice(5)  # its browsers have machines of their own
    words = argparse.ArgumentParser()
    words.add_argument("port", type=int)
    words.add_argument("seconds", type=float)
    words.add_argument("deaf", type=int)
    words.add_argument("cookies", nargs="+")
    words.add_argument("--windows", type=int, help="honest ones; else 40 a cookie but the first")
    given = words.parse_args()
    crowd = Crowd(given.port, time.monotonic() + given.seconds)
    windows = given.windows or WINDOWS * (len(given.cookies) - 1)
    asyncio.run(crowded(crowd, given.cookies, given.deaf, windows))
    ages = sorted(crowd.ages_s) or [float("inf")]
    print(json.dumps({
        "windows": len(crowd.silences_s), "frames": crowd.frames, "dropped": crowd.dropped,
        "came_back": crowd.came_back, "silence_s": max(crowd.silences_s, default=0.0),
        "age_p50_s": ages[len(ages) // 2], "age_p99_s": ages[int(0.99 * len(ages))],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
