"""The measure by which a neighbour's noise is told from a disturbance."""

import numpy as np
import pytest

from tests.support.counted_controller import ROW
from tests.support.neighbours import Window
from tests.support.noise import BESIDE, LENGTHS_S, band, largest_off, off_beside
from tests.support.noted_scans import scan_figures

MS = 1_000_000


def test_drift_cancels() -> None:
    assert off_beside(np.arange(9.0)) == pytest.approx(np.zeros(7))
    assert largest_off(np.arange(300.0), LENGTHS_S[0]) == pytest.approx(0.0, abs=1e-9)


def test_pulse_shows_whole_and_lasting_step_shows_half() -> None:
    assert off_beside(np.array([0.0, 1.0, 0.0])) == pytest.approx([1.0])
    assert off_beside(np.array([0.0, 1.0, 1.0])) == pytest.approx([0.5])


def test_band_of_a_control_run_is_its_largest_move() -> None:
    values = np.zeros(300)
    values[100 : 100 + BESIDE] = 2.0
    assert largest_off(values, LENGTHS_S[0]) == pytest.approx(2.0)


def test_band_belongs_to_the_next_longer_stretch() -> None:
    of = np.array([1.0, 2.0, 3.0, 4.0])
    assert [band(of, s) for s in (0.4, 0.8, 1.0, 6.0, 90.0)] == [1.0, 1.0, 2.0, 3.0, 4.0]


def notes(late_ms: list[float], overruns: list[int]) -> np.ndarray:
    """Scans that were due each 100 ms from 50 ms on."""
    rows = np.zeros(len(late_ms), ROW)
    due_ns = 50 * MS + 100 * MS * (np.arange(len(late_ms)) + np.array(overruns))
    rows["time_ns"] = due_ns + (1e6 * np.array(late_ms)).astype(np.int64)
    rows["late_ms"], rows["overruns"] = late_ms, overruns
    rows["count"] = np.arange(1, len(late_ms) + 1)
    return rows


def windows(*stops_ms: int) -> list[Window]:
    """Quiet and disturbed by turns, from 0 on."""
    starts = (0, *stops_ms)
    return [
        Window(a * MS, b * MS, "stop" if k % 2 else "")
        for k, (a, b) in enumerate(zip(starts, stops_ms, strict=False))
    ]


def test_scans_on_time_are_right() -> None:
    figures = scan_figures(notes([1.0] * 30, [0] * 30), windows(1000, 2000, 3000))
    assert figures.wrong() == []
    assert [len(x) for x in figures.late] == [20, 10]


def test_scan_left_out_and_scans_late_while_disturbed_are_told() -> None:
    late = [1.0] * 12 + [30.0] * 5 + [1.0] * 12
    figures = scan_figures(notes(late, [0] * 15 + [1] * 14), windows(1000, 2000, 3000))
    assert figures.wrong() == [
        "1 scans missed, the latest during stop",
        "late by 30.0 ms at p99, bar 11.0 ms, most during stop",
    ]


def test_scans_that_nobody_counted_as_missed_are_told() -> None:
    rows = notes([1.0] * 30, [0] * 30)
    figures = scan_figures(rows[rows["count"] % 10 != 0], windows(1000, 2000, 3000))
    assert figures.wrong() == [
        "27 scans in the time of 30.0",
        "the counter does not count scan by scan",
    ]
