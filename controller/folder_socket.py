"""Unix sockets in the run folder: only the owner of the folder can open them, no network can."""

import asyncio
import os
import socket
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.core.errors import DrylineError

PATH_LIMIT = 100  # what a Unix socket address holds, with a little room
LINE_LIMIT = 1 << 20
BACKLOG = 256


def folder_socket(path: Path) -> socket.socket:
    """A listening socket at a path; at no moment can another user open it."""
    if len(os.fsencode(path)) > PATH_LIMIT:
        raise DrylineError(
            f"{path}: path of the socket is longer than {PATH_LIMIT} characters; choose a run "
            "folder with a shorter path (--run)"
        )
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    try:
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


class FolderServer(ABC):
    """Serves connections to such a socket. A context; leaving it closes them all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(
            self._connected, sock=folder_socket(self._path), limit=LINE_LIMIT
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()
            self._path.unlink(missing_ok=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._serve(reader, writer)
        except OSError:  # the other side went away
            return
        finally:
            self._open.discard(writer)
            writer.close()

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
