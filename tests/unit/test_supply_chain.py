"""What comes with Dryline: few packages, each pinned by hash, each in the bill of materials."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.packages import ROOT, closure, declared, environment, read_lock
from tests.support.sbom import Unaudited, bill, main

LOCK = (ROOT / "requirements.lock").read_text()
MOST = 40
PURL = re.compile(r"pkg:(pypi|npm)/[a-z0-9%/-]+@[^\s@]+")


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_few_packages_come_with_it(python: str) -> None:
    found = sorted(closure(declared(), environment(python)))
    assert len(found) <= MOST, f"{len(found)}: {', '.join(found)}"
    assert {"asyncua", "pymodbus", "numpy", "cryptography"} < set(found)


def test_every_line_of_the_lock_is_a_pin_with_hashes() -> None:
    pins = read_lock(LOCK)
    assert len(pins) > MOST
    assert all(p.hashes for p in pins)
    assert "://" not in LOCK


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy==2.4.6\n", "without a hash: numpy"),
        ("numpy>=2 \\\n    --hash=sha256:" + "a" * 64, "neither a pin"),
        ("numpy @ file:x\n", "neither a pin"),
        ("numpy==2.4.6 \\\n    --hash=md5:aa\n", "neither a pin"),
    ],
)
def test_a_lock_that_leaves_something_open_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_lock(text)


def test_everything_that_runs_is_in_the_lock_for_every_python() -> None:
    for python in ("3.11", "3.12", "3.13"):
        values = environment(python)
        pinned = {p.name for p in read_lock(LOCK) if p.applies(values)}
        assert closure(declared(), values).keys() <= pinned


def test_the_bill_is_whole_and_has_the_shape_of_cyclonedx() -> None:
    values = environment()
    made = bill(LOCK, values)
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", made["serialNumber"])
    names = [c["name"] for c in made["components"]]
    vendored = tomllib.loads((ROOT / "hmi/static/vendor/VENDOR.toml").read_text())["package"]
    assert names == [*sorted(closure(declared(), values)), *(p["name"] for p in vendored)]
    refs = [c["bom-ref"] for c in made["components"]] + [made["metadata"]["component"]["bom-ref"]]
    assert len(set(refs)) == len(refs)
    for c in made["components"]:
        assert c["type"] == "library"
        assert PURL.fullmatch(c["purl"])
        (licence,) = c["licenses"]
        assert licence.get("expression") or licence["license"].keys() & {"id", "name"}
        hashes = c["externalReferences"][0]["hashes"]
        assert hashes
        assert all(re.fullmatch("[0-9a-f]{64}", h["content"]) for h in hashes)
        assert all(h["alg"] == "SHA-256" for h in hashes)
    rows = {row["ref"]: row["dependsOn"] for row in made["dependencies"]}
    assert set(rows) == set(refs)
    assert {ref for needs in rows.values() for ref in needs} <= set(refs)
    assert bill(LOCK, values) == made


def test_what_nobody_looked_at_makes_the_bill_fail() -> None:
    values = environment()
    without = "\n".join(re.sub(r"^asyncua==\S+", "other==1", row) for row in LOCK.splitlines())
    with pytest.raises(Unaudited, match="not in the lock: asyncua"):
        bill(without, values)
    other = re.sub(r"^asyncua==\S+", "asyncua==2.0.0", LOCK, flags=re.MULTILINE)
    with pytest.raises(Unaudited, match=r"the lock has 2\.0\.0"):
        bill(other, values)
    with pytest.raises(LookupError, match="is not installed"):
        bill(LOCK, values, ["no-such-package-here"])


def test_the_command_writes_the_bill_or_says_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "sbom.json"
    assert main(["--output", str(output)]) == 0
    assert json.loads(output.read_text())["components"]
    assert "all of them looked at" in capsys.readouterr().out
    monkeypatch.setattr("tests.support.sbom.ROOT", tmp_path)
    (tmp_path / "requirements.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    assert main(["--output", str(tmp_path / "none.json")]) == 1
    assert "not in the lock" in capsys.readouterr().err
    assert not (tmp_path / "none.json").exists()
