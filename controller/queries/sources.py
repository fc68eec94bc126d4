"""The sources of a line: its local stores, and every server that one of its sinks fills."""

from collections.abc import Callable, Iterable
from pathlib import Path

from controller.config import LineConfig
from controller.core.errors import StoreError
from controller.core.ports import Clock
from controller.core.tag import Tag
from controller.history.results import StoredTag
from controller.history.source import HistorySource
from controller.line import tag_table
from controller.queries.influx import InfluxSource
from controller.queries.influx_wire import InfluxWire
from controller.queries.local import LocalHistory
from controller.queries.service import HistoryService
from controller.run_folder import histories
from controller.run_store import STORE, RunReader
from controller.sinks.influx_settings import Settings

LOCAL = "local"


def open_service(config: LineConfig, run: Path, clock: Clock) -> HistoryService:
    """A service for everything that a line and a run folder have; "now" is told by the clock."""
    return HistoryService(
        open_sources(config, run, clock.link_s), lambda: RunReader(run / STORE), clock.utc_ns
    )


def open_sources(
    config: LineConfig, run: Path, link_s: Callable[[], float]
) -> dict[str, HistorySource]:
    """By name: "local" first, then the sinks that can be read. Nothing is connected to yet.

    link_s: wall time in seconds.
    """
    local = LocalHistory(lambda: histories(config, run))
    configured = tuple(stored_tag(k, tag) for k, tag in enumerate(tag_table(config).tags, 1))
    found: dict[str, HistorySource] = {LOCAL: local}
    for sink in config.sinks:
        if isinstance(sink.settings, Settings):
            wire = InfluxWire(sink.settings, config.folder, link_s)
            found[sink.name] = InfluxSource(
                wire, config.name, lambda: _catalogue(configured, local)
            )
    return found


def _catalogue(configured: Iterable[StoredTag], local: LocalHistory) -> list[StoredTag]:
    """Tags of the configuration; of those in the local history what is noted there.

    It knows tags that the line had before, and the longest interval a tag ever had.
    """
    try:
        noted = local.tags()
    except StoreError:  # the server is asked, perhaps because the local history is lost
        noted = ()
    known = {(tag.station, tag.name, tag.unit): tag for tag in (*configured, *noted)}
    return [*known.values()]


def stored_tag(number: int, tag: Tag) -> StoredTag:
    """A tag of the configuration as a store would note it."""
    return StoredTag(
        id=number,
        name=tag.name,
        unit=tag.unit,
        station=tag.station,
        description=tag.description,
        kind=tag.kind.value,
        resolution=tag.resolution,
        low=tag.low,
        high=tag.high,
        labels=tag.labels,
        max_interval_s=tag.history.max_interval_s,
    )
