"""The program around every simulated PLC: tickets, watchdog, trips, restart."""

import itertools
from typing import ClassVar

import pytest

from controller.core.point import Access
from plc_sim.instruments import Status
from plc_sim.plc import (
    HEART_S,
    MAP_VERSION,
    MAX_BEATS,
    SCAN_S,
    WATCHDOG_S,
    WORD,
    Mode,
    Plc,
    Verdict,
)
from tests.support.tiny_station import POINTS


class Machine:
    """A station logic that does what it is told and trips when its sensors say so."""

    SENSORS = ("pv", "cause")
    ACTUATORS = ("mode",)
    COPIES: ClassVar[dict[str, str]] = {"T.PV": "pv"}
    TRIPS = ("none", "too hot", "too fast")

    def __init__(self, latch_safe=True):
        self.LATCH_SAFE = latch_safe
        self.mode = Mode.STOP
        self.restarts = 0

    def bind(self, image):
        self.image = image

    def restart(self):
        self.restarts += 1
        self.mode = Mode.STOP

    def interlocks(self, s, status):
        return int(s[1])

    def scan(self, now_s, command, s, status):
        self.mode = command
        return (float(command),)


class Bench:
    def __init__(self, **options):
        self.logic = Machine(**options)
        self.plc = Plc("T", POINTS, self.logic)
        self.now_s = 100.0
        self.sequence = 0
        self.sensors = [20.0, 0.0]
        self.status = [Status.GOOD, Status.GOOD]
        self.scan()

    def scan(self, seconds=2 * SCAN_S):  # the wire is served every second scan
        for _ in range(max(1, round(seconds / SCAN_S))):
            self.now_s += SCAN_S
            self.out = self.plc.scan(self.now_s, self.now_s, self.sensors, self.status)

    def __getitem__(self, name):
        return self.plc.image.value[self.plc.image.slot(f"T.{name}")]

    def write(self, sequence=None, age_beats=0, **values):
        if sequence is None:
            self.sequence = sequence = (self.sequence + 1) % WORD
        beat = (self.plc.heart(self.now_s) - age_beats) % WORD
        slot = self.plc.image.slot
        items = [(slot(f"T.{n.replace('_', '.')}"), float(v)) for n, v in values.items()]
        return self.plc.write(self.now_s, sequence, beat, items)

    def command(self, mode):
        assert self.write(CMD=mode).verdict is Verdict.ACCEPTED

    def feed(self, seconds, **values):
        """Renew the outputs while time passes."""
        for _ in range(round(seconds / 0.2)):
            assert self.write(**values).verdict is Verdict.ACCEPTED
            self.scan(0.2)


@pytest.fixture
def bench():
    return Bench()


def test_a_good_ticket_is_taken_with_its_values(bench):
    assert bench.write(CMD=Mode.WARMUP, FREE_SP=12.5).verdict is Verdict.ACCEPTED
    assert (bench["CMD"], bench["FREE.SP"], bench["SEQ"]) == (1.0, 12.5, 1.0)
    bench.scan()
    assert bench.logic.mode is Mode.WARMUP
    assert bench.out == (1.0,)


def test_a_ticket_that_saw_an_old_heartbeat_is_too_late(bench):
    assert bench.write(age_beats=MAX_BEATS, FREE_SP=1).verdict is Verdict.ACCEPTED
    assert bench.write(age_beats=MAX_BEATS + 1, FREE_SP=2).verdict is Verdict.STALE
    assert bench["FREE.SP"] == 1.0


def test_a_ticket_from_the_future_is_refused(bench):
    assert bench.write(age_beats=-1, FREE_SP=2).verdict is Verdict.STALE


