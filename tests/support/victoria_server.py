"""A real VictoriaMetrics for tests: Debian's package, with a folder and a port of its own.

It takes /api/v2/write as it is, keeps numbers only, and times in milliseconds. Points sent twice
are one because it is told so: -dedup.minScrapeInterval=1ms.
"""

import json
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from tests.support import debian
from tests.support.line_under_test import free_ports

READY_S = 60.0
ANSWER_S = 60.0
POLL_S = 0.05
RETENTION_MONTHS = 120
MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Exported:
    """One series as the server exports it; times are milliseconds."""

    labels: dict[str, str]
    values: list[float]
    time_ms: list[int]


class VictoriaServer:
    """The server. As a context it starts, and is killed at the end; its folder is yours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        folder.mkdir(parents=True, exist_ok=True)
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
        """Start, on the same port and files as before; returns when it answers."""
        command = [
            debian.require("victoria-metrics"),
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-retentionPeriod={RETENTION_MONTHS}",
            f"-memory.allowedBytes={MEMORY_BYTES}",
            "-dedup.minScrapeInterval=1ms",
            "-loggerLevel=WARN",
        ]
        with (self.folder / "victoria.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until_s = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until_s:
                raise RuntimeError(f"victoria-metrics does not answer:\n{self.log()[-2000:]}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """kill -9; waits until it is gone. What it had not flushed, up to seconds, it forgets."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; waits until it is gone."""
        self._end(signal.SIGTERM)

    def log(self) -> str:
        """What it has written."""
        return (self.folder / "victoria.log").read_text(encoding="utf-8", errors="replace")

    def export(self, selector: str) -> list[Exported]:
        """What it shows of series, as '{tag="A"}': all of it a second or two after the write."""
        self._get("/internal/force_flush")
        words = urlencode({"match[]": selector})
        found = map(json.loads, self._get(f"/api/v1/export?{words}").splitlines())
        return [Exported(s["metric"], s["values"], s["timestamps"]) for s in found]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=ANSWER_S) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text

    def _answers(self) -> bool:
        try:
            return self._get("/health") == "OK"
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
        if self.process is not None:
            self.process.wait(READY_S)
