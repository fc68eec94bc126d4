"""The same request sent twice is done once: answers kept by their Idempotency-Key.

A client that got no answer sends the request again with the same key and gets the answer of the
first one, also while that is still under way, and also after this process was restarted: what was
done is in a journal. A request whose end nobody knows, because it was broken off, is not done a
second time: the client is told to look. Proposals and the like are over with the process; of them
nothing is kept but in memory.
"""

import asyncio
import hashlib
import hmac
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from controller.api.pools import Pool
from controller.api.problems import Problem
from controller.api.repeat_journal import Kept, RepeatJournal, Reply
from controller.core.errors import StoreError

log = logging.getLogger("dryline.api")

KEPT_S = 600.0
MOST = 5_000
MOST_BYTES = 64 * 1024  # of an answer in memory; of a longer one only that it was given
KEY = re.compile(r"[A-Za-z0-9_.:-]{8,100}", re.ASCII)
NOT_KEPT = frozenset({401, 413, 429, 503})  # nothing was done
JOURNAL_WAITS_S = 0.3  # a disk that stands still does not hold up who brings a station to rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request that is to be done once. asked: `fingerprint_of` it; passing: what it makes is over
    with this process, so that it can be asked for anew after a restart."""

    who: str
    key: str
    asked: str
    passing: bool = False

    @property
    def name(self) -> str:
        """As the journal knows it."""
        return _digest(self.key.encode(), self.who.encode())


@dataclass(slots=True)
class _Asked:
    asked: str
    until_s: float
    reply: asyncio.Future[Reply | None]
    unfinished: bool = False
    status: int = 0  # of an answer that is too long to keep


class Repeats:
    """The answers of the last ten minutes, by who asked and his key, and the journal behind them.

    pool: one thread for the journal; None for both: nothing outlives the process.
    """

    def __init__(
        self, link_s: Callable[[], float], journal: RepeatJournal | None = None,
        pool: Pool | None = None,
    ) -> None:  # fmt: skip
        self._link_s, self._journal, self._pool = link_s, journal, pool
        self._asked: OrderedDict[tuple[str, str], _Asked] = OrderedDict()
        self._failing = False

    def __len__(self) -> int:
        return len(self._asked)

    async def once(
        self, asking: Asking, work: Callable[[], Awaitable[Reply]]
    ) -> tuple[Reply, bool]:
        """The answer of the work, or the one that was given before; whether it is the latter."""
        if not KEY.fullmatch(asking.key):
            told = "Idempotency-Key: 8 to 100 letters, digits, . _ : -, another for each change"
            raise Problem("key", [told])
        self._forget()
        place = (asking.who, asking.key)
        while (known := self._asked.get(place)) is not None:
            _require_same(known.asked, asking)
            reply = await asyncio.shield(known.reply)
            if reply is not None:
                return reply, True
            if known.status:
                raise _too_long(known.status)
            if known.unfinished:
                raise _unfinished()
            if self._asked.get(place) is known:  # the first try came to nothing
                del self._asked[place]
        if (kept := self._kept(asking)) is not None:
            _require_same(kept.asked, asking)
            return _reply_of(kept), True
        return await self._do(place, asking, work), False

    async def _do(
        self, place: tuple[str, str], asking: Asking, work: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        entry = _Asked(asking.asked, self._link_s() + KEPT_S, asyncio.Future())
        self._asked[place] = entry
        entry.unfinished = not asking.passing
        kept: Reply | None = None
        try:
            await self._note(asking, RepeatJournal.begun)
            reply = await work()
            entry.unfinished = False
            if reply.status not in NOT_KEPT:
                kept = reply
            await self._note(asking, RepeatJournal.ended, kept)
        finally:
            if kept is not None and len(kept.body) > MOST_BYTES:
                entry.status = kept.status
                kept = None
            entry.reply.set_result(kept)
            if kept is None and not entry.unfinished and not entry.status:
                self._asked.pop(place, None)
        return reply

    def _kept(self, asking: Asking) -> Kept | None:
        if self._journal is None or asking.passing:
            return None
        return self._journal.find(asking.name)

    async def _note(
        self, asking: Asking, write: Callable[..., None], *more: Reply | None
    ) -> None:  # fmt: skip
        """Into the journal, if the disk takes it in time: the audit trail says whether something
        may be done at all."""
        if self._journal is None or self._pool is None or asking.passing:
            return
        try:
            async with asyncio.timeout(JOURNAL_WAITS_S):
                await self._pool.do(write, self._journal, asking.name, asking.asked, *more)
        except (StoreError, TimeoutError, Problem) as error:
            if not self._failing:
                why = str(error) or "the disk is slow"
                log.warning("answers do not outlive this process now: %s", why)
            self._failing = True
        else:
            self._failing = False

    def _forget(self) -> None:
        now_s = self._link_s()
        while self._asked:
            oldest = next(iter(self._asked.values()))
            if oldest.until_s > now_s and len(self._asked) < MOST:
                return
            self._asked.popitem(last=False)


def _require_same(asked: str, asking: Asking) -> None:
    if asked != asking.asked:
        raise Problem("key used", ["this Idempotency-Key was used for another request"])


def _reply_of(kept: Kept) -> Reply:
    if kept.reply is not None:
        return kept.reply
    raise _too_long(kept.status) if kept.status else _unfinished()


def _too_long(status: int) -> Problem:
    told = f"this was asked before and answered with {status}; the answer was too long to be kept"
    return Problem("answered", [f"{told}: look at what there is now"])


def _unfinished() -> Problem:
    told = "this was asked before and broken off, and it may have been done all the same"
    return Problem("unfinished", [f"{told}: look, then ask again with another key if need be"])


def fingerprint_of(key: str, method: str, path: str, query: bytes, body: bytes) -> str:
    """What tells one request from another with the same key, and nothing to who lacks the key."""
    parts = (method.encode(), path.encode("utf-8", "replace"), query, body)
    return _digest(key.encode(), *parts)


def _digest(key: bytes, *parts: bytes) -> str:
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
