"""In the PLC: what was asked is kept, what acts follows at the rate, and the PLC's log shows it."""

from dataclasses import replace
from math import inf

import pytest

from controller.core.point import Access
from plc_sim.plc import SCAN_S, WORD, Plc, Verdict
from plc_sim.set_point_log import HEADER, RESTART, SetPointFile, SetPointLog, read_log
from tests.support.modbus_peers import IdleLogic
from tests.support.tiny_station import POINTS, point

RATE = 2.0
STEP = RATE * SCAN_S
SLOWED = (
    *(replace(p, rate_per_s=RATE) if p.tag == "T.FREE.SP" else p for p in POINTS),
    point("T.FREE.WSP"),
)


class Bench:
    def __init__(self):
        self.plc = Plc("T", SLOWED, IdleLogic())
        self.log = SetPointLog()
        self.plc.keep_journal(self.log)
        self.now_s, self.sequence = 100.0, 0
        self.scan()

    def scan(self, times=1):
        for _ in range(times):
            self.now_s += SCAN_S
            self.plc.scan(self.now_s, self.now_s, (), ())

    def write(self, **values):
        self.sequence = (self.sequence + 1) % WORD
        slot = self.plc.image.slot
        items = [(slot(f"T.{n.replace('_', '.')}"), float(v)) for n, v in values.items()]
        answer = self.plc.write(
            self.now_s, self.sequence, self.plc.heart(self.now_s), items
        )  # fmt: skip
        assert answer.verdict is Verdict.ACCEPTED

    def effective(self, name):
        return self.plc.image.effective[self.plc.image.slot(f"T.{name}")]

    def asked(self, name):
        return self.plc.image.value[self.plc.image.slot(f"T.{name}")]


@pytest.fixture
def bench():
    return Bench()


def test_the_asked_value_reads_back_at_once_and_acts_at_its_rate(bench):
    bench.write(FREE_SP=6.0)
    assert bench.asked("FREE.SP") == 6.0
    seen = []
    for _ in range(12):
        bench.scan()
        seen.append(bench.effective("FREE.SP"))
    assert seen[:3] == pytest.approx([5.0 + STEP, 5.0 + 2 * STEP, 5.0 + 3 * STEP])
    assert seen[-1] == 6.0
    bench.write(FREE_SP=0.0)
    bench.scan()
    assert bench.effective("FREE.SP") == 6.0 - STEP


def test_the_value_in_effect_can_be_read_where_the_list_has_a_tag_for_it(bench):
    assert bench.asked("FREE.WSP") == 5.0
    bench.write(FREE_SP=50.0)
    bench.scan(5)
    assert bench.asked("FREE.WSP") == bench.effective("FREE.SP") == pytest.approx(5.5)


def test_a_point_without_a_rate_acts_with_the_next_scan(bench):
    bench.write(STEPS_SP=40, CMD=3)
    bench.scan()
    assert (bench.effective("STEPS.SP"), bench.effective("CMD")) == (40.0, 3.0)


def test_a_new_wish_on_the_way_turns_it_without_a_jump(bench):
    bench.write(FREE_SP=50.0)
    bench.scan(10)
    before = bench.effective("FREE.SP")
    bench.write(FREE_SP=0.0)
    bench.scan()
    assert bench.effective("FREE.SP") == pytest.approx(before - STEP)


def test_a_power_cycle_begins_at_the_default_with_nothing_under_way(bench):
    bench.write(FREE_SP=50.0)
    bench.scan(10)
    bench.plc.restart()
    assert bench.effective("FREE.SP") == bench.asked("FREE.WSP") == 5.0
    bench.scan(10)
    assert bench.effective("FREE.SP") == 5.0
    assert [n.tag for _, n in bench.log.notes][-1] == RESTART


def test_what_a_hand_at_the_machine_sets_is_led_there_too(bench):
    bench.plc.image.value[bench.plc.image.slot("T.FREE.SP")] = 7.0
    bench.scan()
    assert bench.effective("FREE.SP") == 5.0 + STEP
    bench.plc.image.value[bench.plc.image.slot("T.FREE.SP")] = float("nan")
    bench.scan(100)
    assert bench.effective("FREE.SP") == 5.0 + STEP


def test_a_set_point_that_the_program_does_not_follow_acts_at_once(bench):
    bench.plc.image.resting = {bench.plc.image.slot("T.FREE.SP")}
    bench.write(FREE_SP=90.0)
    bench.scan()
    assert bench.effective("FREE.SP") == 90.0
    (note,) = {n for _, n in bench.log.take() if n.effective == 90.0}
    assert not note.acts
    bench.plc.image.resting = set()
    bench.write(FREE_SP=80.0)
    bench.scan()
    assert bench.effective("FREE.SP") == 90.0 - STEP


def test_the_log_shows_every_wish_even_one_that_was_replaced_before_it_acted(bench):
    bench.log.take()
    for value in (90.0, 10.0, 6.0):
        bench.write(FREE_SP=value)
    bench.scan()
    notes = [n for _, n in bench.log.take()]
    assert [n.asked for n in notes] == [90.0, 10.0, 6.0, 6.0]
    assert [n.effective for n in notes] == [5.0, 5.0, 5.0, 5.0 + STEP]


def test_a_log_file_goes_on_after_a_restart_and_survives_a_cut_last_line(bench, tmp_path):
    path = tmp_path / "t.setpoints.csv"
    for _ in range(2):
        with SetPointFile(path) as log:
            bench.plc.keep_journal(log)
            bench.write(FREE_SP=6.0)
            bench.scan(2)
    text = path.read_text(encoding="ascii")
    assert text.count(HEADER) == 1
    whole = read_log(path)
    path.write_text(text[:-7], encoding="ascii")
    assert read_log(path) == whole[:-1]
    assert {n.tag for _, n in whole} == {"T.FREE.SP"}
    assert whole[0][1].asked == 6.0


def test_only_numbers_that_are_written_have_a_rate():
    for p in SLOWED:
        assert p.rate_per_s == inf or p.access is Access.WRITE
