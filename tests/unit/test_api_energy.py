"""Energy over HTTP: measured powers, an assumed dry room, and a saving with its uncertainty."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from controller.access.roles import Role
from controller.api.energy import EnergyTags, now_of, window_of
from controller.api.energy_baseline import FILE, Baseline, BaselineStore
from controller.api.energy_settings import EnergySettings
from controller.api.energy_worth import worth_of
from controller.api.problems import Problem
from controller.audit.record import Category
from controller.clock import NS, ManualClock
from controller.config import load_line
from controller.core.sample import GOOD, Quality, Samples
from controller.core.tag import HistoryRule, Tag, Writer
from controller.historian import Historian, HistorianSettings
from controller.history.several import MergedReader
from controller.queries.asks import WindowAsk
from tests.support.api_rig import api_rig
from tests.support.history import T0_NS
from tests.support.line_under_test import SHIPPED

AIR = ("DHU.PWR.REG", "DHU.PWR.FAN", "DHU.PWR.COOL", "GREY.PWR")
FROST = "ENC.DP.ZONE"
HOUR_S = 3600
BASELINE = Baseline(kw=100.0, uncertainty_pct=10.0, limit_degc=-60.0)
TARIFF = EnergySettings(price_per_kwh=25.0, currency="JPY", co2_g_per_kwh=400.0, basis="invented")
QUICK = HistorianSettings(commit_interval_s=0.005, seal_samples=10**9, queue_samples=10**7)
PUT = {"kw": 80.0, "uncertainty_pct": 5.0, "method": "metered in March", "expected": 0,
       "reason": "our own room"}  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Two hours: 5 kW of each consumer; the frost point is in its limit in the first only, and in
    the last ten minutes of it one power is not known."""
    path = tmp_path_factory.mktemp("energy") / "history.db"
    names = [*AIR, FROST]
    tags = [
        Tag(name=n, station="enclosure", description=n, writer=Writer.DEVICE, unit="kW", low=-100,
            high=100, history=HistoryRule(deadband=0.0, max_interval_s=60.0))
        for n in names
    ]  # fmt: skip
    historian = Historian(path, tags, ManualClock(), QUICK)
    historian.start()
    seconds = np.arange(0, 2 * HOUR_S + 1, 10)
    for number, name in enumerate(names):
        values = np.full(len(seconds), 5.0)
        quality = np.full(len(seconds), GOOD, np.uint8)
        if name == FROST:
            values = np.where(seconds < HOUR_S, -62.0, -40.0)
        if name == AIR[0]:
            quality[(seconds >= HOUR_S - 600) & (seconds < HOUR_S)] = int(Quality.BAD_SENSOR)
        time_ns = T0_NS + seconds.astype(np.int64) * NS
        historian.record(Samples(np.full(len(seconds), number, np.int32), values, quality, time_ns))
    assert historian.close(30.0)
    with MergedReader([path]) as reader:
        yield reader


@pytest.fixture
def line(tmp_path):
    with api_rig(tmp_path) as found:
        found.parts.given.run.mkdir(exist_ok=True)
        yield found


def window(history, line, start_s: int, stop_s: int, baseline: Baseline = BASELINE):
    ask = WindowAsk(start=str(T0_NS + start_s * NS), stop=str(T0_NS + stop_s * NS))
    return window_of(line.parts.energy, ask, history, T0_NS + 3 * HOUR_S * NS, baseline)


def test_every_power_of_the_line_is_counted_once_and_on_its_side(line):
    tags = EnergyTags.of(line.config)
    assert tags.air == AIR
    assert tags.machines == ("COAT.PWR", "CAL.PWR")
    assert tags.frost_point == FROST


