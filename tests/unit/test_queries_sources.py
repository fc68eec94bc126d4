"""Which sources a line has, and what the catalogue of a server knows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS, ManualClock
from controller.config import LineConfig, load_line
from controller.core.errors import StoreError
from controller.core.sample import Sample
from controller.history.codec import NO_SAMPLES
from controller.history.results import Series, StoredTag, Thinned
from controller.history.several import MergedReader
from controller.line import tag_table
from controller.queries.asks import AtAsk, LatestAsk, RawAsk
from controller.queries.service import HistoryService
from controller.queries.sources import LOCAL, open_service, open_sources, stored_tag
from controller.run_folder import history_path
from controller.run_store import RunReader
from controller.sinks.influx_settings import Settings
from controller.sinks.places import SinkConfig
from tests.support.history import T0_NS, make_tag, new_store
from tests.support.virtual_line import SHIPPED


@pytest.fixture(scope="module")
def config() -> LineConfig:
    settings = Settings.model_validate(
        {"kind": "influx", "url": "http://127.0.0.1:1", "bucket": "line"}
    )
    sinks = (SinkConfig(name="plant", kind="influx", settings=settings),)
    return replace(load_line(SHIPPED), sinks=sinks)


def test_a_line_has_its_local_history_and_every_sink_that_can_be_read(
    config: LineConfig, tmp_path: Path
) -> None:
    found = open_sources(config, tmp_path, lambda: 0.0)
    assert list(found) == [LOCAL, "plant"]
    service = open_service(config, tmp_path, ManualClock())
    assert service.sources == (LOCAL, "plant")
    service.close()


def test_tags_of_a_server_are_described_by_the_configuration(
    config: LineConfig, tmp_path: Path
) -> None:
    server = open_sources(config, tmp_path, lambda: 0.0)["plant"]
    (wanted,) = [tag for tag in tag_table(config).tags if tag.name == "ENC.DP.ZONE"]
    found = server.tag("ENC.DP.ZONE")
    assert (found.unit, found.station) == (wanted.unit, wanted.station)
    assert found.max_interval_s == wanted.history.max_interval_s
    with pytest.raises(StoreError, match="no answer"):  # asked, because nobody here knows it
        server.tag("X.NONE")


def test_the_local_history_knows_better_how_long_a_value_holds(
    config: LineConfig, tmp_path: Path
) -> None:
    (tag,) = [tag for tag in tag_table(config).tags if tag.name == "ENC.DP.ZONE"]
    longer = replace(tag, history=replace(tag.history, max_interval_s=3000.0))
    store = new_store(history_path(config, tmp_path), "OLD")
    store.catalogue([longer])
    store.close()
    server = open_sources(config, tmp_path, lambda: 0.0)["plant"]
    assert server.tag("ENC.DP.ZONE").max_interval_s == 3000.0
    assert server.tag("OLD").station == "cell"  # the line has it no more


class OneTag(MergedReader):
    """A source with one tag, whose answers are given."""

    def __init__(self, tag: StoredTag, sample: Sample | None = None, *thinned: Thinned) -> None:
        self._tag, self._sample, self._thinned = tag, sample, thinned

    def tag(self, name: str) -> StoredTag:
        if name != self._tag.name:
            raise StoreError("disk I/O error")
        return self._tag

    def tags(self) -> tuple[StoredTag, ...]:
        return (self._tag, replace(self._tag, name="BROKEN"))

    def at(self, tag: str, time_ns: int) -> Sample | None:
        return self._sample

    def raw(self, tag: str, start_ns: int, stop_ns: int, limit: int | None = None) -> Series:
        return Series(*NO_SAMPLES, False, 2, self._thinned)


def service_of(source: OneTag) -> HistoryService:
    return HistoryService({"local": source}, lambda: RunReader(Path("none")), lambda: T0_NS)


def test_a_value_of_a_tag_with_labels_has_its_text() -> None:
    tag = replace(stored_tag(1, make_tag("S")), kind="enum", labels=("off", "on", "tripped"))
    for value, label in ((1.0, "on"), (2.0, "tripped"), (3.0, ""), (-1.0, ""), (0.5, "")):
        service = service_of(OneTag(tag, Sample(value, 0, T0_NS - NS)))
        (found,) = service.latest(LatestAsk(tag=("S",))).values
        assert (found.label, found.holds) == (label, True)


def test_samples_that_are_no_longer_kept_or_damaged_are_told() -> None:
    stretch = Thinned(T0_NS, T0_NS + 3600 * NS, 60)
    service = service_of(OneTag(stored_tag(1, make_tag("S")), None, stretch))
    answer = service.raw(RawAsk(tag=("S",)))
    assert answer.series[0].damaged == 2
    (told,) = answer.series[0].thinned
    assert (told.from_ns, told.to_ns, told.step_s) == (T0_NS, T0_NS + 3600 * NS, 60)
    assert b'"step_s":60' in service.answer("/raw", [("tag", "S")]).body
    assert not np.size(answer.series[0].value)


def test_a_tag_that_cannot_be_read_is_not_told_to_be_none() -> None:
    service = service_of(OneTag(stored_tag(1, make_tag("S"))))
    with pytest.raises(StoreError, match="disk I/O error"):
        service.at(AtAsk(tag=("BROKEN",)))
    assert service.answer("/at", [("tag", "BROKEN")]).status == 503
    assert service.answer("/at", [("tag", "OTHER")]).status == 404
