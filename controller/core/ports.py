"""The contracts between the pure middle and the async shell."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from controller.core.event import Event
from controller.core.sample import Samples


class Clock(Protocol):
    """The only source of time.

    now_s is plant time (monotonic, runs `speed` times faster than the wall); link_s is wall time
    (monotonic), for everything that concerns wires: deadlines, data age, watchdogs.
    """

    speed: float

    def now_s(self) -> float:
        """Plant time in seconds, monotonic."""
        ...

    def link_s(self) -> float:
        """Wall time in seconds, monotonic, never scaled."""
        ...

    def utc_ns(self) -> int:
        """Plant time as UTC nanoseconds, for records."""
        ...

    async def sleep_until(self, now_s: float) -> None:
        """Return when plant time has reached `now_s`."""
        ...

    async def sleep_link(self, seconds: float) -> None:
        """Wait for wall seconds."""
        ...


class Driver(Protocol):
    """One connection to one device, used once: after any DriverError a fresh one is built.

    A driver is constructed with the points of its station, the index of each tag in the table
    and the settings of its `[stations.NAME.driver]` section, and does no I/O before `connect`.
    Every method has its own deadline and raises LinkLost when it passes. Samples carry only device
    tags: read points and the read-back of written points.
    """

    async def connect(self) -> None:
        """Open the connection and check that the device's map is the agreed one (ProtocolFault)."""
        ...

    async def read_all(self) -> Samples:
        """One sample of every device tag, read now."""
        ...

    async def receive(self) -> Samples:
        """Wait for the next batch. Called in a loop; returns what is new, heartbeat included."""
        ...

    async def write(self, values: NDArray[np.float64] | None) -> None:
        """Write the whole output image (order of the station's W points) under one ticket.

        None writes the ticket alone, which only feeds the device's watchdog. Raises WriteFailed if
        the device refuses or the answer is not an exact echo. Never retries.
        """
        ...

    async def close(self) -> None:
        """Close without waiting longer than 0.5 s; never raises. Leaves no task behind."""
        ...


class EventLog(Protocol):
    """Takes events; never blocks and never loses one quietly."""

    def event(self, event: Event) -> None:
        """Record one event."""
        ...


class Recorder(EventLog, Protocol):
    """The historian as seen by those who feed it."""

    def record(self, samples: Samples) -> None:
        """Take a batch of samples; returns at once."""
        ...
