"""The historian as its callers see it: queueing, acknowledging, failing disks, orderly ends."""

import asyncio
import logging
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from controller.clock import NS, ManualClock, SystemClock
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.core.ports import Recorder
from controller.core.sample import Samples
from controller.historian import Historian, HistorianSettings
from controller.history import Reader, Store
from controller.history.backlog import Backlog, Loss
from controller.history.store import event_row
from controller.history.writer import Writer
from tests.support.history import T0_NS, Row, batch, make_tag

TAGS = [make_tag("A", deadband=0.5, resolution=0.01), make_tag("B")]
EVENT = Event(time_ns=T0_NS, kind=EventKind.STATE, station="cell", subject="cell", text="IDLE")
QUICK = HistorianSettings(commit_interval_s=0.005)


def rows(n: int, start: int = 0, tag: int = 1) -> list[Row]:
    return [(tag, float(k), 0, T0_NS + k * NS) for k in range(start, start + n)]


def sync_writer(path: Path, clock: ManualClock, **settings: int | float) -> Writer:
    """A writer driven by the test instead of a thread."""
    wanted = HistorianSettings(**{"seal_samples": 10**9, "seal_per_tag": 0} | settings)  # type: ignore[arg-type]
    return Writer(Store.open(path), TAGS, clock, wanted)


def full(writer: Writer, *, is_full: bool) -> None:
    """Let the file grow no further, or let it grow again."""
    pages = writer._store._number("PRAGMA page_count") if is_full else 2**30
    writer._store._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()


def read(path: Path, tag: str = "B") -> list[float]:
    with Reader(path) as reader:
        return reader.raw(tag, 0, 2**62).values.tolist()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "history.db"


def test_what_is_flushed_is_durable_and_counted(path: Path) -> None:
    historian: Recorder = Historian(path, TAGS, SystemClock(), QUICK)
    assert isinstance(historian, Historian)
    historian.start()
    historian.record(batch(rows(100)))
    historian.event(EVENT)
    assert historian.flush()
    assert read(path) == [float(k) for k in range(100)]
    status = historian.status
    assert (status.accepted, status.stored, status.queued, status.dropped) == (100, 100, 0, 0)
    assert (status.events_stored, status.running, status.failing) == (1, True, False)
    with historian.reader() as reader:
        assert reader.events() == [EVENT]
    assert historian.close()
    assert not historian.status.running


def test_every_accepted_sample_is_in_one_counter(path: Path) -> None:
    historian = Historian(path, TAGS, SystemClock(), QUICK)
    historian.start()
    rng = np.random.default_rng(3)
    for k in range(50):
        values = [(tag, float(v), 0, T0_NS + k * NS) for tag, v in enumerate(rng.normal(0, 1, 2))]
        historian.record(batch(values))
    assert historian.flush()
    s = historian.status
    assert s.accepted == 100 == s.stored + s.filtered + s.dropped + s.queued + s.held
    assert s.filtered > 0
    historian.close()
    s = historian.status
    assert s.accepted == 100 == s.stored + s.filtered
    with Reader(path) as reader:
        assert len(reader.raw("A", 0, 2**62)) + len(reader.raw("B", 0, 2**62)) == s.stored


def test_close_stores_what_waits_and_what_the_filter_keeps_back(path: Path) -> None:
    historian = Historian(path, TAGS, SystemClock(), HistorianSettings(commit_interval_s=60))
    historian.record(batch([(0, 1.0, 0, T0_NS)]))  # before the start: it waits
    historian.start()
    historian.record(batch([(0, 1.1, 0, T0_NS + NS), (0, 1.2, 0, T0_NS + 2 * NS)]))
    assert historian.close()
    assert read(path, "A") == [1.0, 1.2]


def test_values_are_stored_in_steps_of_the_resolution(path: Path) -> None:
    historian = Historian(path, TAGS, SystemClock(), QUICK)
    historian.start()
    historian.record(batch([(0, 12.345678, 0, T0_NS), (1, 12.345678, 0, T0_NS)]))
    historian.close()
    assert (read(path, "A"), read(path, "B")) == ([12.35], [12.345678])


