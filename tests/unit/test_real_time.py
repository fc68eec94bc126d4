"""Real-time priority: only where it is asked for and granted, for the thread that scans and, one
behind it, those of the history."""

import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from controller import process
from controller.cli.look import _print_priority
from controller.config import load_line
from controller.core.errors import ConfigError
from controller.core.event import EventKind
from controller.real_time import HIGHEST, RealTime, ask_for
from tests.support.documents import ROOT
from tests.support.line_modules import STAND_INS
from tests.support.virtual_line import VirtualLine

BASE = ROOT / "tests/golden/config/base"
WANTED = 3
NOBODY = 65_534
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")

# Asks for it, then looks at itself, at a thread of its own, and at a process of its own.
TOLD = f"""
import json, os, threading
from controller.real_time import ask_for
{{before}}
found = ask_for({WANTED})
own = [os.sched_getscheduler(0), os.sched_getparam(0).sched_priority]
thread = []
t = threading.Thread(target=lambda: thread.append(os.sched_getscheduler(0)))
t.start(); t.join()
pid = os.fork()
if pid == 0:
    os._exit(os.sched_getscheduler(0))
child = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps({{{{"priority": found.priority, "refused": found.refused, "own": own,
                   "thread": thread[0], "child": child}}}}))
"""
WITHOUT_RIGHTS = f"""
import resource
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
if os.getuid() == 0:
    os.setgid({NOBODY}); os.setuid({NOBODY})
"""


