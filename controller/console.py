"""Console port: one line of JSON in, one line of JSON out, over a Unix socket in the run folder.

It is for the person at this machine: only the owner of the run folder can open it, no network can
reach it. Both processes of a line have one, the controller and the simulated plant.

A request says until when somebody waits for its answer, by the clock that all processes of a
machine share and nobody sets. A process that was stopped meanwhile finds it when it goes on, and
leaves it: whoever asked was told that there was no answer, and may have done something else since.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from controller.clock import NS, WallClock
from controller.core.errors import DrylineError
from controller.folder_socket import LINE_LIMIT, FolderServer

log = logging.getLogger("dryline.console")

Json = dict[str, Any]
ANSWER_S = 5.0
UNTIL = "until_ns"  # member of a request


class Console(FolderServer):
    """Serves `answer(request) -> reply` for every line; a DrylineError becomes {"error": ...}."""

    def __init__(self, path: Path, answer: Callable[[Json], Awaitable[Json]]) -> None:
        super().__init__(path)
        self._answer = answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await _line(reader):
            writer.write(json.dumps(await self._reply(line)).encode() + b"\n")
            await writer.drain()

    async def _reply(self, line: bytes) -> Json:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise TypeError("a request is a JSON object")  # noqa: TRY301
            _require_awaited(request)
            return await self._answer(request)
        except (DrylineError, LookupError, ValueError, TypeError) as error:
            return {"error": str(error).strip("'\"")}


def _require_awaited(request: Json) -> None:
    """DrylineError when nobody waits for the answer any more."""
    until_ns = request.pop(UNTIL, None)
    if until_ns is None:
        return
    if not isinstance(until_ns, int):
        raise TypeError(f"{UNTIL} = {until_ns!r}: nanoseconds")
    late_s = (WallClock().mono_ns() - until_ns) / NS
    if late_s > 0.0:
        log.warning("%s came %.1f s too late, and was not done", request.get("op"), late_s)
        raise DrylineError("nobody waits for this any more: it was not done")


async def _line(reader: asyncio.StreamReader) -> bytes:
    """The next line; nothing at the end, or when it is over the limit."""
    try:
        return await reader.readline()
    except ValueError:
        return b""


def ask(path: Path, request: Json, timeout_s: float = ANSWER_S) -> Json:
    """One question to a running process; DrylineError when nobody is there or it says no."""
    try:
        line = asyncio.run(talk(path, request, timeout_s))
    except (OSError, TimeoutError) as error:
        raise nobody_answers(path, error) from error
    return reply_in(path, line)


async def talk(path: Path, request: Json, timeout_s: float = ANSWER_S) -> bytes:
    """One question, and the line that came back; OSError or TimeoutError when none did."""
    until_ns = WallClock().mono_ns() + round(timeout_s * NS)
    reader, writer = await asyncio.open_unix_connection(str(path), limit=LINE_LIMIT)
    try:
        writer.write(json.dumps({**request, UNTIL: until_ns}).encode() + b"\n")
        await writer.drain()
        return await asyncio.wait_for(reader.readline(), timeout_s)
    finally:
        writer.close()


def nobody_answers(path: Path, error: Exception) -> DrylineError:
    """What a person is told when nobody, or nobody in time, answers at a socket."""
    return DrylineError(
        f"nobody answers at {os.fspath(path)} ({type(error).__name__}); is the line running? "
        "Start it with `dryline up`, or name its run folder with --run"
    )


def reply_in(path: Path, line: bytes) -> Json:
    """The reply in a line from a socket; DrylineError when it says no or makes no sense."""
    if not line:
        raise DrylineError(f"{os.fspath(path)} closed the connection without an answer")
    try:
        reply = json.loads(line)
    except ValueError:
        reply = None
    if not isinstance(reply, dict):
        raise DrylineError(f"{os.fspath(path)} gave an answer that makes no sense")
    if "error" in reply:
        raise DrylineError(str(reply["error"]))
    return reply
