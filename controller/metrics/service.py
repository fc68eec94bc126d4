"""The service of a controller that shows its figures: control never waits for it."""

import errno
import logging
from http import HTTPStatus
from typing import Self

from controller.metrics.figures import Shown
from controller.metrics.health import Verdict, alive, ready
from controller.metrics.prometheus import page, registry_of
from controller.metrics.server import TEXT, PageServer, Reply
from controller.metrics.settings import Address

log = logging.getLogger("dryline.metrics")
AGAIN_S = 5.0
_REASONS = {
    errno.EADDRINUSE: "another program or controller listens there",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen there",
}


class MetricsService:
    """Serves /metrics, /healthz and /readyz while it is open."""

    def __init__(self, shown: Shown, address: Address) -> None:
        self._shown, self._address = shown, address
        self._registry = registry_of(shown)
        self._server: PageServer | None = None
        self._said = ""

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def run(self) -> None:
        """Try again for ever what did not succeed at first."""
        while True:
            await self._shown.clock.sleep_link(AGAIN_S)
            self._open()

    def _open(self) -> None:
        """Listen, if that can be: a port that somebody else has never stops a controller."""
        if self._server is not None:
            return
        pages = {"/metrics": self._metrics, "/healthz": self._alive, "/readyz": self._ready}
        try:
            self._server = PageServer(self._address, pages)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
            if reason != self._said:
                log.error("metrics are not shown at %s: %s", self._address, reason)  # noqa: TRY400
            self._said = reason
            return
        self._said = ""
        log.info("metrics at %s/metrics", self._server.address.url)

    def _metrics(self, accept: str) -> Reply:
        return Reply(HTTPStatus.OK, *page(self._registry, accept))

    def _alive(self, _: str) -> Reply:
        return _reply(alive(self._shown))

    def _ready(self, _: str) -> Reply:
        return _reply(ready(self._shown))


def _reply(verdict: Verdict) -> Reply:
    status = HTTPStatus.OK if verdict.good else HTTPStatus.SERVICE_UNAVAILABLE
    return Reply(status, TEXT, f"{verdict.text}\n".encode())
