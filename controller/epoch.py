"""The epoch of accelerated plant time, kept in the run folder.

Plant time that runs faster than the wall is ahead of it. Without a memory a line that is started
again would go back to the wall's time and write its samples among those of the run before.
"""

import json
import os
from pathlib import Path

from controller.durable import make_folder

EPOCH = "epoch.json"


def shared_epoch(run: Path, speed: float, utc_s: float) -> float:
    """UTC seconds at which plant time and wall time were equal, the same for all who ask.

    At another speed than before, plant time goes on from where it would be now. At speed 1 it is
    UTC itself, whatever was before. utc_s: wall time now. A file that makes no sense is replaced.
    """
    if speed == 1.0:
        return utc_s
    path = run / EPOCH
    epoch_s = utc_s
    known = _read(path)
    if known is not None:
        old_epoch_s, old_speed = known
        if old_speed == speed:
            return old_epoch_s
        plant_s = old_epoch_s + (utc_s - old_epoch_s) * old_speed
        epoch_s = (plant_s - utc_s * speed) / (1.0 - speed)
    make_folder(run)
    new = path.with_name(f"{EPOCH}.{os.getpid()}")
    new.write_text(json.dumps({"epoch_utc_s": epoch_s, "speed": speed}))
    if known is not None:
        new.replace(path)
        return epoch_s
    try:  # of two processes that begin at once the first one counts
        path.hardlink_to(new)
    except FileExistsError:
        found = _read(path)
        if found is None:
            path.write_text(new.read_text())
        return found[0] if found is not None and found[1] == speed else epoch_s
    finally:
        new.unlink()
    return epoch_s


def _read(path: Path) -> tuple[float, float] | None:
    try:
        body = json.loads(path.read_text())
        epoch_s, speed = float(body["epoch_utc_s"]), float(body["speed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (epoch_s, speed) if speed > 0 else None
