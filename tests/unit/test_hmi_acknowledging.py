"""Which frames the screens acknowledge. Run by Node."""

from pathlib import Path

import pytest

from controller.api.live_client import WINDOW
from tests.support.javascript import run_module

# Frames come at the moments of the input; the timers are the test's own. What is told: moment and
# position of each acknowledgement, and how many frames were on the way before it at most.
SCRIPT = """
    import { Acknowledging } from "./acknowledging.js";
    let now = 0, timer = null, last = 0, most = 0;
    globalThis.setTimeout = (work, ms) => (timer = { work, at: now + ms });
    globalThis.clearTimeout = (one) => { if (one === timer) timer = null; };
    const said = [];
    const acks = new Acknowledging((s) => { said.push([now, s]); last = s; });
    const until = (at) => {
      while (timer && timer.at <= at) { const due = timer; timer = null; now = due.at; due.work(); }
      now = at;
    };
    input.forEach((at, k) => {
      until(at);
      acks.took(k + 1, now);
      most = Math.max(most, k + 1 - last);
    });
    until(now + 10000);
    tell({ said, most });
"""


def acknowledged(tmp_path: Path, *moments: int) -> tuple[list[list[int]], int]:
    found = run_module(tmp_path, SCRIPT, list(moments))
    return found["said"], found["most"]


def test_of_ten_in_a_second_every_second_is_acknowledged(tmp_path: Path) -> None:
    said, most = acknowledged(tmp_path, *range(0, 1000, 100))
    assert said == [[0, 1], [200, 3], [400, 5], [600, 7], [800, 9], [1050, 10]]
    assert most == 1


def test_frames_that_come_seldom_are_acknowledged_at_once(tmp_path: Path) -> None:
    said, _ = acknowledged(tmp_path, 0, 1000, 1150, 2500)
    assert said == [[0, 1], [1000, 2], [1150, 3], [2500, 4]]


def test_the_last_one_is_owed_for_a_moment_only(tmp_path: Path) -> None:
    said, _ = acknowledged(tmp_path, 0, 40)
    assert said == [[0, 1], [190, 2]]


def test_what_comes_in_a_heap_leaves_one_unacknowledged_at_most(tmp_path: Path) -> None:
    said, most = acknowledged(tmp_path, *[5] * 7)
    assert [position for _, position in said] == [1, 3, 5, 7]
    assert most == 1 < WINDOW


def test_the_newest_is_acknowledged_in_the_end_however_they_come(tmp_path: Path) -> None:
    moments = sorted((k * k * 37) % 3000 for k in range(60))
    said, most = acknowledged(tmp_path, *moments)
    assert said[-1][1] == 60
    assert [position for _, position in said] == sorted({position for _, position in said})
    assert most == 1


@pytest.mark.parametrize("way", ["end", "atOnce"])
def test_a_frame_that_was_owed_is_not_acknowledged_afterwards(tmp_path: Path, way: str) -> None:
    script = f"""
        import {{ Acknowledging }} from "./acknowledging.js";
        const said = [];
        const acks = new Acknowledging((s) => said.push(s));
        acks.took(1, 0); acks.took(2, 10);
        acks.{way}(3, 20);
        await new Promise((done) => setTimeout(done, 300));
        tell(said);
    """
    assert run_module(tmp_path, script) == ([1] if way == "end" else [1, 3])
