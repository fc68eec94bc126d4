"""What happened in a run, put in order for a picture."""

from pathlib import Path
from typing import Any

from tests.support.javascript import run_module

NS = 1_000_000_000
BEGUN_NS = 1_767_225_600 * NS


def event(at_s: float, move: str, alarm: str = "CAL.LOAD.PV.hi", **more: Any) -> dict[str, Any]:
    """One line of the journal."""
    time_ns = BEGUN_NS + round(at_s * NS)
    given = {"alarm": alarm, "move": move, "priority": 2}
    return {"time_ns": time_ns, "subject": alarm, "text": "line load high", "data": given | more}


def spans(place: Path, *events: dict[str, Any], end_s: float = 100.0) -> Any:
    """Newest first, as the journal comes."""
    script = """
        import { alarmSpans } from "./courses.js";
        tell(alarmSpans(input.events, input.begun, input.end));
    """
    given = {"events": list(reversed(events)), "begun": BEGUN_NS, "end": end_s}
    return run_module(place, script, given)


def test_an_alarm_stands_from_when_it_comes_until_it_goes(tmp_path: Path) -> None:
    found = spans(tmp_path, event(10, "raise"), event(12, "acknowledge"), event(30, "clear"))
    assert [(s["begin_s"], s["end_s"], s["open"]) for s in found] == [(10, 30, False)]


def test_one_that_does_not_go_stands_until_the_end(tmp_path: Path) -> None:
    found = spans(tmp_path, event(10, "raise"))
    assert [(s["begin_s"], s["end_s"], s["open"]) for s in found] == [(10, 100, True)]


def test_one_that_stood_before_start_begins_with_it(tmp_path: Path) -> None:
    found = spans(tmp_path, event(20, "clear"))
    assert [(s["begin_s"], s["end_s"], s["before"]) for s in found] == [(0, 20, True)]


def test_one_that_comes_again_stands_twice(tmp_path: Path) -> None:
    found = spans(tmp_path, event(1, "raise"), event(2, "clear"), event(5, "raise"))
    assert [(s["begin_s"], s["end_s"]) for s in found] == [(1, 2), (5, 100)]


def test_what_is_suppressed_together_is_no_alarm_of_the_run(tmp_path: Path) -> None:
    many = {"time_ns": BEGUN_NS, "subject": "calender", "text": "", "data": {"alarms": []}}
    assert spans(tmp_path, many, event(3, "release")) == []


def test_stretches_that_overlap_lie_in_lanes(tmp_path: Path) -> None:
    script = """
        import { lanesOf } from "./courses.js";
        const of = input.map(([begin_s, end_s]) => ({ begin_s, end_s }));
        tell(lanesOf(of, 2, 100).map((l) => l.length));
    """
    assert run_module(tmp_path, script, [[0, 10], [5, 20], [15, 30], [16, 40]]) == [2, 2]


def figure(inside: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    """A measure of which values from 90 to 110 were seen."""
    return {"text": "t", "unit": "um", "inside": inside, "minimum": 90.0, "maximum": 110.0,
            "spec": {"low": low, "high": high}}  # fmt: skip


def test_what_left_its_limits_is_told_with_its_worst_value(tmp_path: Path) -> None:
    figures = {
        "within": figure(1.0, 80.0, 120.0),
        "above": figure(0.75, 80.0, 105.0),
        "below": figure(0.5, 99.0, None),
        "unknown": figure(None, 99.0, 101.0),
    }
    script = """
        import { excursions } from "./courses.js";
        tell(excursions(input).map((e) => [e.name, e.outside, e.worst, e.limit]));
    """
    assert run_module(tmp_path, script, figures) == [
        ["below", 0.5, 90.0, 99.0], ["above", 0.25, 110.0, 105.0],
    ]  # fmt: skip


DIGITS = {
    "fourDigits(1234.5)": "1235", "fourDigits(0.0123456)": "0.01235",
    "fourDigits(-0.00000001)": "0", "fourDigits(null)": "–", "fourDigits(0)": "0",
    "besideSpread(104.6213, 0.5)": "104.62", "besideSpread(104.6, 12)": "105",
    "besideSpread(104.6213, null)": "104.6", "spreadText(0.4987)": "0.50",
    "spreadText(0)": "0", "percentText(0.99999)": "99.9 %", "percentText(1)": "100 %",
    "percentText(null)": "–",
}  # fmt: skip


def test_figures_have_the_digits_that_mean_something(tmp_path: Path) -> None:
    script = f"""
        import {{ besideSpread, fourDigits, percentText, spreadText }} from "./courses.js";
        tell([{", ".join(DIGITS)}]);
    """
    assert run_module(tmp_path, script) == list(DIGITS.values())


def test_the_state_of_a_run_under_way_goes_on_until_now(tmp_path: Path) -> None:
    script = """
        import { withPresent } from "./courses.js";
        tell(input.map(([states, marks, now]) => withPresent(states, marks, "EXECUTE", now)
          .map((s) => [s.state, s.begin_s, s.end_s])));
    """
    starting = {"state": "STARTING", "begin_s": 0, "end_s": 60}
    running = {"state": "EXECUTE", "begin_s": 60, "end_s": 70}
    marks = [{"kind": "state", "at_s": 75}, {"kind": "run", "at_s": 80}]
    given = [
        [[], [], 10], [[starting], marks, 90], [[starting, running], marks, 90],
        [[starting], [], 60],
    ]  # fmt: skip
    assert run_module(tmp_path, script, given) == [
        [["EXECUTE", 0, 10]],
        [["STARTING", 0, 60], ["EXECUTE", 75, 90]],
        [["STARTING", 0, 60], ["EXECUTE", 60, 90]],
        [["STARTING", 0, 60]],
    ]
