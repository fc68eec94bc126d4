"""What was done past the trail comes into it from the histories of the controllers, once."""

import sqlite3
from contextlib import closing

import pytest

from controller.audit.moment import Moment
from controller.audit.reading import Wish, matching
from controller.audit.record import Category, Entry, Result
from controller.audit.takeover import STARTED, Takeover
from controller.core.errors import StoreError
from controller.core.event import Event, EventKind
from controller.history import Store
from controller.history.schema import renew_identity
from controller.history.store import event_row
from tests.support.audit_trails import UTC0_NS, TestClock, open_trail
from tests.support.history import batch

GIVEN = {
    "op": "command", "action": "SET", "target": "COAT.SP", "value": 5.0, "reason": "raw",
    "accepted": False, "code": "range", "why": "allowed 0 to 4",
}  # fmt: skip


def event(kind=EventKind.SYSTEM, subject="console", actor="mallory", at_s=0.0, **data) -> Event:
    return Event(
        time_ns=UTC0_NS + round(at_s * 1e9), kind=kind, station="coater", subject=subject,
        text="told", actor=actor, data=data or dict(GIVEN),
    )  # fmt: skip


@pytest.fixture
def history(tmp_path):
    store = Store.open(tmp_path / "history.db")
    yield store
    store.close()


@pytest.fixture
def trail(tmp_path):
    with open_trail(tmp_path, TestClock(t_s=0.0)) as made:
        yield made


def tell(history: Store, *events: Event) -> None:
    history.commit(batch([]), [event_row(e) for e in events])


def taken(trail) -> list[Entry]:
    return [r.entry for r in matching(trail.path, Wish()) if r.entry.source == "console"]


def test_a_command_at_the_console_gets_a_record_with_who_what_and_what_became_of_it(trail, history):
    tell(history, event())
    assert Takeover.of(trail).look([history.path]) == 1
    (made,) = taken(trail)
    assert (made.category, made.action, made.actor) == (Category.COMMAND, "SET", "mallory")
    assert (made.station, made.target, made.new, made.reason) == ("coater", "COAT.SP", 5.0, "raw")
    assert (made.result, made.code) == (Result.REFUSED, "range")
    assert made.detail == "allowed 0 to 4; at 2026-01-01T00:00:00.000Z"


def test_programs_and_what_trials_do_by_themselves_are_recorded_too(trail, history):
    tell(
        history,
        event(subject="pilot", actor="", process="controller started"),
        event(EventKind.COMMAND, "DEPLOY", "trial coater-1", id="7", reason="over"),
        event(EventKind.COMMAND, "START", "sato", id="8"),  # has a record already
        event(subject="pilot", actor="", number=3, hash="0" * 64),
        event(EventKind.ALARM, "COAT.T.HI", "sato"),
    )
    Takeover.of(trail).look([history.path])
    assert [(e.category, e.action, e.actor) for e in taken(trail)] == [
        (Category.PROCESS, "controller started", ""),
        (Category.DEPLOY, "DEPLOY", "trial coater-1"),
    ]


def test_each_is_taken_over_once_also_after_a_restart(trail, history):
    tell(history, event(at_s=1.0))
    first = Takeover.of(trail)
    assert first.look([history.path]) == 1
    assert first.look([history.path]) == 0
    tell(history, event(at_s=2.0))
    assert Takeover.of(trail).look([history.path]) == 1
    again = Takeover.of(trail)
    trail.append(
        Entry(category=Category.PROCESS, action=STARTED, actor="", source="", detail=again.places)
    )
    assert Takeover.of(trail).look([history.path]) == 0
    tell(history, event(at_s=3.0))
    assert Takeover.of(trail).look([history.path]) == 1
    assert len(taken(trail)) == 3


def test_more_than_one_read_brings_are_all_taken_over(trail, history, monkeypatch):
    monkeypatch.setattr("controller.audit.takeover.AT_ONCE", 10)
    tell(history, *(event(at_s=k) for k in range(95)))
    assert Takeover.of(trail).look([history.path]) == 95


def test_what_the_trail_cannot_take_now_it_takes_later(trail, history, monkeypatch):
    tell(history, event())
    takeover = Takeover.of(trail)
    with monkeypatch.context() as broken:
        broken.setattr(trail, "append", _refuses)
        with pytest.raises(StoreError):
            takeover.look([history.path])
    assert takeover.look([history.path]) == 1


def _refuses(*_: Entry) -> None:
    raise StoreError("full")


def test_a_restored_history_is_not_taken_over_once_more(trail, history):
    tell(history, event(at_s=1.0))
    clock_s = 5.0
    first = Takeover.of(trail)
    first.look([history.path])
    trail._now = lambda: Moment(UTC0_NS + round(clock_s * 1e9), 10**12, "boot-1")
    trail.append(
        Entry(category=Category.PROCESS, action=STARTED, actor="", source="", detail=first.places)
    )
    tell(history, event(at_s=6.0))
    Takeover.of(trail).look([history.path])
    history.close()
    with closing(sqlite3.connect(history.path, isolation_level=None)) as connection:
        renew_identity(connection)
    assert Takeover.of(trail).look([history.path]) == 0
    assert len(taken(trail)) == 2


def test_a_history_that_is_not_there_or_no_history_is_passed_over(trail, tmp_path):
    (tmp_path / "other.db").write_text("nothing")
    assert Takeover.of(trail).look([tmp_path / "none.db", tmp_path / "other.db"]) == 0
