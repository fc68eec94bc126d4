"""The generated reference pages are what the code would make today."""

from pathlib import Path

import pytest

from plc_sim.faults import FAULTS
from plc_sim.models.parameters import SECTIONS
from tests.support import generated


def test_reference_pages_are_current() -> None:
    assert generated.stale() == []


def test_written_pages_are_not_stale(tmp_path: Path) -> None:
    generated.write(tmp_path)
    assert generated.stale(tmp_path) == []


@pytest.mark.parametrize("page", generated.PAGES)
def test_an_edited_or_missing_page_is_stale(page: str, tmp_path: Path) -> None:
    generated.write(tmp_path)
    (tmp_path / page).write_text("edited")
    assert generated.stale(tmp_path) == [page]
    (tmp_path / page).unlink()
    assert generated.stale(tmp_path) == [page]


def test_check_names_stale_pages_and_ends_with_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generated, "stale", lambda: ["tags.md"])
    assert generated.main(["--check"]) == 1
    assert "docs/reference/tags.md" in capsys.readouterr().err


def test_pages_hold_every_fault_and_parameter_once() -> None:
    rows = [r for r in generated.faults().splitlines() if r.startswith(("| F", "| - |"))]
    assert len(rows) == len(FAULTS)
    shown = generated.parameters()
    tables = [rows for section in SECTIONS.values() for rows in section.values()]
    names = [p.name for rows in tables for p in rows]
    assert [n for n in names if shown.count(f"| `{n}` |") != names.count(n)] == []


def test_pages_do_not_depend_on_the_machine() -> None:
    for make in generated.PAGES.values():
        assert str(generated.ROOT) not in make()
