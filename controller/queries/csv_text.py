"""Answers as CSV, one row a sample or bucket; what is not known is an empty cell."""

import csv
import io
from collections.abc import Iterable, Sequence

from controller.core.sample import quality_text
from controller.queries.answers import BucketsAnswer, RawAnswer
from controller.queries.local_time import local_text, zone_of

RAW = ("tag", "unit", "time", "time_ns", "value", "quality", "quality_text")
AGGREGATES = (
    "mean", "min", "max", "first", "last", "sample_mean", "known", "count", "uncertain", "bad",
)  # fmt: skip
BUCKETS = ("tag", "unit", "from", "to", "from_ns", "to_ns", *AGGREGATES)


def raw_csv(answer: RawAnswer) -> str:
    """Samples, tag after tag."""
    zone = zone_of(answer.zone)
    rows = (
        (one.tag.name, one.tag.unit, local_text(t, zone, 9), t, _cell(v), q, quality_text(q))
        for one in answer.series
        for t, v, q in zip(
            one.time_ns.tolist(), one.value.tolist(), one.quality.tolist(), strict=True
        )
    )
    return _written(RAW, rows)


def buckets_csv(answer: BucketsAnswer) -> str:
    """Buckets, tag after tag."""
    zone = zone_of(answer.zone)
    edges = answer.edges_ns.tolist()
    words = [local_text(edge, zone) for edge in edges]
    places = list(zip(words, words[1:], edges, edges[1:], strict=False))
    rows = (
        (one.tag.name, one.tag.unit, *place, *map(_cell, aggregates))
        for one in answer.series
        for place, *aggregates in zip(
            places, *(getattr(one, name).tolist() for name in AGGREGATES), strict=True
        )
    )
    return _written(BUCKETS, rows)


def _written(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def _cell(value: float) -> float | str:
    return "" if value - value != 0 else value  # neither NaN nor infinite has a cell
