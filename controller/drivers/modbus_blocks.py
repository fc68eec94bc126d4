"""Which Modbus requests fetch the points of a station, and how often.

Points are gathered into scan groups, and inside a group into blocks of neighbouring addresses: one
large read costs little more than a small one, but a read that touches one undefined
address fails whole, so gaps are bridged only inside the ranges the device defines. All outputs lie
behind a ticket of two words and travel in one request.

Pure; the wire is the driver's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from controller.core.errors import ConfigError, Problem
from controller.core.point import Access, Point, Wire
from controller.drivers.modbus_codec import OUTPUT_ADDRESS, Area, Block, Outputs, Span

TICKET_ADDRESS = 40  # SEQ, then BEAT
MAX_WORDS_READ = 120  # the protocol allows 125
MAX_WORDS_WRITTEN = 121  # the protocol allows 123, two of them are the ticket
MAX_BITS_READ = 2000
FAST_S = 1.0  # points wanted at least this often form the fast group
ENERGY_S = 10.0  # points wanted at most this often form the energy group

Ranges = Mapping[Area, Sequence[tuple[int, int]]]  # first and last defined address, inclusive


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Blocks that are read together every `period_s` seconds, first `phase_s` after the start."""

    period_s: float
    phase_s: float
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything the driver asks for, fastest group first, and how it writes."""

    groups: tuple[Group, ...]
    outputs: Outputs

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, fastest group first."""
        return tuple(block for group in self.groups for block in group.blocks)


@dataclass(slots=True)
class _Run:
    """Spans that one request fetches."""

    area: Area
    start: int
    stop: int
    spans: list[Span]


def plan(points: Sequence[Point], ranges: Ranges, bridge_gap: int) -> Plan:
    """Plan all requests. bridge_gap: how many unwanted addresses may be read to save a request."""
    problems: list[Problem] = []
    spans = [s for p in points if (s := _span_of(p, ranges, problems)) is not None]
    written = [s for s in spans if s.point.access is Access.WRITE]
    problems += _output_problems(written, ranges)
    if problems:
        raise ConfigError(problems)
    groups: list[Group] = []
    known: list[_Run] = []
    members: list[tuple[float, list[_Run]]] = []
    for wanted in _by_speed(spans):
        own = [s for s in wanted if not _rides_along(s, known)]
        if not own:
            continue
        together = written if any(s.point.access is Access.WRITE for s in own) else []
        runs = _merge(own, together, ranges, bridge_gap)
        known += runs
        period_s = min(s.point.scan_s for s in own)
        members.append((period_s if members else min(period_s, FAST_S), runs))
    fastest_s = members[0][0] if members else 0.0
    for k, (period_s, runs) in enumerate(members):
        # Slower groups start between two fast reads, so that they do not delay the heartbeat.
        phase_s = 0.0 if k == 0 else fastest_s * k / (len(members) + 1)
        groups.append(Group(period_s, phase_s, tuple(_block(r) for r in runs)))
    return Plan(tuple(groups), Outputs(written))


def _problem(point: Point, field: str, value: str, message: str) -> Problem:
    return Problem(
        file="I/O list", line=None, field=f"{point.tag} {field}", value=value, message=message
    )


def _span_of(point: Point, ranges: Ranges, problems: list[Problem]) -> Span | None:
    """The addresses of a point, or None and one more problem."""
    prefix, _, digits = point.address.partition(":")
    if prefix not in tuple(Area) or not digits.isdecimal():
        message = "allowed: hr:N (holding register) or di:N (discrete input)"
        problems.append(_problem(point, "address", point.address, message))
        return None
    area, start = Area(prefix), int(digits)
    wires = (Wire.INT16, Wire.UINT16, Wire.UINT32) if area is Area.HOLDING else (Wire.BIT,)
    if point.wire not in wires:
        problems.append(_problem(point, "wire", point.wire, f"allowed here: {', '.join(wires)}"))
        return None
    stop = start + (2 if point.wire is Wire.UINT32 else 1)
    if _range_of(area, start, stop, ranges) is None:
        shown = ", ".join(f"{a}-{b}" for a, b in ranges.get(area, ()))
        message = f"outside the ranges the device defines ({shown})"
        problems.append(_problem(point, "address", point.address, message))
        return None
    return Span(area, start, stop, point)


def _range_of(area: Area, start: int, stop: int, ranges: Ranges) -> tuple[int, int] | None:
    return next((r for r in ranges.get(area, ()) if r[0] <= start and stop <= r[1] + 1), None)


def _output_problems(written: Sequence[Span], ranges: Ranges) -> list[Problem]:
    found = []
    for span in written:
        if span.area is not Area.HOLDING or span.start < OUTPUT_ADDRESS:
            message = f"written points start at hr:{OUTPUT_ADDRESS}, behind the ticket"
            found.append(_problem(span.point, "address", span.point.address, message))
    if found or not written:
        return found
    ordered = sorted(written, key=lambda s: s.start)
    for before, span in pairwise(ordered):
        if span.start < before.stop:
            message = f"overlaps {before.point.tag}: a word has one writer"
            found.append(_problem(span.point, "address", span.point.address, message))
    last = ordered[-1]
    length = last.stop - OUTPUT_ADDRESS
    whole = _range_of(Area.HOLDING, TICKET_ADDRESS, last.stop, ranges)
    if length > MAX_WORDS_WRITTEN or whole is None:
        message = (
            f"ticket and outputs must lie in one defined range and within "
            f"{MAX_WORDS_WRITTEN} words from hr:{OUTPUT_ADDRESS}"
        )
        found.append(_problem(last.point, "address", last.point.address, message))
    return found


def _by_speed(spans: Sequence[Span]) -> tuple[list[Span], list[Span], list[Span]]:
    """Fast, slow and energy points; written points are read back with the fast ones."""
    fast: list[Span] = []
    slow: list[Span] = []
    energy: list[Span] = []
    for span in spans:
        scan_s = span.point.scan_s
        if scan_s <= FAST_S or span.point.access is Access.WRITE:
            fast.append(span)
        else:
            (slow if scan_s < ENERGY_S else energy).append(span)
    return fast, slow, energy


def _rides_along(span: Span, runs: Sequence[_Run]) -> bool:
    """True when a faster request fetches these addresses anyway; the span joins it."""
    for run in runs:
        if run.area is span.area and run.start <= span.start and span.stop <= run.stop:
            run.spans.append(span)
            return True
    return False


def _merge(
    spans: Sequence[Span], together: Sequence[Span], ranges: Ranges, bridge_gap: int
) -> list[_Run]:
    """Merge spans into requests; the output area (`together`) always becomes part of one."""
    runs = [_Run(s.area, s.start, s.stop, [s]) for s in spans]
    if together:
        runs.append(_Run(Area.HOLDING, OUTPUT_ADDRESS, max(s.stop for s in together), []))
    runs.sort(key=lambda r: (r.area, r.start, -r.stop))
    merged = runs[:1]
    for run in runs[1:]:
        last = merged[-1]
        stop = max(last.stop, run.stop)
        limit = MAX_WORDS_READ if run.area is Area.HOLDING else MAX_BITS_READ
        joins = (
            run.area is last.area
            and run.start - last.stop <= bridge_gap
            and stop - last.start <= limit
            and _range_of(run.area, last.start, stop, ranges) is not None
        )
        if joins:
            last.stop = stop
            last.spans += run.spans
        else:
            merged.append(run)
    return merged


def _block(run: _Run) -> Block:
    spans = sorted(run.spans, key=lambda s: s.start)
    return Block(run.area, run.start, run.stop - run.start, tuple(spans))
