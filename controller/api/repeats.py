"""The same request sent twice is done once: answers kept by their Idempotency-Key.

A client that got no answer sends the request again with the same key and gets the answer of the
first one, also while that is still under way. Kept in memory: what must not be done twice even
across a restart is guarded by proposals and by version numbers.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.api.problems import Problem

KEPT_S = 600.0
MOST = 5_000
MOST_BYTES = 64 * 1024  # a longer answer is not kept; none of a change is that long
KEY = re.compile(r"[A-Za-z0-9_.:-]{8,100}", re.ASCII)
NOT_KEPT = frozenset({401, 413, 429, 500, 503})  # nothing was done


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it can be sent again."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class _Asked:
    fingerprint: str
    until_s: float
    reply: asyncio.Future[Reply | None]


class Repeats:
    """The answers of the last ten minutes, by who asked and his key."""

    def __init__(self, link_s: Callable[[], float]) -> None:
        self._link_s = link_s
        self._asked: OrderedDict[tuple[str, str], _Asked] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    async def once(
        self, who: str, key: str, fingerprint: str, work: Callable[[], Awaitable[Reply]]
    ) -> tuple[Reply, bool]:
        """The answer of the work, or the one that was given before; whether it is the latter."""
        if not KEY.fullmatch(key):
            told = "Idempotency-Key: 8 to 100 letters, digits, . _ : -, another for each change"
            raise Problem("key", [told])
        self._forget()
        place = (who, key)
        while (known := self._asked.get(place)) is not None:
            if known.fingerprint != fingerprint:
                raise Problem("key used", ["this Idempotency-Key was used for another request"])
            reply = await asyncio.shield(known.reply)
            if reply is not None:
                return reply, True
            if self._asked.get(place) is known:  # the first try came to nothing
                del self._asked[place]
        return await self._do(place, fingerprint, work), False

    async def _do(
        self, place: tuple[str, str], fingerprint: str, work: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        asked = _Asked(fingerprint, self._link_s() + KEPT_S, asyncio.Future())
        self._asked[place] = asked
        kept: Reply | None = None
        try:
            reply = await work()
            if reply.status not in NOT_KEPT and len(reply.body) <= MOST_BYTES:
                kept = reply
        finally:
            asked.reply.set_result(kept)
            if kept is None:
                self._asked.pop(place, None)
        return reply

    def _forget(self) -> None:
        now_s = self._link_s()
        while self._asked:
            oldest = next(iter(self._asked.values()))
            if oldest.until_s > now_s and len(self._asked) < MOST:
                return
            self._asked.popitem(last=False)


def fingerprint_of(method: str, path: str, query: bytes, body: bytes) -> str:
    """What tells one request from another."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode("utf-8", "replace"), query, body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
