"""The store: its catalogue, its versions, its locks, what it does with damage and with age."""

import dataclasses
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.history import Reader, Store
from controller.history.codec import Columns, ValueCodec, encode, value_codec_of
from controller.history.store import event_row
from controller.history.thinning import Level
from tests.support.history import (
    MINUTE_NS,
    T0_NS,
    Row,
    batch,
    make_tag,
    new_store,
    seal,
    to_minutes,
)

BAD = int(Quality.BAD_SENSOR)


def ramp(n: int, tag: int = 1, start_s: float = 0.0) -> list[Row]:
    return [(tag, k / 100, 0, T0_NS + round(start_s * NS) + k * NS) for k in range(n)]


def execute(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def values_of(path: Path, tag: str) -> list[float]:
    with Reader(path) as reader:
        return reader.raw(tag, 0, 2**62).values.tolist()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def test_a_renamed_line_keeps_old_curves_and_gives_new_tags_new_numbers(path: Path) -> None:
    store = new_store(path, "A", "B")
    store.commit(batch([(1, 1.0, 0, T0_NS), (2, 2.0, 0, T0_NS)]))
    store.close()
    store = Store.open(path)
    assert store.catalogue([make_tag(n) for n in ("NEW", "B", "C")]).tolist() == [3, 2, 4]
    store.commit(batch([(3, 3.0, 0, T0_NS)]))
    store.close()
    assert [values_of(path, n) for n in ("A", "B", "NEW", "C")] == [[1.0], [2.0], [3.0], []]


def test_the_same_name_in_another_unit_is_another_tag(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch([(1, 20.0, 0, T0_NS)]))
    kelvin = [dataclasses.replace(make_tag("A"), unit="K")]
    (other,) = store.catalogue(kelvin).tolist()
    store.commit(batch([(other, 293.0, 0, T0_NS)]))
    assert values_of(path, "A") == [293.0]
    store.catalogue([make_tag("A")])
    store.close()
    assert values_of(path, "A") == [20.0]


def test_a_second_writer_is_refused_and_told_why(path: Path) -> None:
    store = new_store(path, "A")
    with pytest.raises(StoreError, match=r"another process .* is writing"):
        Store.open(path)
    store.close()
    Store.open(path).close()


@pytest.mark.parametrize(
    ("version", "told"),
    [(8, r"a newer Dryline .*version 8.*upgrade"), (1, r"an older Dryline .*version 1.*move it")],
)
def test_a_store_of_another_version_is_refused_for_writing_and_reading(
    path: Path, version: int, told: str
) -> None:
    new_store(path, "A").close()
    execute(path, f"PRAGMA user_version={version}")
    with pytest.raises(StoreError, match=told):
        Store.open(path)
    with pytest.raises(StoreError, match=told):
        Reader(path)


@pytest.mark.parametrize("content", [b"frost point log\n" * 300, None])
def test_a_foreign_file_is_refused_and_left_as_it_is(path: Path, content: bytes | None) -> None:
    if content is None:
        execute(path, "CREATE TABLE mine (x)")
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is not a Dryline history"):
        Store.open(path)
    with pytest.raises(StoreError, match=r"is not a Dryline history|cannot be read"):
        Reader(path)
    assert path.read_bytes() == before


def test_reading_where_nothing_was_written_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match="no history here"):
        Reader(path)


def test_a_torn_journal_row_goes_to_quarantine_and_the_rest_is_read(path: Path) -> None:
    store = new_store(path, "A")
    for k in range(3):
        store.commit(batch([(1, float(k), 0, T0_NS + k)]))
    store.close()
    execute(path, "UPDATE journal SET columns = zeroblob(21) WHERE seq = 2")
    with Reader(path) as reader:
        found = reader.raw("A", 0, 2**62)
        assert (found.values.tolist(), found.damaged) == ([0.0, 2.0], 1)
    store = Store.open(path)
    assert [b.row_id for b in store.found_broken] == [2]
    store.close()
    with Reader(path) as reader:
        found = reader.raw("A", 0, 2**62)
        assert (found.values.tolist(), found.damaged) == ([0.0, 2.0], 0)
        ((origin, t_min, _, n, reason),) = reader.damage()
    assert (origin, t_min, n) == ("journal", T0_NS + 1, 1)
    assert "checksum" in reason


