"""The alarm journal: through the historian into the store and back, also in a flood."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from controller.alarms.journal import Entry, Filter, as_csv, entries, entries_of, plain, read
from controller.alarms.kpi import report
from controller.alarms.states import AlarmState, Move
from controller.alarms.transition import events
from controller.clock import ManualClock
from controller.control.states import State
from controller.core.errors import DrylineError
from controller.core.event import Event, EventKind
from controller.historian import Historian
from controller.history.several import MergedReader
from controller.runs.csv_cells import plain_text
from tests.support.alarm_rig import NS, T0_NS, Rig, definition
from tests.support.history import make_tag

RUNS = frozenset(State) - {State.EXECUTE}


def recorded(folder: Path, told: list[Event], name: str = "history") -> Path:
    """A store that has these events."""
    path = folder / f"{name}.db"
    historian = Historian(path, [make_tag("T.PV")], ManualClock())
    historian.start()
    for event in told:
        historian.event(event)
    assert historian.close(60.0)
    return path


def rig_with_a_story() -> Rig:
    rig = Rig(
        definition(group="web", suppressed_in=RUNS),
        definition("hihi", limit=95.0, suppressed_in=RUNS),
        definition("lo", limit=10.0, suppressed_in=RUNS),
    )
    rig.station = State.IDLE
    rig.scan(50)
    rig.station = State.EXECUTE
    rig.scan(96)
    rig.ack()
    rig.shelve(60.0, "T.PV.hihi")
    rig.scan(50)
    rig.station = State.HELD
    rig.scan()
    return rig


def test_every_change_of_state_comes_back_from_history(tmp_path):
    rig = rig_with_a_story()
    told = rig.events()
    assert len(told) < len(rig.told)  # what a state of the station suppresses is one event
    with MergedReader([recorded(tmp_path, told)]) as source:
        found = entries(source)
    assert [(e.alarm, e.before, e.after, e.move, e.occurrence, e.time_ns) for e in found] == [
        (t.alarm.id, t.before, t.after, t.move, t.occurrence, t.time_ns) for t in rig.told
    ]
    came = next(e for e in found if e.came)
    assert (came.value, came.limit, came.first, came.priority) == (96.0, 90.0, "T.PV.hi", 3)
    acknowledged = next(e for e in found if e.move is Move.ACKNOWLEDGE)
    assert acknowledged.actor == "ann"


def test_events_that_are_not_of_the_journal_have_no_entries():
    def event(kind: EventKind = EventKind.ALARM, **data: object) -> Event:
        return Event(time_ns=0, kind=kind, station="s", subject="x", text="", data=data)

    assert entries_of(event()) == ()
    assert entries_of(event(level="hi", active=True, value=1.0, limit=0.5)) == ()
    assert entries_of(event(move="fly", alarm="a")) == ()
    assert entries_of(event(alarms=7)) == ()
    assert entries_of(event(alarms=[["a"]], move="suppress")) == ()
    sound = rig_with_a_story().events()[0]
    other = Event(time_ns=0, kind=EventKind.STATE, station="s", subject="x", text="",
                  data=sound.data)  # fmt: skip
    assert entries_of(sound)
    assert entries_of(other) == ()


def toggled(n: int, *, same_time: int = 1) -> list[Event]:
    """n comings and goings; so many of them at the same time."""
    rig = Rig()
    for k in range(n):
        rig.scan(91 if k % 2 == 0 else 50, after_s=0.001 if k % same_time == 0 else 0.0)
    return rig.events()


@pytest.mark.parametrize("same_time", [1, 7, 400])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_give_every_entry_once_newest_first(tmp_path, same_time, limit):
    told = toggled(150, same_time=same_time)
    paths = [
        recorded(tmp_path, told[::2], "a"),
        recorded(tmp_path, told[1::2], "b"),
    ]
    found: list[Entry] = []
    with MergedReader(paths) as source:
        cursor = ""
        while True:
            page = read(source, limit=limit, cursor=cursor)
            assert page.entries or not page.cursor
            found.extend(page.entries)
            cursor = page.cursor
            if not cursor:
                break
    assert Counter((e.occurrence, e.move) for e in found) == Counter(
        (e.occurrence, e.move) for event in told for e in entries_of(event)
    )
    times = [e.time_ns for e in found]
    assert times == sorted(times, reverse=True)


def test_filters_and_windows(tmp_path):
    rig = rig_with_a_story()
    with MergedReader([recorded(tmp_path, rig.events())]) as source:

        def ids(**wanted: object) -> set[str]:
            return {e.alarm for e in read(source, wanted=Filter(**wanted)).entries}

        assert ids() == {"T.PV.hi", "T.PV.hihi", "T.PV.lo"}
        assert ids(text="HIHI") == {"T.PV.hihi"}
        assert ids(moves=frozenset({Move.SHELVE})) == {"T.PV.hihi"}
        assert ids(priorities=frozenset({1})) == set()
        assert ids(station="tiny") == ids()
        assert ids(station="other") == set()
        first = rig.told[0].time_ns
        assert {e.time_ns for e in entries(source, first, first + 1)} == {first}
        with pytest.raises(DrylineError, match="cursor"):
            read(source, cursor="yesterday")


def test_the_csv_can_be_read_back_and_no_cell_is_a_formula(tmp_path):
    rig = Rig()
    rig.scan(91)
    reason = '=cmd|"/c calc"!A1, really'
    rig.shelve(60.0, reason=reason)
    rows = [e for event in rig.events() for e in entries_of(event)]
    text = "".join(as_csv(rows))
    table = list(csv.DictReader(io.StringIO(text)))
    assert [r["move"] for r in table] == ["raise", "shelve"]
    assert table[0]["time"] == "2026-01-01T00:00:00.100Z"
    assert (table[0]["value"], table[1]["to"]) == ("91.0", "shelved")
    assert not table[1]["reason"].startswith("=")
    assert plain_text(table[1]["reason"]) == reason
    assert plain(rows[0])["time_ns"] == rows[0].time_ns


ALARMS, SCANS, TOGETHER = 500, 120, 500  # 1,000 changes a second for a minute, in 0.5 s scans


def flood() -> list[Event]:
    """All alarms of a board come or go with every scan."""
    definitions = [definition(f"a{k}", above=True, limit=90.0 + k / 1e4) for k in range(ALARMS)]
    rig = Rig(*definitions)
    for k in range(SCANS):
        rig.scan(100 if k % 2 == 0 else 0, after_s=0.5)
    assert len(rig.told) == ALARMS * SCANS == 60_000
    return rig.events()


def test_a_flood_of_60_000_changes_is_stored_without_a_gap(tmp_path):
    told = flood()
    path = tmp_path / "history.db"
    historian = Historian(path, [make_tag("T.PV")], ManualClock())
    historian.start()
    for event in told:
        historian.event(event)
    assert historian.flush(60.0)
    status = historian.status
    assert (status.events_dropped, status.events_queued) == (0, 0)
    historian.close(60.0)
    with MergedReader([path]) as source:
        found = entries(source)
        assert len(found) == len(told) == 60_000
        of_alarm = Counter(e.alarm for e in found)
        assert set(of_alarm.values()) == {SCANS}
        last = dict.fromkeys(of_alarm, AlarmState.NORMAL)
        for e in found:
            assert e.before is last[e.alarm]
            last[e.alarm] = e.after
        r = report(source, T0_NS, T0_NS + 3600 * NS)
    assert (r.alarms, r.peak, r.floods) == (30_000, 30_000, 1)
    assert r.in_flood == pytest.approx((659.0) / 3600.0, abs=0.001)


def test_events_of_one_scan_keep_their_order():
    rig = Rig(definition(), definition("hihi", limit=95.0))
    rig.scan(96)
    assert [e.data["alarm"] for e in events(rig.told)] == ["T.PV.hi", "T.PV.hihi"]
