"""A value with its quality and its source time, alone (`Sample`) or in columns (`Samples`).

Quality is one byte. The two top bits are the OPC UA severity (0 Good, 64 Uncertain, 128 Bad), the
rest is the reason. Whoever asks "may I use this?" compares numbers: good < 64 <= uncertain < 128 <=
bad. Source times are UTC nanoseconds.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Quality(IntEnum):
    """Severity plus reason. Good and Uncertain values may be used, Bad ones never."""

    GOOD = 0
    UNCERTAIN = 64
    UNCERTAIN_HELD = 65  # the instrument holds its last value (auto-calibration, cleaning)
    UNCERTAIN_RANGE = 66  # saturated or outside the declared range
    UNCERTAIN_SUSPECT = 67  # a plausibility check contradicts the value
    BAD = 128
    BAD_NO_DATA = 129  # nothing received yet
    BAD_LINK = 130  # the link to the device is down
    BAD_STALE = 131  # the link answers but the device's heartbeat stands still
    BAD_SENSOR = 132  # the device reports a broken instrument
    BAD_NOT_A_NUMBER = 133  # NaN or infinite on the wire
    BAD_PROTOCOL = 134  # the device broke the rules of the protocol
    BAD_STATION = 135  # the station that computes the value is faulted


GOOD = int(Quality.GOOD)
FIRST_UNCERTAIN = 64
FIRST_BAD = 128


def is_good(quality: int) -> bool:
    """True for Good only."""
    return quality < FIRST_UNCERTAIN


def is_usable(quality: int) -> bool:
    """True for Good and Uncertain: the value may feed a loop."""
    return quality < FIRST_BAD


def quality_text(quality: int) -> str:
    """'Good', 'Uncertain: held', 'Bad: link' ...; unknown reasons show their number."""
    try:
        name = Quality(quality).name
    except ValueError:
        severity = ("Good", "Uncertain", "Bad", "Bad")[(quality >> 6) & 3]
        return f"{severity}: {quality}"
    head, _, reason = name.partition("_")
    text = head.capitalize()
    return f"{text}: {reason.lower().replace('_', ' ')}" if reason else text


@dataclass(frozen=True, slots=True)
class Sample:
    """One value. `time_ns` is UTC nanoseconds at the source."""

    value: float
    quality: int
    time_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Many samples in columns, one row a sample.

    tags: int32[n], index into the tag table; values: float64[n]; quality: uint8[n];
    time_ns: int64[n], UTC. Never change the arrays after construction. Equality is identity.
    """

    tags: NDArray[np.int32]
    values: NDArray[np.float64]
    quality: NDArray[np.uint8]
    time_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.tags)