def test_a_damaged_chunk_goes_to_quarantine_but_its_rollup_stays(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch(ramp(120)))
    seal(store)
    store.close()
    execute(path, "UPDATE chunk SET samples = CAST(samples || x'00' AS BLOB)")
    with Reader(path) as reader:
        assert (len(reader.raw("A", 0, 2**62)), reader.raw("A", 0, 2**62).damaged) == (0, 1)
        assert reader.at("A", T0_NS + MINUTE_NS) is None
    store = Store.open(path)
    assert [b.origin for b in store.found_broken] == ["chunk"]
    store.close()
    with Reader(path) as reader:
        whole = reader.buckets("A", T0_NS, T0_NS + 2 * MINUTE_NS, 1)
        assert (whole.count.tolist(), whole.maximum.tolist(), whole.damaged) == ([120], [1.19], 0)
        assert [row[0] for row in reader.damage()] == ["chunk"]


def test_a_chunk_found_damaged_while_sealing_does_not_stop_the_new_samples(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch(ramp(10)))
    seal(store)
    execute(path, "UPDATE chunk SET samples = x'00', rollup = x'00'")
    store.commit(batch(ramp(10, start_s=20)))
    seal(store)
    store.close()
    assert len(values_of(path, "A")) == 10
    with Reader(path) as reader:
        assert len(reader.damage()) == 1


def test_a_file_with_broken_structure_is_set_aside_and_a_new_one_begun(path: Path) -> None:
    store = new_store(path, "A")
    for k in range(30):
        store.commit(batch(ramp(400, start_s=500 * k)))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 20] = b"\xa5" * (4096 * 18)
    path.write_bytes(content)
    store = Store.open(path)
    assert store.set_aside is not None
    assert store.set_aside.read_bytes() == bytes(content)
    store.catalogue([make_tag("A")])
    store.commit(batch(ramp(1)))
    store.close()
    assert values_of(path, "A") == [0.0]


def test_retention_lets_raw_samples_go_and_keeps_rollups(path: Path) -> None:
    store = new_store(path, "A")
    for day in range(4):
        store.commit(batch(ramp(600, start_s=86_400 * day)))
        seal(store)
    now_ns = T0_NS + 86_400 * 4 * NS
    gone = store.retain(now_ns, to_minutes(129_600))[Level.MINUTE]
    assert (gone.chunks, gone.samples, gone.from_ns) == (2, 1200, T0_NS)
    assert store.retain(now_ns + 10**9 * NS, to_minutes(129_600)) == {}
    store.close()
    stop_ns = T0_NS + 4 * 86_400 * NS
    with Reader(path) as reader:
        assert len(reader.raw("A", T0_NS, stop_ns)) == 1200
        days = reader.buckets("A", T0_NS, stop_ns, 4)
        assert days.count.tolist() == [600] * 4
        cut = reader.buckets("A", T0_NS + 90 * NS, stop_ns, 4)
        assert cut.inexact == 1


def test_the_size_limit_takes_the_oldest_raw_samples_first(path: Path) -> None:
    store = new_store(path, "A", resolution=0.0)
    rng = np.random.default_rng(1)
    for day in range(60):
        start_ns = T0_NS + day * 86_400 * NS
        noise = rng.normal(size=1000).tolist()
        store.commit(batch([(1, v, 0, start_ns + k * NS) for k, v in enumerate(noise)]))
        seal(store)
    before = store.used_bytes
    limit = 3 * before // 4
    gone = store.shrink(limit)[Level.TEN_S]
    assert 0 < store.used_bytes <= limit
    assert gone.from_ns == T0_NS
    store.close()
    with Reader(path) as reader:
        assert reader.span("A") == (T0_NS, T0_NS + (59 * 86_400 + 999) * NS)
        assert int(reader.raw("A", 0, 2**62).time_ns[0]) > gone.to_ns


