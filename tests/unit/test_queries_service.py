"""The history service asked from Python: what is known is told, what is not known as well."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.clock import NS
from controller.core.errors import StoreError
from controller.core.event import EventKind
from controller.core.run import Outcome
from controller.queries import record_answers
from controller.queries.asks import (
    AtAsk,
    BucketsAsk,
    EventsAsk,
    LatestAsk,
    RawAsk,
    RunsAsk,
    TagsAsk,
)
from controller.queries.calendar_edges import Per
from controller.queries.cursors import Cursor, write_cursor
from controller.queries.problems import AskError, UnknownName
from controller.queries.service import HistoryService
from controller.run_store import RunReader
from tests.support import asked_history
from tests.support.asked_history import END_S, HOUR_NS, service_of
from tests.support.history import T0_NS, assert_buckets, expected_buckets

ALL = {"start": "2026-01-01", "stop": "2026-01-02"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    asked_history.write_history(folder / "history.db")
    asked_history.write_runs(folder / "runs.db")
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[HistoryService]:
    made = service_of(folder)
    yield made
    made.close()


# -- tags ------------------------------------------------------------------------------------------


def test_tags_are_listed_by_station_and_name_with_what_a_chart_needs(
    service: HistoryService,
) -> None:
    found = service.tags(TagsAsk())
    assert [t.name for t in found.tags] == ["A", "B", "EMPTY"]
    assert (found.tags[0].unit, found.tags[0].description) == ("degC", "A of the cell")
    assert [t.name for t in service.tags(TagsAsk(text="emp")).tags] == ["EMPTY"]
    assert [t.name for t in service.tags(TagsAsk(text="b of")).tags] == ["B"]
    assert service.tags(TagsAsk(station="press")).tags == ()


# -- raw samples -----------------------------------------------------------------------------------


def test_raw_samples_have_quality_and_bad_ones_no_value(service: HistoryService) -> None:
    (series,) = service.raw(RawAsk(tag=("A",), **ALL)).series
    bad = series.quality >= 128
    assert bad.sum() == 60
    assert np.isnan(series.value[bad]).all()
    assert (series.time_ns[bad] == T0_NS + np.arange(300, 360) * NS).all()
    uncertain = (series.quality >= 64) & ~bad
    assert series.value[uncertain].tolist() == [k / 10 for k in range(400, 405)]


def test_the_codes_of_quality_in_an_answer_come_with_their_meaning(service: HistoryService) -> None:
    found = service.raw(RawAsk(tag=("A",), **ALL))
    assert found.quality_text == {"0": "Good", "65": "Uncertain: held", "132": "Bad: sensor"}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 700), st.permutations(["A", "B", "EMPTY"]))
def test_pages_together_are_all_samples_once(
    service: HistoryService, limit: int, names: list[str]
) -> None:
    found: dict[str, list[int]] = {name: [] for name in names}
    cursor, pages = "", 0
    while True:
        page = service.raw(RawAsk(tag=tuple(names), limit=limit, cursor=cursor, **ALL))
        assert sum(len(one.time_ns) for one in page.series) <= limit
        for one in page.series:
            found[one.tag.name] += one.time_ns.tolist()
        pages += 1
        assert page.truncated == bool(page.next)
        if not page.next:
            break
        cursor = page.next
    for number, name in enumerate(("A", "B", "EMPTY"), 1):
        assert found[name] == [t for g, _, _, t in asked_history.rows() if g == number]
    assert pages <= (480 + 5) // limit + 2


def test_the_window_of_now_stays_where_it_was_on_the_first_page(folder: Path) -> None:
    first = service_of(folder, T0_NS + 100 * NS).raw(RawAsk(tag=("A",), start="-1m", limit=10))
    later = service_of(folder, T0_NS + 200 * NS).raw(
        RawAsk(tag=("A",), start="-1m", limit=1000, cursor=first.next)
    )
    assert (later.start_ns, later.stop_ns) == (first.start_ns, first.stop_ns)
    times = [*first.series[0].time_ns.tolist(), *later.series[0].time_ns.tolist()]
    assert times == [T0_NS + k * NS for k in range(40, 100)]
    assert not later.truncated


@pytest.mark.parametrize(
    "cursor",
    ["x", "0", "00000000.0.0.0.0", "00000000.0.5.9.1", "zzzzzzzz.0.1.0.9", "00000000.-1.1.0.9"],
)
def test_a_cursor_that_is_none_is_refused(service: HistoryService, cursor: str) -> None:
    with pytest.raises(AskError, match="cursor"):
        service.raw(RawAsk(tag=("A",), cursor=cursor, **ALL))


def test_a_cursor_of_another_question_is_refused(service: HistoryService) -> None:
    page = service.raw(RawAsk(tag=("A",), limit=5, **ALL))
    with pytest.raises(AskError, match="another question"):
        service.raw(RawAsk(tag=("B",), limit=5, cursor=page.next, **ALL))
    with pytest.raises(AskError, match="another question"):
        service.events(EventsAsk(cursor=page.next, **ALL))


def test_a_cursor_with_an_impossible_window_is_refused(service: HistoryService) -> None:
    ask = RawAsk(tag=("A",), **ALL)
    question = ("raw", "local", ask.start, ask.stop, ask.zone, ask.tag)
    for wrong in (Cursor(0, 5, 9, 1), Cursor(0, 10**19 - 1, 0, 9), Cursor(0, 5, 3, 3)):
        text = write_cursor(wrong, question)
        with pytest.raises(AskError, match="no cursor"):
            service.raw(ask.model_copy(update={"cursor": text}))


# -- buckets ---------------------------------------------------------------------------------------


def test_equal_buckets_are_those_of_brute_force(service: HistoryService) -> None:
    ask = BucketsAsk(tag=("A", "B"), n=7, start="2026-01-01", stop="2026-01-01 00:11")
    found = service.buckets(ask)
    assert len(found.edges_ns) == 8
    for number, series in enumerate(found.series, 1):
        wanted = expected_buckets(asked_history.rows(), number, found.edges_ns.tolist(), 10.0)
        assert series.count.tolist() == [len(b.good) for b in wanted]
        assert series.bad.tolist() == [b.bad for b in wanted]
        np.testing.assert_allclose(series.known, [b.known_ns / b.length_ns for b in wanted])
        np.testing.assert_allclose(series.mean, [b.mean for b in wanted])


def test_a_gap_is_a_bucket_of_which_nothing_is_known(service: HistoryService) -> None:
    found = service.buckets(
        BucketsAsk(tag=("A",), n=600, start="2026-01-01", stop="2026-01-01 00:10")
    )
    (series,) = found.series
    assert series.known[480:539].tolist() == [0.0] * 59  # 420 s and a minute after the last value
    assert np.isnan(series.mean[480:539]).all()
    assert series.bad[300:360].tolist() == [1] * 60
    assert np.isnan(series.mean[300:360]).all()


def test_calendar_buckets_follow_the_zone(service: HistoryService) -> None:
    ask = BucketsAsk(
        tag=("A",), per=Per.DAY, zone="Asia/Kathmandu",
        start="2025-12-31", stop="2026-01-03",
    )  # fmt: skip
    found = service.buckets(ask)
    assert found.edges == tuple(
        f"{day}T00:00:00+05:45" for day in ("2025-12-31", "2026-01-01", "2026-01-02", "2026-01-03")
    )
    assert found.series[0].count.tolist() == [0, 415, 0]  # 00:00 UTC is 05:45 there


def test_calendar_buckets_equal_brute_force(service: HistoryService) -> None:
    local = service._sources["local"]
    edges = T0_NS + np.array([0, 17, 17, 300, 301, 470, 900]) * NS
    found = local.buckets_between("A", edges)
    np.testing.assert_array_equal(found.edges_ns, edges)
    assert_buckets(found, expected_buckets(asked_history.rows(), 1, edges.tolist(), 10.0))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"start": "2026-01-02", "stop": "2026-01-01"}, "ends before it begins"),
        ({"start": "now", "stop": "now"}, "ends before it begins"),
        ({"start": "2000-01-01", "stop": "2026-01-01", "per": Per.HOUR}, "allowed are 10000"),
    ],
)
def test_a_window_that_is_none_is_refused(
    service: HistoryService, more: dict[str, object], told: str
) -> None:
    with pytest.raises(AskError, match=told):
        service.buckets(BucketsAsk(tag=("A",), **more))


def test_calendar_buckets_of_many_tags_are_limited_together(service: HistoryService) -> None:
    many = ("A", *(f"T{k}" for k in range(49)))
    ask = BucketsAsk(tag=many, per=Per.HOUR, start="2025-01-01", stop="2026-01-01")
    with pytest.raises(AskError, match="at most 100000"):
        service.buckets(ask)


# -- at a time, latest -----------------------------------------------------------------------------


def test_the_value_at_a_time_says_whether_it_still_holds(service: HistoryService) -> None:
    def at(second: float, name: str = "A"):
        ask = AtAsk(tag=(name,), time=str(T0_NS + round(second * NS)))
        return service.at(ask).values[0]

    assert (at(10.5).value, at(10.5).holds) == (1.0, True)
    assert (at(310.5).value, at(310.5).quality_text, at(310.5).holds) == (
        None,
        "Bad: sensor",
        False,
    )
    assert (at(402.5).value, at(402.5).holds) == (40.2, False)  # Uncertain: may be used, not held
    assert (at(478.9).value, at(478.9).holds) == (41.9, True)
    assert (at(479.1).value, at(479.1).holds) == (41.9, False)  # a minute after it
    assert (at(-1).value, at(-1).quality_text, at(-1).time_ns) == (None, "Bad: no data", None)
    assert at(10, "EMPTY").quality_text == "Bad: no data"
    infinite = at(9999, "B")
    assert (infinite.value, infinite.quality, infinite.holds) == (None, 0, False)


def test_the_latest_values_hold_or_not_as_of_now(folder: Path) -> None:
    ask = LatestAsk(tag=("A", "B"), zone="Europe/Berlin")
    found = service_of(folder, T0_NS + END_S * NS).latest(ask)
    assert [v.value for v in found.values] == [59.9, None]
    assert [v.holds for v in found.values] == [True, False]
    assert found.values[0].time == "2026-01-01T01:09:59.000+01:00"
    assert not service_of(folder, T0_NS + 2 * END_S * NS).latest(ask).values[0].holds


# -- events ----------------------------------------------------------------------------------------


def numbers(service: HistoryService, **words: object) -> list[str]:
    """Subjects of all pages."""
    found: list[str] = []
    cursor = ""
    while True:
        page = service.events(EventsAsk(cursor=cursor, **(ALL | words)))
        assert len(page.events) <= int(words.get("limit", 200))
        found += [event.subject for event in page.events]
        if not page.truncated:
            return found
        cursor = page.next


NEWEST_FIRST = [event.subject for event in sorted(
    asked_history.events(), key=lambda e: e.time_ns)][::-1]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100, 200, 201, 202, 5000])
def test_pages_of_events_together_are_all_events_once(service: HistoryService, limit: int) -> None:
    assert numbers(service, limit=limit) == NEWEST_FIRST


def test_events_are_chosen_by_station_kind_and_text(service: HistoryService) -> None:
    even = [n for n in NEWEST_FIRST if n != "s" and int(n[1:]) % 2 == 0]
    commands = [n for n in NEWEST_FIRST if n != "s" and int(n[1:]) % 3 == 0]
    assert numbers(service, station=("press",), limit=30) == even
    assert numbers(service, station=("",)) == ["s"]
    assert numbers(service, kind=(EventKind.COMMAND,), limit=7) == commands
    both = {"kind": (EventKind.COMMAND, EventKind.SYSTEM), "station": ("press", "")}
    assert set(numbers(service, limit=3, **both)) == {"s", *(set(even) & set(commands))}
    assert numbers(service, text="NUMBER 19", limit=4) == [f"X{k}" for k in range(199, 189, -1)] + [
        "X19"
    ]
    assert len(numbers(service, text="ann")) == 40
    assert numbers(service, text="nothing like it") == []


def test_an_event_comes_back_whole(service: HistoryService) -> None:
    ask = EventsAsk(
        text="number 100", zone="America/New_York", start="2025-12-31", stop="2026-01-02"
    )
    (event,) = service.events(ask).events
    assert (event.kind, event.station, event.actor) == ("state", "press", "Ann")
    assert event.data == {"k": 100, "text": 'a "word"\n'}
    assert event.time == "2025-12-31T19:01:40.000-05:00"


def test_a_search_that_looks_at_very_many_events_ends_early_and_can_be_continued(
    service: HistoryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_answers, "SCANNED", 50)
    page = service.events(EventsAsk(text="started", **ALL))
    assert (page.events, page.truncated) == ((), True)
    assert numbers(service, text="started") == ["s"]


# -- runs ------------------------------------------------------------------------------------------


def run_ids(service: HistoryService, **words: object) -> list[str]:
    found: list[str] = []
    cursor = ""
    while True:
        page = service.runs(RunsAsk(cursor=cursor, **words))
        found += [row.head.id for row in page.runs]
        if not page.truncated:
            return found
        cursor = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 19, 20, 1000])
def test_pages_of_runs_together_are_all_runs_once(service: HistoryService, limit: int) -> None:
    assert sorted(run_ids(service, limit=limit)) == [f"run-{k:02}" for k in range(20)]


def test_runs_are_chosen_by_station_window_recipe_lot_and_outcome(service: HistoryService) -> None:
    assert run_ids(service, station="calender")[:2] == ["run-19", "run-17"]
    assert run_ids(service, outcome=(Outcome.OPEN,)) == ["run-19"]
    assert run_ids(service, lot="L7") == ["run-07"]
    assert run_ids(service, lot="OUT") == ["run-05"]
    assert len(run_ids(service, recipe="NMC")) == 5
    # Every two hours two of them, half an hour long; the last is open.
    window = {"start": "2026-01-01 02:10", "stop": "2026-01-01 04:00"}
    assert sorted(run_ids(service, **window)) == ["run-02", "run-03"]
    assert run_ids(service, start="2026-03-01") == ["run-19"]
    with pytest.raises(AskError, match="ends before"):
        service.runs(RunsAsk(start="2026-01-02", stop="2026-01-01"))


def test_runs_have_their_times_in_words(service: HistoryService) -> None:
    (row,) = service.runs(RunsAsk(lot="L7", zone="Asia/Tokyo")).runs
    assert (row.begun, row.ended) == (
        "2026-01-01T15:00:00.000+09:00",
        "2026-01-01T15:30:00.000+09:00",
    )
    assert row.head.ended_ns == row.head.begun_ns + HOUR_NS // 2


# -- who is asked ----------------------------------------------------------------------------------


def test_names_that_are_none_are_told_with_the_nearest(service: HistoryService) -> None:
    with pytest.raises(UnknownName, match="did you mean 'EMPTY'"):
        service.raw(RawAsk(tag=("EMPTI",)))
    with pytest.raises(UnknownName, match="allowed: local"):
        service.tags(TagsAsk(source="plant"))


def test_a_source_that_cannot_answer_is_a_store_error(
    tmp_path: Path, service: HistoryService
) -> None:
    alone = HistoryService(service._sources, lambda: RunReader(tmp_path / "none.db"), lambda: T0_NS)
    with pytest.raises(StoreError, match="no runs yet"):
        alone.runs(RunsAsk())


def test_threads_get_the_answers_that_each_alone_would_get(service: HistoryService) -> None:
    asks = [
        BucketsAsk(tag=("A",), n=n, start="2026-01-01", stop="2026-01-01 00:10")
        for n in range(1, 9)
    ]
    alone = [service.buckets(ask).series[0].count.tolist() for ask in asks]
    found: dict[int, list[list[int]]] = {k: [] for k in range(len(asks))}

    def work(k: int) -> None:
        for _ in range(20):
            found[k].append(service.buckets(asks[k]).series[0].count.tolist())
            service.events(EventsAsk(limit=5, **ALL))
            service.runs(RunsAsk(limit=3))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: [counts] * 20 for k, counts in enumerate(alone)}
