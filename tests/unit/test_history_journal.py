"""What a reader keeps of the journal: nothing is decoded twice, nothing stale is shown."""

import sqlite3
from pathlib import Path

import pytest

from controller.clock import NS
from controller.core.sample import Samples
from controller.history import Reader, Store, journal
from controller.history.journal import JournalView
from controller.history.rows import JournalRow, unpack_batch
from tests.support.history import T0_NS, batch, new_store, seal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the rows that were decoded, as they are."""
    numbers: list[int] = []

    def spy(row: JournalRow) -> Samples:
        numbers.append(row.seq)
        return unpack_batch(row)

    monkeypatch.setattr(journal, "unpack_batch", spy)
    return numbers


def commit(store: Store, *values: float, at_s: int) -> None:
    rows = [(1, v, 0, T0_NS + (at_s + k) * NS) for k, v in enumerate(values)]
    store.commit(batch([*rows, (2, -1.0, 0, T0_NS + at_s * NS)]))


def values(reader: Reader, tag: str = "A") -> list[float]:
    return reader.raw(tag, 0, 2**62).values.tolist()


def test_every_row_is_decoded_once(path: Path, decoded: list[int]) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, 2.0, at_s=0)
    commit(store, 3.0, at_s=2)
    with Reader(path) as reader:
        assert values(reader) == [1.0, 2.0, 3.0]
        assert values(reader, "B") == [-1.0, -1.0]
        commit(store, 4.0, at_s=3)
        assert values(reader) == [1.0, 2.0, 3.0, 4.0]
        assert reader.buckets("A", T0_NS, T0_NS + 4 * NS, 1).count.tolist() == [4]
    assert decoded == [1, 2, 3]
    store.close()


def test_a_window_without_journal_rows_decodes_none(path: Path, decoded: list[int]) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, at_s=0)
    with Reader(path) as reader:
        assert len(reader.raw("A", T0_NS + NS, T0_NS + 2 * NS)) == 0
    assert decoded == []
    store.close()


def test_what_was_sealed_is_forgotten_and_the_rest_kept(path: Path, decoded: list[int]) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, 2.0, at_s=0)
    with Reader(path) as reader:
        assert values(reader) == [1.0, 2.0]
        seal(store)
        commit(store, 9.0, at_s=1)
        assert values(reader) == [1.0, 9.0]  # overwritten after the seal
        seal(store)
        assert values(reader) == [1.0, 9.0]
        assert reader._view._heads
        commit(store, 5.0, at_s=2)
        assert values(reader) == [1.0, 9.0, 5.0]
        assert len(reader._view._heads) == 1
        assert len(reader._view._samples) == 2
    assert decoded == [1, 2, 3]
    store.close()


def test_a_number_is_never_given_again_and_what_came_after_a_restart_is_read(path: Path) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, at_s=0)
    with Reader(path) as reader:
        assert values(reader) == [1.0]
        seal(store)
        store.close()
        store = Store.open(path)
        commit(store, 2.0, at_s=0)
        assert store.last_seq == 2
        assert values(reader) == [2.0]
    store.close()


def test_a_commit_that_was_repeated_with_more_is_read_again(path: Path) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, at_s=0)
    commit(store, 2.0, at_s=1)
    with Reader(path) as reader:
        assert values(reader) == [1.0, 2.0]
        store.last_seq, store._unreported = 1, True  # the second one was not acknowledged
        commit(store, 2.0, 3.0, at_s=1)
        assert store.last_seq == 3
        assert values(reader) == [1.0, 2.0, 3.0]
    store.close()


def test_damaged_rows_are_counted_at_every_query_of_their_window(path: Path) -> None:
    store = new_store(path, "A", "B")
    for k in range(4):
        commit(store, float(k), at_s=10 * k)
    store.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE journal SET columns = zeroblob(42) WHERE seq = 2")
    connection.close()
    with Reader(path) as reader:
        for _ in range(2):
            whole = reader.raw("A", 0, 2**62)
            assert (whole.values.tolist(), whole.damaged) == ([0.0, 2.0, 3.0], 1)
            assert reader.raw("A", T0_NS + 20 * NS, 2**62).damaged == 0
        store = Store.open(path)  # puts the damaged row into quarantine
        whole = reader.raw("A", 0, 2**62)
        assert (whole.values.tolist(), whole.damaged) == ([0.0, 2.0, 3.0], 0)
    store.close()


def test_sealing_part_of_a_journal_with_a_damaged_row_keeps_the_right_samples(path: Path) -> None:
    store = new_store(path, "A", "B")
    for k in range(4):
        commit(store, float(k), at_s=10 * k)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE journal SET columns = zeroblob(42) WHERE seq = 1")
    view = JournalView()
    assert view.columns(connection, 1, 0, 2**62)[0].values.tolist() == [1.0, 2.0, 3.0]
    with connection:
        connection.execute("DELETE FROM journal WHERE seq <= 2")
    columns, damaged = view.columns(connection, 1, 0, 2**62)
    assert (columns.values.tolist(), damaged) == ([2.0, 3.0], 0)
    connection.close()
    store.close()


def test_a_journal_beyond_the_bound_is_read_but_not_kept(path: Path, decoded: list[int]) -> None:
    store = new_store(path, "A", "B")
    commit(store, 1.0, at_s=0)
    commit(store, 2.0, 3.0, at_s=10)
    connection = sqlite3.connect(path)
    view = JournalView(kept_samples=4)
    for _ in range(2):
        columns, _ = view.columns(connection, 1, T0_NS + 5 * NS, 2**62)
        assert columns.values.tolist() == [2.0, 3.0]
    assert decoded == [2, 2]
    assert len(view._samples) == 0
    connection.close()
    store.close()
