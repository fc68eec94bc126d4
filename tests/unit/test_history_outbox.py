"""The outbox of the store and what a sink reads: numbers, rows, limits, the way from version 3."""

from pathlib import Path

import numpy as np
import pytest

from controller.clock import ManualClock
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.history import Reader, Store, outbox
from controller.history.backlog import Loss
from controller.history.batches import BYTES_PER_SAMPLE
from controller.history.codec import DamageError
from controller.history.feed import Feed, Lost, Waiting
from controller.history.rows import pack_batch
from controller.history.schema import open_for_reading, renew_identity
from controller.history.seal import plan_seal
from controller.history.status import HistorianSettings
from controller.history.store import event_row
from controller.history.writer import Writer
from controller.sinks.ledger import Ledger
from controller.sinks.ledger_reader import SentByAll
from tests.support.history import T0_NS, as_version, batch, make_tag, new_store, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def fill(store: Store, rows: int, n: int = 5) -> None:
    for k in range(rows):
        store.commit(batch([(1, float(k), 0, T0_NS + 1000 * k + i) for i in range(n)]))


def seal(store: Store, sent: int | None) -> None:
    connection = open_for_reading(store.path)
    plan = plan_seal(connection, store.last_seq, None, sent)
    connection.close()
    store.apply(plan)


def seqs(feed: Feed) -> list[int]:
    return [row.seq for row in feed.rows(0, 10**6, 10**9)]


