"""A real InfluxDB 1.x for tests: Debian's `influxd`, with a folder and ports of its own.

It has no /api/v2/write; `PathMapper` stands in front of it for that.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from tests.support import debian
from tests.support.line_under_test import free_ports
from tests.support.path_mapper import PathMapper

__all__ = ["InfluxServer", "PathMapper", "Series", "ask"]

READY_S = 60.0
ANSWER_S = 120.0
POLL_S = 0.05
CONFIG = """\
reporting-enabled = false
bind-address = "127.0.0.1:{rpc}"

[meta]
  dir = "{folder}/meta"

[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "inmem"
  query-log-enabled = false
  cache-max-memory-size = 268435456
  cache-snapshot-memory-size = 8388608

[retention]
  enabled = true
  check-interval = "1s"

[monitor]
  store-enabled = false

[subscriber]
  enabled = false

[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
  pprof-enabled = false
  unix-socket-enabled = false

[logging]
  level = "warn"
  suppress-logo = true

[continuous_queries]
  enabled = false
"""


@dataclass(frozen=True)
class Series:
    """One series of an answer; times are nanoseconds."""

    name: str
    tags: Mapping[str, str]
    columns: tuple[str, ...]
    rows: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """Values of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


class InfluxServer:
    """The server. As a context it starts, and is killed at the end; its folder is yours.

    nice: how polite it is to others, in place of a machine of its own.
    """

    def __init__(self, folder: Path, nice: int = 0) -> None:
        self.folder, self._nice = folder, nice
        self.port, rpc = free_ports(2)
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            CONFIG.format(folder=folder, http=self.port, rpc=rpc), encoding="utf-8"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, on the same ports and files as before; returns when it answers."""
        influxd = debian.require("influxd", "influxdb")
        command = ["nice", f"-n{self._nice}", influxd, "run", "-config", str(self._config)]
        with (self.folder / "influxd.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | {"HOME": str(self.folder), "GOMAXPROCS": "2"},
            )  # fmt: skip
        until_s = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"influxd does not answer:\n{self.log()[-2000:]}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """kill -9, also out of a pause; waits until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; waits until it is gone."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """It hangs: connections open, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on, with what had arrived meanwhile first."""
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        """What it has written."""
        return (self.folder / "influxd.log").read_text(encoding="utf-8", errors="replace")

    def create(self, database: str, retention: str = "") -> None:
        """Make a database; retention: how long its default policy keeps points, as "2h"."""
        kept = f" WITH DURATION {retention} SHARD DURATION 1h" if retention else ""
        self.query(f'CREATE DATABASE "{database}"{kept}', post=True)

    def query(self, text: str, database: str = "", *, post: bool = False) -> list[Series]:
        """See `ask`."""
        return ask(self.url, text, database, post=post)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1.0) as answer:  # noqa: S310
                return bool(answer.status == 204)
        except OSError:
            return False

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        self._signal(number)
        if self.process is not None:
            self.process.wait(READY_S)


def ask(url: str, text: str, database: str = "", *, post: bool = False) -> list[Series]:
    """Ask a server in InfluxQL; RuntimeError with its words when it refuses."""
    words = urlencode({"q": text, "db": database, "epoch": "ns"})
    full, content = (f"{url}/query", words.encode()) if post else (f"{url}/query?{words}", None)
    try:
        with urllib.request.urlopen(full, content, timeout=ANSWER_S) as answer:  # noqa: S310
            found = json.load(answer, parse_int=_integer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{text}: {error.read().decode()}") from error
    (result,) = found["results"]
    if "error" in result:
        raise RuntimeError(f"{text}: {result['error']}")
    return [
        Series(s.get("name", ""), s.get("tags", {}), tuple(s["columns"]), s.get("values", []))
        for s in result.get("series", ())
    ]


def _integer(text: str) -> int | float:
    """A number without a point; there is no integer -0."""
    return -0.0 if text == "-0" else int(text)
