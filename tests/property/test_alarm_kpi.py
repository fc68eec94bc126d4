"""The figures of the alarm system against counting by hand, for any journal and any window."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.alarms.journal import Entry
from controller.alarms.kpi import figures
from controller.alarms.states import STANDING, AlarmState, Move, next_state

S = 1_000_000_000
HOUR = 3600 * S
MOVES = (
    *(5 * (Move.RAISE, Move.CLEAR)),
    Move.ACKNOWLEDGE,
    Move.SHELVE,
    *(3 * (Move.UNSHELVE,)),
)
BUSY = (3 * S, 10 * S, 60 * S)  # longest time between two entries
QUIET = (1200 * S, 3 * HOUR, 30 * HOUR)
SEEDS = st.integers(0, 2**32)


def journal_of(random: Random) -> list[Entry]:
    """Entries that a board could have told: every alarm goes the ways of the table.

    Times between them are often exactly those at which something may begin or end.
    """
    state = {f"A{k}": AlarmState.NORMAL for k in range(random.randint(1, 6))}
    time_ns, found = 0, []
    for k in range(random.randint(0, 12)):
        pace, exact = random.choice(QUIET if k % 2 else BUSY), random.random() < 0.3
        for _ in range(random.randint(1, 12 if k % 2 else 150)):
            alarm, move = random.choice(sorted(state)), random.choice(MOVES)
            after = next_state(state[alarm], move)
            if after is None:
                continue
            gap = (
                random.choice((0, 5 * S, 30 * S, 60 * S, 300 * S, 24 * HOUR))
                if exact
                else random.randint(0, pace)
            )
            time_ns += min(gap, pace)
            found.append(
                Entry(
                    time_ns=time_ns, station="s", alarm=alarm, occurrence=0, before=state[alarm],
                    after=after, move=move, priority=1 + int(alarm[1:]) % 4,
                )
            )  # fmt: skip
            state[alarm] = after
    return found


def case_of(seed: int) -> tuple[list[Entry], int, int]:
    """A journal and a window that touches it."""
    random = Random(seed)
    journal = journal_of(random)
    last = journal[-1].time_ns if journal else HOUR
    edges = sorted(random.randint(-HOUR, last + HOUR) for _ in range(2))
    if journal and random.random() < 0.5:
        edges[0] = random.choice(journal).time_ns
    if journal and random.random() < 0.5:
        edges[1] = random.choice(journal).time_ns
    return journal, edges[0], max(edges[1], edges[0] + 1)


def flood_by_hand(times: list[int], start: int, stop: int) -> int:
    """Time in flood, instant by instant: it can change only at comings and 600 s after one."""
    instants = sorted({*times, *(t + 600 * S for t in times), start, stop})
    flood, total = False, 0
    for at, then in zip(instants, [*instants[1:], instants[-1]], strict=True):
        # Of comings at the same instant each counts: the most there were up to the last of them.
        n = sum(1 for t in times if at - 600 * S < t <= at)
        flood = n > 10 or (flood and n >= 5)
        if flood:
            total += max(0, min(then, stop) - max(at, start))
    return total


def nearest_rank(values: list[int], percent: int) -> float | None:
    """The smallest value that at least so many per cent are not above."""
    for v in sorted(values):
        if 100 * sum(1 for x in values if x <= v) >= percent * len(values):
            return v / S
    return None


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_figures_are_those_counted_by_hand(seed):
    journal, start, stop = case_of(seed)
    length = stop - start
    r = figures(journal, start, stop, operators=2)
    came = [e for e in journal if e.after is AlarmState.UNACKNOWLEDGED and e.time_ns < stop]
    inside = [e for e in came if e.time_ns >= start]
    times = [e.time_ns for e in inside]
    assert r.alarms == len(inside)
    assert r.per_hour == len(inside) / (length / HOUR) / 2
    assert r.peak == max(
        (sum(1 for t in times if at - 600 * S < t <= at) for at in times), default=0
    )
    assert sum(r.priorities.values()) == len(inside)
    for p in (1, 2, 3, 4):
        assert r.priorities[p] == sum(1 for e in inside if e.priority == p)
    counts = {e.alarm: sum(1 for x in inside if x.alarm == e.alarm) for e in inside}
    assert dict(r.top) == counts
    assert [n for _, n in r.top] == sorted(counts.values(), reverse=True)
    spent = flood_by_hand([e.time_ns for e in came], start, stop)
    assert round(r.in_flood * length) == spent
    assert len(r.flood_spans) == r.floods
    assert sum(b - a for a, b in r.flood_spans) == spent
    assert all(start <= a < b <= stop for a, b in r.flood_spans)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_answers_chattering_and_stale_alarms_are_those_found_by_hand(seed):
    journal, start, stop = case_of(seed)
    r = figures(journal, start, stop)
    waits, chattering, stale = [], set(), set()
    for alarm in {e.alarm for e in journal}:
        own = [e for e in journal if e.alarm == alarm]
        came = [e.time_ns for e in own if e.after is AlarmState.UNACKNOWLEDGED]
        waits += [
            e.time_ns - [c.time_ns for c in own[:k] if c.after is AlarmState.UNACKNOWLEDGED][-1]
            for k, e in enumerate(own)
            if e.move is Move.ACKNOWLEDGE and start <= e.time_ns < stop
        ]
        for k, at in enumerate(came):
            if start <= at < stop and k >= 2 and at - came[k - 2] <= 60 * S:
                chattering.add(alarm)
        since = None
        for e, after in zip(own, [*own[1:], None], strict=True):
            since = (e.time_ns if since is None or e.before not in STANDING else since) if (
                e.after in STANDING) else None  # fmt: skip
            until = stop if after is None else min(after.time_ns, stop)
            if since is not None and max(start, since + 24 * HOUR) < until:
                stale.add(alarm)
    assert (r.p50_s, r.p90_s) == (nearest_rank(waits, 50), nearest_rank(waits, 90))
    assert r.acknowledged == len(waits)
    assert set(r.chattering) == chattering
    assert set(r.stale) == stale


def test_the_journals_of_these_tests_hold_what_they_are_to_test():
    reports = [figures(*case_of(seed)) for seed in range(200)]
    assert sum(1 for r in reports if 0.0 < r.in_flood < 1.0) > 20
    assert sum(1 for r in reports if r.stale) > 10
    assert sum(1 for r in reports if r.chattering) > 20
    assert sum(1 for r in reports if r.floods > 1) > 2
