"""The processes under `dryline up`: which end all, which are started again, how they end."""

import signal
import sys
import time

import pytest

from controller.cli import children as module
from controller.cli.children import Child, Children

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
QUIT = [sys.executable, "-c", "import sys; sys.exit(3)"]
TOUCH = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
FINE = [sys.executable, "-c", ""]
DEAF = [
    sys.executable,
    "-c",
    "import pathlib, signal, sys, time; signal.signal(15, signal.SIG_IGN);"
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)",
]


@pytest.fixture
def said():
    return []


@pytest.fixture
def start(said):
    """Start children; they end with the test, whatever it does."""
    running = []

    def begin(*children):
        group = Children(children, said.append)
        group.start()
        running.extend(children)
        return group

    yield begin
    for child in running:
        if child.process is not None and child.code is None:
            child.process.kill()
        if child.process is not None:
            child.process.wait(60)


def until(test, within_s=60.0):
    deadline = time.monotonic() + within_s
    while not test():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("command", "in_order"), [(QUIT, False), (FINE, True)])
def test_the_end_of_one_that_is_needed_is_the_end_of_all(start, said, command, in_order):
    plant, other = Child("the plant", command), Child("other", SLEEP)
    group = start(plant, other)
    group.watch()
    assert group.end() is in_order
    assert other.code == -signal.SIGTERM
    assert said == []


def test_one_that_may_be_started_again_is(start, said, monkeypatch):
    monkeypatch.setattr(module, "FIRST_BACK_OFF_S", 0.0)
    plant = Child("the plant", SLEEP)
    part = Child("the controller of coater", SLEEP, again=True, back_off_s=0.05)
    group = start(plant, part)
    assert group.step()
    first = part.process
    first.kill()
    until(lambda: group.step() and part.process is not first)
    assert part.code is None
    assert plant.code is None
    assert said == ["the controller of coater has ended (signal 9); it is started again in 0.05 s"]
    assert group.end()


def test_one_that_dies_young_is_waited_for_longer_each_time(start, said):
    part = Child("it", QUIT, again=True, back_off_s=0.01)
    group = start(part)
    until(lambda: group.step() and len(said) >= 4)
    waits = [float(text.rpartition(" in ")[2].removesuffix(" s")) for text in said[:4]]
    assert waits == [0.01, 0.02, 0.04, 0.08]
    assert "code 3" in said[0]


def test_the_wait_has_a_limit_and_a_long_life_starts_anew():
    part = Child("it", SLEEP, again=True, begun_s=time.monotonic())
    waits = [part.wait_a_while() for _ in range(7)]
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    part.begun_s -= module.HEALTHY_S
    assert part.wait_a_while() == module.FIRST_BACK_OFF_S


def test_one_that_died_before_and_may_does_not_make_the_end_a_failure(start):
    part = Child("it", QUIT, again=True, back_off_s=60.0)
    group = start(Child("the plant", SLEEP), part)
    until(lambda: part.code is not None)
    assert group.step()
    assert group.end()


def test_one_that_does_not_listen_is_killed(start, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "STOP_S", 0.2)
    ready = tmp_path / "deaf"
    deaf = Child("it", [*DEAF, str(ready)])
    group = start(deaf)
    until(ready.exists)
    group.end()
    assert deaf.code == -signal.SIGKILL


def test_one_that_waits_for_another_comes_when_it_is_there(start, tmp_path):
    there = tmp_path / "there"
    first, second = Child("the plant", SLEEP), Child("the controller", SLEEP, after=there.exists)
    group = start(first, second)
    assert group.step()
    assert first.process is not None
    assert second.process is None
    there.touch()
    assert group.step()
    assert second.process is not None
    assert group.end()


def test_what_never_comes_is_not_waited_for_for_ever(start, monkeypatch):
    monkeypatch.setattr(module, "PATIENT_S", 0.0)
    late = Child("the controller", SLEEP, after=lambda: False)
    group = start(Child("the plant", SLEEP), late)
    assert not group.watch_until(lambda: False)
    assert group.step()
    assert late.process is not None
    assert group.end()


def test_the_end_of_one_that_is_needed_ends_the_wait_for_another(start):
    group = start(Child("the plant", QUIT), Child("other", SLEEP))
    assert not group.watch_until(lambda: False)


def test_what_is_waited_for_is_told(start, tmp_path):
    group = start(Child("the plant", [sys.executable, "-c", TOUCH, str(tmp_path / "up")]))
    assert group.watch_until((tmp_path / "up").exists)
    assert group.end()


def test_orders_to_end_in_the_middle_of_a_look_leave_every_process_to_be_waited_for(start):
    """Thousands of signals, most of them while the group looks at its processes."""
    plant, other = Child("the plant", SLEEP), Child("other", SLEEP, again=True)
    group = start(plant, other)
    orders = 0

    def order(*_):
        nonlocal orders
        orders += 1
        group.order_to_end()
        group.ending = orders >= 3000  # as if each were the first

    before = signal.signal(signal.SIGALRM, order)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        while group.step():
            pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert orders >= 3000
    assert group.ending
    begun_s = time.monotonic()
    assert group.end()
    assert time.monotonic() - begun_s < module.STOP_S
    assert plant.code == other.code == -signal.SIGTERM
