"""Alarms on the real stations: states that suppress, limits of recipes, first-out, floods."""

import csv
from collections import Counter

import pytest

from controller.alarms.alarm import NS
from controller.alarms.definition import WINDOW_S
from controller.alarms.journal import Entry, as_csv
from controller.alarms.kpi import figures
from controller.alarms.rates import FloodWatch
from controller.alarms.states import AlarmState, Move
from controller.control.states import State
from controller.core.event import Verb
from controller.runs.csv_cells import plain_text
from plc_sim.lockstep import Lockstep
from tests.support.alarm_causes import acts, give
from tests.support.alarm_life import ENGINEER, OPERATOR, journal_of
from tests.support.forked import in_fork
from tests.support.warm_lines import CALM_S, shipped, warm

STATIONS = tuple(CALM_S)
LONG_S = 3600.0


def raised(line: Lockstep, since: int = 0) -> list[str]:
    """What has come since an entry of the journal, in its order."""
    return [e.alarm for e in journal_of(line)[since:] if e.move is Move.RAISE]


def state_of(line: Lockstep, station: str, alarm: str) -> AlarmState:
    return line.stations[station].alarm_desk.board.alarms[alarm].state


# -- states of the station ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["line", "line by recipe", *STATIONS])
def test_coming_into_production_raises_no_alarm(name: str) -> None:
    assert raised(warm(name)) == []


def test_an_operator_hears_of_a_bridged_feeder_minutes_before_the_film_tears() -> None:
    def play() -> dict[str, int]:
        line, came = warm("coater by recipe"), {}
        line.inject("coater", "feeder_bridging", 1.0)
        board = line.stations["coater"].alarm_desk.board
        for second in range(1200):
            line.run(1.0)
            for name, alarm in board.alarms.items():
                if alarm.active:
                    came.setdefault(name, second)
        return came

    came = in_fork(play)
    feed = warm("coater by recipe").stations["coater"].alarm_desk.board.alarms["COAT.FEED.PV.lo"]
    assert min(came, key=came.__getitem__) == "COAT.FEED.PV.lo"
    left_s = came["COAT.TRIP.tripped"] - came["COAT.FEED.PV.lo"]
    assert left_s > feed.definition.respond_s


WALK = (
    (Verb.PAUSE, State.PAUSED), (Verb.RESUME, State.EXECUTE), (Verb.HOLD, State.HELD),
    (Verb.UNHOLD, State.EXECUTE), (Verb.STOP, State.STOPPED), (Verb.RESET, State.IDLE),
)  # fmt: skip


@pytest.mark.parametrize("station", STATIONS)
def test_alarms_are_suppressed_in_the_states_of_their_table_and_none_comes_by_it(
    station: str,
) -> None:
    line = warm(station)
    board = line.stations[station].alarm_desk.board

    def walk() -> list[str]:
        wrong = []
        for verb, state in WALK:
            assert line.command(station, verb).accepted
            line.until_state(station, state, LONG_S)
            line.run(0.2)
            settling = {n for n, a in board.alarms.items() if a.definition.settle_s}
            for name, alarm in board.alarms.items():
                meant = state not in alarm.definition.suppressed_in
                if (alarm.state is AlarmState.SUPPRESSED) is meant and name not in settling:
                    wrong.append(f"{name} is {alarm.state} in {state.name}")
            line.run(150.0)
            wrong += [
                f"{n} in {state.name}" for n in settling if _misplaced(board.alarms[n], state)
            ]
        return [*wrong, *raised(line)]

    assert in_fork(walk) == []


def _misplaced(alarm, state: State) -> bool:
    meant = state not in alarm.definition.suppressed_in
    return (alarm.state is AlarmState.SUPPRESSED) is meant


def test_what_has_to_settle_is_not_judged_before() -> None:
    """Thickness is far off while the calender comes up; two minutes later that is an alarm."""
    line = warm("calender")

    def play() -> list[object]:
        for verb, state in ((Verb.HOLD, State.HELD), (Verb.UNHOLD, State.EXECUTE)):
            give("calender", verb)(line)
            line.until_state("calender", state, LONG_S)
        begun_s = line.plant.now_s
        line.inject("calender", "servo_stuck", 300.0)
        line.run_until(lambda: "CAL.THK.C.hihi" in raised(line), 300.0)
        return [round(line.plant.now_s - begun_s), raised(line)[0]]

    waited_s, first = in_fork(play)
    assert first == "CAL.THK.C.hi"
    assert 140 <= waited_s <= 145  # 120 s to settle, 20 s of delay


