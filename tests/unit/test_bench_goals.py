"""The table of goals says what was met and what was missed."""

from tests.bench.goals import Figure, as_json, goals_of, table

CPU = Figure("A1", "CPU, to asyncua raw", 0.2, 0.15, note="decoding takes 80 %")
RATE = Figure("F1", "rehearsal", 600.0, 500.0, better="above")
PLAIN = Figure("A4", "registers a second", 20_000.0, unit="1/s")


def test_a_bound_is_kept_from_its_own_side_and_missed_from_the_other() -> None:
    assert CPU.met is False
    assert RATE.met is True
    assert PLAIN.met is None


def test_goals_are_found_in_all_results_and_stand_in_their_order() -> None:
    results = {"rehearsal": {"goals": [RATE], "x": 1.0}, "opcua": {"goals": [CPU]}, "sink": {}}
    assert goals_of(results) == [CPU, RATE]


def test_what_is_missed_is_named_with_its_reason() -> None:
    lines = list(table([CPU, RATE, PLAIN]))
    assert "MISSED" in lines[1]
    assert "decoding takes 80 %" in lines[2]
    assert lines[3].endswith("met")
    assert "MISSED" not in lines[4]


def test_the_file_keeps_figure_bound_and_verdict() -> None:
    kept = as_json([CPU])[0]
    assert (kept["value"], kept["bound"], kept["met"]) == (0.2, 0.15, False)
