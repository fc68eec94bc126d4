"""docs/reference/metrics.md: every figure at /metrics, from the table of the code."""

from collections.abc import Callable, Iterable, Sequence

from controller.metrics.figures import METRICS, Metric

Table = Callable[[Sequence[str], Iterable[Sequence[object]]], str]
GROUPS = (
    ("The line", ("info", "speed", "record", "line")),
    ("History", ("history",)),
    ("Sinks", ("sink",)),
    ("Stations", ("station", "tags", "scan", "scans", "link", "neighbour")),
    ("Values of tags, if `tag_values = true`", ("tag",)),
)


def metrics(note: str, table: Table) -> str:
    """The page."""
    parts = [
        f"""{note}
# Metrics

What a controller shows at `/metrics`, see
[watch with Prometheus](../how-to/watch-with-prometheus.md). Figures that begin with `process_`
(memory, processor time, open files) are those of the client library.

A counter begins at zero when the controller starts, that of a sink when the sink is new. Times are
wall time unless the text says plant time. A figure that is not known is missing, never zero.
"""
    ]
    head = ("metric", "kind", "labels", "what it tells")
    for title, firsts in GROUPS:
        rows = [
            (f"`{m.shown}`", m.kind.value, ", ".join(f"`{k}`" for k in m.labels), m.text)
            for m in METRICS
            if _first(m) in firsts
        ]
        parts.append(f"\n## {title}\n\n{table(head, rows)}")
    return "".join(parts)


def _first(metric: Metric) -> str:
    return metric.name.partition("_")[0]