def test_a_ticket_is_good_across_the_wrap_of_the_heartbeat(bench):
    bench.now_s = HEART_S * WORD + 0.05
    assert bench.plc.heart(bench.now_s) == 0
    assert bench.write(age_beats=1, FREE_SP=2).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("sequence", [5, 4, 0, 5 + WORD // 2, WORD - 1])
def test_an_old_or_doubled_sequence_number_is_refused(bench, sequence):
    assert bench.write(5, FREE_SP=1).verdict is Verdict.ACCEPTED
    assert bench.write(sequence, FREE_SP=2).verdict is Verdict.OLD_SEQUENCE
    assert bench["FREE.SP"] == 1.0


def test_sequence_numbers_count_round(bench):
    for sequence in (30000, 60000, 65535, 0, 1):
        assert bench.write(sequence, FREE_SP=sequence % 100).verdict is Verdict.ACCEPTED
    bench.scan()
    assert bench["SEQ"] == 1.0
    assert bench.write(65535, FREE_SP=2).verdict is Verdict.OLD_SEQUENCE


def test_a_station_in_local_refuses_and_lets_the_outputs_expire(bench):
    bench.feed(1.0, CMD=3)
    bench.plc.remote = False
    assert bench.write(CMD=0).verdict is Verdict.LOCAL
    bench.scan(WATCHDOG_S + 0.3)
    assert (bench["REMOTE"], bench["WDOG"], bench["CMD"]) == (0.0, 1.0, 3.0)
    assert bench.logic.mode is Mode.HOLD


@pytest.mark.parametrize("value", [-0.001, 100.001, float("nan"), float("inf"), float("-inf")])
def test_a_value_out_of_range_is_refused_by_name(bench, value):
    answer = bench.write(FREE_SP=value)
    assert (answer.verdict, answer.tag) == (Verdict.OUT_OF_RANGE, "T.FREE.SP")
    assert bench["FREE.SP"] == 5.0


def test_a_read_point_is_not_writable(bench):
    answer = bench.write(PV=20)
    assert (answer.verdict, answer.tag) == (Verdict.UNKNOWN, "T.PV")


@pytest.mark.parametrize("slot", [-1, len(POINTS), 10**6])
def test_a_slot_that_does_not_exist_is_refused(bench, slot):
    before = list(bench.plc.image.value)
    answer = bench.plc.write(bench.now_s, 1, bench.plc.heart(bench.now_s), [(slot, 0.5)])
    assert answer.verdict is Verdict.UNKNOWN
    before[bench.plc.image.slot("T.REJECTS")] = 1.0
    assert bench.plc.image.value == before


def test_a_ticket_is_taken_whole_or_not_at_all(bench):
    assert bench.write(FREE_SP=9, STEPS_SP=4, OUT_SP=101).verdict is Verdict.OUT_OF_RANGE
    assert (bench["FREE.SP"], bench["STEPS.SP"], bench["OUT.SP"]) == (5.0, 0.0, 3.0)
    bench.scan()
    assert (bench["SEQ"], bench["REJECTS"]) == (0.0, 1.0)


def test_a_refused_ticket_does_not_feed_the_watchdog(bench):
    bench.feed(1.0)
    for _ in range(10):
        bench.write(FREE_SP=500)
        bench.scan(0.2)
    assert bench["WDOG"] == 1.0


def test_a_bare_ticket_feeds_the_watchdog(bench):
    bench.feed(10.0)
    assert bench["WDOG"] == 0.0


def test_outputs_expire_into_hold_in_time(bench):
    bench.feed(0.4, CMD=Mode.WARMUP)
    bench.feed(2.0, CMD=Mode.RUN)
    assert bench.logic.mode is Mode.RUN
    bench.scan(WATCHDOG_S - 0.25)
    assert bench.logic.mode is Mode.RUN
    bench.scan(0.2)
    assert (bench.logic.mode, bench["WDOG"], bench["STATE"]) == (Mode.HOLD, 1.0, Mode.HOLD)


def test_before_the_first_ticket_the_machine_stands(bench):
    bench.scan(10)
    assert (bench.logic.mode, bench["WDOG"]) == (Mode.STOP, 1.0)


@pytest.mark.parametrize("motion", [Mode.RUN, Mode.THREAD])
def test_after_expiry_motion_needs_another_command_first(bench, motion):
    bench.feed(1.0, CMD=Mode.WARMUP)
    bench.feed(1.0, CMD=motion)
    assert bench.logic.mode is motion
    bench.scan(2.0)
    bench.feed(5.0, CMD=motion)
    assert bench.logic.mode is Mode.HOLD
    bench.feed(0.4, CMD=Mode.WARMUP)
    assert bench.logic.mode is Mode.WARMUP
    bench.feed(0.4, CMD=motion)
    assert bench.logic.mode is motion


def test_without_motion_the_mode_comes_back_by_itself():
    bench = Bench(latch_safe=False)
    bench.feed(1.0, CMD=Mode.RUN)
    bench.scan(2.0)
    assert bench.logic.mode is Mode.HOLD
    bench.feed(0.4)
    assert bench.logic.mode is Mode.RUN


def test_the_first_trip_latches_and_stays(bench):
    bench.feed(1.0, CMD=Mode.RUN)
    bench.sensors[1] = 2.0
    bench.scan()
    bench.sensors[1] = 1.0
    bench.scan()
    assert (bench["TRIP"], bench.logic.mode) == (2.0, Mode.TRIP)
    bench.sensors[1] = 0.0
    bench.feed(10.0)
    assert (bench["TRIP"], bench.logic.mode) == (2.0, Mode.TRIP)


def test_a_trip_resets_only_with_its_cause_gone_and_by_a_new_press(bench):
    bench.sensors[1] = 1.0
    bench.scan()
    bench.feed(0.2, RESET=1)
    assert bench["TRIP"] == 1.0
    bench.sensors[1] = 0.0
    bench.feed(1.0, RESET=1)
    assert bench["TRIP"] == 1.0  # the press that came too early is used up
    bench.feed(0.2, RESET=2)
    assert bench["TRIP"] == 0.0


def test_a_press_that_came_too_early_keeps_the_first_trip(bench):
    bench.sensors[1] = 2.0
    bench.scan()
    bench.sensors[1] = 1.0
    bench.feed(0.4, RESET=1)
    assert bench["TRIP"] == 2.0


def test_a_restart_forgets_set_points_and_counts_the_boot(bench):
    bench.feed(1.0, CMD=3, FREE_SP=50, RESET=7)
    bench.sensors[1] = 1.0
    bench.write(FREE_SP=500)
    bench.scan()
    bench.sensors[1] = 0.0
    assert (bench["BOOT"], bench["TRIP"], bench["REJECTS"]) == (1.0, 1.0, 1.0)
    bench.plc.restart()
    bench.scan()
    assert (bench["BOOT"], bench["TRIP"], bench["REJECTS"], bench["SEQ"]) == (2.0, 0.0, 0.0, 0.0)
    assert (bench["CMD"], bench["FREE.SP"], bench["RESET"]) == (0.0, 5.0, 0.0)
    assert (bench["MAP"], bench["WDOG"]) == (MAP_VERSION, 1.0)
    assert (bench.logic.mode, bench.logic.restarts) == (Mode.STOP, 2)


def test_a_ticket_drawn_before_a_restart_may_be_renewed_after_it(bench):
    bench.feed(2.0)
    bench.plc.restart()
    assert bench.write(bench.sequence + 1).verdict is Verdict.ACCEPTED
    assert bench.write(1).verdict is Verdict.OLD_SEQUENCE


def test_the_local_switch_outlives_a_restart(bench):
    bench.plc.remote = False
    bench.plc.restart()
    bench.scan()
    assert bench["REMOTE"] == 0.0


def test_the_boot_counter_is_16_bit():
    plc = Plc("T", POINTS, Machine(), boot=WORD - 1)
    slot = plc.image.slot("T.BOOT")
    assert plc.image.value[slot] == WORD - 1
    plc.restart()
    assert plc.image.value[slot] == 0.0


def test_the_heartbeat_beats_every_200_ms_of_wall_time(bench):
    seen = []
    for _ in range(40):
        bench.scan()
        seen.append(bench["HEART"])
    assert (seen[-1] - seen[0]) * HEART_S == pytest.approx(4.0, abs=HEART_S)
    assert all(b - a in (0.0, 1.0) for a, b in itertools.pairwise(seen))


def test_readings_and_their_status_are_copied(bench):
    bench.sensors[0], bench.status[0] = 33.3, Status.HELD
    bench.scan(2 * SCAN_S)
    slot = bench.plc.image.slot("T.PV")
    assert (bench["PV"], bench.plc.image.status[slot]) == (33.3, Status.HELD)
    bench.status[0] = Status.GOOD
    bench.scan(2 * SCAN_S)
    assert bench.plc.image.status[slot] == Status.GOOD


def test_a_command_beyond_the_codes_stops(bench):
    bench.plc.image.value[bench.plc.image.slot("T.CMD")] = 9.0
    bench.feed(0.4)
    assert bench.logic.mode is Mode.STOP


def test_slots_follow_the_points():
    plc = Plc("T", POINTS, Machine())
    assert plc.image.names == tuple(p.tag for p in POINTS)
    assert plc.image.slots(["T.PV", "T.CMD"]) == [plc.image.slot("T.PV"), plc.image.slot("T.CMD")]
    written = [p for p in POINTS if p.access is Access.WRITE]
    assert [plc.image.value[plc.image.slot(p.tag)] for p in written] == [p.default for p in written]
