"""A local HTTP server with the write interface of InfluxDB 2, that can behave badly.

It understands bodies with a reader of line protocol that is not ours and keeps points as a server
does: one of a series and a time, the last version wins.
"""

import gzip
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

from tests.support.line_protocol_reader import NotLineProtocol, Point, read_line
from tests.support.manners import GOOD, BreakableServer, Manner, json_error

__all__ = ["GOOD", "TOKEN", "FakeInflux", "Manner", "Request"]

TOKEN = "not-a-real-token"  # noqa: S105 - and so it says


@dataclass
class Request:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    lines: list[str]


@dataclass
class FakeInflux:
    """The server; `manner` may be changed at any time. refuse: lines it answers 400 to.

    tls: file with its certificate and key, if it speaks TLS.
    """

    port: int = 0
    token: str = ""
    tls: Path | None = None
    manner: Callable[[Request], Manner] = lambda _: GOOD
    refuse: Callable[[str], bool] = lambda _: False
    points: dict[object, Point] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; on the same port as before, if it ran before."""
        self.closing.clear()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.fake = self
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """As if it were killed: nobody listens, open connections break."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def values(self, tag: str) -> list[float]:
        """Values of a tag in the order of time."""
        with self.turn:
            found = [p for p in self.points.values() if p.tag("tag") == tag]
        found.sort(key=lambda p: p.time_ns)
        return [float(v) for p in found if (v := p.field("value")) is not None]  # type: ignore[arg-type]

    def events(self) -> list[Point]:
        """Events in the order of time."""
        with self.turn:
            found = [p for p in self.points.values() if p.measurement == "events"]
        return sorted(found, key=lambda p: p.time_ns)

    def store(self, lines: Sequence[str]) -> Manner:
        """Keep what is right of a body; 400 when something is not, as the real ones do."""
        bad = []
        with self.turn:
            for line in lines:
                try:
                    point = read_line(line)
                except NotLineProtocol as error:
                    return Manner(400, str(error))
                if self.refuse(line):
                    bad.append(line)
                else:
                    self.points[point.key] = point
        if bad:
            return Manner(400, f"partial write: field type conflict dropped={len(bad)}")
        return Manner(204)


class _Server(BreakableServer):
    fake: FakeInflux


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        fake = self.server.fake
        request = self._request()
        with fake.turn:
            fake.requests.append(request)
        manner = self._allowed(request) or fake.manner(request)
        if manner.hang or manner.wait_s:
            fake.closing.wait(None if manner.hang else manner.wait_s)
        if manner.hang or manner.cut == "before":
            self.close_connection = True
            return
        if not manner.status:
            stored = fake.store(request.lines)
            fake.closing.wait(manner.late_s)
            if manner.cut == "after":
                self.close_connection = True
                return
            manner = stored
        self._answer(manner)

    def _request(self) -> Request:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return Request(parts.path, query, dict(self.headers), body.decode().split("\n"))

    def _allowed(self, request: Request) -> Manner | None:
        fake = self.server.fake
        if request.path != "/api/v2/write":
            return Manner(404, "not found")
        if fake.token and request.headers.get("Authorization") != f"Token {fake.token}":
            return Manner(401, "unauthorized access")
        return None

    def _answer(self, manner: Manner) -> None:
        content = json_error(manner.text)
        self.send_response(manner.status)
        for key, value in manner.headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""