def test_a_power_that_is_not_known_leaves_no_sum(line):
    kw = dict.fromkeys([*AIR, "COAT.PWR", "CAL.PWR"], 5.0)
    found = now_of(line.parts.energy, kw, BASELINE)
    assert (found["air_kw"], found["machines_kw"], found["saving_kw"]) == (20.0, 10.0, 80.0)
    assert found["saving"]["share"] == pytest.approx(0.8)
    assert found["saving"]["low"] == pytest.approx(1 - 20 / 90)
    assert found["saving"]["high"] == pytest.approx(1 - 20 / 110)
    found = now_of(line.parts.energy, {**kw, "GREY.PWR": None}, BASELINE)
    assert (found["air_kw"], found["saving"]) == (None, None)


def test_only_time_in_which_all_is_known_and_dry_is_compared(history, line):
    found = window(history, line, 0, 2 * HOUR_S)
    assert found["counted_s"] == pytest.approx(HOUR_S - 600, abs=30)
    assert found["counted_air_kwh"] == pytest.approx(20.0 * 50 / 60, rel=0.02)
    assert found["baseline_kwh"] == pytest.approx(100.0 * 50 / 60, rel=0.02)
    assert found["saving"]["share"] == pytest.approx(0.8, abs=0.001)
    low, mean, high = (found["saving_kwh"][key] for key in ("low", "mean", "high"))
    assert low < mean < high
    assert found["air_kwh"] == pytest.approx(20.0 * 110 / 60, rel=0.02)


def test_time_above_the_limit_is_told_with_its_worst(history, line):
    found = window(history, line, 0, 2 * HOUR_S)["frost_point"]
    assert found["above_s"] == pytest.approx(HOUR_S, abs=30)
    (above,) = found["above"]
    assert above["worst"] == pytest.approx(-40.0)
    assert above["begin_ns"] == pytest.approx(T0_NS + HOUR_S * NS, abs=15 * NS)
    assert sum(row[1] for row in found["histogram"]) == pytest.approx(found["known_s"])
    assert [row[0] for row in found["histogram"]] == [-62.0, -40.0]


def test_where_nothing_counts_there_is_no_saving(history, line):
    found = window(history, line, HOUR_S + 60, 2 * HOUR_S)
    assert (found["counted_s"], found["saving"], found["baseline_kwh"]) == (0.0, None, None)
    empty = window(history, line, -3 * HOUR_S, -2 * HOUR_S)
    assert (empty["known_s"], empty["air_kwh"]) == (0.0, 0.0)


def test_more_than_the_dry_room_is_no_saving():
    assert BASELINE.saving(120.0)["share"] == pytest.approx(-0.2)


async def test_powers_now_come_from_what_is_heard(line):
    ann = line.person("ann", Role.VIEWER)
    for tag, kw in zip(AIR, (8.0, 1.0, 2.0, 4.0), strict=True):
        line.show(tag, kw)
    line.show(FROST, -61.0)
    found = (await ann.get("/energy")).json()
    assert found["now"]["air_kw"] == 15.0
    assert found["now"]["frost_point_degc"] == -61.0
    assert found["now"]["baseline_kw"] == found["baseline"]["kw"] == Baseline().kw


@pytest.mark.parametrize("params", [{"start": "sometime"}, {"start": "now", "stop": "-1h"}])
async def test_a_window_that_makes_no_sense_is_said(line, params):
    ann = line.person("ann", Role.VIEWER)
    answer = await ann.get("/energy", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, "question")


async def test_an_engineer_says_what_to_compare_with_and_that_is_recorded(line):
    eva = line.person("eva", Role.ENGINEER)
    answer = await eva.put("/energy/baseline", json=PUT)
    assert (answer.status_code, answer.json()["version"]) == (200, 1)
    shown = await eva.get("/energy/baseline")
    assert (shown.json()["kw"], shown.json()["by"]) == (80.0, "eva")
    assert shown.headers["etag"] == '"1"'
    (entry,) = [r.entry for r in line.access.records() if r.entry.category is Category.SETTING]
    assert (entry.old, entry.new, entry.reason) == (92.7, 80.0, "our own room")


