"""What trends, tuning, interlocks and the horn compute. Run by Node."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.javascript import run_module
from tests.unit.test_hmi_javascript import call

GOOD, UNCERTAIN, BAD, NOTHING = 0, 1, 2, 3


def test_a_bad_quality_lasts_until_something_good_comes(tmp_path: Path) -> None:
    series = {
        "count": [5, 0, 0, 0, 3, 0, 0], "bad": [0, 2, 0, 0, 0, 0, 0],
        "uncertain": [0, 0, 0, 0, 0, 1, 0], "known": [1, 0.2, 0, 0, 0.9, 0, 0],
    }  # fmt: skip
    found = run_module(
        tmp_path, 'import { worstOf } from "./series.js";\ntell([...worstOf(input)]);', series
    )
    assert found == [GOOD, BAD, BAD, BAD, GOOD, UNCERTAIN, UNCERTAIN]


def test_where_nothing_was_recorded_nothing_is_known(tmp_path: Path) -> None:
    series = {"count": [0, 4, 0], "bad": [0, 0, 0], "uncertain": [0, 0, 0], "known": [0, 1, 0]}
    found = run_module(
        tmp_path, 'import { worstOf } from "./series.js";\ntell([...worstOf(input)]);', series
    )
    assert found == [NOTHING, GOOD, NOTHING]


def test_stretches_of_one_quality_are_one_strip(tmp_path: Path) -> None:
    given = {"t": [0, 10, 20, 30, 40, 80], "worst": [0, 2, 2, 3, 0, 2]}
    found = call(tmp_path, "series", "qualityRuns(input.t, input.worst, 10)", given)
    assert found == [
        {"fromS": 10, "toS": 30, "worst": BAD},
        {"fromS": 30, "toS": 40, "worst": NOTHING},
        {"fromS": 80, "toS": 90, "worst": BAD},
    ]


def test_a_ring_keeps_the_worst_of_each_point(tmp_path: Path) -> None:
    script = """
        import { Ring } from "./series.js";
        const ring = new Ring(1, 10, 10);
        ring.add(0.0, [5], [0]); ring.add(0.4, [NaN], [2]); ring.add(0.8, [7], [0]);
        ring.add(1.2, [8], [0]);
        tell([...ring.window(2).pens[0].worst]);
    """
    assert run_module(tmp_path, script) == [BAD, GOOD]


def test_marks_that_would_touch_are_one(tmp_path: Path) -> None:
    found = call(tmp_path, "series", "clustered(input, 5)", [{"atS": s} for s in (20, 0, 3, 6)])
    assert isinstance(found, list)
    assert [(group["atS"], len(group["marks"])) for group in found] == [(0, 2), (6, 1), (20, 1)]


@pytest.mark.parametrize(
    ("of", "window"),
    [
        ("widened({minutes: 60}, 1e6)", {"minutes": 120}),
        ("widened({minutes: 43200}, 1e6)", {"minutes": 43200}),
        ("widened({start: 1000, stop: 2000}, 1e6)", {"start": 500, "stop": 2500}),
        ("widened({start: 1000, stop: 2000}, 2100)", {"minutes": 33}),
    ],
)
def test_zooming_out_stops_at_thirty_days_and_at_now(
    tmp_path: Path, of: str, window: object
) -> None:
    assert call(tmp_path, "trend_window", of) == window


@pytest.mark.parametrize(
    ("of", "window"),
    [
        ("moved({minutes: 10}, -0.5, 6000)", {"start": 5100, "stop": 5700}),
        ("moved({start: 5100, stop: 5700}, 0.5, 6000)", {"minutes": 10}),
        ("moved({start: 100, stop: 700}, 0.5, 6000)", {"start": 400, "stop": 1000}),
    ],
)
def test_what_would_reach_into_the_future_is_live_again(
    tmp_path: Path, of: str, window: object
) -> None:
    assert call(tmp_path, "trend_window", of) == window


def test_an_export_names_tags_window_and_zone(tmp_path: Path) -> None:
    found = call(
        tmp_path, "trend_window", 'exportAddress("raw", ["A.B", "C&D"], {start: 0, stop: 60})'
    )
    address = urlsplit(str(found))
    query = parse_qs(address.query)
    assert address.path == "/api/v1/history/raw"
    assert (query["tag"], query["format"]) == (["A.B", "C&D"], ["csv"])
    assert (query["start"], query["stop"]) == (
        ["1970-01-01T00:00:00.000Z"],
        ["1970-01-01T00:01:00.000Z"],
    )
    assert query["zone"][0]


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("dp", ["ENC.DP.ZONE"]),
        ("line SPEED", ["COAT.V.LINE"]),
        ("", ["ENC.DP.ZONE", "COAT.V.LINE"]),
        ("dp speed", []),
    ],
)
def test_tags_are_found_by_name_and_words(tmp_path: Path, typed: str, names: list[str]) -> None:
    tags = [{"n": "ENC.DP.ZONE", "tx": "frost point"}, {"n": "COAT.V.LINE", "tx": "line speed"}]
    found = call(tmp_path, "tag_search", "matching(input.tags, input.typed).map((t) => t.n)",
                 {"tags": tags, "typed": typed})  # fmt: skip
    assert found == names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20.0, "20"),
        (0.000012, "0.000012"),
        (1.23456789, "1.23457"),
        (1e-7, "0.0000001"),
        (None, ""),
    ],
)
def test_gains_are_shown_without_exponents(tmp_path: Path, value: float | None, text: str) -> None:
    assert call(tmp_path, "gains", "shownGain(input)", value) == text


def test_a_change_of_gains_names_what_changes(tmp_path: Path) -> None:
    given = [{"kc": 20, "ti_s": 90, "td_s": 0}, {"kc": 18, "ti_s": 90, "td_s": 5}]
    assert call(tmp_path, "gains", "tuningWords(input[0], input[1])", given) == (
        "Kc 20 → 18, Td 0 → 5 s ?"
    )
    assert call(tmp_path, "gains", "gainsText(input[1])", given) == "18,90,5"


def test_limits_of_a_recipe_stand_under_full_names(tmp_path: Path) -> None:
    limits = {".DP.ZONE": {"lolo": None, "hi": -55.0, "deadband": 1.0}, "X.Y": {"lo": 0}}
    script = 'import { limitsByTag } from "./limits.js";\ntell([...limitsByTag(input, "ENC")]);'
    found = run_module(tmp_path, script, limits)
    assert found == [["ENC.DP.ZONE", {"hi": -55.0}], ["X.Y", {"lo": 0}]]


def test_what_blocks_a_start_what_tripped_first_and_what_is_bypassed(tmp_path: Path) -> None:
    def row(name: str, **more: object) -> dict[str, object]:
        usual = {"kind": "permissive", "ok": False, "latched": False, "first_out": False}
        return {"name": name, "bypass": None, **usual, **more}

    rows = [
        row("door"),
        row("air", bypass={"actor": "mori"}),
        row("torque", kind="trip", latched=True),
        row("tension", kind="trip", latched=True, first_out=True),
    ]
    script = """
        import { sorted } from "./conditions.js";
        const names = Object.entries(sorted(input)).map(([k, v]) => [k, v.map((r) => r.name)]);
        tell(Object.fromEntries(names));
    """
    found = run_module(tmp_path, script, rows)
    assert found == {
        "blocking": ["door"], "tripped": ["tension", "torque"], "bypassed": ["air"],
    }  # fmt: skip


def alarm(name: str, priority: int, *, asks: bool = True) -> dict[str, object]:
    return {"id": name, "occurrence": 1, "priority": priority, "asks": asks}


def test_the_gravest_unacknowledged_alarm_is_heard_and_low_ones_are_not(tmp_path: Path) -> None:
    given = [alarm("low", 4), alarm("medium", 3), alarm("seen", 1, asks=False), alarm("high", 2)]
    script = """
        import { heardNow, sounding } from "./sound.js";
        const asking = sounding(input), none = new Set();
        tell([asking.map((a) => a.key), heardNow(asking, none, none)?.key,
          heardNow(asking, new Set(["high 1"]), none)?.key,
          heardNow(asking, new Set(["high 1"]), new Set(["medium 1"]))]);
    """
    assert run_module(tmp_path, script, given) == [
        ["high 1", "medium 1"], "high 1", "medium 1", None,
    ]  # fmt: skip


def test_figures_of_a_loop_stand_beside_those_of_the_present_gains(tmp_path: Path) -> None:
    def runs(iae: float) -> list[object]:
        change = {"settle_s": None, "overshoot": 0.5}
        loop = {
            "loop": "A.L1", "unit": "K", "iae": iae, "mean_error": 1, "worst": 2, "limited_pct": 0,
            "changes": [change],
        }  # fmt: skip
        return [{"loops": [loop]}]

    record = {"runs": runs(3.0), "against": {"runs": runs(4.0)}}
    rows = call(tmp_path, "gains", 'loopRows(input, "A.L1")', record)
    assert isinstance(rows, list)
    assert rows[0] == {"key": "iae", "unit": "K", "times": " min", "present": 4, "next": 3}
    settle = next(row for row in rows if row["key"] == "settle")
    assert (settle["present"], settle["next"]) == (None, None)
    assert call(tmp_path, "gains", 'loopRows(input, "A.L9")', record) == []
