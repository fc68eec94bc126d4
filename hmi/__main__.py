"""`python -m hmi`: holds the place of the operator screens with one page that says so."""

import argparse
import logging
import signal
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger("dryline.hmi")
STATIC = Path(__file__).parent / "static"
PATIENCE_S = 5.0
AT_ONCE = 16
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Page(NamedTuple):
    """What is sent."""

    content_type: str
    body: bytes


def pages() -> dict[str, Page]:
    """Everything there is, by its path; read once, so that no request names a file."""
    return {
        "/": Page("text/html; charset=utf-8", (STATIC / "index.html").read_bytes()),
        "/style.css": Page("text/css; charset=utf-8", (STATIC / "style.css").read_bytes()),
        "/healthz": Page("text/plain; charset=utf-8", b"ok\n"),
    }


class Screens(ThreadingHTTPServer):
    """Serves the pages, to a few clients at a time."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, content: Mapping[str, Page]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.content = dict(content)
        self._seats = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without asking a name server who we are, which may take long."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", int(self.server_address[1])

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """On a thread, if one is free."""
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """On the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that goes away in the middle is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server_version = "Dryline"
    sys_version = ""
    server: Screens

    def do_GET(self) -> None:
        """A page, with its content."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """The same without."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = self.server.content.get(self.path.partition("?")[0])
        status = HTTPStatus.OK if page else HTTPStatus.NOT_FOUND
        content_type, body = page or Page("text/plain; charset=utf-8", b"no such page\n")
        self.send_response(status)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a look at a page is no news."""


def address(text: str) -> tuple[str, int]:
    """Host and port of '127.0.0.1:8080' or '[::1]:8080'."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: must be ADDRESS:PORT, as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(prog="python -m hmi", description=__doc__)
    words.add_argument("--listen", type=address, default="127.0.0.1:8080", metavar="ADDRESS:PORT")
    return words


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    host, port = parser().parse_args(arguments).listen
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    try:
        server = Screens(host, port, pages())
    except OSError as error:
        log.error("%s:%d: %s", host, port, error.strerror)  # noqa: TRY400
        return 1
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2})
    thread.start()
    log.info("page at http://%s:%d/", host, server.server_port)
    ended.wait()
    server.shutdown()
    thread.join()
    server.server_close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
