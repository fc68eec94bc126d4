"""What /metrics shows: every figure there is, under names that keep to the conventions."""

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from controller.alarms.alarm import By
from controller.control.states import State
from controller.control.station_parts import ScanTiming
from controller.core.sample import Quality
from controller.history.status import HistorianStatus
from controller.metrics.figures import METRICS, Kind, Shown
from controller.metrics.health import alive, ready
from controller.metrics.prometheus import page, registry_of
from controller.sinks.condition import State as SinkState
from controller.sinks.status import SinkStatus
from controller.spread import Spread
from tests.support.documents import ROOT
from tests.support.virtual_line import VirtualLine

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
ONLY_TEXT = {"error", "reason", "name"}  # texts are no figures; the name of a sink is a label
UNITS = ("seconds", "bytes", "ratio", "total", "info")
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def line(tmp_path: Path) -> VirtualLine:
    return VirtualLine(tmp_path)


@pytest.fixture
def shown(line: VirtualLine) -> Shown:
    return Shown(
        line.config,
        line.clock,
        history=lambda: HistorianStatus(running=True),
        line=line.line,
        sinks=lambda: [SinkStatus(name="plant", link_s=-1.0)],
    )


def text_of(shown: Shown, accept: str = "") -> str:
    return page(registry_of(shown), accept)[1].decode()


