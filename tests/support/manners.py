"""How a server of the tests treats requests, well or badly; a server whose connections break."""

import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer


@dataclass(frozen=True)
class Manner:
    """How a request is treated.

    status: 0 stores and answers as it should, else the answer; wait: seconds before anything; hang:
    no answer until the server is closed; cut: "before" or "after" storing the connection is closed
    without an answer; late: stored at once, answered after so many seconds.
    """

    status: int = 0
    text: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0
    hang: bool = False
    cut: str = ""
    late_s: float = 0.0


GOOD = Manner()


def json_error(text: str) -> bytes:
    """The body of a refusal as InfluxDB 2 writes it."""
    return json.dumps({"code": "invalid", "message": text}).encode() if text else b""


class BreakableServer(ThreadingHTTPServer):
    """Can break its open connections, as if it were killed."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *arguments: object) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)  # type: ignore[arg-type]

    def process_request(self, request, address):  # type: ignore[no-untyped-def]
        self.open.add(request)
        super().process_request(request, address)

    def shutdown_request(self, request):  # type: ignore[no-untyped-def]
        self.open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        """All of them, at once."""
        for connection in tuple(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, address):  # type: ignore[no-untyped-def]
        """A client that went away is no error of the test."""