# -- limits of the recipe that runs ---------------------------------------------------------------


def test_limits_follow_the_recipe_that_runs_and_end_with_its_run() -> None:
    line = warm("coater by recipe")
    board = line.stations["coater"].alarm_desk.board

    def play() -> dict[str, list[float]]:
        told: dict[str, list[float]] = {"COAT.TENS.FILM.lo": [], "COAT.ENIP.lo": [],
                                        "COAT.TORQUE.hihi": []}  # fmt: skip

        def note() -> None:
            for name, limits in told.items():
                limits.append(board.alarms[name].limit if board.alarms[name].armed else 0.0)

        note()  # the recipe's own, a level that only it has, one it does not name
        assert line.deploy("coater", None).accepted
        line.run(5.0)
        note()  # what is deployed waits for the next START
        give("coater", Verb.STOP)(line)
        line.until_state("coater", State.STOPPED, LONG_S)
        note()
        return told

    assert in_fork(play) == {
        "COAT.TENS.FILM.lo": [1.0, 1.0, 0.8],
        "COAT.ENIP.lo": [25.0, 25.0, 0.0],
        "COAT.TORQUE.hihi": [95.0, 95.0, 95.0],
    }


def test_a_recipe_decides_which_value_is_an_alarm() -> None:
    """0.95 N of film tension: an alarm by a recipe that says 1 N, none by the usual 0.8 N."""

    def with_tension(name: str) -> list[str]:
        line = warm(name)

        def play() -> list[str]:
            for newton in (1.3, 1.1, 0.95):  # in steps, so that it does not swing below
                give("coater", Verb.SET, "COAT.TENS.FILM.SP", newton)(line)
                line.run(60.0)
            return raised(line)

        return in_fork(play)

    assert set(with_tension("coater by recipe")) == {"COAT.TENS.FILM.lo"}
    assert with_tension("coater") == []


def test_an_alarm_whose_limit_went_with_the_run_goes_too() -> None:
    line = warm("line by recipe")

    def play() -> list[str]:
        line.inject("calender", "bearing_drag", 60.0)
        line.run_until(lambda: "CAL.TORQUE.hi" in raised(line), 60.0)
        give("calender", Verb.STOP)(line)
        line.until_state("calender", State.STOPPED, LONG_S)
        entries = [e for e in journal_of(line) if e.alarm == "CAL.TORQUE.hi"]
        return [e.move.value for e in entries]

    assert in_fork(play)[:2] == [Move.RAISE, Move.CLEAR]


# -- first-out, chattering, flood -----------------------------------------------------------------


def test_what_follows_names_the_first_of_its_group() -> None:
    line = warm("enclosure")

    def play() -> list[list[object]]:
        line.inject("enclosure", "door_open")
        line.run(8.0)
        came = [e for e in journal_of(line) if e.move is Move.RAISE]
        return [[e.alarm, e.first] for e in came]

    told = dict(in_fork(play))
    assert told["ENC.DOOR.1.open"] == told["ENC.PRESS.PV.lolo"] == "ENC.DOOR.1.open"
    assert told["ENC.TRIP.tripped"] == "ENC.TRIP.tripped"  # another group


def test_the_first_of_a_group_changes_when_its_window_is_over() -> None:
    line = warm("enclosure")

    def play() -> list[list[object]]:
        line.inject("enclosure", "heater_failure")
        line.run_until(lambda: "ENC.DP.SUP.hi" in raised(line), LONG_S)
        return [[e.alarm, e.first, e.time_ns] for e in journal_of(line) if e.move is Move.RAISE]

    cold, *_, wet = in_fork(play)
    assert cold[:2] == ["DHU.TREG.PV.lo", "DHU.TREG.PV.lo"]
    assert (wet[2] - cold[2]) / NS > WINDOW_S
    assert wet[:2] == ["ENC.DP.SUP.hi", "ENC.DP.SUP.hi"]


