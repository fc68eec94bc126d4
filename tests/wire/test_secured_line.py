"""The shipped line in real processes: secured from the first start; no secret gets out of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.pki.certificates import shown
from controller.pki.trust import TrustList
from tests.support.certificates import pair
from tests.support.line_under_test import PATIENT_S, ROOT, LineUnderTest

TOKEN = "token-that-nobody-must-see-4711"  # noqa: S105
SINK = """
[sinks.plant]
kind = "influx"
url = "http://127.0.0.1:9"
org = "o"
bucket = "b"
token_file = "{path}"
"""
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def line() -> Iterator[LineUnderTest]:
    with LineUnderTest(answer_s=PATIENT_S) as line:
        secret = line.folder / "token"
        secret.write_text(TOKEN)
        secret.chmod(0o600)
        path = line.line_folder / "line.toml"
        path.write_text(path.read_text() + SINK.format(path=secret))
        line.start_plant(60.0)
        line.start_controller()
        line.wait_for(line.all_links_up, "all links up", 60.0)
        yield line


def dryline(line: LineUnderTest, *words: str) -> str:
    command = [sys.executable, "-m", "controller", *words, "--run", str(line.run)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"COLUMNS": "250"},
    )  # fmt: skip
    return done.stdout + done.stderr


def test_it_is_encrypted_without_anybody_doing_anything(line: LineUnderTest) -> None:
    listed = json.loads(dryline(line, "trust", "list", "--json"))
    assert {(e["station"], e["standing"]) for e in listed["plcs"]} == {
        ("coater", "trusted"), ("calender", "trusted"),
    }  # fmt: skip
    controller = line.status()["controllers"][0]
    assert controller["insecure"] == []
    assert not [a for a in controller["alarms"] if "SECURITY" in a["tag"]]
    for path in (line.run / "pki").rglob("*"):
        if path.suffix == ".pem" or path.name == "plc-password":
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_rejected_plc_is_refused_with_alarm_event_and_command_until_it_is_accepted(
    line: LineUnderTest,
) -> None:
    begun_ns = line.clock.utc_ns()
    trust = TrustList(line.run / "pki")
    entry = next(e for e in trust.entries() if e.station == "coater")
    fingerprint = shown(entry.facts.fingerprint)
    assert "Refused from the next" in dryline(line, "trust", "reject", fingerprint)
    line.wire["coater"].cut()
    line.wait_for(lambda: not line.station("coater")["link_up"], "link down")

    def alarm() -> str:
        alarms = line.status()["controllers"][0]["alarms"]
        return next((a["text"] for a in alarms if "REFUSED" in a["tag"]), "")

    line.wire["coater"].heal()
    text = line.wait_for(alarm, "alarm", 60.0)
    assert f"dryline trust accept {fingerprint}" in text
    assert line.station("calender")["link_up"]
    assert fingerprint in dryline(line, "status")
    line.wait_for_history()
    told = [e.text for e in line.events(begun_ns, "") if fingerprint in e.text]
    assert told
    assert "Trusted from the next" in dryline(line, "trust", "accept", fingerprint)
    line.wait_for(line.all_links_up, "all links up", 60.0)
    line.wait_for(lambda: not alarm(), "alarm gone", 60.0)


def test_a_plc_with_another_key_in_its_place_is_refused(line: LineUnderTest) -> None:
    bundle = line.run / "pki" / "plc" / "calender.pem"
    genuine = bundle.read_bytes()
    rogue = pair(line.folder, "rogue", "urn:dryline:plc:calender", hosts=("127.0.0.1",))
    bundle.write_bytes(rogue.bundle.read_bytes())
    line.plc("calender", "kill")  # its successor takes the other key
    try:
        line.wait_for(lambda: "another certificate" in _refusal(line), "refused", 60.0)
        assert line.station("coater")["link_up"]
    finally:
        bundle.write_bytes(genuine)
        line.plc("calender", "kill")
    line.wait_for(line.all_links_up, "all links up", 60.0)


def _refusal(line: LineUnderTest) -> str:
    alarms = line.status()["controllers"][0]["alarms"]
    return " ".join(a["text"] for a in alarms if "REFUSED" in a["tag"])


def test_no_secret_is_in_logs_arguments_history_events_or_exports(line: LineUnderTest) -> None:
    password = (line.run / "pki" / "plc-password").read_text().strip()
    keys = [
        row
        for path in (line.run / "pki").rglob("*.pem")
        for row in path.read_text().partition("-----BEGIN CERT")[0].splitlines()[2:4]
    ]
    secrets = [s.encode() for s in (password, TOKEN, *keys)]
    assert len(password) > 30
    assert len(secrets) >= 8
    said = {
        "status": dryline(line, "status", "--json"),
        "tags": json.dumps([line.tags(s) for s in ("enclosure", "coater", "calender")]),
        "trust": dryline(line, "trust", "list", "--json"),
        "events": dryline(line, "events", "--line", str(line.line_folder)),
        "sinks": dryline(line, "sink", "list", "--line", str(line.line_folder)),
        "check": dryline(line, "check", "--line", str(line.line_folder)),
    }
    out = line.folder / "exported.csv"
    words = ("--events", "--from", "-5m", "--line", str(line.line_folder))
    said["export"] = dryline(line, "export", str(out), *words)
    assert out.stat().st_size > 1000, said["export"]
    places = {name: text.encode() for name, text in said.items()}
    places |= {f"{n} log": line.log(n).encode() for n in ("plant", "controller")}
    places |= {f"arguments of {pid}": text for pid, text in _arguments(line)}
    for path in (*line.run.rglob("*"), *line.folder.glob("exported*")):
        if path.is_file() and path.suffix != ".pem" and path.name != "plc-password":
            places[str(path.relative_to(line.folder))] = path.read_bytes()
    leaks = [(name, k) for name, text in places.items() for k, s in enumerate(secrets) if s in text]
    assert leaks == []
    assert len([n for n in places if n.startswith("arguments of")]) >= 5
    assert any("history" in name for name in places)


def _arguments(line: LineUnderTest) -> Iterator[tuple[str, bytes]]:
    """Command lines of every process of the line, as anybody on the machine can read them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if str(line.folder).encode() in text:
            yield path.parent.name, text
