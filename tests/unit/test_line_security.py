"""What the line tells of its wires: a PLC that is refused, stations without encryption."""

from dataclasses import replace
from pathlib import Path

import pytest

from controller.clock import SimClock, WallClock
from controller.config import LineConfig, load_line
from controller.core.errors import NotTrusted
from controller.core.event import EventKind
from controller.history.status import HistorianStatus
from controller.line_security import OwnCertificate, anchored, insecure_stations
from controller.pki import own
from controller.pki.certificates import facts_of
from tests.support.line_under_test import SHIPPED
from tests.support.virtual_line import VirtualLine

FINE = HistorianStatus(disk_free=50e9)
REFUSAL = "the PLC of coater is not known yet: fingerprint AB:CD; dryline trust accept AB:CD"


class Distrusting(VirtualLine):
    """Its coater shows a certificate that nobody has accepted."""

    trusted = False

    def _driver(self, sc, index, clock, map_version):
        driver = super()._driver(sc, index, clock, map_version)
        if sc.name == "coater" and not self.trusted:

            async def refuse() -> None:
                raise NotTrusted(REFUSAL, "abcd")

            driver.connect = refuse  # type: ignore[method-assign]
        return driver

    def look(self) -> dict[str, str]:
        self.line.publish_health(FINE)
        return {a.tag: f"{a.text} / {a.action}" for a in self.line.alarms.active}

    def told_of_line(self) -> list[str]:
        return self.told("", EventKind.LINK)


async def test_a_refused_plc_is_an_event_and_an_alarm_with_fingerprint_and_command(
    tmp_path: Path,
) -> None:
    async with Distrusting(tmp_path) as line:
        await line.pass_time(3.0)
        alarm = line.look()["LINE.SECURITY.REFUSED"]
        assert REFUSAL in alarm
        assert "dryline trust list" in alarm
        line.look()
        assert line.told_of_line() == [REFUSAL]  # once
        assert line.value("LINE.SECURITY.REFUSED") == 1.0
        line.trusted = True
        await line.pass_time(3.0)
        assert "LINE.SECURITY.REFUSED" not in line.look()
        assert line.told_of_line()[-1] == "the PLC of coater is trusted again"


def with_insecure(config: LineConfig, station: str) -> LineConfig:
    def changed(s):
        if s.name != station:
            return s
        keys = s.settings.model_dump() | {"security": "insecure", "user": None}
        keys |= {"password_file": None}
        return replace(s, settings=type(s.settings).model_validate(keys))

    return replace(config, stations=tuple(changed(s) for s in config.stations))


async def test_an_insecure_station_is_told_at_start_and_stays_an_alarm(tmp_path: Path) -> None:
    line = Distrusting(tmp_path)
    line.trusted = True
    line.config = with_insecure(line.config, "coater")
    line.new_controller()
    async with line:
        await line.pass_time(5.0)
        (told,) = line.told_of_line()
        assert 'coater is reached without encryption: security = "insecure"' in told
        assert "without encryption: coater /" in line.look()["LINE.SECURITY.INSECURE"]
        assert line.line.insecure == ("coater",)


def test_the_shipped_line_is_secure() -> None:
    assert insecure_stations(load_line(SHIPPED)) == ()
    assert insecure_stations(load_line(SHIPPED.parent / "pilot_containers")) == ()


@pytest.mark.parametrize("station", ["coater", "calender"])
def test_files_of_the_drivers_lie_in_the_run_folder(tmp_path: Path, station: str) -> None:
    settings = anchored(load_line(SHIPPED), tmp_path).station(station).settings
    assert settings.pki == tmp_path / "pki"
    assert settings.password_file == tmp_path / "pki" / "plc-password"


async def test_the_first_start_makes_our_certificate_and_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    config = anchored(load_line(SHIPPED), tmp_path)
    certificate = OwnCertificate(config, SimClock(), told.append)
    certificate.ensure()
    certificate.ensure()
    (news,) = told
    assert news.startswith("own certificate made, fingerprint ")
    facts = facts_of((tmp_path / "pki" / "own" / "controller.der").read_bytes())
    assert facts.days_left(WallClock().utc_ns() / 1e9) > own.PREPARE_DAYS


def test_a_line_without_encryption_needs_no_certificate(tmp_path: Path) -> None:
    config = with_insecure(with_insecure(load_line(SHIPPED), "coater"), "calender")
    OwnCertificate(anchored(config, tmp_path), SimClock(), print).ensure()
    assert list(tmp_path.iterdir()) == []
