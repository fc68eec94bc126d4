"""Feedback lead time: from the last sample of a run to the deployment that uses its result."""

from dataclasses import replace

import pytest

from controller.clock import NS
from controller.core.run import Outcome, RunHead
from controller.run_store import Deployed
from controller.runs.lead_time import Month, by_month, leads, of_trials

T0_NS = 1_767_225_600 * NS  # 2026-01-01
HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS


def run(name: str, ended_h: float | None, trial: str = "", station: str = "coater") -> RunHead:
    """A run that began at T0."""
    head = RunHead(
        id=name, station=station, kind=station, recipe="built-in", content_hash="",
        begun_ns=T0_NS, begun_by="ann", reason="", software="", trial=trial,
    )  # fmt: skip
    if ended_h is None:
        return head
    return replace(head, ended_ns=T0_NS + round(ended_h * HOUR_NS), outcome=Outcome.COMPLETED)


def deployed(number: int, at_h: float, because: str, station: str = "coater") -> Deployed:
    time_ns = T0_NS + round(at_h * HOUR_NS)
    return Deployed(station, number, f"r{number}", "", "ann", "x", time_ns, because, "")


def hours(*pairs: tuple[Deployed, RunHead]) -> list[float]:
    found = leads([d for d, _ in pairs], [r for _, r in pairs])
    return [x.hours for x in found]


def test_the_lead_runs_from_the_end_of_the_run_to_the_deployment() -> None:
    assert hours((deployed(2, 5.5, "a"), run("a", 2.0))) == [pytest.approx(3.5)]


def test_a_run_that_is_still_open_has_its_last_sample_now() -> None:
    assert hours((deployed(2, 5.5, "a"), run("a", None))) == [0.0]


def test_a_deployment_before_the_end_of_its_run_has_no_negative_lead() -> None:
    assert hours((deployed(2, 1.0, "a"), run("a", 2.0))) == [0.0]


def test_deployments_that_name_no_run_or_an_unknown_one_do_not_count() -> None:
    made = [deployed(1, 1.0, ""), deployed(2, 2.0, "gone"), deployed(3, 3.0, "a")]
    assert [x.number for x in leads(made, [run("a", 1.0)])] == [3]


def test_a_run_of_one_station_may_lead_to_a_deployment_at_another() -> None:
    made = deployed(1, 4.0, "c", station="calender")
    (found,) = leads([made], [run("c", 1.0, station="coater")])
    assert (found.station, found.run, found.hours) == ("calender", "c", pytest.approx(3.0))


def test_months_are_those_of_the_deployment_in_utc_and_of_each_station() -> None:
    last = 31 * 24 - 1e-9  # the last moment of January
    made = [
        deployed(1, last, "a"), deployed(2, 31 * 24, "a"), deployed(3, 31 * 24 + 1, "a"),
        deployed(4, 31 * 24 + 9, "a"), deployed(1, 31 * 24, "a", station="calender"),
    ]  # fmt: skip
    found = by_month(leads(made, [run("a", 0.0)]))
    assert [(m.month, m.station, m.n) for m in found] == [
        ("2026-01", "coater", 1), ("2026-02", "calender", 1), ("2026-02", "coater", 3)
    ]  # fmt: skip
    february = found[-1]
    assert (february.mean, february.median, february.longest) == (
        pytest.approx(744 + 10 / 3), pytest.approx(745), pytest.approx(753)
    )  # fmt: skip


def test_nothing_gives_no_months() -> None:
    assert by_month([]) == []
    one = Month("coater", "2026-01", 1, 2.0, 2.0, 2.0)
    assert by_month(leads([deployed(1, 3.0, "a")], [run("a", 1.0)])) == [one]


def test_a_trial_counts_until_the_first_deployment_its_run_led_to() -> None:
    made = [deployed(2, 5.0, "t"), deployed(3, 9.0, "t"), deployed(4, 9.0, "plain")]
    found = leads(made, [run("t", 1.0, trial="trial-1"), run("plain", 1.0)])
    assert of_trials(found) == {"trial-1": pytest.approx(4.0)}
