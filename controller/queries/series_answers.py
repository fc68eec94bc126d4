"""Answers about tags: samples, buckets, single values."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from controller.core.errors import StoreError
from controller.core.sample import FIRST_BAD, Quality, Sample, is_good, is_usable, quality_text
from controller.explain import closest
from controller.history.codec import Floats, Ints, Octets
from controller.history.holding import hold_ns
from controller.history.results import Buckets, StoredTag
from controller.history.source import HistorySource
from controller.queries.answers import (
    BucketsAnswer,
    BucketSeries,
    RawAnswer,
    RawSeries,
    TagFacts,
    ThinnedStretch,
    ValueAt,
    ValuesAnswer,
)
from controller.queries.asks import MAX_BUCKETS_OF_ALL, BucketsAsk, RawAsk, WindowAsk
from controller.queries.calendar_edges import Per, calendar_edges
from controller.queries.cursors import Cursor, read_cursor, write_cursor
from controller.queries.local_time import local_text, zone_of
from controller.queries.problems import AskError, AskProblem, UnknownName


class Asked(NamedTuple):
    """Who is asked, and when."""

    name: str
    source: HistorySource
    now_ns: int


def window_of(ask: WindowAsk, now_ns: int) -> tuple[int, int]:
    """The window of a question; AskError when it ends before it begins."""
    try:
        return ask.window(now_ns)
    except ValueError as error:
        value = f"{ask.start} to {ask.stop}"
        do = "let start be before stop"
        raise AskError(
            [AskProblem(what=str(error), field="start, stop", value=value, do=do)]
        ) from None


def raw_answer(ask: RawAsk, asked: Asked) -> RawAnswer:
    """Samples, as many as fit on one page."""
    question = ("raw", asked.name, ask.start, ask.stop, ask.zone, ask.tag)
    if ask.cursor:
        at = read_cursor(ask.cursor, question)
    else:
        start_ns, stop_ns = window_of(ask, asked.now_ns)
        at = Cursor(0, start_ns, start_ns, stop_ns)
    facts = [tag_facts(asked.source, name) for name in ask.tag[at.place :]]
    series: list[RawSeries] = []
    left, following = ask.limit, None
    for place, tag in enumerate(facts, at.place):
        begin_ns = max(at.time_ns, at.start_ns) if place == at.place else at.start_ns
        if left == 0:
            following = Cursor(place, begin_ns, at.start_ns, at.stop_ns)
            break
        found = asked.source.raw(tag.name, begin_ns, at.stop_ns, left)
        left -= len(found)
        series.append(
            RawSeries(
                tag=tag,
                time_ns=found.time_ns,
                value=_usable(found.values, found.quality),
                quality=found.quality,
                thinned=tuple(ThinnedStretch(**t._asdict()) for t in found.thinned),
                damaged=found.damaged,
            )
        )
        if found.truncated:
            reached_ns = int(found.time_ns[-1]) + 1
            following = Cursor(place, reached_ns, at.start_ns, at.stop_ns)
            break
    return RawAnswer(
        source=asked.name,
        zone=ask.zone,
        start_ns=at.start_ns,
        stop_ns=at.stop_ns,
        series=tuple(series),
        quality_text=_texts([one.quality for one in series]),
        truncated=following is not None,
        next=write_cursor(following, question) if following else "",
    )


def _usable(values: Floats, quality: Octets) -> Floats:
    return np.where(quality < FIRST_BAD, values, np.nan)


def _texts(columns: Sequence[Octets]) -> dict[str, str]:
    codes = np.unique(np.concatenate(columns)) if columns else np.empty(0, np.uint8)
    return {str(code): quality_text(code) for code in codes.tolist()}


def buckets_answer(ask: BucketsAsk, asked: Asked) -> BucketsAnswer:
    """Aggregates of every tag between the same edges."""
    start_ns, stop_ns = window_of(ask, asked.now_ns)
    edges = _calendar(ask, ask.per, start_ns, stop_ns) if ask.per else None
    series, edges_ns = [], edges
    for tag in [tag_facts(asked.source, name) for name in ask.tag]:
        if edges is None:
            found = asked.source.buckets(tag.name, start_ns, stop_ns, ask.buckets)
        else:
            found = asked.source.buckets_between(tag.name, edges)
        edges_ns = found.edges_ns
        series.append(_series(tag, found))
    zone = zone_of(ask.zone)
    words = [] if edges is None else [local_text(edge, zone, 0) for edge in edges.tolist()]
    return BucketsAnswer(
        source=asked.name,
        zone=ask.zone,
        start_ns=start_ns,
        stop_ns=stop_ns,
        edges_ns=np.empty(0, np.int64) if edges_ns is None else edges_ns,
        edges=tuple(words),
        series=tuple(series),
    )


def _calendar(ask: BucketsAsk, per: Per, start_ns: int, stop_ns: int) -> Ints:
    try:
        edges = calendar_edges(start_ns, stop_ns, per, zone_of(ask.zone))
    except ValueError as error:
        raise AskError([AskProblem(what=str(error), field="per", value=per)]) from None
    total = (len(edges) - 1) * len(ask.tag)
    if total > MAX_BUCKETS_OF_ALL:
        what = f"{total} buckets of all tags together"
        allowed = f"at most {MAX_BUCKETS_OF_ALL}"
        raise AskError([AskProblem(what=what, field="per", value=per, allowed=allowed)])
    return edges


def _series(tag: TagFacts, found: Buckets) -> BucketSeries:
    return BucketSeries(
        tag=tag,
        min=found.minimum,
        max=found.maximum,
        mean=found.mean,
        sample_mean=found.sample_mean,
        first=found.first,
        last=found.last,
        count=found.count,
        uncertain=found.uncertain,
        bad=found.bad,
        known=found.known,
        inexact=found.inexact,
        damaged=found.damaged,
    )


def values_answer(
    names: Sequence[str], asked: Asked, zone: str, time_ns: int | None
) -> ValuesAnswer:
    """The newest samples not after a time; time_ns: None for the newest of all."""
    tags = [stored_tag(asked.source, name) for name in names]
    at_ns = asked.now_ns if time_ns is None else time_ns
    values = []
    for tag in tags:
        found = (
            asked.source.latest(tag.name) if time_ns is None else asked.source.at(tag.name, time_ns)
        )
        values.append(_value(tag, found, at_ns, zone))
    return ValuesAnswer(source=asked.name, zone=zone, time_ns=at_ns, values=tuple(values))


def _value(tag: StoredTag, found: Sample | None, at_ns: int, zone: str) -> ValueAt:
    quality = int(Quality.BAD_NO_DATA) if found is None else found.quality
    usable = found is not None and is_usable(quality) and np.isfinite(found.value)
    value = found.value if found is not None and usable else None
    holds = (
        value is not None
        and found is not None
        and is_good(quality)
        and at_ns - found.time_ns < hold_ns(tag.max_interval_s)
    )
    return ValueAt(
        tag=TagFacts.of(tag),
        value=value,
        quality=quality,
        quality_text=quality_text(quality),
        time_ns=None if found is None else found.time_ns,
        time="" if found is None else local_text(found.time_ns, zone_of(zone)),
        label=_label(tag, value),
        holds=holds,
    )


def _label(tag: StoredTag, value: float | None) -> str:
    if value is None or not value.is_integer() or not 0 <= value < len(tag.labels):
        return ""
    return tag.labels[int(value)]


def tag_facts(source: HistorySource, name: str) -> TagFacts:
    """A tag by its name; UnknownName when there is none."""
    return TagFacts.of(stored_tag(source, name))


def stored_tag(source: HistorySource, name: str) -> StoredTag:
    """As tag_facts, with everything that is stored about it."""
    try:
        return source.tag(name)
    except StoreError:
        names = {tag.name for tag in source.tags()}  # raises again when that was not the reason
        if name in names:
            raise
        near = closest(name, names).strip()
        what = "no tag of this name has been stored"
        problem = AskProblem(what=what, field="tag", value=name, do=near or "/tags lists them")
        raise UnknownName([problem]) from None