def numbers(shown: Shown) -> Numbers:
    """What a server of Prometheus would take from a scrape."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read_text(text_of(shown))
        for sample in family.samples
        if sample.name.startswith("dryline_")
    }


def number(shown: Shown, name: str, **labels: str) -> float:
    return numbers(shown)[f"dryline_{name}", frozenset(labels.items())]


def other(value: object) -> object:
    """Another value of the same type."""
    if isinstance(value, SinkState):
        return SinkState.STOPPED
    if isinstance(value, float):
        return 7.0
    return not value if isinstance(value, bool) else type(value)(value + 7)  # type: ignore[operator]


@pytest.mark.parametrize("field", [f.name for f in fields(HistorianStatus)])
def test_every_figure_of_history_is_shown(shown: Shown, field: str) -> None:
    if field in ONLY_TEXT:
        return
    status = HistorianStatus()
    shown.history = lambda: status
    before = numbers(shown)
    shown.history = lambda: replace(status, **{field: other(getattr(status, field))})
    assert numbers(shown) != before, f"{field} is not in controller/metrics/figures.py"


@pytest.mark.parametrize("field", [f.name for f in fields(SinkStatus)])
def test_every_figure_of_a_sink_is_shown(shown: Shown, field: str) -> None:
    if field in ONLY_TEXT:
        return
    status = SinkStatus(name="plant", link_s=-50.0)
    shown.sinks = lambda: [status]
    before = numbers(shown)
    shown.sinks = lambda: [replace(status, **{field: other(getattr(status, field))})]
    assert numbers(shown) != before, f"{field} is not in controller/metrics/figures.py"


@pytest.mark.parametrize("field", [f.name for f in fields(ScanTiming)])
def test_every_figure_of_a_scan_is_shown(shown: Shown, line: VirtualLine, field: str) -> None:
    before = numbers(shown)
    timing = line.stations["coater"].timing
    setattr(timing, field, other(getattr(timing, field)))
    changed = {key for key, value in numbers(shown).items() if before[key] != value}
    assert {dict(labels)["station"] for _, labels in changed} == {"coater"}


def test_figures_are_in_base_units(shown: Shown) -> None:
    shown.history = lambda: HistorianStatus(commit_ms=250.0, outbox_share=0.8, used_bytes=3)
    assert number(shown, "history_last_commit_seconds") == 0.25
    assert number(shown, "history_outbox_ratio") == 0.8
    assert number(shown, "history_size_bytes") == 3.0


def test_names_keep_to_the_conventions() -> None:
    names = [metric.shown for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert re.fullmatch(r"dryline_[a-z]+(_[a-z]+)*", metric.shown), metric.shown
        assert metric.shown.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert not re.search(r"_(ms|percent|pct|mb)\b", metric.shown), metric.shown
        assert metric.text[0].islower() or metric.text[0].isdigit()
        assert not metric.text.endswith(".")
        for unit in UNITS:
            assert f"_{unit}_" not in metric.shown, "the unit comes last"


def test_families_are_those_that_are_declared(shown: Shown) -> None:
    shown.tag_values = True
    named = [
        f"{f.name}_total" if f.type == "counter" else f.name
        for f in read_text(text_of(shown))
        if f.name.startswith("dryline_")
    ]
    assert sorted(named) == sorted(metric.shown for metric in METRICS)
    for family in read_text(text_of(shown)):
        assert family.documentation
        assert family.type != "unknown"


def test_samples_carry_the_labels_that_are_declared(shown: Shown) -> None:
    shown.tag_values = True
    wanted = {metric.shown: set(metric.labels) for metric in METRICS}
    for name, labels in numbers(shown):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert {key for key, _ in labels} - {"le"} == wanted[base], name


def test_openmetrics_is_served_to_who_asks_for_it(shown: Shown) -> None:
    content_type, _ = page(registry_of(shown), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    families = list(read_openmetrics(text_of(shown, OPENMETRICS)))
    assert any(f.name == "dryline_scans" and f.type == "counter" for f in families)


def test_one_state_is_one(shown: Shown, line: VirtualLine) -> None:
    line.stations["coater"].procedure.state = State.HELD
    shown.sinks = lambda: [SinkStatus(name="plant", state=SinkState.WAITING)]
    states = {
        (dict(labels).get("station") or dict(labels)["sink"], dict(labels)["state"])
        for (name, labels), value in numbers(shown).items()
        if name.endswith("_state") and value == 1.0
    }
    assert states == {("enclosure", "idle"), ("coater", "held"), ("plant", "waiting")}


def test_cardinality_is_that_of_the_configuration(shown: Shown, line: VirtualLine) -> None:
    small = len(numbers(shown))
    shown.tag_values = True
    tags = len(line.line.table.tags)
    line.line.table.quality[:] = Quality.GOOD
    assert len(numbers(shown)) == small + 2 * tags
    assert small < 60 * len(line.stations) + 50


def test_alarms_and_open_runs_are_counted(shown: Shown, line: VirtualLine) -> None:
    coater = line.stations["coater"]
    board = coater.alarm_desk.board
    k = coater.at(".LINK.AGE")

    def scan(value: float, now_s: float) -> None:
        coater.v[k] = value
        board.scan(now_s, round(now_s * 1e9), coater.v, coater.q, State.IDLE)

    def counted() -> list[float]:
        names = ("active", "unacknowledged", "shelved")
        return [number(shown, f"station_alarms_{n}", station="coater") for n in names]

    scan(0.0, 1.0)
    assert counted() == [0.0, 0.0, 0.0]
    scan(4.0, 2.0)
    assert counted() == [1.0, 1.0, 0.0]
    board.acknowledge("COAT.LINK.AGE.hi", 1, 2_000_000_000, By(actor="ann"))
    assert counted() == [1.0, 0.0, 0.0]
    until_ns = 60_000_000_000
    board.shelve("COAT.LINK.AGE.hi", until_ns, 2_000_000_000, By(actor="ann"), "cable is changed")
    assert counted() == [0.0, 0.0, 1.0]
    assert number(shown, "station_run_open", station="coater") == 0.0
    assert number(shown, "station_interlocks_bypassed", station="coater") == 0.0


def test_a_bad_tag_has_a_quality_and_no_value(shown: Shown, line: VirtualLine) -> None:
    shown.tag_values = True
    table = line.line.table
    k = table.index("ENC.DP.ZONE")
    tag = {"tag": "ENC.DP.ZONE", "station": "enclosure"}
    table.value[k], table.quality[k] = -61.5, Quality.GOOD
    assert number(shown, "tag_value", unit="degC", **tag) == -61.5
    table.quality[k] = Quality.BAD_SENSOR
    found = numbers(shown)
    assert ("dryline_tag_value", frozenset({**tag, "unit": "degC"}.items())) not in found
    assert found["dryline_tag_quality", frozenset(tag.items())] == Quality.BAD_SENSOR


def test_tags_are_counted_by_quality(shown: Shown, line: VirtualLine) -> None:
    table = line.line.table
    region = table.region("coater")
    table.quality[region.start : region.stop] = Quality.GOOD
    table.quality[region.start] = Quality.UNCERTAIN_HELD
    table.quality[region.start + 1 : region.start + 3] = Quality.BAD_LINK
    counts = [number(shown, "tags", station="coater", quality=q) for q in ("uncertain", "bad")]
    assert counts == [1.0, 2.0]
    total = region.stop - region.start
    assert number(shown, "tags", station="coater", quality="good") == total - 3


def test_spread_counts_up_to_and_with_a_limit(shown: Shown, line: VirtualLine) -> None:
    spread = Spread((0.1, 0.2))
    for seconds in (0.1, 0.15, 0.2, 0.3):
        spread.add(seconds)
    line.line.scans["coater"].late = spread
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in numbers(shown).items()
        if name == "dryline_scan_lateness_seconds_bucket" and ("station", "coater") in labels
    }
    assert buckets == {"0.1": 1.0, "0.2": 3.0, "+Inf": 4.0}
    assert number(shown, "scan_lateness_seconds_sum", station="coater") == pytest.approx(0.75)
    assert number(shown, "scan_lateness_seconds_count", station="coater") == 4.0


def test_a_scrape_before_anything_has_started_succeeds(line: VirtualLine) -> None:
    early = Shown(line.config, line.clock)
    assert number(early, "speed_ratio") == 1.0
    assert not ready(early).good
    assert alive(early).good


async def test_scans_that_raise_are_counted(tmp_path: Path) -> None:
    async with VirtualLine(tmp_path) as line:
        shown = Shown(line.config, line.clock, line=line.line)
        before = number(shown, "scan_exceptions_total", station="coater")
        line.stations["coater"].control = _raise  # type: ignore[method-assign]
        await line.pass_time(1.0)
        assert before == 0.0
        assert number(shown, "scan_exceptions_total", station="coater") >= 9.0
        assert number(shown, "scan_exceptions_total", station="enclosure") == 0.0
        assert number(shown, "station_faulted", station="coater") == 1.0


def _raise(_: float) -> None:
    raise ValueError("broken")


async def test_ready_when_history_is_open_and_all_stations_are_scanned(tmp_path: Path) -> None:
    async with VirtualLine(tmp_path) as line:
        shown = Shown(line.config, line.clock, line=line.line)
        assert ready(shown) == (False, "history is not open")
        shown.history = lambda: HistorianStatus(running=True)
        assert ready(shown) == (True, "ready")
        line.line.scans["coater"].begun_link_s = None
        assert ready(shown) == (False, "not scanned yet: coater")
        shown.ending = True
        assert not ready(shown).good
        assert alive(shown).good


async def test_alive_as_long_as_some_station_is_scanned(tmp_path: Path) -> None:
    async with VirtualLine(tmp_path) as line:
        shown = Shown(line.config, line.clock, line=line.line)
        shown.history = lambda: HistorianStatus(running=True)
        line.line.scans["coater"].begun_link_s = -100.0
        assert alive(shown).good
        line.line.scans["enclosure"].begun_link_s = line.clock.link_s() - 2.5
        verdict = alive(shown)
        assert not verdict.good
        assert "2.5 s" in verdict.text
        assert ready(shown) == verdict


async def test_a_seldom_scanned_line_is_alive_between_scans(tmp_path: Path) -> None:
    async with VirtualLine(tmp_path) as line:
        slow = tuple(replace(s, scan_period_s=5.0) for s in line.config.stations)
        shown = Shown(replace(line.config, stations=slow), line.clock, line=line.line)
        for scan in line.line.scans.values():
            scan.begun_link_s = line.clock.link_s() - 10.0
        assert alive(shown).good


async def test_a_scrape_does_not_touch_the_table(tmp_path: Path) -> None:
    async with VirtualLine(tmp_path) as line:
        shown = Shown(line.config, line.clock, tag_values=True, line=line.line)
        table = line.line.table
        before = table.value.copy(), table.quality.copy(), table.time_ns.copy()
        await asyncio.to_thread(text_of, shown)
        assert all((a == b).all() for a, b in zip(before, _columns(line), strict=True))


def _columns(line: VirtualLine) -> Iterator[object]:
    table = line.line.table
    return iter((table.value, table.quality, table.time_ns))


def test_only_one_file_knows_the_library() -> None:
    found = []
    for folder in ("controller", "plc_sim", "hmi"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if any(name.split(".")[0] == "prometheus_client" for name in names):
                    found.append(path.relative_to(ROOT).as_posix())
    assert set(found) == {"controller/metrics/prometheus.py"}
