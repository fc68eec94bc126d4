"""The trail as it is written: durable, chained, shared, and honest about what was done to it."""

import json
import threading
from dataclasses import replace

import pytest

from controller.access.secret import Secret
from controller.audit import trail as trail_module
from controller.audit.append_file import AppendFile
from controller.audit.check import check
from controller.audit.export import COLUMNS, as_json, csv_lines
from controller.audit.reading import Wish, after, matching, newest
from controller.audit.record import MAX_TEXT, Category, decode
from controller.audit.trail import TRAIL, Trail
from controller.audit.verify import Damage
from controller.core.errors import StoreError
from controller.core.event import Verb
from tests.support.audit_trails import TestClock, anchor_of, entry, lines_in, open_trail, records_in


def found(tmp_path):
    return check(tmp_path / "run" / TRAIL, anchor_of(tmp_path))[0]


def actions(tmp_path):
    return [r.entry.action for r in records_in(tmp_path / "run" / TRAIL) if r]


def full(*_):
    raise OSError(28, "No space left on device")


def test_records_are_numbered_chained_and_come_back_as_they_were(tmp_path):
    with open_trail(tmp_path) as trail:
        told = entry("SET", target="COAT.SP", old=1.5, new=2, reason='thin, "dry"\n\x1b[31m 薄い')
        (made,) = trail.append(told)
        again = trail.append(entry(), entry("STOP"))
    assert [r.number for r in again] == [3, 4]
    (read,) = [r for r in records_in(trail.path) if r and r.number == 2]
    assert read == made
    assert again[0].previous == made.hash
    assert found(tmp_path).intact
    assert trail.path.read_bytes().isascii()


def test_the_trail_goes_on_after_a_restart(tmp_path):
    for _ in range(3):
        with open_trail(tmp_path) as trail:
            trail.append(entry())
    assert [r.number for r in records_in(trail.path)] == [1, 2, 3, 4]
    assert found(tmp_path).records == 4


def test_the_anchor_knows_every_record_that_was_confirmed(tmp_path):
    with open_trail(tmp_path) as trail:
        for _ in range(5):
            (made,) = trail.append(entry())
            newest_anchor = anchor_of(tmp_path).read()[0][0]
            assert (newest_anchor.number, newest_anchor.hash) == (made.number, made.hash)