def test_a_cell_that_flickers_chatters_and_the_report_says_so() -> None:
    line = warm("enclosure")

    def play() -> dict[str, object]:
        alarm = line.stations["enclosure"].alarm_desk.board.alarms["ENC.O2.hi"]
        seen = []
        for _ in range(4):
            line.inject("enclosure", "oxygen_cell_drift", for_s=3.0)
            line.run(12.0)
            seen.append(alarm.chatter.at(line.clock.utc_ns()))
        line.run(61.0)
        seen.append(alarm.chatter.at(line.clock.utc_ns()))
        report = figures(journal_of(line), line.clock.utc0_ns, line.clock.utc_ns())
        return {"seen": seen, "report": report.chattering, "burst": alarm.chatter.burst}

    told = in_fork(play)
    assert told["seen"] == [False, False, True, True, False]
    assert told["report"] == ["ENC.O2.hi"]
    assert told["burst"] == 4


MANY = (
    ("enclosure", "door_open", 1.0), ("enclosure", "oxygen_cell_drift", 3.5),
    ("coater", "emergency_stop", 1.0), ("coater", "roll_growth", 75.0),
    ("calender", "emergency_stop", 1.0), ("calender", "guard_open", 1.0),
    ("enclosure", "comm_drop", 1.0), ("coater", "comm_drop", 1.0), ("calender", "comm_drop", 1.0),
)  # fmt: skip


def test_a_line_full_of_faults_is_a_flood_until_it_is_quiet() -> None:
    line = warm("line")
    watch = FloodWatch()
    for station in line.stations.values():
        station.alarm_desk.came = watch.came

    def play() -> dict[str, object]:
        began = []
        for number, (station, fault, level) in enumerate(MANY):
            line.inject(station, fault, level, after_s=8.0 * number)
        line.on_scan = lambda now_s: began.append(now_s) if watch.now and not began else None
        start_s = line.plant.now_s
        line.run(8.0 * len(MANY) + 20.0)
        for station, fault, _ in MANY:
            line.plant.faults.clear(station, fault)
        came = [e for e in journal_of(line) if e.came]
        line.run(700.0)
        over = watch.look(line.clock.utc_ns())
        (span,) = watch.ended
        report = figures(journal_of(line), line.clock.utc0_ns, line.clock.utc_ns())
        times_s = [e.time_ns / NS - line.clock.utc0_ns / NS - start_s for e in came]
        return {"eleventh_s": times_s[10], "began_s": began[0] - start_s, "over": over,
                "span_s": (span[1] - span[0]) / NS, "fifth_last_s": times_s[-5],
                "floods": report.floods, "peak": report.peak, "came": len(came)}  # fmt: skip

    told = in_fork(play)
    assert told["came"] > 10
    assert told["began_s"] == pytest.approx(told["eleventh_s"], abs=0.2)
    assert told["over"]
    ended_s = told["began_s"] + told["span_s"]
    assert ended_s == pytest.approx(told["fifth_last_s"] + 600.0, abs=0.2)
    assert (told["floods"], told["peak"]) == (1, told["came"])


# -- the report and the export of a bad hour ------------------------------------------------------

FORMULA = '=HYPERLINK("x","y")'


def bad_hour() -> list[Entry]:
    """An hour of the enclosure in which much goes wrong and people answer."""
    line = warm("enclosure")
    desk = line.stations["enclosure"].alarm_desk

    def play() -> list[list[object]]:
        since = len(journal_of(line))
        for k in range(6):
            line.inject("enclosure", "oxygen_cell_drift", after_s=20.0 * k, for_s=6.0)
        line.inject("enclosure", "filter_loaded", 8.0, after_s=200.0)
        line.inject("enclosure", "makeup_damper_stuck", 34.0, after_s=400.0, for_s=60.0)
        line.inject("enclosure", "heater_failure", after_s=600.0, for_s=900.0)
        for minute in range(60):
            line.run(60.0)
            utc_ns = line.clock.utc_ns()
            for name, alarm in desk.board.alarms.items():
                if alarm.state in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED):
                    seen = alarm.occurrence
                    reason = FORMULA if minute % 2 else "@SUM(A1)\n=1+1"
                    desk.told(desk.board.acknowledge(name, seen, utc_ns, OPERATOR, reason))
            if minute == 10:
                until_ns = utc_ns + 900 * NS
                desk.told(desk.board.shelve("DHU.DPFILT.hi", until_ns, utc_ns, ENGINEER, "-2+3"))
        return [_columns(e) for e in journal_of(line)[since:]]

    return [_entry(columns) for columns in in_fork(play)]


