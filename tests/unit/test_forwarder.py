"""A sink's lanes: nothing lost, nothing doubled, whatever the server answers."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from controller.core.errors import StoreError
from controller.core.event import EventKind
from controller.sinks import delivery, forwarder, lane, ledger, sources
from controller.sinks.answers import LAST_BACK_OFF_S, STOPPED_S, Answer
from controller.sinks.condition import State
from controller.sinks.ledger import Gap
from controller.sinks.ledger_reader import position_and_totals, quarantine, send_again, untold
from tests.support.history import T0_NS
from tests.support.sink_rig import DOWN, Rig, outage


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def refuse(*values: float) -> object:
    """A server that takes no line with one of these values."""
    words = tuple(f"value={v!r}," for v in values)

    def say(lines: Sequence[str]) -> Answer | None:
        bad = [line for line in lines if any(word in line for word in words)]
        return Answer(400, "field type conflict") if bad else None

    return say


def test_every_committed_sample_is_sent_once(rig: Rig) -> None:
    for _ in range(7):
        rig.commit()
        rig.run()
    assert rig.all_sent()
    assert sum(len(lines) for lines in rig.server.posts) == 140
    assert rig.ledger.totals().sent == 140
    assert rig.condition.now() == (State.SENDING, "")


def test_small_rows_are_posted_together(rig: Rig) -> None:
    for _ in range(5):
        rig.commit()
    rig.run()
    assert rig.all_sent()
    assert len(rig.server.posts) == 1


def test_after_an_outage_the_newest_come_first_and_the_rest_is_backfilled(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    assert rig.position.gaps == (Gap(2, 38),)
    assert rig.server.values("A")[-1] == 3.99
    assert rig.position.sent_seq == 1
    rig.run()
    assert rig.all_sent()
    assert rig.position.gaps == ()
    assert rig.position.sent_seq == 40


def test_backfill_is_oldest_first_and_no_larger_than_a_batch(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    before = len(rig.server.posts)
    rig.run(rig.back)
    posts = rig.server.posts[before:]
    stamps = [[int(line.rsplit(" ", 1)[1]) for line in lines] for lines in posts]
    assert [s for post in stamps for s in post] == sorted(s for post in stamps for s in post)
    assert max(len(lines) for lines in posts) <= 50


def test_live_rows_do_not_wait_for_backfill(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    rig.back.step()
    rig.commit()
    rig.run(rig.live)
    assert rig.server.values("A")[-1] == 4.09
    assert rig.position.gaps[0].lo > 2
    rig.run()
    assert rig.all_sent()


def test_outages_follow_one_another_without_a_hole(rig: Rig) -> None:
    for _ in range(5):
        outage(rig, rows=30)
        rig.run(rig.live)
        rig.back.step()
    assert len(rig.position.gaps) > 1
    rig.run()
    assert rig.all_sent()


def test_a_very_long_row_is_sent_in_pieces(rig: Rig) -> None:
    rig.commit(1000)
    rig.commit(5)
    rig.run()
    assert rig.all_sent()
    assert max(len(lines) for lines in rig.server.posts) <= 4 * 50
    assert rig.ledger.totals().sent == 2 * rig.written


def test_pieces_of_a_long_row_are_not_sent_again_after_a_restart(rig: Rig) -> None:
    rig.commit(1000)
    rig.live.step()
    for _ in range(10):
        rig.back.step()
    rest = [T0_NS + k * 10**6 for k in (250, 999)]
    assert rig.position.gaps == (Gap(1, 1, 500, *rest),)
    rig.close_sink()
    rig.open_sink()
    rig.run()
    assert rig.all_sent()
    assert sum(len(lines) for lines in rig.server.posts) == 2000


@pytest.mark.parametrize("moment", range(12))
def test_a_death_at_any_step_loses_nothing(rig: Rig, moment: int) -> None:
    outage(rig, rows=30)
    rig.event("one")
    lanes = ("live", "back", "events")
    for k in range(moment):
        getattr(rig, lanes[k % 3]).step()
    rig.close_sink()
    rig.commit()
    rig.open_sink()
    rig.run()
    assert rig.all_sent()
    assert rig.server.texts() == ["one"]


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again_for_ever(rig: Rig, status: int) -> None:
    rig.commit()
    rig.server.says = deque([Answer(status, "busy")] * 50)
    waits = [rig.live.step() for _ in range(50)]
    assert all(0 < wait <= LAST_BACK_OFF_S for wait in waits)
    assert waits[0] < 1.0
    assert max(waits) > LAST_BACK_OFF_S / 2
    assert rig.condition.now()[0] is State.WAITING
    rig.run()
    assert rig.all_sent()
    assert rig.ledger.totals().retried == 50


def test_the_server_says_how_long_it_wants_to_be_left_alone(rig: Rig) -> None:
    rig.commit()
    rig.server.says.append(Answer(429, "slow down", 60.0))
    assert rig.live.step() == 60.0


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 415])
def test_a_wrong_configuration_stops_the_lane_and_loses_nothing(rig: Rig, status: int) -> None:
    rig.commit()
    rig.server.says = deque([Answer(status, "unauthorized")] * 3)
    for _ in range(3):
        assert rig.live.step() == STOPPED_S
    assert rig.condition.now()[0] is State.STOPPED
    assert rig.notes() == [
        "sink plant has stopped: its configuration is to be changed: " + f"{status}: unauthorized"
    ]
    rig.run()
    assert rig.all_sent()
    assert rig.notes()[1:] == ["sink plant takes data again after 0 s"]


@pytest.mark.parametrize("status", [400, 422])
def test_one_poison_line_is_quarantined_and_the_rest_is_stored(rig: Rig, status: int) -> None:
    rig.server.always = refuse(0.37)
    rig.commit(100)
    rig.run()
    assert len(rig.server.points) == 199
    (entry,) = quarantine(rig.ledger.path)
    assert (entry.lines, entry.origin) == (1, "live")
    assert entry.body.startswith("cell,line=pilot,tag=A,unit=degC value=0.37,")
    assert "field type conflict" in entry.reason
    assert len(rig.server.posts) < 20
    assert rig.ledger.totals().quarantined == 1
    assert rig.ledger.totals().sent == 199


def test_refused_lines_are_sent_again_when_somebody_says_so(rig: Rig) -> None:
    rig.server.always = refuse(0.37, 0.51)
    rig.commit(100)
    rig.run()
    first, second = sorted(entry.id for entry in quarantine(rig.ledger.path))
    with pytest.raises(StoreError, match="nothing in quarantine under 99"):
        send_again(rig.ledger.path, [99])
    assert send_again(rig.ledger.path, [first]) == 1
    rig.run()
    assert [e.again for e in quarantine(rig.ledger.path)] == [False, False]  # refused once more
    rig.server.always = lambda _: None
    assert send_again(rig.ledger.path) == 2
    rig.run()
    assert rig.all_sent()
    assert quarantine(rig.ledger.path) == []
    assert rig.ledger.totals().sent == 200
    assert second > first


def test_many_poison_lines_do_not_hold_the_rest_up_for_long(rig: Rig) -> None:
    rig.server.always = refuse(*(k / 100 for k in range(2, 100, 2)))
    rig.commit(100)
    rig.run()
    assert len(rig.server.posts) < 2 * delivery.MAX_POSTS
    assert rig.ledger.totals().quarantined == 49
    assert rig.ledger.totals().sent == 151


def test_a_server_that_refuses_everything_is_a_wrong_configuration(rig: Rig) -> None:
    rig.server.always = lambda _: Answer(400, "unknown precision")
    rig.commit(100)
    while (wait := rig.live.step()) < 1.0:
        pass
    assert wait == STOPPED_S
    assert rig.condition.now() == (State.STOPPED, "400: unknown precision")
    assert len(rig.server.posts) == delivery.SUSPICIOUS + delivery.PROBES
    assert quarantine(rig.ledger.path) == []
    rig.server.always = lambda _: None
    rig.run()
    assert rig.all_sent()


def test_points_older_than_the_servers_retention_do_not_stop_the_lane(rig: Rig) -> None:
    rig.server.always = lambda _: Answer(422, "points beyond retention policy dropped=200")
    rig.commit(100)
    rig.run()
    assert rig.ledger.totals().quarantined == 200
    rig.server.always = lambda _: None
    rig.commit()
    rig.run()
    assert len(rig.server.points) == 20


def test_a_body_that_is_too_large_is_sent_in_smaller_pieces(rig: Rig) -> None:
    rig.server.always = lambda lines: Answer(413, "too large") if len(lines) > 30 else None
    rig.commit(100)
    rig.run()
    assert rig.all_sent()
    assert quarantine(rig.ledger.path) == []


def test_a_full_quarantine_drops_the_oldest_and_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "QUARANTINE_BYTES", 200)
    rig.server.always = refuse(0.01, 0.02, 0.03, 0.04, 0.05)
    rig.commit()
    rig.run()
    left, totals = quarantine(rig.ledger.path), rig.ledger.totals()
    assert 0 < len(left) < 5
    assert totals.dropped == 5 - len(left)
    assert any(text.startswith("gap: quarantine is full") for text in rig.notes())


def test_events_are_sent_in_order_and_none_replaces_another(rig: Rig) -> None:
    for k in range(3):
        rig.event(f"same moment {k}")
    rig.event("later", at=T0_NS + 1)
    rig.event("other kind", kind=EventKind.ALARM, at=T0_NS + 2)
    rig.run()
    texts = rig.server.texts()
    assert sorted(texts[:3]) == [f"same moment {k}" for k in range(3)]
    assert texts[3:] == ["later", "other kind"]
    assert rig.ledger.totals().events_sent == 5
    rig.run()
    assert len(rig.server.posts) == 1


def test_more_events_than_go_into_a_post_are_sent(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "EVENTS_AT_ONCE", 4)
    for k in range(10):
        rig.event(str(k), at=T0_NS + k)
    rig.run()
    assert rig.server.texts() == [str(k) for k in range(10)]


def test_rows_wait_in_the_outbox_when_the_journal_is_sealed(rig: Rig) -> None:
    outage(rig, rows=10)
    rig.seal()
    assert rig.store.journal_samples == 0
    assert rig.store.outbox_bytes > 0
    rig.commit()
    rig.run()
    assert rig.all_sent()
    assert rig.store.forget_sent(rig.position.sent_seq) == 10
    assert rig.store.outbox_bytes == 0


def test_what_is_sent_never_goes_to_the_outbox(rig: Rig) -> None:
    for _ in range(10):
        rig.commit()
    rig.run()
    rig.seal()
    assert rig.store.outbox_bytes == 0


def test_sealing_under_a_sink_that_is_at_work_loses_nothing(rig: Rig) -> None:
    for k in range(60):
        rig.commit()
        if k % 7 == 3:
            rig.server.says.append(DOWN)
        lane = (rig.live, rig.back)[k % 2]
        lane.step()
        if k % 5 == 4:
            rig.seal()
            rig.store.forget_sent(rig.position.sent_seq)
    rig.run()
    assert rig.all_sent()


def test_reported_loss_is_the_real_loss(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)  # the newest two rows and the one under way are there
    rig.back.step()
    rig.seal()
    before = rig.store.outbox_bytes
    while rig.store.outbox_bytes > before // 2:
        rig.store.shrink_outbox(before // 2)
    rig.run()
    totals = rig.ledger.totals()
    assert totals.dropped > 0
    assert len(rig.server.points) + totals.dropped == 2 * rig.written
    (note,) = untold(rig.ledger.path)
    assert note.facts["samples"] == totals.dropped
    there = {p.time_ns for p in rig.server.points.values()}
    missing = [t for t in (T0_NS + k * 10**6 for k in range(rig.written)) if t not in there]
    assert (note.facts["from_ns"], note.facts["to_ns"]) == (missing[0], missing[-1])
    assert len(missing) * 2 == totals.dropped
    assert rig.position.gaps == ()


def test_loss_is_reported_while_the_server_is_still_away(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    rig.server.always = lambda _: DOWN
    rig.back.step()  # holds the oldest rows in memory
    rig.seal()
    rig.store.shrink_outbox(0)
    rig.back.step()
    (note,) = [note for note in untold(rig.ledger.path) if note.text.startswith("gap")]
    rig.commit()
    rig.server.always = lambda _: None
    rig.run()
    assert len(rig.server.points) + int(str(note.facts["samples"])) == 2 * rig.written
    assert rig.ledger.totals().dropped == note.facts["samples"]
    assert rig.server.values("A")[0] == 0.0  # what was in memory did arrive


def test_loss_inside_a_long_row_counts_only_what_was_not_sent(rig: Rig) -> None:
    rig.commit(1000)
    rig.live.step()
    rig.back.step()
    rig.back.step()
    rig.seal()
    rig.store.shrink_outbox(0)
    rig.run()
    assert rig.ledger.totals().dropped == 2000 - 100
    assert len(rig.server.points) == 100
    (note,) = untold(rig.ledger.path)
    assert note.facts["samples"] == 1900
    first_left, last = (T0_NS + k * 10**6 for k in (50, 999))
    assert (note.facts["from_ns"], note.facts["to_ns"]) == (first_left, last)


def test_retries_are_counted_while_the_server_is_still_away(rig: Rig) -> None:
    rig.commit()
    rig.server.always = lambda _: DOWN
    for n in range(1, 4):
        rig.live.step()
        assert rig.ledger.totals().retried == n
    rig.server.always = lambda _: None
    rig.run()
    assert rig.ledger.totals().retried == 3


def test_refused_lines_of_every_batch_are_told_at_once_and_then_once_a_minute(rig: Rig) -> None:
    rig.server.always = refuse(0.03, 0.13, 0.23, 0.33)  # type: ignore[assignment]
    for _ in range(3):
        rig.commit()
        rig.run()
    (first,) = rig.notes()
    assert first.startswith("1 lines were refused and lie in quarantine: 400")
    rig.pause(lane.REFUSED_TOLD_S)
    rig.commit()
    rig.run()
    assert [text[:8] for text in rig.notes()] == ["1 lines ", "3 lines "]
    assert rig.ledger.totals().quarantined == 4


def test_a_lane_that_rests_is_woken_when_another_finds_its_server_again(rig: Rig) -> None:
    resting = threading.Thread(target=rig.condition.rest, args=(60.0, 0.0, threading.Event()))
    resting.start()
    begun_s = time.monotonic()
    while resting.is_alive():
        rig.condition.report("live", State.WAITING)
        rig.condition.report("live", State.SENDING)
        resting.join(0.01)
    assert time.monotonic() - begun_s < 50.0


def test_a_lane_rests_as_long_as_its_server_asked_for(rig: Rig) -> None:
    ending = threading.Event()
    resting = threading.Thread(target=rig.condition.rest, args=(60.0, 60.0, ending))
    resting.start()
    for _ in range(20):
        rig.condition.report("live", State.WAITING)
        rig.condition.report("live", State.SENDING)
        resting.join(0.005)
    assert resting.is_alive()
    ending.set()
    rig.condition.wake()
    resting.join(50.0)
    assert not resting.is_alive()


def test_a_new_sink_is_given_some_earlier_events_and_not_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "EARLIER_EVENTS", 2)
    rig = Rig(tmp_path)
    for k in range(5):
        rig.event(str(k), at=T0_NS + k)
    rig.close_sink()
    for path in tmp_path.glob("plant.db*"):
        path.unlink()
    rig.open_sink()
    rig.run()
    assert rig.server.texts() == ["3", "4"]
    rig.close()


def test_a_short_absence_is_no_news_and_a_long_one_is_told_once(rig: Rig) -> None:
    rig.commit()
    rig.server.says.append(DOWN)
    rig.run()
    assert rig.notes() == []
    rig.commit()
    rig.server.says = deque([DOWN] * 30)
    rig.run()
    gone, back = rig.notes()
    assert gone == f"sink plant does not take data, which waits on disk: {DOWN}"
    assert back.startswith("sink plant takes data again after")
    assert rig.all_sent()


def test_totals_and_position_are_read_by_others_while_the_sink_runs(rig: Rig) -> None:
    outage(rig, rows=40)
    rig.run(rig.live)
    position, totals = position_and_totals(rig.ledger.path)
    assert position == rig.position
    assert totals == rig.ledger.totals()
