"""A small HTTP server on threads of its own: a few pages, GET only, few at a time.

It shares nothing with the event loop but the interpreter. A client that is slow, silent or one of
too many costs a thread for a while, never a scan.
"""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from controller.metrics.settings import Address

AT_ONCE = 8  # further connections are closed
PATIENCE_S = 5.0  # for a request to come and for an answer to be taken
TEXT = "text/plain; charset=utf-8"


class Reply(NamedTuple):
    """An answer."""

    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[str], Reply]  # takes the header Accept
Request = socket.socket | tuple[bytes, socket.socket]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape every few seconds is no news."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Address) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._address = address
        self._seats = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Without asking a name server who we are, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self._address.host, int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Request, client_address: object) -> None:
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Request, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Request, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is no news."""


class PageServer:
    """Serves pages by their path."""

    def __init__(self, address: Address, pages: Mapping[str, Page]) -> None:
        """Listen; raises OSError when that cannot be."""
        self._pages = dict(pages)
        self._server = _Server(address)
        self._server.set_app(self._answer)
        self.address = Address(address.host, self._server.server_port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2},
            name="metrics-server", daemon=True,
        )  # fmt: skip
        self._thread.start()

    def close(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, content_type, body = self._reply(request)
        headers = [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start(f"{status.value} {status.phrase}", headers)
        return [] if request["REQUEST_METHOD"] == "HEAD" else [body]

    def _reply(self, request: WSGIEnvironment) -> Reply:
        if request["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return Reply(HTTPStatus.METHOD_NOT_ALLOWED, TEXT, b"only GET\n")
        page = self._pages.get(str(request.get("PATH_INFO", "")))
        if page is None:
            known = " ".join(self._pages)
            return Reply(HTTPStatus.NOT_FOUND, TEXT, f"no such page; pages: {known}\n".encode())
        return page(str(request.get("HTTP_ACCEPT", "")))
