"""Many people and programs at an API at once: python -m tests.support.api_hammer PORT COOKIE CSRF.

Reads lines on stdin: "go" begins, "stop" ends and prints what was done as one line of JSON. It runs
at the lowest priority, since the browsers that it stands for have machines of their own.
"""

import asyncio
import contextlib
import itertools
import json
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx
import websockets

from controller.priority import give_way

CALLERS = 16
WINDOWS = 40
DEAF = 4  # windows that never acknowledge
BASE = "/api/v1"
READS = (
    "/tags",
    "/stations",
    "/alarms",
    "/journal",
    "/health",
    "/runs",
    "/recipes",
    "/history/buckets?tag=ENC.DP.ZONE&tag=DHU.FAN.SP&start=-10m&n=500",
    "/openapi.json",
)


@dataclass
class Hammer:
    """What comes from outside. statuses: how often which answer came; frames: taken by windows."""

    port: int
    headers: dict[str, str]
    statuses: Counter[str] = field(default_factory=Counter)
    frames: int = 0

    async def call(self, number: int) -> None:
        """One caller: reads of every kind, and proposals that are made and never executed."""
        base = f"http://127.0.0.1:{self.port}{BASE}"
        async with httpx.AsyncClient(headers=self.headers, timeout=60.0) as http:
            for turn in itertools.count(number):
                path = READS[turn % len(READS)]
                self._note((await http.get(base + path)).status_code)
                if turn % 4 == 0:
                    body = {"verb": "SET", "target": "ENC.L1.SP", "value": -60.0 - turn % 5}
                    key = {"Idempotency-Key": uuid.uuid4().hex}
                    path = f"{base}/stations/enclosure/changes"
                    answer = await http.post(path, json=body, headers=key)
                    self._note(answer.status_code)

    async def watch(self, number: int) -> None:
        """One window with all tags at the full rate."""
        url = f"ws://127.0.0.1:{self.port}{BASE}/live"
        headers = {k: v for k, v in self.headers.items() if k in ("Cookie", "Origin")}
        with contextlib.suppress(websockets.ConnectionClosed):  # the deaf ones are sent away
            async with websockets.connect(url, additional_headers=headers) as live:
                await live.send(json.dumps({"op": "hello", "v": 1}))
                view = {"op": "view", "id": 1, "tags": ["*"], "alarms": True, "rate": 10}
                await live.send(json.dumps(view))
                async for text in live:
                    frame = json.loads(text)
                    if frame.get("op") == "f" and number >= DEAF:
                        self.frames += 1
                        await live.send(json.dumps({"ack": frame["s"]}))

    def _note(self, status: int) -> None:
        self.statuses[str(status)] += 1

    async def all_of_it(self) -> None:
        """Everybody at once, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(self.call(number))
            for number in range(WINDOWS):
                group.create_task(self.watch(number))


async def serve(hammer: Hammer) -> None:
    """Do what stdin says until it ends."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Task[None] | None = None
    while word := (await loop.run_in_executor(None, sys.stdin.readline)).strip():
        if word == "go":
            hammer.statuses.clear()
            hammer.frames = 0
            under_way = loop.create_task(hammer.all_of_it())
        elif under_way is not None:
            under_way.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await under_way
            under_way = None
        print(json.dumps({"statuses": hammer.statuses, "frames": hammer.frames}), flush=True)


def main() -> None:
    """Until stdin ends."""
    give_way(19)
    port, cookie, csrf = sys.argv[1:]
    headers = {
        "Cookie": cookie, "X-CSRF-Token": csrf, "X-Requested-With": "dryline",
        "Origin": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    asyncio.run(serve(Hammer(int(port), headers)))


if __name__ == "__main__":
    main()
