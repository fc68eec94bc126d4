"""Watches nodes by open62541 from Python and counts what comes; looks at nothing.

    python watcher.py ENDPOINT SETTLE_S TURN_S LIMIT_S < NODES     NODES: JSON list of node ids

Prints one line of JSON and ends: {values, cpuS, tookS, liveS} of the turn. liveS: from the first
byte to a value of every node.
"""

import asyncio
import json
import signal
import sys
import time

import o6


class Watcher:
    """Counts the values of its nodes."""

    def __init__(self, nodes: list[str]) -> None:
        self._nodes = nodes
        self._values = 0

    def _came(self, *_: object) -> None:
        self._values += 1

    async def run(self, endpoint: str, settle_s: float, turn_s: float) -> dict[str, float]:
        """The report of one turn."""
        begun = time.perf_counter()
        async with o6.Client(endpoint) as client:
            subscription = await client.createSubscription(100.0, 100, 20, 0)
            await client.monitor(self._nodes, self._came, subscription=subscription, queueSize=10)
            while self._values < len(self._nodes):  # noqa: ASYNC110 - a value is to be counted, no more
                await asyncio.sleep(0.02)
            live_s = time.perf_counter() - begun
            await asyncio.sleep(settle_s)
            values, cpu, wall = self._values, time.process_time(), time.perf_counter()
            await asyncio.sleep(turn_s)
            return {
                "values": self._values - values, "cpuS": time.process_time() - cpu,
                "tookS": time.perf_counter() - wall, "liveS": live_s,
            }  # fmt: skip


if __name__ == "__main__":
    settle_s, turn_s, limit_s = (float(word) for word in sys.argv[2:])
    signal.alarm(int(limit_s))
    watcher = Watcher(json.loads(sys.stdin.read()))
    print(json.dumps(asyncio.run(watcher.run(sys.argv[1], settle_s, turn_s))))
