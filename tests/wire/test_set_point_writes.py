"""Set points over real wires by every path, and what the PLCs' own logs say to them.

Browser and script through the API, the command line, the controller's console, other programs over
OPC UA and Modbus, a controller that dies in the middle of a move, and a PLC that restarts.
"""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest

from controller.access.roles import Role
from controller.core.errors import DrylineError
from controller.core.point import Access, Point
from controller.core.tag import Kind
from plc_sim.set_point_log import FILE_END, read_log
from tests.support.api_process import ApiUnderTest, Person, eventually
from tests.support.line_under_test import PATIENT_S, ROOT, STATIONS, ConsoleClient, LineUnderTest
from tests.support.set_point_judge import Judge
from tests.support.set_point_storm import wild

pytestmark = pytest.mark.timeout(300)
API, CONSOLE, EACH_PROGRAM, CLI, LIVES = 40, 800, 1_200, 3, 2
PER_WRITE = 4
CONSOLES = 10


@pytest.fixture(scope="module")
def line() -> Iterator[LineUnderTest]:
    with LineUnderTest(plant_words=("--set-point-log",), answer_s=PATIENT_S) as found:
        found.start_plant()
        found.start_controller()
        found.wait_for(found.all_links_up, "all links up")
        yield found


@pytest.fixture(scope="module")
def person(line: LineUnderTest) -> Iterator[Person]:
    api = ApiUnderTest(line.line_folder, line.run)
    api.users(eva=[Role.ENGINEER])
    with api:
        eventually(api.heard)
        yield api.person("eva")


def set_points(line: LineUnderTest, station: str) -> list[Point]:
    points = line.config.station(station).points
    return [p for p in points if p.access is Access.WRITE and p.kind is Kind.REAL]


def chosen(line: LineUnderTest, dice: Random) -> tuple[str, str, float]:
    station = dice.choice(STATIONS)
    point = dice.choice(set_points(line, station))
    return station, point.tag, wild(dice, point.low, point.high)


def through_the_api(line: LineUnderTest, person: Person, count: int) -> int:
    dice = Random(1)
    taken = 0
    for _ in range(count):
        station, tag, value = chosen(line, dice)
        if value != value or abs(value) > 1e12:  # JSON has no such number; as text it is refused
            answer = person.propose(station, "SET", target=tag, value=str(value))
            assert answer.status_code in (409, 422), answer.text
            continue
        proposed = person.propose(station, "SET", target=tag, value=value)
        if proposed.status_code == 201:
            taken += person.execute(proposed.json()["token"]).status_code == 202
        else:
            assert proposed.status_code in (409, 422), proposed.text
    return taken


def through_the_console(line: LineUnderTest, count: int) -> int:
    """Several programs at once at the socket of the controller."""
    taken: Counter[bool] = Counter()

    def ask(seed: int) -> None:
        dice, console = Random(seed), ConsoleClient(line.run / "controller.sock")
        for _ in range(count // CONSOLES):
            station, tag, value = chosen(line, dice)
            request = {"op": "command", "verb": "SET", "station": station, "target": tag}
            try:
                answer = console.ask(**request, value=dice.choice((value, value, str(value))))
            except DrylineError:  # more at once than the station takes, or no number
                continue
            taken[answer["accepted"]] += 1
        console.close()

    together([lambda seed=seed: ask(seed) for seed in range(CONSOLES)])
    return taken[True]


def through_the_command_line(line: LineUnderTest, count: int) -> int:
    dice, taken = Random(2), 0
    for _ in range(count):
        _, tag, value = chosen(line, dice)
        words = ["set", "--run", str(line.run), "--reason", "storm", "--", tag, str(value)]
        done = subprocess.run(
            [sys.executable, "-m", "controller", *words], cwd=ROOT, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        taken += done.returncode == 0
    return taken


def by_other_programs(line: LineUnderTest, count: int) -> int:
    """Bare library clients, one at each PLC, all at once with the controller."""
    taken: Counter[bool] = Counter()

    def write(station: str) -> None:
        dice, points = Random(station), set_points(line, station)
        for _ in range(count // PER_WRITE):
            some = dice.sample(points, PER_WRITE)
            far = dice.random() < 0.3
            values = [
                (p.tag, wild(dice, p.low, p.high) if far else dice.uniform(p.low, p.high))
                for p in some
            ]  # fmt: skip
            taken[line.raw[station].write(values)] += PER_WRITE

    together([lambda s=s: write(s) for s in STATIONS])
    return taken[True]


def together(works: Sequence[Callable[[], None]]) -> None:
    wrong: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told in the thread that waits
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def lives_of_the_controller(line: LineUnderTest, count: int) -> int:
    """kill -9 while set points move; the next controller begins with what the PLC holds."""
    dice, taken = Random(3), 0
    for life in range(count):
        for _ in range(20):
            station, tag, value = chosen(line, dice)
            taken += bool(line.command(station, "SET", tag, value)["accepted"])
        line.kill_controller()
        if life == 0:
            line.plc("coater", "kill")
        line.start_controller()
        line.wait_for(line.all_links_up, "all links up", 60.0)
    return taken


def test_the_logs_of_the_plcs_are_clean_whatever_is_written_by_whom(
    line: LineUnderTest, person: Person
) -> None:
    taken = {
        "API": through_the_api(line, person, API),
        "console": through_the_console(line, CONSOLE),
        "command line": through_the_command_line(line, CLI),
        "other programs": by_other_programs(line, EACH_PROGRAM),
        "after kill -9": lives_of_the_controller(line, LIVES),
    }
    assert all(taken.values()), taken
    sent = API + CONSOLE + CLI + len(STATIONS) * EACH_PROGRAM + 20 * LIVES
    print(sent, "sent; taken:", taken)
    for station in STATIONS:
        judge = Judge(line.config.station(station).points)
        judge.see(read_log(line.run / f"{station}{FILE_END}"))
        print(station, judge.notes, "notes,", judge.moves, "moves,", judge.wishes, "wishes")
        assert judge.verdict() == "", station
        assert judge.wishes > 100
