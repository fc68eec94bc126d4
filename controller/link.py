"""Link: what all drivers share. One connection, its quality; a station's own link writes, too.

Quality comes from data age and the PLC's own heartbeat, never from what a client library says of
itself. A lost link is a fresh driver, a full read, a look at the boot counter and only then a
write: what was written last before the loss may or may not have arrived.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from controller.control.station import Station
from controller.core.errors import LinkLost, NotTrusted, WriteFailed
from controller.core.event import EventKind
from controller.core.ports import Clock, Driver, Recorder
from controller.core.sample import Quality, Samples
from controller.core.table import TagTable
from controller.round_trips import RoundTrips
from controller.supervise import together

STALE_S = 0.65  # three heartbeats of 0.2 s and a little
WRITE_S = 0.2  # outputs that stand still are renewed this often (wall); the PLC drops them at 1.5 s
DEAD_S = 3.0  # without a heartbeat for this long the connection is given up, whatever hangs
FIRST_BEAT_S = 1.0
CONFIRM_S = 10.0  # a value that is not sent has not changed: history is told so this often (plant)
CONNECT_S = 5.0


class Source(Protocol):
    """A driver as far as it reads; who holds one cannot write."""

    async def connect(self) -> None:
        """As `Driver.connect`."""
        ...

    async def read_all(self) -> Samples:
        """As `Driver.read_all`."""
        ...

    async def receive(self) -> Samples:
        """As `Driver.receive`."""
        ...

    async def close(self) -> None:
        """As `Driver.close`."""
        ...


D = TypeVar("D", bound=Source)


class ReadLink(Generic[D]):
    """Keeps the tags of one PLC fresh and never writes: no ticket, so its watchdog is not fed.

    Supervised, so `run` is one life of the connection. Call `check` before every scan that uses
    the tags: it is what turns a standing heartbeat into Bad tags, even while `run` is stuck in a
    library. tell: takes a sentence when the link comes up or is lost.
    """

    def __init__(
        self,
        name: str,
        prefix: str,
        table: TagTable,
        clock: Clock,
        make_driver: Callable[[], D],
        *,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._name, self._table, self._clock = name, table, clock
        self._make_driver, self._tell = make_driver, tell
        region = table.region(name)
        self._heart = table.index(f"{prefix}.HEART")
        self._boot = table.index(f"{prefix}.BOOT") - region.start
        self._booted = 0.0
        self._values = table.value[region.start : region.split]  # a view, not a copy
        self._beat: float | None = None
        self._beat_at_s = clock.link_s()  # silent since the start, not since the epoch
        self._open = False
        self._stale = True
        self.distrust = ""  # why the PLC is refused; "" when it is not

    @property
    def up(self) -> bool:
        """Connected, and the heartbeat moves."""
        return self._open and not self._stale

    async def run(self) -> None:
        """Connect, read everything, take over, then receive until something breaks."""
        driver = self._make_driver()
        try:
            await self._take_over(driver)
            self._open = True
            self.distrust = ""
            if self._tell is not None:
                self._tell("link up")
            await together(*self._works(driver))
        except NotTrusted as error:
            self.distrust = str(error)
            raise
        finally:
            if self._open:
                self._lost()
            self._open = False
            self._mark(Quality.BAD_LINK)
            await driver.close()

    def check(self) -> None:
        """Called before every scan: Bad when the heartbeat stands still."""
        if self.up and self._age_s() > STALE_S:
            self._mark(Quality.BAD_STALE)

    def _age_s(self) -> float:
        return self._clock.link_s() - self._beat_at_s

    def _works(self, driver: D) -> list[Coroutine[Any, Any, None]]:
        """What goes on at the same time while the connection lasts."""
        return [self._receive(driver), self._watch()]

    def _adopted(self) -> None:
        """Everything has been read."""

    def _lost(self) -> None:
        """An open connection has ended."""
        if self._tell is not None:
            self._tell("link lost")

    def _note(self, samples: Samples) -> None:
        """New samples stand in the table."""

    def _marked(self) -> None:
        """All tags of the PLC have gone Bad in the table."""

    async def _take_over(self, driver: D) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                await driver.connect()
                self._beat = None
                await self._first_beat(driver)
                self._take(await driver.read_all())
                self._booted = self._values[self._boot]
                self._adopted()
        except TimeoutError as error:
            raise LinkLost(f"{self._name}: no answer within {CONNECT_S:g} s") from error

    async def _first_beat(self, driver: D) -> None:
        """A connection counts only when the heartbeat is seen to move."""
        first = await driver.read_all()
        deadline_s = self._clock.link_s() + FIRST_BEAT_S
        beat = self._beat_in(first)
        while self._clock.link_s() < deadline_s:
            await self._clock.sleep_link(0.05)
            now = self._beat_in(await driver.read_all())
            if now is not None and beat is not None and now != beat:
                return
        raise LinkLost(f"{self._name}: heartbeat stands still at {beat}")

    def _beat_in(self, samples: Samples) -> float | None:
        at = np.flatnonzero(samples.tags == self._heart)
        if not at.size or samples.quality[at[-1]] >= Quality.BAD:
            return None
        return float(samples.values[at[-1]])

    async def _receive(self, driver: D) -> None:
        while True:
            samples = await driver.receive()
            if not self._stale:  # once all tags went Bad only a full read brings them all back
                self._take(samples)
            if self._stale:
                raise LinkLost(f"{self._name}: heartbeat stands still")
            if self._values[self._boot] != self._booted:  # under an open connection
                raise LinkLost(f"{self._name}: the PLC has restarted")

    async def _watch(self) -> None:
        """Give up a connection on which a call of the driver hangs in spite of its deadline."""
        while self._age_s() <= DEAD_S:
            await self._clock.sleep_link(0.5)
        raise LinkLost(f"{self._name}: no heartbeat for {DEAD_S:g} s")

    def _take(self, samples: Samples) -> None:
        beat = self._beat_in(samples)
        now_s = self._clock.link_s()
        if beat is not None and beat != self._beat:
            self._beat = beat
            self._beat_at_s = now_s
            self._stale = False
        elif now_s - self._beat_at_s > STALE_S:
            self._mark(Quality.BAD_STALE)
            return
        self._table.apply(samples)
        self._note(samples)

    def _mark(self, quality: Quality) -> None:
        """All tags of the PLC go Bad, once."""
        if self._stale:
            return
        self._stale = True
        self._table.mark_bad(self._name, quality, self._clock.utc_ns())
        self._marked()


class Link(ReadLink[Driver]):
    """A station's own link: what it reads goes to history, and it renews the station's outputs."""

    def __init__(
        self,
        station: Station,
        table: TagTable,
        clock: Clock,
        recorder: Recorder,
        make_driver: Callable[[], Driver],
    ) -> None:
        super().__init__(station.name, station.prefix, table, clock, make_driver)
        self._station, self._recorder = station, recorder
        region = table.region(station.name)
        self._tags = np.arange(region.start, region.split, dtype=np.int32)
        self._qualities = table.quality[region.start : region.split]  # views, not copies
        self._times = table.time_ns[region.start : region.split]
        self._confirmed_at_s = 0.0
        self._said = ""
        self._round_trips = RoundTrips()
        self._scan = asyncio.Event()  # there was one since the last look

    def check(self) -> None:
        """As for every link; and the figures of the link."""
        super().check()
        timing = self._station.timing
        timing.age_s = min(self._age_s(), 1e6)
        timing.link_up = self.up
        last_s, worst_s = self._round_trips.figures(self._clock.link_s())
        timing.round_trip_ms, timing.round_trip_worst_ms = 1000.0 * last_s, 1000.0 * worst_s
        now_s = self._clock.now_s()
        if timing.link_up and now_s - self._confirmed_at_s >= CONFIRM_S:
            self._confirmed_at_s = now_s
            self._confirm()

    def scanned(self) -> None:
        """Called after every scan: what it has changed goes out now."""
        self._scan.set()

    def _works(self, driver: Driver) -> list[Coroutine[Any, Any, None]]:
        return [*super()._works(driver), self._write(driver)]

    def _adopted(self) -> None:
        self._station.adopt(self._clock.utc_ns())

    def _lost(self) -> None:
        self._station.timing.link_losses += 1

    def _note(self, samples: Samples) -> None:
        self._recorder.record(samples)

    def _marked(self) -> None:
        self._record_image(slice(None), int(self._times[0]))

    async def _write(self, driver: Driver) -> None:
        """Send outputs with the scan that changed them, else before they expire.

        At most once in a scan period as the wall counts it: simulations at speed scan more often.
        """
        clock = self._clock
        every_s = min(WRITE_S, self._station.setup.period_s)
        early_s = every_s / 2.0  # a scan may come so much sooner than the last one did
        due_s = sent_s = clock.link_s()
        sent: list[float] | None = None
        while True:
            now_s = clock.link_s()
            if now_s >= due_s - early_s:
                outputs = self._station.outputs()
                if outputs is None or outputs != sent or now_s >= sent_s + WRITE_S - early_s:
                    due_s = max(due_s + every_s, now_s)
                    sent, sent_s = outputs, now_s
                    if outputs is not None:
                        await self._send(driver, outputs)
            await self._turn(due_s)

    async def _turn(self, due_s: float) -> None:
        """Wait for a scan; where scans are too rare to keep outputs alive, until they are due."""
        if self._station.setup.period_s <= WRITE_S * self._clock.speed:
            await self._scan.wait()
            self._scan.clear()
        else:
            await self._clock.sleep_link(max(0.0, due_s - self._clock.link_s()))

    async def _send(self, driver: Driver, outputs: list[float]) -> None:
        station, clock = self._station, self._clock
        begun_s = clock.link_s()
        try:
            await driver.write(np.array(outputs))
            self._said = ""
            ended_s = clock.link_s()
            self._round_trips.add(ended_s - begun_s, ended_s)
        except WriteFailed as error:
            station.timing.writes_refused += 1
            if str(error) != self._said:
                self._said = str(error)
                station.tell(EventKind.DEVICE, station.name, f"write refused: {error}")

    def _confirm(self) -> None:
        """Tell history that what was not sent still holds.

        It is known until the newest source time, not until now: something later may be on its way.
        """
        newest_ns = int(self._times.max())
        self._record_image(np.flatnonzero(self._times < newest_ns), newest_ns)

    def _record_image(self, rows: slice | NDArray[np.intp], time_ns: int) -> None:
        """Device tags as they stand, at this time; the filter stores what is due."""
        tags = self._tags[rows]
        times = np.full(len(tags), time_ns, dtype=np.int64)
        image = Samples(tags, self._values[rows].copy(), self._qualities[rows].copy(), times)
        self._recorder.record(image)
