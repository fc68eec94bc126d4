"""200 windows that read everything, 20 that never read: the honest ones are served, at a price."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.access.roles import Role
from tests.support.api_process import ApiUnderTest, eventually
from tests.support.bare_timer import lateness, ticking
from tests.support.line_under_test import ROOT, LineUnderTest
from tests.support.live_crowd import WINDOWS

pytestmark = pytest.mark.timeout(300)

HONEST, DEAF = 200, 20
LASTS_S = 25.0
MOST_MIB = 64.0
SILENCE_S = 2.0
AGE_S = 1.0
TIMER = "timer.bin"
NS = 1_000_000_000


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineUnderTest]:
    with LineUnderTest() as found:
        found.start_plant()
        found.start_controller()
        found.wait_for(found.all_links_up, "all links up")
        yield found


def resident_mib(api: ApiUnderTest) -> float:
    assert api.process is not None
    text = Path(f"/proc/{api.process.pid}/status").read_text(encoding="ascii")
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith("VmRSS")) / 1024


def test_two_hundred_windows_are_served_beside_twenty_that_never_read(
    line: LineUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"user{k}" for k in range(1 + HONEST // WINDOWS)]
    with ApiUnderTest(line.line_folder, line.run) as api, ticking(tmp_path / TIMER, ROOT):
        api.users(**{name: [Role.VIEWER] for name in names})
        eventually(api.heard)
        cookies = [api.person(name).cookie for name in names]
        before_mib = resident_mib(api)
        begun_ns = time.time_ns()
        command = [sys.executable, "-m", "tests.support.live_crowd", str(api.port), str(LASTS_S)]
        command += [str(DEAF), *cookies]
        most_mib = before_mib
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as crowd:
            while crowd.poll() is None:
                most_mib = max(most_mib, resident_mib(api))
                time.sleep(0.2)
            assert crowd.stdout is not None
            found = json.loads(crowd.stdout.read())
        stall_s = float(lateness(tmp_path / TIMER, begun_ns, time.time_ns()).max()) / 1000.0
        told = api.told
    grew_mib = most_mib - before_mib
    with capsys.disabled():
        print(f"\n{found}; memory {before_mib:.1f} MiB and {grew_mib:.1f} more; "
              f"the machine stood still for {1000 * stall_s:.0f} ms")  # fmt: skip
    assert (found["windows"], found["dropped"]) == (HONEST, 0)
    assert found["came_back"] >= DEAF
    assert grew_mib <= MOST_MIB
    assert found["silence_s"] <= SILENCE_S + 10.0 * stall_s
    assert "Traceback" not in told
