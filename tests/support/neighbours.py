"""What a station may see of its neighbours, and how it is shown that it sees nothing else.

Every tag of a neighbour is of one sort: it passes with time (counters, clocks), it is measured (or
decided by a loop from what is measured), or it stands still until somebody changes it. What
stands still must not move at all; what is measured must not move more when something happens
next door than when nothing does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from controller.config import LineConfig
from controller.control.pid_config import LoopStatus
from controller.core.event import EventKind
from controller.core.point import READ_BACK
from controller.core.sample import FIRST_BAD
from controller.core.tag import Kind, Tag, Writer
from controller.history import Reader
from controller.line import station_kind, tag_table
from tests.support.noise import Floats, band, off_beside

# What is physically shared: (disturbed station, neighbour) -> tag -> why. Nothing else is excused.
SHARED: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("coater", "calender"): {
        "BUF.POS": "the web that the coater makes is what the buffer between them holds",
        "CAL.V.SP": "the calender draws the web as fast as the coater makes it",
        "CAL.V.SP.RB": "read-back of the same",
        "CAL.V.WSP": "what of it is in effect at its rate",
        "CAL.V.PV": "the drive follows its set point",
        "CAL.L17.OP": "the buffer loop answers to the buffer",
    },
    ("enclosure", "coater"): {
        "COAT.PERMIT": "hard-wired: powder is fed only into dry air and with the doors shut",
    },
    ("enclosure", "calender"): {
        "CAL.PERMIT": "hard-wired: rolls turn only with the doors shut and without toxic gas",
    },
}
# Shown long after it happened: says what the station itself did minutes ago.
PAST = {"COAT.FIBIDX": "the index of film that was made two minutes before"}
PASSES_WITH_TIME = (
    "HEART",
    "SEQ",
    "SCAN.COUNT",
    "SCAN.LATE",
    "SCAN.TOOK",
    "SCAN.OVERRUNS",
    "LINK.AGE",
    "LINK.RTT",
    "LINK.RTTMAX",
    "SERVICE.LEFT",
    "RUN.TIME",
    "METER",
    "CAL.ANGLE",
    "DHU.KWH",
    "DHU.ROT",
    "GREY.KWH",
)
MARGIN = 1.5  # the largest of some hundred stretches of noise is not the largest of all
IN_CONTROL = frozenset({LoopStatus.OK, LoopStatus.LIMITED_LOW, LoopStatus.LIMITED_HIGH})
QUIET_EVENTS = frozenset({EventKind.SYSTEM})  # what may be told of a station that nothing befalls


class Sort(Enum):
    """What kind of change a tag knows."""

    TIME = "passes with time, or shows the past"
    MEASURED = "measured"
    STANDING = "stands still"


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, UTC ns; what happened in it, "" for nothing."""

    start_ns: int
    stop_ns: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """How far the mean of a tag moved in the disturbed windows, and how far it may."""

    tag: str
    moved: float
    bar: float
    what: str

    def __str__(self) -> str:
        return f"{self.tag} moved by {self.moved:.3g}, noise allows {self.bar:.3g}: {self.what}"


def tags_of(config: LineConfig, station: str) -> dict[str, tuple[Tag, Sort]]:
    """All tags of a station with their sort."""
    own = config.station(station)
    kind = station_kind(own.kind)
    loops = kind.loops_of(own.prefix)
    driven = {loop.out for loop in loops.values()} | {
        own.prefix + tag if tag.startswith(".") else tag for tag in kind.COMPUTED
    }
    answers = {f"{name}.{f}" for name in (x.name for x in loops.values()) for f in ("OP", "WSP")}
    # The set point of a loop in cascade is the output of another one.
    answers |= {f"{x.name}.SP" for x in loops.values() if x.wanted.name == "CAS"}
    found = {}
    for tag in tag_table(config).tags:
        if tag.station != station:
            continue
        written = tag.name.removesuffix(READ_BACK)
        sensed = tag.writer is Writer.DEVICE and tag.kind is Kind.REAL and written == tag.name
        if tag.name.endswith(PASSES_WITH_TIME) or tag.name in PAST:
            sort = Sort.TIME
        elif sensed or written in driven or tag.name in answers:
            sort = Sort.MEASURED
        else:
            sort = Sort.STANDING
        found[tag.name] = (tag, sort)
    return found


def changed(reader: Reader, tag: str, start_ns: int, stop_ns: int) -> list[float]:
    """The values a standing tag had in a stretch of time, if there was more than one.

    A loop in control may come to a limit of its output and leave it by itself.
    """
    before = reader.at(tag, start_ns)
    values = reader.raw(tag, start_ns, stop_ns).values.tolist()
    seen = dict.fromkeys([before.value, *values] if before else values)
    if tag.endswith(".STATUS") and set(seen) <= IN_CONTROL:
        return []
    return list(seen) if len(seen) > 1 else []


def went_bad(reader: Reader, tag: str, start_ns: int, stop_ns: int) -> bool:
    """True when a sample of this stretch of time is Bad."""
    return bool((reader.raw(tag, start_ns, stop_ns).quality >= FIRST_BAD).any())


def move(reader: Reader, tag: Tag, windows: Sequence[Window], own: Floats) -> Move:
    """The move of a measured tag in a disturbed window that comes next to what noise allows.

    windows: quiet and disturbed by turns, beginning and ending quiet, without gaps. own: the
    bands of the tag in a control run; the quiet windows between disturbed ones add to them.
    """
    off = off_beside(_means(reader, tag.name, windows))
    disturbed, quiet = off[0::2], off[1::2]
    step = max(tag.resolution, tag.history.deadband)
    lengths = [(w.stop_ns - w.start_ns) / 1e9 for w in windows[1::2]]
    noise = np.maximum([band(own, x) for x in lengths], quiet.max(initial=0.0))
    bars = MARGIN * noise + 2.0 * step
    k = int((disturbed / np.maximum(bars, 1e-12)).argmax())
    return Move(tag.name, float(disturbed[k]), float(bars[k]), windows[1 + 2 * k].what)


def _means(reader: Reader, tag: str, windows: Sequence[Window]) -> Floats:
    """Time-weighted mean of each window; a value holds until the next one."""
    start_ns, stop_ns = windows[0].start_ns, windows[-1].stop_ns
    first = reader.at(tag, start_ns)
    series = reader.raw(tag, start_ns, stop_ns)
    if first is None:
        raise AssertionError(f"{tag}: not in history before the windows")
    time_s = np.concatenate(([start_ns], series.time_ns, [stop_ns])).astype(float) / 1e9
    time_s -= time_s[0]
    values = np.concatenate(([first.value], series.values))
    integral = np.concatenate(([0.0], np.cumsum(values * np.diff(time_s))))
    edges = (np.array([*(w.start_ns for w in windows), stop_ns]) - start_ns) / 1e9
    return np.diff(np.interp(edges, time_s, integral)) / np.diff(edges)
