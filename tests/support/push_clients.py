"""Windows that do as little as they can: python -m tests.support.push_clients URL COUNT SECONDS

Each shows all tags of `tests.support.push_feed` (or those of --tags), acknowledges as the screens
do (hmi/static/acknowledging.js), and notes how old the change in a frame is when it comes. --cookie
and --origin as a browser has them, one cookie for 40 windows. --deaf: so many more that never read.
Prints "up", and a line of JSON at the end.
"""

import argparse
import asyncio
import gc
import json
import re
import sys
import time

import numpy as np
import websockets

from tests.support.live_crowd import WINDOWS
from tests.support.push_feed import PREFIX

HELLO = json.dumps({"op": "hello", "v": 1})
_POSITION = re.compile(rb'"s":(\d+)')
_VALUE = re.compile(rb'"v":\[\[\d+,([\d.]+)')
BEGIN_S = 3.0  # for all to be there
CLOSE_S = 0.15  # a frame that comes so soon after one that was acknowledged is left to the next


class Windows:
    """All of them. ages_s: of the changes, as they came."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._view = json.dumps({"op": "view", "id": 1, "tags": [given.tags], "rate": 10})
        self.begin_s = time.monotonic() + BEGIN_S + 0.02 * given.count
        self.end_s = self.begin_s + given.seconds
        self.ages_s: list[float] = []
        self.frames = 0

    def _open(self, k: int) -> websockets.connect:
        given = self._given
        cookies = given.cookie or [""]
        headers = {"Cookie": cookies[min(k // WINDOWS, len(cookies) - 1)]} if given.cookie else {}
        origin = websockets.Origin(given.origin) if given.origin else None
        return websockets.connect(
            given.url, origin=origin, additional_headers=headers, compression=None, open_timeout=60,
            ping_interval=None,
        )  # fmt: skip

    async def window(self, k: int) -> None:
        """One that does as it should."""
        async with self._open(k) as ws:
            await ws.send(HELLO)
            await ws.send(self._view)
            said_s, owes = -CLOSE_S, False
            while True:
                content = await ws.recv(decode=False)
                now_s = time.monotonic()
                if now_s > self.end_s:
                    return
                found = _VALUE.search(content)
                if found and now_s > self.begin_s:
                    self.ages_s.append(now_s - float(found[1]))
                    self.frames += 1
                if position := _POSITION.search(content):
                    owes = not owes and now_s - said_s < CLOSE_S
                    if not owes:
                        said_s = now_s
                        await ws.send(b'{"ack":%s}' % position[1], text=True)

    async def deaf(self, k: int) -> None:
        """One that reads nothing after it has said what it wants."""
        async with self._open(k) as ws:
            await ws.send(HELLO)
            await ws.send(self._view)
            ws.transport.pause_reading()
            await asyncio.sleep(max(0.0, self.end_s - time.monotonic()))
            ws.transport.abort()


async def run(given: argparse.Namespace) -> Windows:
    """All windows, until the end."""
    windows = Windows(given)
    async with asyncio.TaskGroup() as group:
        for k in range(given.deaf):
            group.create_task(windows.deaf(k))
        for k in range(given.deaf, given.deaf + given.count):
            group.create_task(windows.window(k))
            await asyncio.sleep(0.02)
        gc.collect()
        gc.freeze()
        await asyncio.sleep(max(0.0, windows.begin_s - time.monotonic()))
        print("up", flush=True)
    return windows


def main() -> None:
    """The windows of the command line."""
    words = argparse.ArgumentParser()
    words.add_argument("url")
    words.add_argument("count", type=int)
    words.add_argument("seconds", type=float)
    words.add_argument("--cookie", action="append")
    words.add_argument("--origin")
    words.add_argument("--tags", default=f"{PREFIX}.*")
    words.add_argument("--deaf", type=int, default=0)
    found = asyncio.run(run(words.parse_args()))
    ages = 1000.0 * np.array(found.ages_s or [float("nan")])
    json.dump({
        "p50 ms": float(np.percentile(ages, 50)), "p99 ms": float(np.percentile(ages, 99)),
        "frames": found.frames,
    }, sys.stdout)  # fmt: skip


if __name__ == "__main__":
    main()