def test_samples_later_than_their_chunk_are_merged_into_it(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch([(1, 1.0, 0, T0_NS), (1, 3.0, 0, T0_NS + 2 * NS)]))
    seal(store)
    store.commit(batch([(1, 2.0, 0, T0_NS + NS), (1, 9.0, BAD, T0_NS + 2 * NS)]))
    seal(store)
    store.close()
    with Reader(path) as reader:
        found = reader.raw("A", 0, 2**62)
        assert found.values.tolist() == [1.0, 2.0, 9.0]
        assert found.quality.tolist() == [0, 0, BAD]
        whole = reader.buckets("A", T0_NS, T0_NS + MINUTE_NS, 1)
        assert (whole.count.tolist(), whole.bad.tolist()) == ([2], [1])


def test_a_wrong_clock_does_not_make_chunks_that_span_years(path: Path) -> None:
    store = new_store(path, "A")
    store.commit(batch([(1, 0.0, 0, 0), *ramp(50)]))
    seal(store)
    store.close()
    connection = sqlite3.connect(path)
    spans = connection.execute("SELECT t_max - t_min, n FROM chunk ORDER BY t_min").fetchall()
    connection.close()
    assert spans == [(0, 1), (49 * NS, 50)]


def test_events_are_found_by_time_station_and_kind(path: Path) -> None:
    store = new_store(path, "A")
    made = [
        Event(
            time_ns=T0_NS + k,
            kind=EventKind.ALARM if k % 2 else EventKind.STATE,
            station="coater" if k < 4 else "",
            subject="L1",
            text=f"event {k}",
            actor="maria",
            data={"value": k, "why": None},
        )
        for k in range(6)
    ]
    store.commit(batch([]), [event_row(e) for e in reversed(made)])
    store.close()
    with Reader(path) as reader:
        assert reader.events() == made
        assert reader.events(T0_NS + 1, T0_NS + 3) == made[1:3]
        assert reader.events(station="", limit=1) == made[5:]
        assert reader.events(kind=EventKind.ALARM) == made[1::2]


@pytest.mark.parametrize(
    ("values", "resolution", "codec"),
    [
        ([20.5] * 9, 0.0, ValueCodec.CONSTANT),
        ([12.34, 12.35, 12.36], 0.01, ValueCodec.DIVIDED),
        ([15.0, 20.0, 5.0], 5.0, ValueCodec.MULTIPLIED),
        ([0.0, 1.0, 1.0, 0.0], 0.0, ValueCodec.MULTIPLIED),
        ([0.5, 0.25, 1.125], 0.0, ValueCodec.FLOAT32),
        ([1 / 3, 2 / 3, 0.1], 0.01, ValueCodec.FLOAT64),
        ([*(k / 100 for k in range(99)), float("nan")], 0.01, ValueCodec.DIVIDED),
    ],
)
def test_codec_follows_the_numbers(
    values: list[float], resolution: float, codec: ValueCodec
) -> None:
    n = len(values)
    columns = Columns(np.arange(n), np.array(values), np.zeros(n, np.uint8))
    assert value_codec_of(encode(columns, resolution)) is codec


def test_a_decimal_signal_with_noise_takes_less_than_one_byte_a_sample() -> None:
    rng = np.random.default_rng(7)
    n = 16_384
    values = np.rint(100 * (20 + rng.normal(0, 0.05, n))) / 100
    columns = Columns(T0_NS + np.arange(n) * NS, values, np.zeros(n, np.uint8))
    assert len(encode(columns, 0.01)) < n
