"""An OPC UA server built on open62541 that holds the map of a PLC and believes every write: a peer
for the driver.

    python server.py PORT NAMESPACE PREFIX < MAP

MAP: JSON list of {name, type, value, write}. Prints "READY PORT"; afterwards each line of stdin is
JSON {name, value} or {name, status}. The library ends any program after ten minutes.
"""

import asyncio
import json
import sys

import o6

WIRES = {"Double": o6.Double, "Int32": o6.Int32, "UInt32": o6.UInt32, "Boolean": o6.Boolean}
BEAT_S = 0.2


class Peer:
    """The map on a server. Its own namespace, number 1, is the one that the driver looks for."""

    def __init__(
        self, port: int, namespace: str, prefix: str, nodes: list[dict[str, object]]
    ) -> None:
        self._server = o6.Server(port=port, applicationUri=namespace)
        self._port = port
        self._prefix = prefix
        self._nodes = nodes
        self._wires = {node["name"]: WIRES[node["type"]] for node in nodes}
        self._held = {node["name"]: node["value"] for node in nodes}

    async def run(self) -> None:
        """Serve until stdin ends."""
        for node in self._nodes:
            name = node["name"]
            await self._server.addVariable(
                name, self._server.objectsNode, self._wires[name](node["value"]),
                nodeId=f"ns=1;s={name}", writable=node["write"],
            )  # fmt: skip
        async with self._server:
            print("READY", self._port, flush=True)
            beating = asyncio.create_task(self._beat())
            while line := await asyncio.to_thread(sys.stdin.readline):
                await self._put(**json.loads(line))
            beating.cancel()

    async def _put(self, name: str, value: object = None, status: str = "Good") -> None:
        self._held[name] = self._held[name] if value is None else value
        shown = o6.DataValue(
            value=self._wires[name](self._held[name]),
            status=getattr(o6.StatusCode, _spoken(status)),
        )
        await self._server.write(f"ns=1;s={name}", shown)

    async def _beat(self) -> None:
        beat = 0
        while True:
            await asyncio.sleep(BEAT_S)
            beat = (beat + 1) % 65536
            await self._put(f"{self._prefix}.HEART", beat)


def _spoken(status: str) -> str:
    """UncertainLastUsableValue as this library writes it."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in status).lstrip("_")


async def main() -> None:
    """The peer of the command line."""
    nodes = json.loads(sys.stdin.readline())
    port, namespace, prefix = sys.argv[1:]
    await Peer(int(port), namespace, prefix, nodes).run()


if __name__ == "__main__":
    asyncio.run(main())
