"""How sure one run is of its own means."""

import numpy as np

from controller.runs import confidence
from controller.runs.confidence import confidences
from tests.support.run_history import RunHistory, ar1, summary

LASTS_S = 2_000


def told(path, values, kind="calender", tag=".THK.C"):
    with RunHistory(path / "history.db", kind) as history:
        history.run(0, 0, LASTS_S)
        history.put(tag, np.arange(LASTS_S), values)
        history.put(".METER" if kind == "calender" else ".PPM", np.arange(LASTS_S),
                    np.arange(LASTS_S) / 12.0)  # fmt: skip
    return confidences(summary(path / "history.db", kind, 0, LASTS_S))


def test_the_interval_of_a_mean_holds_it_and_widens_with_correlation(tmp_path):
    rng = np.random.default_rng(3)
    widths = []
    for phi in (0.0, 0.8):
        folder = tmp_path / str(phi)
        folder.mkdir()
        found = told(folder, 100.0 + ar1(rng, LASTS_S, phi))["thickness"]
        assert found.low is not None
        assert found.high is not None
        assert found.low < 100.0 < found.high
        assert (found.why_not, found.level) == ("", 0.95)
        assert found.batches >= 4
        widths.append(found.high - found.low)
    # the root of (1 + phi) / (1 - phi): neighbours of 0.8 are worth a ninth
    assert 2.0 < widths[1] / widths[0] < 4.5


def test_a_drift_has_no_interval(tmp_path):
    found = told(tmp_path, np.linspace(90.0, 110.0, LASTS_S))["thickness"]
    assert (found.low, found.high) == (None, None)
    assert "drifts" in found.why_not


def test_what_is_one_figure_a_run_and_what_nobody_knows_have_none(tmp_path):
    found = told(tmp_path, -61.0, "enclosure", ".DP.ZONE")
    assert found["moisture_dose"].why_not == "a dose is one figure a run"
    assert found["pressure"].why_not == "nothing is known"


def test_without_the_statistics_the_reason_is_told(tmp_path, monkeypatch):
    def missing(*_):
        raise confidence.DrylineError("comparing runs needs the extra")

    monkeypatch.setattr(confidence, "mean_interval", missing)
    values = 100.0 + np.random.default_rng(1).normal(size=LASTS_S)
    found = told(tmp_path, values)["thickness"]
    assert (found.low, found.why_not) == (None, "comparing runs needs the extra")
