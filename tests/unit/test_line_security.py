"""What the line tells of its wires: a PLC that is refused, stations without encryption."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.access.certificate import CERTIFICATE, FOLDER
from controller.clock import SimClock, WallClock
from controller.config import LineConfig, load_line
from controller.core.errors import NotTrusted
from controller.core.event import EventKind
from controller.history.status import HistorianStatus
from controller.line_security import Certificates, Expiry, anchored, insecure_stations
from controller.pki import own
from controller.pki.certificates import facts_of, make
from controller.pki.trust import TrustList
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


def certificate(days: float, name: str) -> bytes:
    """Key and certificate of a peer, valid for so many days from now."""
    return make(f"urn:{name}", name, ["localhost"], days, WallClock().utc_ns() / 1e9)


def test_the_certificate_that_ends_first_is_found_and_a_plc_has_its_newest(tmp_path: Path) -> None:
    config = anchored(load_line(SHIPPED), tmp_path)
    trusted = TrustList(tmp_path / "pki")
    certificates = Certificates(config, tmp_path, SimClock(), lambda _: None)
    certificates.look()
    assert certificates.first is not None
    assert certificates.first.whose == "our own, for the PLCs"
    assert trusted.add("coater", facts_of(certificate(20, "coater")).der)
    assert trusted.add("calender", facts_of(certificate(5, "calender")).der)
    assert trusted.add("calender", facts_of(certificate(90, "calender")).der)
    assert trusted.add("another", facts_of(certificate(1, "another")).der)
    assert trusted.add("coater", b"garbage that somebody trusted")
    certificates.look()
    assert certificates.first.whose == "of the PLC of coater"
    assert certificates.first.days_left() == pytest.approx(20, abs=0.1)


def test_the_certificate_of_the_screens_is_watched(tmp_path: Path) -> None:
    config = anchored(load_line(SHIPPED), tmp_path)
    config = replace(config, api=config.api.model_copy(update={"tls": True}))
    certificates = Certificates(config, tmp_path, SimClock(), lambda _: None)
    certificates.look()  # the API has not made it yet
    kept = tmp_path / FOLDER / CERTIFICATE
    kept.parent.mkdir()
    kept.write_bytes(certificate(3, "screens"))
    certificates.look()
    assert certificates.first is not None
    assert certificates.first.whose == "of the screens"
    kept.write_bytes(b"damaged")
    certificates.look()
    assert certificates.first.whose == "our own, for the PLCs"


@pytest.mark.parametrize(
    ("days", "name"), [(31.0, ""), (29.0, "lo"), (6.0, "lolo"), (-1.0, "lolo")]
)
async def test_a_certificate_near_its_end_is_an_alarm_that_says_whose(
    tmp_path: Path, days: float, name: str
) -> None:
    line = Distrusting(tmp_path)
    line.trusted = True
    async with line:
        assert "LINE.SECURITY.EXPIRES" not in line.look()
        end = datetime.fromtimestamp(WallClock().utc_ns() / 1e9, UTC) + timedelta(days=days)
        line.line.first_to_expire = lambda: Expiry(end, "of the PLC of coater")
        line.look()
        await line.pass_time(2.0)
        line.look()
        names = [a.name for a in line.line.alarms.active if a.tag == "LINE.SECURITY.EXPIRES"]
        assert (names[-1] if names else "") == name
        assert line.value("LINE.SECURITY.EXPIRES") == pytest.approx(days, abs=0.01)
        if name:
            assert "of the PLC of coater /" in line.look()["LINE.SECURITY.EXPIRES"]


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
    certificates = Certificates(config, tmp_path, SimClock(), told.append)
    certificates.look()
    certificates.look()
    (news,) = told
    assert news.startswith("own certificate made, fingerprint ")
    facts = facts_of((tmp_path / "pki" / "own" / "controller.der").read_bytes())
    assert facts.days_left(WallClock().utc_ns() / 1e9) > own.PREPARE_DAYS


def test_a_line_without_encryption_needs_no_certificate(tmp_path: Path) -> None:
    config = with_insecure(with_insecure(load_line(SHIPPED), "coater"), "calender")
    certificates = Certificates(anchored(config, tmp_path), tmp_path, SimClock(), print)
    certificates.look()
    assert certificates.first is None
    assert list(tmp_path.iterdir()) == []