def test_a_wrong_batch_is_refused_where_it_is_made(path: Path) -> None:
    historian = Historian(path, TAGS, SystemClock(), QUICK)
    with pytest.raises(ValueError, match=r"tag index outside 0\.\.1"):
        historian.record(batch([(2, 0.0, 0, 0)]))
    good = batch(rows(2))
    with pytest.raises(ValueError, match="differ in length"):
        historian.record(Samples(good.tags, good.values[:1], good.quality, good.time_ns))


def test_recording_after_the_end_is_counted_and_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    historian = Historian(path, TAGS, SystemClock(), QUICK)
    historian.start()
    historian.close()
    with caplog.at_level(logging.ERROR):
        historian.record(batch(rows(3)))
        historian.event(EVENT)
        historian.record(batch(rows(3)))
    assert historian.status.dropped == 6
    assert historian.status.events_dropped == 1
    assert len(caplog.records) == 1
    with pytest.raises(StoreError, match="started before"):
        historian.start()


def test_two_historians_on_one_file_are_refused(path: Path) -> None:
    first = Historian(path, TAGS, SystemClock(), QUICK)
    first.start()
    second = Historian(path, TAGS, SystemClock(), QUICK)
    with pytest.raises(StoreError, match="is writing this history"):
        second.start()
    first.close()


async def test_the_event_loop_turns_while_the_historian_starts_and_ends(path: Path) -> None:
    historian = Historian(path, TAGS, SystemClock(), QUICK)
    await asyncio.gather(historian.start_async(), asyncio.sleep(0))
    historian.record(batch(rows(5)))
    assert await historian.flush_async()
    assert await historian.close_async()


def test_a_full_disk_keeps_samples_waiting_and_resumes_alone(path: Path) -> None:
    writer = sync_writer(path, ManualClock())
    writer.take(batch(rows(10)), [event_row(EVENT)], Loss())
    assert writer.commit()
    full(writer, is_full=True)
    writer.take(batch(rows(5000, 10)), [], Loss())
    assert not writer.commit()
    status = writer.status()
    assert (status.failing, status.stored, status.queued) == (True, 10, 5000)
    assert "full" in status.error
    assert read(path) == [float(k) for k in range(10)]
    full(writer, is_full=False)
    assert writer.commit()
    assert writer.commit()  # the event of the recovery
    assert not writer.status().failing
    writer.close()
    assert read(path) == [float(k) for k in range(5010)]
    with Reader(path) as reader:
        texts = [event.text for event in reader.events()]
    assert texts[0] == "IDLE"
    assert texts[1].startswith("storing failed")
    assert texts[2] == "storing works again"


def test_beyond_the_limit_the_oldest_are_dropped_and_the_gap_is_told_exactly(path: Path) -> None:
    writer = sync_writer(path, ManualClock(), queue_samples=6000)
    full(writer, is_full=True)
    for start in range(0, 10_000, 2500):
        writer.take(batch(rows(2500, start)), [], Loss())
        assert not writer.commit()
    assert (writer.status().queued, writer.status().dropped) == (6000, 4000)
    full(writer, is_full=False)
    assert writer.commit()
    writer.close()
    assert read(path) == [float(k) for k in range(4000, 10_000)]
    with Reader(path) as reader:
        (gap,) = [event for event in reader.events() if event.text.startswith("gap")]
    assert gap.data == {
        "samples": 4000,
        "events": 0,
        "from_ns": T0_NS,
        "to_ns": T0_NS + 3999 * NS,
    }


def test_after_a_loss_a_steady_value_is_stored_again(path: Path) -> None:
    writer = sync_writer(path, ManualClock(), queue_samples=1)
    writer.take(batch([(0, 1.0, 0, T0_NS), (1, 1.0, 0, T0_NS + 1)]), [], Loss())
    writer.take(batch([(0, 1.0, 0, T0_NS + 2)]), [], Loss())
    assert writer.commit()
    writer.close()
    assert writer.status().dropped == 2
    assert read(path, "A") == [1.0]


def test_events_beyond_their_limit_are_counted_too(path: Path) -> None:
    writer = sync_writer(path, ManualClock(), queue_events=3)
    writer.take(batch([]), [event_row(EVENT)] * 5, Loss())
    assert writer.commit()
    writer.close()
    with Reader(path) as reader:
        assert len(reader.events(station="cell")) == 3
        (gap,) = reader.events(station="")
    assert gap.data["events"] == 2


