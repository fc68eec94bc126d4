"""One controller a station: who comes second is told who holds it; death sets free."""

import os
import re
import signal
import subprocess
import sys

import pytest

from controller.core.errors import DrylineError
from controller.station_lock import StationLocks

SINCE_NS = 1_795_337_525 * 10**9  # 2026-11-22 08:52:05 UTC
HOLD = """
import sys, time
from pathlib import Path
from controller.station_lock import StationLocks
with StationLocks(Path(sys.argv[1]), sys.argv[2:], "+".join(sys.argv[2:]), 0):
    print("held", flush=True)
    time.sleep(60)
"""


def locks(run, *stations, part="x"):
    return StationLocks(run, stations, part, SINCE_NS)


def free(run, station):
    try:
        with locks(run, station):
            return True
    except DrylineError:
        return False


def test_the_second_is_refused_with_who_and_since_when(tmp_path):
    with (
        locks(tmp_path, "coater", part="coater"),
        pytest.raises(DrylineError) as refused,
        locks(tmp_path, "coater"),
    ):
        pass
    assert str(refused.value) == (
        f"coater is controlled by the controller of coater (pid {os.getpid()}, since "
        "2026-11-22 08:52:05Z). Stop that one first, or choose another run folder"
    )


def test_stations_that_differ_do_not_meet(tmp_path):
    with locks(tmp_path, "coater"), locks(tmp_path, "calender", "enclosure"):
        pass


def test_the_whole_line_and_one_station_exclude_each_other(tmp_path):
    line = ("enclosure", "coater", "calender")
    with (
        locks(tmp_path, *line, part=""),
        pytest.raises(DrylineError, match="coater is controlled by the controller of the whole"),
        locks(tmp_path, "coater"),
    ):
        pass
    with locks(tmp_path, "coater"), pytest.raises(DrylineError, match="coater is controlled"):
        locks(tmp_path, *line, part="").__enter__()


def test_who_cannot_have_all_takes_none(tmp_path):
    with locks(tmp_path, "calender", "coater"):
        with pytest.raises(DrylineError) as refused:
            locks(tmp_path, "enclosure", "coater", "calender").__enter__()
        assert free(tmp_path, "enclosure")
    told = str(refused.value)
    assert "coater is controlled" in told
    assert "calender is controlled" in told
    assert "enclosure is" not in told


def test_an_end_in_order_sets_free(tmp_path):
    with locks(tmp_path, "coater"):
        assert not free(tmp_path, "coater")
    assert free(tmp_path, "coater")


def test_a_killed_controller_sets_free_and_its_name_is_not_told_again(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path), "coater", "calender"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(DrylineError, match=rf"pid {child.pid}, since 1970-01-01 00:00:00Z"):
            locks(tmp_path, "coater").__enter__()
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    with locks(tmp_path, "coater", part="next"), pytest.raises(DrylineError) as refused:
        locks(tmp_path, "coater").__enter__()
    assert re.search(r"the controller of next \(pid", str(refused.value))
    assert str(child.pid) not in str(refused.value)


def test_a_run_folder_that_is_not_there_is_made(tmp_path):
    with locks(tmp_path / "new" / "run", "coater"):
        assert (tmp_path / "new" / "run").is_dir()
