"""The API of a run folder in a thread, at the socket of the command line; controllers are real."""

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from controller.api.app import outer
from controller.api.asking import Consoles
from controller.api.serving import Listener, at_terminal
from controller.folder_socket import folder_socket
from controller.run_folder import api_socket
from tests.support.api_rig import ApiRig, api_rig

ENOUGH_S = 20.0


class ApiThread:
    """`with ApiThread(folder) as api`: FOLDER/run/api.sock answers.

    Its mirror is that of the rig: what it shows of tags is fixed, what it does is done.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.run = folder / "run"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(ENOUGH_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._listener.end)
        self._thread.join(ENOUGH_S)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.run.mkdir(parents=True, exist_ok=True)
        with api_rig(self._folder, asked=Consoles(self.run)) as self.rig:
            await self._listen(self.rig)

    async def _listen(self, rig: ApiRig) -> None:
        path = api_socket(self.run)
        app = at_terminal(outer(rig.app, rig.parts))
        self._listener = Listener(app, folder_socket(path), None)
        self._ready.set()
        try:
            await self._listener.serve()
        finally:
            path.unlink(missing_ok=True)
