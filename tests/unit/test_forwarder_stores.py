"""A sink whose store or ledger is not what it was: nothing lost, nothing doubled, all told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from controller.core.errors import StoreError
from controller.sinks import ledger
from controller.sinks.condition import State
from controller.sinks.ledger import Gap
from controller.sinks.ledger_reader import untold
from tests.support.history import T0_NS, batch
from tests.support.sink_rig import Rig, outage


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def test_a_ledger_of_the_first_version_goes_on_where_it_was(rig: Rig) -> None:
    rig.commit(1000)
    rig.live.step()
    for _ in range(10):
        rig.back.step()
    rig.close_sink()
    with closing(sqlite3.connect(rig.ledger.path)) as connection:
        connection.executescript(
            "ALTER TABLE gap DROP COLUMN from_ns; ALTER TABLE gap DROP COLUMN to_ns;"
            "PRAGMA user_version=1"
        )
    rig.open_sink()
    assert rig.position.gaps == (Gap(1, 1, 500),)
    rig.run()
    assert rig.all_sent()
    assert sum(len(lines) for lines in rig.server.posts) == 2000


def test_a_damaged_row_is_left_out_and_told(rig: Rig) -> None:
    for _ in range(3):
        rig.commit()
    rig.store._connection.execute("UPDATE journal SET columns = zeroblob(420) WHERE seq = 2")
    rig.run()
    assert len(rig.server.points) == 40
    (note,) = untold(rig.ledger.path)
    assert note.facts["samples"] == 20
    assert "damaged" in note.text
    assert rig.ledger.totals().dropped == 20


def test_a_row_in_the_stores_quarantine_is_told_once(rig: Rig) -> None:
    for _ in range(3):
        rig.commit()
    rig.store._connection.execute("UPDATE journal SET columns = zeroblob(420) WHERE seq = 2")
    rig.store.check()
    rig.run()
    assert rig.ledger.totals().dropped == 20
    assert len(rig.server.points) == 40


def test_backfill_does_not_replace_a_later_version_that_live_has_sent(rig: Rig) -> None:
    outage(rig, rows=40)
    same = T0_NS + 10**12
    filler = [(2, 5.0, 0, same + k) for k in range(1, 50)]
    rig.store.commit(batch([(1, 1.0, 0, same), (1, 2.0, 0, same - 1)]))
    rig.store.commit(batch([(1, 9.0, 0, same), *filler[:24]]))
    rig.store.commit(batch(filler[24:]))
    rig.run(rig.live)
    assert rig.position.gaps[-1].hi == 41  # ends between the two versions
    assert rig.server.values("A")[-1] == 9.0
    rig.run()
    assert rig.position.gaps == ()
    assert rig.server.values("A")[-2:] == [2.0, 9.0]


def test_a_damaged_row_is_told_once_when_it_is_sealed_unsent(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    rig.store._connection.execute("UPDATE journal SET columns = zeroblob(420) WHERE seq = 20")
    rig.seal()
    rig.run()
    assert rig.ledger.totals().dropped == 20
    assert len(rig.server.points) == 2 * rig.written - 20


def test_an_unreported_commit_is_sent_as_it_became(rig: Rig) -> None:
    rig.commit()
    rig.run()
    rig.commit()
    rig.store.last_seq, rig.store._unreported = 1, True  # carried out, and reported as failed
    rig.run()
    rig.written = 10
    rig.commit(25)  # so it is repeated, with more
    rig.run()
    assert rig.all_sent()


def test_another_store_is_sent_from_its_beginning(rig: Rig, tmp_path: Path) -> None:
    for _ in range(5):
        rig.commit()
    rig.run()
    rig.close()
    (tmp_path / "history.db").unlink()
    again = Rig(tmp_path)
    again.commit()
    again.run()
    assert again.all_sent()
    assert again.position.live == 1
    assert again.notes() == ["sink plant: the history is another one; what it holds is sent anew"]
    again.close_sink()
    again.open_sink()  # the fixture closes the first, this one closes what is open now
    again.close()
    rig.open_sink = rig.close = lambda: None  # type: ignore[method-assign]


def test_a_damaged_ledger_is_set_aside_and_everything_sent_again(rig: Rig) -> None:
    rig.commit()
    rig.run()
    rig.close_sink()
    rig.ledger.path.write_bytes(b"no ledger" * 1000)
    rig.open_sink()
    rig.run()
    assert rig.all_sent()
    assert rig.ledger.totals().sent == 20
    assert "damaged and set aside" in rig.notes()[0]


def test_a_disk_that_refuses_the_ledger_holds_the_lane_until_it_is_noted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.commit()
    broken = True

    def step(self: ledger.Ledger, now_ns: int) -> object:
        if broken:
            raise StoreError("disk is full")
        return whole(self, now_ns)

    whole = ledger.Ledger.step
    monkeypatch.setattr(ledger.Ledger, "step", step)
    assert rig.live.step() > 0
    rig.commit()
    for _ in range(3):
        rig.live.step()
    assert rig.condition.now()[0] is State.DISK
    assert len(rig.server.posts) == 1  # nothing further before this one is noted
    assert rig.position.live == 0
    broken = False
    rig.run()
    assert rig.all_sent()
