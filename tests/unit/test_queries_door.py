"""The door for HTTP: statuses, bytes, and every mistake of a question at once."""

import csv
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clock import NS
from controller.core.errors import StoreError
from controller.queries.door import ASKS, CSV, JSON, PROBLEM, Answer
from controller.queries.local import LocalHistory
from controller.queries.service import HistoryService
from controller.run_store import RunReader
from tests.support import asked_history
from tests.support.asked_history import service_of
from tests.support.history import T0_NS, batch, new_store

TEN_MINUTES = [("start", "2026-01-01"), ("stop", "2026-01-01 00:10")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryService]:
    folder = tmp_path_factory.mktemp("asked")
    asked_history.write_history(folder / "history.db")
    asked_history.write_runs(folder / "runs.db")
    made = service_of(folder)
    yield made
    made.close()


def read(answer: Answer) -> Any:
    assert answer.content_type == (JSON if answer.status == 200 else PROBLEM)
    return orjson.loads(answer.body)


def problems(answer: Answer) -> dict[str, dict[str, str]]:
    found = read(answer)
    assert found["status"] == answer.status
    return {problem["field"]: problem for problem in found["problems"]}


# -- what is understood ----------------------------------------------------------------------------


def test_buckets_come_in_columns_with_null_where_nothing_is_known(service: HistoryService) -> None:
    answer = service.answer("/buckets", [("tag", "A"), ("n", "10"), *TEN_MINUTES])
    found = read(answer)
    (series,) = found["series"]
    assert found["source"] == "local"
    assert found["edges_ns"] == [T0_NS + k * 60 * NS for k in range(11)]
    assert series["count"] == [60, 60, 60, 60, 60, 0, 55, 0, 0, 60]
    assert series["uncertain"] == [0, 0, 0, 0, 0, 0, 5, 0, 0, 0]
    assert series["bad"] == [0, 0, 0, 0, 0, 60, 0, 0, 0, 0]
    assert series["known"][5] == 0.0
    assert series["mean"][5] is None
    assert series["mean"][7] == 41.9  # held from before, for a part
    assert 0.9 < series["known"][7] < 1.0
    assert series["mean"][8] is None
    assert series["min"][8] is None
    assert (series["tag"]["name"], series["tag"]["unit"]) == ("A", "degC")
    assert (series["inexact"], series["damaged"]) == (0, 0)


def test_several_tags_are_named_by_repeating_the_parameter(service: HistoryService) -> None:
    found = read(service.answer("/latest", [("tag", "A"), ("tag", "EMPTY")]))
    assert [v["tag"]["name"] for v in found["values"]] == ["A", "EMPTY"]
    assert [v["value"] for v in found["values"]] == [59.9, None]
    assert [v["quality_text"] for v in found["values"]] == ["Good", "Bad: no data"]


def test_every_path_answers(service: HistoryService) -> None:
    for path in ASKS:
        params = [("tag", "A")] if "tag" in ASKS[path].model_fields else []
        assert service.answer(path, params).status == 200, path


def test_every_question_describes_itself_as_json_schema() -> None:
    for model in ASKS.values():
        schema = model.model_json_schema()
        assert schema["additionalProperties"] is False
        assert schema["description"]
        assert all(
            "default" in p or n in schema["required"] for n, p in schema["properties"].items()
        )


def test_a_plus_that_a_query_string_made_a_blank_is_still_an_offset(
    service: HistoryService,
) -> None:
    window = [("start", "2026-01-01T01:00 01:00"), ("stop", "2026-01-01 01:10+01:00")]
    found = read(service.answer("/buckets", [("tag", "A"), ("n", "1"), *window]))
    assert (found["start_ns"], found["stop_ns"]) == (T0_NS, T0_NS + 600 * NS)


def test_raw_samples_as_csv(service: HistoryService) -> None:
    window = [("start", str(T0_NS + 299 * NS)), ("stop", str(T0_NS + 301 * NS))]
    answer = service.answer(
        "/raw", [("tag", "A"), ("format", "csv"), ("zone", "Asia/Tokyo"), *window]
    )
    assert (answer.status, answer.content_type) == (200, CSV)
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(r["value"], r["quality"], r["quality_text"]) for r in rows] == [
        ("29.9", "0", "Good"),
        ("", "132", "Bad: sensor"),
    ]
    assert rows[0]["time"] == "2026-01-01T09:04:59.000000000+09:00"
    assert int(rows[0]["time_ns"]) == T0_NS + 299 * NS


def test_buckets_as_csv(service: HistoryService) -> None:
    answer = service.answer("/buckets", [("tag", "A"), ("n", "2"), ("format", "csv"), *TEN_MINUTES])
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(r["from"], r["to"]) for r in rows] == [
        ("2026-01-01T00:00:00.000Z", "2026-01-01T00:05:00.000Z"),
        ("2026-01-01T00:05:00.000Z", "2026-01-01T00:10:00.000Z"),
    ]
    assert [int(r["count"]) for r in rows] == [300, 115]


def test_csv_is_never_cut_without_saying_so(service: HistoryService) -> None:
    answer = service.answer(
        "/raw", [("tag", "A"), ("format", "csv"), ("limit", "10"), *TEN_MINUTES]
    )
    assert answer.status == 400
    assert "more samples than the limit" in problems(answer)["format"]["what"]


