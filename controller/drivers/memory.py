"""The in-memory driver: a simulated PLC in the same process, behind a link with scripted faults.

For virtual time (`SimClock`) and, through `read_now` and `write_now`, for a plain loop in lockstep.
The link misbehaves like a real one: a write that was given up may still reach the PLC later, and it
is up to the PLC's ticket check to refuse it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import floor, inf, isfinite
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from controller.core.errors import (
    ConfigError,
    DriverError,
    LinkLost,
    Problem,
    ProtocolFault,
    WriteFailed,
)
from controller.core.point import READ_BACK, Access, Point
from controller.core.ports import Clock
from controller.core.sample import Quality, Samples

_WORD = 65536
_QUALITY_OF_STATUS = np.array(  # good, held, saturated, failed: what an instrument says of itself
    [Quality.GOOD, Quality.UNCERTAIN_HELD, Quality.UNCERTAIN_RANGE, Quality.BAD_SENSOR], np.uint8
)


class Image(Protocol):
    """The memory of a PLC: one slot a point."""

    @property
    def names(self) -> tuple[str, ...]:
        """Tag of each slot."""
        ...

    @property
    def value(self) -> Sequence[float]:
        """Value of each slot, engineering units."""
        ...

    @property
    def status(self) -> Sequence[int]:
        """Instrument status of each slot: 0 good, 1 held, 2 saturated, 3 failed."""
        ...


class WriteAnswer(Protocol):
    """What the PLC says to a write."""

    @property
    def verdict(self) -> IntEnum:
        """0 is accepted; otherwise the name is the reason."""
        ...

    @property
    def tag(self) -> str:
        """The tag to blame, or empty."""
        ...


class Plc(Protocol):
    """What the driver needs of a simulated PLC."""

    @property
    def image(self) -> Image:
        """Its memory."""
        ...

    def write(
        self, link_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> WriteAnswer:
        """Take a ticket with (slot, value) items, or refuse it."""
        ...


class LinkFault(StrEnum):
    """What can be wrong with the link."""

    DOWN = "down"  # refused and reset: every call fails at once
    SILENT = "silent"  # nothing is answered: every call fails after its time-out
    STALE = "stale"  # answers are good but show the image as it was
    LATENCY = "latency"  # every call takes `level` seconds more


@dataclass(frozen=True, slots=True)
class Outage:
    """A fault of the link from start_s to end_s (link time). level: seconds, for LATENCY."""

    fault: LinkFault
    start_s: float
    end_s: float = inf
    level: float = 0.0


@dataclass(frozen=True, slots=True)
class _LateWrite:
    """A write that is still on its way although its sender has given it up."""

    arrives_s: float
    sequence: int
    beat: int
    items: tuple[tuple[int, float], ...]


class Link:
    """The wire between one PLC and the drivers that reach it one after the other.

    `outages` may be extended at any time. late: answers of the PLC to writes that arrived after
    their sender had given up.
    """

    def __init__(self, plc: Plc, outages: Sequence[Outage] = ()) -> None:
        self.plc = plc
        self.outages = list(outages)
        self.late: list[WriteAnswer] = []
        self._on_its_way: list[_LateWrite] = []
        self._shown = self._snapshot()

    def fault(self, fault: LinkFault, now_s: float) -> Outage | None:
        """The outage of this kind that is active at a link time."""
        for outage in self.outages:
            if outage.fault is fault and outage.start_s <= now_s < outage.end_s:
                return outage
        return None

    def read(self, now_s: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Value and instrument status of every slot, as the link shows them."""
        self.deliver(now_s)
        if self.fault(LinkFault.STALE, now_s) is None:
            self._shown = self._snapshot()
        return self._shown

    def write(
        self, now_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> WriteAnswer:
        """Hand a write to the PLC."""
        self.deliver(now_s)
        return self.plc.write(now_s, sequence, beat, items)

    def lose(
        self, now_s: float, sequence: int, beat: int, items: Sequence[tuple[int, float]]
    ) -> None:
        """A write was given up: it still arrives, after the silence or after the latency."""
        silence = self.fault(LinkFault.SILENT, now_s)
        slow = self.fault(LinkFault.LATENCY, now_s)
        arrives_s = silence.end_s if silence else now_s + slow.level if slow else inf
        if isfinite(arrives_s):
            self._on_its_way.append(_LateWrite(arrives_s, sequence, beat, tuple(items)))

    def deliver(self, now_s: float) -> None:
        """Let writes arrive whose time has come."""
        if not self._on_its_way:
            return
        due = [w for w in self._on_its_way if w.arrives_s <= now_s]
        self._on_its_way = [w for w in self._on_its_way if w.arrives_s > now_s]
        for w in due:
            self.late.append(self.plc.write(w.arrives_s, w.sequence, w.beat, w.items))

    def _snapshot(self) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        image = self.plc.image
        return np.array(image.value, np.float64), np.array(image.status, np.uint8)


class Settings(BaseModel):
    """What the in-memory driver needs; `link` is an object, so this is built in code."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )

    protocol: Literal["memory"] = "memory"
    prefix: str = Field(min_length=1)
    link: SkipValidation[Link]
    period_s: float = Field(default=0.1, gt=0.0, le=60.0)
    timeout_s: float = Field(default=0.3, ge=0.05, le=5.0)


class Driver:
    """A driver whose device is a PLC object in the same process."""

    def __init__(
        self,
        settings: Settings,
        points: Sequence[Point],
        tag_index: Mapping[str, int],
        clock: Clock,
        map_version: int,
    ) -> None:
        self._settings = settings
        self._link = settings.link
        self._clock = clock
        self._map_version = map_version
        slot = {name: k for k, name in enumerate(self._link.plc.image.names)}
        prefix = settings.prefix
        needed = [p.tag for p in points] + [f"{prefix}.{s}" for s in ("HEART", "MAP", "SEQ")]
        missing = [name for name in needed if name not in slot]
        if missing:
            message = "the PLC's image has no such tag"
            raise ConfigError(
                [
                    Problem(file="I/O list", line=None, field="tag", value=m, message=message)
                    for m in missing
                ]
            )
        held = [p.tag + READ_BACK if p.access is Access.WRITE else p.tag for p in points]
        self._tags = np.array([tag_index[name] for name in held], np.int32)
        self._slots = np.array([slot[p.tag] for p in points], np.int64)
        self._written = [p for p in points if p.access is Access.WRITE]
        self._written_slots = [slot[p.tag] for p in self._written]
        self._heart, self._map, self._seq = (slot[f"{prefix}.{s}"] for s in ("HEART", "MAP", "SEQ"))
        self._due_s: float | None = None
        self._broken = "not connected"
        self._sent_s = 0.0
        self._sequence = 0
        self._resync = True
        self._beat = 0

    async def connect(self) -> None:
        """Open the link and check the map version."""
        await self._pass()
        self._broken = ""
        self._sample()

    async def read_all(self) -> Samples:
        """One sample of every device tag, read now."""
        self._raise_if_broken()
        await self._pass()
        return self._sample()

    async def receive(self) -> Samples:
        """Wait for the next period (link time) and read all tags; missed periods are skipped."""
        self._raise_if_broken()
        now_s = self._clock.link_s()
        due_s = now_s if self._due_s is None else self._due_s
        if due_s > now_s:
            await self._clock.sleep_link(due_s - now_s)
        await self._pass()
        samples = self._sample()
        period_s = self._settings.period_s
        late_s = self._clock.link_s() - due_s
        self._due_s = due_s + period_s * (1 + floor(late_s / period_s + 1e-9))
        return samples

    async def write(self, values: NDArray[np.float64] | None) -> None:
        """Write the outputs under a ticket; a write that meets silence is lost or arrives late."""
        self._raise_if_broken()
        items = self._items(values)
        sequence, beat = (self._sequence + 1) % _WORD, self._beat
        try:
            await self._pass()
        except LinkLost:
            self._link.lose(self._sent_s, sequence, beat, items)
            raise
        self._submit(sequence, beat, items)

    async def close(self) -> None:
        """Forget the link."""
        self._broken = self._broken or "closed"

    def read_now(self) -> Samples:
        """All device tags without any waiting: the lockstep gear. LinkLost during an outage."""
        self._raise_if_cut()
        return self._sample()

    def _sample(self) -> Samples:
        value, status = self._link.read(self._clock.link_s())
        found = int(value[self._map])
        if found != self._map_version:
            raise self._break(
                ProtocolFault(
                    f"the device has map version {found}, the I/O list is version "
                    f"{self._map_version}"
                )
            )
        self._beat = int(value[self._heart])
        if self._resync:
            self._sequence = int(value[self._seq])
            self._resync = False
        values = value[self._slots]
        quality = _QUALITY_OF_STATUS[status[self._slots]]
        lost = ~np.isfinite(values)
        if lost.any():
            quality[lost] = Quality.BAD_NOT_A_NUMBER
        times = np.full(len(values), self._clock.utc_ns(), np.int64)
        return Samples(tags=self._tags, values=values, quality=quality, time_ns=times)

    def write_now(self, values: NDArray[np.float64] | None) -> None:
        """Write without any waiting: the lockstep gear. Raises like `write`."""
        items = self._items(values)
        self._raise_if_cut()
        self._submit((self._sequence + 1) % _WORD, self._beat, items)

    def _raise_if_cut(self) -> None:
        now_s = self._clock.link_s()
        for fault in (LinkFault.DOWN, LinkFault.SILENT):
            if self._link.fault(fault, now_s) is not None:
                raise LinkLost(f"the link is {fault}")

    def _submit(self, sequence: int, beat: int, items: Sequence[tuple[int, float]]) -> None:
        answer = self._link.write(self._clock.link_s(), sequence, beat, items)
        if answer.verdict != 0:
            self._resync = True
            reason = answer.verdict.name.lower().replace("_", " ")
            blamed = f" ({answer.tag})" if answer.tag else ""
            raise WriteFailed(f"refused by the device: {reason}{blamed}")
        self._sequence = sequence

    def _items(self, values: NDArray[np.float64] | None) -> list[tuple[int, float]]:
        if values is None:
            return []
        if values.shape != (len(self._written),):
            raise WriteFailed(f"{len(self._written)} outputs expected, {values.shape} given")
        for point, value in zip(self._written, values.tolist(), strict=True):
            if not point.low <= value <= point.high:
                raise WriteFailed(
                    f"{point.tag} = {value:g}: outside {point.low:g} to {point.high:g}"
                )
        return list(zip(self._written_slots, values.tolist(), strict=True))

    async def _pass(self) -> None:
        """Let one call cross the link, as slow and as safe as the link is now."""
        now_s = self._sent_s = self._clock.link_s()
        link, timeout_s = self._link, self._settings.timeout_s
        if link.fault(LinkFault.DOWN, now_s) is not None:
            raise self._break(LinkLost("the link is down"))
        slow = link.fault(LinkFault.LATENCY, now_s)
        silent = link.fault(LinkFault.SILENT, now_s) is not None
        if silent or (slow is not None and slow.level > timeout_s):
            await self._clock.sleep_link(timeout_s)
            raise self._break(LinkLost(f"no answer within {timeout_s:g} s"))
        if slow is not None:
            await self._clock.sleep_link(slow.level)

    def _raise_if_broken(self) -> None:
        if self._broken:
            raise LinkLost(self._broken)

    def _break(self, error: DriverError) -> DriverError:
        """Nothing passes over this driver any more; returns `error` for raising."""
        self._broken = self._broken or str(error)
        return error
