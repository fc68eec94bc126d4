"""What the OPC UA driver decodes in bulk, and what it leaves to the library."""

import pytest

from controller.drivers import opcua
from controller.drivers.opcua_bulk import Changes, changes


class Spied:
    """What `opcua_bulk` made of each message."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[Changes | None] = []

        def look(body: bytes) -> Changes | None:
            self.found.append(changes(body))
            return self.found[-1]

        monkeypatch.setattr(opcua, "changes", look)
