"""`dryline wait`: what it takes for reached, what for hopeless, and what it says meanwhile."""

import itertools
import json

import pytest
import typer
from typer.testing import CliRunner

from controller.cli import wait as wait_command
from controller.cli.wait import Watched
from controller.clock import NS
from controller.control.states import State, when_done
from controller.core.errors import DrylineError

app = typer.Typer()
wait_command.add_to(app)
app.command("other")(lambda: None)  # so that `wait` has to be named

MINUTE_S = 60


def station(state, step="", *, link_up=True, reason="", prompt="", waiting_for=()):
    return {
        "state": state, "step": step, "link_up": link_up, "reason": reason,
        "recipe": {"prompt": prompt}, "waiting_for": list(waiting_for),
    }  # fmt: skip


def line(minute, uncontrolled=(), **stations):
    names = [*stations, *uncontrolled]
    return {
        "time_ns": minute * MINUTE_S * NS, "stations": stations, "line_stations": names,
        "uncontrolled": list(uncontrolled), "silent": [],
    }  # fmt: skip


@pytest.fixture
def says(monkeypatch):
    """Lets the line say one thing after another, the last for ever, a minute each if not told."""

    def script(*answers):
        last = answers[-1]
        more = (
            {**last, "time_ns": last["time_ns"] + k * MINUTE_S * NS} for k in itertools.count(1)
        )
        coming = itertools.chain(answers, more)

        def status(run):
            answer = next(coming)
            if isinstance(answer, DrylineError):
                raise answer
            return answer

        monkeypatch.setattr(wait_command, "status", status)
        monkeypatch.setattr(wait_command, "POLL_S", 0.0)

    return script


def dryline(*words):
    return CliRunner().invoke(app, ["wait", *words])


def test_it_returns_when_the_state_is_reached_and_says_what_was_on_the_way(says):
    says(
        line(0, coater=station("STARTING", "warm-up")),
        line(5, coater=station("STARTING", "warm-up")),
        line(9, coater=station("STARTING", "run")),
        line(12, coater=station("EXECUTE")),
    )
    result = dryline("coater", "execute")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "coater: STARTING, warm-up",
        "coater: STARTING, run",
        "coater: EXECUTE",
        "coater: EXECUTE after 12.0 min",
    ]


def test_all_stations_have_to_be_there(says):
    says(
        line(0, coater=station("EXECUTE"), enclosure=station("STARTING")),
        line(3, coater=station("EXECUTE"), enclosure=station("EXECUTE")),
    )
    result = dryline("all", "EXECUTE")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "coater, enclosure: EXECUTE after 3.0 min"


@pytest.mark.parametrize("state", [s.name for s in State if when_done(s) is None])
def test_a_station_at_rest_elsewhere_is_given_up(says, state):
    says(line(0, coater=station(state, reason="torque above 92 %")))
    result = dryline("coater", "EXECUTE")
    assert result.exit_code == 1
    assert f"coater is {state}, not EXECUTE: torque above 92 %" in result.stderr


def test_production_is_no_rest_it_may_end_by_itself(says):
    says(line(0, coater=station("EXECUTE")), line(9, coater=station("COMPLETED")))
    assert dryline("coater", "COMPLETED").exit_code == 0


def test_when_the_time_is_over_it_says_what_is_waited_for(says):
    says(line(0, coater=station("STARTING", waiting_for=["dry air (is -20)"])))
    result = dryline("coater", "EXECUTE", "--within", "30m")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "coater is STARTING, not EXECUTE, after 30m",
        "  waits for dry air (is -20)",
    ]


def test_a_state_counts_only_with_a_link(says):
    says(
        line(0, coater=station("IDLE", link_up=False)),
        line(1, coater=station("HELD", link_up=False)),
        line(2, coater=station("IDLE")),
    )
    result = dryline("coater", "IDLE")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["coater: no link to its PLC", "coater: IDLE"]


def test_time_in_the_state_begins_again_when_it_is_left():
    watched = Watched("coater", State.EXECUTE, stay_ns=5)
    for now_ns, state, reached in (
        (0, "EXECUTE", False), (4, "EXECUTE", False), (5, "EXECUTE", True),
        (6, "UNHOLDING", False), (7, "EXECUTE", False), (11, "EXECUTE", False),
        (12, "EXECUTE", True),
    ):  # fmt: skip
        list(watched.look(station(state), now_ns))
        assert watched.reached is reached, now_ns


def test_to_be_in_it_so_long_can_be_asked_for(says):
    says(line(0, coater=station("EXECUTE")))
    result = dryline("coater", "EXECUTE", "--for", "10m")
    assert result.stdout.splitlines()[-1] == "coater: EXECUTE after 10.0 min"


def test_a_prompt_is_shown_with_the_way_to_answer_it(says):
    says(
        line(0, coater=station("STARTING", prompt="Load the foil")),
        line(1, coater=station("EXECUTE")),
    )
    shown = dryline("coater", "EXECUTE").stdout
    assert "coater asks: Load the foil (`dryline confirm coater`)" in shown


def test_a_controller_that_begins_to_answer_is_waited_for(says):
    says(
        DrylineError("nobody answers"),
        line(0, uncontrolled=["coater"]),
        line(1, coater=station("IDLE")),
    )
    assert dryline("coater", "IDLE").exit_code == 0


def test_a_controller_that_never_answers_is_told(says, monkeypatch):
    says(DrylineError("nobody answers"), line(0, coater=station("IDLE")))
    monkeypatch.setattr(wait_command, "SILENCE_S", -1.0)
    result = dryline("coater", "IDLE")
    assert result.exit_code == 1
    assert "nobody answers" in result.stderr


def test_a_script_gets_the_states(says):
    says(line(0, coater=station("STARTING")), line(2, coater=station("EXECUTE")))
    found = json.loads(dryline("coater", "EXECUTE", "--json").stdout)
    assert found == {"reached": True, "waited_s": 120.0, "states": {"coater": "EXECUTE"}}
    says(line(0, coater=station("HELD")))
    result = dryline("coater", "EXECUTE", "--json")
    assert json.loads(result.stdout)["reached"] is False
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("coater", "FLYING"), 2, "no state 'FLYING'; states: STOPPED"),
        (("coater", "IDLE", "--within", "soon"), 1, "--within 'soon': a number and s, m, h or d"),
        (("coater", "IDLE", "--for", "5"), 1, "--for '5': a number and s, m, h or d"),
        (("slitter", "IDLE"), 1, "no station 'slitter'"),
    ],
)
def test_wrong_words_are_told(says, words, code, told):
    says(line(0, coater=station("EXECUTE")))
    result = dryline(*words)
    assert result.exit_code == code
    assert told in result.stderr
