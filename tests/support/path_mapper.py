"""Lets clients of InfluxDB 2 write to an InfluxDB 1.x that has no /api/v2/write: a small proxy.

`python -m tests.support.path_mapper URL` runs one in a process of its own and prints its URL.

It passes everything on and back as it is, but for the path of a write; and it can behave badly.
"""

import argparse
import gzip
import http.client
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.manners import GOOD, BreakableServer, Manner, json_error

UPSTREAM_S = 600.0
CHUNK = 65536
POLL_S = 0.1
WRITE = "/api/v2/write"
HOP_BY_HOP = ("connection", "keep-alive", "host", "transfer-encoding", "content-length")


@dataclass(frozen=True)
class Write:
    """A write as it arrived. body: as it was sent, perhaps compressed."""

    query: dict[str, str]
    token: str
    body: bytes
    zipped: bool

    def lines(self) -> list[bytes]:
        """The points."""
        return (gzip.decompress(self.body) if self.zipped else self.body).split(b"\n")


@dataclass
class PathMapper:
    """The proxy in front of the server at `upstream`. What follows may be changed at any time.

    manner: how a write is treated; asked once for each. token: asked for, if not "". refuse: lines
    with this in them are refused as InfluxDB does it: 400, the others of the body are stored.
    bytes_per_s: no faster than that a body is passed on, 0 for no limit. nice: how polite its
    threads are to others, in place of a machine of its own. writes, write_bytes: so many arrived,
    and so large.
    """

    upstream: str
    port: int = 0
    manner: Callable[[Write], Manner] = lambda _: GOOD
    token: str = ""
    refuse: str = ""
    bytes_per_s: float = 0.0
    nice: int = 0
    writes: int = 0
    write_bytes: int = 0
    answers: list[int] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen; on the same port as before, if it ran before."""
        self.closing.clear()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.mapper = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Nobody listens any more, open connections break."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.break_connections()
        self._thread.join()

    def behave(self) -> None:
        """Everything as it should be from now on."""
        self.manner, self.refuse, self.bytes_per_s = (lambda _: GOOD), "", 0.0


class _Server(BreakableServer):
    mapper: PathMapper


class _Handler(BaseHTTPRequestHandler):
    """One connection; it has one to the server as well."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        if nice := self.server.mapper.nice:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
        parts = urlsplit(self.server.mapper.upstream)
        self._up = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=UPSTREAM_S)

    def finish(self) -> None:
        self._up.close()
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._pass_on(self.path, self._body())

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == WRITE:
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            self._write(query)
        else:
            self._pass_on(self.path, self._body())

    do_HEAD = do_GET

    def _write(self, query: dict[str, str]) -> None:
        mapper = self.server.mapper
        token = self.headers.get("Authorization", "").removeprefix("Token ")
        zipped = self.headers.get("Content-Encoding") == "gzip"
        write = Write(query, token, self._body(), zipped)
        mapper.writes += 1
        mapper.write_bytes += len(write.body)
        if mapper.token and token != mapper.token:
            self._answer(Manner(401, "unauthorized access"))
            return
        manner = mapper.manner(write)
        if manner.hang or manner.wait_s:
            self._wait(None if manner.hang else manner.wait_s)
        if mapper.bytes_per_s:
            self._wait(len(write.body) / mapper.bytes_per_s)
        if manner.hang or manner.cut == "before":
            self.close_connection = True
        elif manner.status:
            self._answer(manner)
        else:
            self._store(write, manner)

    def _store(self, write: Write, manner: Manner) -> None:
        mapper, body, refused = self.server.mapper, write.body, 0
        if mapper.refuse:
            mark, lines = mapper.refuse.encode(), write.lines()
            kept = [line for line in lines if mark not in line]
            refused = len(lines) - len(kept)
            if refused:
                body = b"\n".join(kept)
                body = gzip.compress(body, 1) if write.zipped else body
        answer = self._ask(_old_path(write.query), body)
        if manner.late_s:
            self._wait(manner.late_s)
        if answer is None or manner.cut == "after":
            self.close_connection = True
        elif refused and answer.status == 204:
            answer.read()
            self._answer(Manner(400, f"partial write: field type conflict: dropped={refused}"))
        else:
            self._relay(answer)

    def _pass_on(self, path: str, body: bytes) -> None:
        answer = self._ask(path, body)
        if answer is None:
            self.close_connection = True
        else:
            self._relay(answer)

    def _ask(self, path: str, body: bytes) -> http.client.HTTPResponse | None:
        """The server's answer; None when it gave none, as if its own connection broke.

        Only a connection that was used before gets a second try: the server may have closed it.
        """
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        headers["Accept-Encoding"] = headers.get("Accept-Encoding", "identity")
        for _ in range(2 if self._up.sock else 1):
            try:
                self._up.request(self.command, path, body or None, headers)
                return self._up.getresponse()
            except (OSError, http.client.HTTPException):
                self._up.close()
        return None

    def _relay(self, answer: http.client.HTTPResponse) -> None:
        self.server.mapper.answers.append(answer.status)
        self.send_response_only(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in HOP_BY_HOP:
                self.send_header(key, value)
        has_body = answer.status not in (204, 304) and self.command != "HEAD"
        chunked = has_body and answer.length is None
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif has_body:
            self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        while piece := answer.read1(CHUNK):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _answer(self, manner: Manner) -> None:
        self.server.mapper.answers.append(manner.status)
        content = json_error(manner.text)
        self.send_response_only(manner.status)
        for key, value in manner.headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _wait(self, seconds: float | None) -> None:
        """Wait, for ever with None, but no longer than the client does."""
        left_s = seconds if seconds is not None else float("inf")
        while left_s > 0 and not self.server.mapper.closing.is_set() and not self._client_gone():
            self.server.mapper.closing.wait(min(POLL_S, left_s))
            left_s -= POLL_S

    def _client_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0.0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _old_path(query: dict[str, str]) -> str:
    database, _, policy = query.get("bucket", "").partition("/")
    words = {"db": database, "rp": policy, "precision": query.get("precision", "ns")}
    return f"/write?{urlencode({key: value for key, value in words.items() if value})}"


def main() -> None:
    """Run one until killed."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("upstream", help="URL of the InfluxDB 1.x")
    with PathMapper(words.parse_args().upstream) as mapper:
        print(mapper.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