def test_threads_and_other_writers_share_one_chain(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as one, open_trail(tmp_path, clock) as other:

        def work(trail, name):
            for k in range(20):
                trail.append(entry("SET", actor=name, target=str(k)))

        threads = [threading.Thread(target=work, args=(t, f"{n}{k}"))
                   for n, t in (("a", one), ("b", other)) for k in range(3)]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    verification = found(tmp_path)
    assert verification.intact
    assert verification.records == 1 + 6 * 20
    for name in ("a0", "b2"):
        own = [r.entry.target for r in matching(one.path, Wish(actor=name))]
        assert own == [str(k) for k in range(20)]


def test_what_came_at_once_is_written_at_once(tmp_path, monkeypatch):
    writes = []

    class Counted(AppendFile):
        def append(self, content):
            writes.append(content.count(b"\n"))
            super().append(content)

    with open_trail(tmp_path, file_type=Counted) as trail:
        trail._turn.acquire()
        threads = [threading.Thread(target=trail.append, args=(entry(),)) for _ in range(8)]
        threads[0].start()  # leads, and has its turn when the one before is done
        while not trail._led or trail._waiting:
            threading.Event().wait(0.001)
        for thread in threads[1:]:
            thread.start()
        while len(trail._waiting) < 7:
            threading.Event().wait(0.001)
        trail._turn.release()
        for thread in threads:
            thread.join()
    assert writes == [1, 1, 7]


def test_long_texts_are_cut_and_secrets_and_objects_refused(tmp_path):
    with open_trail(tmp_path) as trail:
        (made,) = trail.append(entry(reason="x" * 5000, target="\ud800"))
        for wrong in (Secret("x"), object(), b"x"):
            with pytest.raises(TypeError):
                trail.append(entry(new=wrong))
        trail.append(entry(new=float("nan")))
    read = decode(lines_in(trail.path)[made.number - 1])
    assert read.entry.reason.startswith("x" * MAX_TEXT + "... (5000")
    assert found(tmp_path).intact


def test_the_longest_entry_fits_a_line(tmp_path):
    texts = ("actor", "source", "station", "target", "old", "new", "reason", "code", "detail",
             "command")  # fmt: skip
    with open_trail(tmp_path) as trail:
        trail.append(entry("\U0001f9ea" * 3000, **dict.fromkeys(texts, "\U0001f9ea" * 3000)))
        with pytest.raises(ValueError, match="at most"):
            trail.append(entry(signature={str(k): "x" * 900 for k in range(400)}))
        trail.append(entry())
    assert found(tmp_path).records == 3


# -- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 5.0])
def test_a_clock_that_was_set_is_a_record_before_the_next(tmp_path, step_s):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        trail.append(entry())
        clock.pass_s(100.0)
        clock.set_s(step_s)
        (made,) = trail.append(entry())
    before = records_in(trail.path)[made.number - 2]
    assert before.entry.category is Category.CLOCK
    assert f"{step_s:+.3f} s" in before.entry.detail


def test_time_that_passes_is_no_step(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        for _ in range(10):
            clock.pass_s(1_000.0)
            clock.set_s(0.2)
            trail.append(entry())
    assert "clock set" not in actions(tmp_path)


def test_a_clock_that_is_set_and_set_back_leaves_two_records(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        trail.append(entry())
        for step_s in (0.0, 60.0, 0.0, -60.0, 0.0):
            clock.set_s(step_s)
            trail.look_at_clock()
        trail.append(entry())
    assert actions(tmp_path)[-4:] == ["START", "clock set", "clock set", "START"]


def test_looking_at_a_clock_that_was_not_set_writes_nothing(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        trail.look_at_clock()
        clock.pass_s(1_000.0)
        trail.look_at_clock()
        assert trail.head.number == 1


def test_a_clock_that_went_back_over_a_restart_is_seen(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        trail.append(entry())
    later = TestClock(t_s=10.0, wall_s=-500.0, boot="boot-2")
    with open_trail(tmp_path, later) as trail:
        trail.append(entry())
    assert actions(tmp_path)[-2:] == ["clock set", "START"]


# -- a disk that refuses -------------------------------------------------------------------------


def test_without_a_record_nothing_is_confirmed_and_only_what_is_safe_may_happen(
    tmp_path, monkeypatch
):
    with open_trail(tmp_path) as trail:
        monkeypatch.setattr(trail._file, "_write", full)
        with pytest.raises(StoreError, match="No space left"):
            trail.append(entry())
        for verb in Verb:
            safe = verb in (Verb.STOP, Verb.HOLD, Verb.ABORT)
            assert (trail.may_act(verb) == "") == safe
        monkeypatch.undo()
        trail.append(entry("RESET"))
        assert trail.may_act(Verb.START) == ""
    assert actions(tmp_path) == ["begun", "RESET"]
    assert found(tmp_path).intact


@pytest.mark.parametrize("refusing", ["_write", "_sync"])
def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch, refusing):
    with open_trail(tmp_path) as trail:
        trail.append(entry())
        before = trail.path.read_bytes()
        file, real = trail._file, getattr(trail._file, refusing)
        calls = []

        def half(*args):
            calls.append(1)
            if len(calls) > 1:
                return real(*args)
            if refusing == "_write":
                real(args[0][:50])
            return full()

        monkeypatch.setattr(file, refusing, half)
        with pytest.raises(StoreError):
            trail.append(entry("SET"))
        monkeypatch.undo()
        assert trail.path.read_bytes() == before
        trail.append(entry("SET"))
    assert actions(tmp_path) == ["begun", "START", "SET"]


def test_what_could_not_be_taken_back_is_taken_back_later(tmp_path, monkeypatch):
    with open_trail(tmp_path) as trail:
        monkeypatch.setattr(trail._file, "_sync", full)
        with pytest.raises(StoreError):
            trail.append(entry("SET"))
        monkeypatch.undo()
        trail.append(entry("STOP"))
    assert actions(tmp_path) == ["begun", "STOP"]
    assert found(tmp_path).intact


def test_what_happened_anyway_is_recorded_later_with_its_own_time(tmp_path, monkeypatch):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        monkeypatch.setattr(trail._file, "_write", full)
        trail.note(entry("STOP"))
        stopped_at = clock().utc_ns
        clock.pass_s(500.0)
        monkeypatch.undo()
        trail.append(entry("RESET"))
    _, stop, reset = records_in(trail.path)
    assert (stop.entry.action, stop.late, stop.moment.utc_ns) == ("STOP", True, stopped_at)
    assert (reset.entry.action, reset.late) == ("RESET", False)
    assert found(tmp_path).intact


def test_what_memory_cannot_keep_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(trail_module, "MAX_OWED", 3)
    with open_trail(tmp_path) as trail:
        monkeypatch.setattr(trail._file, "_write", full)
        for _ in range(5):
            trail.note(entry("STOP"))
        assert trail.dropped == 2
        monkeypatch.undo()
        monkeypatch.setattr(trail_module, "MAX_OWED", 3)
        trail.append(entry())
    assert actions(tmp_path) == ["begun", "records lost", "STOP", "STOP", "STOP", "START"]


def test_an_anchor_that_cannot_be_written_is_told_and_stops_nothing(tmp_path, monkeypatch):
    with open_trail(tmp_path) as trail:
        monkeypatch.setattr(trail.anchor, "write", full)
        trail.append(entry())
        assert trail.anchor_failing
        trail.append(entry())
        monkeypatch.undo()
        trail.append(entry())
        trail.append(entry())
        assert trail.anchor_failing == ""
    assert actions(tmp_path).count("anchor failing") == 1
    assert "anchor written again" in actions(tmp_path)
    assert found(tmp_path).intact


def test_a_trail_that_cannot_be_opened_says_so(tmp_path):
    (tmp_path / "run").write_text("a file, no folder")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_trail(tmp_path)


# -- what a crash leaves -------------------------------------------------------------------------


def test_an_unfinished_record_is_removed_and_told(tmp_path):
    with open_trail(tmp_path) as trail:
        trail.append(entry())
    with trail.path.open("ab") as stream:
        stream.write(b'{"action":"SET","act')
    assert found(tmp_path).finding.damage is Damage.UNFINISHED
    with open_trail(tmp_path) as trail:
        trail.append(entry())
    assert actions(tmp_path) == ["begun", "START", "unfinished record removed", "START"]
    assert found(tmp_path).intact


def test_records_without_anchor_are_adopted_and_told(tmp_path, monkeypatch):
    with open_trail(tmp_path) as trail:
        monkeypatch.setattr(trail, "_put_anchor", lambda: None)
        trail.append(entry())
        trail.append(entry())
    finding = found(tmp_path).finding
    assert (finding.number, finding.damage) == (2, Damage.UNFINISHED)
    with open_trail(tmp_path):
        pass
    assert actions(tmp_path)[-1] == "adopted"
    verification = found(tmp_path)
    assert verification.intact
    assert "2 records" in verification.notes[0]


def test_a_missing_anchor_is_told(tmp_path):
    with open_trail(tmp_path) as trail:
        trail.append(entry())
    anchor_of(tmp_path).path.unlink()
    with open_trail(tmp_path):
        pass
    assert actions(tmp_path)[-1] == "anchor missing"


def test_an_anchor_with_one_bad_slot_still_anchors(tmp_path):
    with open_trail(tmp_path) as trail:
        trail.append(entry())
        trail.append(entry())
    path = anchor_of(tmp_path).path
    raw = path.read_bytes()
    half = len(raw) // 2
    for broken in (b"?" * half + raw[half:], raw[:half] + b"?" * half, raw[:half]):
        path.write_bytes(broken)
        with open_trail(tmp_path) as trail:
            trail.append(entry())
        assert found(tmp_path).intact
        assert len(anchor_of(tmp_path).read()[0]) == 2


# -- what an attacker leaves ---------------------------------------------------------------------


def cut(path):
    path.write_bytes(b"".join(lines_in(path)[:-2]))


def swap_in_old_copy(path):
    old = b"".join(lines_in(path)[:3])
    path.unlink()
    path.write_bytes(old)


def remove(path):
    path.unlink()


def other_last_record(path):
    *lines, last = lines_in(path)
    path.write_bytes(b"".join([*lines, last.replace(b"sato", b"toas")]))


# What was read already is looked at by `verify` only: no other_last_record while running.
@pytest.mark.parametrize(
    ("deed", "running"),
    [(cut, True), (swap_in_old_copy, True), (remove, True), (cut, False),
     (swap_in_old_copy, False), (remove, False), (other_last_record, False)],
)  # fmt: skip
def test_a_trail_that_is_not_the_one_that_was_written_is_kept_aside_and_continued(
    tmp_path, deed, running
):
    trail = open_trail(tmp_path)
    for _ in range(5):
        trail.append(entry())
    if not running:
        trail.close()
    deed(trail.path)
    left = trail.path.read_bytes() if trail.path.exists() else None
    if not running:
        trail = open_trail(tmp_path)
    (made,) = trail.append(entry("RESET"))
    assert "after record 6" in trail.broken
    trail.close()
    assert made.number == 8
    assert actions(tmp_path) == ["continued", "RESET"]
    aside = trail.path.with_name(TRAIL + ".broken-1")
    assert (aside.read_bytes() if aside.exists() else None) == left
    finding = found(tmp_path).finding
    assert (finding.number, finding.damage) == (7, Damage.BROKEN)
    with open_trail(tmp_path) as trail:
        trail.accept_break("chief", "terminal", "disk was exchanged")
    verification = found(tmp_path)
    assert verification.intact
    assert "chief: disk was exchanged" in verification.notes[0]


def test_after_a_break_all_writers_go_on_in_the_same_new_file(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as one, open_trail(tmp_path, clock) as other:
        one.append(entry())
        other.append(entry())
        cut(one.path)
        one.append(entry("RESET"))
        one.append(entry("RESET"))
        other.append(entry("STOP"))
        one.append(entry("START"))
    assert actions(tmp_path) == ["continued", "RESET", "RESET", "STOP", "START"]
    assert not one.path.with_name(TRAIL + ".broken-2").exists()


def test_forged_records_at_the_end_are_told_as_unknown_to_the_anchor(tmp_path):
    with open_trail(tmp_path) as trail:
        trail.append(entry())
        other = Trail(tmp_path / "run" / TRAIL, TestClock(), anchor=anchor_of(tmp_path / "fake"))
        other.close()
    assert "anchor missing" in actions(tmp_path)
    assert found(tmp_path).finding.damage is Damage.UNFINISHED


# -- reading -------------------------------------------------------------------------------------


def test_newest_after_and_wishes(tmp_path):
    clock = TestClock()
    with open_trail(tmp_path, clock) as trail:
        for k in range(300):
            clock.pass_s(1.0)
            trail.append(entry("SET", actor=f"user{k % 3}", target=str(k), reason="r" * 900))
    path = trail.path
    assert [r.entry.target for r in newest(path, Wish(actor="user1"), 3)] == ["292", "295", "298"]
    assert [r.number for r in after(path, 295, 3)] == [296, 297, 298]
    assert [r.number for r in newest(path, Wish(), 2, before=10)] == [8, 9]
    times = [r.moment.utc_ns for r in records_in(path)]
    wish = Wish(from_ns=times[100], to_ns=times[103])
    assert [r.number for r in matching(path, wish)] == [101, 102, 103]
    assert list(matching(path, replace(wish, category=Category.USER))) == []


def test_an_export_has_every_column_and_no_formula(tmp_path):
    with open_trail(tmp_path) as trail:
        trail.append(entry("=cmd|' /C calc'!A0", actor="+1", reason="@SUM(A1)", new=True))
    records = records_in(trail.path)
    head, *rows = csv_lines(records)
    assert head.strip().split(",") == list(COLUMNS)
    assert len(rows) == 2
    assert ",'=cmd" in rows[1]
    assert ",'+1," in rows[1]
    assert json.loads(json.dumps(as_json(records[1])))["new"] is True