def run_upkeep(writer: Writer, clock: ManualClock) -> None:
    """Until there is nothing to do: seal, thin, give back."""
    for _ in range(12):
        writer.upkeep()
        for planned in (writer._sealing, writer._thinning):
            if planned is not None:
                planned.exception()
    clock.t_s += 1


def test_sealing_empties_the_journal_and_changes_no_answer(path: Path) -> None:
    clock = ManualClock()
    writer = sync_writer(path, clock, seal_samples=500)
    for start in range(0, 2000, 400):
        writer.take(batch(rows(400, start)), [], Loss())
        assert writer.commit()
        run_upkeep(writer, clock)
    status = writer.status()
    assert status.seals >= 2
    assert status.journal_samples < 500
    assert read(path) == [float(k) for k in range(2000)]
    writer.close()
    assert read(path) == [float(k) for k in range(2000)]


def test_an_old_journal_is_sealed_even_if_it_is_short(path: Path) -> None:
    clock = ManualClock()
    writer = sync_writer(path, clock, seal_interval_s=600.0)
    writer.take(batch(rows(3)), [], Loss())
    assert writer.commit()
    run_upkeep(writer, clock)
    assert writer.status().seals == 0
    clock.t_s += 600
    run_upkeep(writer, clock)
    assert (writer.status().seals, writer.status().journal_samples) == (1, 0)
    writer.close()


def test_raw_samples_older_than_raw_days_go_by_themselves(path: Path) -> None:
    clock = ManualClock()
    writer = sync_writer(path, clock, seal_samples=1, raw_days=1.0, ten_s_days=1.0)
    writer.take(batch(rows(100)), [], Loss())
    assert writer.commit()
    run_upkeep(writer, clock)
    assert len(read(path)) == 100
    clock.t_s += 2 * 86_400
    run_upkeep(writer, clock)
    assert len(read(path)) == 100  # nothing newer came: the age does not count
    writer.take(batch([(1, 7.0, 0, clock.utc_ns())]), [], Loss())
    assert writer.commit()
    run_upkeep(writer, clock)
    clock.t_s += 3600
    run_upkeep(writer, clock)
    assert read(path) == [7.0]
    with Reader(path) as reader:
        assert reader.buckets("B", T0_NS, T0_NS + 600 * NS, 1).count.tolist() == [100]
    writer.close()


def test_reaching_the_size_limit_is_told_as_an_event(path: Path) -> None:
    clock = ManualClock()
    writer = sync_writer(path, clock, seal_samples=1, max_bytes=200_000)
    noise = np.random.default_rng(1).normal(size=(16, 2000))
    for day, values in enumerate(noise):
        start_ns = T0_NS + day * 86_400 * NS
        day_rows = [(1, float(v), 0, start_ns + k * NS) for k, v in enumerate(values)]
        writer.take(batch(day_rows), [], Loss())
        assert writer.commit()
        run_upkeep(writer, clock)
    assert writer.commit()
    assert writer.status().used_bytes <= 200_000
    writer.close()
    with Reader(path) as reader:
        texts = [event.text for event in reader.events()]
        assert reader.span("B") == (T0_NS, T0_NS + (15 * 86_400 + 1999) * NS)
    assert any("nearly full" in text for text in texts)
    assert any("size limit" in text for text in texts)


def test_opening_tells_about_quarantined_pieces(path: Path) -> None:
    clock = ManualClock()
    writer = sync_writer(path, clock)
    writer.take(batch(rows(3)), [], Loss())
    assert writer.commit()
    writer.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE journal SET crc = crc + 1")
    connection.close()
    writer = sync_writer(path, clock)
    assert writer.commit()
    assert writer.status().quarantined == 1
    writer.close()
    with Reader(path) as reader:
        assert "quarantined" in reader.events()[-1].text


def test_backlog_drops_exactly_what_is_too_much() -> None:
    backlog, loss = Backlog(5), Loss()
    backlog.append(batch(rows(4)), loss)
    backlog.append(batch(rows(3, 4)), loss)
    assert (len(backlog), loss.samples, loss.from_ns, loss.to_ns) == (5, 2, T0_NS, T0_NS + NS)
    backlog.append(batch(rows(9, 7)), loss)
    assert backlog.take().values.tolist() == [11.0, 12.0, 13.0, 14.0, 15.0]
    assert (len(backlog), loss.samples) == (0, 11)
