"""The figures in the words of Prometheus. The only file that knows prometheus_client."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Exposed
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from controller.metrics.figures import Family, Kind, Metric, Row, Shown, families
from controller.spread import Spread


class _Figures(Collector):
    """Reads the figures at every scrape."""

    def __init__(self, read: Callable[[], Iterable[Family]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Exposed]:
        for metric, rows in self._read():
            yield _exposed(metric, rows)

    def describe(self) -> Iterator[Exposed]:
        """Nothing: a registry that asks would collect before there is anything to show."""
        return iter(())


def registry_of(shown: Shown) -> CollectorRegistry:
    """A registry of a controller's figures and those of its process, for any server."""
    return registry_for(lambda: families(shown))


def registry_for(read: Callable[[], Iterable[Family]]) -> CollectorRegistry:
    """A registry of figures, read at every scrape, and those of this process."""
    registry = CollectorRegistry()
    registry.register(_Figures(read))
    ProcessCollector(registry=registry)
    return registry


def page(registry: CollectorRegistry, accept: str) -> tuple[str, bytes]:
    """Content type and body in the format that is asked for. accept: header of the request."""
    encode, content_type = choose_encoder(accept)
    return content_type, encode(registry)


def _exposed(metric: Metric, rows: Sequence[Row]) -> Exposed:
    name, text = f"dryline_{metric.name}", metric.text
    if metric.kind is Kind.HISTOGRAM:
        return _histogram(HistogramMetricFamily(name, text, labels=metric.labels), rows)
    counts = metric.kind is Kind.COUNTER
    of_kind = CounterMetricFamily if counts else GaugeMetricFamily
    family = of_kind(name, text, labels=metric.labels)
    for row in rows:
        if not isinstance(row.value, Spread):
            family.add_metric(row.labels, row.value)
    return family


def _histogram(family: HistogramMetricFamily, rows: Sequence[Row]) -> Exposed:
    for labels, spread in rows:
        if isinstance(spread, Spread):
            upto = [*(f"{limit:g}" for limit in spread.limits_s), "+Inf"]
            counts = [float(n) for n in accumulate(list(spread.counts))]
            family.add_metric(labels, list(zip(upto, counts, strict=True)), spread.total_s)
    return family
