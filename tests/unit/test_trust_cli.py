"""`dryline trust`: what a person sees and may do."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from controller.__main__ import app
from controller.clock import WallClock
from controller.pki import own
from controller.pki.certificates import shown
from controller.pki.trust import TrustList
from tests.support.certificates import Pair, pair


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def plc(tmp_path: Path) -> Pair:
    return pair(tmp_path, "plc")


def dryline(*words: object) -> Result:
    return CliRunner().invoke(app, ["trust", *map(str, words)], env={"COLUMNS": "200"})


def test_an_empty_list_says_how_it_fills(run: Path) -> None:
    assert "when a PLC first shows it" in dryline("list", "--run", run).stdout


def test_a_refused_certificate_is_listed_shown_accepted_and_rejected(run: Path, plc: Pair) -> None:
    ours = own.ensure(run / "pki", WallClock().utc_ns() / 1e9).facts
    trust = TrustList(run / "pki")
    trust.note("coater", plc.der)
    (entry,) = trust.entries()
    fingerprint = shown(entry.facts.fingerprint)
    listed = dryline("list", "--run", run).stdout
    assert fingerprint in listed
    assert "rejected" in listed
    assert shown(ours.fingerprint) in listed
    said = json.loads(dryline("show", fingerprint[:11], "--run", run, "--json").stdout)
    assert said["application"] == ["urn:dryline:plc:bench"]
    assert said["standing"] == "rejected"
    done = dryline("accept", fingerprint, "--run", run)
    assert (done.exit_code, "Trusted from the next" in done.stdout) == (0, True)
    assert set(trust.trusted("coater")) == {entry.facts.fingerprint}
    assert dryline("accept", fingerprint, "--run", run).exit_code == 1
    assert dryline("reject", fingerprint, "--run", run).exit_code == 0
    assert trust.trusted("coater") == {}


def test_a_wrong_fingerprint_changes_nothing(run: Path, plc: Pair) -> None:
    trust = TrustList(run / "pki")
    trust.note("coater", plc.der)
    for wrong in ("00" * 32, "x", "ab"):
        assert dryline("accept", wrong, "--run", run).exit_code == 1
    assert trust.trusted("coater") == {}


def test_a_certificate_from_a_file_is_trusted_before_the_first_connection(
    run: Path, plc: Pair, tmp_path: Path
) -> None:
    assert dryline("add", "coater", plc.der_path, "--run", run).exit_code == 0
    assert len(TrustList(run / "pki").trusted("coater")) == 1
    weak = pair(tmp_path, "weak", bits=1024)
    assert dryline("add", "coater", weak.der_path, "--run", run).exit_code == 1
    assert dryline("add", "../coater", plc.der_path, "--run", run).exit_code == 1


def test_an_expired_one_is_marked(run: Path, tmp_path: Path) -> None:
    old = pair(tmp_path, "old", days=(-9.0, -1.0))
    TrustList(run / "pki").note("coater", old.der)
    assert "EXPIRED" in dryline("list", "--run", run).stdout
    (entry,) = TrustList(run / "pki").entries()
    accepted = dryline("accept", entry.facts.fingerprint, "--run", run)
    assert "refused all the same" in accepted.output
