"""What the documents say about reading history is so."""

import os
from pathlib import Path

import pytest

from controller.config import load_line
from controller.core.event import Event, EventKind
from controller.core.sample import Quality
from controller.history import Store
from controller.history.store import event_row
from controller.line import tag_table
from controller.queries.door import ASKS
from tests.support import documents
from tests.support.documents import ROOT
from tests.support.history import MINUTE_NS, T0_NS, batch

HOW_TO = ROOT / "docs" / "how-to" / "read-history.md"
REFERENCE = ROOT / "docs" / "reference" / "history-queries.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as the example expects it: the shipped line, and three hours of history."""
    (tmp_path / "run").mkdir()
    (tmp_path / "controller").symlink_to(ROOT / "controller")
    line = load_line(ROOT / "controller" / "lines" / "pilot")
    table = tag_table(line)
    store = Store.open(tmp_path / "run" / line.history.path)
    tags = [table.tags[table.index(name)] for name in ("ENC.DP.ZONE", "DHU.FAN.SP")]
    ids = store.catalogue(tags).tolist()
    rows = [
        (number, -60.0, int(Quality.BAD_LINK) if 60 <= m < 90 else 0, T0_NS + m * MINUTE_NS)
        for m in range(180)
        for number in ids
    ]
    event = Event(time_ns=T0_NS, kind=EventKind.STATE, station="coater", subject="x", text="HELD")
    store.commit(batch(rows), [event_row(event)])
    store.close()
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("project")
def test_the_example_runs_and_tells_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert Path.cwd() != ROOT, os.fspath(Path.cwd())
    (example,) = [f for f in documents.fences(HOW_TO) if f.language == "python"]
    names: dict[str, object] = {}
    exec(compile(example.text, str(HOW_TO), "exec"), names)  # noqa: S102 - it is our own
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 24 + 1
    assert lines[0] == "2026-01-01T00:00:00+01:00 gap"
    assert lines[1] == "2026-01-01T01:00:00+01:00 -60.0 degC, 100% of the hour known"
    assert lines[2] == "2026-01-01T02:00:00+01:00 -60.0 degC, 50% of the hour known"
    assert lines[-1] == "degC 180 30 are Bad"
    assert [event.text for event in names["newest"]] == ["HELD"]  # type: ignore[attr-defined]
    names["service"].close()  # type: ignore[attr-defined]


def test_the_reference_names_every_path_and_parameter() -> None:
    said = set(documents.code_words(REFERENCE))
    assert set(ASKS) <= said
    assert {field for model in ASKS.values() for field in model.model_fields} <= said