def _columns(e: Entry) -> list[object]:
    return [e.time_ns, e.station, e.alarm, e.occurrence, e.before, e.after, e.move, e.priority,
            e.actor, e.reason, e.text]  # fmt: skip


def _entry(columns: list) -> Entry:
    time_ns, station, alarm, occurrence, before, after, move, priority, actor, reason, text = (
        columns
    )
    return Entry(time_ns=time_ns, station=station, alarm=alarm, occurrence=occurrence,
                 before=AlarmState(before), after=AlarmState(after), move=Move(move),
                 priority=priority, actor=actor, reason=reason, text=text)  # fmt: skip


@pytest.fixture(scope="module")
def hour() -> list[Entry]:
    return bad_hour()


def test_the_report_of_an_hour_agrees_with_a_count_by_hand(hour: list[Entry]) -> None:
    start_ns = hour[0].time_ns
    stop_ns = start_ns + 3600 * NS
    report = figures(hour, start_ns, stop_ns, operators=2)
    came = [(e.time_ns, e.alarm, e.priority) for e in hour
            if str(e.after) == "unacknowledged" and e.time_ns < stop_ns]  # fmt: skip
    times = [t for t, _, _ in came]
    assert report.alarms == len(came) > 10
    assert report.per_hour == pytest.approx(len(came) / 2)
    most = Counter(alarm for _, alarm, _ in came)
    assert dict(report.top) == dict(most.most_common(10))
    assert [n for _, n in report.top] == sorted(most.values(), reverse=True)[:10]
    assert report.priorities == {p: sum(q == p for _, _, q in came) for p in range(1, 5)}
    assert report.peak == max(sum(t - 600 * NS < s <= t for s in times) for t in times)
    by_alarm = {a: [t for t, b, _ in came if b == a] for a in most}
    chatters = {a for a, own in by_alarm.items()
                if any(c - b <= 60 * NS for b, c in zip(own, own[2:], strict=False))}  # fmt: skip
    assert set(report.chattering) == chatters == {"ENC.O2.hi"}
    assert report.stale == {}
    waits, pending = [], {}
    for e in hour:
        if e.time_ns >= stop_ns:
            break
        if e.came:
            pending[e.alarm] = e.time_ns
        elif e.move is Move.ACKNOWLEDGE:
            waits.append((e.time_ns - pending[e.alarm]) / NS)
    assert report.acknowledged == len(waits)
    assert report.p50_s == sorted(waits)[(len(waits) + 1) // 2 - 1]


def test_the_export_of_the_journal_holds_no_formula_and_loses_nothing(hour: list[Entry]) -> None:
    text = "".join(as_csv(hour))
    head, *rows = csv.reader(text.splitlines(keepends=True))
    assert len(rows) == len(hour)
    reason = head.index("reason")
    assert {plain_text(r[reason]) for r in rows} >= {FORMULA, "-2+3"}
    for cells in rows:
        for part in (p for cell in cells for p in cell.splitlines() or [""]):
            assert not part.lstrip().startswith(("=", "+", "@", "\t")), part
            assert not part.startswith("-") or part[1:2].isdigit()


def test_two_faults_at_once_keep_their_own_alarms() -> None:
    line = warm("enclosure")

    def play() -> list[str]:
        acts(lambda w: w.inject("enclosure", "filter_loaded", 8.0),
             lambda w: w.inject("enclosure", "oxygen_cell_drift"))(line)  # fmt: skip
        line.run(90.0)
        line.plant.faults.clear("enclosure", "filter_loaded")
        line.run(60.0)
        return [state_of(line, "enclosure", n) for n in ("DHU.DPFILT.hi", "ENC.O2.hi")]

    assert in_fork(play) == [AlarmState.RETURNED, AlarmState.UNACKNOWLEDGED]


def test_a_recipe_of_the_line_is_the_one_that_is_shipped() -> None:
    """The limits tested above are those of the recipes, not of this file."""
    limits = shipped("coater").recipe.limits
    assert limits[".TENS.FILM"].lo == 1.0
    assert limits[".ENIP"].lo == 25.0