def told(before: str = "") -> dict[str, object]:
    command = [sys.executable, "-c", TOLD.format(before=before)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def is_granted() -> bool:
    soft, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    return os.geteuid() == 0 or soft >= WANTED


@linux
@pytest.mark.skipif(not is_granted(), reason="this user may not have it")
def test_the_thread_that_asks_has_it_and_neither_its_threads_nor_its_processes() -> None:
    found = told()
    if found["refused"]:
        pytest.skip(f"not even root may have it here: {found['refused']}")
    assert found["own"] == [os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, WANTED]
    assert found["priority"] == WANTED
    assert found["thread"] == os.SCHED_OTHER
    assert found["child"] == os.SCHED_OTHER


# The threads of a history that packs, and their priorities.
HISTORY = """
import json, os, sys, threading
from functools import partial
from pathlib import Path
from controller.clock import SystemClock
from controller.historian import Historian, HistorianSettings
from controller.real_time import follow
from tests.support.history import T0_NS, batch, make_tag
{before}
settings = HistorianSettings(seal_samples=1, seal_per_tag=1, commit_interval_s=0.01)
begun = partial(follow, {priority})
historian = Historian(Path(sys.argv[1]), [make_tag("A")], SystemClock(), settings, begun=begun)
historian.start()
historian.record(batch([(0, 1.0, 0, T0_NS)]))
while historian.status.seals == 0:
    historian.flush()
print(json.dumps({{
    t.name.split("_")[0]: [os.sched_getscheduler(t.native_id),
                           os.sched_getparam(t.native_id).sched_priority]
    for t in threading.enumerate()
}}))
historian.close()
"""


REFUSED = """
def refuse(*_):
    raise PermissionError(1, "Operation not permitted")
os.sched_setscheduler = refuse
"""


def threads_of_a_history(folder: Path, priority: int, before: str = "") -> dict[str, list[int]]:
    code = HISTORY.format(before=before, priority=priority)
    command = [sys.executable, "-c", code, str(folder / "history.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, list[int]] = json.loads(done.stdout)
    assert set(found) == {"MainThread", "history-writer", "history-seal"}
    return found


@linux
@pytest.mark.skipif(not is_granted(), reason="this user may not have it")
def test_the_threads_of_the_history_are_one_behind(tmp_path: Path) -> None:
    if told()["refused"]:
        pytest.skip("not even root may have it here")
    found = threads_of_a_history(tmp_path, WANTED)
    behind = [os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, WANTED - 1]
    assert found["history-writer"] == found["history-seal"] == behind
    assert found["MainThread"] == [os.SCHED_OTHER, 0]


@linux
@pytest.mark.parametrize(("priority", "before"), [(0, ""), (1, ""), (WANTED, REFUSED)])
def test_a_history_without_it_runs_as_usual(tmp_path: Path, priority: int, before: str) -> None:
    found = threads_of_a_history(tmp_path, priority, before)
    assert all(each == [os.SCHED_OTHER, 0] for each in found.values())


@linux
def test_where_it_is_not_granted_the_answer_says_what_to_do_and_all_goes_on() -> None:
    found = told(WITHOUT_RIGHTS)
    assert found["own"][0] not in {os.SCHED_FIFO, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK}
    assert found["priority"] == 0
    for word in ("CAP_SYS_NICE", f"LimitRTPRIO={WANTED}", f"--ulimit rtprio={WANTED}"):
        assert word in found["refused"]


@linux
def test_it_is_asked_for_without_inheritance_and_not_at_all_by_default(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda *words: asked.append(words))
    assert ask_for(0) == RealTime()
    assert asked == []
    assert ask_for(WANTED).priority == WANTED
    ((who, policy, parameter),) = asked
    assert (who, policy) == (0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK)
    assert parameter.sched_priority == WANTED


def test_another_system_refuses_in_words(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux only" in ask_for(WANTED).refused
    assert ask_for(0).refused == ""


@pytest.mark.parametrize("priority", [0, 1, HIGHEST])
def test_the_setting_is_taken_from_the_file(tmp_path: Path, priority: int) -> None:
    assert load_line(lines(tmp_path, priority), STAND_INS).realtime_priority == priority


@pytest.mark.parametrize("priority", ["-1", "50", "2.5", "true", '"high"'])
def test_what_it_cannot_be_is_refused_with_file_field_and_range(
    tmp_path: Path, priority: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_line(lines(tmp_path, priority), STAND_INS)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == ("line.toml", 8)
    assert problem.field == "line.realtime_priority"
    assert f"at least 0, at most {HIGHEST}" in problem.message


def lines(folder: Path, priority: object) -> Path:
    for name in ("line.toml", "io_list.csv"):
        shutil.copy(BASE / name, folder)
    text = (folder / "line.toml").read_text(encoding="utf-8")
    wanted = text.replace("map_version = 1", f"map_version = 1\nrealtime_priority = {priority}")
    (folder / "line.toml").write_text(wanted, encoding="utf-8")
    return folder


class Asking(VirtualLine):
    """Its line.toml asks for a priority."""

    def new_controller(self) -> None:
        self.config = replace(self.config, realtime_priority=WANTED)
        super().new_controller()


def refused(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)


@linux
async def test_a_line_that_is_refused_it_warns_and_runs_on(
    tmp_path: Path, monkeypatch, caplog
) -> None:
    refused(monkeypatch)
    async with Asking(tmp_path) as line:
        process.hurry(line.line)
        before = line.scans()
        await line.pass_time(1.0)
        assert all(count >= before[name] + 9 for name, count in line.scans().items())
        assert any("CAP_SYS_NICE" in text for text in line.told("", EventKind.SYSTEM))
        assert "CAP_SYS_NICE" in caplog.text
        assert line.line.real_time.priority == 0


@linux
async def test_a_line_that_does_not_ask_is_told_nothing(tmp_path: Path, monkeypatch) -> None:
    refused(monkeypatch)
    line = VirtualLine(tmp_path)
    process.hurry(line.line)
    assert line.line.real_time == RealTime()
    assert line.recorder.events == []


def test_status_says_that_it_is_in_force_or_why_not(capsys) -> None:
    _print_priority({"wanted": 0, "refused": ""})
    assert capsys.readouterr() == ("", "")
    _print_priority({"wanted": 7, "refused": ""})
    assert "real-time priority 7" in capsys.readouterr().out
    _print_priority({"wanted": 7, "refused": "not granted: do this"})
    assert "not granted: do this" in capsys.readouterr().err
