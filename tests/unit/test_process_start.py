"""What the controller does before its first scan, so that no scan has to wait for it."""

import gc
import subprocess
import sys

from controller.process import keep_for_good
from tests.support.virtual_line import SHIPPED


def test_garbage_collection_does_not_go_through_what_a_line_is_made_of() -> None:
    try:
        keep_for_good()
        assert gc.get_freeze_count() > 10_000
        assert len(gc.get_objects()) < 10_000
    finally:
        gc.unfreeze()


def test_drivers_are_imported_before_they_are_needed() -> None:
    said = subprocess.run(
        [sys.executable, "-c", (
            "import sys; from pathlib import Path; from controller.config import load_line;"
            "from controller.line import load_drivers;"
            f"load_drivers(load_line(Path({str(SHIPPED)!r})));"
            "print(*sorted(m for m in sys.modules if m.startswith('controller.drivers.')))"
        )],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {"controller.drivers.opcua", "controller.drivers.modbus"} <= set(said)
