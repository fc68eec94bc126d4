"""When outputs are sent: with the scan that changed them, and often enough to stay in force."""

from dataclasses import replace

import pytest

from controller.core.event import Verb
from controller.link import WRITE_S
from tests.support.virtual_line import PREFIX, VirtualLine

STATION, OUTPUT = "coater", "COAT.V.LINE.SP"
STEP_S = 0.01
PERIOD_S = 0.1


class Scanned(VirtualLine):
    """Its stations have another scan period."""

    period_s = PERIOD_S

    def new_controller(self) -> None:
        stations = tuple(replace(s, scan_period_s=self.period_s) for s in self.config.stations)
        self.config = replace(self.config, stations=stations)
        super().new_controller()


class Seldom(Scanned):
    period_s = 1.0


def tickets(line: VirtualLine, station: str = STATION) -> float:
    """How many writes the PLC has accepted."""
    return line.held(station, f"{PREFIX[station]}.SEQ")


async def in_steps(line: VirtualLine, seconds: float, look) -> None:
    for _ in range(round(seconds / STEP_S)):
        await line.pass_time(STEP_S)
        look()


async def test_a_changed_output_is_in_the_plc_before_the_next_scan(tmp_path):
    async with VirtualLine(tmp_path, (STATION,)) as line:
        seen = []
        before = line.held(STATION, OUTPUT)
        await line.ask(STATION, Verb.SET, OUTPUT, before + 0.01)
        for wanted in (before + 0.02, before + 0.03, before + 0.02):
            line.stations[STATION].v[line.stations[STATION].at(OUTPUT)] = wanted
            count = line.scans()[STATION]

            def look(wanted: float = wanted, count: float = count) -> None:
                seen.append((line.scans()[STATION] - count, line.held(STATION, OUTPUT) == wanted))

            await in_steps(line, 2.5 * PERIOD_S, look)
    assert {held for scans, held in seen if scans == 0} <= {False}
    assert {held for scans, held in seen if scans >= 1} == {True}


async def test_outputs_that_stand_still_are_renewed_in_time(tmp_path):
    async with VirtualLine(tmp_path, (STATION,)) as line:
        begun = tickets(line)
        await line.pass_time(10.0)
        assert tickets(line) - begun == pytest.approx(10.0 / WRITE_S, abs=2)


async def test_stations_that_are_scanned_seldom_renew_theirs_as_often(tmp_path):
    async with Seldom(tmp_path, (STATION,)) as line:
        begun, scans = tickets(line), line.scans()[STATION]
        await line.pass_time(10.0)
        assert line.scans()[STATION] - scans == 10
        assert tickets(line) - begun == pytest.approx(10.0 / WRITE_S, abs=2)


async def test_more_scans_than_periods_of_the_wall_are_no_more_writes(tmp_path, monkeypatch):
    async with VirtualLine(tmp_path, (STATION,)) as line:
        station, link = line.stations[STATION], line.line._links[STATION]
        plain = station.outputs()
        other = [value + 1e-6 * (k == 0) for k, value in enumerate(plain)]
        turns = iter(range(100_000))
        monkeypatch.setattr(station, "outputs", lambda: (plain, other)[next(turns) % 2])
        begun = tickets(line)
        await in_steps(line, 5.0, link.scanned)
        assert tickets(line) - begun == pytest.approx(5.0 / PERIOD_S, abs=2)


async def test_what_could_not_be_sent_for_long_goes_out_with_the_first_scan_that_may(
    tmp_path, monkeypatch
):
    async with VirtualLine(tmp_path, (STATION,)) as line:
        station, link = line.stations[STATION], line.line._links[STATION]
        monkeypatch.setattr(station, "outputs", lambda: None)
        await in_steps(line, 1.0, link.scanned)
        begun = tickets(line)
        monkeypatch.undo()
        await line.pass_time(2.0 * PERIOD_S)
        assert tickets(line) > begun


async def test_outputs_that_no_scan_stands_behind_expire(tmp_path, monkeypatch, caplog):
    async with VirtualLine(tmp_path, (STATION, "enclosure")) as line:

        def broken(due_s: float) -> None:
            raise RuntimeError("the scan service itself is broken")

        monkeypatch.setattr(line.line.scans[STATION], "once", broken)
        await line.pass_time(3.0)
        assert line.held(STATION, "COAT.WDOG") == 1.0
        assert line.held("enclosure", "ENC.WDOG") == 0.0
        monkeypatch.undo()
        await line.pass_time(3.0)
        assert line.held(STATION, "COAT.WDOG") == 0.0
    assert "the scan service itself is broken" in caplog.text
