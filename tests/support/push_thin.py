"""The thinnest push there is: python -m tests.support.push_thin RUN TAGS

Reads the stream of `tests.support.push_feed`, encodes each frame once and broadcasts it to whoever
is connected. Asks nobody who he is, and looks at nothing that he says. Prints its port.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, broadcast, serve

from controller.live_frames import read_frame, read_hello
from controller.run_folder import live_path


async def run(folder: Path, tags: int) -> None:
    """Until killed."""
    clients: set[Any] = set()

    async def client(connection: ServerConnection) -> None:
        clients.add(connection)
        try:
            async for _ in connection:
                pass
        finally:
            clients.discard(connection)

    reader, _ = await asyncio.open_unix_connection(str(live_path(folder, "")))
    await read_hello(reader)
    async with serve(client, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        while True:
            frame = await read_frame(reader, tags)
            rows = list(enumerate(frame.value.tolist()))
            said = {"op": "f", "id": 1, "s": frame.number, "p": 0, "t": 0, "v": rows}
            broadcast(clients, orjson.dumps(said).decode())


def main() -> None:
    """The server of the command line."""
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
