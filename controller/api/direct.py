"""Sockets that are spoken to without waking a task for every frame and every acknowledgement.

A window takes a frame and acknowledges it ten times a second. Through the tasks that serve it each
of both costs a wake-up and five layers of calls; what is due to a socket that has room can as well
be handed to it by whoever makes the rounds. All else goes the usual way.
"""

from collections.abc import Callable
from typing import Protocol

from starlette.websockets import WebSocket

AT_ONCE = "dryline.at_once"  # in the extensions of a socket's scope

Ear = Callable[[bytes], bool]  # is given a text message; False: let it go the usual way


class Direct(Protocol):
    """What the server offers beside ASGI."""

    ear: Ear | None

    def has_room(self) -> bool:
        """Whether what is said now is on its way at once, behind nothing that waits."""

    def say(self, content: bytes) -> None:
        """Send a text message. What it has no room for is kept, so ask before."""


def take_direct(websocket: WebSocket) -> Direct | None:
    """Of a socket whose server offers it. It is taken out of the scope, of which the server's
    socket is the owner: a circle would outlive the connection."""
    offered: Direct | None = websocket.scope.get("extensions", {}).pop(AT_ONCE, None)
    return offered