# -- what is not -----------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_with_what_is_allowed(service: HistoryService) -> None:
    answer = service.answer(
        "/raw",
        [("limit", "0"), ("start", "2026-10-25 02:30"), ("zone", "Europe/Berlin"), ("tags", "A"),
         ("stop", "soon"), ("format", "xml"), ("cursor", "a"), ("cursor", "b")],
    )  # fmt: skip
    assert answer.status == 400
    found = problems(answer)
    assert set(found) == {"limit", "start", "stop", "format", "tag", "tags", "cursor"}
    assert found["limit"]["value"] == "0"
    assert "at least 1, at most 500000" in found["limit"]["allowed"]
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in found["start"]["what"]
    assert "-15m" in found["stop"]["allowed"]
    assert "'csv'" in found["format"]["allowed"]
    assert found["tag"]["what"].startswith("missing")
    assert "did you mean 'tag'" in found["tags"]["what"]
    assert found["cursor"]["what"] == "given twice"


@pytest.mark.parametrize(
    ("path", "params", "field", "status"),
    [
        ("/raw", [("tag", "A")] * 2, "tag", 400),
        ("/raw", [("tag", f"T{k}") for k in range(51)], "tag", 400),
        ("/raw", [("tag", "")], "tag.0", 400),
        ("/raw", [("tag", "A"), ("zone", "Europe/Berln")], "zone", 400),
        ("/raw", [("tag", "A"), ("zone", "../../etc/passwd")], "zone", 400),
        ("/raw", [("tag", "A"), ("start", "now"), ("stop", "-1h")], "start, stop", 400),
        ("/raw", [("tag", "A"), ("limit", "1e3")], "limit", 400),
        ("/raw", [("tag", "A"), ("limit", "500001")], "limit", 400),
        ("/raw", [("tag", "A"), ("cursor", "1.2.3")], "cursor", 400),
        ("/buckets", [("tag", "A"), ("n", "10001")], "n", 400),
        ("/buckets", [("tag", "A"), ("n", "0")], "n", 400),
        ("/buckets", [("tag", "A"), ("n", "5"), ("per", "day")], "", 400),
        ("/buckets", [("tag", "A"), ("per", "year")], "per", 400),
        ("/at", [("tag", "A"), ("time", "2026-02-30")], "time", 400),
        ("/events", [("kind", "weather")], "kind.0", 400),
        ("/runs", [("outcome", "lucky")], "outcome.0", 400),
        ("/tags", [("limit", "5")], "limit", 400),
        ("/raw", [("tag", "NONE")], "tag", 404),
        ("/tags", [("source", "plant")], "source", 404),
        ("/rows", [], "path", 404),
        ("raw", [], "path", 404),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_names_the_field(
    service: HistoryService, path: str, params: list[tuple[str, str]], field: str, status: int
) -> None:
    answer = service.answer(path, params)
    assert answer.status == status
    found = problems(answer)
    assert field in found
    assert found[field]["what"]


WORDS = st.text(max_size=30) | st.sampled_from(["A", "B", "0", "now", "-1h", "day", "csv", "UTC"])
KEYS = st.text(max_size=8) | st.sampled_from(
    sorted({k for m in ASKS.values() for k in m.model_fields})
)


@given(st.sampled_from([*ASKS, "/x"]), st.lists(st.tuples(KEYS, WORDS), max_size=6))
def test_whatever_is_asked_there_is_an_answer(
    service: HistoryService, path: str, params: list[tuple[str, str]]
) -> None:
    answer = service.answer(path, params)
    assert answer.status in (200, 400, 404)
    if answer.status != 200:
        assert problems(answer)


def test_a_history_that_is_not_there_is_unavailable_until_it_is(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    local = LocalHistory(lambda: [path])
    service = HistoryService({"local": local}, lambda: RunReader(tmp_path / "r.db"), lambda: T0_NS)
    answer = service.answer("/tags", [])
    assert answer.status == 503
    assert "history.db" in problems(answer)[""]["what"]
    assert service.answer("/runs", []).status == 503
    new_store(path, "A").close()
    assert [t["name"] for t in read(service.answer("/tags", []))["tags"]] == ["A"]
    service.close()


# -- local stores that change ----------------------------------------------------------------------


def test_another_store_in_the_place_of_the_first_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    new_store(path, "A").close()
    local = LocalHistory(lambda: [path])
    assert [tag.name for tag in local.tags()] == ["A"]
    new_store(tmp_path / "other.db", "B").close()
    (tmp_path / "other.db").replace(path)
    assert [tag.name for tag in local.tags()] == ["B"]
    local.close()


def test_a_store_that_comes_later_is_read_as_well(tmp_path: Path) -> None:
    local = LocalHistory(lambda: sorted(tmp_path.glob("*.db")))
    new_store(tmp_path / "a.db", "A").close()
    assert [tag.name for tag in local.tags()] == ["A"]
    new_store(tmp_path / "b.db", "B").close()
    assert [tag.name for tag in local.tags()] == ["A", "B"]
    local.close()


def test_a_question_under_way_is_answered_when_the_stores_change(tmp_path: Path) -> None:
    for name in ("A", "B"):
        store = new_store(tmp_path / f"{name}.db", name)
        store.commit(batch([(1, 1.0, 0, T0_NS)]))
        store.close()
    found = [[tmp_path / "A.db"]]
    local = LocalHistory(lambda: found[-1])
    inside, go_on = threading.Event(), threading.Event()
    said: list[object] = []

    def ask() -> None:
        with local._reader() as reader:
            inside.set()
            go_on.wait(10)
            said.append(reader.latest("A"))

    thread = threading.Thread(target=ask)
    thread.start()
    inside.wait(10)
    found.append([tmp_path / "B.db"])
    assert local.latest("B") is not None
    local.close()
    go_on.set()
    thread.join()
    assert said[0] is not None
    with pytest.raises(StoreError, match="no tag 'A'"):
        local.latest("A")
    local.close()
