"""The questions: what may be asked about history, with every limit.

Each is a pydantic model that takes Python values as well as the text of a query string. All times
are points in time as `local_time` reads them, in the zone of the question; windows are half-open.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from controller.core.event import EventKind
from controller.core.run import Outcome
from controller.queries.calendar_edges import MAX_BUCKETS, Per
from controller.queries.local_time import EARLIEST_NS, LATEST_NS, parse_moment, zone_of

MAX_TAGS = 50
MAX_SAMPLES = 500_000
MAX_EVENTS = 5_000
MAX_RUNS = 1_000
MAX_BUCKETS_OF_ALL = 100_000  # of all tags together
NAME_LENGTH = 200
USUAL_BUCKETS = 1000
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)


class Format(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"


def _whole(value: object) -> object:
    is_text = isinstance(value, str) and _WHOLE.fullmatch(value)
    return int(value) if is_text else value  # type: ignore[call-overload]


def _many(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _known_zone(value: str) -> str:
    zone_of(value)
    return value


def _different(value: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in value if value.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return value


_Whole = BeforeValidator(_whole)
_Many = BeforeValidator(_many)
_Text = Annotated[str, Field(max_length=NAME_LENGTH)]
_Kind = Annotated[EventKind, Field(strict=False)]
_Outcome = Annotated[Outcome, Field(strict=False)]
Moment = Annotated[str, BeforeValidator(lambda v: str(v) if type(v) is int else v)]


class Ask(BaseModel):
    """What every question has."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    zone: Annotated[str, Field(max_length=NAME_LENGTH), AfterValidator(_known_zone)] = Field(
        default="UTC", description="time zone of the IANA database, as Europe/Berlin"
    )


class SourceAsk(Ask):
    """A question that one of several sources answers."""

    source: _Text = Field(
        default="", description='"local", or the name of a sink; by default the first there is'
    )


class WindowAsk(SourceAsk):
    """A question about a window, start <= time < stop."""

    start: Moment = Field(default="-1h", description="a point in time")
    stop: Moment = Field(default="now", description="a point in time, not in the window itself")

    @field_validator("start", "stop")
    @classmethod
    def _is_moment(cls, value: str, given: ValidationInfo) -> str:
        _parsed(value, given.data)
        return value

    def window(self, now_ns: int) -> tuple[int, int]:
        """UTC nanoseconds; ValueError when the window ends before it begins."""
        zone = zone_of(self.zone)
        start_ns = parse_moment(self.start, zone).at(now_ns)
        stop_ns = parse_moment(self.stop, zone).at(now_ns)
        if start_ns >= stop_ns:
            raise ValueError("the window ends before it begins")
        return max(start_ns, EARLIEST_NS), min(stop_ns, LATEST_NS)


def _parsed(value: str, given: Mapping[str, Any]) -> None:
    # A zone that is wrong is told by itself, the time is looked at all the same.
    parse_moment(value, zone_of(given.get("zone", "UTC")))


class _Tags(BaseModel):
    tag: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)], ...],
        Field(min_length=1, max_length=MAX_TAGS, description="names of tags"),
        AfterValidator(_different),
        _Many,
    ]


class TagsAsk(SourceAsk):
    """Which tags are there?"""

    station: _Text = Field(default="", description="only of this station")
    text: _Text = Field(default="", description="only if the name or the description has it")


class RawAsk(_Tags, WindowAsk):
    """The samples of tags in a window, oldest first, tag after tag."""

    limit: Annotated[int, _Whole] = Field(
        default=100_000, ge=1, le=MAX_SAMPLES, description="samples of all tags in one answer"
    )
    cursor: _Text = Field(default="", description="`next` of the answer before")
    format: Format = Field(default=Format.JSON, strict=False)


class BucketsAsk(_Tags, WindowAsk):
    """Aggregates of tags over a window, in equal buckets or in those of the calendar."""

    n: Annotated[int, _Whole] | None = Field(
        default=None, ge=1, le=MAX_BUCKETS, description="so many equal buckets"
    )
    per: Annotated[Per | None, Field(strict=False)] = Field(
        default=None, description="hour, day, week or month, as the zone has them; instead of n"
    )
    format: Format = Field(default=Format.JSON, strict=False)

    @model_validator(mode="after")
    def _n_or_per(self) -> Self:
        if self.n is not None and self.per is not None:
            raise ValueError("n and per: give one of them")
        if self.per is None and self.buckets * len(self.tag) > MAX_BUCKETS_OF_ALL:
            raise ValueError(
                f"n = {self.n} of {len(self.tag)} tags: at most {MAX_BUCKETS_OF_ALL} together"
            )
        return self

    @property
    def buckets(self) -> int:
        """Number of equal buckets."""
        return self.n or USUAL_BUCKETS


class AtAsk(_Tags, SourceAsk):
    """The values of tags at a point in time: the newest samples not after it."""

    time: Moment = Field(default="now", description="a point in time")

    @field_validator("time")
    @classmethod
    def _is_moment(cls, value: str, given: ValidationInfo) -> str:
        _parsed(value, given.data)
        return value

    def time_ns(self, now_ns: int) -> int:
        """UTC nanoseconds."""
        return parse_moment(self.time, zone_of(self.zone)).at(now_ns)


class LatestAsk(_Tags, SourceAsk):
    """The newest samples of tags."""


class EventsAsk(WindowAsk):
    """Events of a window, newest first."""

    start: Moment = Field(default="-1d", description="a point in time")
    station: Annotated[tuple[_Text, ...], _Many] = Field(
        default=(), max_length=MAX_TAGS, description='only of these; "" is the line as a whole'
    )
    kind: Annotated[tuple[_Kind, ...], _Many] = Field(
        default=(), max_length=len(EventKind), description=f"only {', '.join(EventKind)}"
    )
    text: _Text = Field(
        default="", description="only if the text, the subject or the actor has it, in any case"
    )
    limit: Annotated[int, _Whole] = Field(default=200, ge=1, le=MAX_EVENTS)
    cursor: _Text = Field(default="", description="`next` of the answer before")


class RunsAsk(Ask):
    """Runs that were under way in a window, newest first."""

    start: Moment = Field(default="", description="a point in time; empty: the first run")
    stop: Moment = Field(default="", description="a point in time; empty: now")
    station: _Text = Field(default="", description="only of this station")
    recipe: _Text = Field(default="", description="only if its name has this")
    lot: _Text = Field(default="", description="only with this lot, going in or coming out")
    outcome: Annotated[tuple[_Outcome, ...], _Many] = Field(
        default=(), max_length=len(Outcome), description=f"only {', '.join(Outcome)}"
    )
    limit: Annotated[int, _Whole] = Field(default=100, ge=1, le=MAX_RUNS)
    cursor: _Text = Field(default="", description="`next` of the answer before")

    @field_validator("start", "stop")
    @classmethod
    def _is_moment(cls, value: str, given: ValidationInfo) -> str:
        if value:
            _parsed(value, given.data)
        return value

    def window(self, now_ns: int) -> tuple[int, int]:
        """UTC nanoseconds; ValueError when the window ends before it begins."""
        zone = zone_of(self.zone)
        start_ns = parse_moment(self.start, zone).at(now_ns) if self.start else EARLIEST_NS
        stop_ns = parse_moment(self.stop, zone).at(now_ns) if self.stop else LATEST_NS
        if start_ns >= stop_ns:
            raise ValueError("the window ends before it begins")
        return start_ns, stop_ns