def test_a_packed_row_is_smaller_and_restored_bit_for_bit() -> None:
    rng = np.random.default_rng(5)
    values = np.round(rng.normal(80, 2, 500), 2)
    rows = [(k % 250, values[k], 0, T0_NS + k // 250 * 10**8) for k in range(500)]
    columns = pack_batch(1, batch(rows)).columns
    packed = outbox.pack(columns)
    assert outbox.unpack(packed) == columns
    assert len(packed) < len(columns)
    assert len(packed) < 500 * BYTES_PER_SAMPLE / 3
    with pytest.raises(DamageError):
        outbox.unpack(packed[:-20])


def test_sealing_keeps_only_rows_that_are_not_sent(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 10)
    seal(store, sent=7)
    with Feed(path) as feed:
        assert seqs(feed) == [8, 9, 10]
        assert feed.newest() == 10
    store.close()


def test_without_a_sink_nothing_goes_to_the_outbox(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 10)
    seal(store, sent=None)
    with Feed(path) as feed:
        assert seqs(feed) == []
        assert feed.newest() == 10
    assert store.outbox_bytes == 0
    store.close()


def test_rows_read_the_same_before_and_after_sealing(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 4)
    with Feed(path) as feed:
        before = [rows_of(row.samples) for row in feed.rows(1, 9, 10**9) if row.samples]
        seal(store, sent=0)
        after = [rows_of(row.samples) for row in feed.rows(1, 9, 10**9) if row.samples]
        assert before == after
        assert len(before) == 4
    store.close()


def test_numbers_go_on_after_everything_was_sealed_sent_and_forgotten(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 5)
    seal(store, sent=0)
    assert store.forget_sent(5) == 5
    store.close()
    store = Store.open(path)
    assert store.outbox_bytes == 0
    fill(store, 1)
    assert store.last_seq == 6
    store.close()


def test_numbers_of_an_unreported_commit_are_not_used_again(path: Path) -> None:
    store = new_store(path, "A")
    event = event_row(Event(time_ns=1, kind=EventKind.STATE, station="", subject="", text="x"))
    fill(store, 1)
    store.commit(batch([]), [event])
    store.commit(batch([(1, 1.0, 0, 5)]), [event])
    store.last_seq, store._last_event, store._unreported = 1, 1, True
    store.commit(batch([(1, 1.0, 0, 5), (1, 2.0, 0, 6)]), [event, event])
    with Feed(path) as feed:
        assert seqs(feed) == [1, 3]
        assert [e.id for e in feed.events(0, 10)] == [1, 3, 4]
        assert [e.twin for e in feed.events(0, 10)] == [0, 1, 2]
    store.close()


def test_what_waits_is_counted_across_outbox_and_journal(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 4)
    seal(store, sent=0)
    fill(store, 3)
    with Feed(path) as feed:
        assert feed.waiting(3, 6) == Waiting(4, 20, T0_NS + 2004)
        assert feed.waiting(8, 7) == Waiting()
        assert feed.starts_from(1, 7, 12) == 6
        assert feed.starts_from(1, 7, 4) == 8
        assert [row.seq for row in feed.rows(3, 7, 12)] == [3, 4]
        assert [row.seq for row in feed.rows(3, 7, 1)] == [3]
        near = feed.following(2, T0_NS + 3004, T0_NS + 3500)
        assert [rows_of(samples)[0][3] for samples in near] == [T0_NS + 3000]
    store.close()


def test_the_oldest_go_at_the_limit_and_leave_their_heads(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 10)
    seal(store, sent=0)
    before = store.outbox_bytes
    sizes = [n for (n,) in store._connection.execute("SELECT length(columns) FROM outbox_columns")]
    assert store.shrink_outbox(before - sum(sizes[:3]) + 1) == sum(sizes[:3])
    with Feed(path) as feed:
        assert feed.let_go(1, 10) == Lost(3, 15, T0_NS, T0_NS + 2004)
        assert feed.let_go(2, 2) == Lost(2, 5, T0_NS + 1000, T0_NS + 1004)
        assert feed.let_go(4, 10) == Lost()
        (lost,) = feed.rows(1, 10, 10**6)
        assert (lost.seq, lost.samples, lost.n) == (1, None, 5)
        assert [row.seq for row in feed.rows(4, 10, 10**6)] == list(range(4, 11))
    store.close()
    again = Store.open(path)
    assert again.outbox_bytes == before - sum(sizes[:3])
    again.close()


def test_version_3_is_brought_up_in_place_and_read_as_it_is(path: Path) -> None:
    store = new_store(path, "A")
    fill(store, 3)
    store.close()
    as_version(path, 3)
    with Reader(path) as reader:
        assert len(reader.raw("A", 0, 2**62)) == 15
    with pytest.raises(StoreError, match="since the update"):
        Feed(path)
    store = Store.open(path)
    assert store.identity > 0
    fill(store, 1)
    assert store.last_seq == 4
    with Feed(path) as feed:
        assert seqs(feed) == [1, 2, 3, 4]
    store.close()


def test_every_store_has_an_identity_of_its_own_that_stays(tmp_path: Path) -> None:
    first, second = new_store(tmp_path / "a.db", "A"), new_store(tmp_path / "b.db", "A")
    identity = first.identity
    assert identity != second.identity
    first.close()
    second.close()
    first = Store.open(tmp_path / "a.db")
    assert first.identity == identity
    renew_identity(first._connection)
    first.close()
    first = Store.open(tmp_path / "a.db")
    assert first.identity != identity
    first.close()


class Sent:
    """Stands for all sinks."""

    seq = 0

    def __call__(self, identity: int) -> int:
        return self.seq


def writer_with(path: Path, sent: Sent | None, limit: int = 2**30) -> tuple[Writer, ManualClock]:
    clock = ManualClock()
    wanted = HistorianSettings(
        seal_samples=100, seal_per_tag=0, outbox_bytes=limit, round_values=False
    )
    return Writer(Store.open(path), [make_tag("A")], clock, wanted, sent), clock


def work(writer: Writer, clock: ManualClock, rows: int, start: int = 0) -> None:
    rng = np.random.default_rng(start)
    for k in range(start, start + rows):
        writer.take(
            batch([(0, v, 0, T0_NS + 1000 * k + i) for i, v in enumerate(rng.normal(size=10))]),
            [],
            Loss(),
        )
        writer.commit()
        writer.upkeep()
        if writer._sealing is not None:
            writer._sealing.exception()
        clock.t_s += 6.0


def texts(writer: Writer, path: Path) -> list[str]:
    writer.commit()
    with Reader(path) as reader:
        return [event.text for event in reader.events()]


def test_the_writer_keeps_what_is_not_sent_and_forgets_what_is(path: Path) -> None:
    sent = Sent()
    writer, clock = writer_with(path, sent)
    work(writer, clock, 60)
    assert writer.status().outbox_share > 0
    sent.seq = 60
    work(writer, clock, 20, 60)
    with Feed(path) as feed:
        assert min(seqs(feed)) > 60
    writer.close()


def test_the_writer_warns_at_80_percent_and_lets_the_oldest_go_at_the_limit(path: Path) -> None:
    writer, clock = writer_with(path, Sent(), limit=10_000)
    for start in range(0, 500, 20):
        work(writer, clock, 20, start)
        assert writer.status().outbox_share <= 1
    told = texts(writer, path)
    assert told.count("outbox is nearly full: sinks do not send") == 1
    assert told.count("outbox is full: the oldest unsent samples are let go") == 1
    with Feed(path) as feed:
        assert feed.let_go(1, 500).samples > 0
    writer.close()


def test_the_outbox_of_a_sink_that_is_gone_is_emptied_and_told(path: Path) -> None:
    writer, clock = writer_with(path, Sent())
    work(writer, clock, 60)
    writer.close()
    writer, clock = writer_with(path, None)
    work(writer, clock, 20, 60)
    assert writer.status().outbox_share == 0
    assert "no sink is configured any more: what it had not sent is let go" in texts(writer, path)
    writer.close()


def test_all_sinks_must_have_sent_and_an_unknown_one_has_sent_nothing(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "a.db"), Ledger(tmp_path / "b.db")
    sent = SentByAll([first.path, second.path])
    for ledger, live in ((first, 9), (second, 5)):
        with ledger.step(0) as step:
            step.attach(77, 0)
            step.live(live)
    assert sent(77) == 5
    assert sent(78) == 0
    second.close()
    second.path.unlink()
    assert sent(77) == 0
    first.close()
