"""Rehearses standard recipes on seeds and drawn plants, in a process of its own.

`python -m tests.support.rehearsed` prints, as JSON, which plant it was (python or compiled), and of
every rehearsal the hash of all that was recorded and the verdict.
"""

import json
import sys
from dataclasses import replace

from plc_sim import compiled
from plc_sim.models import chamber
from plc_sim.rehearsal.case import Case, Neighbours
from plc_sim.rehearsal.rehearse import rehearse
from plc_sim.rehearsal.spread_file import STANDARD, read_spread
from plc_sim.rehearsal.upsets import read_upsets
from tests.bench.bench_rehearsal import standard_case

MINUTES = 10.0
UPSETS = {
    "enclosure": "glove_tear@2+3",
    "coater": "web_break@4+2",
    "calender": "side_stuck@3+1",
}


def cases() -> dict[str, Case]:
    """The line as a whole, and each station by itself on a plant of its own with an upset."""
    found = {"line": standard_case("coater", MINUTES, whole=True)}
    for seed, (kind, text) in enumerate(UPSETS.items(), start=2):
        drawn = read_spread(STANDARD).of([kind]).draw(seed)
        upsets = tuple(read_upsets(text, kind, MINUTES))
        case = standard_case(kind, MINUTES, whole=False)
        found[kind] = replace(
            case, seed=seed, drawn=drawn, upsets=upsets, neighbours=Neighbours.STANDING
        )
    return found


def main() -> None:
    """Print them."""
    is_source = str(chamber.__file__).endswith(".py")
    assert compiled.in_use() != is_source
    told = {"plant": "python" if is_source else "compiled"}
    for name, case in cases().items():
        result = rehearse(case)
        told[name] = f"{result.digest} {result.verdict}"
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