async def test_of_two_engineers_the_second_is_told(line):
    eva = line.person("eva", Role.ENGINEER)
    assert (await eva.put("/energy/baseline", json=PUT)).status_code == 200
    answer = await eva.put("/energy/baseline", json={**PUT, "kw": 70.0})
    assert (answer.status_code, answer.json()["code"]) == (412, "changed")


@pytest.mark.parametrize(
    ("more", "code"),
    [({"reason": " "}, "reason"), ({"kw": 0.0}, "request"), ({"uncertainty_pct": 100}, "request"),
     ({"method": ""}, "request"), ({"kw": "80"}, "request"), ({"by": "x"}, "request")],
)  # fmt: skip
async def test_a_baseline_is_bounded_and_has_a_reason(line, more, code):
    eva = line.person("eva", Role.ENGINEER)
    answer = await eva.put("/energy/baseline", json={**PUT, **more})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_an_operator_does_not_set_it(line):
    sato = line.person("sato", Role.OPERATOR)
    assert (await sato.put("/energy/baseline", json=PUT)).json()["code"] == "forbidden"


async def test_a_baseline_that_was_damaged_is_told_not_replaced(line):
    path = line.parts.given.run / FILE
    path.write_text('{"kw": -1}')
    ann = line.person("ann", Role.VIEWER)
    answer = await ann.get("/energy/baseline")
    assert (answer.status_code, answer.json()["code"]) == (503, "store")
    assert BaselineStore(line.parts.given.run).run == line.parts.given.run
    assert path.read_text() == '{"kw": -1}'


def test_cost_and_co2_are_those_of_the_energies_and_of_the_saving_with_its_interval(history, line):
    found = window(history, line, 0, HOUR_S)
    worth = worth_of(found, TARIFF)
    assert worth is not None
    for figures, per_kwh in ((worth["cost"], 25.0), (worth["co2_kg"], 0.4)):
        assert figures["air"] == pytest.approx(found["air_kwh"] * per_kwh)
        assert figures["total"] == pytest.approx(figures["air"] + figures["machines"])
        for end, kwh in found["saving_kwh"].items():
            assert figures["saving"][end] == pytest.approx(kwh * per_kwh)
        assert figures["saving"]["low"] < figures["saving"]["mean"] < figures["saving"]["high"]


def test_without_numbers_there_is_neither_cost_nor_co2(history, line):
    found = window(history, line, 0, HOUR_S)
    assert worth_of(found, None) is None
    only_co2 = worth_of(found, EnergySettings(co2_g_per_kwh=0.0, basis="own wind"))
    assert only_co2 is not None
    assert only_co2["cost"] is None
    assert only_co2["co2_kg"]["total"] == 0.0


def test_where_no_saving_counts_none_is_priced(history, line):
    found = window(history, line, HOUR_S, 2 * HOUR_S)
    assert found["saving_kwh"] is None
    worth = worth_of(found, TARIFF)
    assert worth is not None
    assert worth["cost"]["saving"] is None
    assert worth["cost"]["air"] == pytest.approx(25.0 * found["air_kwh"])


async def test_the_answer_says_by_which_numbers_or_that_there_are_none(tmp_path):
    shipped = load_line(SHIPPED)
    for number, energy in enumerate((TARIFF, None)):
        with api_rig(tmp_path / str(number), config=replace(shipped, energy=energy)) as line:
            line.parts.given.run.mkdir(exist_ok=True)
            found = (await line.person("ann", Role.VIEWER).get("/energy")).json()
            assert found["tariff"] == (energy and energy.model_dump())
            assert found["now"]["baseline_kw"] == Baseline().kw


def test_of_two_who_saw_the_same_baseline_one_replaces_it(tmp_path, monkeypatch):
    store, read = BaselineStore(tmp_path), BaselineStore.read
    both = threading.Barrier(2)

    def slow(self):
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # until the other has read, too, if that can be
        return read(self)

    monkeypatch.setattr(BaselineStore, "read", slow)

    def made(kw: float) -> str:
        try:
            return f"version {store.replace(Baseline(kw=kw), 0).version}"
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(made, (80.0, 90.0))) == ["changed", "version 1"]
