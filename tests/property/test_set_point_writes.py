"""A hundred thousand generated set points by every path, judged by the PLCs' own logs.

Here are the paths through the stations; those that begin at a socket are in
tests/wire/test_set_point_writes.py, and another program at a machine that runs is in
tests/property/test_plc_rates.py.
"""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from controller.control.states import State
from controller.core.recipe import RecipeId, Version
from plc_sim import lockstep
from plc_sim.set_point_log import SetPointLog
from tests.support.desk_line import DeskLine, at_once
from tests.support.quick_recipes import NAME, draft, path_of, quick, release
from tests.support.recipe_kinds import store
from tests.support.set_point_judge import Judge
from tests.support.set_point_storm import Storm

COMMANDS, LOOPS, RECIPES, OTHERS = 40_000, 15_000, 12_000, 20_000
RESTORED, TAKEN_OVER, RESTARTS = 6_000, 5_000, 4_000


@pytest.fixture
def storm(monkeypatch: pytest.MonkeyPatch) -> Storm:
    found = Storm(5, lambda name, value: monkeypatch.setattr(lockstep, name, value))
    found.keep_going()
    found.scan(50)
    return found


def verdict(storm: Storm) -> str:
    return "\n".join(judge.verdict() for judge in storm.judges.values()).strip()


@pytest.mark.timeout(300)
def test_no_path_to_a_set_point_gets_past_its_limits_or_its_rate(storm: Storm) -> None:
    for path, count in (
        (storm.commands, COMMANDS),
        (storm.loops, LOOPS),
        (storm.recipes, RECIPES),
        (storm.restored, RESTORED),
    ):
        path(count)
        assert verdict(storm) == "", path.__name__
        assert storm.rejects() == 0, path.__name__  # nothing was sent that the PLC refuses
    for path, count in (
        (storm.taken_over, TAKEN_OVER),
        (storm.plc_restarts, RESTARTS),
        (storm.foreign, OTHERS),
    ):
        path(count)
        assert verdict(storm) == "", path.__name__
    assert storm.written.total() >= 100_000
    for judge in storm.judges.values():
        assert judge.moves > 10_000
    print(dict(storm.written), {n: (j.notes, j.moves) for n, j in storm.judges.items()})


# -- trials, in virtual time: the recipe from its file, the console, the in-memory driver ----------

TRIALS = 6
VALUES: Mapping[str, tuple[float, float]] = {
    "roll_temperature": (40.0, 140.0),
    "line_speed": (0.5, 20.0),
}


def generated(root: Path, dice: Random, number: int) -> str:
    """A released version whose values nobody has tried before."""
    text = quick(f"1.{number}.0", base="1.0.0")
    for name, (low, high) in VALUES.items():
        value = dice.choice((low, high, round(dice.uniform(low, high), 3)))
        text, count = re.subn(rf"({name}: {{value: )[0-9.]+", rf"\g<1>{value:g}", text)
        assert count == 1, name
    draft(root, f"1.{number}.0")
    path_of(root, f"1.{number}.0").write_text(text, encoding="utf-8")
    own = RecipeId("coater", NAME, Version.parse(f"1.{number}.0"))
    store(root).release(own, "Grace Other", "for a test", override="a test")
    return f"{NAME}@1.{number}.0"


async def test_trials_and_their_way_back_keep_to_limits_and_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asyncio, "to_thread", at_once)
    dice, root = Random(11), tmp_path / "recipes"
    release(root, "1.0.0")
    async with DeskLine(tmp_path) as line:
        points = line.config.station("coater").points
        log, judge = SetPointLog(), Judge(points)
        # What is asked is judged for any client: the in-memory link sends at its own pace.
        line.plcs["coater"].keep_journal(log)
        await line.done("deploy", recipe=f"{NAME}@1.0.0", reason="usual")
        for number in range(1, TRIALS + 1):
            recipe = generated(root, dice, number)
            await line.done("trial", recipe=recipe, question="does it hold?", minutes=0.5)
            await line.execute()
            await line.pass_time(5.0)
            await line.done("trial_end", reason="seen enough")
            await line.until(State.COMPLETED)
            await line.command("RESET")
            await line.pass_time(2.0)
            judge.see(log.take())
        assert judge.verdict() == ""
        assert judge.moves > 100
