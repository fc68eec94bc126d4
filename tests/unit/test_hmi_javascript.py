"""What screens compute: numbers, times, rings, addresses, states. Run by Node."""

from pathlib import Path

import pytest

from controller.control.states import TABLE, State
from controller.core.event import Verb
from tests.support.javascript import run_module


def call(place: Path, module: str, call: str, given: object = None) -> object:
    names = call.partition("(")[0]
    return run_module(place, f'import {{ {names} }} from "./{module}.js";\ntell({call});', given)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (-48.13, 1, "-48.1"), (-0.04, 1, "0.0"), (0.0, 2, "0.00"), (1234.56, 0, "1235"),
        (None, 1, "–"), (5, 3, "5.000"),
    ],
)  # fmt: skip
def test_numbers_have_the_digits_they_earn_and_no_minus_zero(
    tmp_path: Path, value: float | None, digits: int, text: str
) -> None:
    assert call(tmp_path, "format", "numberText(input[0], input[1])", [value, digits]) == text


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("12.5", 12.5), (" -3 ", -3.0), ("2,5", 2.5), ("−7", -7.0), ("1 234", 1234.0),
        ("４５．５", 45.5),
        ("", None), ("1e3", None), ("12abc", None), ("-", None), (".5", 0.5), ("1.2.3", None),
        ("Infinity", None), ("0x10", None),
    ],
)  # fmt: skip
def test_typed_numbers_are_numbers_or_nothing(
    tmp_path: Path, typed: str, value: float | None
) -> None:
    assert call(tmp_path, "format", "typedNumber(input)", typed) == value


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1:00"), (245, "4:05"), (7445, "2:04:05"), (-1, "–")],
)
def test_lengths_of_time(tmp_path: Path, seconds: float, text: str) -> None:
    assert call(tmp_path, "format", "durationText(input)", seconds) == text


def test_a_moment_has_its_day_where_it_is_another_and_its_year_where_that_is_another(
    tmp_path: Path,
) -> None:
    script = """
        import { momentText } from "./format.js";
        const now = new Date(2026, 10, 22, 14, 0, 0).getTime();
        const then = [[2026, 10, 22, 13, 5, 6], [2026, 10, 21, 13, 5, 6], [2025, 10, 22, 13, 5, 6]];
        tell(then.map((parts) => momentText(new Date(...parts).getTime(), now)));
    """
    assert run_module(tmp_path, script) == ["13:05:06", "11-21 13:05:06", "2025-11-22 13:05:06"]


def test_states_and_commands_are_those_of_the_controller(tmp_path: Path) -> None:
    found = run_module(
        tmp_path,
        """
        import { CODES, enabled, stateName } from "./states.js";
        tell(CODES.map((code) => [code, stateName(code), [...enabled(code)].sort()]));
        """,
    )
    expected = [
        [int(state), state.name, sorted(v.value for v in TABLE[state].enabled)]
        for state in sorted(State)
    ]
    assert found == expected
    assert {name for _, _, names in expected for name in names} <= {v.value for v in Verb}


RING = """
import { Ring } from "./series.js";
const ring = new Ring(1, 10, 10);
"""


def test_a_ring_gathers_what_falls_into_one_step(tmp_path: Path) -> None:
    script = RING + (
        "ring.add(0.0, [5]); ring.add(0.4, [9]); ring.add(0.8, [7]); ring.add(1.1, [1]);\n"
        "const { t, pens: [p] } = ring.window(2);\n"
        "tell([[...t], [...p.last], [...p.low], [...p.high]]);"
    )
    assert run_module(tmp_path, script) == [[0, 1.1], [7, 1], [5, 1], [9, 1]]


def test_a_ring_never_grows_and_keeps_the_newest_window(tmp_path: Path) -> None:
    script = RING + (
        "for (let k = 0; k < 1000; k += 1) ring.add(k, [k]);\n"
        "const { t } = ring.window(999);\n"
        "tell([ring.t.length, t[0], t[t.length - 1]]);"
    )
    assert run_module(tmp_path, script) == [20, 989, 999]


def test_what_comes_late_or_is_no_number_does_not_count(tmp_path: Path) -> None:
    script = RING + (
        "ring.add(5, [1]); ring.add(4, [99]); ring.add(5.5, [NaN]); ring.add(7, [NaN]);\n"
        "const { pens: [p] } = ring.window(8);\n"
        "tell([...p.last].map((v) => (Number.isNaN(v) ? null : v)));"
    )
    assert run_module(tmp_path, script) == [1, None]


def test_buckets_hold_the_last_value_where_something_is_known_and_else_are_gaps(
    tmp_path: Path,
) -> None:
    answer = {
        "start_ns": 0, "stop_ns": 4_000_000_000, "edges_ns": [0, 1, 2, 3, 4],
        "series": [{
            "tag": {"name": "A"}, "min": [1, None, None, 4], "max": [3, None, None, 6],
            "last": [2, None, None, 5], "bad": [0, 0, 9, 0], "uncertain": [0, 0, 0, 0],
            "known": [1.0, 1.0, 0.0, 1.0], "count": [3, 0, 0, 2],
        }],
    }  # fmt: skip
    script = """
        import { bucketsOf } from "./series.js";
        const { t, stepS, pens } = bucketsOf(input);
        const { last, worst } = pens.get("A");
        tell([[...t], stepS, [...last].map((v) => (Number.isNaN(v) ? null : v)), [...worst]]);
    """
    columns = [[0, 1, 2, 3], 1, [2, 2, None, 5], [0, 0, 2, 0]]
    assert run_module(tmp_path, script, answer) == columns
