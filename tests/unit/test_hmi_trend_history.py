"""History and live values in one trend: what was Bad for a moment is seen, early or late.

The server's part is asked as it is, the browser's part is run by Node.
"""

from pathlib import Path

import pytest

from controller.clock import NS
from controller.core.sample import Quality
from controller.history import Reader, Store
from controller.queries.asks import BucketsAsk
from controller.queries.series_answers import Asked, buckets_answer
from tests.support.history import T0_NS, Row, batch, new_store, seal
from tests.support.javascript import run_module

GOOD, BAD, NOTHING = 0, 2, 3
WINDOW_S = 360


def good(seconds: range) -> list[Row]:
    return [(1, float(s), 0, T0_NS + s * NS) for s in seconds]


def bad_for_a_moment(second: int) -> list[Row]:
    """Bad for three tenths of a second, between two Good samples."""
    return [(1, 0.0, int(Quality.BAD_LINK), T0_NS + second * NS + NS // 2)]


def store_in(folder: Path) -> Store:
    return new_store(folder / "history.db", "A", interval_s=10.0)


def asked(folder: Path, n: int) -> dict[str, object]:
    """The answer of a question about the whole window, as the browser hears it."""
    start, stop = str(T0_NS), str(T0_NS + WINDOW_S * NS)
    with Reader(folder / "history.db") as reader:
        ask = BucketsAsk(tag=("A",), n=n, start=start, stop=stop)
        found = buckets_answer(ask, Asked("local", reader, T0_NS + WINDOW_S * NS))
    series = []
    for one in found.series:
        columns = ("last", "min", "max", "known", "count", "uncertain", "bad")
        values = {name: getattr(one, name).tolist() for name in columns}
        numbers = {k: [None if v != v else v for v in column] for k, column in values.items()}
        series.append({"tag": {"name": "A"}, **numbers})
    return {
        "start_ns": found.start_ns, "stop_ns": found.stop_ns,
        "edges_ns": found.edges_ns.tolist(), "series": series,
    }  # fmt: skip


@pytest.mark.parametrize("sealed", [False, True])
def test_a_bad_stretch_shorter_than_a_bucket_is_bad_in_its_bucket_and_nowhere_else(
    tmp_path: Path, *, sealed: bool
) -> None:
    widths_s = (1, 6, 60)
    store = store_in(tmp_path)
    store.commit(batch([*good(range(101)), *bad_for_a_moment(100), *good(range(101, WINDOW_S))]))
    if sealed:
        seal(store)
    store.close()
    script = """
        import { bucketsOf } from "./series.js";
        tell(input.map((answer) => [...bucketsOf(answer).pens.get("A").worst]));
    """
    found = run_module(tmp_path, script, [asked(tmp_path, WINDOW_S // s) for s in widths_s])
    assert isinstance(found, list)
    for width_s, worst in zip(widths_s, found, strict=True):
        wrong = {k: one for k, one in enumerate(worst) if one != GOOD}
        assert wrong == {100 // width_s: BAD}


def test_what_was_not_recorded_yet_is_bad_when_it_is_asked_for_again(tmp_path: Path) -> None:
    """Commits come after the samples: the newest seconds of a first answer say what held before."""
    n, late = 60, WINDOW_S - 9
    store = store_in(tmp_path)
    store.commit(batch(good(range(late))))
    early = asked(tmp_path, n)
    store.commit(batch([*bad_for_a_moment(late), *good(range(late + 1, WINDOW_S))]))
    store.close()
    script = """
        import { bucketsOf, copyPoint, Ring } from "./series.js";
        const ring = new Ring(1, 360, 60), first = bucketsOf(input.early);
        for (const [k, timeS] of first.t.entries()) {
          ring.open(timeS);
          copyPoint(ring.pens[0], k, first.pens.get("A"), k);
        }
        ring.add(first.t[59] + 7, [400]);
        const worst = () => [...ring.pens[0].worst.subarray(50, 61)];
        const before = worst();
        ring.mend(bucketsOf(input.now), ["A"]);
        tell([before, worst(), ring.pens[0].last[60]]);
    """
    found = run_module(tmp_path, script, {"early": early, "now": asked(tmp_path, n)})
    assert isinstance(found, list)
    before, after, newest = found
    assert before == [GOOD] * 11
    assert after == [BAD if k == late // 6 - 50 else GOOD for k in range(11)]
    assert newest == 400


def test_what_a_window_has_missed_is_no_line_drawn_across(tmp_path: Path) -> None:
    script = """
        import { qualityRuns, Ring } from "./series.js";
        const ring = new Ring(1, 60, 60);
        ring.add(0, [5]); ring.add(1, [5]); ring.gap(20); ring.add(20, [9]);
        const { t, pens: [pen] } = ring.window(20);
        tell([[...t], [...pen.last].map((v) => Number.isNaN(v)), qualityRuns(t, pen.worst, 1)]);
    """
    assert run_module(tmp_path, script) == [
        [0, 1, 2, 20],
        [False, False, True, False],
        [{"fromS": 2, "toS": 20, "worst": NOTHING}],
    ]


def test_a_gap_shorter_than_a_point_is_known_by_its_point(tmp_path: Path) -> None:
    script = """
        import { Ring } from "./series.js";
        const ring = new Ring(1, 600, 60);
        ring.add(0, [5]); ring.gap(12); ring.add(12, [9]);
        tell([[...ring.window(12).t], [...ring.window(12).pens[0].worst]]);
    """
    assert run_module(tmp_path, script) == [[0, 12], [NOTHING, GOOD]]
