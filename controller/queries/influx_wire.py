"""The wire to a server that answers InfluxQL at /query: InfluxDB 1.x, and 2.x with a DBRP mapping.

The only file of the queries that knows urllib3. Whatever goes wrong is a StoreError with the
server's own reason.
"""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import urllib3

from controller.core.errors import StoreError
from controller.sinks.access import read_token
from controller.sinks.influx_settings import Settings

CHUNK_ROWS = 10_000
PIECE_BYTES = 2**16
MOST_BYTES = 2**30  # of one answer
WAITS = 12  # an answer may take so many times the time-out of one wait
SHOWN = 300  # characters of a server's reason
NO_INFLUXQL = "this server does not answer InfluxQL (VictoriaMetrics does not)"


class Rows(NamedTuple):
    """A piece of the answer to one statement. name: of the measurement."""

    statement: int
    name: str
    columns: tuple[str, ...]
    rows: list[list[Any]]


class InfluxWire:
    """Asks one server. May be shared by threads.

    folder: that of line.toml, from which the files in the settings are named. link_s: wall time.
    """

    def __init__(self, settings: Settings, folder: Path, link_s: Callable[[], float]) -> None:
        self._settings, self._folder, self._link_s = settings, folder, link_s
        self._turn = threading.Lock()
        self._pool: urllib3.PoolManager | None = None
        database, _, policy = settings.bucket.partition("/")
        self._where = {"db": database} | ({"rp": policy} if policy else {})

    def close(self) -> None:
        """Close the connections."""
        with self._turn:
            if self._pool is not None:
                self._pool.clear()
                self._pool = None

    def ask(self, statements: Sequence[str]) -> list[list[Rows]]:
        """Answers to several statements, all of them in memory."""
        found: list[list[Rows]] = [[] for _ in statements]
        for rows in self.stream("; ".join(statements)):
            found[rows.statement].append(rows)
        return found

    def stream(self, query: str) -> Iterator[Rows]:
        """Pieces of the answers as they arrive; memory for one of them is enough."""
        token = self._token()
        fields = {**self._where, "q": query, "epoch": "ns", "chunked": "true",
                  "chunk_size": str(CHUNK_ROWS)}  # fmt: skip
        try:
            yield from self._asked(fields, token)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise self._failed(f"no answer: {type(error).__name__}: {error}", token) from error

    def _asked(self, fields: Mapping[str, str], token: str) -> Iterator[Rows]:
        until_s = self._link_s() + WAITS * self._settings.timeout_s
        response = self._connected().request(
            "GET",
            f"{self._settings.url}/query",
            fields=fields,
            headers=_authorization(token),
            preload_content=False,
            redirect=False,
        )
        is_whole = False
        try:
            lines = self._lines(response, until_s, token)
            if response.status != 200:
                text = next(lines, b"").decode(errors="replace")
                raise self._failed(_refusal(response.status, text), token)
            is_cut = False
            for line in lines:
                rows, is_cut = self._read(line, token)
                yield from rows
            if is_cut:
                raise self._failed("the answer ends in its middle", token)
            is_whole = True
        finally:
            if is_whole:
                response.release_conn()
            else:
                response.close()  # what is left of the answer must not meet the next question

    def _lines(
        self, response: urllib3.BaseHTTPResponse, until_s: float, token: str
    ) -> Iterator[bytes]:
        rest, size = b"", 0
        while piece := response.read1(PIECE_BYTES):
            size += len(piece)
            if size > MOST_BYTES:
                raise self._failed(f"the answer has more than {MOST_BYTES} bytes", token)
            if self._link_s() > until_s:
                seconds = WAITS * self._settings.timeout_s
                raise self._failed(f"no end of the answer in {seconds:g} s", token)
            *whole, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
            yield from (line for line in whole if line)
        if rest:
            yield rest

    def _read(self, line: bytes, token: str) -> tuple[list[Rows], bool]:
        """The rows of a line, and whether another line must follow it."""
        try:
            found = orjson.loads(line)
            if "error" in found:
                raise self._failed(str(found["error"]), token)
            rows, is_cut = [], False
            for result in found["results"]:
                if "error" in result:
                    raise self._failed(str(result["error"]), token)
                is_cut = bool(result.get("partial"))
                for series in result.get("series", ()):
                    rows.append(
                        Rows(
                            int(result.get("statement_id", 0)),
                            str(series.get("name", "")),
                            tuple(series["columns"]),
                            series.get("values") or [],
                        )
                    )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._failed(f"{NO_INFLUXQL}: {line[:80]!r}", token) from error
        return rows, is_cut

    def _connected(self) -> urllib3.PoolManager:
        with self._turn:
            if self._pool is None:
                settings = self._settings
                ca_file = str(self._folder / settings.ca_file) if settings.ca_file else None
                self._pool = urllib3.PoolManager(
                    maxsize=4,
                    retries=False,
                    timeout=urllib3.Timeout(settings.timeout_s),
                    cert_reqs="CERT_REQUIRED",
                    ca_certs=ca_file,
                )
            return self._pool

    def _token(self) -> str:
        settings = self._settings
        token, problem = read_token(settings.token_env, settings.token_file, self._folder)
        if problem:
            raise self._failed(problem, "")
        return token

    def failed(self, reason: str) -> StoreError:
        """The error for something that the server has answered."""
        return self._failed(reason, "")

    def _failed(self, reason: str, token: str) -> StoreError:
        told = " ".join((reason.replace(token, "***") if token else reason).split())
        where = f"{self._settings.url}, {self._settings.bucket}"
        return StoreError(f"{where}: {told[:SHOWN]}")


def _authorization(token: str) -> dict[str, str]:
    """USER:PASSWORD is what InfluxDB 1.x has for a token."""
    if not token:
        return {}
    if ":" in token:
        return {"Authorization": f"Basic {b64encode(token.encode()).decode()}"}
    return {"Authorization": f"Token {token}"}


def _refusal(status: int, text: str) -> str:
    try:
        found = orjson.loads(text)
        reason = str(found.get("error") or found.get("message") or text)
    except (ValueError, AttributeError):
        reason = text
    advice = "; check the token" if status in (401, 403) else ""
    return f"{status}: {reason.strip() or 'no reason given'}{advice}"
